//! A list that was refused.

use crate::lists::read::{ReadList, ReadToEnd};
use hostbits::users::{AdoptError, Adopted, Problem, ProblemKind};
use std::fmt;

/// A list that was refused because entries cannot be read: nothing was allocated.
#[derive(Debug)]
pub struct RefusedList {
    read: ReadToEnd,
    report: Adopted,
    list: ReadList,
}

impl RefusedList {
    /// Combines what was read with the library's error.
    pub(crate) fn new(error: AdoptError, read: ReadToEnd) -> Self {
        let report = match error {
            AdoptError::Unreadable { adopted } => *adopted,
            // The file of a pool of leases, which is never given here.
            _ => Default::default(),
        };
        Self {
            list: ReadList::new(report.clone(), &read),
            read,
            report,
        }
    }

    /// Returns what was read.
    pub fn read(&self) -> &ReadToEnd {
        &self.read
    }

    /// Returns the list in the form of the JSON output.
    pub fn list(&self) -> &ReadList {
        &self.list
    }

    /// Returns the number of entries that cannot be read.
    pub fn unparseable(&self) -> u64 {
        self.report.unparseable
    }

    /// Returns the first of those entries.
    pub fn problems(&self) -> Vec<Problem> {
        let is_unreadable = |problem: &&Problem| {
            matches!(problem.kind, ProblemKind::Unparseable | ProblemKind::Stray)
        };
        let problems = self.report.problems.iter();
        problems.filter(is_unreadable).cloned().collect()
    }
}

impl fmt::Display for RefusedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.report.unparseable;
        let noun = if count == 1 { "entry" } else { "entries" };
        let name = self.read.name();
        write!(
            f,
            "{count} {noun} of {name} cannot be read: nothing is handed out or taken"
        )
    }
}
