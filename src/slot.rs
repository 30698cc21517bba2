//! The slot number, and its split into chunk, word and bit.
//!
//! Pure arithmetic. This module does not depend on addresses, atomics, or who holds a slot.

use crate::sync::WORDS_PER_CHUNK;
use core::ops::RangeInclusive;

/// The number of a unit of a pool, counted from 0 at the first address of its network.
///
/// A plain integer, so that a data plane can store four bytes instead of an address. For pools of several ranges, see
/// [`Pool::slot_of`](crate::Pool::slot_of).
pub type Slot = u32;

/// A slot, or none, in one register.
///
/// An `Option<Slot>` is returned in two, and the compiler does not turn the last call of a function that returns one
/// into a jump.
#[derive(Clone, Copy)]
pub(crate) struct MaybeSlot(i64);

impl MaybeSlot {
    pub(crate) const NONE: Self = Self(-1);

    #[inline]
    pub(crate) fn some(slot: Slot) -> Self {
        Self(i64::from(slot))
    }

    #[inline]
    pub(crate) fn get(self) -> Option<Slot> {
        (self.0 >= 0).then_some(self.0 as Slot)
    }
}

impl From<Option<Slot>> for MaybeSlot {
    #[inline]
    fn from(slot: Option<Slot>) -> Self {
        slot.map_or(Self::NONE, Self::some)
    }
}

pub(crate) const SLOTS_PER_WORD: u32 = u64::BITS;
pub(crate) const SLOTS_PER_CHUNK: u32 = SLOTS_PER_WORD * WORDS_PER_CHUNK as u32;

/// How many slots a [`Slot`] can number: 2^32.
pub(crate) const MAX_SLOTS: u64 = 1 << 32;

#[inline]
pub(crate) const fn word_of(slot: Slot) -> usize {
    (slot / SLOTS_PER_WORD) as usize
}

#[inline]
pub(crate) const fn chunk_of(slot: Slot) -> usize {
    (slot / SLOTS_PER_CHUNK) as usize
}

#[inline]
pub(crate) const fn bit_of(slot: Slot) -> u64 {
    1 << (slot % SLOTS_PER_WORD)
}

#[inline]
pub(crate) const fn slot_at(word_index: usize, bit_index: u32) -> Slot {
    word_index as u32 * SLOTS_PER_WORD + bit_index
}

/// Returns the bits of word `word_index` whose slots are in `first..=last`.
#[inline]
pub(crate) const fn bits_within(word_index: usize, first: Slot, last: Slot) -> u64 {
    let word_first = slot_at(word_index, 0);
    let word_last = slot_at(word_index, SLOTS_PER_WORD - 1);
    if last < word_first || word_last < first {
        return 0;
    }
    let from = first.saturating_sub(word_first);
    let cut = word_last.saturating_sub(last);
    (u64::MAX << from) & (u64::MAX >> cut)
}

/// Returns the words that contain a slot of `first..=last`.
pub(crate) const fn words_within(first: Slot, last: Slot) -> RangeInclusive<usize> {
    word_of(first)..=word_of(last)
}

/// Returns the slots of the set bits of `bits` in word `word_index`, lowest first.
#[inline]
pub(crate) fn slots_in(word_index: usize, mut bits: u64) -> impl Iterator<Item = Slot> {
    core::iter::from_fn(move || {
        if bits == 0 {
            return None;
        }
        let bit_index = bits.trailing_zeros();
        bits &= bits - 1;
        Some(slot_at(word_index, bit_index))
    })
}

/// Returns the runs of set bits of `bits` in word `word_index` as ranges of slots, in ascending order.
pub(crate) fn runs_in(word_index: usize, mut bits: u64) -> impl Iterator<Item = (Slot, Slot)> {
    core::iter::from_fn(move || {
        if bits == 0 {
            return None;
        }
        let first = bits.trailing_zeros();
        let last = first + (bits >> first).trailing_ones() - 1;
        bits &= !bits_within(0, first, last);
        Some((slot_at(word_index, first), slot_at(word_index, last)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_within_agrees_with_asking_slot_by_slot() {
        for (first, last) in [
            (0, 0),
            (0, 63),
            (5, 64),
            (63, 64),
            (64, 127),
            (70, 200),
            (130, 131),
        ] {
            for word_index in 0..4 {
                let expected = (0..64)
                    .filter(|&bit| (first..=last).contains(&slot_at(word_index, bit)))
                    .fold(0u64, |bits, bit| bits | 1 << bit);
                assert_eq!(
                    bits_within(word_index, first, last),
                    expected,
                    "word {word_index} of {first}..={last}"
                );
            }
        }
    }

    #[test]
    fn the_last_slot_does_not_overflow() {
        let last_word = word_of(Slot::MAX);
        assert_eq!(bits_within(last_word, Slot::MAX, Slot::MAX), 1 << 63);
        assert_eq!(slots_in(last_word, 1 << 63).last(), Some(Slot::MAX));
    }
}
