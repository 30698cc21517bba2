//! What was odd about a users file, as text for people.

use super::ReadToEnd;
use crate::args::AmbiguousChoice;
use hostbits::{Adopted, Problem, ProblemKind};
use std::fmt;

/// How much of an owner's name is quoted, in characters.
const MAX_QUOTED: usize = 64;

/// One line for each problem that the report names, one for the rest, and one to sum up.
pub(crate) struct Notes<'a> {
    /// What it is called, and which entry stood on which line.
    pub(crate) read: &'a ReadToEnd,
    /// What the library made of the entries.
    pub(crate) report: &'a Adopted,
    /// How ambiguous entries were read.
    pub(crate) ambiguous: AmbiguousChoice,
    /// How many addresses are free after all.
    pub(crate) free: u64,
}

/// A kind of problem: how many there were, what to call it, and how to know one.
struct Kind {
    count: u64,
    name: &'static str,
    holds: fn(&ProblemKind) -> bool,
}

/// How often something happened, and what to call it.
type Tally = (u64, &'static str);

impl fmt::Display for Notes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ProblemLines {
            read: self.read,
            problems: &self.report.problems,
            ambiguous: self.ambiguous,
        }
        .fmt(f)?;
        self.write_rest(f)?;
        self.write_summary(f)
    }
}

/// One line for each problem.
pub(crate) struct ProblemLines<'a> {
    /// Which entry stood on which line.
    pub(crate) read: &'a ReadToEnd,
    /// What is the matter with some of them.
    pub(crate) problems: &'a [Problem],
    /// How ambiguous entries were read.
    pub(crate) ambiguous: AmbiguousChoice,
}

impl fmt::Display for ProblemLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut problems = self.problems.iter();
        problems.try_for_each(|problem| self.write_problem(f, problem))
    }
}

impl ProblemLines<'_> {
    fn write_problem(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        let (file, line) = self.read.place_of(problem.position);
        write!(f, "{file}:{line}: {:?} ", problem.text)?;
        match &problem.kind {
            ProblemKind::Duplicate {
                owner,
                first_position,
                first_owner,
                ..
            } => {
                let (first_file, first_line) = self.read.place_of(*first_position);
                let (owner, first_owner) = (clipped(owner), clipped(first_owner));
                write!(
                    f,
                    "is claimed by {owner:?}, and by {first_owner:?} on line {first_line}"
                )?;
                match first_file == file {
                    true => writeln!(f),
                    false => writeln!(f, " of {first_file}"),
                }
            }
            ProblemKind::Ambiguous => writeln!(f, "{}: {}", problem.kind, self.reading()),
            kind => writeln!(f, "{kind}"),
        }
    }

    fn reading(&self) -> &'static str {
        match self.ambiguous {
            AmbiguousChoice::Host => "read as the address alone",
            AmbiguousChoice::Expand => "read as the whole block",
            AmbiguousChoice::Reject => "skipped",
        }
    }
}

impl Notes<'_> {
    /// The report names the first problems only; its counts have all of them.
    fn write_rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.kinds().map(|kind| {
            let problems = self.report.problems.iter();
            let named = problems.filter(|problem| (kind.holds)(&problem.kind));
            let unnamed = kind.count.saturating_sub(named.count() as u64);
            (unnamed, kind.name)
        });
        let more: u64 = rest.iter().map(|(count, _)| count).sum();
        if more == 0 {
            return Ok(());
        }
        let file = self.read.name();
        writeln!(f, "{file}: ... and {more} more: {}", Tallies(&rest))
    }

    fn kinds(&self) -> [Kind; 6] {
        let report = self.report;
        // A refused ambiguous entry is counted as unparseable, too, but is one problem.
        let refused = match self.ambiguous {
            AmbiguousChoice::Reject => report.ambiguous,
            AmbiguousChoice::Host | AmbiguousChoice::Expand => 0,
        };
        let unparseable = report.unparseable.saturating_sub(refused);
        let kind = |count, name, holds| Kind { count, name, holds };
        [
            kind(report.duplicate, "duplicate", |kind| {
                matches!(kind, ProblemKind::Duplicate { .. })
            }),
            kind(report.reserved, "reserved", |kind| {
                matches!(kind, ProblemKind::Reserved { .. })
            }),
            kind(report.out_of_range, "out of range", |kind| {
                matches!(kind, ProblemKind::OutOfRange)
            }),
            kind(report.wrong_family, "of the other family", |kind| {
                matches!(kind, ProblemKind::WrongFamily)
            }),
            kind(report.ambiguous, "ambiguous", |kind| {
                matches!(kind, ProblemKind::Ambiguous)
            }),
            kind(unparseable, "unparseable", |kind| {
                matches!(kind, ProblemKind::Unparseable)
            }),
        ]
    }

    fn write_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, report) = (self.read, self.report);
        let tallies = [
            (report.already, "taken before"),
            (report.repeated, "repeated"),
            (report.duplicate, "duplicate"),
            (report.reserved, "reserved"),
            (report.out_of_range, "out of range"),
            (report.wrong_family, "of the other family"),
            (report.ambiguous, "ambiguous"),
            (report.unassigned, "unassigned"),
            (report.unparseable, "unparseable"),
            (read.not_held, "not held"),
            (read.superseded, "superseded"),
        ];
        let lines = read.lines;
        write!(
            f,
            "{}: {}, {}: {} taken",
            read.name(),
            match read.counts_files() {
                true => Counted(lines, "file", "files"),
                false => Counted(lines, "line", "lines"),
            },
            Counted(report.entries, "entry", "entries"),
            report.taken
        )?;
        if tallies.iter().any(|&(count, _)| count != 0) {
            write!(f, ", {}", Tallies(&tallies))?;
        }
        write!(f, "; {} free", self.free)?;
        if report.unparseable != 0 {
            write!(f, ". What an unparseable line meant may be handed out")?;
        }
        Ok(())
    }
}

/// Those that are not zero.
struct Tallies<'a>(&'a [Tally]);

impl fmt::Display for Tallies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = self.0.iter().filter(|(count, _)| *count != 0);
        for (index, (count, name)) in some.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {name}")?;
        }
        Ok(())
    }
}

/// A count with its noun in the right number.
struct Counted(u64, &'static str, &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, one, many) = self;
        let noun = if *count == 1 { one } else { many };
        write!(f, "{count} {noun}")
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}
