//! Stateless allocation: returns the next free address for a network and a list of users.

use crate::error::BuildError;
use crate::geometry::{Geometry, Plan, low_bits};
use crate::network::Network;
use crate::users::{Entry, Quoted, Record, quoted, read};
use std::error::Error;
use std::fmt;

/// Enough of a network to find out what it reserves at its beginning: the network address and the gateway.
const FIRST_SLOTS: u64 = 4;

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
        /// Why the network cannot be used.
        error: BuildError,
    },
    /// An entry of the list cannot be read, and may stand for any address.
    #[non_exhaustive]
    Unreadable {
        /// The position of the entry, counted from 1.
        position: u64,
        /// Up to 64 characters of the entry.
        text: String,
    },
    /// Every address is held by a listed user.
    #[non_exhaustive]
    Exhausted {
        /// How many addresses the network has to hand out.
        capacity: u64,
    },
}

impl NextFreeError {
    /// Reports whether every address is held by a listed user.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Self::Exhausted { .. })
    }

    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Network { error } => error.code(),
            Self::Unreadable { .. } => "unreadable",
            Self::Exhausted { .. } => "exhausted",
        }
    }
}

impl fmt::Display for NextFreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { error } => error.fmt(f),
            Self::Unreadable { position, text } => {
                write!(f, "entry {position} of the list cannot be read: {text:?}")
            }
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

/// Serializes like the pool error with the same code.
#[cfg(feature = "serde")]
impl serde::Serialize for NextFreeError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Network { error } => error.serialize(serializer),
            Self::Unreadable { position, text } => {
                use serde::ser::SerializeStruct;
                let mut fields = serializer.serialize_struct("NextFreeError", 3)?;
                fields.serialize_field("code", self.code())?;
                fields.serialize_field("position", position)?;
                fields.serialize_field("text", text)?;
                fields.end()
            }
            Self::Exhausted { capacity } => crate::AllocateError::Exhausted {
                capacity: *capacity,
                quarantined: 0,
                closed: 0,
            }
            .serialize(serializer),
        }
    }
}

/// Returns the lowest address of `network` that no listed user holds, as a network such as `10.0.0.5/32`.
///
/// No state is kept: use this if you keep your own list and change it under your own lock. Two calls with the same list
/// return the same address; for concurrent allocation, use a [`Pool`](crate::Pool). The network's own addresses are
/// left out, and so is the first usable one, which is taken to be the gateway. Networks of any size are supported; time
/// and memory depend only on the length of the list. Entries have the same meaning as in [`adopt`](crate::Pool::adopt),
/// which also reports entries that are not in the network; here they are ignored.
///
/// # Errors
///
/// [`NextFreeError::Network`] if the network has host bits set, [`NextFreeError::Unreadable`] if an entry cannot be
/// read, [`NextFreeError::Exhausted`] if no address is left.
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
    users: impl IntoIterator<Item = impl Record>,
) -> Result<N, NextFreeError> {
    let mut plan = Plan::new(Some(network));
    plan.at_most = Some(FIRST_SLOTS);
    let beginning = plan
        .lay_out()
        .map_err(|error| NextFreeError::Network { error })?;
    let whole = Whole::of(network);
    let mut held = held_spans(whole, network, users)?;
    let own = reserved_spans(&beginning, whole);
    let reserved: u128 = own.iter().map(|span| span.1 - span.0 + 1).sum();
    held.extend(own);
    held.sort_unstable();
    let mut free = Some(whole.first);
    for (first, last) in held {
        match free {
            Some(lowest) if lowest < first => break,
            Some(lowest) => free = lowest.max(last).checked_add(u128::from(last >= lowest)),
            None => break,
        }
    }
    match free.filter(|&bits| bits <= whole.last) {
        Some(bits) => {
            let addr = N::addr_like(network.written_addr(), bits);
            Ok(N::around(addr, N::addr_width(addr)))
        }
        None => {
            let capacity = (whole.last - whole.first).saturating_add(1) - reserved;
            Err(NextFreeError::Exhausted {
                capacity: u64::try_from(capacity).unwrap_or(u64::MAX),
            })
        }
    }
}

/// The first and the last address, as numbers.
type Span = (u128, u128);

/// All addresses of a network.
#[derive(Clone, Copy)]
struct Whole {
    first: u128,
    last: u128,
    width: u8,
}

impl Whole {
    fn of<N: Network>(network: N) -> Self {
        let addr = network.written_addr();
        let (first, width) = (N::addr_bits(addr), N::addr_width(addr));
        let hosts = low_bits(width - network.mask_len());
        Self {
            first,
            last: first | hosts,
            width,
        }
    }
}

/// Returns the addresses that the network reserves: those at its beginning, and the broadcast address.
fn reserved_spans<N: Network>(beginning: &Geometry<N>, whole: Whole) -> Vec<Span> {
    let bits = |slot| N::addr_bits(beginning.addr_of(slot));
    let mut spans: Vec<Span> = beginning
        .reservations()
        .iter()
        .map(|of| (bits(of.first), bits(of.last)))
        .collect();
    if whole.width == 32 && whole.last - whole.first >= u128::from(FIRST_SLOTS) {
        spans.push((whole.last, whole.last));
    }
    spans
}

/// Returns whether the addresses are in the network, but do not cover all of it.
fn is_of(whole: Whole, span: Option<Span>) -> bool {
    span.is_some_and(|(low, high)| {
        let touches = low <= whole.last && whole.first <= high;
        touches && !(low <= whole.first && whole.last <= high)
    })
}

/// Returns the listed addresses of the network's family. A block that covers the whole network is a route to it.
fn held_spans<N: Network>(
    whole: Whole,
    network: N,
    users: impl IntoIterator<Item = impl Record>,
) -> Result<Vec<Span>, NextFreeError> {
    let like = network.written_addr();
    let bits = |addr| N::addr_in_family_of(like, addr).map(N::addr_bits);
    let mut held = Vec::new();
    for (user, position) in users.into_iter().zip(1..) {
        let listed = user.listed();
        let (first, last) = match read(listed) {
            Entry::Addr(addr) => (addr, addr),
            Entry::Net(net) => (net.network(), net.broadcast()),
            Entry::Range(first, last) => (first, last),
            Entry::Unassigned => continue,
            Entry::Stray(first, last) if !is_of(whole, bits(first).zip(bits(last))) => continue,
            Entry::Unparseable | Entry::Stray(..) => {
                let text = quoted(&Quoted(listed).to_string());
                return Err(NextFreeError::Unreadable { position, text });
            }
        };
        let Some((low, high)) = bits(first).zip(bits(last)) else {
            continue;
        };
        let net = match read(listed) {
            Entry::Net(net) => Some(net),
            _ => None,
        };
        let is_route = net.is_some() && low <= whole.first && whole.last <= high;
        match net.filter(|net| is_route && net != &net.trunc()) {
            // A route has no host bits set. A prefix with host bits may be that of a host.
            Some(net) => held.extend(bits(net.addr()).map(|addr| (addr, addr))),
            None if is_route => {}
            None if low <= whole.last && whole.first <= high => held.push((low, high)),
            None => {}
        }
    }
    Ok(held)
}
