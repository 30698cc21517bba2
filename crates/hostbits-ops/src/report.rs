//! The findings of a pass.

use crate::lists::read::ReadToEnd;
use hostbits::{
    reconcile::{Applied, EntryCounts, PlanRange, SlotCounts},
    set,
    users::Problem,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A plan, and the lines of its list.
#[derive(Debug)]
pub struct Sighted {
    /// The library's findings on the list and the pools.
    pub plan: set::Plan,
    /// The list; empty for a plan that is applied as it was made.
    pub read: ReadToEnd,
    pub(crate) skip_unreadable: u64,
    /// Whether the pools are members of a set, with names.
    pub is_set: bool,
}

/// Who reads the findings: for `check`, there is no grace, and no orphan is ready to be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookout {
    /// A look that changes nothing.
    Check,
    /// A pass whose plan may be applied.
    Pass,
}

/// The findings in the form of the JSON output.
#[derive(Debug, Serialize)]
pub struct Found<'a> {
    began_ms: u64,
    finished_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_ms: Option<u64>,
    drift: u64,
    entries: &'a EntryCounts,
    slots: &'a SlotCounts,
    listed: u64,
    listed_before: Option<u64>,
    is_unclear: bool,
    ranges: Vec<&'a PlanRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<FoundIn<'a>>>,
    problems: &'a [Problem],
    problem_lines: Vec<u64>,
    problem_files: Vec<&'a str>,
    not_held: u64,
    superseded: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: &'a BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<&'a str>,
}

/// The findings in one member of a set.
#[derive(Debug, Serialize)]
struct FoundIn<'a> {
    member: &'a str,
    entries: &'a EntryCounts,
    slots: &'a SlotCounts,
    listed: u64,
    listed_before: Option<u64>,
}

impl Sighted {
    /// Returns the number of addresses and entries by which pool and list differ.
    ///
    /// Addresses that were allocated while the list was read do not count: a user who joins looks the same. Nor do
    /// entries of other networks: a list may serve several pools.
    pub fn drift(&self) -> u64 {
        let slots = &self.plan.slots;
        slots.orphan + slots.missing + slots.quarantined + self.odd()
    }

    /// Returns how many of those are left when the plan has been applied.
    pub fn left_after(&self, applied: &Applied) -> u64 {
        let slots = &self.plan.slots;
        slots.orphan - slots.ripe + applied.conflicts + slots.quarantined + self.odd()
    }

    /// Returns the number of entries that no pass can repair.
    fn odd(&self) -> u64 {
        let entries = &self.plan.entries;
        let unparseable = match entries.unparseable > self.skip_unreadable {
            true => entries.unparseable,
            false => 0,
        };
        entries.duplicate + entries.reserved_in_use + unparseable
    }

    /// Returns what is to be done and which orphans have been seen, pool by pool.
    pub fn ranges(&self) -> impl Iterator<Item = &PlanRange> {
        let members = self.plan.members.iter();
        members.flat_map(|member| &member.plan.ranges)
    }

    fn members(&self) -> Vec<FoundIn<'_>> {
        let members = self.plan.members.iter();
        let found = members.map(|member| FoundIn {
            member: &member.name,
            entries: &member.plan.entries,
            slots: &member.plan.slots,
            listed: member.plan.listed,
            listed_before: member.plan.listed_before,
        });
        found.collect()
    }

    /// Returns the findings of a plan that was not applied, in the form of the JSON output.
    pub(crate) fn found_by_pass(&self) -> Found<'_> {
        self.found(Lookout::Pass)
    }

    /// Returns the findings in the form of the JSON output.
    pub fn found(&self, lookout: Lookout) -> Found<'_> {
        let plan = &self.plan;
        let (problem_lines, problem_files) = self.read.places_of(&plan.problems);
        Found {
            began_ms: plan.began_ms,
            finished_ms: plan.finished_ms,
            grace_ms: (lookout == Lookout::Pass).then_some(plan.grace_ms),
            drift: self.drift(),
            entries: &plan.entries,
            slots: &plan.slots,
            listed: plan.listed,
            listed_before: plan.listed_before,
            is_unclear: plan.is_unclear,
            ranges: self.ranges().collect(),
            members: self.is_set.then(|| self.members()),
            problems: &plan.problems,
            problem_lines,
            problem_files,
            not_held: self.read.not_held,
            superseded: self.read.superseded,
            left_out: &self.read.left_out,
            filters: self.read.filters().map(|(_, filter)| filter).collect(),
        }
    }
}
