//! What a pool in a file does between a claim and its result.
//!
//! Such a claim may be returned only if no process has poisoned the pool, and if it is as durable as the pool promises.
//! If not, it is given back, and the caller gets the reason; `answer` describes how. And a call reports that nothing
//! is free only after a look at what a dead process may have left behind.
//!
//! Pools on the heap need none of this. It depends on the gate, which every claim reads, and on [`AfterClaim`], which is read
//! where the counters are checked.

use crate::error::AllocateError;
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::{Slot, bits_within, words_within};
use crate::sync::Ordering;
use std::cell::Cell;

/// What is left to do after a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) enum AfterClaim {
    Nothing,
    /// Update the counters.
    Count,
    /// In a file: check the process, and update the counters, if enabled. The gate says what else there is to do.
    Shared,
    /// In a file: wait until the claim is durable, and update the counters.
    WaitUntilDurable,
}

thread_local! {
    /// Why the claim that this thread has just given back was refused. The claim itself returns an option, so that the
    /// hot path moves only a slot.
    static REFUSED: Cell<Option<FileRefusal>> = const { Cell::new(None) };
}

impl<N: Network> Pool<N> {
    #[inline]
    pub(in crate::pool) fn is_in_file(&self) -> bool {
        matches!(
            self.after_claim,
            AfterClaim::Shared | AfterClaim::WaitUntilDurable
        )
    }

    /// Returns whether a claim may be returned only after a wait for the disk, or not at all: in a child.
    #[inline]
    pub(in crate::pool) fn must_ask_the_file(&self) -> bool {
        self.after_claim == AfterClaim::WaitUntilDurable || self.words.is_forked()
    }

    /// Waits until what this thread has claimed is as durable as the pool promises. Passes may run meanwhile, so the
    /// claim is checked again before it is returned or given back.
    #[inline]
    pub(in crate::pool) fn wait_until_durable(&self) -> Result<(), FileRefusal> {
        match self.words.file() {
            None => Ok(()),
            Some(file) => file.wait_until_durable(),
        }
    }

    pub(in crate::pool) fn give_back(&self, word_index: usize, bits: u64) {
        self.bitmap().release_bits(word_index, bits);
    }

    /// Checks that this process may begin a claim of several words. A forked process may not: it would begin the claim
    /// in the name of its parent.
    pub(in crate::pool) fn check_process(&self) -> Result<(), AllocateError> {
        self.words.enter();
        match self.words.file().and_then(|file| file.refusal()) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// Returns whether slots were found that a process had freed but not published. If so, search again.
    ///
    /// Call it before reporting that nothing is free.
    #[inline]
    pub(in crate::pool) fn scrub_found_something(&self) -> bool {
        self.is_in_file() && self.scrub()
    }

    #[cold]
    fn scrub(&self) -> bool {
        match self.words.file() {
            Some(file) if !file.is_sole() => self.bitmap().scrub(),
            _ => false,
        }
    }

    /// Returns why nothing was allocated, if the reason is the file.
    #[cold]
    pub(in crate::pool) fn refusal(&self) -> Option<FileRefusal> {
        // The cell is gone while a thread is being destroyed.
        let noted = REFUSED.try_with(Cell::take).ok().flatten();
        noted.or_else(|| self.words.file()?.refusal())
    }

    /// Returns the reason in a register; see `exhausted`.
    #[cold]
    #[inline(never)]
    pub(in crate::pool) fn refusal_number(&self) -> u64 {
        FileRefusal::to_number(self.refusal())
    }

    /// Takes a block that is about to be released out of the quarantine, if all of it is taken: its holder has come
    /// back. This must happen before the release.
    pub(in crate::pool) fn clear_suspects_of_block(&self, first: Slot, order: u32) {
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

    /// Returns whether any address was quarantined when this session began.
    pub(in crate::pool) fn had_suspects(&self) -> bool {
        self.words.file().is_some_and(|file| file.had_suspects())
    }

    /// Counts the quarantined slots, in O(words) while there are any.
    #[cold]
    #[inline(never)]
    pub(in crate::pool) fn quarantined(&self) -> u64 {
        let file = self.words.file().filter(|_| self.words.has_suspects());
        let words = file.map(|file| file.quarantine()).unwrap_or_default();
        // Relaxed: counts bits that other threads may be clearing.
        let ones = |word: &crate::sync::AtomicU64| word.load(Ordering::Relaxed).count_ones();
        words.iter().map(|word| u64::from(ones(word))).sum()
    }
}

/// Stores the reason why a claim was given back, for [`Pool::refusal`] on the same thread.
pub(in crate::pool) fn note(refusal: FileRefusal) {
    // Without the cell, the caller gets the state of the file, which is poisoned in any case.
    let _ = REFUSED.try_with(|refused| refused.set(Some(refusal)));
}
