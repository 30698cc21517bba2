//! The result of a pass, and what to do next.

use crate::report::Sighted;
use crate::text::printable_path;
use hostbits::{reconcile::Applied, set};
use hostbits_lists::Source;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A pass, and the result of its plan.
#[derive(Debug)]
pub struct Outcome {
    /// The findings of the last pass.
    pub sighted: Sighted,
    /// The file of the plan, if it was stored.
    pub plan_file: Option<String>,
    /// The pools for which the sightings of an older plan were no longer valid.
    pub began_anew: Vec<String>,
    /// Lists that have not been modified since the previous pass.
    pub unwritten: Vec<String>,
    /// The result of applying the plan; `None` if it was not applied.
    pub applied: Option<Applied>,
    /// Whether a barrier was left up for the next pass.
    pub is_barrier_up: bool,
    /// Number of other processes that have the pool open, and so keep the barrier.
    pub others: u32,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// Nothing that a pass could do.
    Nothing,
    /// `reconcile apply` with the plan.
    Apply,
    /// More passes are needed, and there is no plan to go on from.
    MorePasses,
}

impl Outcome {
    fn plan(&self) -> &set::Plan {
        &self.sighted.plan
    }

    /// Returns what to do next.
    pub fn next(&self) -> Next {
        let slots = &self.plan().slots;
        let waiting = slots.orphan - slots.ripe;
        let to_apply = match self.applied {
            Some(_) => 0,
            None => slots.ripe + slots.missing,
        };
        match (waiting + to_apply, &self.plan_file) {
            (0, _) => Next::Nothing,
            (_, Some(_)) => Next::Apply,
            (_, None) => Next::MorePasses,
        }
    }

    /// Returns the earliest time at which the next pass can bring some orphans closer to being freed.
    pub fn not_before_ms(&self) -> Option<u64> {
        let plan = self.plan();
        let ranges = self.sighted.ranges();
        let orphans = ranges.filter(|range| range.state == "orphan");
        let latest = orphans.filter_map(|range| range.again_ms.or(range.since_ms));
        let earliest = latest.min()?.saturating_add(plan.grace_ms);
        (self.next() != Next::Nothing).then_some(earliest)
    }

    /// Returns the number of findings that have not been repaired.
    pub fn left(&self) -> u64 {
        match &self.applied {
            Some(applied) => self.sighted.left_after(applied),
            None => self.sighted.drift(),
        }
    }
}

/// Returns those lists that are files and have not been modified since then.
pub(crate) fn unwritten<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    since_ms: u64,
) -> Vec<String> {
    let since = UNIX_EPOCH.checked_add(Duration::from_millis(since_ms));
    let is_older = |source: &&Source| {
        let modified = std::fs::metadata(&source.path).and_then(|found| found.modified());
        // A pipe or standard input has nothing to compare.
        let modified = modified.ok().filter(|_| source.path.is_file());
        modified
            .zip(since)
            .is_some_and(|(modified, since): (SystemTime, _)| modified < since)
    };
    let sources = sources.into_iter().filter(is_older);
    sources.map(|source| printable_path(&source.path)).collect()
}
