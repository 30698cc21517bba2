//! The operations of lease pools.

use crate::ratio::time;
use crate::{builder_of, per_operation};
use hostbits::lease::{Lease, LeasePool, Term};
use hostbits::{Client, Policy, StatsLevel};
use ipnet::Ipv4Net;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Longer than any measurement.
const OFFER: Duration = Duration::from_secs(24 * 60 * 60);
/// The number of owners that a measurement goes through.
const OWNERS: u64 = 1 << 10;

/// A lease pool, and what to do with it.
pub struct LeasePairs {
    pool: LeasePool<Ipv4Net>,
    owners: Vec<Client>,
}

impl LeasePairs {
    /// Prepares an empty pool without a cooldown.
    pub fn empty(prefix_len: u8, stats: StatsLevel) -> Self {
        Self::with_cooldown(prefix_len, stats, Duration::ZERO)
    }

    fn with_cooldown(prefix_len: u8, stats: StatsLevel, cooldown: Duration) -> Self {
        let builder = builder_of(prefix_len, Policy::Lowest, stats);
        let pool = builder.leases().cooldown(cooldown).build();
        Self {
            pool: pool.expect("a network"),
            owners: Vec::new(),
        }
    }

    /// Prepares a pool in which all addresses are leased for ever.
    pub fn full(prefix_len: u8, stats: StatsLevel) -> Self {
        let full = Self::empty(prefix_len, stats);
        while full.pool.allocate(Term::Forever).is_ok() {}
        assert_eq!(full.pool.census().leased, full.pool.capacity());
        full
    }

    /// Prepares a pool in which half of the addresses are leased for an owner.
    pub fn half_owned(prefix_len: u8, stats: StatsLevel) -> Self {
        let mut half = Self::empty(prefix_len, stats);
        let spread = |number: u64| Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let owners: Vec<Client> = (1..=half.pool.capacity() / 2).map(spread).collect();
        for &owner in &owners {
            half.pool
                .allocate_for(owner, Term::Forever)
                .expect("half a pool");
        }
        let step = (owners.len() / OWNERS as usize).max(1);
        half.owners = owners.into_iter().step_by(step).collect();
        half
    }

    /// Takes an offer and releases it.
    pub fn offer_release(&self, count: u64) -> f64 {
        time(count, || {
            let lease = self.pool.allocate(OFFER).expect("a free address");
            assert!(self.pool.release(black_box(&lease)).is_ok());
        })
    }

    /// Takes an offer, commits and releases it.
    pub fn offer_commit_release(&self, count: u64) -> f64 {
        time(count, || {
            let lease = self.pool.allocate(OFFER).expect("a free address");
            assert!(self.pool.renew(black_box(&lease), Term::Forever).is_ok());
            assert!(self.pool.release(black_box(&lease)).is_ok());
        })
    }

    /// Asks again for what an owner holds.
    pub fn known_owner(&self, count: u64) -> f64 {
        let mut owners = self.owners.iter().cycle();
        time(count, || {
            let owner = *owners.next().expect("some owners");
            black_box(self.pool.allocate_for(owner, OFFER)).expect("it has one");
        })
    }

    /// Is refused.
    pub fn exhausted(&self, count: u64) -> f64 {
        time(count, || {
            assert!(black_box(self.pool.allocate(Term::Forever)).is_err());
        })
    }

    /// Looks at all records of a full pool. The time is that of one record.
    pub fn sweep(&self, count: u64) -> f64 {
        let start = Instant::now();
        let mut looked_at = 0;
        while looked_at < count {
            assert_eq!(black_box(self.pool.sweep()).freed, 0);
            looked_at += self.pool.capacity();
        }
        per_operation(start.elapsed(), looked_at)
    }

    /// Releases leases into a cooldown; taking them is not timed.
    pub fn release_to_cool(prefix_len: u8, stats: StatsLevel, count: u64) -> f64 {
        let pairs = Self::with_cooldown(prefix_len, stats, Duration::from_secs(60));
        let count = count.min(pairs.pool.capacity());
        let leases = pairs.pool.allocate_many(count as usize, Term::Forever);
        let leases: Vec<Lease<Ipv4Addr>> = leases.expect("an empty pool");
        let mut leases = leases.iter();
        time(count, || {
            let lease = leases.next().expect("one for each");
            assert!(pairs.pool.release(lease).is_ok());
        })
    }
}
