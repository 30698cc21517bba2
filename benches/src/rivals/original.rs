//! The design that hostbits replaces: a lock, a map of used addresses rebuilt from the user list on
//! each call, a linear scan.
//!
//! It gets two favours: its users have their addresses as numbers and not as text, and the network keeps
//! no address for itself, as with all other contestants.

use super::addresses::addr_of;
use super::{Order, Profile, Rival, Session};
use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{PoisonError, RwLock};

/// The users, each with an address.
pub struct Original {
    capacity: u32,
    users: RwLock<Vec<Ipv4Addr>>,
}

impl Original {
    /// What it is and what it can do.
    pub const PROFILE: Profile = Profile::new("the original design", Order::LowestFirst)
        .with_membership()
        .walking();

    /// Builds it with no user that has an address.
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity,
            users: RwLock::new(Vec::new()),
        }
    }

    fn with_users<T>(&self, work: impl FnOnce(&mut Vec<Ipv4Addr>) -> T) -> T {
        // The lock for writing: an address that was found free has to be recorded before another thread looks.
        work(&mut self.users.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rival for Original {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &Self::PROFILE
    }

    fn session(&self) -> &Self {
        self
    }

    fn take(&mut self, count: u32) {
        // All taken slots are the lowest ones here, so that nothing needs to be searched.
        self.with_users(|users| {
            let first = users.len() as u32;
            users.extend((first..first + count).map(addr_of));
        });
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        // The list, and the set that lives during each call.
        let buckets = (u64::from(capacity) * 8 / 7).next_power_of_two();
        let addr_bytes = size_of::<Ipv4Addr>() as u64;
        (u64::from(capacity) * addr_bytes + buckets * (addr_bytes + 1)) as f64
    }
}

impl Session for &Original {
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        self.with_users(|users| {
            let used: HashSet<Ipv4Addr> = users.iter().copied().collect();
            let mut addrs = (0..self.capacity).map(addr_of);
            let free = addrs.find(|addr| !used.contains(addr))?;
            users.push(free);
            Some(free)
        })
    }

    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.with_users(|users| {
            // From the end: another favour, as the timed pairs release the latest user.
            let position = users.iter().rposition(|&user| user == addr);
            position
                .map(|position| users.swap_remove(position))
                .is_some()
        })
    }

    fn allocate_exact(&mut self, addr: Ipv4Addr) -> Option<bool> {
        self.with_users(|users| {
            let is_free = !users.contains(&addr);
            if is_free {
                users.push(addr);
            }
            Some(is_free)
        })
    }
}
