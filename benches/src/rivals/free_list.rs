//! Free lists: a mutex around a stack, and a lock-free queue.

use super::addresses::{addr_of, slot_of};
use super::{Order, Profile, Rival, Session, Store, Threads};
use crossbeam_queue::ArrayQueue;
use std::net::Ipv4Addr;

/// The free slots; the one that was given back last is on top.
pub struct Stack {
    free: Vec<u32>,
}

impl Stack {
    /// What it is and what it can do.
    pub const PROFILE: Profile = Profile::new("Mutex<Vec> stack", Order::AnyAddress);

    /// Builds it with all slots free, the lowest on top.
    pub fn new(capacity: u32) -> Self {
        Self {
            free: (0..capacity).rev().collect(),
        }
    }
}

impl Store for Stack {
    fn allocate(&mut self) -> Option<u32> {
        self.free.pop()
    }

    fn release(&mut self, slot: u32) -> bool {
        self.free.push(slot);
        true
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        f64::from(capacity) * size_of::<u32>() as f64
    }
}

/// The free slots; the one that was given back first is in front.
pub struct Queue {
    free: ArrayQueue<u32>,
}

impl Queue {
    /// What it is and what it can do.
    pub const PROFILE: Profile =
        Profile::new("crossbeam ArrayQueue", Order::AnyAddress).concurrent(Threads::LockFree);

    /// Builds it with all slots free, the lowest in front.
    pub fn new(capacity: u32) -> Self {
        let free = ArrayQueue::new(capacity as usize);
        for slot in 0..capacity {
            free.push(slot).expect("as many places as slots");
        }
        Self { free }
    }
}

impl Rival for Queue {
    type Session<'a> = &'a Self;

    fn profile(&self) -> &Profile {
        &Self::PROFILE
    }

    fn session(&self) -> &Self {
        self
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        // A stamp and the value, padded to the stamp.
        f64::from(capacity) * size_of::<(usize, u32)>() as f64
    }
}

impl Session for &Queue {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        self.free.pop().map(addr_of)
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        self.free.push(slot_of(addr)).is_ok()
    }
}
