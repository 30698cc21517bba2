//! A pool's bits at a moment, as plain data.

use crate::geometry::{Geometry, Run};
use crate::network::Network;
use crate::policy::Policy;
use crate::pool::{Pool, Search};
use crate::slot::{bits_within, runs_in, slots_in, words_within};
use crate::stats::{Event, StatsLevel};
use crate::storage::Words;
use std::error::Error;
use std::fmt;

/// What was allocated when it was taken. Plain data: it neither changes nor holds anything.
///
/// Weakly consistent: each word of 64 slots is from its own moment of the call.
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let addr = pool.allocate()?;
/// let snapshot = pool.snapshot();
/// pool.release(addr)?;
/// assert!(snapshot.iter().eq([addr]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Snapshot<N: Network> {
    geometry: Geometry<N>,
    free: Vec<u64>,
}

/// What changed between two snapshots, whoever changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diff<A> {
    /// Free before, allocated now; ascending.
    pub allocated: Vec<A>,
    /// Allocated before, free now; ascending.
    pub released: Vec<A>,
}

/// The snapshots are of pools with different layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotMismatch;

impl SnapshotMismatch {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        "snapshot-mismatch"
    }
}

/// As the errors of the other verbs: an object with its code.
#[cfg(feature = "serde")]
impl serde::Serialize for SnapshotMismatch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("code", self.code())])
    }
}

impl fmt::Display for SnapshotMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the snapshots are of pools with different layouts")
    }
}

impl Error for SnapshotMismatch {}

impl<N: Network> Pool<N> {
    /// Copies what is allocated. One pass over the words; memory of one bit per slot.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let before = pool.snapshot();
    /// let addr = pool.allocate()?;
    /// assert_eq!(pool.snapshot().diff(&before)?.allocated, [addr]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self) -> Snapshot<N> {
        Snapshot {
            geometry: self.geometry.clone(),
            free: self.bitmap().words(),
        }
    }

    /// Copies the pool to the heap: the same addresses, reservations and choices, and what is allocated now. For
    /// tests, for "what if", and for a pool in a file that is to be kept without it.
    ///
    /// A copy and no more: the two know nothing of each other from then on, and both hand out what is free in both.
    /// On one thread the copy hands out what the pool would hand out next, except by
    /// [`Policy::Spread`](crate::Policy::Spread), which promises no order.
    ///
    /// Beside other threads and processes it is as weakly consistent as a [`snapshot`](Self::snapshot): what is
    /// allocated during the whole call is allocated in the copy, what is free during all of it is free there, and
    /// everything else may be either. So nothing that a finished call has handed out is free in the copy. What a
    /// batch is still collecting, what a local has reserved and what is quarantined count as allocated, and nobody
    /// returns it there. Its statistics begin with the allocated addresses as adopted.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// let copy = pool.to_heap();
    /// assert_eq!((copy.allocated(), copy.allocate()?), (1, pool.allocate()?));
    /// copy.allocate_many(100)?;
    /// assert_eq!((copy.allocated(), pool.allocated()), (102, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_heap(&self) -> Self {
        let level = self.counters.level();
        let copy = self
            .snapshot()
            .to_pool(self.hints.policy(), self.search, level);
        copy.hints.go_on_from(&self.hints);
        copy
    }
}

impl<N: Network> Snapshot<N> {
    /// Of words that were read, from the first one to the last one in use at least.
    pub(in crate::pool) fn new(geometry: Geometry<N>, free: Vec<u64>) -> Self {
        Self { geometry, free }
    }

    pub(in crate::pool) fn geometry(&self) -> &Geometry<N> {
        &self.geometry
    }

    /// A pool on the heap with the same bits.
    pub(in crate::pool) fn to_pool(
        &self,
        policy: Policy,
        search: Search,
        stats: StatsLevel,
    ) -> Pool<N> {
        let free = self
            .usable_words()
            .flat_map(|(word_index, usable)| runs_in(word_index, usable & self.free[word_index]));
        let is_linear = search == Search::Linear;
        let words = Words::on_heap(self.geometry.slot_count(), is_linear, free);
        let mut pool = Pool::assemble(self.geometry.clone(), words, policy, stats);
        pool.search = search;
        // Its counters begin with what the copy has: otherwise it would say that nothing is allocated.
        pool.counters.count(Event::Adopted, self.allocated());
        pool
    }

    /// Lists the addresses that were allocated, ascending.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.snapshot().iter().count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = N::Addr> + '_ {
        self.usable_words()
            .flat_map(|(word_index, usable)| slots_in(word_index, usable & !self.free[word_index]))
            .map(|slot| self.geometry.addr_of(slot))
    }

    /// Counts the addresses that were allocated.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// assert_eq!(pool.snapshot().allocated(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocated(&self) -> u64 {
        self.usable_words()
            .map(|(word_index, usable)| u64::from((usable & !self.free[word_index]).count_ones()))
            .sum()
    }

    /// Compares with an older snapshot of the same pool, or of one with the same layout.
    ///
    /// # Errors
    ///
    /// [`SnapshotMismatch`] if the layouts differ: network, ranges, unit or reservations.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// let older = pool.snapshot();
    /// pool.release(addr)?;
    /// let diff = pool.snapshot().diff(&older)?;
    /// assert_eq!((diff.allocated.len(), diff.released), (0, vec![addr]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn diff(&self, older: &Self) -> Result<Diff<N::Addr>, SnapshotMismatch> {
        if !self.geometry.same_layout(&older.geometry) {
            return Err(SnapshotMismatch);
        }
        let mut diff = Diff {
            allocated: Vec::new(),
            released: Vec::new(),
        };
        for (word_index, usable) in self.usable_words() {
            let (now, then) = (self.free[word_index], older.free[word_index]);
            let addrs = |bits| slots_in(word_index, bits).map(|slot| self.geometry.addr_of(slot));
            diff.allocated.extend(addrs(usable & then & !now));
            diff.released.extend(addrs(usable & now & !then));
        }
        Ok(diff)
    }

    /// Every word with the bits that can be handed out, ascending; a word may come more than once.
    fn usable_words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.geometry
            .runs()
            .iter()
            .flat_map(|&Run { first, last }| {
                words_within(first, last)
                    .map(move |word_index| (word_index, bits_within(word_index, first, last)))
            })
    }
}

impl<N: Network> fmt::Debug for Snapshot<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("network", &self.geometry.network())
            .field("allocated", &self.allocated())
            .finish_non_exhaustive()
    }
}
