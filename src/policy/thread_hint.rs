//! Where a thread last claimed a slot, and where it last released one.

use crate::slot::{SLOTS_PER_WORD, Slot, slot_at, word_of};
use crate::sync::Ordering;
use crate::sync::hint::AtomicU32;

/// The home of a thread under [`Policy::Spread`](super::Policy::Spread), and the word of its latest release. Threads
/// that share a stripe share both.
///
/// It takes one cache line and not the two of `CachePadded`, which would cost small pools too much. Everything is
/// Relaxed: these are starting guesses, and a lost one costs a longer search.
#[repr(align(64))]
pub(crate) struct ThreadHint {
    home: AtomicU32,
    /// Any slot of the word of the latest release.
    freed: AtomicU32,
    /// The bit of a word at which a thread begins to search that has this hint to itself.
    start_bit: u32,
}

impl ThreadHint {
    pub(super) fn new(home: u32, start_bit: u32) -> Self {
        Self {
            home: AtomicU32::new(home),
            freed: AtomicU32::new(slot_at(home as usize, 0)),
            start_bit,
        }
    }

    #[inline]
    pub(super) fn start_bit(&self) -> u32 {
        self.start_bit
    }

    /// Returns the word of the last claim.
    #[inline]
    pub(super) fn home(&self) -> usize {
        self.home.load(Ordering::Relaxed) as usize
    }

    /// Moves to another word. Writes only if it differs: once in 64 claims.
    pub(super) fn move_to(&self, word_index: usize) {
        if self.home() != word_index {
            self.home.store(word_index as u32, Ordering::Relaxed);
        }
    }

    /// Returns the word of the latest release.
    #[inline]
    pub(super) fn freed_word(&self) -> usize {
        word_of(self.freed.load(Ordering::Relaxed))
    }

    /// Records a release. Writes only if the word differs: threads that share the line, and release near each other,
    /// do not take it from each other.
    #[inline]
    pub(super) fn note_freed(&self, slot: Slot) {
        // The slots and not their words are compared, because this leaves nothing to compute.
        let differs = self.freed.load(Ordering::Relaxed) ^ slot;
        if differs >= SLOTS_PER_WORD {
            self.freed.store(slot, Ordering::Relaxed);
        }
    }
}
