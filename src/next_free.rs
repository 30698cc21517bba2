//! The stateless form: a network and a list in, the next free address out.

use crate::error::BuildError;
use crate::geometry::{Geometry, Place, Plan};
use crate::network::Network;
use crate::slot::{MAX_SLOTS, bit_of, word_of};
use crate::users::{Entry, UserRecord, read};
use std::error::Error;
use std::fmt;

/// A network keeps at most three addresses for itself: its two ends and the gateway.
const MOST_RESERVED: u64 = 3;

/// Why there is no next free address.
///
/// ```
/// use hostbits::{NextFreeError, next_free};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/30".parse()?;
/// let error = next_free(net, ["10.0.0.2"]).unwrap_err();
/// assert!(matches!(error, NextFreeError::Exhausted { capacity: 1, .. }));
/// assert_eq!(error.code(), "exhausted");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextFreeError {
    /// The network cannot be used.
    #[non_exhaustive]
    Network {
        /// What is wrong with it.
        error: BuildError,
    },
    /// Every address is held by a listed user.
    #[non_exhaustive]
    Exhausted {
        /// How many addresses there are in all.
        capacity: u64,
    },
}

impl NextFreeError {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Network { error } => error.code(),
            Self::Exhausted { .. } => "exhausted",
        }
    }
}

impl fmt::Display for NextFreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { error } => error.fmt(f),
            Self::Exhausted { capacity } => {
                write!(
                    f,
                    "exhausted: all {capacity} addresses are held by listed users"
                )
            }
        }
    }
}

impl Error for NextFreeError {}

/// As the error of the same code.
#[cfg(feature = "serde")]
impl serde::Serialize for NextFreeError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Network { error } => error.serialize(serializer),
            Self::Exhausted { capacity } => crate::AllocateError::Exhausted {
                capacity: *capacity,
                quarantined: 0,
            }
            .serialize(serializer),
        }
    }
}

/// Finds the lowest address of `network` that no listed user holds, as a network: `10.0.0.5/32`.
///
/// Nothing is kept: for callers who keep their own list and change it under their own lock. Two
/// callers with the same list get the same address; to let them race, use a [`Pool`](crate::Pool).
/// The network's own addresses and the first usable one, the gateway, are left out. Networks of any
/// size; time and memory grow with the list alone. What is not an address of the network holds
/// nothing: to see what a list has of those, [`adopt`](crate::Pool::adopt) it.
///
/// # Errors
///
/// [`NextFreeError::Network`] if the network is written with host bits set;
/// [`NextFreeError::Exhausted`] if all of it is held.
///
/// ```
/// use hostbits::next_free;
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// assert_eq!(next_free(net, ["10.0.0.2", "10.0.0.3/32"])?.to_string(), "10.0.0.4/32");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn next_free<N: Network>(
    network: N,
    users: impl IntoIterator<Item = impl UserRecord>,
) -> Result<N, NextFreeError> {
    let held = held_addrs(network, users);
    // The lowest free address is among the first as many as are held or reserved, and one more.
    let enough = (held.len() as u64 + MOST_RESERVED + 1).min(MAX_SLOTS);
    let mut plan = Plan::new(Some(network));
    plan.at_most = Some(enough);
    let geometry = plan
        .lay_out()
        .map_err(|error| NextFreeError::Network { error })?;
    let mut taken = vec![0u64; word_of((geometry.slot_count() - 1) as u32) + 1];
    for addr in held {
        if let Place::Usable(slot) = geometry.place_of(addr) {
            taken[word_of(slot)] |= bit_of(slot);
        }
    }
    lowest_free(&geometry, &taken).ok_or(NextFreeError::Exhausted {
        capacity: geometry.capacity(),
    })
}

fn held_addrs<N: Network>(
    network: N,
    users: impl IntoIterator<Item = impl UserRecord>,
) -> Vec<N::Addr> {
    let addr_of = |user: &_| match read(UserRecord::listed(user)) {
        Entry::Addr(addr) => Some(addr),
        Entry::Net(net) => Some(net.addr()),
        Entry::Unassigned | Entry::Unparseable => None,
    };
    let like = network.written_addr();
    users
        .into_iter()
        .filter_map(|user| N::addr_in_family_of(like, addr_of(&user)?))
        .collect()
}

fn lowest_free<N: Network>(geometry: &Geometry<N>, taken: &[u64]) -> Option<N> {
    geometry
        .runs()
        .iter()
        .flat_map(|run| run.first..=run.last)
        .find(|&slot| taken[word_of(slot)] & bit_of(slot) == 0)
        .map(|slot| geometry.net_of(slot))
}
