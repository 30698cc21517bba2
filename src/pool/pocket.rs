//! Addresses of other words in a local's hands.

use crate::bitmap::WordBits;

/// Enough for a burst of releases, few enough not to be missed by others.
const CAPACITY: usize = 16;

/// A few slots, each once, by their words.
#[derive(Default)]
pub(super) struct Pocket {
    words: [u32; CAPACITY],
    /// Of each word, at least one.
    bits: [u64; CAPACITY],
    word_count: usize,
    slot_count: u32,
}

impl Pocket {
    pub(super) const CAPACITY: u32 = CAPACITY as u32;

    pub(super) fn len(&self) -> u32 {
        self.slot_count
    }

    /// Which slots of a word it has.
    pub(super) fn bits_of(&self, word_index: usize) -> u64 {
        self.place_of(word_index)
            .map_or(0, |place| self.bits[place])
    }

    fn place_of(&self, word_index: usize) -> Option<usize> {
        let words = self.words[..self.word_count].iter();
        words.copied().position(|word| word as usize == word_index)
    }

    /// Takes a slot that is not in it, and answers at which place it has which slots of that word now. The
    /// caller sees to it that there is room.
    pub(super) fn push(&mut self, word_index: usize, bit: u64) -> (usize, u64) {
        let place = self.place_of(word_index).unwrap_or_else(|| {
            let place = self.word_count;
            (self.words[place], self.bits[place]) = (word_index as u32, 0);
            self.word_count += 1;
            place
        });
        self.bits[place] |= bit;
        self.slot_count += 1;
        (place, self.bits[place])
    }

    /// The place of the word that was popped last.
    pub(super) fn last_popped(&self) -> usize {
        self.word_count
    }

    /// The latest word, with all its slots.
    pub(super) fn pop_word(&mut self) -> Option<WordBits> {
        self.word_count = self.word_count.checked_sub(1)?;
        let bits = self.bits[self.word_count];
        self.slot_count -= bits.count_ones();
        Some((self.words[self.word_count] as usize, bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots leave by words, the latest first, and none is lost or doubled.
    #[test]
    fn slots_leave_by_words() {
        let mut pocket = Pocket::default();
        for (word_index, bit_index) in [(0, 3), (1, 0), (0, 5), (2, 2), (1, 2)] {
            let bit = 1 << bit_index;
            assert_eq!(pocket.bits_of(word_index) & bit, 0);
            pocket.push(word_index, bit);
            assert_ne!(pocket.bits_of(word_index) & bit, 0);
        }
        assert_eq!(pocket.pop_word(), Some((2, 0b100)));
        assert_eq!(pocket.len(), 4);
        assert_eq!(pocket.pop_word(), Some((1, 0b101)));
        assert_eq!(pocket.pop_word(), Some((0, 0b10_1000)));
        assert_eq!((pocket.pop_word(), pocket.len()), (None, 0));
    }

    /// A popped word begins anew.
    #[test]
    fn nothing_of_a_word_stays_behind() {
        let mut pocket = Pocket::default();
        pocket.push(7, 0b1);
        assert_eq!(pocket.pop_word(), Some((7, 0b1)));
        pocket.push(7, 0b10);
        assert_eq!(pocket.pop_word(), Some((7, 0b10)));
    }
}
