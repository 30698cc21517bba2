//! Records of leases, two words a slot: on the heap, or in a file, where other processes share them.
//!
//! What the words mean is the business of the room `lease`; the four states that a recovery must know are here.

use crate::slot::Slot;
use crate::sync::AtomicU64;
use std::ops::Deref;
use std::ptr::NonNull;
#[cfg(pool_files)]
use std::sync::Arc;

/// What is known of one slot. Two words, of which the first decides everything.
#[repr(C, align(16))]
pub(crate) struct Record {
    /// State, time and generation.
    pub(crate) word: AtomicU64,
    /// The tag of the owner, mixed with the generation.
    pub(crate) owner: AtomicU64,
}

/// The lowest bit of the state in the first word.
pub(crate) const STATE_SHIFT: u32 = 61;
/// States of a record; see `lease::word`.
pub(crate) const VOID: u64 = 0;
pub(crate) const FREE: u64 = 1;
#[cfg(pool_files)]
pub(crate) const QUARANTINED: u64 = 5;

/// A record that only a release ends, without its generation.
#[cfg(pool_files)]
pub(crate) const LEASED_FOR_EVER: u64 = 3 << STATE_SHIFT | ((1 << 28) - 1) << 32;

/// The record of a slot that was never handed out.
pub(crate) const NEW: u64 = FREE << STATE_SHIFT;

/// The records of a pool, lent by their owner.
///
/// Invariant: `lent` is valid for shared references as long as `owner` lives, wherever that moves, and there is no
/// reference of another kind to the same memory meanwhile.
pub(crate) struct LentRecords {
    lent: NonNull<[Record]>,
    owner: Owner,
}

/// The owner of the memory.
enum Owner {
    /// A box, as the pointer above: a box asserts unique access to its memory whenever it is moved.
    Heap,
    /// Never read: the mapping lives as long as this.
    #[cfg(pool_files)]
    File(#[allow(dead_code)] Arc<super::file::Map>),
}

// SAFETY: Send, Sync: what `lent` points to is `Sync` (atomics alone), it is only ever lent as shared references, and
// its owner may be dropped on any thread: a box of atomics, or an `Arc` of a mapping, which is `Send` and `Sync`.
unsafe impl Send for LentRecords {}
// SAFETY: as above.
unsafe impl Sync for LentRecords {}

impl LentRecords {
    /// Creates records on the heap: free in the ascending `free` ranges, and void elsewhere.
    pub(crate) fn on_heap(slot_count: u64, free: impl Iterator<Item = (Slot, Slot)>) -> Self {
        let mut records = Vec::with_capacity(slot_count as usize);
        let mut add = |word: u64, upto: u64| {
            while (records.len() as u64) < upto {
                records.push(Record {
                    word: AtomicU64::new(word),
                    owner: AtomicU64::new(0),
                });
            }
        };
        for (first, last) in free {
            add(VOID, first.into());
            add(NEW, u64::from(last) + 1);
        }
        add(VOID, slot_count);
        let records: Box<[Record]> = records.into();
        Self {
            lent: NonNull::from(Box::leak(records)),
            owner: Owner::Heap,
        }
    }

    /// Lends records of a mapped file.
    ///
    /// # Safety
    ///
    /// `lent` must be within the mapping, and valid for shared references as long as the mapping lives.
    #[cfg(pool_files)]
    pub(super) unsafe fn in_file(lent: NonNull<[Record]>, map: Arc<super::file::Map>) -> Self {
        Self {
            lent,
            owner: Owner::File(map),
        }
    }

    /// Returns whether the records are on the heap.
    pub(crate) fn is_on_heap(&self) -> bool {
        matches!(self.owner, Owner::Heap)
    }
}

/// The facts about the leases of a file, lent to its clock. The invariant is that of [`LentRecords`].
#[cfg(pool_files)]
pub(crate) struct LentFacts {
    lent: NonNull<[AtomicU64]>,
    /// Never read: the mapping lives as long as this.
    _map: Arc<super::file::Map>,
}

// SAFETY: Send, Sync: as `LentRecords`.
#[cfg(pool_files)]
unsafe impl Send for LentFacts {}
// SAFETY: as above.
#[cfg(pool_files)]
unsafe impl Sync for LentFacts {}

#[cfg(pool_files)]
impl LentFacts {
    /// Lends words of a mapped file.
    ///
    /// # Safety
    ///
    /// As [`LentRecords::in_file`].
    pub(super) unsafe fn in_file(lent: NonNull<[AtomicU64]>, map: Arc<super::file::Map>) -> Self {
        Self { lent, _map: map }
    }
}

#[cfg(pool_files)]
impl Deref for LentFacts {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: NonNull::as_ref: as for `LentRecords`; the slice borrows `self`, which keeps the mapping.
        unsafe { self.lent.as_ref() }
    }
}

impl Deref for LentRecords {
    type Target = [Record];

    #[inline]
    fn deref(&self) -> &[Record] {
        // SAFETY: NonNull::as_ref:
        // - valid, aligned, of initialised atomics, and unaliased by `&mut`: the invariant of `LentRecords`;
        // - alive: the slice borrows `self`, which keeps the owner.
        unsafe { self.lent.as_ref() }
    }
}

impl Drop for LentRecords {
    fn drop(&mut self) {
        match self.owner {
            Owner::Heap => {
                // SAFETY: Box::from_raw:
                // - from a box: `on_heap` leaked it, and nothing else makes an owner on the heap;
                // - once: we are being dropped, and this is not `Clone`;
                // - no borrow is left: `deref` borrows `self`.
                drop(unsafe { Box::from_raw(self.lent.as_ptr()) });
            }
            #[cfg(pool_files)]
            Owner::File(_) => {}
        }
    }
}
