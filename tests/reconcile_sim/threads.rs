//! Real threads beside real passes, with a ledger outside the pool.
//!
//! Time is what the operator says: it goes on by `grace` when every thread that was half-way at the last list is
//! done. A thread counts as half-way from before its allocation is asked for, so this tries less of the barrier
//! than the models do (`loom-tests/tests/pass.rs`); it tries the library as it is built, with every verb.

use crate::ledger::{self, Ledger};
use crate::random::Random;
use hostbits::{LocalArc, Policy, Pool};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread;

const TURNS: usize = 1_000;

struct Stage {
    pool: Arc<Pool<Ipv4Net>>,
    ledger: Ledger,
}

/// How many were freed and how many passes there were.
pub(crate) fn run(seed: u64) -> (u64, u64) {
    let stage = Stage::new(seed);
    ledger::run(
        seed,
        |worker, random| stage.work(worker, random),
        || stage.operate(seed),
    )
}

impl Stage {
    fn new(seed: u64) -> Self {
        let prefix_len = [28, 26, 25][(seed % 3) as usize];
        let net = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a network");
        let policy = Policy::ALL[(seed / 3) as usize % Policy::ALL.len()];
        let pool = Pool::builder(net).policy(policy).build().expect("a pool");
        Self {
            pool: Arc::new(pool),
            ledger: Ledger::new(1 << (32 - prefix_len)),
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
        for _ in 0..TURNS {
            pause(&mut random);
            self.ledger.note_half_way(worker);
            if held.is_empty() || random.one_in(2) {
                self.join(worker, &mut local, &mut held, &mut random);
            } else {
                let index = random.below(held.len() as u64) as usize;
                let addr = held.swap_remove(index);
                self.leave(worker, &mut local, addr, &mut random);
            }
            self.ledger.note_half_way(worker);
        }
        drop(local);
        self.ledger.goes_home();
    }

    fn join(
        &self,
        worker: usize,
        local: &mut Option<LocalArc<Ipv4Net>>,
        held: &mut Vec<Ipv4Addr>,
        random: &mut Random,
    ) {
        let pool = &self.pool;
        let any = Self::addr(random.below(self.ledger.slots() as u64) as usize);
        let got: Vec<_> = match random.below(8) {
            0 => pool.allocate_exact(any).map(|()| any).into_iter().collect(),
            1 => pool.allocate_preferring(any).into_iter().collect(),
            2 => pool.allocate_many(2).unwrap_or_default(),
            3 => pool
                .allocate_in(any..=Self::addr(self.ledger.slots() - 1))
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
        for &addr in &got {
            self.ledger.take(worker, Self::slot(addr));
        }
        for addr in got {
            pause(random);
            if random.one_in(30) {
                self.ledger.lose(Self::slot(addr));
            } else {
                self.ledger.list(Self::slot(addr), true);
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
        self.ledger.list(Self::slot(addr), false);
        pause(random);
        if random.one_in(30) {
            return self.ledger.lose(Self::slot(addr));
        }
        self.ledger.give(worker, Self::slot(addr));
        let released = match local {
            Some(local) if random.one_in(2) => local.release(addr),
            _ => self.pool.release(addr),
        };
        assert_eq!(released, Ok(()));
    }

    fn operate(&self, seed: u64) -> (u64, u64) {
        let mut random = Random::new(!seed);
        let options = self.ledger.options();
        let mut reconciler = self
            .pool
            .reconciler_with(options)
            .expect("nobody else reconciles");
        let (mut freed, mut passes, mut quiet) = (0, 0, 0);
        while quiet < 3 {
            quiet += u32::from(!self.ledger.is_anybody_at_work());
            let mut pass = reconciler.begin().expect("a pass can begin");
            pause(&mut random);
            pass.read(self.ledger.rows().map(Self::addr));
            let entries = pass.entries();
            let plan = pass.finish(entries).expect("a plan");
            passes += 1;
            let seen = self.ledger.who_is_half_way();
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
            self.ledger.wait_for(&seen);
        }
        drop(reconciler);
        let pool = &self.pool;
        let first = |addr| pool.iter_from(addr).next();
        self.ledger
            .compare(|slot| first(Self::addr(slot)) == Some(Self::addr(slot)));
        (freed, passes)
    }

    fn clear_leaks(&self, plan: &hostbits::reconcile::Plan) {
        self.ledger
            .clear_leaks(|slot| is_ripe(plan, Self::addr(slot).into()));
    }
}

pub(crate) fn is_ripe(plan: &hostbits::reconcile::Plan, addr: IpAddr) -> bool {
    let mut ranges = plan.ranges.iter();
    ranges.any(|range| range.state == "ripe" && range.first <= addr && addr <= range.last)
}

pub(crate) fn pause(random: &mut Random) {
    match random.below(8) {
        0 => thread::yield_now(),
        1..=3 => (0..random.below(200)).for_each(|_| std::hint::spin_loop()),
        _ => {}
    }
}
