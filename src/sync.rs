//! The only door to atomics: the standard library's, or loom's under a model checker.
//!
//! Loom is on when `--cfg loom` meets the hidden feature `_loom`. Both are needed, so that a
//! user's own `--cfg loom` build does not switch our atomics by accident.
//!
//! Loom 0.7 treats a SeqCst *access* as AcqRel but models `fence(SeqCst)`. Where the algorithm needs
//! a load in the single total order, it calls [`load_seq_cst`]: a plain SeqCst load in the product,
//! a fence and an Acquire load under loom. Read-modify-writes need no shim: each such load follows
//! them with its own fence.
//!
//! Hints and counters ([`hint`]) stay plain atomics under loom: they order nothing, and modelling
//! every stale hint would multiply the executions without adding one that matters.

pub(crate) use imp::{AtomicU64, Snooze, load_seq_cst, thread_index};

/// Words of a chunk; fewer under loom, where every load multiplies the executions.
pub(crate) const WORDS_PER_CHUNK: usize = imp::WORDS_PER_CHUNK;
/// log2 of the children of a summary node; smaller under loom, so that few chunks make two levels.
pub(crate) const NODE_SHIFT: u32 = imp::NODE_SHIFT;

/// Atomics that order nothing: starting guesses and statistics.
pub(crate) mod hint {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
}

pub(crate) use core::sync::atomic::Ordering;

#[cfg(not(all(loom, feature = "_loom")))]
mod imp {
    pub(crate) use core::sync::atomic::AtomicU64;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::cell::Cell;

    pub(crate) const WORDS_PER_CHUNK: usize = 8;
    pub(crate) const NODE_SHIFT: u32 = 4;

    #[inline(always)]
    pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
        // SeqCst: the caller's proof needs this load in the single total order; it says why.
        cell.load(Ordering::SeqCst)
    }

    /// Waits a little longer each time: spins first, then yields the processor.
    #[derive(Default)]
    pub(crate) struct Snooze(crossbeam_utils::Backoff);

    impl Snooze {
        pub(crate) fn snooze(&self) {
            self.0.snooze();
        }

        /// Whether it is time to ask if the one we wait for is still there.
        pub(crate) fn is_long(&self) -> bool {
            self.0.is_completed()
        }
    }

    /// A small number for the calling thread, the same for its whole life.
    #[inline]
    pub(crate) fn thread_index() -> usize {
        thread_local! {
            static INDEX: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        // A thread that is being torn down has no cell any more: any index does.
        INDEX
            .try_with(|index| {
                if index.get() == usize::MAX {
                    index.set(next_index());
                }
                index.get()
            })
            .unwrap_or(0)
    }

    #[cold]
    fn next_index() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: only the number matters, and it orders nothing.
        NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1)
    }
}

#[cfg(all(loom, feature = "_loom"))]
mod imp {
    pub(crate) use loom::sync::atomic::AtomicU64;
    use loom::sync::atomic::{Ordering, fence};

    /// One word, or two for the models that need them: set at build time.
    pub(crate) const WORDS_PER_CHUNK: usize = match option_env!("HOSTBITS_LOOM_WIDE_CHUNKS") {
        None => 1,
        Some(_) => 2,
    };
    pub(crate) const NODE_SHIFT: u32 = 1;

    pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
        // SeqCst fence, Acquire load: what loom needs to see for a SeqCst load (module docs).
        fence(Ordering::SeqCst);
        cell.load(Ordering::Acquire)
    }

    #[derive(Default)]
    pub(crate) struct Snooze;

    impl Snooze {
        pub(crate) fn snooze(&self) {
            loom::thread::yield_now();
        }

        pub(crate) fn is_long(&self) -> bool {
            true
        }
    }

    pub(crate) fn thread_index() -> usize {
        0
    }
}
