//! What a pool in a file does between a claim and its answer.
//!
//! A claim there may be answered only if no process has poisoned the pool, and if it is as durable as the
//! pool promises. If not, it is given back, and the caller is told why: `barrier` has the way there. And nobody
//! is told that nothing is free before a look at what a dead process may have left behind.
//!
//! Pools on the heap have none of this: it hangs on the gate, which every claim looks at, and on [`AfterClaim`],
//! which is looked at where they ask whether to count.

use super::Pool;
use crate::error::{AllocateError, Refusal};
use crate::network::Network;
use crate::slot::{Slot, bits_within, words_within};
use crate::sync::Ordering;
use std::cell::Cell;

/// What there is to do after a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterClaim {
    Nothing,
    /// Tell the counters.
    Count,
    /// Of a file: tell the counters, if they want to know. What else there may be, the gate tells.
    Shared,
    /// Of a file: wait until it is durable, and tell the counters.
    Confirm,
}

thread_local! {
    /// Why the claim that this thread has just given back was refused: the claim answers an option, so
    /// that the hot path moves nothing but a slot.
    static REFUSED: Cell<Option<Refusal>> = const { Cell::new(None) };
}

impl<N: Network> Pool<N> {
    #[inline]
    pub(super) fn is_in_file(&self) -> bool {
        matches!(self.after_claim, AfterClaim::Shared | AfterClaim::Confirm)
    }

    /// Waits until what this thread has claimed is as durable as the pool promises. Passes go by meanwhile: what
    /// was claimed is asked about again before it is answered or given back.
    #[inline]
    pub(super) fn confirm(&self) -> Result<(), Refusal> {
        match self.words.file() {
            None => Ok(()),
            Some(file) => file.confirm(),
        }
    }

    pub(super) fn give_back(&self, word_index: usize, bits: u64) {
        self.bitmap().release_bits(word_index, bits);
    }

    /// Whether this process may begin a claim of several words. A fork may not: it would begin it in the
    /// name of its parent.
    pub(super) fn check_process(&self) -> Result<(), AllocateError> {
        self.words.enter();
        match self.words.file().and_then(|file| file.refusal()) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// Whether something turned up that somebody had freed and not published: then look again.
    ///
    /// Ask before "nothing is free".
    #[inline]
    pub(super) fn scrub_found_something(&self) -> bool {
        self.is_in_file() && self.scrub()
    }

    #[cold]
    fn scrub(&self) -> bool {
        match self.words.file() {
            Some(file) if !file.is_sole() => self.bitmap().scrub(),
            _ => false,
        }
    }

    /// Why nothing was allocated, if it is for the file's sake.
    #[cold]
    pub(super) fn refusal(&self) -> Option<Refusal> {
        // A thread that is being torn down has no cell any more.
        let noted = REFUSED.try_with(Cell::take).ok().flatten();
        noted.or_else(|| self.words.file()?.refusal())
    }

    /// The same in a register: see `exhausted`.
    #[cold]
    #[inline(never)]
    pub(super) fn refusal_code(&self) -> u64 {
        Refusal::to_code(self.refusal())
    }

    /// Takes a block that is about to be released out of the quarantine, if all of it is taken: its holder
    /// has come back. Before the release, never after it.
    pub(super) fn clear_suspects_of_block(&self, first: Slot, order: u32) {
        if !self.words.has_suspects() {
            return;
        }
        let last = first + ((1u64 << order) - 1) as Slot;
        if self.bitmap().count_free(first, last) == 0 {
            for word_index in words_within(first, last) {
                let bits = bits_within(word_index, first, last);
                self.words.clear_suspects(word_index, bits);
            }
        }
    }

    /// Whether anything was in quarantine when this session began.
    pub(super) fn had_suspects(&self) -> bool {
        self.words.file().is_some_and(|file| file.had_suspects())
    }

    /// Counts the slots in quarantine. O(words) while there are any.
    #[cold]
    #[inline(never)]
    pub(super) fn quarantined(&self) -> u64 {
        let file = self.words.file().filter(|_| self.words.has_suspects());
        let words = file.map(|file| file.quarantine()).unwrap_or_default();
        // Relaxed: a count of bits that others may be clearing.
        let ones = |word: &crate::sync::AtomicU64| word.load(Ordering::Relaxed).count_ones();
        words.iter().map(|word| u64::from(ones(word))).sum()
    }
}

/// Keeps for [`Pool::refusal`], on the same thread, why a claim was given back.
pub(super) fn note(refusal: Refusal) {
    // Without a cell the caller is told what the file says, which is poisoned in any case.
    let _ = REFUSED.try_with(|refused| refused.set(Some(refusal)));
}
