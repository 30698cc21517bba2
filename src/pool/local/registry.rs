//! The slots that locals have reserved, so that a pass does not take them for orphans.
//!
//! In the words, a reserved slot is taken, but no list contains it. So each local has a *cell* that says which slots it
//! may have: a superset. A pass reads all cells when its barrier is up, and marks these slots. What a local hands out
//! later needs no further check.
//!
//! | a local | does | so that a pass |
//! |---|---|---|
//! | takes a word of the pool | updates the cell, then checks the gate | reads the cell, or is seen by the claim |
//! | takes a slot back | updates the cell before it hands the slot out, unless the cell contains it already | that begins later reads it; one that has begun saw the slot as an orphan whose holder released it late, which the contract excludes |
//! | moves to another word | marks what the cell contained, if a pass is running | knows what was taken back and handed out there |
//!
//! A cell is changed and read under its lock, so no thread sees half of a change. A local takes the lock when it moves
//! to another word, when it puts a slot among its spares, and when it may have more of its word. Slots of that word that
//! it takes back otherwise, or hands out, do not change the cell. A thread that holds the lock waits for no other
//! thread.

use super::spares::SpareSlots;
use crate::bitmap::WordBits;
use crate::slot::{bit_of, word_of};
use crate::storage::here_if_cheap;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, Snooze};
use std::sync::{Arc, PoisonError};

/// The cells of all locals of a pool.
#[derive(Default)]
pub(in crate::pool) struct LocalRegistry(Mutex<Vec<Arc<Cell>>>);

/// What one local may have, in its word and among its spares. Only the local changes it, so it can read it without the
/// lock.
pub(in crate::pool) struct Cell {
    /// The holder of the lock: the number of a fork side, or 0 if it is free.
    inside: AtomicU64,
    word_index: AtomicU64,
    /// The slots of the word that the local may have: at least those that it has reserved. 0 before the first word.
    told: AtomicU64,
    spares: SpareSlots,
}

/// The lock on a cell, which is needed to change it, or to read another local's.
pub(in crate::pool) struct Inside<'a>(&'a Cell);

impl Cell {
    fn new() -> Self {
        Self {
            inside: AtomicU64::new(0),
            word_index: AtomicU64::new(0),
            told: AtomicU64::new(0),
            spares: SpareSlots::new(),
        }
    }

    /// Takes the lock, with one instruction. Unlocking a `Mutex` would be a second one, a tenth of the cost of releases
    /// into a local; and in a forked child, it would wait for ever for a thread that does not exist there.
    #[inline]
    pub(in crate::pool) fn enter(&self) -> Inside<'_> {
        let here = here_if_cheap();
        // Acquire: pairs with the Release of the last unlock, whose holder's stores are visible. Relaxed on failure:
        // another thread holds the lock; `wait` makes sure of it.
        let found = self
            .inside
            .compare_exchange(0, here, Ordering::Acquire, Ordering::Relaxed);
        if let Err(found) = found {
            self.wait(here, found);
        }
        Inside(self)
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, here: u64, mut found: u64) {
        let snooze = Snooze::default();
        loop {
            if found == here {
                snooze.snooze();
                found = 0;
            }
            // Otherwise the lock was held by a thread that does not exist on this side of a fork, and will never be
            // unlocked. Acquire, and Relaxed on failure: as in `enter`.
            match self
                .inside
                .compare_exchange(found, here, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(other) => found = other,
            }
        }
    }

    /// Returns the local's word, and the slots of it that the local may have.
    #[inline]
    pub(in crate::pool) fn current(&self) -> WordBits {
        // Relaxed, both: the local's own stores, or read under the lock.
        let word_index = self.word_index.load(Ordering::Relaxed);
        (word_index as usize, self.told.load(Ordering::Relaxed))
    }

    #[inline]
    pub(in crate::pool) fn spares(&self) -> &SpareSlots {
        &self.spares
    }
}

impl Inside<'_> {
    #[inline]
    pub(in crate::pool) fn current(&self) -> WordBits {
        self.0.current()
    }

    /// Records that the local moves to another word, or may have more of this one.
    #[inline]
    pub(in crate::pool) fn move_to(&self, (word_index, told): WordBits) {
        // Relaxed, both: another thread reads them under the lock, after our unlock.
        self.0
            .word_index
            .store(word_index as u64, Ordering::Relaxed);
        self.0.told.store(told, Ordering::Relaxed);
    }

    #[inline]
    pub(in crate::pool) fn spares(&self) -> &SpareSlots {
        &self.0.spares
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire of the next lock.
        self.0.inside.store(0, Ordering::Release);
    }
}

impl LocalRegistry {
    /// Creates a cell for a new local.
    pub(in crate::pool) fn join(&self) -> Arc<Cell> {
        let cell = Arc::new(Cell::new());
        self.cells().push(Arc::clone(&cell));
        cell
    }

    #[cfg(all(test, not(loom)))]
    pub(in crate::pool) fn places(&self) -> Vec<crate::sync::traced::Place> {
        let place = |cell: &Arc<Cell>| crate::sync::traced::place(&**cell, "local's cell");
        self.cells().iter().map(place).collect()
    }

    pub(in crate::pool) fn leave(&self, cell: &Arc<Cell>) {
        let mut cells = self.cells();
        if let Some(place) = cells.iter().position(|other| Arc::ptr_eq(other, cell)) {
            cells.swap_remove(place);
        }
    }

    /// Calls `tell` with the slots that each local may have.
    pub(in crate::pool) fn read(&self, mut tell: impl FnMut(WordBits)) {
        // A local that joins after this copy checks the gate after it has joined, and sees the pass.
        let cells = self.cells().clone();
        for cell in cells {
            let inside = cell.enter();
            tell(inside.current());
            inside
                .spares()
                .slots()
                .for_each(|slot| tell((word_of(slot), bit_of(slot))));
        }
    }

    fn cells(&self) -> MutexGuard<'_, Vec<Arc<Cell>>> {
        // Nothing panics halfway under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
