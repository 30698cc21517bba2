//! The configuration of a pool, before it exists.

use super::{NetworkInfo, Pool};
use crate::error::BuildError;
use crate::geometry::{Gateway, Plan};
use crate::network::Network;
use crate::policy::Policy;
use crate::stats::StatsLevel;
use crate::storage::Words;
use crate::table::names;
use std::ops::RangeInclusive;

/// How free addresses are found. It exists for tests and comparisons; both ways return the same results.
///
/// ```
/// use hostbits::{Pool, Search};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).search(Search::Linear).build()?;
/// assert_eq!(pool.allocate()?.to_string(), "10.0.0.2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(hidden)]
pub enum Search {
    /// Searches a tree of summaries: a few loads at any fill level, and `Exhausted` in O(1).
    #[default]
    Tree,
    /// Searches word by word: the same results, in O(words).
    Linear,
}

names! {
    plain pub Search {
        Tree = "tree",
        Linear = "linear",
    }
}

/// Configures and builds a [`Pool`]. Start with [`Pool::builder`], [`Pool::over`] or [`Pool::interface`].
///
/// ```
/// use hostbits::{Pool, StatsLevel};
///
/// let pool = Pool::builder("10.0.0.0/16".parse::<ipnet::IpNet>()?)
///     .stats(StatsLevel::Off)
///     .build()?;
/// assert_eq!(pool.capacity(), 65_533);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder<N: Network> {
    pub(super) plan: Plan<N>,
    pub(super) policy: Policy,
    pub(super) search: Search,
    pub(super) stats: StatsLevel,
}

impl<N: Network> Builder<N> {
    pub(super) fn of_network(network: N) -> Self {
        Self::new(Plan::new(Some(network)))
    }

    pub(super) fn of_ranges(ranges: impl IntoIterator<Item = RangeInclusive<N::Addr>>) -> Self {
        let mut builder = Self::new(Plan::new(None));
        for range in ranges {
            builder = builder.range(range);
        }
        builder
    }

    pub(super) fn of_interface(interface: N) -> Self {
        let addr = interface.written_addr();
        Self::of_network(N::around(addr, interface.mask_len())).gateway_at(addr)
    }

    pub(crate) fn stats_level(&self) -> StatsLevel {
        self.stats
    }

    fn new(plan: Plan<N>) -> Self {
        Self {
            plan,
            policy: Policy::default(),
            search: Search::default(),
            stats: StatsLevel::default(),
        }
    }

    /// Chooses which free address is handed out. Default: [`Policy::Lowest`].
    ///
    /// In a file, the name of the policy is part of the pool's description, and is compared when the file is opened.
    /// The position of [`Policy::Next`], each thread's place with [`Policy::Spread`] and the seed of [`Policy::Random`]
    /// are not stored; each open starts anew.
    ///
    /// ```
    /// # use hostbits::{Policy, Pool};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).policy(Policy::Spread).build()?;
    /// assert!(pool.allocate().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Chooses the gateway, which is reserved. Default: [`Gateway::Auto`].
    ///
    /// ```
    /// # use hostbits::{Gateway, Pool};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).gateway(Gateway::None).build()?;
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gateway(mut self, gateway: Gateway) -> Self {
        self.plan.gateway = gateway;
        self
    }

    /// Chooses this address as the gateway: [`Gateway::At`], in the type of the network's addresses.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # use std::net::Ipv4Addr;
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).gateway_at(Ipv4Addr::new(10, 0, 0, 254)).build()?;
    /// assert_eq!(pool.gateway(), Some(Ipv4Addr::new(10, 0, 0, 254)));
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gateway_at(self, addr: N::Addr) -> Self {
        self.gateway(Gateway::At(addr.into()))
    }

    /// Chooses whether the network's own addresses (network and broadcast, or the subnet-router anycast) are reserved.
    /// Default: yes. A routed pool does not need them.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// assert_eq!(Pool::builder(net).reserve_edges(false).build()?.capacity(), 256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_edges(mut self, edges: bool) -> Self {
        self.plan.edges = edges;
        self
    }

    /// Reserves a range: its addresses can be neither allocated nor released. Can be called several times.
    ///
    /// Where reservations overlap, the network's own addresses and the gateway keep their labels; otherwise, the first
    /// call determines the label.
    ///
    /// ```
    /// # use hostbits::{Pool, Status};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net)
    ///     .reserve("10.0.0.2".parse()?..="10.0.0.20".parse()?, "printers")
    ///     .build()?;
    /// assert_eq!(pool.status("10.0.0.7".parse()?).label(), Some("printers"));
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.21");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve(mut self, range: RangeInclusive<N::Addr>, label: impl Into<String>) -> Self {
        let (first, last) = range.into_inner();
        self.plan.reserve.push((first, last, label.into()));
        self
    }

    /// Confines the pool to a range. If called several times, the pool consists of all given ranges.
    ///
    /// The ranges may be anywhere in the network, which keeps a pool within a huge network small. Each range may cost
    /// up to 64 bytes, in addition to 1 bit per slot.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let net: ipnet::Ipv6Net = "2001:db8::/64".parse()?;
    /// let pool = Pool::builder(net)
    ///     .range("2001:db8::1000".parse()?..="2001:db8::1fff".parse()?)
    ///     .build()?;
    /// assert_eq!(pool.capacity(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn range(mut self, range: RangeInclusive<N::Addr>) -> Self {
        self.plan.ranges.push(range.into_inner());
        self
    }

    /// Chooses whether overlapping ranges are merged. Default: no, they are an error, because they are usually a mistake.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let range = |first, last| [10, 0, 0, first].into()..=[10, 0, 0, last].into();
    /// let builder = Pool::<ipnet::Ipv4Net>::over([range(10, 20), range(15, 30)]);
    /// assert_eq!(builder.clone().build().unwrap_err().code(), "bad-range");
    /// assert_eq!(builder.merge_ranges(true).build()?.capacity(), 21);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge_ranges(mut self, merge: bool) -> Self {
        self.plan.merges = merge;
        self
    }

    /// Chooses whether reservations are clipped to the pool: parts outside the network, or in the other address family,
    /// are ignored, so that one list of reservations can serve many networks. Default: no, they are an error.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net)
    ///     .reserve("10.0.0.200".parse()?..="10.0.1.20".parse()?, "printers")
    ///     .reserve("192.0.2.0".parse()?..="192.0.2.255".parse()?, "tests")
    ///     .clip_reservations(true)
    ///     .build()?;
    /// assert_eq!(pool.last(), Some("10.0.0.199".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clip_reservations(mut self, clip: bool) -> Self {
        self.plan.clips = clip;
        self
    }

    /// Chooses whether a pool without any address may be built: with no ranges, or with at most 0 slots. Default: no,
    /// [`BuildError::Empty`]; a pool of nothing is most often a configuration that was not read.
    ///
    /// It is always exhausted. Its only slot is reserved: the first address of the network or of the ranges, or else the
    /// unspecified address, `0.0.0.0` or `::`.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let pool = Pool::<ipnet::Ipv4Net>::over([]).allow_empty(true).build()?;
    /// assert_eq!(pool.capacity(), 0);
    /// assert_eq!(pool.allocate().unwrap_err().code(), "exhausted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_empty(mut self, allow: bool) -> Self {
        self.plan.allows_nothing = allow;
        self
    }

    /// Chooses the prefix length of one slot, to hand out prefixes. Default: single addresses.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let net: ipnet::Ipv6Net = "2001:db8::/40".parse()?;
    /// let pool = Pool::builder(net).unit(56).build()?;
    /// assert_eq!(pool.allocate_net()?.to_string(), "2001:db8::/56");
    /// assert_eq!(pool.allocate_net()?.to_string(), "2001:db8:0:100::/56");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unit(mut self, prefix_len: u8) -> Self {
        self.plan.unit = Some(prefix_len);
        self
    }

    /// Limits the pool to its first `slots` slots, including reserved ones; addresses after them are out of range.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let net: ipnet::Ipv6Net = "2001:db8::/64".parse()?;
    /// assert_eq!(Pool::builder(net).at_most(65_536).build()?.capacity(), 65_534);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at_most(mut self, slots: u64) -> Self {
        self.plan.at_most = Some(slots);
        self
    }

    /// Chooses what is counted. Default: [`StatsLevel::Counts`].
    ///
    /// ```
    /// # use hostbits::{Pool, StatsLevel};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).stats(StatsLevel::Off).build()?;
    /// pool.allocate()?;
    /// assert_eq!((pool.stats().allocations.any, pool.allocated()), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(mut self, level: StatsLevel) -> Self {
        self.stats = level;
        self
    }

    /// Chooses how free addresses are found. Default: [`Search::Tree`].
    ///
    /// ```
    /// # use hostbits::{Pool, Search};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).search(Search::Linear).build()?;
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(hidden)]
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }

    /// Returns the description of the pool without building it: whether the choices fit together, and its ranges,
    /// reservations and capacity. No memory is allocated for slots, so `memory_bytes` is 0.
    ///
    /// # Errors
    ///
    /// The same errors as [`build`](Self::build).
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let net: ipnet::Ipv4Net = "10.0.0.0/8".parse()?;
    /// let info = Pool::builder(net).at_most(1024).info()?;
    /// assert_eq!((info.capacity, info.memory_bytes), (1022, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info(&self) -> Result<NetworkInfo, BuildError> {
        Ok(NetworkInfo {
            policy: self.policy,
            search: self.search,
            stats: self.stats,
            ..NetworkInfo::of(&self.plan.lay_out()?)
        })
    }

    /// Builds the pool: one bit per slot on the heap, all usable addresses free.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that names what does not fit together, with its value.
    ///
    /// ```
    /// # use hostbits::{BuildError, Pool};
    /// let net: ipnet::Ipv6Net = "2001:db8::/64".parse()?;
    /// assert!(matches!(Pool::builder(net).build(), Err(BuildError::TooLarge { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(&self) -> Result<Pool<N>, BuildError> {
        let geometry = self.plan.lay_out()?;
        let free = geometry.runs().iter().map(|run| (run.first, run.last));
        let linear = self.search == Search::Linear;
        let words = Words::on_heap(geometry.slot_count(), linear, free);
        let mut pool = Pool::assemble(geometry, words, self.policy, self.stats);
        pool.search = self.search;
        Ok(pool)
    }
}
