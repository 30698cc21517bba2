//! Problems of a list of users, as text for people.

use hostbits::users::{Adopted, Problem, ProblemKind};
use hostbits_ops::{ReadToEnd, RefusedList, printable};
use std::fmt;

/// Maximum number of characters of an owner's name that are quoted.
const MAX_QUOTED: usize = 64;

/// One line for each problem that is named, one for the rest of each kind, and a summary.
pub(crate) struct Notes<'a> {
    /// The name of the list, and the line of each entry.
    pub(crate) read: &'a ReadToEnd,
    /// The library's report on the entries.
    pub(crate) report: &'a Adopted,
    /// Number of addresses that are still free.
    pub(crate) free: u64,
}

/// A kind of problem: its name, how many are named, and how to recognize one. In order of how much harm it can do.
struct Kind {
    name: &'static str,
    most_named: usize,
    holds: fn(&ProblemKind) -> bool,
}

/// Entries that the caller left out: `, 12 left out by their state (expired 10, free 2)`, or nothing.
pub(crate) struct LeftOut<'a>(pub(crate) &'a ReadToEnd);

impl fmt::Display for LeftOut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = &self.0.left_out;
        if states.is_empty() {
            return Ok(());
        }
        let total: u64 = states.values().sum();
        write!(f, ", {total} left out by their state (")?;
        for (index, (state, count)) in states.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{state} {count}")?;
        }
        f.write_str(")")
    }
}

/// A line for each filter of the caller, because the entries that it drops are not counted.
pub(crate) struct FilterLines<'a>(pub(crate) &'a ReadToEnd);

impl fmt::Display for FilterLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, filter) in self.0.filters() {
            let filter = filter.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(
                f,
                "{file}: held is what the filter yields: {}",
                printable(&filter)
            )?;
        }
        Ok(())
    }
}

/// The kinds of problem, the most harmful first.
const KINDS: [Kind; 5] = [
    Kind {
        name: "unparseable",
        most_named: 50,
        holds: |kind| matches!(kind, ProblemKind::Unparseable | ProblemKind::Stray),
    },
    Kind {
        name: "duplicate",
        most_named: 30,
        holds: |kind| matches!(kind, ProblemKind::Duplicate { .. }),
    },
    Kind {
        name: "reserved",
        most_named: 10,
        holds: |kind| matches!(kind, ProblemKind::Reserved { .. }),
    },
    Kind {
        name: "out of range",
        most_named: 5,
        holds: |kind| matches!(kind, ProblemKind::OutOfRange),
    },
    Kind {
        name: "of the other family",
        most_named: 5,
        holds: |kind| matches!(kind, ProblemKind::WrongFamily),
    },
];

/// A count, and the name of what is counted.
type Tally = (u64, &'static str);

impl fmt::Display for Notes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        ProblemLines {
            read: self.read,
            problems: &report.problems,
            counts: [
                report.unparseable,
                report.duplicate,
                report.reserved,
                report.out_of_range,
                report.wrong_family,
            ],
        }
        .fmt(f)?;
        FilterLines(self.read).fmt(f)?;
        self.write_summary(f)
    }
}

/// One line for each problem that is named, and one for the rest of each kind.
pub(crate) struct ProblemLines<'a> {
    /// The line of each entry.
    pub(crate) read: &'a ReadToEnd,
    /// The problems of the entries.
    pub(crate) problems: &'a [Problem],
    /// Number of problems of each kind: unparseable, duplicate, reserved, out of range, other address family.
    pub(crate) counts: [u64; 5],
}

impl fmt::Display for ProblemLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in KINDS.iter().zip(self.counts) {
            let problems = self.problems.iter();
            let of_kind = problems.filter(|problem| (kind.holds)(&problem.kind));
            let mut named = 0;
            for problem in of_kind.take(kind.most_named) {
                self.write_problem(f, problem)?;
                named += 1;
            }
            match count.saturating_sub(named) {
                0 => {}
                more => writeln!(f, "{}: ... and {more} more {}", self.read.name(), kind.name)?,
            }
        }
        Ok(())
    }
}

impl ProblemLines<'_> {
    fn write_problem(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        let (file, line) = self.read.place_of(problem.position);
        write!(f, "{file}:{line}: ")?;
        let element = self.read.element_of(problem.position);
        if element != 0 {
            write!(f, "element {element}")?;
            if let Some(holder) = &problem.holder {
                write!(f, " of {:?}", clipped(holder))?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{:?} ", problem.text)?;
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
            kind => writeln!(f, "{kind}"),
        }
    }
}

impl Notes<'_> {
    fn write_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, report) = (self.read, self.report);
        let tallies = [
            (report.already, "taken before"),
            (report.repeated, "repeated"),
            (report.duplicate, "duplicate"),
            (report.reserved, "reserved"),
            (report.own, "the gateway itself"),
            (report.out_of_range, "out of range"),
            (report.wrong_family, "of the other family"),
            (report.blocks, "as blocks"),
            (report.routes, "as routes"),
            (report.passed, "passed over"),
            (report.unassigned, "unassigned"),
            (report.unparseable, "unparseable"),
            (read.disabled, "disabled"),
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
        write!(f, "{}; {} free", LeftOut(read), self.free)?;
        if report.unparseable != 0 {
            write!(f, ". What an unparseable line meant may be handed out")?;
        }
        Ok(())
    }
}

/// The counts that are not zero.
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
pub(crate) struct Counted(
    pub(crate) u64,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

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

/// Returns the unreadable entries of a refused list, by file and line; nothing else of the list matters then.
pub(crate) fn unreadable_lines(list: &RefusedList) -> String {
    ProblemLines {
        read: list.read(),
        problems: &list.problems(),
        counts: [list.unparseable(), 0, 0, 0, 0],
    }
    .to_string()
}
