//! The only access to atomics: those of the standard library, or loom's under the model checker.
//!
//! Loom is on when `--cfg loom` meets the hidden feature `_loom`. Both are needed, so that a
//! user's own `--cfg loom` build does not switch our atomics by accident.
//!
//! Loom 0.7 treats a SeqCst *access* as AcqRel but models `fence(SeqCst)`. Where the algorithm needs
//! a load in the single total order, it calls [`load_seq_cst`]: a plain SeqCst load in the product,
//! a fence and an Acquire load under loom. Read-modify-writes need no shim: each such load follows
//! them with its own fence.
//!
//! The gate is read with [`load_latest`], for models that check when an allocation returned; see there.
//!
//! Hints and counters ([`hint`]) stay plain atomics under loom: they order nothing, and modelling
//! every stale hint would multiply the executions without adding one that matters.

mod owners;
#[cfg(all(test, not(loom)))]
pub(crate) mod traced;

#[cfg(all(test, not(loom)))]
pub(crate) use imp::pretend_index;
pub(crate) use imp::{
    AtomicU64, Mutex, MutexGuard, Snooze, known_thread_index, lend_thread_index,
    likely_thread_index, load_latest, load_seq_cst, nanos, nested_in, spin_for, thread_index,
    thread_number, with_note_of,
};
#[cfg(all(loom, feature = "_loom"))]
pub(crate) use owners::Owners;

/// The number of words of a chunk; fewer under loom, where every load multiplies the executions.
pub(crate) const WORDS_PER_CHUNK: usize = imp::WORDS_PER_CHUNK;
/// How many claims a pool on the heap can have in flight at once; fewer under loom. Further ones wait for their turn.
pub(crate) const HEAP_LANES: usize = imp::HEAP_LANES;
/// How many pauses a thread waits for its turn before it pushes the previous one aside.
pub(crate) const PATIENCE: u32 = imp::PATIENCE;
/// The base-2 logarithm of the children of a summary node; smaller under loom, so that few chunks make two levels.
pub(crate) const NODE_SHIFT: u32 = imp::NODE_SHIFT;

/// How many threads can have an index to themselves.
pub(crate) const MOST_OWNERS: usize = 256;

/// Atomics that order nothing: starting guesses and statistics.
pub(crate) mod hint {
    #[cfg(all(test, not(loom)))]
    pub(crate) use super::traced::{AtomicU32, AtomicU64};
    #[cfg(not(all(test, not(loom))))]
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
}

pub(crate) use core::sync::atomic::Ordering;

#[cfg(not(all(loom, feature = "_loom")))]
mod imp {
    #[cfg(all(test, not(loom)))]
    pub(crate) use super::traced::AtomicU64;
    use super::{MOST_OWNERS, owners::Owners};
    #[cfg(not(all(test, not(loom))))]
    pub(crate) use core::sync::atomic::AtomicU64;
    use core::sync::atomic::{Ordering, compiler_fence};
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

    /// Waits a little longer each time: first spins, then yields the processor.
    #[derive(Default)]
    pub(crate) struct Snooze(crossbeam_utils::Backoff);

    impl Snooze {
        pub(crate) fn snooze(&self) {
            self.0.snooze();
        }

        /// Returns whether it is time to check if the one that we wait for still exists.
        pub(crate) fn is_long(&self) -> bool {
            self.0.is_completed()
        }
    }

    thread_local! {
        static INDEX: Cell<usize> = const { Cell::new(NONE_YET) };
        static NUMBER: Cell<u64> = const { Cell::new(0) };
        /// The operation that the thread is about to do, for a signal handler that interrupts it; 0 for none.
        static NOTE: Cell<usize> = const { Cell::new(0) };
    }

    /// The threads whose index is theirs alone. Others have an index from `MOST_OWNERS` on, which some may share.
    static OWNERS: Owners<MOST_OWNERS> = Owners([const { AtomicU64::new(0) }; MOST_OWNERS]);

    const NONE_YET: usize = usize::MAX;
    /// The index of a thread while it is lent: for its signal handlers, one that belongs to no single thread.
    const LENT: usize = usize::MAX - 1;

    /// Returns the time since an origin in this process, in nanoseconds.
    pub(crate) fn nanos() -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    /// Spins for this long, without yielding the processor.
    pub(crate) fn spin_for(duration_nanos: u64) {
        let start = nanos();
        while nanos() - start < duration_nanos {
            std::hint::spin_loop();
        }
    }

    /// Returns the index of the calling thread. Only [`lend_thread_index`] says whether it is that of no other thread.
    #[inline]
    pub(crate) fn thread_index() -> usize {
        known_thread_index().unwrap_or_else(next_index)
    }

    /// Returns the same index if the thread has asked for it before: avoids a call on the hot path.
    #[inline]
    pub(crate) fn known_thread_index() -> Option<usize> {
        let index = likely_thread_index();
        (index != NONE_YET).then_some(index)
    }

    /// Does the same, but returns an index that is too high for everything if the thread has not asked for it before.
    #[inline]
    pub(crate) fn likely_thread_index() -> usize {
        // On some systems, the cell is gone while a thread is being destroyed: any index that may be shared will do.
        INDEX.try_with(Cell::get).unwrap_or(LENT)
    }

    /// Calls `act` with the index of the calling thread. If it is below `MOST_OWNERS`, no other thread has it, and no
    /// signal handler of this thread gets it before `act` has returned.
    #[inline(always)]
    pub(crate) fn lend_thread_index<R>(act: impl FnOnce(usize) -> R) -> R {
        let index = INDEX.try_with(|cell| cell.replace(LENT)).unwrap_or(LENT);
        // SeqCst, both: a handler runs on this very thread. The compiler must not move any part of `act` before the
        // index is lent, or after it is back.
        compiler_fence(Ordering::SeqCst);
        let done = act(index);
        compiler_fence(Ordering::SeqCst);
        // While a thread is being destroyed, there is nothing to give back.
        let _ = INDEX.try_with(|cell| cell.set(index));
        done
    }

    /// Returns a number from 1 on for the calling thread, which no other thread ever has; 0 while a thread is being
    /// destroyed, which may no longer have its own number.
    pub(crate) fn thread_number() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number_of = |cell: &Cell<u64>| {
            if cell.get() == 0 {
                // Relaxed: only the number matters, and it orders nothing.
                cell.set(NEXT.fetch_add(1, Ordering::Relaxed));
            }
            cell.get()
        };
        NUMBER.try_with(number_of).unwrap_or(0)
    }

    /// Runs `act` while signal handlers of this thread can see that it works on `it`, by its address.
    #[inline]
    pub(crate) fn with_note_of<T, R>(it: &T, act: impl FnOnce() -> R) -> R {
        let address = std::ptr::from_ref(it).addr();
        let before = NOTE.try_with(|note| note.replace(address)).unwrap_or(0);
        // SeqCst: a handler runs on this very thread. The compiler must not move any part of `act` before the note, or
        // after its end.
        compiler_fence(Ordering::SeqCst);
        let done = act();
        compiler_fence(Ordering::SeqCst);
        // While a thread is being destroyed, there is nothing to restore.
        let _ = NOTE.try_with(|note| note.set(before));
        done
    }

    /// Returns whether the caller is a signal handler that has interrupted `with_note_of` with the same `it`.
    pub(crate) fn nested_in<T>(it: &T) -> bool {
        NOTE.try_with(Cell::get) == Ok(std::ptr::from_ref(it).addr())
    }

    /// Gives the calling thread another index, as if it were another thread.
    #[cfg(test)]
    pub(crate) fn pretend_index(index: usize) {
        INDEX.set(index);
    }

    #[cold]
    fn next_index() -> usize {
        let index_of = |cell: &Cell<usize>| {
            let address = std::ptr::from_ref(cell).addr() as u64;
            let beyond = || MOST_OWNERS + thread_number() as usize % MOST_OWNERS;
            let index = OWNERS.number_of(address).unwrap_or_else(beyond);
            cell.set(index);
            index
        };
        INDEX.try_with(index_of).unwrap_or(LENT)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Threads that end leave their indices to those that come after them. The system decides how often; none has ever
    /// needed more than a few memories for threads that live one after the other.
    #[test]
    fn the_indices_of_ended_threads_are_used_again() {
        let index = || std::thread::spawn(thread_index).join().unwrap();
        let indices: BTreeSet<_> = (0..1000).map(|_| index()).collect();
        assert!(indices.len() < 100, "{}", indices.len());
    }

    #[test]
    fn threads_at_the_same_time_have_different_indices_and_numbers() {
        let together = std::sync::Barrier::new(32);
        let seen = Mutex::new((BTreeSet::new(), BTreeSet::new()));
        let look = || {
            assert_eq!(thread_index(), lend_thread_index(|index| index));
            assert_ne!(
                lend_thread_index(|_| thread_index()),
                thread_index(),
                "it is lent"
            );
            let mut seen = seen.lock().unwrap();
            assert!(seen.1.insert(thread_number()));
            assert!(seen.0.insert(thread_index()) || thread_index() >= MOST_OWNERS);
            drop(seen);
            together.wait();
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(look)).collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        });
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
        // AcqRel read-modify-write: it reads what was stored last before this step, as a load of a real machine does. A
        // fence and a load may read what was stored before the fence, however much later the load is, so that no test
        // could tell the order.
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

    /// Time does not pass in a model, and no thread waits.
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

    pub(crate) fn likely_thread_index() -> usize {
        0
    }

    /// Always an index that may be shared: the model's threads all run on one thread of the system.
    pub(crate) fn lend_thread_index<R>(act: impl FnOnce(usize) -> R) -> R {
        act(usize::MAX)
    }

    /// Always 0: there are no signals in a model, and its threads all run on one thread of the system.
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
