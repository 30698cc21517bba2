//! The pool of leases: a plain pool, whose bits are tokens, and the records that decide.

use super::builder::LeaseBuilder;
use super::clock::Clock;
use super::lease::Lease;
use super::owner::Owners;
use super::pass::{Passes, built_ms};
use super::record::Records;
use super::sweep::SweptAt;
use super::word::Word;
use crate::error::BuildError;
use crate::network::Network;
use crate::pool::{Builder, NetworkInfo, Pool};
use crate::slot::Slot;
use crate::stats::{Counters, Event, Stats, StatsLevel};
use crate::stripes::threads_for;
use ipnet::IpNet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How many bits of a lease's generation are those of the record.
pub(super) const RECORD_BITS: u32 = 32;
/// Epochs are below it, so that generations are below 2^53.
const EPOCHS: u64 = 1 << 21;
#[cfg(pool_files)]
const _: () = assert!(EPOCHS == crate::storage::file::records::EPOCHS);

/// A pool that hands out the addresses of one network as leases.
///
/// Share it by reference or in an [`Arc`](std::sync::Arc). All methods take `&self`, and are safe under any concurrency:
///
/// * No two holders ever share an address: a lease lasts until it is released, or has not been renewed for its term and
///   the cooldown after it.
/// * A release or a renewal by a former holder changes nothing, and says so.
/// * `Exhausted` means that at some instant of the call nothing was free, and that all whose time had come when the call
///   began had been made free before. An address comes back at the latest two seconds after its time, unless a thread
///   stalls for that long between reading the clock and writing the record.
/// * What a holder did happens before the address is handed out again.
/// * No thread has to run: what is due is freed when the pool would refuse, or by [`sweep`](Self::sweep).
/// * Errors of the clock can only prolong leases.
/// * [Lock-free](crate::Pool#lock-free) as a plain pool. The exceptions are `allocate_for`, where the calls for one owner
///   take turns, and a full pool, whose records one call in a second looks through: 1.4 ns each.
///
/// The record of an address decides, not the clock: a lease whose time has passed is still its holder's, and can be
/// renewed, until it has been freed.
///
/// Forks and signal handlers: as [plain pools on the heap](crate::Pool#forks); `allocate_for` takes a lock, and so do
/// passes.
///
/// ```
/// use hostbits::lease::{LeasePool, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let lease = pool.allocate(Duration::from_secs(30))?;
/// pool.renew(&lease, Term::For(Duration::from_secs(3600)))?;
/// pool.release(&lease)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LeasePool<N: Network = IpNet> {
    /// The tokens. It counts nothing.
    pub(super) pool: Pool<N>,
    pub(super) records: Records,
    pub(super) clock: Clock,
    /// Seconds between two holders.
    pub(super) cooldown: u32,
    /// The upper bits of all generations of this pool's leases, in their place.
    pub(super) epoch: u64,
    pub(super) swept_at: SweptAt,
    pub(super) owners: Owners,
    pub(super) passes: Passes,
    /// When the clock was at zero, in milliseconds since 1970. Only plans tell it.
    pub(super) built_ms: u64,
    pub(super) counters: Counters,
}

impl<N: Network> LeasePool<N> {
    /// Creates a pool on the heap with all usable addresses of `network`, lowest address first, and a cooldown of a
    /// minute.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the network has host bits set, or more than 2^32 addresses.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?;
    /// assert_eq!(pool.allocate(Term::Forever)?.addr().to_string(), "2001:db8::2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(network: N) -> Result<Self, BuildError> {
        Self::builder(network).build()
    }

    /// Returns a builder for a pool of `network`. For the choices that a plain pool has, begin with [`Pool::builder`],
    /// and end with [`leases`](Builder::leases).
    ///
    /// ```
    /// use hostbits::lease::LeasePool;
    /// use std::time::Duration;
    ///
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).cooldown(Duration::from_secs(30)).build()?;
    /// assert_eq!(pool.cooldown(), Duration::from_secs(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(network: N) -> LeaseBuilder<N> {
        Pool::builder(network).leases()
    }

    pub(super) fn on_heap(
        builder: &Builder<N>,
        cooldown: u32,
        clock: Clock,
    ) -> Result<Self, BuildError> {
        let level = builder.stats_level();
        let pool = builder.clone().stats(StatsLevel::Off).build()?;
        let slot_count = pool.geometry().slot_count();
        let free = pool.geometry().runs().iter();
        let records = Records::on_heap(slot_count, free.map(|run| (run.first, run.last)));
        let threads = threads_for(slot_count, Counters::bytes_each(level));
        Ok(Self {
            records,
            built_ms: built_ms(clock.now()),
            clock,
            cooldown,
            // Not 0: a generation is never 0, and a lease from before a restart is stale.
            epoch: (RandomState::new().hash_one(0) % (EPOCHS - 1) + 1) << RECORD_BITS,
            swept_at: SweptAt::default(),
            owners: Owners::new(slot_count),
            passes: Passes::default(),
            counters: Counters::new(level, threads),
            pool,
        })
    }

    /// Returns the lease of a slot whose record has this word.
    #[inline]
    pub(super) fn lease_at(&self, slot: Slot, word: Word) -> Lease<N::Addr> {
        let addr = self.pool.geometry().addr_of(slot);
        Lease::new(addr, self.generation_of(word))
    }

    #[inline]
    pub(super) fn generation_of(&self, word: Word) -> u64 {
        self.epoch | u64::from(word.generation())
    }

    /// Counts an event, if anything is counted.
    #[inline(always)]
    pub(super) fn count(&self, event: Event, count: u64) {
        if !self.counters.are_off() {
            self.counters.count(event, count);
        }
    }

    /// Counts allocated addresses, if anything is counted.
    #[inline(always)]
    pub(super) fn count_allocated(&self, event: Event, count: u64) {
        if !self.counters.are_off() {
            self.counters.allocated(event, count);
        }
    }

    /// Returns a number that no generation of this pool's leases is below.
    pub(super) fn first_generation(&self) -> u64 {
        self.epoch
    }

    /// Returns how many addresses the pool can hand out in total: its slots without the reserved ones.
    ///
    /// ```
    /// let pool = hostbits::lease::LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.capacity(), 253);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(&self) -> u64 {
        self.pool.capacity()
    }

    /// Returns how long an address rests between two holders, in whole seconds.
    pub fn cooldown(&self) -> Duration {
        Duration::from_secs(self.cooldown.into())
    }

    /// Returns the description of the pool: the facts that do not change.
    ///
    /// ```
    /// let pool = hostbits::lease::LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.info().gateway, Some("10.0.0.1".parse()?));
    /// assert!(pool.info().memory_bytes > 256 * 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info(&self) -> NetworkInfo {
        let mut info = self.pool.info();
        info.stats = self.counters.level();
        info.memory_bytes +=
            self.records.memory_bytes() + self.counters.memory_bytes() + self.owners.memory_bytes();
        info
    }

    /// Returns the counters since the pool was built, or since the last [`reset_stats`](Self::reset_stats).
    ///
    /// A lease that ends because it was not renewed is no release.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// pool.release(&lease)?;
    /// pool.release(&lease)?;
    /// let stats = pool.stats();
    /// assert_eq!((stats.allocations.any, stats.releases, stats.release_errors), (1, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.counters.since_reset()
    }

    /// Returns the counters since the pool was built. They never decrease: use them for metrics.
    pub fn stats_total(&self) -> Stats {
        self.counters.total()
    }

    /// Makes [`stats`](Self::stats) count from now on. Neither the totals nor any lease changes.
    pub fn reset_stats(&self) {
        self.counters.reset();
    }
}

/// Writes the description, without the leases.
impl<N: Network> fmt::Debug for LeasePool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeasePool({})", self.info())
    }
}
