//! What a configuration says, as plain data that has been checked.

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

/// What a configuration describes: sets, and pairs of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The sets, in the order of the file. Each is a routing domain of its own.
    pub sets: Vec<SetConfig>,
    /// The dual-stack pairs, in the order of the file.
    pub pairs: Vec<PairConfig>,
}

/// One set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetConfig {
    /// Its name.
    pub name: String,
    /// The line of the file that begins it.
    pub line: usize,
    /// Which member an address comes from.
    pub strategy: Strategy,
    /// The key that makes clients of names.
    pub client_key: Option<KeyBytes>,
    /// The members, in this order.
    pub members: Vec<MemberConfig>,
    /// Named ranges, in the order of the file.
    pub ranges: Vec<RangeConfig>,
}

/// The bytes of a key, which are never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyBytes(pub [u8; 16]);

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes")
    }
}

/// One member: a pool with its place in the set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemberConfig {
    /// The line of the file that begins it.
    pub line: usize,
    /// What the pool is.
    pub pool: PoolConfig,
    /// What follows from that: its ranges, reservations, capacity.
    pub info: NetworkInfo,
    /// The pool file; `None` for a pool in memory.
    pub file: Option<FileConfig>,
    /// The weight for the strategy `weighted`.
    pub weight: u32,
    /// The part that is used last by whoever takes any address.
    pub band: Option<StaticBand>,
    /// Nothing new is handed out.
    pub drained: bool,
    /// Where nothing new is handed out.
    pub cordons: Vec<AddrSpan>,
}

/// What a pool is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolConfig {
    /// The network; `None` for a pool of ranges alone.
    pub network: Option<IpNet>,
    /// The ranges that the pool is confined to; none for all of the network.
    pub ranges: Vec<AddrSpan>,
    /// The prefix length of one slot.
    pub unit: Option<u8>,
    /// The gateway.
    pub gateway: Gateway,
    /// Whether the network's own addresses are reserved.
    pub edges: bool,
    /// Addresses that are never handed out, and why.
    pub reserve: Vec<(AddrSpan, String)>,
    /// The most slots.
    pub at_most: Option<u64>,
    /// Which free address is handed out, and whether its seed was written.
    pub policy: PolicyChoice,
    /// What is counted.
    pub stats: StatsLevel,
}

/// Where a pool is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileConfig {
    /// The pool file, relative to the folder of the configuration if it was written so.
    pub path: PathBuf,
    /// What the file promises.
    pub durability: Durability,
    /// Room to grow into, in slots; `None` for as many as there are.
    pub capacity: Option<u64>,
    /// The least session that the file must have: below it, an older one was put back.
    pub min_session: u64,
}

/// A named range of a set: a tenant, a class of clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RangeConfig {
    /// Its name.
    pub name: String,
    /// The line of the file that begins it.
    pub line: usize,
    /// The addresses.
    pub span: AddrSpan,
    /// Which free address of the range is handed out.
    pub policy: Policy,
    /// Whoever asks the set, and not the range, gets nothing from it.
    pub exclusive: bool,
}

/// An IPv4 and an IPv6 set whose addresses are handed out together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairConfig {
    /// Its name.
    pub name: String,
    /// The line of the file that begins it.
    pub line: usize,
    /// The name of the IPv4 set.
    pub v4: String,
    /// The name of the IPv6 set.
    pub v6: String,
    /// Both addresses have the same index in their network.
    pub same_index: bool,
}

impl Config {
    /// The set of this name.
    pub fn set(&self, name: &str) -> Option<&SetConfig> {
        self.sets.iter().find(|set| set.name == name)
    }

    /// The pair of this name.
    pub fn pair(&self, name: &str) -> Option<&PairConfig> {
        self.pairs.iter().find(|pair| pair.name == name)
    }
}

impl PoolConfig {
    /// The pool that this describes, not yet built. `None` if it is not of this family.
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
    /// Whether an address lies in one of its ranges.
    pub(crate) fn contains(&self, addr: IpAddr) -> bool {
        let mut ranges = self.info.ranges.iter();
        ranges.any(|range| (range.first..=range.last).contains(&addr))
    }
}

/// The network, or the first and the last address of its ranges.
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

/// A range as a configuration writes it.
pub(crate) fn written(span: &AddrSpan) -> String {
    match span.start() == span.end() {
        true => span.start().to_string(),
        false => format!("{}-{}", span.start(), span.end()),
    }
}
