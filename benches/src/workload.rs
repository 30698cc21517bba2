//! The operations that are timed.

use crate::fills::fill_up;
use crate::ratio::time;
use hostbits::{Builder, Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Builds a pool of 10.0.0.0/`prefix_len` in which every slot is usable.
pub fn pool_of(prefix_len: u8, policy: Policy, stats: StatsLevel) -> Pool<Ipv4Net> {
    let built = builder_of(prefix_len, policy, stats).build();
    built.expect("a valid pool")
}

/// Configures such a pool.
pub fn builder_of(prefix_len: u8, policy: Policy, stats: StatsLevel) -> Builder<Ipv4Net> {
    let network = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a valid prefix");
    Pool::builder(network)
        .reserve_edges(false)
        .policy(policy)
        .stats(stats)
}

/// Creates a pool of 10.0.0.0/`prefix_len`, lowest address first, in a file of the directory for temporary files, and
/// returns it with the path of the file. The caller removes the file.
pub fn pool_in_file(prefix_len: u8, stats: StatsLevel) -> (Pool<Ipv4Net>, PathBuf) {
    let network = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a valid prefix");
    let path = std::env::temp_dir().join(format!("hostbits-ratios-{}", std::process::id()));
    let builder = Pool::builder(network).stats(stats);
    (builder.create(&path).expect("room for a file"), path)
}

/// Runs the reference: takes one bit of one hot word and gives it back, by two bare read-modify-writes.
pub fn two_rmws(operations: u64) -> f64 {
    let word = AtomicU64::new(u64::MAX);
    let bit = black_box(7u32);
    time(operations, || {
        let mask = 1u64 << (bit & 63);
        let taken = word.fetch_and(!mask, Ordering::SeqCst) & mask != 0;
        let was_free = word.fetch_or(mask, Ordering::SeqCst) & mask != 0;
        black_box(taken && !was_free);
    })
}

/// Fills a new pool by batches of `batch` addresses until `count` are taken, and returns nanoseconds per address.
/// Building the pool is not timed.
pub(crate) fn allocate_into(prefix_len: u8, batch: usize, count: u64) -> f64 {
    let pool = pool_of(prefix_len, Policy::Lowest, StatsLevel::default());
    let mut addrs = vec![Ipv4Addr::UNSPECIFIED; batch];
    let batches = count.div_ceil(batch as u64);
    let per_batch = time(batches, || {
        assert_eq!(pool.allocate_into(&mut addrs), batch, "the pool is larger");
        black_box(&addrs);
    });
    assert_eq!(pool.allocated(), batches * batch as u64);
    per_batch / batch as f64
}

/// Returns addresses of the pool, the same ones in every run.
fn random_addrs(pool: &Pool<Ipv4Net>) -> impl Iterator<Item = Ipv4Addr> {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let slot = ((u128::from(random) * u128::from(pool.capacity())) >> 64) as u32;
        pool.addr_of(slot).expect("a slot of the pool")
    })
}

/// Runs pairs of an allocation and a release on a pool that is empty, full or nearly full.
pub struct Pairs {
    pool: Pool<Ipv4Net>,
    /// Random addresses of the pool, to be released and allocated again.
    victims: Vec<Ipv4Addr>,
}

impl Pairs {
    /// Prepares pairs on an empty pool.
    pub fn empty(pool: Pool<Ipv4Net>) -> Self {
        let first = pool.allocate().expect("an empty pool");
        pool.release(first).expect("just allocated");
        assert_eq!(pool.allocated(), 0);
        let victims = random_addrs(&pool).take(1 << 12).collect();
        Self { pool, victims }
    }

    /// Prepares pairs on a full pool.
    pub fn full(pool: Pool<Ipv4Net>) -> Self {
        fill_up(&pool);
        assert!(pool.allocate().is_err());
        assert_eq!(pool.allocated(), pool.capacity());
        let victims = random_addrs(&pool).take(1 << 16).collect();
        Self { pool, victims }
    }

    /// Prepares pairs on a full pool in which there has been a batch, for whose end a refusal would wait.
    pub fn full_after_a_batch(pool: Pool<Ipv4Net>) -> Self {
        let batch = pool.allocate_many(2).expect("an empty pool");
        assert_eq!(pool.release_many(&batch).released, 2);
        Self::full(pool)
    }

    /// Prepares pairs on a pool whose lowest addresses are taken, this share of all in per cent: the lowest free address
    /// is then far from the first word.
    pub fn filled_from_below(pool: Pool<Ipv4Net>, percent: u64) -> Self {
        let wanted = (pool.capacity() * percent / 100) as usize;
        let mut addrs = vec![Ipv4Addr::UNSPECIFIED; wanted];
        assert_eq!(pool.allocate_into(&mut addrs), wanted);
        Self {
            pool,
            victims: Vec::new(),
        }
    }

    /// Prepares pairs on a pool in which one address in `one_in` is free, at random places.
    pub fn nearly_full(pool: Pool<Ipv4Net>, one_in: u64) -> Self {
        let mut full = Self::full(pool);
        let mut free = BTreeSet::new();
        let wanted = full.pool.capacity() / one_in;
        for addr in random_addrs(&full.pool) {
            if free.len() as u64 == wanted {
                break;
            }
            if free.insert(addr) {
                full.pool.release(addr).expect("the pool was full");
            }
        }
        assert_eq!(full.pool.available(), wanted);
        let enough = (full.pool.capacity() / 2).min(1 << 16) as usize;
        let mut seen = free;
        full.victims = random_addrs(&full.pool)
            .filter(|&addr| seen.insert(addr))
            .take(enough)
            .collect();
        full
    }

    /// Allocates an address and releases it.
    pub fn allocate_release(&self, operations: u64) -> f64 {
        time(operations, || {
            let addr = self.pool.allocate().expect("not exhausted");
            self.pool.release(black_box(addr)).expect("just allocated");
        })
    }

    /// Allocates an address and releases the oldest of the sixteen that are held: no release has to wait for the
    /// allocation before it.
    pub fn held(&self, operations: u64) -> f64 {
        let mut held = [(); 16].map(|()| self.pool.allocate().expect("not exhausted"));
        let mut index = 0;
        let cost = time(operations, || {
            let addr = self.pool.allocate().expect("not exhausted");
            let oldest = std::mem::replace(&mut held[index % 16], black_box(addr));
            self.pool.release(oldest).expect("held");
            index += 1;
        });
        for addr in held {
            self.pool.release(addr).expect("held");
        }
        assert_eq!(self.pool.allocated(), 0);
        cost
    }

    /// Allocates 64 addresses at once and releases them at once, which is one operation.
    pub fn batches(&self, operations: u64) -> f64 {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; 64];
        let cost = time(operations, || {
            let taken = self.pool.allocate_into(&mut addrs);
            let report = self.pool.release_many(black_box(&addrs));
            assert_eq!((taken, report.released), (64, 64));
        });
        assert_eq!(self.pool.allocated(), 0);
        cost
    }

    /// Releases a random address of a full pool and allocates it again.
    pub fn release_random_allocate(&self, operations: u64) -> f64 {
        let mut victims = self.victims.iter().cycle();
        let cost = time(operations, || {
            let victim = *victims.next().expect("a cycle");
            self.pool.release(victim).expect("the pool is full");
            let addr = self.pool.allocate().expect("one is free");
            assert_eq!(black_box(addr), victim);
        });
        assert_eq!(self.pool.available(), 0);
        cost
    }

    /// Releases a random held address, and allocates one of the free ones.
    ///
    /// The next round releases the address that was allocated, so that the pool stays equally full.
    pub fn release_allocate_nearly_full(&mut self, operations: u64) -> f64 {
        let available = self.pool.available();
        let len = self.victims.len();
        let mut index = 0;
        let (pool, victims) = (&self.pool, &mut self.victims);
        let cost = time(operations, || {
            let victim = &mut victims[index];
            pool.release(*victim).expect("held");
            *victim = black_box(pool.allocate().expect("some are free"));
            index = if index + 1 == len { 0 } else { index + 1 };
        });
        assert_eq!(self.pool.available(), available);
        cost
    }

    /// Allocates a given address of an empty pool and releases it.
    pub fn exact(&self, operations: u64) -> f64 {
        let mut victims = self.victims.iter().cycle();
        let cost = time(operations, || {
            let addr = *victims.next().expect("a cycle");
            self.pool.allocate_exact(black_box(addr)).expect("free");
            self.pool.release(addr).expect("just allocated");
        });
        assert_eq!(self.pool.allocated(), 0);
        cost
    }

    /// Allocates from a local and releases into it.
    pub fn local(&self, operations: u64) -> f64 {
        let mut local = self.pool.local();
        let cost = time(operations, || {
            let addr = local.allocate().expect("not exhausted");
            local.release(black_box(addr)).expect("just allocated");
        });
        drop(local);
        assert_eq!(self.pool.allocated(), 0);
        cost
    }

    /// Releases a random address of a full pool and allocates it again, through a local.
    pub fn local_full_random(&self, operations: u64) -> f64 {
        let mut local = self.pool.local();
        let mut victims = self.victims.iter().cycle();
        let cost = time(operations, || {
            let victim = *victims.next().expect("a cycle");
            local.release(victim).expect("the pool is full");
            let addr = local.allocate().expect("one is free");
            assert_eq!(black_box(addr), victim);
        });
        drop(local);
        assert_eq!(self.pool.available(), 0);
        cost
    }

    /// Allocates from a local and releases into it, holding sixteen addresses and releasing the oldest: the next call
    /// does not have to wait for the address that was just released.
    pub fn local_held(&self, operations: u64) -> f64 {
        let mut local = self.pool.local();
        let mut held = [(); 16].map(|()| local.allocate().expect("not exhausted"));
        let mut index = 0;
        let cost = time(operations, || {
            let oldest = &mut held[index % 16];
            local.release(black_box(*oldest)).expect("held");
            *oldest = local.allocate().expect("not exhausted");
            index += 1;
        });
        for addr in held {
            local.release(addr).expect("held");
        }
        drop(local);
        assert_eq!(self.pool.allocated(), 0);
        cost
    }

    /// Calls `allocate` on a full pool, which is refused.
    pub fn exhausted(&self, operations: u64) -> f64 {
        time(operations, || {
            assert!(black_box(self.pool.allocate()).is_err());
        })
    }
}
