//! Addresses of other words that belong to a local.

use crate::slot::Slot;
use crate::sync::{AtomicU64, Ordering};

/// Enough for a burst of releases, but few enough that other threads do not miss them.
const CAPACITY: usize = 16;

/// A few distinct slots. Only their local changes it, under the cell's lock.
pub(in crate::pool) struct SpareSlots {
    len: AtomicU64,
    slots: [AtomicU64; CAPACITY],
}

impl SpareSlots {
    pub(in crate::pool) const CAPACITY: u32 = CAPACITY as u32;

    pub(in crate::pool) fn new() -> Self {
        Self {
            len: AtomicU64::new(0),
            slots: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    #[inline]
    pub(in crate::pool) fn len(&self) -> u32 {
        // Relaxed: the local's own store, or read under the lock.
        self.len.load(Ordering::Relaxed) as u32
    }

    /// Returns the slots in it.
    #[inline]
    pub(in crate::pool) fn slots(&self) -> impl Iterator<Item = Slot> {
        let slots = self.slots[..self.len() as usize].iter();
        // Relaxed: as in `len`.
        slots.map(|slot| slot.load(Ordering::Relaxed) as Slot)
    }

    /// Adds a slot that is not in it. The caller makes sure that there is room.
    #[inline]
    pub(in crate::pool) fn push(&self, slot: Slot) {
        let len = self.len();
        // Relaxed, both: another thread reads them under the lock, after the local's unlock.
        self.slots[len as usize].store(slot.into(), Ordering::Relaxed);
        self.len.store(u64::from(len) + 1, Ordering::Relaxed);
    }

    /// Removes and returns the latest slot.
    #[inline]
    pub(in crate::pool) fn pop(&self) -> Option<Slot> {
        let latest = self.slots().last()?;
        // Relaxed: as in `push`.
        self.len.store(u64::from(self.len()) - 1, Ordering::Relaxed);
        Some(latest)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Slots leave in reverse order, and none is lost or duplicated.
    #[test]
    fn the_latest_slot_leaves_first() {
        let spares = SpareSlots::new();
        let slots = [3, 64, 5, 130, 65];
        slots.into_iter().for_each(|slot| spares.push(slot));
        assert!(spares.slots().eq(slots));
        assert_eq!(spares.pop(), Some(65));
        spares.push(7);
        let left = std::iter::from_fn(|| spares.pop());
        assert!(left.eq([7, 130, 5, 64, 3]));
        assert_eq!((spares.pop(), spares.len()), (None, 0));
    }
}
