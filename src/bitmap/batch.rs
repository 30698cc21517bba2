//! Many slots in one call.

use super::chunk::Request;
use super::{Bitmap, Evidence, Mark};
use crate::slot::Slot;
use crate::sync::{Snooze, thread_index};

/// Claimed bits: the index of a word and which of its bits.
pub(crate) type WordBits = (usize, u64);

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Claims up to `wanted` slots, hands each word with its bits to `sink` and answers how many are
    /// missing.
    ///
    /// Each slot is a claim of its own. Some are missing only if at some instant of the call nothing
    /// was free. `next_burst` says where to look and for how many at most before it is asked again.
    pub(crate) fn claim_up_to(
        self,
        wanted: u64,
        mut next_burst: impl FnMut() -> Burst,
        mut sink: impl FnMut(usize, u64),
    ) -> u64 {
        let mut missing = wanted;
        while missing != 0 {
            let left = self.take_burst(next_burst(), missing, &mut sink);
            if left < missing {
                missing = left;
            } else if self.has_none() {
                return missing;
            }
        }
        0
    }

    /// Claims exactly `wanted` slots or none; `None` if at some instant of the call fewer were free.
    pub(crate) fn claim_all(
        self,
        wanted: u64,
        mut next_burst: impl FnMut() -> Burst,
    ) -> Option<Vec<WordBits>> {
        loop {
            let flight = self.begin_flight();
            let mut claimed = Vec::new();
            let Some(evidence) = self.gather(wanted, &mut next_burst, &mut claimed) else {
                return Some(claimed);
            };
            for &(word_index, bits) in &claimed {
                self.release_bits(word_index, bits);
                flight.note_given_back(bits.count_ones().into());
            }
            drop(flight);
            // Two batches that each hold what the other lacks must not wait for each other: we have landed.
            // What we had ourselves is among what was given back.
            if evidence.given_back() < wanted {
                return None;
            }
            // Together there was enough. Who comes back first takes it: pauses of different lengths keep two
            // from coming back together.
            let snooze = Snooze::default();
            (0..=thread_index() % 4).for_each(|_| snooze.snooze());
        }
    }

    /// Takes slots until there are `wanted`, or there is evidence that there were no more. The caller has a
    /// flight.
    fn gather(
        self,
        wanted: u64,
        next_burst: &mut impl FnMut() -> Burst,
        claimed: &mut Vec<WordBits>,
    ) -> Option<Evidence<'a>> {
        let mut missing = wanted;
        while missing != 0 {
            let left = self.take_burst(next_burst(), missing, |word_index, bits| {
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

    /// Takes from the burst's start upwards and then from the beginning; answers what is missing.
    fn take_burst(self, burst: Burst, wanted: u64, mut sink: impl FnMut(usize, u64)) -> u64 {
        if self.tree.root_is_empty() {
            return wanted;
        }
        let now = wanted.min(burst.at_most);
        let mut missing = self.take_within(Request {
            first: burst.start,
            last: self.last_slot(),
            wanted: now,
            sink: &mut sink,
        });
        if missing != 0 && burst.start != 0 {
            missing = self.take_within(Request {
                first: 0,
                last: burst.start - 1,
                wanted: missing,
                sink: &mut sink,
            });
        }
        wanted - now + missing
    }
}

/// Where a batch looks next, and how many slots it takes there at most.
#[derive(Clone, Copy)]
pub(crate) struct Burst {
    pub(crate) start: Slot,
    pub(crate) at_most: u64,
}
