//! A mutex around an ordered set of free addresses: what a careful programmer writes in ten lines.

use super::taken_set::BTREE_BYTES_PER_SLOT;
use super::{Order, Profile, Store};
use std::collections::BTreeSet;

/// The free slots.
pub struct FreeSet {
    free: BTreeSet<u32>,
}

impl FreeSet {
    /// What it is and what it can do.
    pub const PROFILE: Profile =
        Profile::new("Mutex<BTreeSet> of free", Order::LowestFirst).with_membership();

    /// Builds it with all slots free.
    pub fn new(capacity: u32) -> Self {
        Self {
            free: (0..capacity).collect(),
        }
    }
}

impl Store for FreeSet {
    fn allocate(&mut self) -> Option<u32> {
        self.free.pop_first()
    }

    fn release(&mut self, slot: u32) -> bool {
        self.free.insert(slot)
    }

    fn allocate_exact(&mut self, slot: u32) -> Option<bool> {
        Some(self.free.remove(&slot))
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        f64::from(capacity) * BTREE_BYTES_PER_SLOT
    }
}
