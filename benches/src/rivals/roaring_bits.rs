//! A mutex around a roaring bitmap of free slots.

use super::{Order, Profile, Store};
use roaring::RoaringBitmap;

/// The free slots.
pub struct RoaringBits {
    free: RoaringBitmap,
}

impl RoaringBits {
    /// What it is and what it can do.
    pub const PROFILE: Profile =
        Profile::new("Mutex<RoaringBitmap> of free", Order::LowestFirst).with_membership();

    /// Builds it with all slots free.
    pub fn new(capacity: u32) -> Self {
        let mut free = RoaringBitmap::new();
        free.insert_range(0..capacity);
        Self { free }
    }
}

impl Store for RoaringBits {
    fn allocate(&mut self) -> Option<u32> {
        let lowest = self.free.min()?;
        self.free.remove(lowest);
        Some(lowest)
    }

    fn release(&mut self, slot: u32) -> bool {
        self.free.insert(slot)
    }

    fn allocate_exact(&mut self, slot: u32) -> Option<bool> {
        Some(self.free.remove(slot))
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        // Bitmap containers, if about half of the slots are free, scattered.
        f64::from(capacity) / 8.0
    }
}
