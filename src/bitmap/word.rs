//! Slots of one word: all that are free, for a local of the pool; those that a list contains; or the next one.

use super::batch::WordBits;
use super::chunk::take_lowest;
use super::{Bitmap, Chunk, Mark, Way};
use crate::slot::{SLOTS_PER_WORD, Slot, bit_of, slot_at, slots_in, word_of};
use crate::sync::{AtomicU64, Ordering, WORDS_PER_CHUNK, load_seq_cst};

impl<M: Mark> Bitmap<'_, M> {
    /// Claims all free slots of the first word that has any, in this way: from the word of the slot on, wrapping
    /// around, or from the last word downwards.
    ///
    /// Returns `None` if at some instant of the call nothing was free.
    #[cold]
    pub(crate) fn claim_word(self, way: Way) -> Option<WordBits> {
        self.search_until_none_free(|| {
            let near = match way {
                Way::UpFrom(slot) => word_of(slot),
                Way::Down => return self.find_word_from_above(),
            };
            let near_chunk = near / WORDS_PER_CHUNK;
            let near_word = near % WORDS_PER_CHUNK;
            self.take_word(near_chunk, near_word)
                .or_else(|| self.find_word(near_chunk + 1, self.chunks.len() - 1))
                .or_else(|| self.find_word(0, near_chunk))
        })
    }

    /// Claims the first word of the chunks `first..=last` that has a free slot. Finding none proves nothing.
    fn find_word(self, first: usize, last: usize) -> Option<WordBits> {
        let mut from = first;
        while let Some(chunk_index) = self.next_candidate(from, last) {
            let taken = self.take_word(chunk_index, 0);
            if taken.is_some() {
                return taken;
            }
            self.settle(chunk_index);
            from = chunk_index + 1;
        }
        None
    }

    /// Claims the last word that has a free slot. Finding none proves nothing.
    fn find_word_from_above(self) -> Option<WordBits> {
        let mut from = self.chunks.len() - 1;
        while let Some(chunk_index) = self.previous_candidate(from, 0) {
            let words = Chunk::words(&self.chunks[chunk_index]).iter().enumerate();
            let taken = words.rev().find_map(|(index, word)| {
                let word_index = chunk_index * WORDS_PER_CHUNK + index;
                let taken = take_all(word, word_index, self.mark);
                (taken != 0).then_some((word_index, taken))
            });
            if taken.is_some() {
                return taken;
            }
            self.settle(chunk_index);
            from = chunk_index.checked_sub(1)?;
        }
        None
    }

    /// Claims all free slots of the first word of this chunk, from word `from` on, that has any.
    fn take_word(self, chunk_index: usize, from: usize) -> Option<WordBits> {
        let words = Chunk::words(&self.chunks[chunk_index]).iter().enumerate();
        words.skip(from).find_map(|(index, word)| {
            let word_index = chunk_index * WORDS_PER_CHUNK + index;
            let taken = take_all(word, word_index, self.mark);
            (taken != 0).then_some((word_index, taken))
        })
    }

    /// Claims the first free slot at or after `start` in its word, if there is one. The search from `start` would find
    /// the same one: the whole word is compared, so the slots before it are known to be taken at the claim itself.
    #[inline]
    pub(crate) fn claim_next_in_word(self, start: Slot) -> Option<Slot> {
        let word_index = word_of(start);
        let word = self.words.get(word_index)?;
        let ahead = u64::MAX << (start % SLOTS_PER_WORD);
        let taken = take_lowest(word, ahead, 1, self.marks_of(word_index));
        (taken != 0).then(|| slot_at(word_index, taken.trailing_zeros()))
    }

    /// Claims those of `bits` that are free, and returns them; each other bit was taken at some instant of the call.
    pub(crate) fn claim_bits(self, word_index: usize, bits: u64) -> u64 {
        let word = self.word(word_index);
        let take = |wanted| take_lowest(word, wanted, u64::MAX, self.marks_of(word_index));
        let taken = take(bits);
        if taken == bits || self.control.lanes_used() == 0 {
            return taken;
        }
        // A flight may have held the others temporarily.
        let given = self.marking(()).evidence_of_one_look();
        let mut taken = taken | take(bits & !taken);
        if given.given_back() != 0 {
            for slot in slots_in(word_index, bits & !taken) {
                if self.claim_exact(slot) {
                    taken |= bit_of(slot);
                }
            }
        }
        taken
    }

    /// Returns whether `bits` of the word are all taken, by the caller or by other holders; false if there is no such
    /// word.
    #[inline]
    pub(crate) fn are_taken(self, word_index: usize, bits: u64) -> bool {
        // Without a panic, which wants to know how many words there are.
        self.words.get(word_index).is_some_and(|word| {
            // Relaxed: whatever happened before this call is seen; a race with it is the caller's mistake, and no
            // ordering would reveal it.
            word.load(Ordering::Relaxed) & bits == 0
        })
    }
}

fn take_all(word: &AtomicU64, word_index: usize, mark: impl Mark) -> u64 {
    // SeqCst: the searcher's read of the word, as the first load of `take_lowest`.
    let free = load_seq_cst(word);
    if free == 0 {
        return 0;
    }
    if mark.is_wanted() {
        mark.mark(word_index, free);
        // SeqCst: as in the exchange of `take_lowest`. A slot that was released since is not marked, so it stays.
        return word.fetch_and(!free, Ordering::SeqCst) & free;
    }
    // SeqCst: as in the exchange of `take_lowest`; a slot that is free by now is ours as well.
    word.swap(0, Ordering::SeqCst)
}
