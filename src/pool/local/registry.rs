//! What locals have reserved, for the pass that must not take it for orphans.
//!
//! To the words a reserved slot is taken, and no list has it. So each local has a *cell* that says which slots
//! it may have: a superset. A pass looks into all cells when its barrier is up, and marks what they say. So
//! what a local hands out later needs no look at anything.
//!
//! | a local | does | so that a pass |
//! |---|---|---|
//! | takes a word of the pool | cell, then the look at the gate | reads the cell, or is seen by the claim |
//! | takes a slot back | cell, before it hands it out, unless it says so already | that begins later reads it; one that has begun had the slot as an orphan of a holder who released it late, which the contract excludes |
//! | goes on to another word | marks what the cell had, if a pass is running | knows what was taken back and handed out there |
//!
//! A cell is changed and read by who is inside its lock, so that nobody sees half of a change. A local goes in
//! when it goes to another word, when it puts a slot among its spares, and when it may have more of its word;
//! what it takes back of that word otherwise, and what it hands out, changes nothing. Whoever is inside
//! waits for nobody there.

use super::spares::SpareSlots;
use crate::bitmap::WordBits;
use crate::slot::{bit_of, word_of};
use crate::storage::here_if_cheap;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, Snooze};
use std::sync::{Arc, PoisonError};

/// All locals of a pool.
#[derive(Default)]
pub(in crate::pool) struct LocalRegistry(Mutex<Vec<Arc<Cell>>>);

/// What one local may have: of its word, and among its spares. It alone changes it, and so reads it as it likes.
pub(in crate::pool) struct Cell {
    /// Who is inside: the number of a side, or 0 if nobody is.
    inside: AtomicU64,
    word_index: AtomicU64,
    /// Of the word, and at least what is free there in the local's hands. 0 before the first word.
    told: AtomicU64,
    spares: SpareSlots,
}

/// The right to change a cell, or to read another's.
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

    /// Goes inside. A lock of one instruction: leaving a `Mutex` is a second one, a tenth of what a
    /// burst of releases into a local costs; and a child of a fork would wait for ever for a thread that it has not.
    #[inline]
    pub(in crate::pool) fn enter(&self) -> Inside<'_> {
        let here = here_if_cheap();
        // Acquire: pairs with the Release of whoever left last; what it stored inside is there.
        // Relaxed on failure: somebody is there, of whom `wait` makes sure.
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
            // Otherwise it is a thread that stayed on the other side of a fork, and will never leave.
            // Acquire, and Relaxed on failure: as in `enter`.
            match self
                .inside
                .compare_exchange(found, here, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(other) => found = other,
            }
        }
    }

    /// The local's word, and what it may have of it.
    #[inline]
    pub(in crate::pool) fn current(&self) -> WordBits {
        // Relaxed, both: the local's own stores, or read inside.
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

    /// The local goes to another word, or may have more of this one.
    #[inline]
    pub(in crate::pool) fn move_to(&self, (word_index, told): WordBits) {
        // Relaxed, both: whoever reads them comes in after we have left.
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
        // Release: pairs with the Acquire of whoever comes next.
        self.0.inside.store(0, Ordering::Release);
    }
}

impl LocalRegistry {
    /// A cell for one more local.
    pub(in crate::pool) fn join(&self) -> Arc<Cell> {
        let cell = Arc::new(Cell::new());
        self.cells().push(Arc::clone(&cell));
        cell
    }

    pub(in crate::pool) fn leave(&self, cell: &Arc<Cell>) {
        let mut cells = self.cells();
        if let Some(place) = cells.iter().position(|other| Arc::ptr_eq(other, cell)) {
            cells.swap_remove(place);
        }
    }

    /// What all of them may have.
    pub(in crate::pool) fn read(&self, mut tell: impl FnMut(WordBits)) {
        // A local that joins after this copy looks at the gate after it has joined, and sees the pass.
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
        // Nothing under this lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
