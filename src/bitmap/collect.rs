//! Proof that several bitmaps had nothing at one and the same instant.
//!
//! One look at each of them proves nothing together: the free bit moves. So everything is collected twice,
//! and what was empty at first must be the very same the second time.
//!
//! ```text
//! first collect    flights and root of every bitmap: nobody in flight, no candidate
//! --------------   the instant that is spoken of
//! second collect   root and flights of every bitmap: the same words
//! ```
//!
//! The version in a root changes with every settle, and a publish changes a root without candidates. So a
//! root that is the same word at both readings had no candidate in between. What has no root, and parts of
//! a bitmap, are watched from before the first collect until after the second one.

use super::chunk::{Chunk, Request};
use super::control::{Flight, Watch};
use super::{Bitmap, Mark};
use crate::slot::{Slot, bits_within, chunk_of, slot_at, slots_in, words_within};
use crate::sync::load_seq_cst;

/// What the first collect has found of one bitmap that looked empty.
pub(crate) struct Evidence<'a> {
    bitmap: Bitmap<'a>,
    flights: u64,
    /// Flights of the caller, as they read in the low half.
    own: u64,
    seen: Seen<'a>,
}

enum Seen<'a> {
    Root(u64),
    /// Releases that left a block of at least this order since then are counted in `freed`.
    Watched {
        _watch: Watch<'a>,
        order: u32,
        freed: u64,
    },
}

/// Why the first collect is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Something may be free: search again.
    MayBeFree,
    /// Somebody else's claim is in flight and may give back what it took: wait.
    InFlight,
}

impl Evidence<'_> {
    /// The second collect: whether all is as it was.
    pub(crate) fn still_holds(&self) -> bool {
        let is_same = match self.seen {
            Seen::Root(root) => self.bitmap.tree.root() == root,
            Seen::Watched { order, freed, .. } => self.bitmap.control.freed(order) == freed,
        };
        let control = self.bitmap.control;
        is_same && control.undisturbed_since(self.flights, self.own)
    }
}

impl<'a> Bitmap<'a> {
    /// The first collect of a bitmap, as far as `parts` of it go; all of it if there are none. The caller has
    /// `own_flights` there himself.
    pub(crate) fn evidence_of_none(
        self,
        parts: Option<&[(Slot, Slot)]>,
        own_flights: u64,
    ) -> Result<Evidence<'a>, Doubt> {
        let by_looking = |look: &dyn Fn() -> bool| self.evidence_by_looking(own_flights, look);
        match parts {
            None if !self.tree.is_linear() => self.evidence_at_the_root(own_flights),
            None => by_looking(&|| self.chunks.iter().all(Chunk::is_full)),
            Some(parts) => by_looking(&|| self.are_parts_taken_or_published(parts)),
        }
    }

    fn evidence_at_the_root(self, own_flights: u64) -> Result<Evidence<'a>, Doubt> {
        let own = self.own_mark(own_flights);
        let flights = self.calm(own)?;
        let root = self.tree.empty_root().ok_or(Doubt::MayBeFree)?;
        Ok(Evidence {
            bitmap: self,
            flights,
            own,
            seen: Seen::Root(root),
        })
    }

    fn evidence_by_looking(
        self,
        own_flights: u64,
        look: &dyn Fn() -> bool,
    ) -> Result<Evidence<'a>, Doubt> {
        let evidence = self.watch_for(0, own_flights)?;
        if look() {
            Ok(evidence)
        } else {
            Err(Doubt::MayBeFree)
        }
    }

    /// Begins a watch for blocks of 2^`order` slots; evidence once the caller has found none after it.
    pub(crate) fn watch_for(self, order: u32, own_flights: u64) -> Result<Evidence<'a>, Doubt> {
        let own = self.own_mark(own_flights);
        let watch = self.control.watch();
        let freed = self.control.freed(order);
        Ok(Evidence {
            bitmap: self,
            flights: self.calm(own)?,
            own,
            seen: Seen::Watched {
                _watch: watch,
                order,
                freed,
            },
        })
    }

    /// The word of the flights while nobody else is in flight.
    fn calm(self, own: u64) -> Result<u64, Doubt> {
        let flights = self.control.flights();
        let is_calm = self.control.undisturbed_since(flights, own);
        if is_calm {
            Ok(flights)
        } else {
            Err(Doubt::InFlight)
        }
    }

    /// Whether every slot of these parts was seen taken, each word at its own moment.
    pub(crate) fn are_parts_taken(self, parts: &[(Slot, Slot)]) -> bool {
        self.first_word_free_in(parts).is_none()
    }

    /// The same, and publishes what was seen free. Its release may have stopped before it did that itself:
    /// then a search by the hints would never find it, and the caller would search for ever.
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
                // SeqCst: the look of a search under watch, and the check between the two phases of a
                // settle, as in `Chunk::is_full`.
                load_seq_cst(self.word(word_index)) & bits_within(word_index, first, last) != 0
            })
        })
    }

    /// The free slots of `first..=last`, ascending: each word is looked at when the search comes to it.
    pub(crate) fn free_slots_in_order(
        self,
        first: Slot,
        last: Slot,
    ) -> impl Iterator<Item = Slot> + 'a {
        words_within(first, last).flat_map(move |word_index| {
            // SeqCst: the look of a search under watch.
            let free = load_seq_cst(self.word(word_index));
            slots_in(word_index, free & bits_within(word_index, first, last))
        })
    }

    /// Whether nothing was seen free. Of a linear bitmap, each word at its own moment.
    pub(crate) fn looks_full(self) -> bool {
        if self.tree.is_linear() {
            return self.chunks.iter().all(Chunk::is_full);
        }
        self.tree.root_is_empty()
    }
}

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Claims up to `wanted` free slots of `start..=last`, and then of `first..start`, and hands each word with
    /// its bits to `sink`. Fewer prove nothing.
    pub(crate) fn try_claim_many(
        self,
        (first, start, last): (Slot, Slot, Slot),
        wanted: u64,
        mut sink: impl FnMut(usize, u64),
    ) {
        let mut claim = |first, last, wanted| {
            let sink = &mut sink;
            self.take_within(Request {
                first,
                last,
                wanted,
                sink,
            })
        };
        let missing = match wanted {
            0 => 0,
            _ => claim(start, last, wanted),
        };
        if missing != 0 && first < start {
            claim(first, start - 1, missing);
        }
    }

    /// Begins a flight and claims by `search`; the claim may be given back until the flight is dropped.
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
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::storage::Words;

    /// Two slots of a bitmap, both taken, and its hints down.
    fn taken(is_linear: bool) -> Words {
        let words = Words::on_heap(64, is_linear, [(3, 4)].into_iter());
        assert_eq!(words.bitmap().claim_lowest(), Some(3));
        assert_eq!(words.bitmap().claim_lowest(), Some(4));
        assert_eq!(words.bitmap().claim_lowest(), None);
        words
    }

    fn certain(evidence: Result<Evidence<'_>, Doubt>) -> Evidence<'_> {
        evidence.unwrap_or_else(|doubt| panic!("nothing is free: {doubt:?}"))
    }

    const PARTS: [Option<&[(Slot, Slot)]>; 2] = [None, Some(&[(3, 3), (4, 9)])];

    /// Whatever happened between the collects is seen by the second one, though all looks as before.
    #[test]
    fn what_came_and_went_between_the_collects_is_seen() {
        for is_linear in [false, true] {
            for parts in PARTS {
                let words = taken(is_linear);
                let bitmap = words.bitmap();
                let evidence = certain(bitmap.evidence_of_none(parts, 0));
                assert!(evidence.still_holds());
                assert!(words.release(3));
                assert!(!evidence.still_holds());
                assert_eq!(bitmap.claim_lowest(), Some(3));
                assert_eq!(bitmap.claim_lowest(), None);
                assert!(!evidence.still_holds(), "linear: {is_linear}, {parts:?}");
                let evidence = certain(bitmap.evidence_of_none(parts, 0));
                drop(bitmap.begin_flight());
                assert!(!evidence.still_holds(), "somebody was in flight");
            }
        }
    }

    /// Whoever holds something in flight may ask whether there was anything else, and is told of others.
    #[test]
    fn own_flights_do_not_disturb() {
        for is_linear in [false, true] {
            for parts in PARTS {
                let words = taken(is_linear);
                let bitmap = words.bitmap();
                let own = bitmap.begin_flight();
                let evidence = certain(bitmap.evidence_of_none(parts, 1));
                assert!(evidence.still_holds());
                let other = bitmap.begin_flight();
                assert!(!evidence.still_holds());
                assert_eq!(
                    bitmap.evidence_of_none(parts, 1).err(),
                    Some(Doubt::InFlight)
                );
                drop((own, other));
            }
        }
    }

    #[test]
    fn there_is_no_evidence_while_something_is_free_or_in_flight() {
        for is_linear in [false, true] {
            for parts in PARTS {
                let words = taken(is_linear);
                let bitmap = words.bitmap();
                let flight = bitmap.begin_flight();
                assert_eq!(
                    bitmap.evidence_of_none(parts, 0).err(),
                    Some(Doubt::InFlight)
                );
                drop(flight);
                assert!(words.release(4));
                assert_eq!(
                    bitmap.evidence_of_none(parts, 0).err(),
                    Some(Doubt::MayBeFree)
                );
                // What is free elsewhere does not matter to a part.
                assert!(bitmap.evidence_of_none(Some(&[(3, 3)]), 0).is_ok());
            }
        }
    }
}
