//! What locals have reserved, for the pass that must not take it for orphans.
//!
//! To the words a reserved slot is taken, and no list has it. So each local says in a *cell* which slots it
//! may have: a superset, written by the local alone. A pass reads all cells when its barrier is up, and
//! marks what they say. So what a local hands out later needs no look at anything.
//!
//! | a local | does | so that a pass |
//! |---|---|---|
//! | takes a word of the pool | cell, then the look at the gate | reads the cell, or is seen by the claim |
//! | takes a slot back | widens the cell, before it hands it out | that begins later reads it; one that has begun had the slot as an orphan of a holder who released it late, which the contract excludes |
//! | goes on to another word | marks what the cell had, if a pass is running | knows what was taken back and handed out there |
//!
//! The cell has a word with a mask, and a few more of those for the pocket. Word and mask are two atomics,
//! so a mask is made too wide before the word changes.

use super::pocket::Pocket;
use crate::bitmap::WordBits;
use crate::sync::Ordering;
// Not modelled as weak memory. What a pass misses for that reason the contract of its callers excludes (the table
// above), but for the last store of `move_to` and the load of it in `read`: those are in the total order, and no
// model notices if they are not. The models have what else there is, in the order of their steps.
use crate::sync::hint::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// All locals of a pool.
#[derive(Default)]
pub(super) struct Holdings(Mutex<Vec<Arc<Cell>>>);

/// A word, and which of its slots a local may have.
struct Entry {
    word_index: AtomicU64,
    mask: AtomicU64,
}

/// What one local may have.
pub(super) struct Cell {
    current: Entry,
    pocket: [Entry; Pocket::CAPACITY as usize],
}

impl Entry {
    fn new() -> Self {
        Self {
            word_index: AtomicU64::new(0),
            mask: AtomicU64::new(0),
        }
    }

    /// Another word. Only the owner of the cell calls it.
    fn move_to(&self, word_index: usize, mask: u64) {
        // Release: in this order for who reads the word before the mask. At any moment the pair is at least
        // what the local has, or what it had a moment ago.
        self.mask.store(u64::MAX, Ordering::Release);
        self.word_index.store(word_index as u64, Ordering::Release);
        // SeqCst: before the look at the gate that comes after the claim, in the total order, as the pass reads
        // the mask after its change of the gate. With less both may miss the other.
        self.mask.store(mask, Ordering::SeqCst);
    }

    fn read(&self) -> WordBits {
        loop {
            // Acquire: against the order of `move_to`. A mask between two readings of one word is a mask of
            // that word, or too wide.
            let word_index = self.word_index.load(Ordering::Acquire);
            // SeqCst: the other half of the last store of `move_to`.
            let mask = self.mask.load(Ordering::SeqCst);
            if self.word_index.load(Ordering::Acquire) == word_index {
                return (word_index as usize, mask);
            }
        }
    }
}

impl Cell {
    /// The local has another word of its own now.
    #[inline]
    pub(super) fn move_to(&self, word_index: usize, mask: u64) {
        self.current.move_to(word_index, mask);
    }

    /// It may have more slots of that word.
    #[inline]
    pub(super) fn widen_to(&self, mask: u64) {
        // Release: with it, a pass that reads the wider mask. See the table above for one that does not.
        self.current.mask.store(mask, Ordering::Release);
    }

    /// What it says of the current word.
    pub(super) fn current(&self) -> WordBits {
        self.current.read()
    }

    /// The pocket has these slots at a place, or none.
    #[inline]
    pub(super) fn pocket(&self, place: usize, word_index: usize, mask: u64) {
        let entry = &self.pocket[place];
        if mask == 0 {
            // Release: after the slots are in the current word, which is read after the pocket.
            entry.mask.store(0, Ordering::Release);
        } else {
            entry.move_to(word_index, mask);
        }
    }

    fn read(&self, mut tell: impl FnMut(usize, u64)) {
        // The pocket first: what leaves it meanwhile is in the current word.
        for entry in self.pocket.iter().chain([&self.current]) {
            let (word_index, mask) = entry.read();
            if mask != 0 {
                tell(word_index, mask);
            }
        }
    }
}

impl Holdings {
    /// A cell for one more local.
    pub(super) fn join(&self) -> Arc<Cell> {
        let cell = Arc::new(Cell {
            current: Entry::new(),
            pocket: std::array::from_fn(|_| Entry::new()),
        });
        self.cells().push(Arc::clone(&cell));
        cell
    }

    pub(super) fn leave(&self, cell: &Arc<Cell>) {
        let mut cells = self.cells();
        if let Some(place) = cells.iter().position(|other| Arc::ptr_eq(other, cell)) {
            cells.swap_remove(place);
        }
    }

    /// What all of them may have.
    pub(super) fn read(&self, mut tell: impl FnMut(usize, u64)) {
        // A local that joins after this copy looks at the gate after it has joined, and sees the pass.
        let cells = self.cells().clone();
        for cell in cells {
            cell.read(&mut tell);
        }
    }

    fn cells(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Cell>>> {
        // Nothing under this lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
