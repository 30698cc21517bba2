//! Real threads beside real passes, with a ledger outside the pool.
//!
//! Time is what the operator says: it goes on by `grace` when whoever was half-way at the last list is done.
//! A thread counts as half-way from before its allocation is asked for, so this tries less of the barrier
//! than the models do (`loom-tests/tests/pass.rs`); it tries the library as it is built, with every verb.

use crate::random::Random;
use hostbits::{LocalArc, Policy, Pool, ReconcileOptions};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime};

const WORKERS: usize = 3;
const TURNS: usize = 1_000;
const GRACE: u64 = 600_000;
/// In the ledger: whoever had it is dead.
const LEAKED: u64 = u64::MAX;

struct Stage {
    pool: Arc<Pool<Ipv4Net>>,
    /// By slot: who holds it, and whether the list has it.
    ledger: Vec<AtomicU64>,
    listed: Vec<AtomicBool>,
    /// By thread: odd while it is half-way.
    half_way: [AtomicU64; WORKERS],
    at_work: AtomicUsize,
    now: Arc<AtomicU64>,
}

/// How many were freed and how many passes there were.
pub(crate) fn run(seed: u64) -> (u64, u64) {
    let stage = Stage::new(seed);
    thread::scope(|scope| {
        let stage = &stage;
        for worker in 0..WORKERS {
            scope.spawn(move || stage.work(worker, Random::new(seed * 8 + worker as u64)));
        }
        scope
            .spawn(move || stage.operate(seed))
            .join()
            .expect("the operator")
    })
}

impl Stage {
    fn new(seed: u64) -> Self {
        let prefix_len = [28, 26, 25][(seed % 3) as usize];
        let net = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a network");
        let policy = [Policy::Lowest, Policy::Spread, Policy::Next][(seed / 3 % 3) as usize];
        let pool = Pool::builder(net).policy(policy).build().expect("a pool");
        let slots = 1usize << (32 - prefix_len);
        Self {
            pool: Arc::new(pool),
            ledger: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            listed: (0..slots).map(|_| AtomicBool::new(false)).collect(),
            half_way: Default::default(),
            at_work: AtomicUsize::new(WORKERS),
            now: Arc::new(AtomicU64::new(GRACE)),
        }
    }

    fn addr(slot: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + slot as u32)
    }

    fn slot(addr: Ipv4Addr) -> usize {
        addr.octets()[3].into()
    }

    fn work(&self, worker: usize, mut random: Random) {
        let mut held = Vec::new();
        let mut local = None;
        let half_way = &self.half_way[worker];
        for _ in 0..TURNS {
            pause(&mut random);
            half_way.fetch_add(1, SeqCst);
            if held.is_empty() || random.one_in(2) {
                self.join(worker, &mut local, &mut held, &mut random);
            } else {
                let index = random.below(held.len() as u64) as usize;
                let addr = held.swap_remove(index);
                self.leave(worker, &mut local, addr, &mut random);
            }
            half_way.fetch_add(1, SeqCst);
        }
        drop(local);
        self.at_work.fetch_sub(1, SeqCst);
    }

    fn join(
        &self,
        worker: usize,
        local: &mut Option<LocalArc<Ipv4Net>>,
        held: &mut Vec<Ipv4Addr>,
        random: &mut Random,
    ) {
        let pool = &self.pool;
        let any = Self::addr(random.below(self.ledger.len() as u64) as usize);
        let got: Vec<_> = match random.below(8) {
            0 => pool.allocate_exact(any).map(|()| any).into_iter().collect(),
            1 => pool.allocate_preferring(any).into_iter().collect(),
            2 => pool.allocate_many(2).unwrap_or_default(),
            3 => pool
                .allocate_in(any..=Self::addr(self.ledger.len() - 1))
                .into_iter()
                .collect(),
            4 => pool
                .guard_arc()
                .map(|guard| guard.keep())
                .into_iter()
                .collect(),
            5 if worker == 0 => local
                .get_or_insert_with(|| pool.local_arc())
                .allocate()
                .into_iter()
                .collect(),
            _ => pool.allocate().into_iter().collect(),
        };
        if random.one_in(50) {
            *local = None;
        }
        let name = worker as u64 + 1;
        for &addr in &got {
            let before = self.ledger[Self::slot(addr)].swap(name, SeqCst);
            assert_eq!(before, 0, "{addr} was handed out while it is held");
        }
        for addr in got {
            pause(random);
            if random.one_in(30) {
                self.ledger[Self::slot(addr)].store(LEAKED, SeqCst);
            } else {
                self.listed[Self::slot(addr)].store(true, SeqCst);
                held.push(addr);
            }
        }
    }

    fn leave(
        &self,
        worker: usize,
        local: &mut Option<LocalArc<Ipv4Net>>,
        addr: Ipv4Addr,
        random: &mut Random,
    ) {
        assert!(!self.pool.is_available(addr), "{addr} is held, and free");
        self.listed[Self::slot(addr)].store(false, SeqCst);
        pause(random);
        let entry = &self.ledger[Self::slot(addr)];
        if random.one_in(30) {
            return entry.store(LEAKED, SeqCst);
        }
        let before = entry.swap(0, SeqCst);
        assert_eq!(before, worker as u64 + 1, "{addr} is somebody else's");
        let released = match local {
            Some(local) if random.one_in(2) => local.release(addr),
            _ => self.pool.release(addr),
        };
        assert_eq!(released, Ok(()));
    }

    fn operate(&self, seed: u64) -> (u64, u64) {
        let mut random = Random::new(!seed);
        let now = Arc::clone(&self.now);
        let clock = move || SystemTime::UNIX_EPOCH + Duration::from_millis(now.load(SeqCst));
        let options = ReconcileOptions::new()
            .grace(Duration::from_millis(GRACE))
            .clock(clock);
        let mut reconciler = self
            .pool
            .reconciler_with(options)
            .expect("nobody else reconciles");
        let (mut freed, mut passes, mut quiet) = (0, 0, 0);
        while quiet < 3 {
            quiet += u32::from(self.at_work.load(SeqCst) == 0);
            let mut pass = reconciler.begin().expect("a pass can begin");
            pause(&mut random);
            let rows = (0..self.listed.len()).filter(|&slot| self.listed[slot].load(SeqCst));
            pass.read(rows.map(Self::addr));
            let entries = pass.entries();
            let plan = pass.finish(entries).expect("a plan");
            passes += 1;
            let seen = self.half_way.each_ref().map(|count| count.load(SeqCst));
            for _ in 0..random.below(3) {
                self.clear_leaks(&plan);
                let applied = reconciler
                    .apply_at_most(&plan, plan.slots.ripe)
                    .expect("applied");
                freed += applied.freed;
                pause(&mut random);
            }
            if quiet == 3 {
                self.clear_leaks(&plan);
                freed += reconciler
                    .apply_at_most(&plan, plan.slots.ripe)
                    .expect("applied")
                    .freed;
            }
            self.wait_for(&seen);
            self.now.fetch_add(GRACE, SeqCst);
        }
        drop(reconciler);
        self.compare();
        (freed, passes)
    }

    /// What is ripe may be handed out as soon as it is free: the books first.
    fn clear_leaks(&self, plan: &hostbits::Plan) {
        for slot in 0..self.ledger.len() {
            let addr = IpAddr::from(Self::addr(slot));
            let is_ripe = plan
                .ranges
                .iter()
                .any(|range| range.state == "ripe" && range.first <= addr && addr <= range.last);
            if is_ripe {
                // Of nobody else: whoever holds it finds out that it was freed.
                let _ = self.ledger[slot].compare_exchange(LEAKED, 0, SeqCst, SeqCst);
            }
        }
    }

    /// Until whoever was half-way then is not any more, or is so with something else.
    fn wait_for(&self, seen: &[u64; WORKERS]) {
        for (count, &then) in self.half_way.iter().zip(seen) {
            while then % 2 == 1 && count.load(SeqCst) == then {
                thread::yield_now();
            }
        }
    }

    /// Everybody has stopped, and three passes were applied: taken is what is held, and nothing else.
    fn compare(&self) {
        for slot in 0..self.ledger.len() {
            let (addr, holder) = (Self::addr(slot), self.ledger[slot].load(SeqCst));
            let is_held = self.listed[slot].load(SeqCst);
            let is_taken = self.pool.iter_from(addr).next() == Some(addr);
            assert_eq!(is_taken, is_held, "{addr}: holder {holder}");
        }
    }
}

fn pause(random: &mut Random) {
    match random.below(8) {
        0 => thread::yield_now(),
        1..=3 => (0..random.below(200)).for_each(|_| std::hint::spin_loop()),
        _ => {}
    }
}
