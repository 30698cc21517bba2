//! Where a thread last claimed a slot, and where it last released one.

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
    freed: AtomicU32,
}

impl ThreadHint {
    pub(super) fn new(home: u32) -> Self {
        Self {
            home: AtomicU32::new(home),
            freed: AtomicU32::new(home),
        }
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
    pub(super) fn freed(&self) -> usize {
        self.freed.load(Ordering::Relaxed) as usize
    }

    /// Records a release. Writes only if the word differs: threads that share the line, and release near each other,
    /// do not take it from each other.
    #[inline]
    pub(super) fn note_freed(&self, word_index: usize) {
        if self.freed() != word_index {
            self.freed.store(word_index as u32, Ordering::Relaxed);
        }
    }
}
