//! The marks of a pass: what was claimed, or was about to be, while somebody compares the pool with a list.
//!
//! A slot is marked before it is claimed. A mark too many, of a slot that somebody else was faster to
//! claim, makes a pass leave that slot alone; a mark too few lets it free somebody's address.

use crate::sync::{AtomicU64, Ordering, load_seq_cst};

/// Is told which slots are about to be claimed.
pub(crate) trait Mark: Copy {
    fn mark(self, word_index: usize, bits: u64);

    /// Whether anybody wants to know.
    fn is_wanted(self) -> bool;
}

/// Nobody wants to know: the hot paths.
impl Mark for () {
    #[inline(always)]
    fn mark(self, _word_index: usize, _bits: u64) {}

    #[inline(always)]
    fn is_wanted(self) -> bool {
        false
    }
}

/// The touched map: one bit for each slot.
#[derive(Clone, Copy)]
pub(crate) struct Touched<'a>(pub(crate) &'a [AtomicU64]);

impl Touched<'_> {
    /// The marks of a word.
    pub(crate) fn bits(self, word_index: usize) -> u64 {
        // SeqCst: after our change of the gate, in the total order, as a marker's last look at the gate comes
        // after its mark: a claim that saw us too late is seen here. A mark that was made before its claim
        // also comes with the load of the word that shows the claim, whose Release has it before.
        load_seq_cst(&self.0[word_index])
    }

    /// Takes the marks of a word away, and answers them.
    pub(crate) fn take(self, word_index: usize) -> u64 {
        // Relaxed to look: most words have none. What comes later stays for the pass that is about to begin.
        if self.0[word_index].load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // SeqCst: before the barrier goes up, in the total order. A mark that a claim makes behind the
        // barrier is not taken away.
        self.0[word_index].swap(0, Ordering::SeqCst)
    }
}

impl Mark for Touched<'_> {
    fn mark(self, word_index: usize, bits: u64) {
        // SeqCst: before the claim, and before the caller's next look at the gate, in the total order.
        // Whoever finds the slot taken finds the mark; a plan that is being applied since that look finds
        // it, too.
        self.0[word_index].fetch_or(bits, Ordering::SeqCst);
    }

    fn is_wanted(self) -> bool {
        true
    }
}

/// Of who finds out when it claims.
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
