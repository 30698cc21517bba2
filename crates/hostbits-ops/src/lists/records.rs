//! One list or several as an iterator of user records, which ends early if one of them cannot be read.

use crate::failure::Failure;
use crate::lists::name::{ListName, filter_of, refuse_two_inputs};
use crate::lists::read::{Part, ReadToEnd};
use crate::text::printable;
use hostbits_lists::{ListError, Meter, RecordBuf, Records, Source};
use std::collections::VecDeque;

/// The users of one list or of several. Call [`finish`](Self::finish) to find out why it ended.
#[derive(Debug)]
pub struct UserRecords {
    /// The remaining lists; the first is being read.
    lists: VecDeque<Records<'static>>,
    read: ReadToEnd,
    current: usize,
    error: Option<ListError>,
    meters: Vec<Meter>,
}

impl UserRecords {
    /// Opens one list, or several that are read as one.
    ///
    /// All are opened now, so that a wrong name is an error before anything has been done.
    ///
    /// # Errors
    ///
    /// Returns the error of the first list that cannot be opened.
    pub fn open<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Result<Self, ListError> {
        let mut lists = VecDeque::new();
        let mut read = ReadToEnd::default();
        let mut meters = Some(Vec::new());
        for source in sources {
            let list = source.open()?;
            read.parts.push(Part::new(
                printable(list.name()),
                filter_of(&source.format),
                source.format.counts_files(),
            ));
            let meter = list.meter().cloned();
            meters = meters
                .zip(meter)
                .map(|(meters, meter): (Vec<_>, _)| [meters, vec![meter]].concat());
            lists.push_back(list.records());
        }
        if let Some(part) = read.parts.first_mut() {
            part.first = 1;
        }
        Ok(Self {
            lists,
            read,
            current: 0,
            error: None,
            meters: meters.unwrap_or_default(),
        })
    }

    /// Opens lists by name; standard input can be read once.
    pub(crate) fn open_all(lists: &[ListName]) -> Result<Self, Failure> {
        refuse_two_inputs(lists).map_err(Failure::Usage)?;
        Self::open(lists.iter().map(|list| &list.source)).map_err(Failure::Unreadable)
    }

    /// Returns how much of each list has been read; empty if the size of any list is unknown.
    pub(crate) fn meters(&self) -> &[Meter] {
        &self.meters
    }

    /// Reports whether the lists were read to their ends.
    ///
    /// # Errors
    ///
    /// Returns why a list was not: then the records prove nothing.
    pub fn finish(self) -> Result<ReadToEnd, ListError> {
        match (self.error, self.lists.into_iter().next()) {
            (Some(error), _) => Err(error),
            (None, Some(unread)) => unread.finish().map(|_| self.read),
            (None, None) => Ok(self.read),
        }
    }

    fn note(&mut self, record: &RecordBuf) {
        self.read.entries += 1;
        let position = self.read.entries;
        if let Some(part) = self.read.parts.get_mut(self.current) {
            part.positions.note(position, record.line());
            if record.element() != 0 {
                part.elements.note(position, record.element());
            }
        }
    }

    /// The list has been read to its end: continues with the next one.
    fn next_list(&mut self) -> Result<(), ListError> {
        if let Some(list) = self.lists.pop_front() {
            let ended = list.finish()?;
            self.read.lines += ended.lines;
            self.read.not_held += ended.not_held;
            self.read.superseded += ended.superseded;
            self.read.disabled += ended.disabled;
            for (state, count) in ended.left_out {
                *self.read.left_out.entry(printable(&state)).or_default() += count;
            }
        }
        self.current += 1;
        if let Some(part) = self.read.parts.get_mut(self.current) {
            part.first = self.read.entries + 1;
        }
        Ok(())
    }

    /// An unreadable entry takes the place of what is missing, so that nothing is allocated from half a list.
    fn fail(&mut self, error: ListError) -> RecordBuf {
        let record = RecordBuf::broken("the list has no end", error.line());
        self.error = Some(error);
        self.lists.clear();
        record
    }
}

impl Iterator for UserRecords {
    type Item = RecordBuf;

    fn next(&mut self) -> Option<RecordBuf> {
        loop {
            match self.lists.front_mut()?.next() {
                Some(Ok(record)) => {
                    self.note(&record);
                    return Some(record);
                }
                Some(Err(error)) => return Some(self.fail(error)),
                None => {
                    if let Err(error) = self.next_list() {
                        return Some(self.fail(error));
                    }
                }
            }
        }
    }
}
