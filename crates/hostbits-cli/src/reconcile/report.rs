//! What a pass has found, as text and as JSON.

use crate::failure::Failure;
use crate::notes::{Counted, FilterLines, LeftOut, ProblemLines};
use crate::output::{Utc, print, print_error_text};
use hostbits::{Applied, EntryCounts, PlanRange, Problem, SetPlan, SlotCounts};
use hostbits_ops::ReadToEnd;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

/// How many ranges of each state a table names.
const MOST_NAMED: usize = 10;

/// A plan, and where its list stood.
#[derive(Debug)]
pub(crate) struct Sighted {
    pub(super) plan: SetPlan,
    pub(super) read: ReadToEnd,
    pub(super) skip_unreadable: u64,
    /// Whether the pools have names of their own.
    pub(super) is_set: bool,
}

/// Who looks: `check` has no grace, and nothing is ripe for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookout {
    Check,
    Pass,
}

/// The same as JSON has it.
#[derive(Debug, Serialize)]
pub(crate) struct Found<'a> {
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

/// What was found in one member of a set.
#[derive(Debug, Serialize)]
struct FoundIn<'a> {
    member: &'a str,
    entries: &'a EntryCounts,
    slots: &'a SlotCounts,
    listed: u64,
    listed_before: Option<u64>,
}

impl Sighted {
    /// How many addresses and entries say that pool and list differ.
    ///
    /// What was allocated while the list was read does not: somebody who joins looks the same. Nor do entries
    /// of other networks: a list may be that of several pools.
    pub(super) fn drift(&self) -> u64 {
        let slots = &self.plan.slots;
        slots.orphan + slots.missing + slots.quarantined + self.odd()
    }

    /// How much of that is left when the plan has been applied.
    pub(super) fn left_after(&self, applied: &Applied) -> u64 {
        let slots = &self.plan.slots;
        slots.orphan - slots.ripe + applied.conflicts + slots.quarantined + self.odd()
    }

    /// Entries that no pass can put right.
    fn odd(&self) -> u64 {
        let entries = &self.plan.entries;
        let unparseable = match entries.unparseable > self.skip_unreadable {
            true => entries.unparseable,
            false => 0,
        };
        entries.duplicate + entries.reserved_in_use + unparseable
    }

    /// What is to be done, and which orphans have been seen, pool by pool.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &PlanRange> {
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

    /// The same as JSON has it, of a plan that was not applied.
    pub(crate) fn found_by_pass(&self) -> Found<'_> {
        self.found(Lookout::Pass)
    }

    pub(super) fn found(&self, lookout: Lookout) -> Found<'_> {
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

    /// What was odd about the list.
    pub(super) fn notes(&self) -> ListNotes<'_> {
        ListNotes(self)
    }

    /// Prints what a pass over this pool, or this set, has found.
    pub(crate) fn print_found_by_pass(&self, name: &str) -> Result<(), Failure> {
        print_error_text(&self.notes().to_string());
        print(|out| self.write(out, name, Lookout::Pass))
    }

    /// Writes the table: every category of entries, every category of addresses.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        file: &str,
        lookout: Lookout,
    ) -> io::Result<()> {
        let plan = &self.plan;
        match self.read.is_known() {
            true => write!(out, "{file} against {}", self.read.name())?,
            false => write!(out, "{file} as planned")?,
        }
        if lookout == Lookout::Pass {
            write!(out, ", grace {}", Grace(plan.grace_ms))?;
        }
        writeln!(out)?;
        write_entries(out, &plan.entries)?;
        write_slots(out, &plan.slots, lookout)?;
        if self.is_set {
            self.write_members(out, lookout)?;
        }
        for state in ["ripe", "orphan", "missing"] {
            self.write_ranges(out, state)?;
        }
        Ok(())
    }

    fn write_members(&self, out: &mut dyn Write, lookout: Lookout) -> io::Result<()> {
        for member in self.members() {
            let slots = member.slots;
            write!(
                out,
                "in {}: {} matched, {} orphan",
                member.member, slots.matched, slots.orphan
            )?;
            if lookout == Lookout::Pass {
                write!(out, " ({} ripe)", slots.ripe)?;
            }
            writeln!(out, ", {} missing, {} free", slots.missing, slots.free)?;
        }
        Ok(())
    }

    fn write_ranges(&self, out: &mut dyn Write, state: &str) -> io::Result<()> {
        let ranges = || self.ranges().filter(|range| range.state == state);
        for range in ranges().take(MOST_NAMED) {
            write!(out, "{state:<8}{}", range.first)?;
            if range.first != range.last {
                write!(out, " to {} ({})", range.last, range.count)?;
            }
            if let Some(since) = range.since_ms {
                write!(out, ", first seen {}", Utc(since / 1000))?;
            }
            if let Some(again) = range.again_ms {
                write!(out, ", again {}", Utc(again / 1000))?;
            }
            writeln!(out)?;
        }
        match ranges().count().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => writeln!(out, "{state:<8}... and {more} more ranges"),
        }
    }
}

/// How much time must be between sightings.
pub(super) struct Grace(pub(super) u64);

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grace = std::time::Duration::from_millis(self.0);
        humantime::format_duration(grace).fmt(f)
    }
}

fn row(out: &mut dyn Write, name: &str, count: u64, what: &str) -> io::Result<()> {
    writeln!(out, "  {name:<16}{count:>11}  {what}")
}

fn write_entries(out: &mut dyn Write, entries: &EntryCounts) -> io::Result<()> {
    writeln!(out, "{:<18}{:>11}", "entries", entries.total)?;
    for (name, count, what) in [
        ("matched", entries.matched, "taken in the pool"),
        (
            "missing",
            entries.missing,
            "free in the pool: not safe from being handed out",
        ),
        (
            "conflict_taken",
            entries.conflict_taken,
            "taken meanwhile: joined, or there are two holders",
        ),
        ("duplicate", entries.duplicate, "has another owner, too"),
        ("repeated", entries.repeated, "listed before"),
        (
            "reserved_in_use",
            entries.reserved_in_use,
            "never handed out by the pool",
        ),
        ("own", entries.own, "the gateway, by the router that it is"),
        ("out_of_range", entries.out_of_range, "not of the pool"),
        (
            "wrong_family",
            entries.wrong_family,
            "of the other address family",
        ),
        ("blocks", entries.blocks, "several addresses: see below"),
        (
            "routes",
            entries.routes,
            "cover all of the pool, and hold nothing",
        ),
        (
            "passed",
            entries.passed,
            "other addresses, none of the pool",
        ),
        (
            "unassigned",
            entries.unassigned,
            "a user without an address",
        ),
        ("unparseable", entries.unparseable, "no address"),
    ] {
        row(out, name, count, what)?;
    }
    Ok(())
}

fn write_slots(out: &mut dyn Write, slots: &SlotCounts, lookout: Lookout) -> io::Result<()> {
    writeln!(out, "{:<18}{:>11}", "addresses", slots.total)?;
    row(out, "matched", slots.matched, "taken and listed")?;
    row(out, "orphan", slots.orphan, "taken and not listed")?;
    if lookout == Lookout::Pass {
        row(
            out,
            "  of them ripe",
            slots.ripe,
            "seen often enough to be freed",
        )?;
    }
    for (name, count, what) in [
        (
            "in_flight",
            slots.in_flight,
            "not listed, allocated or released meanwhile",
        ),
        ("missing", slots.missing, "listed and free"),
        (
            "conflict_taken",
            slots.conflict_taken,
            "listed, and taken meanwhile",
        ),
        (
            "quarantined",
            slots.quarantined,
            "not listed: see hostbits reclaim",
        ),
        ("free", slots.free, "free and not listed"),
    ] {
        row(out, name, count, what)?;
    }
    Ok(())
}

/// The first problems of a list by file and line, and how many more there are.
pub(super) struct ListNotes<'a>(&'a Sighted);

impl fmt::Display for ListNotes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(sighted) = self;
        let (plan, read) = (&sighted.plan, &sighted.read);
        if !read.is_known() {
            return f.write_str("the plan as it was made; no list was read");
        }
        ProblemLines {
            read,
            problems: &plan.problems,
            counts: [
                plan.entries.unparseable,
                plan.entries.duplicate,
                plan.entries.reserved_in_use,
                plan.entries.out_of_range,
                plan.entries.wrong_family,
            ],
        }
        .fmt(f)?;
        FilterLines(read).fmt(f)?;
        let entries = &plan.entries;
        let name = read.name();
        let count = Counted(entries.total, "entry", "entries");
        write!(f, "{name}: read to its end, {count}")?;
        for (count, what) in [
            (read.disabled, "disabled"),
            (read.not_held, "not held"),
            (read.superseded, "superseded"),
        ] {
            if count != 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        LeftOut(read).fmt(f)
    }
}
