//! The list as an iterator of user records, which ends early if it cannot be read.

use super::positions::Positions;
use super::printable;
use hostbits::Adopted;
use hostbits_lists::{Ended, ListError, RecordBuf, Records, Source};
use serde::Serialize;

/// The users of a list. Ask [`finish`](Self::finish) why it came to an end.
#[derive(Debug)]
pub(crate) struct UserRecords {
    /// What to call it.
    pub(crate) file: String,
    records: Records<'static>,
    counts_files: bool,
    positions: Positions,
    entry_count: u64,
    error: Option<ListError>,
}

/// What is left of a list that was read to its end.
#[derive(Debug)]
pub(crate) struct ReadToEnd {
    /// What is known of it.
    pub(crate) ended: Ended,
    /// Whether its lines are files.
    pub(crate) counts_files: bool,
    positions: Positions,
}

impl UserRecords {
    /// Opens a list.
    pub(crate) fn open(source: &Source) -> Result<Self, ListError> {
        let list = source.open()?;
        Ok(Self {
            file: printable(list.name()),
            counts_files: source.format.counts_files(),
            records: list.records(),
            positions: Positions::default(),
            entry_count: 0,
            error: None,
        })
    }

    /// Says whether the list was read to its end.
    ///
    /// # Errors
    ///
    /// Why it was not: then the records proved nothing.
    pub(crate) fn finish(self) -> Result<ReadToEnd, ListError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(ReadToEnd {
                ended: self.records.finish()?,
                counts_files: self.counts_files,
                positions: self.positions,
            }),
        }
    }
}

impl Iterator for UserRecords {
    type Item = RecordBuf;

    fn next(&mut self) -> Option<RecordBuf> {
        match self.records.next()? {
            Ok(record) => {
                self.entry_count += 1;
                self.positions.note(self.entry_count, record.line());
                Some(record)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

impl ReadToEnd {
    /// The line on which an entry of the list stood.
    pub(crate) fn line_of(&self, position: u64) -> u64 {
        self.positions.line_of(position)
    }
}

/// What became of a list that was read to its end, as JSON has it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ReadList {
    list: Adopted,
    /// The line of each of the list's problems: their positions count entries, not lines.
    problem_lines: Vec<u64>,
    /// Entries of the file that are no entries of the list.
    #[serde(skip_serializing_if = "is_zero")]
    not_held: u64,
    #[serde(skip_serializing_if = "is_zero")]
    superseded: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
fn is_zero(count: &u64) -> bool {
    *count == 0
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
            not_held: read.ended.not_held,
            superseded: read.ended.superseded,
        }
    }
}
