//! The findings of a pass, as text.

use crate::notes::{Counted, FilterLines, LeftOut, ProblemLines};
use crate::output::{Utc, print, print_error_text};
use hostbits::reconcile::{EntryCounts, SlotCounts};
use hostbits_ops::{Failure, Lookout, Sighted};
use std::fmt;
use std::io::{self, Write};

/// Maximum number of ranges of each state that a table names.
const MOST_NAMED: usize = 10;

/// Prints the findings of a pass over this pool or set.
pub(crate) fn print_found_by_pass(sighted: &Sighted, name: &str) -> Result<(), Failure> {
    print_error_text(&ListNotes(sighted).to_string());
    print(|out| write_found(out, sighted, name, Lookout::Pass))
}

/// Writes the table: every category of entries, every category of addresses.
pub(crate) fn write_found(
    out: &mut dyn Write,
    sighted: &Sighted,
    file: &str,
    lookout: Lookout,
) -> io::Result<()> {
    let plan = &sighted.plan;
    match sighted.read.is_known() {
        true => write!(out, "{file} against {}", sighted.read.name())?,
        false => write!(out, "{file} as planned")?,
    }
    if lookout == Lookout::Pass {
        write!(out, ", grace {}", Grace(plan.grace_ms))?;
    }
    writeln!(out)?;
    write_entries(out, &plan.entries)?;
    write_slots(out, &plan.slots, lookout)?;
    if sighted.is_set {
        write_members(out, sighted, lookout)?;
    }
    for state in ["ripe", "orphan", "missing"] {
        write_ranges(out, sighted, state)?;
    }
    Ok(())
}

fn write_members(out: &mut dyn Write, sighted: &Sighted, lookout: Lookout) -> io::Result<()> {
    for member in &sighted.plan.members {
        let slots = &member.plan.slots;
        write!(
            out,
            "in {}: {} matched, {} orphan",
            member.name, slots.matched, slots.orphan
        )?;
        if lookout == Lookout::Pass {
            write!(out, " ({} ripe)", slots.ripe)?;
        }
        writeln!(out, ", {} missing, {} free", slots.missing, slots.free)?;
    }
    Ok(())
}

fn write_ranges(out: &mut dyn Write, sighted: &Sighted, state: &str) -> io::Result<()> {
    let ranges = || sighted.ranges().filter(|range| range.state == state);
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

/// The minimum time between sightings.
pub(crate) struct Grace(pub(crate) u64);

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
            "free in the pool: may be handed out again",
        ),
        (
            "conflict_taken",
            entries.conflict_taken,
            "taken since: a new user, or two holders",
        ),
        ("duplicate", entries.duplicate, "has another owner, too"),
        ("repeated", entries.repeated, "listed before"),
        (
            "reserved_in_use",
            entries.reserved_in_use,
            "never handed out by the pool",
        ),
        (
            "own",
            entries.own,
            "the gateway, listed by the router itself",
        ),
        ("out_of_range", entries.out_of_range, "not of the pool"),
        (
            "wrong_family",
            entries.wrong_family,
            "in the other address family",
        ),
        ("blocks", entries.blocks, "several addresses: see below"),
        (
            "routes",
            entries.routes,
            "cover the whole pool, and hold nothing",
        ),
        (
            "passed",
            entries.passed,
            "other addresses of users, none in the pool",
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

/// The first problems of a list by file and line, and the number of the others.
pub(crate) struct ListNotes<'a>(pub(crate) &'a Sighted);

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
