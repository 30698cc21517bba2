//! The marks of a pass: slots that were claimed, or were about to be, while the pool is compared with a list.
//!
//! A slot is marked before it is claimed. An unnecessary mark, on a slot that another thread was faster to claim, makes
//! a pass leave that slot alone. A missing mark would let it free a held address.

use crate::sync::{AtomicU64, Ordering, load_seq_cst};

/// Receives the slots that are about to be claimed.
pub(crate) trait Mark: Copy {
    fn mark(self, word_index: usize, bits: u64);

    /// Returns whether marks are needed.
    fn is_wanted(self) -> bool;
}

/// No marks are needed: the hot paths.
impl Mark for () {
    #[inline(always)]
    fn mark(self, _word_index: usize, _bits: u64) {}

    #[inline(always)]
    fn is_wanted(self) -> bool {
        false
    }
}

/// The touched map: one bit per slot.
#[derive(Clone, Copy)]
pub(crate) struct Touched<'a>(pub(crate) &'a [AtomicU64]);

impl Touched<'_> {
    /// Returns the marks of a word.
    pub(crate) fn bits(self, word_index: usize) -> u64 {
        // SeqCst: after our change of the gate, in the total order, while a claim reads the gate last after it has made
        // its mark. So a claim that saw us too late is seen here. A mark that was made before its claim is also visible
        // after a load of the word that shows the claim, because the claim is a Release.
        load_seq_cst(&self.0[word_index])
    }

    /// Clears the marks of a word, and returns them.
    pub(crate) fn take(self, word_index: usize) -> u64 {
        // Relaxed for the check: most words have none. A later mark stays for the pass that is about to begin.
        if self.0[word_index].load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // SeqCst: before the barrier goes up, in the total order. A mark that a claim makes after the barrier is up is
        // not cleared.
        self.0[word_index].swap(0, Ordering::SeqCst)
    }
}

impl Mark for Touched<'_> {
    fn mark(self, word_index: usize, bits: u64) {
        // SeqCst: before the claim, and before the caller's next read of the gate, in the total order. A thread that
        // finds the slot taken finds the mark; so does a plan that is being applied since that read.
        self.0[word_index].fetch_or(bits, Ordering::SeqCst);
    }

    fn is_wanted(self) -> bool {
        true
    }
}

/// Marks if there is a map, which is known only when a slot is claimed.
impl Mark for Option<Touched<'_>> {
    #[inline]
    fn mark(self, word_index: usize, bits: u64) {
        if let Some(touched) = self {
            touched.mark(word_index, bits);
        }
    }

    #[inline]
    fn is_wanted(self) -> bool {
        self.is_some()
    }
}
