//! The bits of a pool at some moment, as plain data.

use crate::geometry::{Geometry, Run};
use crate::network::Network;
use crate::policy::Policy;
use crate::pool::{Pool, Search};
use crate::slot::{
    SLOTS_PER_WORD, Slot, bit_of, bits_within, runs_in, slots_in, word_of, words_within,
};
use crate::stats::{Event, StatsLevel};
use crate::storage::Words;
use std::error::Error;
use std::fmt;

/// The addresses that were allocated when the snapshot was taken. Plain data: it does not change, and does not hold
/// addresses.
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

/// The changes between two snapshots, whichever thread or process made them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diff<A> {
    /// Addresses that were free before and are allocated now, in ascending order.
    pub allocated: Vec<A>,
    /// Addresses that were allocated before and are free now, in ascending order.
    pub released: Vec<A>,
}

/// The error for snapshots of pools with different layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotMismatch;

impl SnapshotMismatch {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        "snapshot-mismatch"
    }
}

/// Serializes like the errors of the other methods: an object with the code.
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
    /// Returns a copy of the allocation state. It takes one pass over the words, and one bit of memory per slot.
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

    /// Copies the pool to the heap: its addresses, reservations and options, and its present allocations. For
    /// tests, for "what if" questions, and for keeping the pool of a file without the file.
    ///
    /// The copy is independent: an address that is free in both can be handed out by both.
    /// On one thread the copy hands out what the pool would hand out next, except by
    /// [`Policy::Spread`](crate::Policy::Spread), which promises no order.
    ///
    /// While other threads and processes change the pool, it is as weakly consistent as a [`snapshot`](Self::snapshot):
    /// addresses that are allocated during the whole call are allocated in the copy, those that are free during the
    /// whole call are free there, and all others may be either. So no address that a finished call has handed out is
    /// free in the copy. Addresses that a batch is still collecting, that a local has reserved, or that are quarantined
    /// count as allocated, and are not released there later. Its statistics count the allocated addresses as adopted.
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
    /// Creates a snapshot of words that were read, at least from the first to the last one in use.
    pub(in crate::pool) fn new(geometry: Geometry<N>, free: Vec<u64>) -> Self {
        Self { geometry, free }
    }

    /// Creates a snapshot in which these slots are free.
    pub(crate) fn of_free(geometry: Geometry<N>, slots: impl Iterator<Item = Slot>) -> Self {
        let word_count = geometry.slot_count().div_ceil(SLOTS_PER_WORD.into());
        let mut free = vec![0; word_count as usize];
        for slot in slots {
            free[word_of(slot)] |= bit_of(slot);
        }
        Self { geometry, free }
    }

    pub(in crate::pool) fn geometry(&self) -> &Geometry<N> {
        &self.geometry
    }

    /// Returns a pool on the heap with the same bits.
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
        // Its counters start with the allocations of the snapshot; otherwise, they would say that nothing is allocated.
        pool.counters.count(Event::Adopted, self.allocated());
        pool
    }

    /// Returns the addresses that were allocated, in ascending order.
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

    /// Returns how many addresses were allocated.
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

    /// Returns the differences from an older snapshot of the same pool, or of one with the same layout.
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

    /// Returns every word with the bits that can be handed out, in ascending order; a word may occur more than once.
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
