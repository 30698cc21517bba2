//! The description of a pool: the facts that do not change.

use crate::geometry::{Geometry, Reserved, Segment};
use crate::network::Network;
use crate::policy::Policy;
use crate::pool::{Pool, Search};
use crate::stats::StatsLevel;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// A range of addresses, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AddrRange {
    /// The first address of the range.
    pub first: IpAddr,
    /// The last address of the range.
    pub last: IpAddr,
}

/// A range of addresses that are never handed out, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reservation {
    /// The first address of the range.
    pub first: IpAddr,
    /// The last address of the range.
    pub last: IpAddr,
    /// The reason: `network`, `broadcast`, `gateway`, `subnet-router anycast`, or the caller's label.
    pub label: String,
}

/// The description of a pool: the facts that do not change.
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let info = pool.info();
/// assert_eq!(info.netmask, Some("255.255.255.0".parse()?));
/// assert_eq!(info.first_usable, Some("10.0.0.2".parse()?));
/// assert_eq!((info.slots, info.capacity, info.reserved), (256, 253, 3));
/// assert_eq!(
///     info.to_string(),
///     "10.0.0.0/24, 10.0.0.2 to 10.0.0.254, gateway 10.0.0.1, capacity 253, lowest"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NetworkInfo {
    /// The network; `None` for a pool that consists of ranges alone.
    pub network: Option<IpNet>,
    /// The prefix length of the network in bits.
    pub prefix_len: Option<u8>,
    /// The netmask of the network.
    pub netmask: Option<IpAddr>,
    /// The ranges that the pool consists of.
    pub ranges: Vec<AddrRange>,
    /// The lowest address that can be handed out; `None` if everything is reserved.
    pub first_usable: Option<IpAddr>,
    /// The highest address that can be handed out; `None` if everything is reserved.
    pub last_usable: Option<IpAddr>,
    /// The gateway; `None` if there is none.
    pub gateway: Option<IpAddr>,
    /// The prefix length of one slot, in bits.
    pub unit: u8,
    /// The limit of slot numbers: all are below it. In a pool of several ranges, some numbers have no address.
    pub slots: u64,
    /// How many addresses can be handed out in total.
    pub capacity: u64,
    /// How many addresses of the pool are reserved, and never handed out.
    pub reserved: u64,
    /// The reserved addresses, with the reasons.
    pub reservations: Vec<Reservation>,
    /// The policy, which chooses the free address that is handed out.
    pub policy: Policy,
    /// How free addresses are found.
    pub search: Search,
    /// What is counted.
    pub stats: StatsLevel,
    /// The memory that the pool uses on the heap, in bytes.
    pub memory_bytes: usize,
}

impl NetworkInfo {
    /// Returns an address of the pool in the form that configures an interface: `10.0.0.5/24`.
    ///
    /// In a pool without a network, it has the prefix length of one slot.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// assert_eq!(pool.info().interface(addr.into()).to_string(), "10.0.0.2/24");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interface(&self, addr: IpAddr) -> IpNet {
        let prefix_len = self.prefix_len.unwrap_or(self.unit);
        // An address of the other family is not in the pool; it gets its full length.
        IpNet::new(addr, prefix_len).unwrap_or_else(|_| addr.into())
    }
}

impl fmt::Display for NetworkInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            Some(network) => write!(f, "{network}")?,
            None => write!(f, "{} ranges", self.ranges.len())?,
        }
        if let (Some(first), Some(last)) = (self.first_usable, self.last_usable) {
            write!(f, ", {first} to {last}")?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, ", gateway {gateway}")?;
        }
        write!(f, ", capacity {}, {}", self.capacity, self.policy)
    }
}

impl<N: Network> Pool<N> {
    /// Returns the description of the pool: the facts that do not change.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.info().gateway, Some("10.0.0.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info(&self) -> NetworkInfo {
        NetworkInfo {
            policy: self.hints.policy(),
            search: self.search,
            stats: self.counters.level(),
            memory_bytes: self.memory_bytes(),
            ..NetworkInfo::of(&self.geometry)
        }
    }

    fn memory_bytes(&self) -> usize {
        self.words.memory_bytes()
            + self.geometry.memory_bytes()
            + self.hints.memory_bytes()
            + self.counters.memory_bytes()
    }
}

impl NetworkInfo {
    /// Returns what the layout determines; the other fields have default values.
    pub(in crate::pool) fn of<N: Network>(geometry: &Geometry<N>) -> Self {
        let addr_of = |slot| -> IpAddr { geometry.addr_of(slot).into() };
        let network: Option<IpNet> = geometry.network().map(Into::into);
        let runs = geometry.runs();
        Self {
            network,
            prefix_len: network.map(|network| network.prefix_len()),
            netmask: network.map(|network| network.netmask()),
            ranges: ranges(geometry),
            first_usable: runs.first().map(|run| addr_of(run.first)),
            last_usable: runs
                .last()
                .map(|run| geometry.last_addr_of(run.last).into()),
            gateway: geometry.gateway().map(Into::into),
            unit: geometry.unit(),
            slots: geometry.slot_count(),
            capacity: geometry.capacity(),
            reserved: geometry.reserved_count(),
            reservations: reservations(geometry),
            policy: Policy::default(),
            search: Search::default(),
            stats: StatsLevel::default(),
            memory_bytes: 0,
        }
    }
}

fn ranges<N: Network>(geometry: &Geometry<N>) -> Vec<AddrRange> {
    let range = |segment: &Segment<N::Addr>| AddrRange {
        first: segment.base.into(),
        last: geometry.last_addr_of(segment.last).into(),
    };
    geometry.segments().iter().map(range).collect()
}

fn reservations<N: Network>(geometry: &Geometry<N>) -> Vec<Reservation> {
    let reservation = |reserved: &Reserved| Reservation {
        first: geometry.addr_of(reserved.first).into(),
        last: geometry.last_addr_of(reserved.last).into(),
        label: reserved.label.to_string(),
    };
    geometry.reservations().iter().map(reservation).collect()
}
