//! Whether a larger layout keeps what a smaller one has.

use super::{Geometry, Run};
use crate::network::Network;
use crate::slot::Slot;

impl<N: Network> Geometry<N> {
    /// The slots that can be handed out in `larger` and could not before, as ascending ranges.
    ///
    /// # Errors
    ///
    /// An address that would have another slot or another unit around it there, or could no longer be handed out.
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

/// The first slot of the run that cannot be handed out in the other layout.
fn first_outside<N: Network>(run: Run, larger: &Geometry<N>) -> Option<Slot> {
    // Two runs are never side by side: something reserved, or the end of a range, is between them.
    match larger.runs_within(run.first, run.last).next() {
        Some(kept) if kept.first == run.first => (kept.last != run.last).then(|| kept.last + 1),
        _ => Some(run.first),
    }
}

/// How many slots these ranges have.
pub(crate) fn slot_count(ranges: &[(Slot, Slot)]) -> u64 {
    let count = |&(first, last): &(Slot, Slot)| u64::from(last - first) + 1;
    ranges.iter().map(count).sum()
}

/// What `new` has and `old` has not, both ascending, all of `old` in `new`.
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
