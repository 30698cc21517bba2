//! Where a thread has found something free, and where it has made something free.

use crate::sync::Ordering;
use crate::sync::hint::AtomicU32;

/// The home of a thread under [`Policy::Spread`](super::Policy::Spread), and the word of its latest
/// release. Threads that share a stripe share it.
///
/// One cache line, not the two of `CachePadded`: small pools pay for it. All of it Relaxed: starting
/// guesses, and a lost one costs a longer search.
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

    /// The word of the last claim.
    #[inline]
    pub(super) fn home(&self) -> usize {
        self.home.load(Ordering::Relaxed) as usize
    }

    /// Moves to another word. Written only if it is one: once in 64 claims.
    pub(super) fn move_to(&self, word_index: usize) {
        if self.home() != word_index {
            self.home.store(word_index as u32, Ordering::Relaxed);
        }
    }

    /// The word of the latest release.
    pub(super) fn freed(&self) -> usize {
        self.freed.load(Ordering::Relaxed) as usize
    }

    /// Notes a release. One store without a question: it is on the way of every release.
    #[inline]
    pub(super) fn note_freed(&self, word_index: usize) {
        self.freed.store(word_index as u32, Ordering::Relaxed);
    }
}
