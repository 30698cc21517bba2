//! Access below the pool for the model checker: a tiny bitmap that owns its words.
//!
//! It exists only under loom, and only the package `loom-tests` uses it; nothing here is public API.

use crate::bitmap::{
    Attempt, BatchStep, Bitmap, BlockCandidates, Lanes, LowestAttempt, Peers, Way,
};
use crate::slot::{SLOTS_PER_CHUNK, Slot};
use crate::storage::Words;
use crate::stripes::Stripes;
use crate::sync::{AtomicU64, Ordering, Owners};
use count::Count;
use std::sync::Arc;

/// The counters of `stats`, over loom's atomics.
#[path = "stats/count.rs"]
mod count;

/// A bitmap of a few chunks. Slots that are not free at first are taken, and may be released.
pub struct Model(Words);

impl Model {
    /// The number of slots of a chunk here: one word, or two.
    pub const SLOTS_PER_CHUNK: Slot = SLOTS_PER_CHUNK;

    /// Creates a bitmap with a summary tree. `free` are ascending ranges of slots.
    pub fn tree(chunk_count: u32, free: &[(Slot, Slot)]) -> Self {
        Self::new(chunk_count, false, free)
    }

    /// Creates a bitmap that is searched chunk by chunk.
    pub fn linear(chunk_count: u32, free: &[(Slot, Slot)]) -> Self {
        Self::new(chunk_count, true, free)
    }

    fn new(chunk_count: u32, linear: bool, free: &[(Slot, Slot)]) -> Self {
        let slot_count = u64::from(chunk_count * SLOTS_PER_CHUNK);
        Self(Words::on_heap(slot_count, linear, free.iter().copied()))
    }

    /// Claims the lowest free slot.
    pub fn claim_lowest(&self, likely_chunk: usize) -> Option<Slot> {
        let bitmap = self.0.bitmap();
        let elsewhere = || match bitmap.try_claim_lowest() {
            Attempt::Took(slot) => Some(slot),
            Attempt::Empty | Attempt::Lost => bitmap.claim_lowest(),
        };
        if likely_chunk == 0 {
            match bitmap.claim_in_first_word() {
                LowestAttempt::Claimed(slot) => return Some(slot),
                LowestAttempt::InOtherChunk | LowestAttempt::Lost => return elsewhere(),
                LowestAttempt::InLaterWord => {}
            }
        } else if !bitmap.is_lowest(likely_chunk) {
            return elsewhere();
        }
        match bitmap.try_claim_lowest_in_chunk(likely_chunk) {
            Attempt::Took(slot) => return Some(slot),
            Attempt::Empty => bitmap.settle(likely_chunk),
            Attempt::Lost => {}
        }
        elsewhere()
    }

    /// Claims the highest free slot.
    pub fn claim_highest(&self) -> Option<Slot> {
        self.0.bitmap().claim_highest()
    }

    /// Claims the highest free slot within bounds.
    pub fn claim_highest_within(&self, first: Slot, last: Slot) -> Option<Slot> {
        self.0.bitmap().claim_within(first, Way::Down, last)
    }

    /// Claims exactly this many of the highest slots, or none.
    pub fn claim_all_from_above(&self, wanted: u64) -> Option<Vec<(usize, u64)>> {
        let step = || BatchStep {
            way: Way::Down,
            at_most: u64::MAX,
            likely_chunk: None,
        };
        self.0.bitmap().claim_all(wanted, step)
    }

    /// Claims the first free slot at or after `start`, wrapping around.
    pub fn claim_from(&self, start: Slot) -> Option<Slot> {
        self.0.bitmap().claim_from(start)
    }

    /// Claims a slot within bounds.
    pub fn claim_within(&self, first: Slot, start: Slot, last: Slot) -> Option<Slot> {
        self.0
            .bitmap()
            .claim_within(first, Way::UpFrom(start), last)
    }

    /// Claims a slot near a word, or any other.
    pub fn claim_near(&self, word_index: usize, start_bit: u32) -> Option<Slot> {
        let bitmap = self.0.bitmap();
        bitmap
            .try_claim_near(word_index, start_bit)
            .or_else(|| bitmap.claim_near(word_index, start_bit))
            .or_else(|| bitmap.claim_from(0))
    }

    /// Claims exactly this slot.
    pub fn claim_exact(&self, slot: Slot) -> bool {
        self.0.bitmap().claim_exact(slot)
    }

    /// Claims exactly this slot without waiting: a claim in flight may hold it temporarily.
    pub fn try_claim_exact(&self, slot: Slot) -> bool {
        self.0.bitmap().try_claim_exact(slot)
    }

    /// Releases a slot; returns `false` if it was free.
    pub fn release(&self, slot: Slot) -> bool {
        self.0.finish(slot, self.0.free(slot))
    }

    /// Claims up to `wanted` slots, and returns each word with its bits.
    pub fn claim_up_to(&self, wanted: u64, start: Slot) -> Vec<(usize, u64)> {
        let mut claimed = Vec::new();
        let sink = |word_index, bits| claimed.push((word_index, bits));
        self.0
            .bitmap()
            .claim_up_to(wanted, || anywhere_from(start), sink);
        claimed
    }

    /// Claims exactly `wanted` slots, or none.
    pub fn claim_all(&self, wanted: u64, start: Slot) -> Option<Vec<(usize, u64)>> {
        self.0.bitmap().claim_all(wanted, || anywhere_from(start))
    }

    /// Claims an aligned block of 2^`order` slots among `count` candidates from `first` on.
    pub fn claim_block(&self, first: Slot, count: u64, order: u32) -> Option<Slot> {
        self.0.bitmap().claim_block(&[BlockCandidates {
            first,
            count,
            order,
        }])
    }

    /// Releases a block.
    ///
    /// # Errors
    ///
    /// Returns the first slot that was found free.
    pub fn release_block(&self, first: Slot, order: u32) -> Result<(), Slot> {
        let release = self.0.bitmap().release_block(first, order);
        release.free_before.map_or(Ok(()), Err)
    }

    /// Counts the free slots.
    pub fn count_free(&self, first: Slot, last: Slot) -> u64 {
        self.0.bitmap().count_free(first, last)
    }
}

/// The heap of a child of a process with several threads: everything as it was at the fork, with the flights of threads
/// that do not exist in the child.
pub struct Child(Model);

impl Child {
    /// Creates a child on this bitmap, of a parent that had a claim in flight for each of these slots.
    pub fn new(model: Model, in_flight: &[Slot]) -> Self {
        let flights: Vec<_> = in_flight
            .iter()
            .map(|&slot| {
                let flight = model.0.bitmap().begin_flight();
                assert!(model.try_claim_exact(slot), "no other thread is there yet");
                flight
            })
            .collect();
        flights.into_iter().for_each(std::mem::forget);
        model.0.go_over_to_a_child();
        Self(model)
    }

    /// Returns the bitmap, as a call in the child enters it.
    ///
    /// Each call of a pool first checks on which side of the fork it is.
    pub fn enter(&self) -> &Model {
        assert!(self.0.0.enter(), "on the heap every process may enter");
        &self.0
    }
}

const LANES: usize = 2;

/// Processes that share a bitmap: each has a lane, and a lock that is released when it dies.
#[derive(Clone)]
pub struct Processes {
    model: Arc<Model>,
    shared: Arc<Shared>,
}

/// What they share besides the bitmap.
struct Shared {
    lanes: [AtomicU64; LANES],
    locks: [AtomicU64; LANES],
}

/// A process, seen from its own thread.
pub struct Process {
    of: Processes,
    lanes: Lanes,
    lane: usize,
}

/// The locks as the kernel reports them: without those that the caller holds itself.
struct Locks {
    shared: Arc<Shared>,
    own: usize,
}

impl Peers for Locks {
    fn lanes(&self) -> &[AtomicU64] {
        &self.shared.lanes
    }

    fn is_held(&self, lane: usize) -> bool {
        // SeqCst, as for all of the locks: the kernel orders a process that takes a lock after the one that had it.
        lane != self.own && self.shared.locks[lane].load(Ordering::SeqCst) == 1
    }
}

impl Processes {
    /// Creates processes on this bitmap.
    pub fn new(model: Model) -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            model: Arc::new(model),
            shared: Arc::new(Shared {
                lanes: zeros(),
                locks: zeros(),
            }),
        }
    }

    /// Returns the bitmap, for operations of any of them.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Begins a process in a lane; returns `None` if the lane is in use.
    pub fn begin(&self, lane: usize) -> Option<Process> {
        // SeqCst: as in `is_held`.
        self.shared.locks[lane]
            .compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst)
            .ok()?;
        let locks = Locks {
            shared: Arc::clone(&self.shared),
            own: lane,
        };
        Some(Process {
            of: self.clone(),
            lanes: Lanes::of_process(lane, Box::new(locks)),
            lane,
        })
    }
}

impl Process {
    fn bitmap(&self) -> Bitmap<'_> {
        self.of.model.0.bitmap_in(&self.lanes)
    }

    /// Claims exactly this slot.
    pub fn claim_exact(&self, slot: Slot) -> bool {
        self.bitmap().claim_exact(slot)
    }

    /// Claims the lowest free slot.
    pub fn claim_lowest(&self) -> Option<Slot> {
        self.bitmap().claim_lowest()
    }

    /// Does the same like a pool that processes share: returns `None` only after every word was checked.
    pub fn claim_lowest_or_scrub(&self) -> Option<Slot> {
        loop {
            let claimed = self.claim_lowest();
            if claimed.is_some() || !self.bitmap().scrub() {
                return claimed;
            }
        }
    }

    /// Claims exactly this many slots, or none.
    pub fn claim_all(&self, wanted: u64) -> Option<Vec<(usize, u64)>> {
        self.bitmap().claim_all(wanted, || anywhere_from(0))
    }

    /// Releases a slot.
    pub fn release(&self, slot: Slot) -> bool {
        let was_taken = self.bitmap().mark_free(slot);
        self.bitmap().announce_slot(slot);
        was_taken
    }

    /// Dies between the two halves of a release.
    pub fn die_in_release(self, slot: Slot) {
        assert!(self.bitmap().mark_free(slot), "it held the slot");
        self.die();
    }

    /// Dies in a claim in flight that has taken this slot.
    pub fn die_in_flight(self, slot: Slot) {
        std::mem::forget(self.bitmap().begin_flight());
        self.bitmap().try_claim_exact(slot);
        self.die();
    }

    fn die(self) {
        // SeqCst: as in `is_held`.
        self.of.shared.locks[self.lane].store(0, Ordering::SeqCst);
    }
}

/// From the first slot on, it is the step of lowest first.
fn anywhere_from(start: Slot) -> BatchStep {
    BatchStep {
        way: Way::UpFrom(start),
        at_most: u64::MAX,
        likely_chunk: (start == 0).then_some(0),
    }
}

/// A counter of `N` threads that have a number to themselves, and of others, that share.
pub struct Tally<const N: usize> {
    owners: Owners<N>,
    own: Stripes<Count>,
    shared: Stripes<Count>,
}

impl<const N: usize> Tally<N> {
    /// Creates a counter at zero. `N` is a power of two.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            owners: Owners::new(),
            own: Stripes::new(N, |_| Count::new()),
            shared: Stripes::new(1, |_| Count::new()),
        }
    }

    /// Returns the number of the thread that has a cell at `address`; one beyond the last if there is none left.
    pub fn number_of(&self, address: u64) -> usize {
        self.owners.number_of(address).unwrap_or(N)
    }

    /// Adds one, as the thread with this number does.
    pub fn add(&self, number: usize) {
        match self.own.own(number) {
            Some(own) => own.add_alone(1),
            None => self.shared.of(number).add(1),
        }
    }

    /// Returns the sum.
    pub fn sum(&self) -> u64 {
        self.own
            .iter()
            .chain(self.shared.iter())
            .map(Count::get)
            .sum()
    }
}
