//! Compares the records with a list: what a plan says of each address.

use super::pool::LeasePool;
use super::word::{State, Word};
use crate::network::Network;
use crate::plan::{EntryCounts, Plan, PlanRange, SlotCounts};
use crate::pool::ListOfLeases;
use crate::slot::{Slot, bit_of, word_of};

/// What a pass says of a slot: the name that its range has in the plan, if it is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Matched,
    /// Leased and marked, and not listed.
    Ripe,
    InFlight,
    Missing,
    Offered,
    Cooling,
    Quarantined,
    Free,
}

impl Seen {
    fn of(word: Word, was_leased: bool, is_listed: bool) -> Self {
        match (is_listed, word.state()) {
            (true, State::Leased) => Self::Matched,
            // Its holder leaves while the list is read.
            (true, _) if was_leased => Self::Matched,
            (true, State::Offered) => Self::Offered,
            (true, State::Cooling) => Self::Cooling,
            (true, State::Free | State::Quarantined | State::Void) => Self::Missing,
            (false, State::Leased) if was_leased && word.is_marked() => Self::Ripe,
            (false, State::Leased | State::Offered) => Self::InFlight,
            (false, _) if was_leased => Self::InFlight,
            (false, State::Quarantined | State::Void) => Self::Quarantined,
            (false, State::Free | State::Cooling) => Self::Free,
        }
    }
}

impl Seen {
    /// Returns the name of the state in a plan; `None` if there is nothing to say.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Ripe => Some(Plan::RIPE),
            Self::Missing => Some(Plan::MISSING),
            Self::Offered => Some(Plan::OFFERED),
            Self::Cooling => Some(Plan::COOLING),
            Self::Matched | Self::InFlight | Self::Quarantined | Self::Free => None,
        }
    }
}

/// Consecutive slots of which a plan says the same.
struct Run {
    first: Slot,
    last: Slot,
    seen: Seen,
    word: Word,
}

impl Run {
    fn goes_on_with(&self, slot: Slot, word: Word, seen: Seen) -> bool {
        let next = Self {
            first: slot,
            last: slot,
            seen,
            word,
        };
        self.last.checked_add(1) == Some(slot)
            && self.seen == seen
            && (self.generation(), self.until()) == (next.generation(), next.until())
    }

    /// Returns the generation that a plan names.
    fn generation(&self) -> Option<u32> {
        (self.seen != Seen::Missing).then(|| self.word.generation())
    }

    /// Returns when a lease ends that the plan is about to end.
    fn until(&self) -> Option<u64> {
        let until = self.word.until();
        let is_told = self.seen == Seen::Ripe && !until.is_never();
        is_told.then(|| until.number().into())
    }
}

/// The result of a pass: counts, and the slots with findings in ascending order.
pub(super) struct Found {
    pub(super) entries: EntryCounts,
    pub(super) slots: SlotCounts,
    runs: Vec<Run>,
}

impl Found {
    /// Looks at every record once. `leased` are the slots that were leased when the pass began.
    pub(super) fn by_comparing(
        records: impl Iterator<Item = (Slot, Word)>,
        leased: &[u64],
        list: &ListOfLeases,
    ) -> Self {
        let mut found = Self {
            entries: EntryCounts::odd(&list.report),
            slots: SlotCounts::default(),
            runs: Vec::new(),
        };
        for (slot, word) in records {
            let seen = Seen::of(word, is_in(leased, slot), is_in(&list.listed, slot));
            found.add(slot, word, seen, is_in(&list.in_blocks, slot));
        }
        found
    }

    fn add(&mut self, slot: Slot, word: Word, seen: Seen, is_in_block: bool) {
        let (slots, entries) = (&mut self.slots, &mut self.entries);
        slots.total += 1;
        let (of_slots, of_entries) = match seen {
            Seen::Matched => (&mut slots.matched, Some(&mut entries.matched)),
            Seen::Missing => (&mut slots.missing, Some(&mut entries.missing)),
            Seen::Offered => (&mut slots.offered, Some(&mut entries.offered)),
            Seen::Cooling => (&mut slots.cooling, Some(&mut entries.cooling)),
            Seen::Ripe => {
                slots.ripe += 1;
                (&mut slots.orphan, None)
            }
            Seen::InFlight => (&mut slots.in_flight, None),
            Seen::Quarantined => (&mut slots.quarantined, None),
            Seen::Free => (&mut slots.free, None),
        };
        *of_slots += 1;
        if let Some(count) = of_entries.filter(|_| !is_in_block) {
            *count += 1;
        }
        if seen.name().is_some() {
            self.add_to_runs(slot, word, seen);
        }
    }

    fn add_to_runs(&mut self, slot: Slot, word: Word, seen: Seen) {
        match self.runs.last_mut() {
            Some(run) if run.goes_on_with(slot, word, seen) => run.last = slot,
            _ => self.runs.push(Run {
                first: slot,
                last: slot,
                seen,
                word,
            }),
        }
    }

    /// Returns the ranges, in ascending order within each state.
    pub(super) fn ranges<N: Network>(
        mut self,
        pool: &LeasePool<N>,
        finished_ms: u64,
    ) -> Vec<PlanRange> {
        let order = [Seen::Ripe, Seen::Missing, Seen::Cooling, Seen::Offered];
        self.runs
            .sort_by_key(|run| order.iter().position(|&seen| seen == run.seen));
        let ranges = self.runs.iter().flat_map(|run| {
            let ranges =
                pool.pool
                    .ranges_of(run.first, run.last, run.seen.name().unwrap_or_default());
            ranges.map(move |range| PlanRange {
                since_ms: (run.seen == Seen::Ripe).then_some(finished_ms),
                generation: run.generation().map(|_| pool.generation_of(run.word)),
                until: run.until(),
                ..range
            })
        });
        ranges.collect()
    }
}

fn is_in(words: &[u64], slot: Slot) -> bool {
    let word = words.get(word_of(slot)).copied().unwrap_or_default();
    word & bit_of(slot) != 0
}
