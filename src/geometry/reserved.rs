//! Slots that are never handed out, each with the reason.

use super::Run;
use crate::run_map::RunMap;
use crate::slot::Slot;

/// Consecutive slots that are reserved for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) first: Slot,
    pub(crate) last: Slot,
    pub(crate) label: Box<str>,
}

/// Returns reservations as sorted runs. Where they overlap, the earlier one names the slots.
pub(super) fn sorted(reservations: RunMap<Box<str>>) -> Box<[Reserved]> {
    reservations
        .into_runs()
        .map(|(first, last, label)| Reserved { first, last, label })
        .collect()
}

/// Returns the ascending `spans` without the ascending, disjoint `reserved`.
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
    fn runs_are_what_is_left_of_the_spans() {
        let mut reservations: RunMap<Box<str>> = RunMap::default();
        reservations.insert(0..=1, "edge".into());
        reservations.insert(9..=9, "end".into());
        reservations.insert(30..=Slot::MAX, "rest".into());
        let runs = usable_runs(&[run(0, 9), run(20, Slot::MAX)], &sorted(reservations));
        assert_eq!(&*runs, [run(2, 8), run(20, 29)]);
    }
}
