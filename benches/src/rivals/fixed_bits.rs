//! A mutex around a `fixedbitset` and the lowest slot that may be free.

use super::{Order, Profile, Store};
use fixedbitset::FixedBitSet;

const BLOCK_BITS: usize = usize::BITS as usize;

/// The taken slots, one bit each.
pub struct FixedBits {
    taken: FixedBitSet,
    /// No slot below this one is free.
    lowest_maybe_free: usize,
}

impl FixedBits {
    /// What it is and what it can do.
    pub const PROFILE: Profile = Profile::new("Mutex<FixedBitSet>, next hint", Order::LowestFirst)
        .with_membership()
        .walking();

    /// Builds it with nothing taken.
    pub fn new(capacity: u32) -> Self {
        Self {
            taken: FixedBitSet::with_capacity(capacity as usize),
            lowest_maybe_free: 0,
        }
    }

    fn lowest_free(&self) -> Option<usize> {
        let first = self.lowest_maybe_free / BLOCK_BITS;
        let blocks = self.taken.as_slice().get(first..)?;
        let found = blocks.iter().position(|&block| block != usize::MAX)?;
        let bit = blocks[found].trailing_ones() as usize;
        let slot = (first + found) * BLOCK_BITS + bit;
        (slot < self.taken.len()).then_some(slot)
    }
}

impl Store for FixedBits {
    fn allocate(&mut self) -> Option<u32> {
        let Some(slot) = self.lowest_free() else {
            self.lowest_maybe_free = self.taken.len();
            return None;
        };
        self.taken.insert(slot);
        self.lowest_maybe_free = slot + 1;
        Some(slot as u32)
    }

    fn release(&mut self, slot: u32) -> bool {
        let slot = slot as usize;
        let was_taken = slot < self.taken.len() && self.taken.contains(slot);
        if was_taken {
            self.taken.remove(slot);
            self.lowest_maybe_free = self.lowest_maybe_free.min(slot);
        }
        was_taken
    }

    fn allocate_exact(&mut self, slot: u32) -> Option<bool> {
        Some(!self.taken.put(slot as usize))
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        f64::from(capacity) / 8.0
    }
}
