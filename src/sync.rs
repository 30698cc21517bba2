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
//! The gate is looked at with [`load_latest`], for the sake of models that say when an allocation was
//! answered: see there.
//!
//! Hints and counters ([`hint`]) stay plain atomics under loom: they order nothing, and modelling
//! every stale hint would multiply the executions without adding one that matters.

pub(crate) use imp::{
    AtomicU64, Mutex, MutexGuard, Snooze, known_thread_index, load_latest, load_seq_cst, nanos,
    nested_in, spin_for, thread_index, thread_number, with_note_of,
};

/// Words of a chunk; fewer under loom, where every load multiplies the executions.
pub(crate) const WORDS_PER_CHUNK: usize = imp::WORDS_PER_CHUNK;
/// Claims that a pool on the heap can have in flight at once; fewer under loom. More wait for their turn.
pub(crate) const HEAP_LANES: usize = imp::HEAP_LANES;
/// How many pauses somebody waits for its turn before it pushes the one before aside.
pub(crate) const PATIENCE: u32 = imp::PATIENCE;
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
    use core::sync::atomic::{AtomicUsize, Ordering, compiler_fence};
    use std::cell::Cell;
    use std::sync::OnceLock;
    pub(crate) use std::sync::{Mutex, MutexGuard};
    use std::time::Instant;

    pub(crate) const WORDS_PER_CHUNK: usize = 8;
    pub(crate) const HEAP_LANES: usize = 64;
    pub(crate) const PATIENCE: u32 = 64;
    pub(crate) const NODE_SHIFT: u32 = 4;

    #[inline(always)]
    pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
        // SeqCst: the caller's proof needs this load in the single total order; it says why.
        cell.load(Ordering::SeqCst)
    }

    #[inline(always)]
    pub(crate) fn load_latest(cell: &AtomicU64) -> u64 {
        // SeqCst: as in `load_seq_cst`.
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

    thread_local! {
        static INDEX: Cell<usize> = const { Cell::new(NONE_YET) };
        /// What the thread is about to do, for a signal handler that comes in between; 0 for nothing.
        static NOTE: Cell<usize> = const { Cell::new(0) };
    }

    const NONE_YET: usize = usize::MAX;

    /// The time, from an origin of this process.
    pub(crate) fn nanos() -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    /// Does nothing for so long, without giving the processor away.
    pub(crate) fn spin_for(duration_nanos: u64) {
        let start = nanos();
        while nanos() - start < duration_nanos {
            std::hint::spin_loop();
        }
    }

    /// A small number for the calling thread, the same for its whole life.
    #[inline]
    pub(crate) fn thread_index() -> usize {
        known_thread_index().unwrap_or_else(next_index)
    }

    /// The same, if the thread has asked for it before: no call where the caller has none to spare.
    #[inline]
    pub(crate) fn known_thread_index() -> Option<usize> {
        // A thread that is being torn down has no cell any more: any index does.
        let index = INDEX.try_with(Cell::get).unwrap_or(0);
        (index != NONE_YET).then_some(index)
    }

    /// The same counted from 1; 0 for a thread that is being torn down, which may have no number of its own any more.
    #[inline]
    pub(crate) fn thread_number() -> u64 {
        match INDEX.try_with(|_| ()) {
            Ok(()) => thread_index() as u64 + 1,
            Err(_) => 0,
        }
    }

    /// Does something on a thread whose signal handlers are told of it, by the address of what it is about.
    #[inline]
    pub(crate) fn with_note_of<T, R>(it: &T, act: impl FnOnce() -> R) -> R {
        let address = std::ptr::from_ref(it).addr();
        let before = NOTE.try_with(|note| note.replace(address)).unwrap_or(0);
        // SeqCst: a handler runs on this very thread. The compiler must not put anything of `act` before the note,
        // or behind its end.
        compiler_fence(Ordering::SeqCst);
        let done = act();
        compiler_fence(Ordering::SeqCst);
        // Of a thread that is being torn down there is nothing to restore.
        let _ = NOTE.try_with(|note| note.set(before));
        done
    }

    /// Whether the caller is a signal handler that has interrupted its thread in `with_note_of` the same.
    pub(crate) fn nested_in<T>(it: &T) -> bool {
        NOTE.try_with(Cell::get) == Ok(std::ptr::from_ref(it).addr())
    }

    #[cold]
    fn next_index() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: only the number matters, and it orders nothing.
        let index = NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1);
        // Of a thread that is being torn down there is nothing to set.
        let _ = INDEX.try_with(|cell| cell.set(index));
        index
    }
}

#[cfg(all(loom, feature = "_loom"))]
mod imp {
    pub(crate) use loom::sync::atomic::AtomicU64;
    use loom::sync::atomic::{Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// One word, or two for the models that need them: set at build time.
    pub(crate) const WORDS_PER_CHUNK: usize = match option_env!("HOSTBITS_LOOM_WIDE_CHUNKS") {
        None => 1,
        Some(_) => 2,
    };
    pub(crate) const HEAP_LANES: usize = 3;
    pub(crate) const PATIENCE: u32 = 1;
    pub(crate) const NODE_SHIFT: u32 = 1;

    pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
        // SeqCst fence, Acquire load: what loom needs to see for a SeqCst load (module docs).
        fence(Ordering::SeqCst);
        cell.load(Ordering::Acquire)
    }

    pub(crate) fn load_latest(cell: &AtomicU64) -> u64 {
        // AcqRel read-modify-write: it reads what was stored last before this step, as a load of a machine
        // does. A fence and a load may read what was stored before the fence, however much later the load is,
        // and no test could tell what came before what.
        cell.fetch_or(0, Ordering::AcqRel)
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

    /// Time stands still in a model, and nobody waits.
    pub(crate) fn nanos() -> u64 {
        0
    }

    pub(crate) fn spin_for(_duration_nanos: u64) {}

    pub(crate) fn thread_index() -> usize {
        0
    }

    pub(crate) fn known_thread_index() -> Option<usize> {
        Some(0)
    }

    /// Nobody: there are no signals in a model, and its threads are all of one thread of the system.
    pub(crate) fn thread_number() -> u64 {
        0
    }

    pub(crate) fn with_note_of<T, R>(_it: &T, act: impl FnOnce() -> R) -> R {
        act()
    }

    pub(crate) fn nested_in<T>(_it: &T) -> bool {
        false
    }
}
