//! A concurrent set of taken addresses, probed from the lowest: quincy, anet.

use super::addresses::{addr_of, slot_of};
use super::{Order, Profile, Rival, Session, Threads};
use dashmap::DashSet;
use std::net::Ipv4Addr;

/// The taken addresses.
pub struct ProbedDashSet {
    capacity: u32,
    taken: DashSet<Ipv4Addr>,
}

impl ProbedDashSet {
    /// What it is and what it can do.
    pub const PROFILE: Profile = Profile::new("DashSet of taken, probed", Order::LowestFirst)
        .with_membership()
        .concurrent(Threads::ShardedLocks)
        .may_miss_what_moves()
        .walking();

    /// Builds it with nothing taken.
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity,
            taken: DashSet::new(),
        }
    }
}

impl Rival for ProbedDashSet {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &Self::PROFILE
    }

    fn session(&self) -> &Self {
        self
    }

    fn take(&mut self, count: u32) {
        // All taken slots are the lowest ones here, so that nothing needs to be probed.
        let first = self.taken.len() as u32;
        (first..first + count).for_each(|slot| {
            self.taken.insert(addr_of(slot));
        });
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        // hashbrown: a key and a control byte for each bucket, at most 7 of 8 buckets used.
        let buckets = (u64::from(capacity) * 8 / 7).next_power_of_two();
        (buckets * (size_of::<Ipv4Addr>() as u64 + 1)) as f64
    }
}

impl Session for &ProbedDashSet {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        let mut addrs = (0..self.capacity).map(addr_of);
        addrs.find(|&addr| self.taken.insert(addr))
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        slot_of(addr) < self.capacity && self.taken.remove(&addr).is_some()
    }

    fn allocate_exact(&mut self, addr: Ipv4Addr) -> Option<bool> {
        Some(self.taken.insert(addr))
    }
}
