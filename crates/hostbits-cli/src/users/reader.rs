//! One list or several as an iterator of user records, which ends early if one of them cannot be read.

use super::positions::Positions;
use super::{ListName, printable};
use crate::failure::Failure;
use hostbits::{Adopted, Problem};
use hostbits_lists::{Format, ListError, RecordBuf, Records, Source};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// The users of one list or of several. Ask [`finish`](Self::finish) why it came to an end.
#[derive(Debug)]
pub(crate) struct UserRecords {
    /// Those that are left, the one that is being read first.
    lists: VecDeque<Records<'static>>,
    read: ReadToEnd,
    current: usize,
    error: Option<ListError>,
}

/// What is left of lists that were read to their ends. Entries are counted through all of them.
#[derive(Debug, Default)]
pub(crate) struct ReadToEnd {
    parts: Vec<Part>,
    /// How many entries there were.
    pub(crate) entries: u64,
    /// How many lines. Of a directory, files.
    pub(crate) lines: u64,
    /// Entries of the files that are no entries of the list.
    pub(crate) not_held: u64,
    /// Entries that a later one of the same file has taken the place of.
    pub(crate) superseded: u64,
    /// Entries of holders that are switched off.
    pub(crate) disabled: u64,
    /// How many entries were left out, by their state, where the caller has named states.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// One of the lists.
#[derive(Debug)]
struct Part {
    file: String,
    /// The filter of the caller: what it has left out nobody can count.
    filter: Option<String>,
    counts_files: bool,
    /// Which entry of all is its first one; none as long as it has not been begun.
    first: u64,
    positions: Positions,
    /// Of JSON: the numbers of its values, in place of lines.
    elements: Positions,
}

impl UserRecords {
    /// Opens one list, or several that are read as one.
    ///
    /// All are opened now: a name that is wrong is an error before anything has been done.
    pub(crate) fn open<'a>(
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<Self, ListError> {
        let mut lists = VecDeque::new();
        let mut read = ReadToEnd::default();
        for source in sources {
            let list = source.open()?;
            read.parts.push(Part {
                file: printable(list.name()),
                filter: filter_of(&source.format).map(str::to_owned),
                counts_files: source.format.counts_files(),
                first: u64::MAX,
                positions: Positions::default(),
                elements: Positions::default(),
            });
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
        })
    }

    /// The same of lists as they were named; standard input can be read once.
    pub(crate) fn open_all(lists: &[ListName]) -> Result<Self, Failure> {
        if lists.iter().filter(|list| list.is_stdin()).count() > 1 {
            return Err(Failure::Usage(
                "standard input can be read once: name - once".to_owned(),
            ));
        }
        Self::open(lists.iter().map(|list| &list.source)).map_err(Failure::Unreadable)
    }

    /// Says whether the lists were read to their ends.
    ///
    /// # Errors
    ///
    /// Why one was not: then the records proved nothing.
    pub(crate) fn finish(self) -> Result<ReadToEnd, ListError> {
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

    /// The list that was read has come to its end: goes on to the next one.
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

    /// An entry that nobody can read is in the place of what is missing: so nothing is taken of half a list.
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

impl ReadToEnd {
    /// Whether any list was read.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    pub(crate) fn is_known(&self) -> bool {
        !self.parts.is_empty()
    }

    /// What to call the list, or all of them together.
    pub(crate) fn name(&self) -> String {
        match &*self.parts {
            [part] => part.file.clone(),
            parts => format!("{} lists", parts.len()),
        }
    }

    /// The filters of the caller, each with its list.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.parts.iter();
        parts.filter_map(|part| Some((&*part.file, part.filter.as_deref()?)))
    }

    /// Whether what `lines` counts are files.
    pub(crate) fn counts_files(&self) -> bool {
        matches!(&*self.parts, [part] if part.counts_files)
    }

    /// The file and the line on which an entry stood.
    pub(crate) fn place_of(&self, position: u64) -> (&str, u64) {
        let begun = self.parts.partition_point(|part| part.first <= position);
        match begun.checked_sub(1).and_then(|at| self.parts.get(at)) {
            Some(part) => (&part.file, part.positions.line_of(position)),
            None => ("", position),
        }
    }

    /// Of JSON: which value an entry is of; otherwise 0.
    pub(crate) fn element_of(&self, position: u64) -> u64 {
        let begun = self.parts.partition_point(|part| part.first <= position);
        let part = begun.checked_sub(1).and_then(|at| self.parts.get(at));
        part.map_or(0, |part| part.elements.known_line_of(position))
    }

    /// The lines of problems, and their files; nothing of lists that were not read here.
    pub(crate) fn places_of(&self, problems: &[Problem]) -> (Vec<u64>, Vec<&str>) {
        if self.parts.is_empty() {
            return Default::default();
        }
        let places = problems.iter();
        places
            .map(|problem| self.place_of(problem.position))
            .map(|(file, line)| (line, file))
            .unzip()
    }
}

/// The filter that the caller has given for a list.
pub(super) fn filter_of(format: &Format) -> Option<&str> {
    match format {
        Format::Json(query) | Format::Ndjson(query) => query.text(),
        _ => None,
    }
}

/// What became of a list that was read to its end, as JSON has it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ReadList {
    list: Adopted,
    /// The line of each of the list's problems: their positions count entries, not lines.
    problem_lines: Vec<u64>,
    /// The file of each, where there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problem_files: Vec<String>,
    /// Entries of the file that are no entries of the list.
    #[serde(skip_serializing_if = "is_zero")]
    not_held: u64,
    #[serde(skip_serializing_if = "is_zero")]
    superseded: u64,
    #[serde(skip_serializing_if = "is_zero")]
    disabled: u64,
    /// How many entries were left out by the caller, by their state.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: BTreeMap<String, u64>,
    /// The filters of the caller.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<String>,
    /// Of JSON, the number of the value of each problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problem_elements: Vec<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ReadList {
    /// Puts the library's report and the lines of its problems together.
    pub(crate) fn new(list: Adopted, read: &ReadToEnd) -> Self {
        let (problem_lines, files) = read.places_of(&list.problems);
        let problems = list.problems.iter();
        let elements: Vec<u64> = problems.map(|it| read.element_of(it.position)).collect();
        let problem_elements = match elements.iter().any(|&element| element != 0) {
            true => elements,
            false => Vec::new(),
        };
        let problem_files = match read.parts.len() {
            0 | 1 => Vec::new(),
            _ => files.into_iter().map(str::to_owned).collect(),
        };
        Self {
            problem_lines,
            problem_files,
            list,
            not_held: read.not_held,
            superseded: read.superseded,
            disabled: read.disabled,
            left_out: read.left_out.clone(),
            filters: read
                .filters()
                .map(|(_, filter)| filter.to_owned())
                .collect(),
            problem_elements,
        }
    }
}
