//! Many slots in one call.

use super::chunk::Request;
use super::{Bitmap, Mark, Verdict};
use crate::slot::Slot;
use crate::sync::{Snooze, thread_index};

/// Claimed bits: the index of a word and which of its bits.
pub(crate) type WordBits = (usize, u64);

impl<M: Mark> Bitmap<'_, M> {
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
        let snooze = Snooze::default();
        let mut missing = wanted;
        while missing != 0 {
            let left = self.take_burst(next_burst(), missing, &mut sink);
            if left < missing {
                missing = left;
                continue;
            }
            match self.none_free(0) {
                Verdict::NoneFree => return missing,
                Verdict::InFlight => self.wait(&snooze),
                Verdict::MayBeFree => {}
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
        let snooze = Snooze::default();
        loop {
            let flight = self.begin_flight();
            let mut claimed = Vec::new();
            let verdict = self.gather(wanted, &mut next_burst, &mut claimed);
            if verdict == Gathered::All {
                return Some(claimed);
            }
            for &(word_index, bits) in &claimed {
                self.release_bits(word_index, bits);
            }
            drop(flight);
            if verdict == Gathered::NoMore {
                return None;
            }
            // Two batches that each hold what the other lacks must not wait for each other: both
            // have let go, and who comes back first takes it. Pauses of different lengths keep them
            // from coming back together.
            for _ in 0..=thread_index() % 4 {
                self.wait(&snooze);
            }
        }
    }

    /// Takes slots until there are `wanted`, or no more, or somebody else's claim is in the way.
    /// The caller has a flight.
    fn gather(
        self,
        wanted: u64,
        next_burst: &mut impl FnMut() -> Burst,
        claimed: &mut Vec<WordBits>,
    ) -> Gathered {
        let mut missing = wanted;
        while missing != 0 {
            let left = self.take_burst(next_burst(), missing, |word_index, bits| {
                claimed.push((word_index, bits));
            });
            if left < missing {
                missing = left;
                continue;
            }
            match self.none_free(1) {
                Verdict::NoneFree => return Gathered::NoMore,
                Verdict::InFlight => return Gathered::InFlight,
                Verdict::MayBeFree => {}
            }
        }
        Gathered::All
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

#[derive(PartialEq, Eq)]
enum Gathered {
    All,
    NoMore,
    InFlight,
}
