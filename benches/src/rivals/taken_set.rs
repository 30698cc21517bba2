//! A mutex around an ordered set of taken addresses, probed from the lowest: boatramp, blackship, zlayer.

use super::{Order, Profile, Store};
use std::collections::BTreeSet;

/// What a BTree holds for each key: leaves of 11 places, of which 6 stay used when keys come in
/// ascending order, and 1 in 7 keys in inner nodes of 152 bytes.
pub(super) const BTREE_BYTES_PER_SLOT: f64 = (56.0 + 152.0 / 7.0) / 7.0;

/// The taken slots.
pub struct TakenSet {
    capacity: u32,
    taken: BTreeSet<u32>,
}

impl TakenSet {
    /// What it is and what it can do.
    pub const PROFILE: Profile =
        Profile::new("Mutex<BTreeSet> of taken, probed", Order::LowestFirst)
            .with_membership()
            .walking();

    /// Builds it with nothing taken.
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity,
            taken: BTreeSet::new(),
        }
    }
}

impl Store for TakenSet {
    fn allocate(&mut self) -> Option<u32> {
        let free = (0..self.capacity).find(|slot| !self.taken.contains(slot))?;
        self.taken.insert(free);
        Some(free)
    }

    fn release(&mut self, slot: u32) -> bool {
        self.taken.remove(&slot)
    }

    fn allocate_exact(&mut self, slot: u32) -> Option<bool> {
        Some(self.taken.insert(slot))
    }

    fn take(&mut self, count: u32) {
        // All taken slots are the lowest ones here, so that nothing needs to be probed.
        let first = self.taken.len() as u32;
        self.taken.extend(first..first + count);
    }

    fn memory_bytes(&self, capacity: u32) -> f64 {
        f64::from(capacity) * BTREE_BYTES_PER_SLOT
    }
}
