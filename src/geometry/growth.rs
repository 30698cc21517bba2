//! Checks whether a larger layout preserves a smaller one.

use super::{Geometry, Run};
use crate::network::Network;
use crate::slot::Slot;

/// The slots that only one of two layouts hands out, as ascending ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Handed out from now on.
    pub(crate) added: Vec<(Slot, Slot)>,
    /// Handed out until now: a user who holds one of them would lose it.
    pub(crate) removed: Vec<(Slot, Slot)>,
}

impl<N: Network> Geometry<N> {
    /// Returns the slots that can be handed out in `larger` but not here, as ascending ranges.
    ///
    /// # Errors
    ///
    /// An address that would get another slot or another unit, or could no longer be handed out.
    pub(crate) fn growth_into(&self, larger: &Self) -> Result<Vec<(Slot, Slot)>, N::Addr> {
        let change = self.change_into(larger)?;
        match change.removed.first() {
            Some(&(lost, _)) => Err(self.addr_of(lost)),
            None => Ok(change.added),
        }
    }

    /// Returns the first slot of the run that cannot be handed out in the other layout.
    pub(crate) fn change_into(&self, other: &Self) -> Result<Change, N::Addr> {
        let is_other = self.unit() != other.unit();
        let moved = |slot: &Slot| is_other || other.slot_of(self.addr_of(*slot)) != Some(*slot);
        let added = without(&other.runs, &self.runs);
        let removed = without(&self.runs, &other.runs);
        let ends = self.segments.iter().flat_map(|it| [it.first, it.last]);
        let mut ends = ends.chain(removed.iter().flat_map(|&(first, last)| [first, last]));
        // Two runs are never adjacent: reserved slots, or the end of a range, are between them.
        let is_whole = |first: Slot, last: Slot| {
            let mut segments = other.segments.iter();
            segments.any(|it| it.first <= first && last <= it.last)
        };
        let mut gone = removed
            .iter()
            .filter(|(first, last)| !is_whole(*first, *last));
        match ends.find(moved).or_else(|| gone.next().map(|it| it.0)) {
            Some(slot) => Err(self.addr_of(slot)),
            None => Ok(Change { added, removed }),
        }
    }
}

/// Returns how many slots these ranges have.
pub(crate) fn slot_count(ranges: &[(Slot, Slot)]) -> u64 {
    let count = |&(first, last): &(Slot, Slot)| u64::from(last - first) + 1;
    ranges.iter().map(count).sum()
}

/// Returns what `new` has but `old` does not. Both are ascending, and `new` contains all of `old`.
fn without(all: &[Run], some: &[Run]) -> Vec<(Slot, Slot)> {
    let mut left = Vec::new();
    let mut some = some.iter().peekable();
    for run in all {
        let mut from = Some(run.first);
        // A range that ends before this run cannot end another run.
        while some.next_if(|it| it.last < run.first).is_some() {}
        while let Some(inside) = some.peek().filter(|it| it.first <= run.last) {
            if let Some(first) = from.filter(|&first| first < inside.first) {
                left.push((first, inside.first - 1));
            }
            from = inside.last.checked_add(1);
            if inside.last > run.last {
                // The next run may begin in it.
                break;
            }
            some.next();
        }
        if let Some(first) = from.filter(|&first| first <= run.last) {
            left.push((first, run.last));
        }
    }
    left
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Compared with the definition, for all subsets of a few slots.
    #[test]
    fn what_is_left_is_what_one_has_and_the_other_has_not() {
        let runs = |bits: u32| -> Vec<Run> {
            let mut runs: Vec<Run> = Vec::new();
            for slot in (0..8).filter(|slot| bits >> slot & 1 == 1) {
                match runs.last_mut() {
                    Some(run) if run.last + 1 == slot => run.last = slot,
                    _ => runs.push(Run {
                        first: slot,
                        last: slot,
                    }),
                }
            }
            runs
        };
        for all in 0..256 {
            for some in 0..256 {
                let left = without(&runs(all), &runs(some));
                let expected = runs(all & !some);
                let expected: Vec<_> = expected.iter().map(|it| (it.first, it.last)).collect();
                assert_eq!(left, expected, "{all:b} {some:b}");
            }
        }
    }
}
