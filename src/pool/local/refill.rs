//! Where a local gets its addresses from, and what passes learn about it; see `registry`.

use super::registry::{Cell, Inside};
use super::verbs::LocalPool;
use crate::bitmap::WordBits;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::{bit_of, slot_at, word_of};
use crate::stats::Event;
use std::ops::Deref;

impl<N: Network, P: Deref<Target = Pool<N>>> LocalPool<N, P> {
    /// Takes the latest of the spares, or the next word of the pool; returns `false` if there is nothing.
    #[inline(never)]
    pub(in crate::pool) fn refill(&mut self) -> bool {
        self.refill_noting(|| ())
    }

    /// Does the same; `noted` is called after passes can see a new word, and before the gate is checked.
    #[inline(always)]
    fn refill_noting(&mut self, noted: impl Fn()) -> bool {
        let Some(cell) = &self.cell else { return false };
        if let Some((word_index, bit)) = self.pool.take_up(cell) {
            self.stand_at(word_index, bit);
            return true;
        }
        self.tally.flush(&self.pool.counters, 0);
        let here = cell.current();
        let reserved = self.pool.reserve_word(|reserved| {
            self.pool.go_on(cell, reserved);
            noted();
        });
        let Some((word_index, free)) = reserved else {
            // The cell may name a word that was given up, and is not reserved.
            if cell.current() != here {
                self.pool.go_on(cell, here);
            }
            return false;
        };
        self.stand_at(word_index, free);
        self.tally.begin(free.count_ones());
        true
    }
}

impl<N: Network> Pool<N> {
    /// Reserves all free slots of one word, which the policy chooses. `note` is called with them at once.
    fn reserve_word(&self, mut note: impl FnMut(WordBits)) -> Option<WordBits> {
        let reserved = self.claim(|bitmap| {
            let reserved = bitmap.claim_word(self.way())?;
            // Before the gate is checked: a pass that this check misses reads the note.
            note(reserved);
            Some(reserved)
        });
        // Only pools on the heap reserve words, and they never refuse.
        let reserved = reserved.ok().flatten();
        if let Some((word_index, bits)) = reserved {
            self.hints.found(slot_at(word_index, bits.ilog2()));
            let slots = u64::from(bits.count_ones());
            self.counters.count(Event::HeldByLocals, slots);
        } else {
            self.count_exhausted();
        }
        reserved
    }

    /// Marks what a local had or took back in its word, if a pass is running: the local has handed some of it out, and
    /// nothing else shows that after it has moved on.
    #[inline(always)]
    pub(in crate::pool) fn leave_word(&self, cell: &Inside<'_>) {
        // A pass that this check misses begins after the addresses handed out there were returned.
        if self.words.gate_again().is_passing() {
            self.words.touch(&cell.current());
        }
    }

    /// Lets passes know that a local moves to another word.
    #[inline(always)]
    pub(in crate::pool) fn go_on(&self, cell: &Cell, reserved: WordBits) {
        let inside = cell.enter();
        self.leave_word(&inside);
        inside.move_to(reserved);
    }

    /// Moves a local to the latest of its spares. Passes see the slot in one place or the other.
    fn take_up(&self, cell: &Cell) -> Option<WordBits> {
        if cell.spares().len() == 0 {
            return None;
        }
        let inside = cell.enter();
        let slot = inside.spares().pop()?;
        self.leave_word(&inside);
        inside.move_to((word_of(slot), bit_of(slot)));
        Some(inside.current())
    }

    pub(in crate::pool) fn return_word(&self, word_index: usize, free: u64) {
        self.bitmap().release_bits(word_index, free);
        let slots = u64::from(free.count_ones());
        self.counters
            .count(Event::HeldByLocals, slots.wrapping_neg());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use ipnet::Ipv4Net;

    /// Two passes begin while a local takes the last word, so that it gives the word up and finds no other one. What it
    /// takes back later in its old word must still be visible to passes, and counts must match.
    #[test]
    fn a_word_that_was_given_up_leaves_the_local_where_it_was() {
        let pool = Pool::new("10.0.0.0/25".parse::<Ipv4Net>().unwrap()).unwrap();
        let mut local = pool.local();
        let held: Vec<_> = (0..62).map(|_| local.allocate().unwrap()).collect();
        let found = local.refill_noting(|| {
            let mut reconciler = pool.reconciler().unwrap();
            drop(reconciler.begin().unwrap());
            drop(reconciler.begin().unwrap());
        });
        assert!(!found, "the other word is nobody's now");
        local.release(held[7]).unwrap();
        assert_eq!(local.reserved(), 1);
        let slot = pool.slot_of(held[7]).unwrap();
        let mut told = 0;
        pool.locals.read(|(word_index, bits)| {
            if word_index == word_of(slot) {
                told |= bits;
            }
        });
        assert_ne!(
            told & bit_of(slot),
            0,
            "a pass would free what the local has"
        );
        assert_eq!(pool.allocated(), pool.iter().count() as u64);
    }
}
