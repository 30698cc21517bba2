//! Single slots: claim the lowest one, the next one, any within bounds, or exactly one; release.

use super::chunk::{
    Attempt, Request, Visit, take_near, try_take_first, try_take_last, try_take_near,
};
use super::control::Area;
use super::tree::WayDown;
use super::{Bitmap, Mark, Way};
use crate::slot::{Slot, bit_of, bits_within, chunk_of, slot_at, word_of};
use crate::sync::{Ordering, WORDS_PER_CHUNK, load_seq_cst};

/// A slot that was claimed.
struct Taken {
    slot: Slot,
    /// Whether it seems to have been the last free one of its chunk.
    seems_last: bool,
}

/// The result of looking into the first word for the lowest slot.
pub(crate) enum LowestAttempt {
    /// The lowest free slot was claimed.
    Claimed(Slot),
    /// Nothing was claimed: the first chunk has nothing.
    InOtherChunk,
    /// Nothing was claimed, but another word of the first chunk may have something.
    InLaterWord,
    /// Nothing was claimed: another thread was faster.
    Lost,
}

/// What one way down to the first chunk from an end came to.
enum Step {
    /// Claimed this slot.
    Took(Slot),
    /// Nothing, and it is worth another way: the hint that led there is settled, or another thread was faster.
    Nothing,
    /// The root had no candidate.
    EmptyRoot,
    /// This node had no candidate, and its hint is still to be settled.
    EmptyNode { level: usize, index: usize },
}

impl<M: Mark> Bitmap<'_, M> {
    /// Returns whether the lowest free slot is in this chunk, as far as the summary shows: every lower chunk was seen
    /// taken at some moment of the call. There is no need to ask about the first chunk.
    #[inline(always)]
    pub(crate) fn is_lowest(self, chunk_index: usize) -> bool {
        self.tree.is_lowest(chunk_index)
    }

    /// Claims the lowest free slot if it is in the first word.
    #[inline]
    pub(crate) fn claim_in_first_word(self) -> LowestAttempt {
        let Some(word) = self.words.first() else {
            return LowestAttempt::InOtherChunk;
        };
        match try_take_first(word, self.marks_of(0)) {
            Attempt::Took(bit_index) => LowestAttempt::Claimed(slot_at(0, bit_index)),
            // Full pools: the summary may know that there is nothing in the other words of the chunk either.
            Attempt::Empty if !self.tree.is_lowest(0) => LowestAttempt::InOtherChunk,
            Attempt::Empty => LowestAttempt::InLaterWord,
            Attempt::Lost => LowestAttempt::Lost,
        }
    }

    /// Claims the lowest free slot of the chunk of the last claim, in one attempt.
    #[inline]
    pub(crate) fn try_claim_lowest_in_chunk(self, chunk_index: usize) -> Attempt<Slot> {
        let chunk = &self.chunks[chunk_index];
        let Some(index) = chunk.first_with_free() else {
            return Attempt::Empty;
        };
        let word_index = chunk_index * WORDS_PER_CHUNK + index;
        try_take_first(&chunk.words()[index], self.marks_of(word_index))
            .map(|bit_index| slot_at(word_index, bit_index))
    }

    /// Does the same in a chunk that the search has led to.
    #[inline]
    fn try_take_lowest_of(self, chunk_index: usize) -> Attempt<Taken> {
        let chunk = &self.chunks[chunk_index];
        let (index, free) = chunk.first_with_free_of_all();
        if free == 0 {
            return Attempt::Empty;
        }
        let word_index = chunk_index * WORDS_PER_CHUNK + index;
        try_take_first(&chunk.words()[index], self.marks_of(word_index)).map(|bit_index| Taken {
            slot: slot_at(word_index, bit_index),
            // Only a guess: other words may have the same bit, or more by now. `settle` looks again.
            seems_last: free.is_power_of_two(),
        })
    }

    /// Claims the lowest free slot; returns `None` if at some instant of the call nothing was free.
    ///
    /// Every lower slot was seen taken at some moment of the call. If the claim leaves a chunk without a free slot, its
    /// hint is settled at once: the next search would come here in vain, and most likely soon.
    #[inline]
    pub(crate) fn claim_lowest(self) -> Option<Slot> {
        if self.tree.is_linear() {
            return self.claim_from_or_prove(0);
        }
        self.claim_from_an_end(|| self.step_to_lowest())
    }

    /// Claims the lowest free slot by one way down the summary, which is nearly always enough. `Empty` says only that the
    /// root had no candidate.
    ///
    /// A leaf: it calls nothing, and what it does not find is left to [`Bitmap::claim_lowest`].
    #[inline(always)]
    pub(crate) fn try_claim_lowest(self) -> Attempt<Slot> {
        match self.step_to_lowest() {
            Step::Took(slot) => Attempt::Took(slot),
            Step::EmptyRoot => Attempt::Empty,
            Step::Nothing | Step::EmptyNode { .. } => Attempt::Lost,
        }
    }

    #[inline(always)]
    fn step_to_lowest(self) -> Step {
        self.step(self.tree.way_to_lowest(), |chunk_index| {
            self.try_take_lowest_of(chunk_index)
        })
    }

    /// Claims the highest free slot; returns `None` if at some instant of the call nothing was free.
    ///
    /// Every higher slot was seen taken at some moment of the call: the mirror image of [`Bitmap::claim_lowest`]. But no
    /// hint is settled at once, because every claim from above is a search: a slot that comes and goes as the last one
    /// of its chunk would pay each time.
    #[inline(never)]
    pub(crate) fn claim_highest(self) -> Option<Slot> {
        if self.tree.is_linear() {
            return self.search_until_none_free(|| self.find_highest(0, self.last_slot()));
        }
        self.claim_from_an_end(|| {
            self.step(self.tree.way_to_highest(), |chunk_index| {
                let taken = self.try_claim_highest_in_chunk(chunk_index);
                taken.map(|slot| Taken {
                    slot,
                    seems_last: false,
                })
            })
        })
    }

    /// Repeats `step` until it claims a slot; returns `None` if at some instant of the call nothing was free.
    #[inline(always)]
    fn claim_from_an_end(self, step: impl Fn() -> Step) -> Option<Slot> {
        loop {
            match step() {
                Step::Took(slot) => return Some(slot),
                Step::Nothing => {}
                Step::EmptyRoot if self.empty_root_proves_none() => return None,
                Step::EmptyRoot => {}
                Step::EmptyNode { level, index } => self.tree.settle_node(level, index),
            }
        }
    }

    /// Claims with `take` a slot of the chunk where `way` ends, and settles the hint about a chunk that is empty or seems
    /// to have become so.
    #[inline(always)]
    fn step(self, way: WayDown, take: impl Fn(usize) -> Attempt<Taken>) -> Step {
        let chunk_index = match way {
            WayDown::Chunk(chunk_index) => chunk_index,
            WayDown::EmptyRoot => return Step::EmptyRoot,
            WayDown::EmptyNode { level, index } => return Step::EmptyNode { level, index },
        };
        let step = match take(chunk_index) {
            Attempt::Took(taken) if taken.seems_last => Step::Took(taken.slot),
            Attempt::Took(taken) => return Step::Took(taken.slot),
            Attempt::Empty => Step::Nothing,
            Attempt::Lost => return Step::Nothing,
        };
        self.settle_here(chunk_index);
        step
    }

    /// Claims the highest free slot of a chunk, in one attempt.
    fn try_claim_highest_in_chunk(self, chunk_index: usize) -> Attempt<Slot> {
        let chunk = &self.chunks[chunk_index];
        let Some(index) = chunk.last_with_free() else {
            return Attempt::Empty;
        };
        let word_index = chunk_index * WORDS_PER_CHUNK + index;
        try_take_last(&chunk.words()[index], self.marks_of(word_index))
            .map(|bit_index| slot_at(word_index, bit_index))
    }

    /// Claims the first free slot at or after `start`, or else the first one from the beginning.
    ///
    /// Returns `None` if at some instant of the call nothing was free.
    #[inline]
    pub(crate) fn claim_from(self, start: Slot) -> Option<Slot> {
        if !self.tree.is_linear() && self.has_none() {
            return None;
        }
        self.claim_from_or_prove(start)
    }

    #[inline(never)]
    fn claim_from_or_prove(self, start: Slot) -> Option<Slot> {
        self.search_until_none_free(|| self.find_from(0, start, self.last_slot()))
    }

    /// Repeats `search` until it finds something; returns `None` if at some instant of the call nothing was free.
    pub(super) fn search_until_none_free<T>(self, search: impl Fn() -> Option<T>) -> Option<T> {
        loop {
            if !self.tree.root_is_empty() {
                let found = search();
                if found.is_some() {
                    return found;
                }
            }
            if self.has_none() {
                return None;
            }
        }
    }

    /// Claims a free slot of `first..=last` in this way; returns `None` if at some instant of the call none of them was
    /// free.
    pub(crate) fn claim_within(self, first: Slot, way: Way, last: Slot) -> Option<Slot> {
        let search = || self.find(first, way, last);
        search().or_else(|| self.search_or_prove(0, Area::around(first, last), search))
    }

    /// Claims a slot of word `near`, which other threads avoid if they can: one load, one RMW. `start_bit` spreads
    /// threads that meet in one word.
    ///
    /// If it returns `None`, call [`claim_near`](Self::claim_near).
    #[inline]
    pub(crate) fn try_claim_near(self, near: usize, start_bit: u32) -> Option<Slot> {
        // The word exists. No panic, because that takes a stack frame.
        let word = self.words.get(near)?;
        let bit_index = try_take_near(word, start_bit, self.marks_of(near))?;
        Some(slot_at(near, bit_index))
    }

    /// Claims a slot of the chunk of word `near`, from that word on.
    ///
    /// If it returns `None`, call [`claim_from`](Self::claim_from).
    pub(crate) fn claim_near(self, near: usize, start_bit: u32) -> Option<Slot> {
        let chunk_index = near / WORDS_PER_CHUNK;
        let chunk = &self.chunks[chunk_index];
        loop {
            let index = chunk.next_with_free(near % WORDS_PER_CHUNK)?;
            let word_index = chunk_index * WORDS_PER_CHUNK + index;
            let marks = self.marks_of(word_index);
            if let Some(bit_index) = take_near(&chunk.words()[index], start_bit, marks) {
                return Some(slot_at(word_index, bit_index));
            }
        }
    }

    /// Claims exactly `slot`; returns `false` if at some instant of the call it was taken.
    #[inline]
    pub(crate) fn claim_exact(self, slot: Slot) -> bool {
        self.try_claim_exact(slot) || self.claim_exact_beside_flights(slot)
    }

    /// Does the same after the slot was found taken, because a flight may have held it temporarily.
    pub(crate) fn claim_exact_beside_flights(self, slot: Slot) -> bool {
        self.control.lanes_used() != 0 && self.claim_exact_or_prove(slot)
    }

    #[cold]
    #[inline(never)]
    fn claim_exact_or_prove(self, slot: Slot) -> bool {
        let attempt = || self.try_claim_exact(slot).then_some(());
        let given = self.marking(()).evidence_of_one_look();
        if attempt().is_some() {
            return true;
        }
        // The slot that was given back may have been this one, or any other.
        given.given_back() != 0
            && self
                .search_or_prove(0, Area::around(slot, slot), attempt)
                .is_some()
    }

    /// Claims exactly `slot`; `false` may also mean that a claim in flight holds it temporarily.
    #[inline]
    pub(crate) fn try_claim_exact(self, slot: Slot) -> bool {
        let bit = bit_of(slot);
        self.mark.mark(word_of(slot), bit);
        // SeqCst: Acquire pairs with the release of the last holder; the total order places the claim
        // against the check loads of `settle`.
        self.word(word_of(slot)).fetch_and(!bit, Ordering::SeqCst) & bit != 0
    }

    /// Returns whether `slot` was free when it was read.
    #[inline]
    pub(crate) fn is_free(self, slot: Slot) -> bool {
        // SeqCst: only a hint for others; for a caller that knows of a release or a claim on another thread, it is at
        // least that new.
        load_seq_cst(self.word(word_of(slot))) & bit_of(slot) != 0
    }

    /// Releases `slot`, first half; returns `false` if it was free already, and then nothing has changed.
    #[inline]
    pub(crate) fn mark_free(self, slot: Slot) -> bool {
        let bit = bit_of(slot);
        // The word exists. No panic, because that takes a stack frame.
        let Some(word) = self.words.get(word_of(slot)) else {
            return false;
        };
        // SeqCst: Release pairs with the claim of the next holder; the total order places the store
        // before the loads of `publish`. With AcqRel a lost slot is found by loom in under a second.
        let was_free = word.fetch_or(bit, Ordering::SeqCst) & bit != 0;
        !was_free
    }

    /// Returns whether every level of the summary says already that the slot's chunk may have something free.
    ///
    /// Call it after [`mark_free`](Self::mark_free), and [`is_watched`](Self::is_watched) after it. These are the loads
    /// of [`announce`](Self::announce), in its order: up to the root, then the watchers. So a release that finds all
    /// hints set and no watcher is one whose announcement had nothing to write, and what is proved of announcements
    /// holds for it. Any other release announces from the beginning.
    #[inline(always)]
    pub(crate) fn is_published(self, slot: Slot) -> bool {
        self.tree.is_published(chunk_of(slot))
    }

    /// Publishes the release of `slot` in the summary. [`is_watched`](Self::is_watched) comes after it.
    #[inline(always)]
    pub(crate) fn publish(self, slot: Slot) {
        self.tree.publish(chunk_of(slot));
    }

    /// Returns whether some search wants every release to be counted.
    #[inline(always)]
    pub(crate) fn is_watched(self) -> bool {
        self.control.is_watched()
    }

    /// Publishes the release of `slot`, second half, unless there is [nothing to publish](Self::is_published).
    ///
    /// Also called when the slot was free: the thread that freed it may be stalled before its own publish, but after
    /// our caller got "free", its next claim must not report "nothing free".
    #[inline(always)]
    pub(crate) fn announce_slot(self, slot: Slot) {
        self.announce(word_of(slot), bit_of(slot));
    }

    /// Releases the slots of `bits` in word `word_index`, which the caller holds, and returns those that were free
    /// already.
    #[inline]
    pub(crate) fn release_bits(self, word_index: usize, bits: u64) -> u64 {
        // SeqCst: as in `mark_free`.
        let before = self.word(word_index).fetch_or(bits, Ordering::SeqCst);
        self.announce(word_index, bits);
        before & bits
    }

    /// Publishes a release: first in the summary, then to the watchers. In this order; see `control`. Always inlined:
    /// as a call, it would get the whole bitmap by reference.
    #[inline(always)]
    pub(super) fn announce(self, word_index: usize, bits: u64) {
        self.tree.publish(word_index / WORDS_PER_CHUNK);
        if self.control.is_watched() {
            let word = self.word(word_index);
            self.control.count_freed(word, word_index, bits);
        }
    }

    /// Claims the first free slot of `start..=last`, then of `first..start`. Finding none proves nothing.
    pub(crate) fn find_from(self, first: Slot, start: Slot, last: Slot) -> Option<Slot> {
        let before_start = || {
            let last = start.checked_sub(1).filter(|&last| first <= last)?;
            self.find_within(first, last)
        };
        self.find_within(start, last).or_else(before_start)
    }

    /// Claims a free slot of `first..=last` in this way. Finding none proves nothing.
    pub(crate) fn find(self, first: Slot, way: Way, last: Slot) -> Option<Slot> {
        match way {
            Way::UpFrom(start) => self.find_from(first, start, last),
            Way::Down => self.find_highest(first, last),
        }
    }

    /// Claims the highest free slot of `first..=last`. Finding none proves nothing.
    fn find_highest(self, first: Slot, last: Slot) -> Option<Slot> {
        let mut found = None;
        self.take_from_above(Request {
            first,
            last,
            wanted: 1,
            sink: |word_index, bits: u64| found = Some(slot_at(word_index, bits.ilog2())),
        });
        found
    }

    /// Does the same as [`Bitmap::take_within`], downwards.
    #[inline(never)]
    pub(super) fn take_from_above(self, mut request: Request<impl FnMut(usize, u64)>) -> u64 {
        let first_chunk = chunk_of(request.first);
        let mut from = chunk_of(request.last);
        while let Some(chunk_index) = self.previous_candidate(from, first_chunk) {
            match request.visit_from_above(&self.chunks[chunk_index], chunk_index, self.mark) {
                Visit::Done => break,
                Visit::Empty => self.settle(chunk_index),
                Visit::Partly | Visit::Nothing => {}
            }
            let Some(before) = chunk_index.checked_sub(1) else {
                break;
            };
            from = before;
        }
        request.wanted
    }

    /// Claims the first free slot of `first..=last`. Finding none proves nothing.
    fn find_within(self, first: Slot, last: Slot) -> Option<Slot> {
        let mut found = None;
        self.take_within(Request {
            first,
            last,
            wanted: 1,
            sink: |word_index, bits: u64| {
                found = Some(slot_at(word_index, bits.trailing_zeros()));
            },
        });
        found
    }

    /// Takes slots from chunk after chunk until the request is satisfied; returns how many are still wanted.
    pub(super) fn take_within(self, mut request: Request<impl FnMut(usize, u64)>) -> u64 {
        let last_chunk = chunk_of(request.last);
        let mut from = chunk_of(request.first);
        while let Some(chunk_index) = self.next_candidate(from, last_chunk) {
            match request.visit(&self.chunks[chunk_index], chunk_index, self.mark) {
                Visit::Done => break,
                Visit::Empty => self.settle(chunk_index),
                Visit::Partly | Visit::Nothing => {}
            }
            from = chunk_index + 1;
        }
        request.wanted
    }

    #[inline]
    pub(super) fn next_candidate(self, from: usize, last: usize) -> Option<usize> {
        self.tree.next_candidate(from, last)
    }

    /// Returns the last candidate chunk of `first..=from`. Settles the stale hints on its way.
    pub(super) fn previous_candidate(self, from: usize, first: usize) -> Option<usize> {
        let settle = |level, index| self.tree.settle_node(level, index);
        self.tree.previous_candidate(from, first, settle)
    }

    /// Settles the hint about a chunk that was seen empty: looks at it again.
    #[inline(never)]
    pub(crate) fn settle(self, chunk_index: usize) {
        self.settle_here(chunk_index);
    }

    /// Does the same, inlined where it is frequent.
    #[inline(always)]
    fn settle_here(self, chunk_index: usize) {
        let chunk = &self.chunks[chunk_index];
        self.tree.settle(chunk_index, || chunk.is_full());
    }

    /// Returns a function that marks bits of one word before they are claimed.
    #[inline]
    pub(super) fn marks_of(self, word_index: usize) -> impl Fn(u64) {
        let mark = self.mark;
        move |bits| mark.mark(word_index, bits)
    }

    /// Returns the free bits of one word within bounds, for reading only.
    #[inline]
    pub(super) fn free_bits(self, word_index: usize, first: Slot, last: Slot) -> u64 {
        // Acquire: pairs with releases, so that a reader that finds a slot taken or free sees at least what led to it.
        // Nothing is decided by it.
        self.word(word_index).load(Ordering::Acquire) & bits_within(word_index, first, last)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::storage::Words;

    /// Three levels of summary over 300 chunks, of which one has a free slot.
    fn one_free_in_chunk(chunk_index: usize) -> (Words, Slot) {
        let slot = slot_at(chunk_index * WORDS_PER_CHUNK + 3, 17);
        let words = Words::on_heap(300 * 512, false, [(slot, slot)].into_iter());
        (words, slot)
    }

    /// The search that takes the last slot of a chunk clears its hints on every level before it returns. Later, a release
    /// sets them again.
    #[test]
    fn a_search_clears_the_hints_of_what_it_emptied() {
        for chunk_index in [0, 1, 299] {
            let (words, slot) = one_free_in_chunk(chunk_index);
            for _ in 0..3 {
                let bitmap = words.bitmap();
                assert_eq!(bitmap.claim_lowest(), Some(slot));
                assert!(bitmap.tree.root_is_empty(), "chunk {chunk_index}");
                assert!(!bitmap.tree.is_published(chunk_index));
                assert!(words.finish(slot, words.free(slot)));
                assert!(bitmap.tree.is_published(chunk_index));
            }
        }
    }

    /// What has something left keeps its hints: another bit of the word, another word of the chunk, another chunk.
    #[test]
    fn a_search_clears_no_other_hint() {
        for other in [18, 400, 512 + 17, 299 * 512] {
            let words = Words::on_heap(300 * 512, false, [(17, 17), (other, other)].into_iter());
            let bitmap = words.bitmap();
            assert_eq!(bitmap.claim_lowest(), Some(17));
            assert_eq!(bitmap.tree.is_published(0), other < 512);
            assert!(bitmap.tree.is_published(chunk_of(other)));
            assert_eq!(bitmap.claim_lowest(), Some(other));
            assert!(bitmap.tree.root_is_empty());
        }
    }

    /// Only the search pays. A slot that comes and goes in the chunk of the last claim, or from above, finds its hints as
    /// they were.
    #[test]
    fn no_other_claim_clears_the_hints_of_what_it_emptied() {
        let claims: [fn(Bitmap<'_>, Slot) -> bool; 3] = [
            |bitmap, slot| {
                let attempt = bitmap.try_claim_lowest_in_chunk(chunk_of(slot));
                matches!(attempt, Attempt::Took(taken) if taken == slot)
            },
            |bitmap, slot| bitmap.claim_highest() == Some(slot),
            |bitmap, slot| bitmap.claim_exact(slot),
        ];
        for claim in claims {
            let (words, slot) = one_free_in_chunk(299);
            assert!(claim(words.bitmap(), slot));
            assert!(words.bitmap().tree.is_published(299));
        }
        let words = Words::on_heap(300 * 512, false, [(512, 512)].into_iter());
        assert!(words.bitmap().is_lowest(1));
        let words = Words::on_heap(300 * 512, false, [(7, 7)].into_iter());
        let attempt = words.bitmap().claim_in_first_word();
        assert!(matches!(attempt, LowestAttempt::Claimed(7)));
        assert!(words.bitmap().tree.is_published(0));
    }
}
