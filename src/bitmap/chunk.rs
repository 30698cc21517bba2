//! Eight words in one cache line, and taking bits out of them.

use super::Mark;
use crate::slot::{Slot, bits_within, slot_at, word_of};
use crate::sync::{AtomicU64, Ordering, WORDS_PER_CHUNK, load_seq_cst};
use core::ops::RangeInclusive;

/// 512 slots in one cache line. In a model, where there are none, it is no larger than its words either.
#[repr(C)]
#[cfg_attr(not(all(loom, feature = "_loom")), repr(align(64)))]
pub(crate) struct Chunk([AtomicU64; WORDS_PER_CHUNK]);

impl Chunk {
    pub(crate) fn new(free: [u64; WORDS_PER_CHUNK]) -> Self {
        Self(free.map(AtomicU64::new))
    }

    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64; WORDS_PER_CHUNK] {
        &self.0
    }

    /// Returns whether every word was seen empty, each at its own moment of the call.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        // SeqCst: the check between the two phases of `settle`. A release of a bit that this load
        // misses comes after phase 1 in the total order, so its publish sees the hint gone and sets
        // it. With Acquire both may miss each other and the slot is lost.
        let words = self.0.iter().map(load_seq_cst);
        words.fold(0, |seen, word| seen | word) == 0
    }

    /// Returns the words that were seen to have a free slot, as one bit each. Reads all of them, without a branch.
    #[inline]
    pub(super) fn with_free(&self) -> u64 {
        let mut with_free = 0;
        for (index, word) in self.0.iter().enumerate() {
            // SeqCst: as in `take_lowest`, where a word that is skipped counts as seen taken.
            with_free |= u64::from(load_seq_cst(word) != 0) << index;
        }
        with_free
    }

    /// Returns the first word that was seen to have a free slot.
    ///
    /// For a chunk that is asked again and again: where it is mostly the same word, the branches are predicted, and the
    /// claim waits for no word but its own.
    #[inline]
    pub(super) fn first_with_free(&self) -> Option<usize> {
        // SeqCst: as in `take_lowest`, where a word that is skipped counts as seen taken.
        self.0.iter().position(|word| load_seq_cst(word) != 0)
    }

    /// Returns the first word that was seen to have a free slot, and the free bits of all words together, which are 0 if
    /// there was none.
    ///
    /// For any chunk: reads all words, without a branch.
    #[inline]
    pub(super) fn first_with_free_of_all(&self) -> (usize, u64) {
        let [words @ .., last] = &self.0;
        let (mut index, mut seen) = (0, 0);
        for word in words {
            // SeqCst, as the load below: as in `first_with_free`.
            seen |= load_seq_cst(word);
            index += usize::from(seen == 0);
        }
        (index, seen | load_seq_cst(last))
    }

    /// Returns the last word that was seen to have a free slot.
    pub(super) fn last_with_free(&self) -> Option<usize> {
        self.with_free().checked_ilog2().map(|index| index as usize)
    }

    /// Returns the first such word at or after `start`, wrapping around.
    #[inline]
    pub(super) fn next_with_free(&self, start: usize) -> Option<usize> {
        // If these few bits are repeated across a u64, rotating the u64 rotates them.
        const REPEAT: u64 = u64::MAX / (u64::MAX >> (u64::BITS - WORDS_PER_CHUNK as u32));
        let with_free = self.with_free() * REPEAT;
        (with_free != 0).then(|| first_from(with_free, start as u32) as usize % WORDS_PER_CHUNK)
    }
}

/// Returns the lowest `wanted` set bits of `bits`.
#[inline]
fn lowest_bits(bits: u64, wanted: u64) -> u64 {
    if wanted >= u64::from(u64::BITS) {
        return bits;
    }
    if wanted == 1 {
        return bits & bits.wrapping_neg();
    }
    // Most often they are side by side. What is shifted out at the top is not there in `bits` either.
    let row = ((1 << wanted) - 1) << (bits.trailing_zeros() % u64::BITS);
    if bits & row == row {
        return row;
    }
    let mut rest = bits;
    for _ in 0..wanted {
        rest &= rest.wrapping_sub(1);
        if rest == 0 {
            break;
        }
    }
    bits ^ rest
}

/// Returns the highest `wanted` set bits of `bits`.
fn highest_bits(bits: u64, wanted: u64) -> u64 {
    lowest_bits(bits.reverse_bits(), wanted).reverse_bits()
}

/// The result of one attempt to take the lowest free bit.
pub(crate) enum Attempt<T = u32> {
    /// Took this bit.
    Took(T),
    /// There was no free bit.
    Empty,
    /// Another thread was faster.
    Lost,
}

impl<T> Attempt<T> {
    #[inline]
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Attempt<U> {
        match self {
            Self::Took(taken) => Attempt::Took(convert(taken)),
            Self::Empty => Attempt::Empty,
            Self::Lost => Attempt::Lost,
        }
    }
}

/// Takes the lowest free bit, unless another thread changes the word meanwhile. Here and below, `mark` is called with
/// the bits before they are taken.
#[inline]
pub(super) fn try_take_first(word: &AtomicU64, mark: impl Fn(u64)) -> Attempt {
    // SeqCst: as in `take_lowest`.
    let free = load_seq_cst(word);
    if free == 0 {
        return Attempt::Empty;
    }
    let rest = free & (free - 1);
    mark(free ^ rest);
    // SeqCst: as in `take_lowest`. Relaxed on failure: what it reads is not used.
    match word.compare_exchange(free, rest, Ordering::SeqCst, Ordering::Relaxed) {
        Ok(_) => Attempt::Took(free.trailing_zeros()),
        Err(_) => Attempt::Lost,
    }
}

/// Takes the highest free bit: the mirror image of [`try_take_first`].
pub(super) fn try_take_last(word: &AtomicU64, mark: impl Fn(u64)) -> Attempt {
    // SeqCst: as in `take_lowest`.
    let free = load_seq_cst(word);
    let Some(bit_index) = free.checked_ilog2() else {
        return Attempt::Empty;
    };
    let bit = 1 << bit_index;
    mark(bit);
    // SeqCst: as in `take_lowest`, so that the bits above are known to be taken. Relaxed on failure: the value is not
    // used.
    let exchanged = word.compare_exchange(free, free & !bit, Ordering::SeqCst, Ordering::Relaxed);
    match exchanged.is_ok() {
        true => Attempt::Took(bit_index),
        false => Attempt::Lost,
    }
}

/// Takes up to `wanted` of the lowest free bits among `allowed`, and returns them; 0 if none is free.
#[inline]
pub(super) fn take_lowest(word: &AtomicU64, allowed: u64, wanted: u64, mark: impl Fn(u64)) -> u64 {
    take_some(word, |free| lowest_bits(free & allowed, wanted), mark)
}

/// Takes up to `wanted` of the highest free bits among `allowed`, and returns them; 0 if none is free.
fn take_highest(word: &AtomicU64, allowed: u64, wanted: u64, mark: impl Fn(u64)) -> u64 {
    take_some(word, |free| highest_bits(free & allowed, wanted), mark)
}

/// Takes the free bits that `pick` chooses; returns 0 if it chooses none.
#[inline]
fn take_some(word: &AtomicU64, pick: impl Fn(u64) -> u64, mark: impl Fn(u64)) -> u64 {
    // SeqCst: in the proof of `Bitmap::none_free`, this load is the searcher's read of the bit, and the releaser's read
    // of `watchers` comes after its own store. With less, both may miss the other.
    let mut free = load_seq_cst(word);
    loop {
        let take = pick(free);
        if take == 0 {
            return 0;
        }
        mark(take);
        // The whole word is compared, so the bits that were not picked, below or above, are known to be taken at
        // the claim itself.
        // SeqCst: Acquire pairs with the release of the last holder, whose work happens before ours;
        // the total order places the claim against the check loads of `settle`.
        // SeqCst on failure: the newer word takes the place of the first load.
        match word.compare_exchange(free, free & !take, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return take,
            Err(newer) => free = newer,
        }
    }
}

/// Takes one free bit, the first at or after `start_bit`, wrapping around, and returns its index.
///
/// This is one `lock btr` on x86-64, and it never retries because of another thread's bit.
#[inline]
pub(super) fn take_near(word: &AtomicU64, start_bit: u32, mark: impl Fn(u64)) -> Option<u32> {
    // Acquire: only a starting guess; the read-modify-write of `take_bit` decides.
    let mut free = word.load(Ordering::Acquire);
    while free != 0 {
        let bit_index = first_from(free, start_bit);
        mark(1 << bit_index);
        if take_bit(word, bit_index) {
            return Some(bit_index);
        }
        free &= !(1 << bit_index);
    }
    None
}

/// Does the same as [`take_near`] with one attempt: no loop where a second turn is almost never needed.
#[inline]
pub(super) fn try_take_near(word: &AtomicU64, start_bit: u32, mark: impl Fn(u64)) -> Option<u32> {
    // Acquire: as in `take_near`.
    let free = word.load(Ordering::Acquire);
    if free == 0 {
        return None;
    }
    let bit_index = first_from(free, start_bit);
    mark(1 << bit_index);
    take_bit(word, bit_index).then_some(bit_index)
}

/// Returns the first set bit at or after `start_bit`, wrapping around.
#[inline]
fn first_from(free: u64, start_bit: u32) -> u32 {
    (free.rotate_right(start_bit).trailing_zeros() + start_bit) % u64::BITS
}

#[inline]
fn take_bit(word: &AtomicU64, bit_index: u32) -> bool {
    let bit = 1 << bit_index;
    // SeqCst: Acquire pairs with the release of the last holder; the total order places the claim
    // against the check loads of `settle`.
    word.fetch_and(!bit, Ordering::SeqCst) & bit != 0
}

/// The result of a search through one chunk.
pub(super) enum Visit {
    /// Took something; the search is done.
    Done,
    /// Took what there was; more is wanted.
    Partly,
    /// All words were empty: the summary above may be settled.
    Empty,
    /// Found nothing within the bounds, but the chunk is not known to be empty.
    Nothing,
}

/// A claim in progress: how many slots are still wanted, within which bounds, and where they go.
pub(super) struct Request<S> {
    /// The first slot of the bounds, which are both inclusive.
    pub(super) first: Slot,
    pub(super) last: Slot,
    pub(super) wanted: u64,
    /// Called with each word index and the bits taken in it.
    pub(super) sink: S,
}

impl<S: FnMut(usize, u64)> Request<S> {
    fn words_of(&self, chunk_index: usize) -> RangeInclusive<usize> {
        let chunk_first = chunk_index * WORDS_PER_CHUNK;
        let first = word_of(self.first).max(chunk_first);
        let last = word_of(self.last).min(chunk_first + WORDS_PER_CHUNK - 1);
        first..=last
    }

    /// Takes the wanted slots from one chunk, lowest first.
    #[inline]
    pub(super) fn visit(&mut self, chunk: &Chunk, chunk_index: usize, mark: impl Mark) -> Visit {
        let words = self.words_of(chunk_index);
        let marks_of = |word_index| move |bits| mark.mark(word_index, bits);
        self.visit_words(words, take_lowest, chunk, chunk_index, marks_of)
    }

    /// Takes the wanted slots from one chunk, highest first.
    pub(super) fn visit_from_above(
        &mut self,
        chunk: &Chunk,
        chunk_index: usize,
        mark: impl Mark,
    ) -> Visit {
        let words = self.words_of(chunk_index).rev();
        let marks_of = |word_index| move |bits| mark.mark(word_index, bits);
        self.visit_words(words, take_highest, chunk, chunk_index, marks_of)
    }

    #[inline]
    fn visit_words<M: Fn(u64)>(
        &mut self,
        words: impl Iterator<Item = usize>,
        take: impl Fn(&AtomicU64, u64, u64, M) -> u64,
        chunk: &Chunk,
        chunk_index: usize,
        marks_of: impl Fn(usize) -> M,
    ) -> Visit {
        let mut took = false;
        for word_index in words {
            let allowed = bits_within(word_index, self.first, self.last);
            let word = &chunk.words()[word_index % WORDS_PER_CHUNK];
            let taken = take(word, allowed, self.wanted, marks_of(word_index));
            if taken != 0 {
                took = true;
                self.wanted -= u64::from(taken.count_ones());
                (self.sink)(word_index, taken);
                if self.wanted == 0 {
                    return Visit::Done;
                }
            }
        }
        if took {
            Visit::Partly
        } else if self.covers(chunk_index) || chunk.is_full() {
            Visit::Empty
        } else {
            Visit::Nothing
        }
    }

    fn covers(&self, chunk_index: usize) -> bool {
        let first_word = chunk_index * WORDS_PER_CHUNK;
        self.first <= slot_at(first_word, 0)
            && slot_at(first_word + WORDS_PER_CHUNK - 1, u64::BITS - 1) <= self.last
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn lowest_bits_takes_exactly_as_many_as_wanted() {
        assert_eq!(lowest_bits(0, 3), 0);
        assert_eq!(lowest_bits(0b1011_0100, 0), 0);
        assert_eq!(lowest_bits(0b1011_0100, 1), 0b100);
        assert_eq!(lowest_bits(0b1011_0100, 3), 0b11_0100);
        assert_eq!(lowest_bits(0b1011_0100, 9), 0b1011_0100);
        assert_eq!(lowest_bits(u64::MAX, 63), u64::MAX >> 1);
        assert_eq!(lowest_bits(0b1111 << 60, 7), 0b1111 << 60);
        assert_eq!(
            lowest_bits(0b1111 << 40 | 1 << 50, 5),
            0b1111 << 40 | 1 << 50
        );
        assert_eq!(lowest_bits(0b1111 << 40 | 1 << 50, 4), 0b1111 << 40);
        assert_eq!(highest_bits(0, 3), 0);
        assert_eq!(highest_bits(0b1011_0100, 0), 0);
        assert_eq!(highest_bits(0b1011_0100, 1), 0b1000_0000);
        assert_eq!(highest_bits(0b1011_0100, 3), 0b1011_0000);
        assert_eq!(highest_bits(0b1011_0100, 9), 0b1011_0100);
        assert_eq!(highest_bits(u64::MAX, 63), u64::MAX << 1);
    }

    /// Near the end of a word, the search wraps around to its first bits.
    #[test]
    fn take_near_wraps() {
        let word = AtomicU64::new(1 << 3 | 1 << 60);
        assert_eq!(take_near(&word, 4, |_| ()), Some(60));
        assert_eq!(take_near(&word, 61, |_| ()), Some(3));
        assert_eq!(take_near(&word, 0, |_| ()), None);
    }
}
