//! What the tests with threads have in common: starting together, a watchdog, a ledger of who holds
//! what, and pools of every kind.

// Several test binaries share this file, and none of them needs all of it.
#![allow(dead_code)]

use hostbits::{Network, Policy, Pool, Search};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

pub(crate) type Pool4 = Pool<Ipv4Net>;

pub(crate) const POLICIES: [Policy; Policy::ALL.len()] = Policy::ALL;
pub(crate) const SEARCHES: [Search; 2] = [Search::Tree, Search::Linear];

/// `HOSTBITS_ROUNDS`: how much more work than usual.
pub(crate) fn effort() -> usize {
    let factor = std::env::var("HOSTBITS_ROUNDS").ok();
    factor.map_or(1, |text| text.parse().expect("HOSTBITS_ROUNDS is a number"))
}

/// Aborts the process if it is not dropped in time: a test may fail, but never hang.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

pub(crate) fn watchdog(test: &'static str) -> Watchdog {
    let (alive, gone) = channel::<()>();
    let patience = Duration::from_secs(60 * effort() as u64);
    std::thread::spawn(move || {
        if gone.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // Not `eprintln!`, which the test harness would keep to itself.
            let _ = writeln!(std::io::stderr(), "{test}: no end after {patience:?}");
            std::process::abort();
        }
    });
    Watchdog { _alive: alive }
}

/// Runs `work` on this many threads, which start together, and returns what each returned.
pub(crate) fn together<R: Send>(threads: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let spawn = |thread| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(thread)
            })
        };
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, R>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

/// [`together`] beside two threads that sleep and wake up all the time: each time they take a processor from
/// another thread, at whatever instruction that one is. It costs little and meets much.
pub(crate) fn disturbed<R: Send>(threads: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let _stop = Stop(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                while done.load(Ordering::Relaxed) == 0 {
                    std::thread::sleep(Duration::from_micros(20));
                }
            });
        }
        together(threads, work)
    })
}

/// Many short meetings of the same threads: a barrier that costs no system call while all run.
pub(crate) struct Meeting {
    threads: usize,
    arrived: AtomicUsize,
    broken: AtomicBool,
}

/// A thread that comes to a [`Meeting`]. If it panics, the others do not wait for it.
pub(crate) struct Member<'a>(&'a Meeting);

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::SeqCst);
        }
    }
}

impl Meeting {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    pub(crate) fn join(&self) -> Member<'_> {
        Member(self)
    }
}

impl Member<'_> {
    /// Returns when all members have called it as often as this one.
    pub(crate) fn wait(&self) {
        let meeting = self.0;
        let ticket = meeting.arrived.fetch_add(1, Ordering::SeqCst);
        let all_here = (ticket / meeting.threads + 1) * meeting.threads;
        let mut spins = 0;
        while meeting.arrived.load(Ordering::SeqCst) < all_here {
            assert!(!meeting.broken.load(Ordering::SeqCst), "another one failed");
            spins += 1;
            if spins % 64 == 0 {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

/// Says "stop" when dropped, on panic too, so that no other thread waits for a test that has failed.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicUsize);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// xorshift64*: no test here needs better numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: usize) -> Self {
        Self((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (high as usize * bound) >> 32
    }

    /// Sometimes waits a little, so that threads meet at other places.
    pub(crate) fn dawdle(&mut self) {
        match self.below(16) {
            0 => std::thread::yield_now(),
            spins @ 1..4 => (0..spins * 20).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }
}

/// 10.0.0.0 and the `slots` addresses from there, none of them reserved.
pub(crate) fn plain_pool(slots: u32, policy: Policy, search: Search) -> Pool4 {
    let first = Ipv4Addr::new(10, 0, 0, 0);
    let last = Ipv4Addr::from_bits(first.to_bits() + slots - 1);
    Pool::over([first..=last])
        .policy(policy)
        .search(search)
        .build()
        .expect("a range")
}

pub(crate) fn addr(slot: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + slot)
}

/// A pool of `slots` addresses, all of them taken but `free`: big trees with little to find.
pub(crate) fn nearly_full(slots: u32, free: &[u32], policy: Policy, search: Search) -> Pool4 {
    let pool = plain_pool(slots, policy, search);
    let all = pool.allocate_many(slots as usize).expect("an empty pool");
    assert_eq!(all.len(), slots as usize);
    // One search in vain clears all hints of the tree, up to the root.
    assert!(pool.allocate().is_err());
    pool.reset_stats();
    for &slot in free {
        pool.release(addr(slot)).expect("all are taken");
    }
    pool
}

/// Every policy with every search mode.
pub(crate) fn for_all_kinds(mut test: impl FnMut(Policy, Search)) {
    for policy in POLICIES {
        for search in SEARCHES {
            test(policy, search);
        }
    }
}

/// One bit per slot, reserved slots and gaps included.
pub(crate) fn all_bits<N: Network>(pool: &Pool<N>) -> Vec<u32> {
    let mut cells = vec![0; pool.info().slots as usize];
    pool.fill(0, &mut cells);
    cells
}

/// What a pool looked like before a storm.
pub(crate) struct Before<N: Network> {
    snapshot: hostbits::Snapshot<N>,
    bits: Vec<u32>,
    free: u64,
}

impl<N: Network> Before<N> {
    pub(crate) fn of(pool: &Pool<N>) -> Self {
        Self {
            snapshot: pool.snapshot(),
            bits: all_bits(pool),
            free: pool.available(),
        }
    }

    /// Everything is as it was, bit for bit; what is free can be allocated, to the last address, and
    /// then no more; and that given back, everything is again as it was.
    pub(crate) fn expect_again(&self, pool: &Pool<N>, of: &str) {
        self.expect_same(pool, of);
        let mut all = BTreeSet::new();
        while let Ok(addr) = pool.allocate() {
            assert!(all.insert(addr), "{of}: {addr} was given twice");
        }
        assert_eq!(all.len() as u64, self.free, "{of}: not all was found again");
        for addr in all {
            pool.release(addr).expect("it was given");
        }
        self.expect_same(pool, of);
    }

    fn expect_same(&self, pool: &Pool<N>, of: &str) {
        let diff = pool.snapshot().diff(&self.snapshot).expect("the same pool");
        let changed = (diff.allocated, diff.released);
        assert_eq!(changed, (Vec::new(), Vec::new()), "{of}");
        assert!(all_bits(pool) == self.bits, "{of}: the bits differ");
        assert_eq!(pool.available(), self.free, "{of}");
    }
}

/// The holder of each slot, kept outside the pool. Two holders of one slot are found at once.
///
/// What a holder writes is Relaxed: only the pool's own release and claim make it visible to the next
/// one, as promised.
pub(crate) struct Ledger {
    cells: Vec<Cell>,
}

#[derive(Default)]
struct Cell {
    /// 0: no holder.
    holder: AtomicU64,
    /// Two words that a holder writes one after the other and the next one must find matching.
    note: AtomicU64,
    inverted: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(slots: u64) -> Self {
        let cell = |_| Cell {
            inverted: AtomicU64::new(u64::MAX),
            ..Cell::default()
        };
        Self {
            cells: (0..slots).map(cell).collect(),
        }
    }

    /// `holder` was given the slot.
    pub(crate) fn take(&self, slot: u32, holder: usize) {
        let cell = &self.cells[slot as usize];
        let holder = holder as u64 + 1;
        let before = cell.holder.swap(holder, Ordering::Relaxed);
        assert_eq!(before, 0, "slot {slot} of {holder} had a holder");
        let note = cell.note.load(Ordering::Relaxed);
        let inverted = cell.inverted.load(Ordering::Relaxed);
        assert_eq!(note, !inverted, "what the last holder of {slot} wrote");
        let note = note.wrapping_mul(3).wrapping_add(holder);
        cell.note.store(note, Ordering::Relaxed);
        cell.inverted.store(!note, Ordering::Relaxed);
    }

    /// `holder` is about to give the slot back.
    pub(crate) fn give_back(&self, slot: u32, holder: usize) {
        let cell = &self.cells[slot as usize];
        let note = cell.note.load(Ordering::Relaxed);
        assert_eq!(note, !cell.inverted.load(Ordering::Relaxed), "slot {slot}");
        let before = cell.holder.swap(0, Ordering::Relaxed);
        assert_eq!(before, holder as u64 + 1, "slot {slot} was somebody else's");
    }
}
