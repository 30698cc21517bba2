//! Many threads on one pool: nobody shares an address, nobody is refused while by counting one is
//! free, and what is returned is free again, bit for bit.
//!
//! More threads than processors, and pools so small that everything collides; big ones with almost
//! nothing free, so that the summary tree is what decides. No test looks at the clock; a watchdog ends
//! the process if one hangs. `HOSTBITS_ROUNDS=20 cargo test --test threads` does 20 times the work.

#[path = "support/storm.rs"]
mod storm;

use hostbits::{Allocations, Gateway, GuardArc, Policy, Pool, Search, StatsLevel};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use storm::{
    Before, Dice, Ledger, Meeting, Pool4, Stop, addr, disturbed, effort, for_all_kinds,
    nearly_full, plain_pool, together, watchdog,
};

/// Several threads drain a pool: every address is handed out exactly once, and whoever is refused was
/// refused when nothing was left.
#[test]
fn draining_threads_get_every_address_once() {
    let _watchdog = watchdog("draining_threads_get_every_address_once");
    for_all_kinds(|policy, search| {
        let tiny = [1, 2, 3, 31, 63, 64, 65, 70].map(|slots| (slots, 6, 12));
        let bigger = [(256, 6, 4), (4096, 4, 1), (65_536, 3, 1)];
        for (slots, threads, times) in tiny.into_iter().chain(bigger) {
            for _ in 0..times * effort() {
                let pool = plain_pool(slots, policy, search);
                drain(&pool, threads, u64::from(slots));
            }
        }
    });
}

fn drain(pool: &Pool4, threads: usize, free: u64) {
    let (begun, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let given = together(threads, |_| {
        let mut mine = Vec::new();
        loop {
            begun.fetch_add(1, Ordering::SeqCst);
            match pool.allocate() {
                Ok(addr) => mine.push(addr),
                Err(_) => break,
            }
        }
        // Refused: then as many calls as there were addresses had at least begun, not counting those
        // that are known to have got none. In this order, so that others may only help.
        let refused = refused.fetch_add(1, Ordering::SeqCst) + 1;
        let may_hold = begun.load(Ordering::SeqCst) - refused;
        assert!(may_hold >= free, "refused with {may_hold} of {free} taken");
        mine
    });
    let all: BTreeSet<_> = given.iter().flatten().collect();
    assert_eq!(all.len() as u64, free, "each exactly once");
    assert_eq!(given.iter().map(Vec::len).sum::<usize>() as u64, free);
    assert_eq!((pool.allocated(), pool.available()), (pool.capacity(), 0));
    assert_eq!(pool.stats().failures.exhausted, threads as u64);
}

/// The same where the last free addresses are scattered over a tree of two and three levels.
#[test]
fn the_last_scattered_addresses_of_a_big_pool_are_found_by_somebody() {
    let _watchdog = watchdog("the_last_scattered_addresses_of_a_big_pool_are_found_by_somebody");
    for_all_kinds(|policy, search| {
        for slots in [1 << 14, 1 << 17] {
            let mut dice = Dice::new(slots as usize);
            for _ in 0..3 * effort() {
                let free: BTreeSet<u32> =
                    (0..40).map(|_| dice.below(slots as usize) as u32).collect();
                let free: Vec<u32> = free.into_iter().collect();
                let pool = nearly_full(slots, &free, policy, search);
                drain(&pool, 4, free.len() as u64);
            }
        }
    });
}

/// N threads take k addresses each from an empty lowest-first pool, one at a time or in batches: they
/// get exactly the N * k lowest, with no hole.
#[test]
fn threads_on_an_empty_pool_take_exactly_the_lowest() {
    let _watchdog = watchdog("threads_on_an_empty_pool_take_exactly_the_lowest");
    for search in storm::SEARCHES {
        for (slots, threads, each) in [(70, 5, 14), (256, 4, 30), (2048, 4, 300), (40_000, 4, 4000)]
        {
            for mixed in [false, true] {
                for _ in 0..6 * effort() {
                    let pool = plain_pool(slots, Policy::Lowest, search);
                    let given = together(threads, |thread| take(&pool, each, mixed, thread));
                    let all: BTreeSet<Ipv4Addr> = given.into_iter().flatten().collect();
                    let lowest = (0..(threads * each) as u32).map(addr);
                    assert!(
                        all.into_iter().eq(lowest),
                        "{search:?}, {slots}, mixed: {mixed}"
                    );
                }
            }
        }
    }
}

fn take(pool: &Pool4, count: usize, mixed: bool, seed: usize) -> Vec<Ipv4Addr> {
    let mut dice = Dice::new(seed);
    let mut mine = Vec::new();
    while mine.len() < count {
        let some = 1 + dice.below(90).min(count - mine.len() - 1);
        match if mixed { dice.below(3) } else { 0 } {
            0 => mine.push(pool.allocate().expect("there is room for all")),
            1 => mine.extend(pool.allocate_many(some).expect("there is room for all")),
            _ => {
                let mut addrs = vec![Ipv4Addr::UNSPECIFIED; some];
                assert_eq!(pool.allocate_into(&mut addrs), some);
                mine.extend(addrs);
            }
        }
    }
    mine
}

/// What a thread in a storm holds.
enum Held {
    Addr(Ipv4Addr),
    Batch(Vec<Ipv4Addr>),
    Block(Ipv4Net),
}

/// A thread in a storm: any verb at any time, everything entered in the ledger.
struct Churner<'a> {
    pool: &'a Pool4,
    ledger: &'a Ledger,
    name: usize,
    dice: Dice,
    held: Vec<Held>,
    allocated: Allocations,
    released: u64,
}

impl<'a> Churner<'a> {
    fn new(pool: &'a Pool4, ledger: &'a Ledger, name: usize) -> Self {
        Self {
            pool,
            ledger,
            name,
            dice: Dice::new(name),
            held: Vec::new(),
            allocated: Allocations::default(),
            released: 0,
        }
    }

    fn slot(&self, addr: Ipv4Addr) -> u32 {
        self.pool.slot_of(addr).expect("an address of the pool")
    }

    fn enter(&self, addr: Ipv4Addr) {
        self.ledger.take(self.slot(addr), self.name);
    }

    fn any_addr(&mut self) -> Ipv4Addr {
        let slots = self.pool.info().slots as usize;
        let slot = self.dice.below(slots) as u32;
        self.pool.addr_of(slot).unwrap_or(addr(0))
    }

    fn hold(&mut self, addr: Ipv4Addr) {
        self.enter(addr);
        self.held.push(Held::Addr(addr));
    }

    fn hold_batch(&mut self, addrs: Vec<Ipv4Addr>) {
        addrs.iter().for_each(|&addr| self.enter(addr));
        self.allocated.batch += addrs.len() as u64;
        self.held.push(Held::Batch(addrs));
    }

    fn step(&mut self) {
        self.dice.dawdle();
        match self.dice.below(20) {
            0..3 => {
                if let Ok(addr) = self.pool.allocate() {
                    self.hold(addr);
                    self.allocated.any += 1;
                }
            }
            3 => {
                if let Ok(net) = self.pool.allocate_net() {
                    self.hold(net.addr());
                    self.allocated.any += 1;
                }
            }
            4 => {
                let addr = self.any_addr();
                if self.pool.allocate_exact(addr).is_ok() {
                    self.hold(addr);
                    self.allocated.exact += 1;
                }
            }
            5 => {
                let addr = self.any_addr();
                if let Ok(addr) = self.pool.allocate_preferring(addr) {
                    self.hold(addr);
                    self.allocated.preferred += 1;
                }
            }
            6..8 => {
                let count = self.batch_size();
                if let Ok(addrs) = self.pool.allocate_many(count) {
                    assert_eq!(addrs.len(), count);
                    self.hold_batch(addrs);
                }
            }
            8 => {
                let mut addrs = vec![addr(0); self.batch_size()];
                let taken = self.pool.allocate_into(&mut addrs);
                addrs.truncate(taken);
                self.hold_batch(addrs);
            }
            9..11 => {
                let prefix_len = 32 - self.dice.below(11) as u8;
                if let Ok(block) = self.pool.allocate_block(prefix_len) {
                    block.hosts_and_edges().for_each(|addr| self.enter(addr));
                    self.allocated.block += 1 << (32 - prefix_len);
                    self.held.push(Held::Block(block));
                }
            }
            11 => {
                let (one, other) = (self.any_addr(), self.any_addr());
                let range = one.min(other)..=one.max(other);
                if let Ok(addr) = self.pool.allocate_in(range.clone()) {
                    assert!(range.contains(&addr));
                    self.hold(addr);
                    self.allocated.any += 1;
                }
            }
            12 => {
                let guard = self.pool.guard();
                if let Ok(guard) = guard {
                    let addr = guard.addr();
                    self.enter(addr);
                    self.allocated.any += 1;
                    if self.dice.below(2) == 0 {
                        self.held.push(Held::Addr(guard.keep()));
                    } else {
                        self.ledger.give_back(self.slot(addr), self.name);
                        self.released += 1;
                    }
                }
            }
            13 => {
                let addr = self.any_addr();
                if self.pool.adopt([addr]).taken == 1 {
                    self.hold(addr);
                    self.allocated.adopted += 1;
                }
            }
            _ => self.give_one_back(),
        }
        if self.held.len() > 12 {
            self.give_one_back();
        }
    }

    fn batch_size(&mut self) -> usize {
        let most = self.pool.capacity() as usize;
        1 + match self.dice.below(4) {
            0 => self.dice.below(most),
            _ => self.dice.below(most / 4 + 1),
        }
    }

    fn give_one_back(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let index = self.dice.below(self.held.len());
        match self.held.swap_remove(index) {
            Held::Addr(addr) => {
                self.ledger.give_back(self.slot(addr), self.name);
                self.pool.release(addr).expect("it is held");
                self.released += 1;
            }
            Held::Batch(mut addrs) => {
                for &addr in &addrs {
                    self.ledger.give_back(self.slot(addr), self.name);
                }
                if self.dice.below(2) == 0 {
                    addrs.reverse();
                }
                let report = self.pool.release_many(&addrs);
                assert_eq!(report.released, addrs.len() as u64);
                self.released += report.released;
            }
            Held::Block(block) => {
                for addr in block.hosts_and_edges() {
                    self.ledger.give_back(self.slot(addr), self.name);
                    self.released += 1;
                }
                self.pool.release_block(block).expect("it is held");
            }
        }
    }
}

trait EveryAddr {
    fn hosts_and_edges(&self) -> impl Iterator<Item = Ipv4Addr>;
}

impl EveryAddr for Ipv4Net {
    fn hosts_and_edges(&self) -> impl Iterator<Item = Ipv4Addr> {
        (self.network().to_bits()..=self.broadcast().to_bits()).map(Ipv4Addr::from_bits)
    }
}

fn churn(pool: &Pool4, threads: usize, steps: usize) {
    let of = format!("{pool:?}");
    let before = Before::of(pool);
    let ledger = Ledger::new(pool.info().slots);
    let counted = disturbed(threads, |thread| {
        let mut churner = Churner::new(pool, &ledger, thread);
        for _ in 0..steps {
            churner.step();
        }
        while !churner.held.is_empty() {
            churner.give_one_back();
        }
        (churner.allocated, churner.released)
    });
    let (stats, level) = (pool.stats(), pool.info().stats);
    if level != StatsLevel::Off {
        let sum = |count: fn(&Allocations) -> u64| counted.iter().map(|(all, _)| count(all)).sum();
        let allocated = &stats.allocations;
        assert_eq!(allocated.any, sum(|all| all.any), "{of}");
        assert_eq!(allocated.exact, sum(|all| all.exact), "{of}");
        assert_eq!(allocated.preferred, sum(|all| all.preferred), "{of}");
        assert_eq!(allocated.batch, sum(|all| all.batch), "{of}");
        assert_eq!(allocated.block, sum(|all| all.block), "{of}");
        assert_eq!(allocated.adopted, sum(|all| all.adopted), "{of}");
        let released: u64 = counted.iter().map(|(_, released)| released).sum();
        assert_eq!(stats.releases, released, "{of}");
        assert_eq!(stats.allocations.total(), stats.releases, "{of}");
        assert_eq!(stats.release_errors, 0, "{of}");
    }
    assert_eq!(pool.allocated(), 0, "{of}");
    before.expect_again(pool, &of);
}

/// All verbs at once on pools so small that every call meets every other: no address has two holders,
/// the counters are exact, and all returned means empty, bit for bit.
#[test]
fn a_storm_on_a_tiny_pool_leaves_no_trace() {
    let _watchdog = watchdog("a_storm_on_a_tiny_pool_leaves_no_trace");
    for_all_kinds(|policy, search| {
        for slots in [1, 2, 5, 16, 64, 70] {
            churn(&plain_pool(slots, policy, search), 5, 1500 * effort());
        }
    });
}

/// The same where blocks of several words and several chunks are claimed beside singles, with ranges
/// that are not aligned and reservations inside; at every level of counting.
#[test]
fn a_storm_on_a_pool_of_ranges_and_blocks_leaves_no_trace() {
    let _watchdog = watchdog("a_storm_on_a_pool_of_ranges_and_blocks_leaves_no_trace");
    for_all_kinds(|policy, search| {
        let ip = |text: &str| text.parse::<Ipv4Addr>().expect("an address");
        let of_ranges = Pool::over([
            ip("10.0.0.3")..=ip("10.0.0.90"),
            ip("10.0.0.95")..=ip("10.0.1.200"),
            ip("10.0.4.0")..=ip("10.0.9.255"),
        ])
        .reserve(ip("10.0.0.60")..=ip("10.0.0.69"), "printers")
        .reserve(ip("10.0.5.5")..=ip("10.0.5.5"), "router");
        let net = |text: &str| Pool::builder(text.parse::<Ipv4Net>().expect("a network"));
        for builder in [
            of_ranges,
            net("10.0.0.0/24"),
            net("10.0.0.0/21").reserve_edges(false),
        ] {
            for level in [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full] {
                let pool = builder
                    .clone()
                    .policy(policy)
                    .search(search)
                    .stats(level)
                    .build()
                    .expect("a pool");
                churn(&pool, 4, 300 * effort());
            }
        }
    });
}

/// Singles alone on one, two or three slots, at three heights of the tree: after the storm every slot
/// can be found again. A hint that is cleared wrongly, once, loses the slot for good: with one slot in
/// the pool no later release repairs it.
#[test]
fn the_only_slot_is_never_lost() {
    let _watchdog = watchdog("the_only_slot_is_never_lost");
    for policy in [Policy::Lowest, Policy::Next, Policy::Spread] {
        for slots in [1, 9000, 140_000] {
            for free in [&[0][..], &[0, 1], &[0, 700, 8999]] {
                let free: Vec<u32> = free.iter().copied().filter(|&slot| slot < slots).collect();
                let pool = nearly_full(slots, &free, policy, Search::Tree);
                let before = Before::of(&pool);
                disturbed(4, |thread| {
                    let mut dice = Dice::new(thread);
                    for _ in 0..25_000 * effort() {
                        if let Ok(addr) = pool.allocate() {
                            dice.dawdle();
                            pool.release(addr).expect("it is held");
                        }
                    }
                });
                before.expect_again(&pool, &format!("{policy:?}, {slots} slots, free {free:?}"));
            }
        }
    }
}

/// One holder for each free slot of a big full pool, beside threads that search in vain among slots
/// that are never free, in the same chunk: they clear the hints of all levels, again and again, as
/// soon as nothing is free. The holders are never refused: a hint that is cleared wrongly, or a
/// release that relies on somebody else's to be published, would leave one without.
#[test]
fn searches_in_vain_hide_nothing() {
    let _watchdog = watchdog("searches_in_vain_hide_nothing");
    for policy in [Policy::Lowest, Policy::Spread] {
        for slots in [400, 9000, 140_000] {
            for free in [&[3][..], &[3, 4]] {
                let pool = nearly_full(slots, free, policy, Search::Tree);
                let before = Before::of(&pool);
                let (holders, done) = (free.len(), AtomicUsize::new(0));
                let searches = AtomicUsize::new(0);
                disturbed(holders + 3, |thread| {
                    if thread >= holders {
                        while done.load(Ordering::SeqCst) < holders {
                            assert!(pool.allocate_in(addr(100)..=addr(200)).is_err());
                            searches.fetch_add(1, Ordering::Relaxed);
                        }
                        return;
                    }
                    let _stop = Stop(&done);
                    let mut dice = Dice::new(thread);
                    let enough = 20_000 * effort();
                    let mut round = 0;
                    while round.min(searches.load(Ordering::Relaxed)) < enough {
                        round += 1;
                        let given = pool.allocate();
                        let given = given.unwrap_or_else(|error| panic!("{pool:?}: {error}"));
                        (0..dice.below(200)).for_each(|_| std::hint::spin_loop());
                        pool.release(given).expect("it is held");
                    }
                });
                before.expect_again(&pool, &format!("{pool:?}"));
            }
        }
    }
}

/// T threads hold at most h addresses each where T * h are free: nobody is ever told `Exhausted`.
#[test]
fn nobody_is_refused_while_by_counting_an_address_is_free() {
    let _watchdog = watchdog("nobody_is_refused_while_by_counting_an_address_is_free");
    for_all_kinds(|policy, search| {
        for (threads, each) in [(2, 1), (3, 1), (4, 1), (6, 1), (4, 16), (5, 13), (3, 171)] {
            let pool = plain_pool((threads * each) as u32, policy, search);
            never_refused(&pool, threads, each, 12_000 / (each + 3));
        }
        // Two and three levels, and the free slots where their hints meet: in one chunk, in one node,
        // under different nodes.
        for (slots, free) in [
            (9000, [3, 4, 5]),
            (9000, [3, 600, 8999]),
            (140_000, [130_000, 9000, 1]),
        ] {
            let pool = nearly_full(slots, &free, policy, search);
            let steps = if search == Search::Tree { 2000 } else { 60 };
            never_refused(&pool, free.len(), 1, steps);
        }
    });
}

fn never_refused(pool: &Pool4, threads: usize, each: usize, rounds: usize) {
    let of = format!("{pool:?}, {threads} threads with {each} each");
    let before = Before::of(pool);
    disturbed(threads, |thread| {
        let mut dice = Dice::new(thread);
        let mut held = Vec::new();
        for _ in 0..rounds * effort() {
            for _ in 0..=dice.below(each) {
                if held.len() < each {
                    let given = pool.allocate();
                    held.push(given.unwrap_or_else(|error| panic!("{of}: {error}")));
                }
            }
            dice.dawdle();
            for _ in 0..=dice.below(each) {
                if !held.is_empty() {
                    let addr = held.swap_remove(dice.below(held.len()));
                    pool.release(addr).expect("it is held");
                }
            }
        }
        for addr in held {
            pool.release(addr).expect("it is held");
        }
    });
    assert_eq!(pool.stats().failures.exhausted, 0, "{of}");
    before.expect_again(pool, &of);
}

/// A batch that can never be had, because somebody keeps one address, is tried again and again: it
/// takes everything and gives it back. Singles beside it are not refused: what a batch may yet return
/// is not taken.
#[test]
fn a_batch_that_is_rolled_back_makes_nobody_fail() {
    let _watchdog = watchdog("a_batch_that_is_rolled_back_makes_nobody_fail");
    for_all_kinds(|policy, search| {
        for (slots, singles) in [(2, 1), (4, 3), (65, 3), (600, 2), (1100, 3)] {
            let pool = plain_pool(slots, policy, search);
            pool.allocate().expect("an empty pool");
            let before = Before::of(&pool);
            let running = AtomicUsize::new(0);
            let rounds = if slots > 64 { 60 } else { 400 } * effort();
            disturbed(singles + 2, |thread| {
                if thread >= singles {
                    // Two of them, so that they meet each other's flights as well.
                    while running.load(Ordering::SeqCst) < singles {
                        let all = pool.allocate_many(slots as usize);
                        assert!(all.is_err(), "one of them is kept");
                    }
                    return;
                }
                let _stop = Stop(&running);
                let mut dice = Dice::new(thread);
                for _ in 0..rounds {
                    dice.dawdle();
                    // At most one at a time, of at least as many as there are singles.
                    let given = match dice.below(4) {
                        0 => pool.allocate_preferring(addr(0)),
                        1 => pool.allocate_in(addr(0)..=addr(slots - 1)),
                        2 => pool.allocate_many(1).map(|addrs| addrs[0]),
                        _ => pool.allocate(),
                    };
                    let given = given.unwrap_or_else(|error| panic!("{pool:?}: {error}"));
                    pool.release(given).expect("it is held");
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// A block of several words that can never be whole, because somebody always sits in it, now here and
/// now there, is begun and rolled back. Whoever wants an address of it by name, which nobody else ever
/// holds, gets it: what a block may yet return is not taken.
#[test]
fn a_block_that_is_rolled_back_is_no_holder() {
    let _watchdog = watchdog("a_block_that_is_rolled_back_is_no_holder");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [(128, 25), (512, 23), (2048, 21)] {
            let pool = plain_pool(slots, policy, search);
            let before = Before::of(&pool);
            let (done, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let sits = Meeting::new(3);
            disturbed(3, |thread| match thread {
                0 => {
                    let sits = sits.join();
                    let mut dice = Dice::new(slots as usize);
                    let mut seat = slots - 1;
                    pool.allocate_exact(addr(seat)).expect("an empty pool");
                    sits.wait();
                    while done.load(Ordering::SeqCst) == 0 {
                        // Not in the first word, which the block takes first.
                        let next = 64 + dice.below(slots as usize - 64) as u32;
                        if pool.allocate_exact(addr(next)).is_ok() {
                            pool.release(addr(seat)).expect("it is held");
                            seat = next;
                        }
                    }
                    pool.release(addr(seat)).expect("it is held");
                }
                1 => {
                    let sits = sits.join();
                    sits.wait();
                    while done.load(Ordering::SeqCst) == 0 {
                        let whole = pool.allocate_block(prefix_len);
                        begun.fetch_add(1, Ordering::Relaxed);
                        assert!(whole.is_err() || done.load(Ordering::SeqCst) == 1);
                        if let Ok(block) = whole {
                            pool.release_block(block).expect("it is held");
                        }
                    }
                }
                _ => {
                    let sits = sits.join();
                    sits.wait();
                    let _stop = Stop(&done);
                    let mut dice = Dice::new(thread);
                    let enough = 6000 * effort();
                    let mut round = 0;
                    while round.min(begun.load(Ordering::Relaxed)) < enough {
                        round += 1;
                        // Mostly let go of, or the block is not even begun.
                        (0..dice.below(400)).for_each(|_| std::hint::spin_loop());
                        pool.allocate_exact(addr(3)).expect("nobody holds it");
                        pool.release(addr(3)).expect("it is held");
                    }
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Permits outside the pool say how much is free: a /23 is taken and given back in a /22, a block of
/// 1024 in 2048 slots, batches beside them, and whoever has a permit for one address gets one.
#[test]
fn blocks_and_batches_come_and_go_beside_singles() {
    let _watchdog = watchdog("blocks_and_batches_come_and_go_beside_singles");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [(1024, 23), (2048, 22)] {
            let pool = plain_pool(slots, policy, search);
            let before = Before::of(&pool);
            let permits = AtomicUsize::new(slots as usize);
            let ask = |count| {
                let take = |free: usize| free.checked_sub(count);
                permits
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                    .is_ok()
            };
            let give_back = |count| permits.fetch_add(count, Ordering::SeqCst);
            let block_slots = 1usize << (32 - prefix_len);
            let (blocks, batches) = (AtomicUsize::new(0), AtomicUsize::new(0));
            together(5, |thread| {
                let mut dice = Dice::new(thread);
                let mut held = Vec::new();
                for _ in 0..120 * effort() {
                    match thread {
                        0 if ask(block_slots) => {
                            // It may be in pieces: that is no error.
                            if let Ok(block) = pool.allocate_block(prefix_len) {
                                blocks.fetch_add(1, Ordering::SeqCst);
                                dice.dawdle();
                                pool.release_block(block).expect("it is held");
                            }
                            give_back(block_slots);
                        }
                        1 | 2 => {
                            let count = 1 + dice.below(slots as usize / 2);
                            if ask(count) {
                                let batch = pool.allocate_many(count);
                                let batch = batch.unwrap_or_else(|error| {
                                    panic!("{pool:?}: {count} with permits: {error}")
                                });
                                batches.fetch_add(1, Ordering::SeqCst);
                                dice.dawdle();
                                assert_eq!(pool.release_many(&batch).released, count as u64);
                                give_back(count);
                            }
                        }
                        _ => {
                            while held.len() < 100 && ask(1) {
                                let given = pool.allocate();
                                held.push(given.unwrap_or_else(|error| {
                                    panic!("{pool:?}: one with a permit: {error}")
                                }));
                            }
                            for _ in 0..dice.below(100) {
                                if let Some(addr) = held.pop() {
                                    pool.release(addr).expect("it is held");
                                    give_back(1);
                                }
                            }
                        }
                    }
                }
                for addr in held {
                    pool.release(addr).expect("it is held");
                }
            });
            assert!(batches.into_inner() > 0);
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Two or three callers each want more than half of an otherwise untouched pool: one gets it, and the
/// others are refused. Never none, and nobody waits for ever.
#[test]
fn of_batches_that_do_not_fit_together_exactly_one_succeeds() {
    let _watchdog = watchdog("of_batches_that_do_not_fit_together_exactly_one_succeeds");
    for_all_kinds(|policy, search| {
        for (slots, callers) in [(1, 2), (2, 2), (3, 3), (64, 2), (70, 3), (1100, 2)] {
            for count in [slots, slots / 2 + 1] {
                let pool = plain_pool(slots, policy, search);
                let rounds = if slots > 100 { 25 } else { 60 } * effort();
                exactly_one_wins(&pool, callers, rounds, |_| {
                    let pool = &pool;
                    let batch = pool.allocate_many(count as usize).ok()?;
                    assert_eq!(batch.len(), count as usize);
                    Some(move || assert_eq!(pool_release(pool, &batch), u64::from(count)))
                });
            }
        }
    });
}

fn pool_release(pool: &Pool4, addrs: &[Ipv4Addr]) -> u64 {
    pool.release_many(addrs).released
}

/// Two callers want the same whole block, or one the whole and the other half of it: one gets it.
#[test]
fn of_blocks_that_do_not_fit_together_exactly_one_succeeds() {
    let _watchdog = watchdog("of_blocks_that_do_not_fit_together_exactly_one_succeeds");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [
            (16, 28),
            (64, 26),
            (128, 25),
            (512, 23),
            (1024, 22),
            (2048, 21),
        ] {
            let pool = plain_pool(slots, policy, search);
            exactly_one_wins(&pool, 3, 40 * effort(), |_| {
                let block = pool.allocate_block(prefix_len).ok()?;
                let pool = &pool;
                Some(move || pool.release_block(block).expect("it is held"))
            });
            // The whole against its upper half.
            exactly_one_wins(&pool, 2, 40 * effort(), |caller| {
                let block = pool.allocate_block(prefix_len + caller as u8).ok()?;
                let pool = &pool;
                Some(move || pool.release_block(block).expect("it is held"))
            });
            // A batch of all against a block of all: what they can get, and words in order.
            exactly_one_wins(&pool, 2, 40 * effort(), |caller| {
                let pool = &pool;
                let held = match caller {
                    0 => pool.allocate_many(slots as usize).ok()?,
                    _ => pool
                        .allocate_block(prefix_len)
                        .ok()?
                        .hosts_and_edges()
                        .collect(),
                };
                Some(move || assert_eq!(pool_release(pool, &held), u64::from(slots)))
            });
        }
    });
}

/// All callers at once, again and again: each time exactly one of them succeeds; then it gives back.
fn exactly_one_wins<G: FnOnce()>(
    pool: &Pool4,
    callers: usize,
    rounds: usize,
    claim: impl Fn(usize) -> Option<G> + Sync,
) {
    let before = Before::of(pool);
    let meeting = Meeting::new(callers);
    let winners = AtomicUsize::new(0);
    together(callers, |caller| {
        let meeting = meeting.join();
        for round in 0..rounds {
            meeting.wait();
            let won = claim(caller);
            winners.fetch_add(usize::from(won.is_some()), Ordering::SeqCst);
            meeting.wait();
            // Everybody looks, so that nobody is left waiting when it is wrong.
            assert_eq!(
                winners.load(Ordering::SeqCst),
                round + 1,
                "{pool:?}: one winner a round"
            );
            meeting.wait();
            if let Some(give_back) = won {
                give_back();
            }
        }
    });
    before.expect_again(pool, &format!("{pool:?}"));
}

/// The only slot is taken. R releases it; at the same time X releases it too, is told whatever it is
/// told, and allocates: nobody else wants it, so X gets it. A release that finds the slot free says so
/// only when everybody else can find it as well.
#[test]
fn a_slot_that_was_reported_free_can_be_allocated() {
    let _watchdog = watchdog("a_slot_that_was_reported_free_can_be_allocated");
    for search in storm::SEARCHES {
        for slots in [1, 9000] {
            for by_many in [false, true] {
                let pool = nearly_full(slots, &[], Policy::Lowest, search);
                let meeting = Meeting::new(2);
                let only = addr(slots / 2);
                let rounds = if search == Search::Tree { 20_000 } else { 3000 };
                disturbed(2, |thread| {
                    let meeting = meeting.join();
                    let mut dice = Dice::new(thread);
                    for round in 0..rounds * effort() {
                        meeting.wait();
                        dice.dawdle();
                        let released = if by_many {
                            pool.release_many(&[only]).released == 1
                        } else {
                            pool.release(only).is_ok()
                        };
                        if thread == round % 2 {
                            let given = pool.allocate();
                            assert!(given.is_ok(), "released: {released}, then {given:?}");
                        }
                        meeting.wait();
                        // The other one may have released it after it was allocated.
                        if thread == round % 2 {
                            if pool.is_available(only) {
                                pool.allocate_exact(only).expect("nobody else is here");
                            }
                            // A search in vain: the next round begins without a hint left.
                            assert!(pool.allocate().is_err());
                        }
                    }
                });
            }
        }
    }
}

/// Movers each hold at most one slot of a range that has one more than there are movers; they let go
/// of one before they take another. So one is always free, somewhere, and whoever asks for one within
/// the range gets it, though it moves behind the back of the search.
#[test]
fn allocate_in_finds_the_slot_that_moves() {
    let _watchdog = watchdog("allocate_in_finds_the_slot_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, free) in [
            (70, &[20, 22][..]),
            (256, &[70, 190]),
            (2600, &[40, 1200, 2500]),
            (9000, &[600, 8500]),
        ] {
            let pool = nearly_full(slots, free, policy, search);
            // Slots beside the range, which nobody here wants and many searches see.
            pool.release(addr(0)).expect("all are taken");
            pool.release(addr(slots - 1)).expect("all are taken");
            let range = addr(10)..=addr(slots - 5);
            let leave = |slot: u32| pool.release(addr(slot)).expect("it is held");
            let find = || match pool.allocate_in(range.clone()) {
                Ok(found) => pool.release(found).expect("it is held"),
                Err(error) => panic!("{pool:?}, free {free:?}: {error}"),
            };
            let claim = |slot: u32| pool.allocate_exact(addr(slot)).is_ok();
            let rounds = if slots > 2000 { 20_000 } else { 30_000 };
            find_what_moves(&pool, free, rounds, claim, leave, find);
        }
    });
}

/// The same for `allocate`, with nothing else free in the whole pool: the plain scan sees one word after
/// another too, and the slot moves between them.
#[test]
fn allocate_finds_the_slot_that_moves() {
    let _watchdog = watchdog("allocate_finds_the_slot_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, free) in [
            (70, &[5, 69][..]),
            (700, &[3, 690]),
            (2600, &[9, 1200, 2599]),
        ] {
            let pool = nearly_full(slots, free, policy, search);
            let leave = |slot: u32| pool.release(addr(slot)).expect("it is held");
            let find = || match pool.allocate() {
                Ok(found) => pool.release(found).expect("it is held"),
                Err(error) => panic!("{pool:?}, free {free:?}: {error}"),
            };
            let claim = |slot: u32| pool.allocate_exact(addr(slot)).is_ok();
            find_what_moves(&pool, free, 25_000, claim, leave, find);
        }
    });
}

/// The same with blocks: movers sit in one block each, of one more than there are movers, so that one
/// block is always whole.
#[test]
fn allocate_block_finds_the_block_that_moves() {
    let _watchdog = watchdog("allocate_block_finds_the_block_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [
            (32, 28),
            (48, 28),
            (600, 28),
            (128, 26),
            (256, 25),
            (1024, 23),
            (2048, 22),
        ] {
            let size = 1u32 << (32 - prefix_len);
            let blocks = slots / size;
            // At most three blocks move; whatever else there is has somebody in it.
            let moving: Vec<u32> = (0..blocks).step_by((blocks as usize).div_ceil(3)).collect();
            let pool = plain_pool(slots, policy, search);
            for block in (0..blocks).filter(|block| !moving.contains(block)) {
                let seat = addr(block * size + block % size);
                pool.allocate_exact(seat).expect("an empty pool");
            }
            let seat = |block: u32| addr(block * size + 3);
            let leave = |block: u32| pool.release(seat(block)).expect("it is held");
            let find = || match pool.allocate_block(prefix_len) {
                Ok(block) => pool.release_block(block).expect("it is held"),
                Err(error) => panic!("{pool:?}, moving {moving:?}: {error}"),
            };
            let claim = |block: u32| pool.allocate_exact(seat(block)).is_ok();
            find_what_moves(&pool, &moving, 6000, claim, leave, find);
        }
    });
}

/// One fewer mover than there are places, and one finder, who must find every time: for so many rounds,
/// and until as many moves have been made.
fn find_what_moves(
    pool: &Pool4,
    places: &[u32],
    rounds: usize,
    claim: impl Fn(u32) -> bool + Sync,
    leave: impl Fn(u32) + Sync,
    find: impl Fn() + Sync,
) {
    let before = Before::of(pool);
    let (done, moves) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let movers = places.len() - 1;
    disturbed(movers + 1, |thread| {
        if thread == movers {
            let _stop = Stop(&done);
            let mut round = 0;
            while round.min(moves.load(Ordering::Relaxed)) < rounds * effort() {
                find();
                round += 1;
            }
            return;
        }
        let mut dice = Dice::new(thread);
        let mut place = None;
        while done.load(Ordering::SeqCst) == 0 {
            if let Some(place) = place {
                leave(place);
            }
            // Whoever looks for one may have it just now: then this mover holds none for a while.
            let next = places[dice.below(places.len())];
            place = claim(next).then_some(next);
            moves.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(place) = place {
            leave(place);
        }
    });
    before.expect_again(pool, &format!("{pool:?}"));
}

/// Two batches that cannot be had take everything for a moment, again and again. Whoever wants one
/// address by name, which nobody else ever holds, gets it: a claim that will be rolled back is no
/// holder, neither for an exact claim nor for a user list.
#[test]
fn an_exact_claim_outwaits_a_batch_that_gives_back() {
    let _watchdog = watchdog("an_exact_claim_outwaits_a_batch_that_gives_back");
    for_all_kinds(|policy, search| {
        for slots in [3, 70, 700] {
            let pool = plain_pool(slots, policy, search);
            pool.allocate_exact(addr(0)).expect("an empty pool");
            let before = Before::of(&pool);
            let running = AtomicUsize::new(0);
            together(4, |thread| {
                if thread >= 2 {
                    while running.load(Ordering::SeqCst) < 2 {
                        let all = pool.allocate_many(slots as usize);
                        assert!(all.is_err(), "one of them is kept");
                    }
                    return;
                }
                let _stop = Stop(&running);
                let mine = addr(slots - 1 - thread as u32);
                for round in 0..400 * effort() {
                    if round % 2 == 0 {
                        pool.allocate_exact(mine).expect("nobody holds it");
                    } else {
                        let report = pool.adopt([mine]);
                        assert_eq!((report.taken, report.already), (1, 0), "{pool:?}");
                    }
                    pool.release(mine).expect("it is held");
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// One thread allocates, another releases, over a channel: nothing is lost on the way, and what the
/// first wrote the next holder reads.
#[test]
fn an_address_may_be_released_by_another_thread() {
    let _watchdog = watchdog("an_address_may_be_released_by_another_thread");
    for_all_kinds(|policy, search| {
        for slots in [1, 3, 70] {
            let pool = plain_pool(slots, policy, search);
            let before = Before::of(&pool);
            let ledger = Ledger::new(slots.into());
            std::thread::scope(|scope| {
                for pair in 0..2 {
                    let (give, take): (Sender<Ipv4Addr>, Receiver<_>) = channel();
                    let (pool, ledger) = (&pool, &ledger);
                    scope.spawn(move || {
                        let mut dice = Dice::new(pair);
                        for _ in 0..1500 * effort() {
                            if let Ok(addr) = pool.allocate() {
                                ledger.take(pool.slot_of(addr).expect("in the pool"), pair);
                                give.send(addr).expect("the other one listens");
                            } else {
                                std::thread::yield_now();
                            }
                            dice.dawdle();
                        }
                    });
                    scope.spawn(move || {
                        for addr in take {
                            ledger.give_back(pool.slot_of(addr).expect("in the pool"), pair);
                            pool.release(addr).expect("it is held");
                        }
                    });
                }
            });
            assert_eq!(pool.stats().allocations.any, pool.stats().releases);
            assert_eq!(pool.stats().release_errors, 0);
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Guards across threads, borrowed and owned, dropped here or there, some by a thread that panics:
/// each gives its address back exactly once.
#[test]
fn guards_give_back_once_wherever_they_are_dropped() {
    let _watchdog = watchdog("guards_give_back_once_wherever_they_are_dropped");
    for_all_kinds(|policy, search| {
        let pool = Arc::new(plain_pool(70, policy, search));
        let before = Before::of(&pool);
        let ledger = Ledger::new(70);
        let (give, take) = channel::<GuardArc<Ipv4Net>>();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (pool, ledger, give) = (&pool, &ledger, give.clone());
                scope.spawn(move || {
                    let mut dice = Dice::new(thread);
                    for round in 0..400 * effort() {
                        let Ok(guard) = pool.guard() else { continue };
                        let slot = pool.slot_of(guard.addr()).expect("in the pool");
                        ledger.take(slot, thread);
                        dice.dawdle();
                        ledger.give_back(slot, thread);
                        if round % 50 == 0 {
                            let died = catch_unwind(AssertUnwindSafe(|| {
                                let _held = guard;
                                // Not `panic!`: nobody needs to read about it.
                                std::panic::resume_unwind(Box::new("on purpose"));
                            }));
                            assert!(died.is_err());
                        }
                        if let Ok(owned) = pool.guard_arc() {
                            give.send(owned).expect("the other one listens");
                        }
                    }
                });
            }
            drop(give);
            scope.spawn(|| take.into_iter().for_each(drop));
        });
        assert_eq!(
            Arc::strong_count(&pool),
            1,
            "every guard let go of the pool"
        );
        assert_eq!(pool.stats().release_errors, 0);
        assert_eq!(pool.allocated(), 0);
        before.expect_again(&pool, &format!("{pool:?}"));
    });
}

/// A thread that dies with a guard in its hands gives the address back, and takes nobody with it.
#[test]
fn a_thread_that_panics_returns_its_address() {
    let pool = Arc::new(plain_pool(1, Policy::Lowest, Search::Tree));
    for _ in 0..50 {
        let held = pool.guard_arc().expect("it came back every time");
        let thread = std::thread::spawn(move || {
            let _held = held;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(thread.join().is_err());
    }
    assert_eq!(pool.allocated(), 0);
    std::thread::scope(|scope| {
        let borrowed = pool.guard().expect("it came back every time");
        let thread = scope.spawn(move || {
            let _held = borrowed;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(thread.join().is_err());
    });
    assert_eq!(pool.allocate(), Ok(addr(0)));
}

/// Listings during a storm are out of date when they are read, but never wrong: ascending, in the
/// pool, never a reserved address; what is held all the time is always in them.
#[test]
fn listings_during_a_storm_show_only_what_can_be() {
    let _watchdog = watchdog("listings_during_a_storm_show_only_what_can_be");
    for_all_kinds(|policy, search| {
        let ip = |text: &str| text.parse::<Ipv4Addr>().expect("an address");
        let pool = Pool::builder("10.0.0.0/22".parse::<Ipv4Net>().expect("a network"))
            .range(ip("10.0.0.0")..=ip("10.0.0.150"))
            .range(ip("10.0.2.33")..=ip("10.0.3.255"))
            .reserve(ip("10.0.0.70")..=ip("10.0.0.80"), "printers")
            .gateway(Gateway::Last)
            .policy(policy)
            .search(search)
            .build()
            .expect("a pool");
        let usable: BTreeSet<Ipv4Addr> = pool.free_from(ip("10.0.0.0")).collect();
        assert_eq!(usable.len(), 150 - 11 + 479 - 2);
        let kept = [ip("10.0.0.69"), ip("10.0.2.33"), ip("10.0.3.253")];
        for addr in kept {
            pool.allocate_exact(addr).expect("it is usable");
        }
        let (empty, before) = (pool.snapshot(), Before::of(&pool));
        let running = AtomicUsize::new(0);
        together(4, |thread| {
            if thread < 3 {
                let _stop = Stop(&running);
                let mut dice = Dice::new(thread);
                for _ in 0..100 * effort() {
                    let mut batch = vec![ip("0.0.0.0"); dice.below(300)];
                    let taken = pool.allocate_into(&mut batch);
                    let block = pool.allocate_block(26);
                    if let Ok(block) = block {
                        pool.release_block(block).expect("it is held");
                    }
                    let _ = pool.release_many(&batch[..taken]);
                }
                return;
            }
            let expect_good = |listed: Vec<Ipv4Addr>, what: &str| {
                assert!(listed.is_sorted_by(|one, next| one < next), "{what}");
                for addr in &listed {
                    assert!(usable.contains(addr), "{what}: {addr}");
                }
                listed
            };
            while running.load(Ordering::SeqCst) < 3 {
                let listed = expect_good(pool.iter().collect(), "iter");
                assert!(kept.iter().all(|addr| listed.contains(addr)));
                let snapshot = pool.snapshot();
                let listed = expect_good(snapshot.iter().collect(), "snapshot");
                assert!(kept.iter().all(|addr| listed.contains(addr)));
                assert_eq!(snapshot.allocated(), listed.len() as u64);
                let diff = snapshot.diff(&empty).expect("the same pool");
                assert_eq!(
                    (diff.allocated.len() + 3, diff.released.len()),
                    (listed.len(), 0)
                );
                let from = ip("10.0.2.0");
                let listed = expect_good(pool.iter_from(from).collect(), "iter_from");
                assert!(listed.contains(&kept[1]) && listed[0] >= from);
                let listed = expect_good(pool.free_from(ip("0.0.0.0")).collect(), "free_from");
                assert!(!kept.iter().any(|addr| listed.contains(addr)));
                assert!(pool.allocated() <= pool.capacity());
                assert!(pool.available() <= pool.capacity());
                assert!(pool.count_in(kept[0]..=kept[2]) >= 3);
            }
        });
        before.expect_again(&pool, &format!("{pool:?}"));
    });
}

/// Two families behind one type: threads with an IPv4 and an IPv6 pool of `IpNet` do not mix them up.
#[test]
fn pools_of_either_family_keep_to_it() {
    let _watchdog = watchdog("pools_of_either_family_keep_to_it");
    let pools = ["10.0.0.0/26", "2001:db8::/122"].map(|text| {
        let net: IpNet = text.parse().expect("a network");
        Pool::new(net).expect("a pool")
    });
    let given = together(4, |_| {
        let all = pools.each_ref().map(|pool| {
            let mut mine = Vec::new();
            while let Ok(addr) = pool.allocate() {
                mine.push(addr);
            }
            mine
        });
        assert!(all[0].iter().all(|addr| addr.is_ipv4()));
        assert!(all[1].iter().all(|addr| addr.is_ipv6()));
        all.map(|mine| mine.len())
    });
    assert_eq!(given.iter().map(|[v4, _]| v4).sum::<usize>(), 61);
    assert_eq!(given.iter().map(|[_, v6]| v6).sum::<usize>(), 62);
}

/// Somebody releases one address of a block while its holder releases the block, which is a mistake:
/// whoever wins, nothing is held in the end, and the counters know it.
#[test]
fn a_block_released_in_two_ways_at_once_is_counted_once() {
    let _watchdog = watchdog("a_block_released_in_two_ways_at_once_is_counted_once");
    let pool = plain_pool(512, Policy::Lowest, Search::Tree);
    for round in 0..2000 * effort() as u32 {
        let block = pool.allocate_block(24).unwrap();
        let stray = Ipv4Addr::from_bits(block.network().to_bits() + round * 67 % 256);
        together(2, |thread| match thread {
            0 => pool.release_block(block).is_ok(),
            _ => pool.release(stray).is_ok(),
        });
        // The block may have been refused as a whole, because the stray release came first.
        for addr in pool.iter().collect::<Vec<_>>() {
            pool.release(addr).unwrap();
        }
        assert_eq!(pool.allocated(), 0, "round {round}");
    }
}
