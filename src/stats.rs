//! Counters: how often things happened, and how many addresses are allocated.
//!
//! A thread has a cache line of its own, and adds there without a locked instruction. Threads that have none share some
//! more lines, and use locked instructions there; so do signal handlers that interrupt an addition. Counters order
//! nothing; when no thread is in an operation, their sums are exact.

mod count;

use crate::stripes::Stripes;
use crate::sync::hint::AtomicU64;
use crate::sync::{Ordering, lend_thread_index, thread_index};
use crate::table::names;
use count::Count;
use crossbeam_utils::CachePadded;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What a pool counts.
///
/// ```
/// use hostbits::{Pool, StatsLevel};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).stats(StatsLevel::Full).build()?;
/// pool.allocate()?;
/// assert!(pool.stats().last_allocation.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StatsLevel {
    /// Counts nothing. `allocated()` counts the bits, in O(words).
    Off,
    /// Counts totals by kind, with one add per operation on a cache line of its own. `allocated()` is O(1).
    #[default]
    Counts,
    /// Counts totals, and the time of the last allocation. Reading the clock costs as much as the claim.
    Full,
}

names! {
    plain pub StatsLevel {
        Off = "off",
        Counts = "counts",
        Full = "full",
    }
}

/// Allocated addresses, by the method that allocated them. A block counts all its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Allocations {
    /// Addresses allocated by `allocate`, `allocate_net`, `allocate_in` and guards.
    pub any: u64,
    /// Addresses allocated by `allocate_exact`.
    pub exact: u64,
    /// Addresses allocated by `allocate_preferring`, whether or not the preferred address was free.
    pub preferred: u64,
    /// Addresses allocated by `allocate_many` and `allocate_into`.
    pub batch: u64,
    /// Addresses allocated by `allocate_block`.
    pub block: u64,
    /// Addresses allocated by `adopt`.
    pub adopted: u64,
}

impl Allocations {
    /// Returns the sum of all counts.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// pool.allocate_exact("10.0.0.7".parse()?)?;
    /// assert_eq!(pool.stats().allocations.total(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn total(&self) -> u64 {
        self.any + self.exact + self.preferred + self.batch + self.block + self.adopted
    }
}

/// Refused allocations, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Failures {
    /// Nothing was free, not enough was free, or no such block was free.
    pub exhausted: u64,
    /// The requested address was already allocated.
    pub taken: u64,
    /// The requested address is reserved.
    pub reserved: u64,
    /// The requested address or range is not in the pool.
    pub out_of_range: u64,
}

/// Totals of what happened in a pool, as opposed to gauges.
///
/// They are exact when no other thread uses the pool; otherwise, each number is from its own moment. With
/// [`StatsLevel::Off`], all are zero.
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let addr = pool.allocate()?;
/// pool.release(addr)?;
/// let _ = pool.release(addr);
/// let stats = pool.stats();
/// assert_eq!((stats.allocations.any, stats.releases, stats.release_errors), (1, 1, 1));
///
/// pool.reset_stats();
/// assert_eq!(pool.stats().releases, 0);
/// assert_eq!(pool.stats_total().releases, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Addresses that were allocated, by method.
    pub allocations: Allocations,
    /// Addresses that were released.
    pub releases: u64,
    /// Releases that were refused: not allocated, reserved, or not in the pool.
    pub release_errors: u64,
    /// Allocations that were refused, by reason.
    pub failures: Failures,
    /// When an address was last allocated; only with [`StatsLevel::Full`]. It is never reset.
    pub last_allocation: Option<SystemTime>,
}

impl Stats {
    /// Adds the numbers of another pool.
    pub(crate) fn add(&mut self, other: &Self) {
        let (allocations, others) = (&mut self.allocations, &other.allocations);
        allocations.any += others.any;
        allocations.exact += others.exact;
        allocations.preferred += others.preferred;
        allocations.batch += others.batch;
        allocations.block += others.block;
        allocations.adopted += others.adopted;
        let (failures, others) = (&mut self.failures, &other.failures);
        failures.exhausted += others.exhausted;
        failures.taken += others.taken;
        failures.reserved += others.reserved;
        failures.out_of_range += others.out_of_range;
        self.releases += other.releases;
        self.release_errors += other.release_errors;
        self.last_allocation = self.last_allocation.max(other.last_allocation);
    }
}

/// Something that is counted, as an index into a stripe. What happens often comes first.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Released,
    /// Addresses that belong to locals: a gauge, which decreases by wrapping around.
    HeldByLocals,
    Exhausted,
    Any,
    Exact,
    Preferred,
    Batch,
    Block,
    // From here on, only shared stripes have them.
    Adopted,
    ReleaseError,
    Taken,
    Reserved,
    OutOfRange,
}

const EVENTS: usize = Event::OutOfRange as usize + 1;
/// The number of events that fit into a cache line.
const FREQUENT: usize = Event::Block as usize + 1;
/// The events that allocate addresses.
const ALLOCATIONS: std::ops::RangeInclusive<usize> = Event::Any as usize..=Event::Adopted as usize;

type Totals = [u64; EVENTS];

/// The counters of one thread: one cache line, and not the two of `CachePadded`, which would cost small pools too much.
#[repr(align(64))]
struct OwnStripe([Count; FREQUENT]);

/// The counters of several threads.
struct SharedStripe {
    counts: [Count; EVENTS],
    /// Nanoseconds since 1970; 0 means never.
    last_allocation: AtomicU64,
}

const _: () = assert!(size_of::<OwnStripe>() == OWN_STRIPE_BYTES);
const OWN_STRIPE_BYTES: usize = 64;

/// The counters of one pool.
pub(crate) struct Counters {
    level: StatsLevel,
    /// Each of one thread, by its index. None if times are noted: reading the clock costs more.
    own: Stripes<OwnStripe>,
    /// For all threads whose index is beyond those, for signal handlers, and for what happens rarely. None if nothing is
    /// counted.
    shared: Stripes<CachePadded<SharedStripe>>,
    /// The totals at the last reset.
    base_line: Mutex<Totals>,
}

impl Counters {
    /// Returns how many bytes each thread has to itself.
    pub(crate) fn bytes_each(level: StatsLevel) -> usize {
        match level {
            StatsLevel::Off => 0,
            StatsLevel::Counts | StatsLevel::Full => OWN_STRIPE_BYTES,
        }
    }

    /// Creates counters for so many threads at once, a power of two.
    pub(crate) fn new(level: StatsLevel, threads: usize) -> Self {
        match level {
            StatsLevel::Off => Self::with_stripes(level, 0, 0),
            // A few more than threads that run at once, because those that ended may keep some indices.
            StatsLevel::Counts => Self::with_stripes(level, threads.max(8), threads.min(16)),
            StatsLevel::Full => Self::with_stripes(level, 0, threads.min(32)),
        }
    }

    fn with_stripes(level: StatsLevel, own: usize, shared: usize) -> Self {
        Self {
            level,
            own: Stripes::new(own, |_| OwnStripe(std::array::from_fn(|_| Count::new()))),
            shared: Stripes::new(shared, |_| CachePadded::new(SharedStripe::new())),
            base_line: Mutex::new([0; EVENTS]),
        }
    }

    pub(crate) fn level(&self) -> StatsLevel {
        self.level
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn places(&self) -> [crate::sync::traced::Place; 2] {
        [
            self.own.place("counters"),
            self.shared.place("shared counters"),
        ]
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.own.memory_bytes() + self.shared.memory_bytes()
    }

    /// Counts `count` allocated addresses.
    #[inline]
    pub(crate) fn allocated(&self, event: Event, count: u64) {
        if !self.count_alone(event, count) {
            self.allocated_beside_others(event, count);
        }
    }

    /// Counts any other event.
    #[inline]
    pub(crate) fn count(&self, event: Event, count: u64) {
        if !self.count_alone(event, count) {
            self.count_beside_others(event, count);
        }
    }

    /// Counts in the stripe that the calling thread has to itself; returns `false` if it has none, or none for this.
    /// Then use [`count`](Self::count) or [`allocated`](Self::allocated), which call functions.
    #[inline(always)]
    pub(crate) fn count_alone(&self, event: Event, count: u64) -> bool {
        lend_thread_index(|thread| {
            let OwnStripe(counts) = self.own.own(thread)?;
            counts.get(event as usize)?.add_alone(count);
            Some(())
        })
        .is_some()
    }

    /// Counts in a stripe that threads share, if anything is counted. The first call of a thread, too: it takes an
    /// index here.
    #[cold]
    #[inline(never)]
    fn count_beside_others(&self, event: Event, count: u64) {
        if let Some(stripe) = self.shared_stripe() {
            stripe.counts[event as usize].add(count);
        }
    }

    #[cold]
    #[inline(never)]
    fn allocated_beside_others(&self, event: Event, count: u64) {
        self.count_beside_others(event, count);
        self.note_time();
    }

    #[inline]
    pub(crate) fn notes_time(&self) -> bool {
        self.level == StatsLevel::Full
    }

    /// Records the time of an allocation, if the level says so.
    #[cold]
    pub(crate) fn note_time(&self) {
        if self.notes_time()
            && let Some(stripe) = self.shared_stripe()
        {
            stripe.note_time();
        }
    }

    fn shared_stripe(&self) -> Option<&SharedStripe> {
        (!self.are_off()).then(|| &**self.shared.of(thread_index()))
    }

    #[inline]
    pub(crate) fn are_off(&self) -> bool {
        self.shared.is_empty()
    }

    /// Returns the counters of all stripes; an own one has those of frequent events only.
    fn stripes(&self) -> impl Iterator<Item = &[Count]> {
        let own = self.own.iter().map(|stripe| &stripe.0[..]);
        own.chain(self.shared.iter().map(|stripe| &stripe.counts[..]))
    }

    /// Returns how many addresses are allocated; `None` if nothing is counted.
    #[inline]
    pub(crate) fn allocated_now(&self) -> Option<u64> {
        if self.are_off() {
            return None;
        }
        let mut allocated = 0u64;
        for counts in self.stripes() {
            let in_locals = counts[Event::HeldByLocals as usize].get();
            // Releases are read first: an address that is released in between then still counts as allocated. In the
            // other order, the sum could fall below zero.
            let released = counts[Event::Released as usize].get();
            let of_all = counts.iter().enumerate();
            allocated = of_all
                .filter(|(event, _)| ALLOCATIONS.contains(event))
                .map(|(_, count)| count.get())
                .fold(allocated, u64::wrapping_add)
                .wrapping_add(in_locals)
                .wrapping_sub(released);
        }
        // An address that was allocated on one stripe and released on another may have been missed by the first read
        // and seen by the second one.
        Some(if allocated > u64::MAX / 2 {
            0
        } else {
            allocated
        })
    }

    /// Returns the totals since the pool was built.
    pub(crate) fn total(&self) -> Stats {
        self.stats_of(self.totals())
    }

    /// Returns the totals since the last reset.
    pub(crate) fn since_reset(&self) -> Stats {
        let base_line = *self.base_line();
        let mut totals = self.totals();
        for (total, base) in totals.iter_mut().zip(base_line) {
            *total = total.saturating_sub(base);
        }
        self.stats_of(totals)
    }

    pub(crate) fn reset(&self) {
        let totals = self.totals();
        *self.base_line() = totals;
    }

    fn base_line(&self) -> std::sync::MutexGuard<'_, Totals> {
        // A panic while it was locked leaves plain numbers behind.
        self.base_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn totals(&self) -> Totals {
        let mut totals = [0u64; EVENTS];
        for counts in self.stripes() {
            for (total, count) in totals.iter_mut().zip(counts) {
                *total = total.wrapping_add(count.get());
            }
        }
        totals
    }

    fn stats_of(&self, totals: Totals) -> Stats {
        let of = |event: Event| totals[event as usize];
        Stats {
            allocations: Allocations {
                any: of(Event::Any),
                exact: of(Event::Exact),
                preferred: of(Event::Preferred),
                batch: of(Event::Batch),
                block: of(Event::Block),
                adopted: of(Event::Adopted),
            },
            releases: of(Event::Released),
            release_errors: of(Event::ReleaseError),
            failures: Failures {
                exhausted: of(Event::Exhausted),
                taken: of(Event::Taken),
                reserved: of(Event::Reserved),
                out_of_range: of(Event::OutOfRange),
            },
            last_allocation: self.last_allocation(),
        }
    }

    fn last_allocation(&self) -> Option<SystemTime> {
        let latest = self
            .shared
            .iter()
            // Relaxed: a statistic.
            .map(|stripe| stripe.last_allocation.load(Ordering::Relaxed))
            .max()?;
        (latest != 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_nanos(latest))
    }
}

/// What one local has done since it last updated the counters.
///
/// Only addresses that come back are counted one by one. The number that went out is what was there, plus what came
/// back, minus what is left.
#[derive(Default)]
pub(crate) struct LocalTally {
    had: u64,
    taken_back: u64,
}

impl LocalTally {
    /// Records that the local has reserved this many slots.
    pub(crate) fn begin(&mut self, reserved: u32) {
        self.had = u64::from(reserved);
    }

    #[inline]
    pub(crate) fn taken_back(&mut self) {
        self.taken_back += 1;
    }

    /// Moves the numbers to the counters. This does not change how many addresses are allocated.
    pub(crate) fn flush(&mut self, counters: &Counters, reserved: u32) {
        let has = u64::from(reserved);
        let handed_out = self.had + self.taken_back - has;
        if handed_out | self.taken_back != 0 {
            counters.count(Event::Any, handed_out);
            counters.count(Event::Released, self.taken_back);
            counters.count(Event::HeldByLocals, has.wrapping_sub(self.had));
        }
        (self.had, self.taken_back) = (has, 0);
    }
}

impl SharedStripe {
    fn new() -> Self {
        Self {
            counts: std::array::from_fn(|_| Count::new()),
            last_allocation: AtomicU64::new(0),
        }
    }

    fn note_time(&self) {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since_epoch.map_or(0, |since| since.as_nanos() as u64);
        // Relaxed: a statistic. The maximum, because two threads may share the stripe.
        self.last_allocation.fetch_max(nanos, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::MOST_OWNERS;

    /// Returns the allocations in own stripes, and in shared ones.
    fn anys(counters: &Counters) -> [u64; 2] {
        let own = counters.own.iter().map(|stripe| &stripe.0[..]);
        let shared = counters.shared.iter().map(|stripe| &stripe.counts[..]);
        let any = |counts: &[Count]| counts[Event::Any as usize].get();
        [own.map(any).sum(), shared.map(any).sum()]
    }

    /// A signal handler that interrupts an addition counts elsewhere: what it adds is not overwritten.
    #[test]
    fn a_handler_counts_beside_the_addition_that_it_interrupts() {
        let counters = Counters::with_stripes(StatsLevel::Counts, MOST_OWNERS, 1);
        counters.count(Event::Any, 1);
        assert_eq!(anys(&counters), [0, 1], "the first call takes an index");
        counters.count(Event::Any, 1);
        assert_eq!(anys(&counters), [1, 1]);
        lend_thread_index(|_| counters.count(Event::Any, 1));
        assert_eq!(anys(&counters), [1, 2]);
        counters.count(Event::Any, 1);
        assert_eq!(anys(&counters), [2, 2], "it has its stripe again");
    }

    /// Any number of threads, of which only some have a stripe to themselves.
    #[test]
    fn threads_beyond_the_last_stripe_lose_nothing() {
        let counters = Counters::new(StatsLevel::Counts, 8);
        let threads = 3 * counters.own.iter().count();
        let together = std::sync::Barrier::new(threads);
        let count = || {
            counters.count(Event::Any, 1);
            together.wait();
            (0..1000).for_each(|_| counters.count(Event::Any, 1));
            together.wait();
        };
        std::thread::scope(|scope| {
            let counting: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
            counting
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(counters.total().allocations.any, 1001 * threads as u64);
    }
}
