//! All verbs at once.

use super::*;

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
                if self.pool.adopt([addr]).unwrap().taken == 1 {
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
