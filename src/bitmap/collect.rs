//! Proves that nothing was free: in a bitmap, in a part of it, or in several bitmaps at one instant.
//!
//! ```text
//! before the look   read what the lanes have given back; begin a watch if there is no root
//! first look        the root, or all words: nothing free
//! second look       for several bitmaps, after all first looks: the very same root, and `freed`
//! --------------    the instant in question is between the two
//! after the look    wait for flights to end; what have the lanes given back by now?
//! ```
//!
//! One look at each of several bitmaps proves nothing about all of them, because the free bit moves. So everything is
//! collected twice, and what was empty at first must be the very same the second time. The version in a root changes
//! with every settle, and a publish changes a root without candidates. So a root that is the same word both times had
//! no candidate in between. Bitmaps without a root, and parts of a bitmap, are watched from before the first look until
//! the end.
//!
//! A slot that was not free at that instant, and has no holder, was in flight then, and was given back later. So if
//! fewer slots than wanted were given back since before the look, there were fewer.

use super::chunk::Chunk;
use super::control::{Area, Question, Watch};
use super::{Bitmap, Flight, Mark, Way};
use crate::slot::{Slot, bits_within, chunk_of, slot_at, slots_in, words_within};
use crate::sync::load_seq_cst;

/// What was read before a look that found nothing, and by it.
pub(crate) struct Evidence<'a> {
    bitmap: Bitmap<'a>,
    /// How many slots the lanes had given back before the look.
    given: u32,
    seen: Seen<'a>,
}

enum Seen<'a> {
    /// A single access: nothing can have moved.
    Once,
    Root(u64),
    /// Since then, `freed` counts releases that left a free block of at least this order.
    Watched {
        _watch: Watch<'a>,
        order: u32,
        freed: u64,
    },
    /// Since then, releases in one area are counted.
    Asked(Question<'a>),
}

impl Evidence<'_> {
    /// Makes the second look: returns whether nothing has changed.
    pub(crate) fn still_holds(&self) -> bool {
        match &self.seen {
            Seen::Once => true,
            Seen::Root(root) => self.bitmap.tree.root() == *root,
            Seen::Watched { order, freed, .. } => self.bitmap.control.freed(*order) == *freed,
            Seen::Asked(question) => question.is_unanswered(),
        }
    }

    /// Waits for flights to end, and returns how many slots may have been given back since before the look, by them or
    /// by others. Does not wait for the caller's own flight.
    pub(crate) fn given_back(&self) -> u64 {
        let Bitmap { lanes, control, .. } = self.bitmap;
        let given = lanes.given_when_landed(control).wrapping_sub(self.given);
        match &self.seen {
            Seen::Once | Seen::Root(_) => given.into(),
            // If nothing relevant was released, nothing relevant was given back.
            Seen::Watched { .. } if self.still_holds() => 0,
            Seen::Watched { .. } => given.into(),
            Seen::Asked(_) if self.still_holds() => 0,
            Seen::Asked(_) => u64::MAX,
        }
    }
}

impl<'a> Bitmap<'a> {
    /// Makes the first look at a bitmap, or at `parts` of it. Returns `None` if something may be free: search again.
    pub(crate) fn evidence_of_none(self, parts: Option<&[(Slot, Slot)]>) -> Option<Evidence<'a>> {
        match parts {
            None if !self.tree.is_linear() => self.evidence_at_the_root(),
            None => self.evidence_by_looking(|| self.chunks.iter().all(Chunk::is_full)),
            Some(parts) => self.evidence_by_looking(|| self.are_parts_taken_or_published(parts)),
        }
    }

    fn evidence_at_the_root(self) -> Option<Evidence<'a>> {
        // In this order: what is given back from here on may have been free at the look.
        let given = self.lanes.given(self.control);
        let root = self.tree.empty_root()?;
        Some(self.evidence(given, Seen::Root(root)))
    }

    fn evidence_by_looking(self, look: impl FnOnce() -> bool) -> Option<Evidence<'a>> {
        let evidence = self.watch_for(0);
        (look() && evidence.still_holds()).then_some(evidence)
    }

    /// Begins a watch for blocks of 2^`order` slots. The result is evidence if the caller finds none afterwards.
    pub(crate) fn watch_for(self, order: u32) -> Evidence<'a> {
        let watch = self.control.watch();
        let given = self.lanes.given(self.control);
        let freed = self.control.freed(order);
        let seen = Seen::Watched {
            _watch: watch,
            order,
            freed,
        };
        self.evidence(given, seen)
    }

    /// Asks for an area. The result is evidence if the caller finds nothing there afterwards.
    pub(super) fn ask_for(self, area: Area) -> Evidence<'a> {
        self.evidence(0, Seen::Asked(self.control.ask(area)))
    }

    /// Returns evidence for a caller that makes a single access afterwards, and finds nothing.
    pub(super) fn evidence_of_one_look(self) -> Evidence<'a> {
        self.evidence(self.lanes.given(self.control), Seen::Once)
    }

    fn evidence(self, given: u32, seen: Seen<'a>) -> Evidence<'a> {
        Evidence {
            bitmap: self,
            given,
            seen,
        }
    }

    /// Returns whether every slot of these parts was seen taken, each word at its own moment.
    pub(crate) fn are_parts_taken(self, parts: &[(Slot, Slot)]) -> bool {
        self.first_word_free_in(parts).is_none()
    }

    /// Does the same, and publishes slots that were seen free. Their release may have stopped before it published them;
    /// a search by the hints would then never find them, and the caller would search for ever.
    fn are_parts_taken_or_published(self, parts: &[(Slot, Slot)]) -> bool {
        let free = self.first_word_free_in(parts);
        if let Some(word_index) = free {
            self.tree.publish(chunk_of(slot_at(word_index, 0)));
        }
        free.is_none()
    }

    fn first_word_free_in(self, parts: &[(Slot, Slot)]) -> Option<usize> {
        parts.iter().find_map(|&(first, last)| {
            words_within(first, last).find(|&word_index| {
                // SeqCst: this is the read of a search under watch, and the check between the two phases of a settle,
                // as in `Chunk::is_full`.
                load_seq_cst(self.word(word_index)) & bits_within(word_index, first, last) != 0
            })
        })
    }

    /// Returns the free slots of `first..=last` in ascending order; each word is read when the iteration reaches it.
    pub(crate) fn free_slots_in_order(
        self,
        first: Slot,
        last: Slot,
    ) -> impl Iterator<Item = Slot> + 'a {
        words_within(first, last).flat_map(move |word_index| {
            // SeqCst: this is the read of a search under watch.
            let free = load_seq_cst(self.word(word_index));
            slots_in(word_index, free & bits_within(word_index, first, last))
        })
    }

    /// Returns whether nothing was seen free. In a linear bitmap, each word is read at its own moment.
    pub(crate) fn looks_full(self) -> bool {
        if self.tree.is_linear() {
            return self.chunks.iter().all(Chunk::is_full);
        }
        self.tree.root_is_empty()
    }
}

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Claims up to `wanted` free slots of a part in this way, and calls `sink` with each word and its bits. A smaller
    /// number proves nothing.
    pub(crate) fn try_claim_many(
        self,
        part: (Slot, Way, Slot),
        wanted: u64,
        sink: impl FnMut(usize, u64),
    ) {
        if wanted != 0 {
            self.take_many(part, wanted, sink);
        }
    }

    /// Begins a flight and claims with `search`; the claim may be given back until the flight is dropped.
    ///
    /// `None` proves nothing.
    pub(crate) fn claim_in_flight(
        self,
        search: impl FnOnce(Self) -> Option<Slot>,
    ) -> Option<(Flight<'a>, Slot)> {
        let flight = self.begin_flight();
        let slot = search(self)?;
        Some((flight, slot))
    }

    /// Claims exactly this slot, as [`claim_in_flight`](Self::claim_in_flight) does; `None` if it was taken at some
    /// instant of the call. A failed attempt has ended its flight before it waits for others.
    pub(crate) fn claim_exact_in_flight(self, slot: Slot) -> Option<(Flight<'a>, Slot)> {
        let attempt =
            || self.claim_in_flight(|bitmap| bitmap.try_claim_exact(slot).then_some(slot));
        attempt().or_else(|| self.search_or_prove(0, Area::around(slot, slot), attempt))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::storage::Words;

    /// Returns two slots of a bitmap, both taken, with clear hints.
    fn taken(is_linear: bool) -> Words {
        let words = Words::on_heap(64, is_linear, [(3, 4)].into_iter());
        assert_eq!(words.bitmap().claim_lowest(), Some(3));
        assert_eq!(words.bitmap().claim_lowest(), Some(4));
        assert_eq!(words.bitmap().claim_lowest(), None);
        words
    }

    const PARTS: [Option<&[(Slot, Slot)]>; 2] = [None, Some(&[(3, 3), (4, 9)])];

    /// The second look sees what happened between the looks, even if everything looks as before.
    #[test]
    fn what_came_and_went_between_the_looks_is_seen() {
        for is_linear in [false, true] {
            for parts in PARTS {
                let words = taken(is_linear);
                let bitmap = words.bitmap();
                let evidence = bitmap.evidence_of_none(parts).expect("nothing is free");
                assert!(evidence.still_holds());
                assert_eq!(evidence.given_back(), 0);
                assert!(words.finish(3, words.free(3)));
                assert!(!evidence.still_holds());
                assert_eq!(bitmap.claim_lowest(), Some(3));
                assert_eq!(bitmap.claim_lowest(), None);
                assert!(!evidence.still_holds(), "linear: {is_linear}, {parts:?}");
            }
        }
    }

    /// A release during the look, in a place that the look has already passed.
    #[test]
    fn what_is_released_behind_the_back_of_a_look_is_seen() {
        for is_linear in [false, true] {
            let words = taken(is_linear);
            let bitmap = words.bitmap();
            let look = || {
                let is_taken = bitmap.are_parts_taken(&[(3, 4)]);
                assert!(words.finish(3, words.free(3)));
                is_taken
            };
            assert!(bitmap.evidence_by_looking(look).is_none());
            assert_eq!(bitmap.claim_lowest(), Some(3));
            // The caller searches itself, under a watch or with a question.
            for evidence in [bitmap.watch_for(0), bitmap.ask_for(Area::around(3, 4))] {
                assert!(bitmap.are_parts_taken(&[(3, 4)]));
                assert!(words.finish(4, words.free(4)));
                assert!(!evidence.still_holds());
                assert!(bitmap.claim_exact(4));
            }
        }
    }

    /// A slot that was in flight at the look counts if it was given back, and not if it is kept. The caller does not
    /// wait for a flight that begins after the look.
    #[test]
    fn what_was_in_the_air_at_the_look_counts() {
        for is_linear in [false, true] {
            for parts in PARTS {
                for gives_back in [true, false] {
                    let words = taken(is_linear);
                    let bitmap = words.bitmap();
                    assert!(words.finish(4, words.free(4)));
                    let flight = bitmap.begin_flight();
                    assert_eq!(bitmap.find_from(0, 0, 63), Some(4));
                    bitmap.settle(0);
                    let evidence = bitmap.evidence_of_none(parts).expect("nothing is free");
                    if gives_back {
                        bitmap.release_bits(0, 1 << 4);
                        flight.note_given_back(1);
                    }
                    drop(flight);
                    assert_eq!(evidence.given_back(), u64::from(gives_back));
                    let evidence = bitmap.evidence_of_none(parts);
                    assert_eq!(evidence.is_none(), gives_back, "it is free");
                }
            }
        }
    }

    #[test]
    fn there_is_no_evidence_while_something_is_free() {
        for is_linear in [false, true] {
            for parts in PARTS {
                let words = taken(is_linear);
                let bitmap = words.bitmap();
                assert!(words.finish(4, words.free(4)));
                assert!(bitmap.evidence_of_none(parts).is_none());
                // What is free elsewhere does not matter to a part.
                assert!(bitmap.evidence_of_none(Some(&[(3, 3)])).is_some());
            }
        }
    }
}
