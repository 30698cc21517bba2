//! Checks whether a larger layout preserves a smaller one.

use super::{Geometry, Run};
use crate::network::Network;
use crate::slot::Slot;

impl<N: Network> Geometry<N> {
    /// Returns the slots that can be handed out in `larger` but not here, as ascending ranges.
    ///
    /// # Errors
    ///
    /// An address that would get another slot or another unit, or could no longer be handed out.
    pub(crate) fn growth_into(&self, larger: &Self) -> Result<Vec<(Slot, Slot)>, N::Addr> {
        let is_other = self.unit() != larger.unit();
        let moved = |slot: &Slot| is_other || larger.slot_of(self.addr_of(*slot)) != Some(*slot);
        let ends = self.segments.iter().flat_map(|it| [it.first, it.last]);
        let lost = || self.runs.iter().find_map(|&run| first_outside(run, larger));
        match ends.into_iter().find(moved).or_else(lost) {
            Some(slot) => Err(self.addr_of(slot)),
            None => Ok(added(&self.runs, &larger.runs)),
        }
    }
}

/// Returns the first slot of the run that cannot be handed out in the other layout.
fn first_outside<N: Network>(run: Run, larger: &Geometry<N>) -> Option<Slot> {
    // Two runs are never adjacent: reserved slots, or the end of a range, are between them.
    match larger.runs_within(run.first, run.last).next() {
        Some(kept) if kept.first == run.first => (kept.last != run.last).then(|| kept.last + 1),
        _ => Some(run.first),
    }
}

/// Returns how many slots these ranges have.
pub(crate) fn slot_count(ranges: &[(Slot, Slot)]) -> u64 {
    let count = |&(first, last): &(Slot, Slot)| u64::from(last - first) + 1;
    ranges.iter().map(count).sum()
}

/// Returns what `new` has but `old` does not. Both are ascending, and `new` contains all of `old`.
fn added(old: &[Run], new: &[Run]) -> Vec<(Slot, Slot)> {
    let mut added = Vec::new();
    let mut old = old.iter().peekable();
    for run in new {
        let mut from = Some(run.first);
        while let Some(inside) = old.next_if(|inside| inside.last <= run.last) {
            if let Some(first) = from.filter(|&first| first < inside.first) {
                added.push((first, inside.first - 1));
            }
            from = inside.last.checked_add(1);
        }
        if let Some(first) = from.filter(|&first| first <= run.last) {
            added.push((first, run.last));
        }
    }
    added
}
