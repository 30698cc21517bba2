//! What is known outside of the pools, with real threads: who holds what, what the list has, who is half-way,
//! and what time it is.

use crate::random::Random;
use hostbits::reconcile;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime};

pub(crate) const WORKERS: usize = 3;
const GRACE: u64 = 600_000;
/// The holder is dead.
const LEAKED: u64 = u64::MAX;

/// Runs all workers, and the operator beside them; returns what the operator returns.
pub(crate) fn run<T: Send>(
    seed: u64,
    work: impl Fn(usize, Random) + Sync,
    operate: impl FnOnce() -> T + Send,
) -> T {
    thread::scope(|scope| {
        let work = &work;
        for worker in 0..WORKERS {
            scope.spawn(move || work(worker, Random::new(seed * 8 + worker as u64)));
        }
        scope.spawn(operate).join().expect("the operator")
    })
}

/// By slot, whatever the test takes for one.
pub(crate) struct Ledger {
    /// 0, the number of a thread and one, or `LEAKED`.
    holders: Vec<AtomicU64>,
    listed: Vec<AtomicBool>,
    /// By thread: odd while it is half-way.
    half_way: [AtomicU64; WORKERS],
    at_work: AtomicUsize,
    now: Arc<AtomicU64>,
}

impl Ledger {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            holders: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            listed: (0..slots).map(|_| AtomicBool::new(false)).collect(),
            half_way: Default::default(),
            at_work: AtomicUsize::new(WORKERS),
            now: Arc::new(AtomicU64::new(GRACE)),
        }
    }

    pub(crate) fn slots(&self) -> usize {
        self.holders.len()
    }

    /// A thread begins to join or to leave, or has done with it.
    pub(crate) fn note_half_way(&self, worker: usize) {
        self.half_way[worker].fetch_add(1, SeqCst);
    }

    pub(crate) fn goes_home(&self) {
        self.at_work.fetch_sub(1, SeqCst);
    }

    pub(crate) fn is_anybody_at_work(&self) -> bool {
        self.at_work.load(SeqCst) != 0
    }

    /// It was handed out.
    pub(crate) fn take(&self, worker: usize, slot: usize) {
        let before = self.holders[slot].swap(worker as u64 + 1, SeqCst);
        assert_eq!(before, 0, "slot {slot} was handed out while it is held");
    }

    /// It is about to be released.
    pub(crate) fn give(&self, worker: usize, slot: usize) {
        let before = self.holders[slot].swap(0, SeqCst);
        assert_eq!(before, worker as u64 + 1, "slot {slot} is somebody else's");
    }

    pub(crate) fn lose(&self, slot: usize) {
        self.holders[slot].store(LEAKED, SeqCst);
    }

    pub(crate) fn list(&self, slot: usize, is_listed: bool) {
        self.listed[slot].store(is_listed, SeqCst);
    }

    /// The list, row by row as it is when it is read.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.slots()).filter(|&slot| self.is_listed(slot))
    }

    pub(crate) fn is_listed(&self, slot: usize) -> bool {
        self.listed[slot].load(SeqCst)
    }

    /// What is ripe may be handed out as soon as it is free: the books first.
    pub(crate) fn clear_leaks(&self, is_ripe: impl Fn(usize) -> bool) {
        for slot in (0..self.slots()).filter(|&slot| is_ripe(slot)) {
            // An address with a holder stays as it is: the holder finds out that it was freed.
            let _ = self.holders[slot].compare_exchange(LEAKED, 0, SeqCst, SeqCst);
        }
    }

    pub(crate) fn options(&self) -> reconcile::Options {
        let now = Arc::clone(&self.now);
        reconcile::Options::new()
            .grace(Duration::from_millis(GRACE))
            .clock(move || SystemTime::UNIX_EPOCH + Duration::from_millis(now.load(SeqCst)))
    }

    pub(crate) fn who_is_half_way(&self) -> [u64; WORKERS] {
        self.half_way.each_ref().map(|count| count.load(SeqCst))
    }

    /// Waits until each worker that was half-way then is so no more, or is so with something else;
    /// `grace` has gone by then.
    pub(crate) fn wait_for(&self, seen: &[u64; WORKERS]) {
        for (count, &then) in self.half_way.iter().zip(seen) {
            while then % 2 == 1 && count.load(SeqCst) == then {
                thread::yield_now();
            }
        }
        self.now.fetch_add(GRACE, SeqCst);
    }

    /// All workers have stopped, and three passes were applied: taken is what is held, and nothing else.
    pub(crate) fn compare(&self, is_taken: impl Fn(usize) -> bool) {
        for slot in 0..self.slots() {
            let holder = self.holders[slot].load(SeqCst);
            let is_held = self.is_listed(slot);
            assert_eq!(is_taken(slot), is_held, "slot {slot}: holder {holder}");
        }
    }
}
