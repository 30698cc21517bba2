//! The contents of a configuration, as plain data that has been checked.

use crate::family::Family;
use crate::values::{AddrSpan, PolicyChoice};
use hostbits::{
    Builder, Durability, Gateway, NetworkInfo, Policy, Pool, StatsLevel,
    set::{StaticBand, Strategy},
};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A configuration: sets of pools, and pairs of sets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The sets, in the order of the file. Each is a routing domain of its own: two sets may use the same addresses.
    pub sets: Vec<SetConfig>,
    /// The dual-stack pairs, in the order of the file.
    pub pairs: Vec<PairConfig>,
}

/// The configuration of one set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetConfig {
    /// The name of the set.
    pub name: String,
    /// The line where the set begins, counted from 1.
    pub line: usize,
    /// Which member a new address is taken from.
    pub strategy: Strategy,
    /// The key that turns names into clients; `None` if there are no sticky clients.
    pub client_key: Option<KeyBytes>,
    /// The key that turns names into owners of leases; `None` if there are no owners.
    pub owner_key: Option<KeyBytes>,
    /// The members, in the order of the file.
    pub members: Vec<MemberConfig>,
    /// The named ranges, in the order of the file.
    pub ranges: Vec<RangeConfig>,
}

/// The bytes of a key. Its `Debug` output does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyBytes(pub [u8; 16]);

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes")
    }
}

/// The configuration of one member: a pool, and its role in the set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemberConfig {
    /// The line where the member begins, counted from 1.
    pub line: usize,
    /// The pool of the member.
    pub pool: PoolConfig,
    /// What the library derives from the pool's configuration: ranges, reservations, capacity.
    pub info: NetworkInfo,
    /// The pool file; `None` for a pool in memory.
    pub file: Option<FileConfig>,
    /// The weight of the member with the strategy `weighted`.
    pub weight: u32,
    /// The lowest addresses, which are handed out last to requests for any address.
    pub band: Option<StaticBand>,
    /// Whether no new addresses are handed out.
    pub drained: bool,
    /// The ranges from which no new addresses are handed out.
    pub cordons: Vec<AddrSpan>,
}

/// The configuration of a pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolConfig {
    /// The network; `None` for a pool that consists of ranges alone.
    pub network: Option<IpNet>,
    /// The ranges that the pool is confined to; empty for the whole network.
    pub ranges: Vec<AddrSpan>,
    /// The prefix length of one slot; `None` for single addresses.
    pub unit: Option<u8>,
    /// The choice of the gateway.
    pub gateway: Gateway,
    /// Whether the network and broadcast addresses, or the subnet-router anycast address, are reserved.
    pub edges: bool,
    /// Addresses that are never handed out, each range with the reason.
    pub reserve: Vec<(AddrSpan, String)>,
    /// The maximum number of slots; `None` for all.
    pub at_most: Option<u64>,
    /// Which free address is handed out, and whether a seed was given.
    pub policy: PolicyChoice,
    /// Which statistics are counted.
    pub stats: StatsLevel,
}

/// The configuration of a pool file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileConfig {
    /// The path of the pool file. [`Config::read`] resolves it against the folder of the configuration.
    pub path: PathBuf,
    /// What the file promises after a crash.
    pub durability: Durability,
    /// The number of slots to reserve space for; `None` for no extra room.
    pub capacity: Option<u64>,
    /// The minimum session number of the file. A file with a lower one is an old copy, and is refused.
    pub min_session: u64,
    /// The choices of a pool of leases; `None` for a plain pool.
    pub leases: Option<LeaseConfig>,
}

/// The configuration of a pool of leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseConfig {
    /// How long an address rests between two holders; `None` for a minute, or that of the file.
    pub cooldown: Option<Duration>,
}

/// A named range of a set, for a tenant or a class of clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RangeConfig {
    /// The name of the range.
    pub name: String,
    /// The line where the range begins, counted from 1.
    pub line: usize,
    /// The first and the last address of the range.
    pub span: AddrSpan,
    /// Which free address of the range is handed out.
    pub policy: Policy,
    /// Whether requests to the set as a whole get no address from this range.
    pub exclusive: bool,
}

/// An IPv4 set and an IPv6 set whose addresses are handed out together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairConfig {
    /// The name of the pair.
    pub name: String,
    /// The line where the pair begins, counted from 1.
    pub line: usize,
    /// The name of the IPv4 set.
    pub v4: String,
    /// The name of the IPv6 set.
    pub v6: String,
    /// Whether both addresses have the same index in their networks.
    pub same_index: bool,
}

impl Config {
    /// Returns the set of this name.
    pub fn set(&self, name: &str) -> Option<&SetConfig> {
        self.sets.iter().find(|set| set.name == name)
    }

    /// Returns the pair of this name.
    pub fn pair(&self, name: &str) -> Option<&PairConfig> {
        self.pairs.iter().find(|pair| pair.name == name)
    }
}

impl PoolConfig {
    /// Returns a builder of this pool; returns `None` if the pool is not of the family `F`.
    ///
    /// ```
    /// # let text = "[[sets.a.members]]\nnetwork = '10.0.0.0/24'";
    /// let config = hostbits_config::Config::parse(text)?;
    /// let pool = &config.sets[0].members[0].pool;
    /// let builder = pool.builder::<ipnet::Ipv4Net>().ok_or("IPv6")?;
    /// assert_eq!(builder.build()?.allocate()?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder<F: Family>(&self) -> Option<Builder<F>> {
        let mut builder = match self.network {
            Some(network) => Pool::<F>::builder(F::network(network)?),
            None => Pool::<F>::over([]),
        }
        .gateway(self.gateway)
        .policy(self.policy.policy)
        .reserve_edges(self.edges)
        .stats(self.stats);
        for range in &self.ranges {
            builder = builder.range(F::span(range)?);
        }
        for (range, label) in &self.reserve {
            builder = builder.reserve(F::span(range)?, label);
        }
        if let Some(prefix_len) = self.unit {
            builder = builder.unit(prefix_len);
        }
        if let Some(slots) = self.at_most {
            builder = builder.at_most(slots);
        }
        Some(builder)
    }
}

impl MemberConfig {
    /// Returns whether an address is in one of the member's ranges.
    pub(crate) fn contains(&self, addr: IpAddr) -> bool {
        let mut ranges = self.info.ranges.iter();
        ranges.any(|range| (range.first..=range.last).contains(&addr))
    }
}

/// Writes the network, or the first and the last address of the ranges.
impl fmt::Display for MemberConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (
            self.pool.network,
            self.info.ranges.first(),
            self.info.ranges.last(),
        ) {
            (Some(network), ..) => network.fmt(f),
            (None, Some(first), Some(last)) => write!(f, "{}-{}", first.first, last.last),
            _ => f.write_str("no address"),
        }
    }
}

/// Returns a range as a configuration writes it.
pub(crate) fn written(span: &AddrSpan) -> String {
    match span.start() == span.end() {
        true => span.start().to_string(),
        false => format!("{}-{}", span.start(), span.end()),
    }
}
