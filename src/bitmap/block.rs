//! Aligned blocks of 2^k slots.
//!
//! A block of up to a word is one compare-exchange. Larger blocks are claimed word by word, upwards, as a flight: if a
//! word is lost, the words taken so far are given back through the ordinary release. Two claims of overlapping blocks
//! meet at the first word they share, so one of them always continues.
//!
//! Blocks are searched from the top of the pool downwards, single slots from the bottom upwards, so that they meet
//! late.

use super::control::{Area, WORD_ORDER};
use super::{Bitmap, Mark};
use crate::slot::{SLOTS_PER_CHUNK, SLOTS_PER_WORD, Slot, chunk_of, slot_at, word_of};
use crate::sync::{AtomicU64, Ordering, WORDS_PER_CHUNK, load_seq_cst};

/// Returns the bits of the block of 2^`order` slots at bit 0.
#[inline]
pub(super) const fn block_bits(order: u32) -> u64 {
    u64::MAX >> (u64::BITS - (1 << order))
}

/// Returns the first bits of the free aligned blocks of 2^`order` slots, for an `order` of at most 6.
#[inline]
pub(super) const fn free_blocks(free: u64, order: u32) -> u64 {
    let mut starts = free;
    let mut step = 0;
    while step < order {
        starts &= starts >> (1 << step);
        step += 1;
    }
    // Every 2^order-th bit: all ones divided by the bits of one block.
    starts & (u64::MAX / block_bits(order))
}

/// Where blocks of one size can begin: at `first`, and at every 2^`order` slots after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockCandidates {
    /// The first slot of the first candidate, which is aligned like the slots' addresses.
    pub(crate) first: Slot,
    /// The number of candidates, at least one.
    pub(crate) count: u64,
    pub(crate) order: u32,
}

impl BlockCandidates {
    fn last_slot(self) -> Slot {
        (u64::from(self.first) + (self.count << self.order) - 1) as Slot
    }

    /// Returns the candidates that are completely within `first..=last`, if there are any.
    pub(crate) fn within(self, (first, last): (Slot, Slot)) -> Option<Self> {
        let below = u64::from(first.saturating_sub(self.first));
        let skipped = below.div_ceil(1 << self.order);
        let start = u64::from(self.first) + (skipped << self.order);
        let end = u64::from(last.min(self.last_slot())) + 1;
        let count = end.checked_sub(start)? >> self.order;
        (count != 0).then_some(Self {
            first: start as Slot,
            count,
            order: self.order,
        })
    }

    /// Returns the candidate that contains `slot`, which must be in one.
    fn around(&self, slot: Slot) -> Slot {
        let index = u64::from(slot - self.first) >> self.order;
        (u64::from(self.first) + (index << self.order)) as Slot
    }

    /// Returns whether a candidate begins at `slot`.
    fn contains(&self, slot: Slot) -> bool {
        (self.first..=self.last_slot()).contains(&slot) && self.around(slot) == slot
    }
}

/// The result of releasing a block.
pub(crate) struct BlockRelease {
    /// How many slots were taken, and are now free.
    pub(crate) freed: u64,
    /// The first slot that was already free.
    pub(crate) free_before: Option<Slot>,
}

impl BlockRelease {
    fn note(&mut self, word_index: usize, free: u64) {
        if free != 0 {
            let slot = slot_at(word_index, free.trailing_zeros());
            self.free_before.get_or_insert(slot);
        }
    }
}

impl<M: Mark> Bitmap<'_, M> {
    /// Claims the highest free block among all `candidates`, which are in ascending order, and returns its first slot.
    ///
    /// Returns `None` if at some instant of the call none of the candidates was completely free.
    pub(crate) fn claim_block(self, candidates: &[BlockCandidates]) -> Option<Slot> {
        let (order, first) = candidates.first().map(|of| (of.order, of.first))?;
        let last = candidates.last()?.last_slot();
        let search = || {
            let descending = candidates.iter().rev();
            descending.copied().find_map(|of| self.find_block(of))
        };
        search().or_else(|| self.search_or_prove(order, Area::around(first, last), search))
    }

    /// Releases an aligned block.
    ///
    /// If a slot of it is found free before the first release, nothing is changed: a block of up to a word is one
    /// exchange. If another thread frees a slot while the words of a larger block are being released, this is only
    /// reported.
    pub(crate) fn release_block(self, first: Slot, order: u32) -> BlockRelease {
        if order <= WORD_ORDER {
            let bits = block_bits(order) << (first % SLOTS_PER_WORD);
            let free_before = self.release_exactly(word_of(first), bits).err();
            return BlockRelease {
                freed: free_before.map_or(1 << order, |_| 0),
                free_before,
            };
        }
        let words = block_words(first, order);
        let free_before = words
            .clone()
            .find_map(|word_index| self.find_free(word_index));
        let mut outcome = BlockRelease {
            freed: 0,
            free_before,
        };
        if free_before.is_none() {
            for word_index in words {
                // If another thread releases parts of our block meanwhile, stopping would leak the rest.
                let free = self.release_bits(word_index, u64::MAX);
                outcome.freed += u64::from(free.count_zeros());
                outcome.note(word_index, free);
            }
        }
        outcome
    }

    /// Releases all of `bits` if they are all taken.
    fn release_exactly(self, word_index: usize, bits: u64) -> Result<(), Slot> {
        let word = self.word(word_index);
        // SeqCst: after the claim of the holder of these bits. A slot that this finds free is reported as free, but
        // published first: with less, the publish could read nodes from before the release that it is about, and "not
        // allocated" would be returned before the slot can be found.
        let mut seen = load_seq_cst(word);
        loop {
            let free = seen & bits;
            if free != 0 {
                // As in `mark_free`: a slot that is reported free is published first.
                self.announce(word_index, free);
                return Err(slot_at(word_index, free.trailing_zeros()));
            }
            // SeqCst: as in the `fetch_or` of `mark_free`. SeqCst on failure: the newer word takes the place of the
            // first load.
            match word.compare_exchange(seen, seen | bits, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => break,
                Err(newer) => seen = newer,
            }
        }
        self.announce(word_index, bits);
        Ok(())
    }

    /// Returns the first free slot of a word that should have none.
    fn find_free(self, word_index: usize) -> Option<Slot> {
        // SeqCst: as in `is_free`.
        let free = load_seq_cst(self.word(word_index));
        if free == 0 {
            return None;
        }
        // As in `mark_free`: a slot that is reported free is published first.
        self.announce(word_index, free);
        Some(slot_at(word_index, free.trailing_zeros()))
    }

    /// Claims the highest free block of these candidates, chunk by chunk downwards, using the summary. Finding none
    /// proves nothing.
    fn find_block(self, of: BlockCandidates) -> Option<Slot> {
        let first_chunk = chunk_of(of.first);
        let mut from = chunk_of(of.last_slot());
        while let Some(chunk_index) = self.tree.previous_candidate(from, first_chunk, |_, _| ()) {
            let lowest_tried = if of.order <= SLOTS_PER_CHUNK.trailing_zeros() {
                let found = self.find_block_in_chunk(chunk_index, of);
                if found.is_some() {
                    return found;
                }
                chunk_index
            } else {
                let first = of.around(slot_at(chunk_index * WORDS_PER_CHUNK, 0));
                if self.claim_words(first, of.order) {
                    return Some(first);
                }
                chunk_of(first)
            };
            if self.chunks[chunk_index].is_full() {
                // Otherwise, the next search would come here again.
                self.settle(chunk_index);
            }
            from = lowest_tried.checked_sub(1)?;
        }
        None
    }

    fn find_block_in_chunk(self, chunk_index: usize, of: BlockCandidates) -> Option<Slot> {
        let mut words = (0..WORDS_PER_CHUNK)
            .rev()
            .map(|index| chunk_index * WORDS_PER_CHUNK + index);
        if of.order <= WORD_ORDER {
            return words.find_map(|word_index| self.claim_block_in_word(word_index, of));
        }
        words
            .map(|word_index| slot_at(word_index, 0))
            .filter(|&first| of.contains(first))
            .find(|&first| self.claim_words(first, of.order))
    }

    fn claim_block_in_word(self, word_index: usize, of: BlockCandidates) -> Option<Slot> {
        let allowed = crate::slot::bits_within(word_index, of.first, of.last_slot());
        let word = self.word(word_index);
        // SeqCst: this is the read of a search under watch, as in `take_lowest`.
        let mut seen = load_seq_cst(word);
        loop {
            let starts = free_blocks(seen & allowed, of.order);
            if starts == 0 {
                return None;
            }
            let bit_index = u64::BITS - 1 - starts.leading_zeros();
            let block = block_bits(of.order) << bit_index;
            self.mark.mark(word_index, block);
            // SeqCst: as in `take_lowest`, on failure too.
            match word.compare_exchange(seen, seen & !block, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(slot_at(word_index, bit_index)),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Claims a block of whole words, all or nothing.
    fn claim_words(self, first: Slot, order: u32) -> bool {
        let words = block_words(first, order);
        let all_free = |word_index: usize| load_seq_cst(self.word(word_index)) == u64::MAX;
        // Checks first: most candidates fail, and a flight makes other threads wait.
        if !words.clone().all(all_free) {
            return false;
        }
        let flight = self.begin_flight();
        for word_index in words.clone() {
            self.mark.mark(word_index, u64::MAX);
            if !take_whole(self.word(word_index)) {
                for taken in *words.start()..word_index {
                    self.release_bits(taken, u64::MAX);
                    flight.note_given_back(SLOTS_PER_WORD.into());
                }
                return false;
            }
        }
        true
    }
}

fn block_words(first: Slot, order: u32) -> core::ops::RangeInclusive<usize> {
    let word_count = 1usize << (order - WORD_ORDER);
    word_of(first)..=word_of(first) + word_count - 1
}

fn take_whole(word: &AtomicU64) -> bool {
    // SeqCst: as in `take_lowest`. SeqCst on failure, too: it is then the read of a search under watch.
    word.compare_exchange(u64::MAX, 0, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn candidates_within_agree_with_asking_one_by_one() {
        let all = BlockCandidates {
            first: 8,
            count: 7,
            order: 2,
        };
        for first in 0..48 {
            for last in first..48 {
                let expected: Vec<Slot> = (8..36)
                    .step_by(4)
                    .filter(|&start| first <= start && start + 3 <= last)
                    .collect();
                let inside = all.within((first, last));
                let found: Vec<Slot> = inside
                    .map(|of| {
                        (0..of.count as Slot)
                            .map(|index| of.first + index * 4)
                            .collect()
                    })
                    .unwrap_or_default();
                assert_eq!(found, expected, "within {first}..={last}");
            }
        }
    }

    #[test]
    fn free_blocks_agrees_with_asking_block_by_block() {
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..500 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let free = random | random.rotate_left(3) | random.rotate_left(17);
            for order in 0..=WORD_ORDER {
                let size = 1u32 << order;
                let expected = (0..64)
                    .step_by(size as usize)
                    .filter(|start| (*start..start + size).all(|bit| free >> bit & 1 == 1))
                    .fold(0u64, |starts, start| starts | 1 << start);
                assert_eq!(
                    free_blocks(free, order),
                    expected,
                    "{free:#x}, order {order}"
                );
            }
        }
    }
}
