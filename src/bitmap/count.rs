//! Counting and listing.
//!
//! All of this is weakly consistent: each word is read once, at its own moment.

use super::Bitmap;
use crate::slot::{Slot, slots_in, words_within};
use crate::sync::load_seq_cst;

impl<'a> Bitmap<'a> {
    /// Counts the free slots of `first..=last`.
    pub(crate) fn count_free(self, first: Slot, last: Slot) -> u64 {
        words_within(first, last)
            .map(|word_index| u64::from(self.free_bits(word_index, first, last).count_ones()))
            .sum()
    }

    /// Returns the free slots of `first..=last`, in ascending order.
    pub(crate) fn free_slots(self, first: Slot, last: Slot) -> impl Iterator<Item = Slot> + 'a {
        words_within(first, last).flat_map(move |word_index| {
            slots_in(word_index, self.free_bits(word_index, first, last))
        })
    }

    /// Returns the slots of `first..=last` that are not free, in ascending order.
    pub(crate) fn taken_slots(self, first: Slot, last: Slot) -> impl Iterator<Item = Slot> + 'a {
        words_within(first, last).flat_map(move |word_index| {
            let bits = crate::slot::bits_within(word_index, first, last);
            slots_in(word_index, bits & !self.free_bits(word_index, first, last))
        })
    }

    /// Returns the free bits of a word, for a decision that depends on them.
    pub(crate) fn free_in(self, word_index: usize) -> u64 {
        // SeqCst: after the change of the gate, in the total order. A claim that this load does not see comes later,
        // and its read of the gate, later still, sees the change.
        load_seq_cst(self.word(word_index))
    }

    /// Returns a copy of all words, each read as by [`free_in`](Self::free_in).
    pub(crate) fn snapshot(self) -> Vec<u64> {
        words_within(0, self.last_slot())
            .map(|word_index| self.free_in(word_index))
            .collect()
    }

    /// Returns a copy of all words.
    pub(crate) fn words(self) -> Vec<u64> {
        words_within(0, self.last_slot())
            .map(|word_index| self.free_bits(word_index, 0, Slot::MAX))
            .collect()
    }
}
