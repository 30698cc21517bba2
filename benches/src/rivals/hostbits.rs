//! hostbits itself as a contestant.

use super::{Order, Profile, Rival, Session, Threads};
use crate::workload::pool_of;
use hostbits::{Local, Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// A hostbits pool.
pub struct Hostbits {
    profile: Profile,
    pool: Pool<Ipv4Net>,
}

impl Hostbits {
    /// Builds a pool of 10.0.0.0/`prefix_len`. `name` is for tables and records.
    pub fn new(name: &'static str, prefix_len: u8, policy: Policy, stats: StatsLevel) -> Self {
        Self {
            profile: profile(name, policy),
            pool: pool_of(prefix_len, policy, stats),
        }
    }
}

fn profile(name: &'static str, policy: Policy) -> Profile {
    let order = match policy {
        Policy::Lowest => Order::LowestFirst,
        _ => Order::AnyAddress,
    };
    let profile = Profile::new(name, order)
        .with_membership()
        .concurrent(Threads::LockFree);
    Profile {
        ours: true,
        ..profile
    }
}

/// The session of a shared pool: it keeps nothing per thread outside the pool.
impl Rival for Hostbits {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn session(&self) -> &Self {
        self
    }

    fn memory_bytes(&self, _capacity: u32) -> f64 {
        self.pool.info().memory_bytes as f64
    }
}

impl Session for &Hostbits {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        self.pool.allocate().ok()
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.pool.release(addr).is_ok()
    }

    fn allocate_exact(&mut self, addr: Ipv4Addr) -> Option<bool> {
        Some(self.pool.allocate_exact(addr).is_ok())
    }
}

/// A hostbits pool in which each thread reserves one word at a time.
pub struct HostbitsLocal {
    profile: Profile,
    pool: Pool<Ipv4Net>,
}

impl HostbitsLocal {
    /// Builds a pool of 10.0.0.0/`prefix_len`. `name` is for tables and records.
    pub fn new(name: &'static str, prefix_len: u8, stats: StatsLevel) -> Self {
        let profile = Profile::new(name, Order::AnyAddress)
            .concurrent(Threads::LockFree)
            // A thread cannot reach what other threads have reserved.
            .may_miss_what_moves();
        Self {
            profile: Profile {
                ours: true,
                notices_double_release: true,
                ..profile
            },
            pool: pool_of(prefix_len, Policy::Spread, stats),
        }
    }
}

impl Rival for HostbitsLocal {
    type Session<'a> = Local<'a, Ipv4Net>;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn session(&self) -> Local<'_, Ipv4Net> {
        self.pool.local()
    }

    fn memory_bytes(&self, _capacity: u32) -> f64 {
        self.pool.info().memory_bytes as f64
    }
}

impl Session for Local<'_, Ipv4Net> {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        Local::allocate(self).ok()
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        Local::release(self, addr).is_ok()
    }
}
