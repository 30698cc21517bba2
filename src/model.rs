//! A door below the pool for the model checker: a tiny bitmap that owns its words.
//!
//! Exists only under loom. The package `loom-tests` is its only caller; nothing here is public API.

use crate::bitmap::{BlockCandidates, Burst};
use crate::slot::{SLOTS_PER_CHUNK, Slot};
use crate::storage::Words;

/// A bitmap of a few chunks; what is not free at first is taken, and may be released.
pub struct Model(Words);

impl Model {
    /// How many slots a chunk has here: one word of them, or two.
    pub const SLOTS_PER_CHUNK: Slot = SLOTS_PER_CHUNK;

    /// A bitmap with a summary tree. `free` are ascending ranges of slots.
    pub fn tree(chunk_count: u32, free: &[(Slot, Slot)]) -> Self {
        Self::new(chunk_count, false, free)
    }

    /// A bitmap that is searched chunk by chunk.
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
        bitmap
            .claim_lowest_in(likely_chunk)
            .or_else(|| bitmap.claim_lowest())
    }

    /// Claims the first free slot at or after `start`, cyclic.
    pub fn claim_from(&self, start: Slot) -> Option<Slot> {
        self.0.bitmap().claim_from(start)
    }

    /// Claims a slot within bounds.
    pub fn claim_within(&self, first: Slot, start: Slot, last: Slot) -> Option<Slot> {
        self.0.bitmap().claim_within(first, start, last)
    }

    /// Claims a slot near a word, or any other.
    pub fn claim_near(&self, word_index: usize, start_bit: u32) -> Option<Slot> {
        let bitmap = self.0.bitmap();
        bitmap
            .claim_near(word_index, start_bit)
            .or_else(|| bitmap.claim_from(0))
    }

    /// Claims exactly this slot.
    pub fn claim_exact(&self, slot: Slot) -> bool {
        self.0.bitmap().claim_exact(slot)
    }

    /// Claims exactly this slot, and waits for nobody: a claim in flight may hold it for now.
    pub fn try_claim_exact(&self, slot: Slot) -> bool {
        self.0.bitmap().try_claim_exact(slot)
    }

    /// Releases a slot; `false` if it was free.
    pub fn release(&self, slot: Slot) -> bool {
        self.0.release(slot)
    }

    /// Claims up to `wanted` slots; answers each word with its bits.
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

    /// Claims an aligned block of 2^`order` slots out of `count` candidates from `first` on.
    pub fn claim_block(&self, first: Slot, count: u64, order: u32) -> Option<Slot> {
        self.0.bitmap().claim_block(&[BlockCandidates {
            first,
            count,
            order,
        }])
    }

    /// Releases a block, or answers the slot that was free.
    ///
    /// # Errors
    ///
    /// The first slot that was found free.
    pub fn release_block(&self, first: Slot, order: u32) -> Result<(), Slot> {
        let release = self.0.bitmap().release_block(first, order);
        release.free_before.map_or(Ok(()), Err)
    }

    /// Counts the free slots.
    pub fn count_free(&self, first: Slot, last: Slot) -> u64 {
        self.0.bitmap().count_free(first, last)
    }
}

fn anywhere_from(start: Slot) -> Burst {
    Burst {
        start,
        at_most: u64::MAX,
    }
}
