//! The file as an iterator of user records, which ends early if the file cannot be read.

use super::lines::Lines;
use super::positions::Positions;
use super::record::Record;
use hostbits::Adopted;
use serde::Serialize;
use std::io::{self, BufRead};

/// The users of a file. Ask [`finish`](Self::finish) why it came to an end.
#[derive(Debug)]
pub(crate) struct UserLines<R> {
    lines: Lines<R>,
    positions: Positions,
    entry_count: u64,
    header_is_due: bool,
    error: Option<io::Error>,
}

/// What is left of a file that was read to its end.
#[derive(Debug)]
pub(crate) struct ReadToEnd {
    /// How many lines it has.
    pub(crate) line_count: u64,
    positions: Positions,
}

impl<R: BufRead> UserLines<R> {
    /// Begins to read.
    pub(crate) fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            positions: Positions::default(),
            entry_count: 0,
            header_is_due: true,
            error: None,
        }
    }

    /// Says whether the file was read to its end.
    ///
    /// # Errors
    ///
    /// The number of lines read, and why not more: then the records proved nothing.
    pub(crate) fn finish(self) -> Result<ReadToEnd, (u64, io::Error)> {
        match self.error {
            Some(error) => Err((self.lines.count(), error)),
            None => Ok(ReadToEnd {
                line_count: self.lines.count(),
                positions: self.positions,
            }),
        }
    }

    fn next_record(&mut self) -> io::Result<Option<Record>> {
        while let Some(line) = self.lines.read()? {
            let Some(record) = Record::of_line(&line) else {
                continue;
            };
            let is_header = self.header_is_due && record.is_header();
            self.header_is_due = false;
            if is_header {
                continue;
            }
            self.entry_count += 1;
            self.positions.note(self.entry_count, line.number);
            return Ok(Some(record));
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for UserLines<R> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.error.is_some() {
            return None;
        }
        self.next_record().unwrap_or_else(|error| {
            self.error = Some(error);
            None
        })
    }
}

impl ReadToEnd {
    /// The line on which an entry of the list stood.
    pub(crate) fn line_of(&self, position: u64) -> u64 {
        self.positions.line_of(position)
    }
}

/// What became of a file that was read to its end, as JSON has it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ReadList {
    list: Adopted,
    /// The line of each of the list's problems: their positions count entries, not lines.
    problem_lines: Vec<u64>,
}

impl ReadList {
    /// Puts the library's report and the lines of its problems together.
    pub(crate) fn new(list: Adopted, read: &ReadToEnd) -> Self {
        let problems = list.problems.iter();
        Self {
            problem_lines: problems
                .map(|problem| read.line_of(problem.position))
                .collect(),
            list,
        }
    }
}
