//! What was done, and what comes next.

use crate::report::Sighted;
use crate::text::printable_path;
use hostbits::{reconcile::Applied, set};
use hostbits_lists::Source;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A pass and what became of its plan.
#[derive(Debug)]
pub struct Outcome {
    /// What the last pass has found.
    pub sighted: Sighted,
    /// The file of the plan, if it is kept.
    pub plan_file: Option<String>,
    /// The pools of which the sightings of an older plan were worth nothing.
    pub began_anew: Vec<String>,
    /// Lists that nobody has written to since the pass before.
    pub unwritten: Vec<String>,
    /// What applying the plan did; `None` if it was not applied.
    pub applied: Option<Applied>,
    /// Whether a barrier was left up for the next pass.
    pub is_barrier_up: bool,
    /// How many others have the pool open, and keep the barrier.
    pub others: u32,
}

/// What there is to do.
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

    /// What there is to do.
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

    /// When the next pass can make some orphan riper.
    pub fn not_before_ms(&self) -> Option<u64> {
        let plan = self.plan();
        let ranges = self.sighted.ranges();
        let orphans = ranges.filter(|range| range.state == "orphan");
        let latest = orphans.filter_map(|range| range.again_ms.or(range.since_ms));
        let earliest = latest.min()?.saturating_add(plan.grace_ms);
        (self.next() != Next::Nothing).then_some(earliest)
    }

    /// How much of what was found has not been put right.
    pub fn left(&self) -> u64 {
        match &self.applied {
            Some(applied) => self.sighted.left_after(applied),
            None => self.sighted.drift(),
        }
    }
}

/// Which of the lists are files that nobody has written to since then.
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
