//! The operations that are timed.

use crate::ratio::time;
use hostbits::{Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};

/// A pool of 10.0.0.0/`prefix_len` with every slot usable.
pub fn pool_of(prefix_len: u8, policy: Policy, stats: StatsLevel) -> Pool<Ipv4Net> {
    let network = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a valid prefix");
    let built = Pool::builder(network)
        .reserve_edges(false)
        .policy(policy)
        .stats(stats)
        .build();
    built.expect("a valid pool")
}

/// The reference: one bit of one hot word taken and given back, two bare read-modify-writes.
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

/// Allocate+release pairs on a pool that is empty or full.
pub struct Pairs {
    pool: Pool<Ipv4Net>,
    /// Random addresses of the pool, to be released and allocated again.
    victims: Vec<Ipv4Addr>,
}

impl Pairs {
    /// Pairs on an empty pool.
    pub fn empty(pool: Pool<Ipv4Net>) -> Self {
        let first = pool.allocate().expect("an empty pool");
        pool.release(first).expect("just allocated");
        assert_eq!(pool.allocated(), 0);
        Self {
            pool,
            victims: Vec::new(),
        }
    }

    /// Pairs on a full pool.
    pub fn full(pool: Pool<Ipv4Net>) -> Self {
        while pool.allocate().is_ok() {}
        assert_eq!(pool.allocated(), pool.capacity());
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut next_slot = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            ((u128::from(random) * u128::from(pool.capacity())) >> 64) as u32
        };
        let victims = (0..1 << 16)
            .map(|_| pool.addr_of(next_slot()).expect("a slot of the pool"))
            .collect();
        Self { pool, victims }
    }

    /// Allocates and releases what came.
    pub fn allocate_release(&self, operations: u64) -> f64 {
        time(operations, || {
            let addr = self.pool.allocate().expect("not exhausted");
            self.pool.release(black_box(addr)).expect("just allocated");
        })
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

    /// Allocates from a full pool, in vain.
    pub fn exhausted(&self, operations: u64) -> f64 {
        time(operations, || {
            assert!(black_box(self.pool.allocate()).is_err());
        })
    }
}
