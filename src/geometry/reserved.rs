//! Slots that are never handed out, each with the reason.

use super::Run;
use crate::slot::Slot;
use std::collections::BTreeMap;

/// Consecutive slots reserved for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) first: Slot,
    pub(crate) last: Slot,
    pub(crate) label: Box<str>,
}

/// Collects reservations; where they overlap, the earlier one names the slots.
#[derive(Default)]
pub(super) struct Reservations {
    /// Disjoint, by first slot.
    by_first: BTreeMap<Slot, (Slot, Box<str>)>,
}

impl Reservations {
    pub(super) fn insert(&mut self, run: Run, label: &str) {
        let mut gaps = Vec::new();
        let mut from = Some(run.first);
        let before = self.by_first.range(..=run.first).next_back();
        let overlapping = before.into_iter().chain(
            self.by_first
                .range(run.first..=run.last)
                .filter(|(first, _)| **first != run.first),
        );
        for (&first, &(last, _)) in overlapping {
            let Some(start) = from else { break };
            if last < start {
                continue;
            }
            if start < first {
                gaps.push((start, first - 1));
            }
            from = last.checked_add(1);
        }
        if let Some(start) = from.filter(|&start| start <= run.last) {
            gaps.push((start, run.last));
        }
        for (first, last) in gaps {
            self.by_first.insert(first, (last, label.into()));
        }
    }

    pub(super) fn into_sorted(self) -> Box<[Reserved]> {
        self.by_first
            .into_iter()
            .map(|(first, (last, label))| Reserved { first, last, label })
            .collect()
    }
}

/// What is left of ascending `spans` without the ascending, disjoint `reserved`.
pub(super) fn usable_runs(spans: &[Run], reserved: &[Reserved]) -> Box<[Run]> {
    let mut runs = Vec::new();
    let mut reserved = reserved.iter().peekable();
    for span in spans {
        let mut from = Some(span.first);
        while let Some(next) = reserved.peek() {
            if next.first > span.last {
                break;
            }
            if let Some(start) = from
                && start < next.first
            {
                runs.push(Run {
                    first: start,
                    last: next.first - 1,
                });
            }
            from = next.last.checked_add(1);
            reserved.next();
        }
        if let Some(first) = from.filter(|&first| first <= span.last) {
            runs.push(Run {
                first,
                last: span.last,
            });
        }
    }
    runs.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: Slot, last: Slot) -> Run {
        Run { first, last }
    }

    #[test]
    fn earlier_reservations_keep_their_label() {
        let mut reservations = Reservations::default();
        reservations.insert(run(5, 10), "a");
        reservations.insert(run(0, 20), "b");
        reservations.insert(run(20, 21), "c");
        let sorted = reservations.into_sorted();
        let found: Vec<_> = sorted
            .iter()
            .map(|r| (r.first, r.last, &*r.label))
            .collect();
        assert_eq!(
            found,
            [(0, 4, "b"), (5, 10, "a"), (11, 20, "b"), (21, 21, "c")]
        );
    }

    #[test]
    fn runs_are_what_is_left_of_the_spans() {
        let mut reservations = Reservations::default();
        reservations.insert(run(0, 1), "edge");
        reservations.insert(run(9, 9), "end");
        reservations.insert(run(30, Slot::MAX), "rest");
        let runs = usable_runs(
            &[run(0, 9), run(20, Slot::MAX)],
            &reservations.into_sorted(),
        );
        assert_eq!(&*runs, [run(2, 8), run(20, 29)]);
    }
}
