//! Claims many slots in one call.

use super::chunk::{Request, take_lowest};
use super::{Bitmap, Evidence, Mark, Way};
use crate::slot::Slot;
use crate::sync::{Snooze, WORDS_PER_CHUNK, thread_index};

/// Claimed bits: the index of a word, and bits in it.
pub(crate) type WordBits = (usize, u64);

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Claims up to `wanted` slots, calls `sink` with each word and its bits, and returns how many slots are missing.
    ///
    /// Each slot is a claim of its own. Slots are missing only if at some instant of the call nothing was free.
    /// `next_step` says where to search, and for how many slots at most, before it is called again.
    pub(crate) fn claim_up_to(
        self,
        wanted: u64,
        mut next_step: impl FnMut() -> BatchStep,
        mut sink: impl FnMut(usize, u64),
    ) -> u64 {
        let mut missing = wanted;
        while missing != 0 {
            let left = self.take_step(next_step(), missing, &mut sink);
            if left < missing {
                missing = left;
            } else if self.has_none() {
                return missing;
            }
        }
        0
    }

    /// Claims exactly `wanted` slots or none; returns `None` if at some instant of the call fewer were free.
    pub(crate) fn claim_all(
        self,
        wanted: u64,
        mut next_step: impl FnMut() -> BatchStep,
    ) -> Option<Vec<WordBits>> {
        loop {
            let flight = self.begin_flight();
            let mut claimed = Vec::new();
            let Some(evidence) = self.gather(wanted, &mut next_step, &mut claimed) else {
                return Some(claimed);
            };
            for &(word_index, bits) in &claimed {
                self.release_bits(word_index, bits);
                flight.note_given_back(bits.count_ones().into());
            }
            drop(flight);
            // Two batches that each hold what the other lacks must not wait for each other: our flight has ended. What
            // we had ourselves is part of what was given back.
            if evidence.given_back() < wanted {
                return None;
            }
            // Together there were enough. The batch that comes back first takes them: pauses of different lengths keep
            // two batches from coming back at the same time.
            let snooze = Snooze::default();
            (0..=thread_index() % 4).for_each(|_| snooze.snooze());
        }
    }

    /// Takes slots until there are `wanted`, or until there is evidence that there were no more. The caller has a
    /// flight.
    fn gather(
        self,
        wanted: u64,
        next_step: &mut impl FnMut() -> BatchStep,
        claimed: &mut Vec<WordBits>,
    ) -> Option<Evidence<'a>> {
        let mut missing = wanted;
        while missing != 0 {
            let left = self.take_step(next_step(), missing, |word_index, bits| {
                claimed.push((word_index, bits));
            });
            if left < missing {
                missing = left;
                continue;
            }
            let evidence = self.marking(()).evidence_of_none(None);
            if evidence.is_some() {
                return evidence;
            }
        }
        None
    }

    /// Takes slots up to the number of a step in its way, and returns how many are missing.
    fn take_step(self, step: BatchStep, wanted: u64, mut sink: impl FnMut(usize, u64)) -> u64 {
        let now = wanted.min(step.at_most);
        let missing = match step.likely_chunk {
            Some(likely) => self.take_lowest_at(likely, now, &mut sink),
            None => now,
        };
        if missing == 0 {
            return wanted - now;
        }
        wanted - now + self.take_by_search(step.way, missing, sink)
    }

    /// Takes up to `wanted` slots in this way, and returns how many are missing. Not inlined, because a batch rarely
    /// comes so far, and would copy the bitmap for it each time.
    #[inline(never)]
    fn take_by_search(self, way: Way, wanted: u64, sink: impl FnMut(usize, u64)) -> u64 {
        if self.tree.root_is_empty() {
            return wanted;
        }
        self.take_many((0, way, self.last_slot()), wanted, sink)
    }

    /// Takes up to `wanted` of the lowest free slots if they are in this chunk, and returns how many are missing.
    fn take_lowest_at(self, likely: usize, wanted: u64, sink: &mut impl FnMut(usize, u64)) -> u64 {
        let Some(chunk) = self.chunks.get(likely) else {
            return wanted;
        };
        if self.tree.is_linear() || !self.tree.is_lowest(likely) {
            return wanted;
        }
        let mut missing = wanted;
        let mut with_free = chunk.with_free();
        while with_free != 0 && missing != 0 {
            let index = with_free.trailing_zeros() as usize;
            with_free &= with_free - 1;
            let word_index = likely * WORDS_PER_CHUNK + index;
            let word = &chunk.words()[index];
            let taken = take_lowest(word, u64::MAX, missing, self.marks_of(word_index));
            if taken != 0 {
                missing -= u64::from(taken.count_ones());
                sink(word_index, taken);
            }
        }
        missing
    }
}

impl<M: Mark> Bitmap<'_, M> {
    /// Takes up to `wanted` free slots of `first..=last` in this way, and returns how many are missing.
    #[inline]
    pub(super) fn take_many(
        self,
        (first, way, last): (Slot, Way, Slot),
        wanted: u64,
        mut sink: impl FnMut(usize, u64),
    ) -> u64 {
        let sink = &mut sink;
        let start = match way {
            Way::UpFrom(start) => start,
            Way::Down => {
                return self.take_from_above(Request {
                    first,
                    last,
                    wanted,
                    sink,
                });
            }
        };
        let missing = self.take_within(Request {
            first: start,
            last,
            wanted,
            sink: &mut *sink,
        });
        if missing == 0 || start == first {
            return missing;
        }
        self.take_within(Request {
            first,
            last: start - 1,
            wanted: missing,
            sink,
        })
    }
}

/// Where a batch searches next, and how many slots it takes there at most.
#[derive(Clone, Copy)]
pub(crate) struct BatchStep {
    pub(crate) way: Way,
    pub(crate) at_most: u64,
    /// Where the lowest free slots are likely, if the policy wants those.
    pub(crate) likely_chunk: Option<usize>,
}
