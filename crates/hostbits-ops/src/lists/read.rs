//! What remains of lists that were read to their ends: counts, and the line of each entry.

use crate::lists::positions::Positions;
use hostbits::users::{Adopted, Problem};
use serde::Serialize;
use std::collections::BTreeMap;

/// What remains of lists that were read to their ends. Entries are numbered across all of them.
#[derive(Debug, Default)]
pub struct ReadToEnd {
    pub(crate) parts: Vec<Part>,
    /// Number of entries.
    pub entries: u64,
    /// Number of lines; for a directory, of files.
    pub lines: u64,
    /// Number of entries of the files that are not holders of an address.
    pub not_held: u64,
    /// Number of entries that a later one of the same file has replaced.
    pub superseded: u64,
    /// Number of entries of holders that are disabled.
    pub disabled: u64,
    /// Number of entries that were left out, by state, if the caller named states to leave out.
    pub left_out: BTreeMap<String, u64>,
}

/// One of the lists.
#[derive(Debug)]
pub(crate) struct Part {
    file: String,
    /// The filter of the caller: entries that it drops cannot be counted.
    filter: Option<String>,
    counts_files: bool,
    /// Number of its first entry among all entries; none until it has been begun.
    pub(crate) first: u64,
    pub(crate) positions: Positions,
    /// For JSON: the numbers of its values, in place of lines.
    pub(crate) elements: Positions,
}

impl Part {
    pub(crate) fn new(file: String, filter: Option<&str>, counts_files: bool) -> Self {
        Self {
            file,
            filter: filter.map(str::to_owned),
            counts_files,
            first: u64::MAX,
            positions: Positions::default(),
            elements: Positions::default(),
        }
    }
}

impl ReadToEnd {
    /// Reports whether any list was read.
    pub fn is_known(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Returns the name of the list, or of all of them together.
    pub fn name(&self) -> String {
        match &*self.parts {
            [part] => part.file.clone(),
            parts => format!("{} lists", parts.len()),
        }
    }

    /// Returns the filters of the caller, each with its list.
    pub fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.parts.iter();
        parts.filter_map(|part| Some((&*part.file, part.filter.as_deref()?)))
    }

    /// Reports whether `lines` counts files.
    pub fn counts_files(&self) -> bool {
        matches!(&*self.parts, [part] if part.counts_files)
    }

    /// Returns the file and the line of an entry.
    pub fn place_of(&self, position: u64) -> (&str, u64) {
        let begun = self.parts.partition_point(|part| part.first <= position);
        match begun.checked_sub(1).and_then(|at| self.parts.get(at)) {
            Some(part) => (&part.file, part.positions.line_of(position)),
            None => ("", position),
        }
    }

    /// Returns the number of the JSON value that contains an entry; 0 for other formats.
    pub fn element_of(&self, position: u64) -> u64 {
        let begun = self.parts.partition_point(|part| part.first <= position);
        let part = begun.checked_sub(1).and_then(|at| self.parts.get(at));
        part.map_or(0, |part| part.elements.known_line_of(position))
    }

    /// Returns the lines of problems, and their files; empty for lists that were not read here.
    pub fn places_of(&self, problems: &[Problem]) -> (Vec<u64>, Vec<&str>) {
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

/// The result of a list that was read to its end, in the form of the JSON output.
#[derive(Debug, Default, Serialize)]
pub struct ReadList {
    list: Adopted,
    /// The line of each of the list's problems: their positions count entries, not lines.
    problem_lines: Vec<u64>,
    /// The file of each problem, if there is more than one file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problem_files: Vec<String>,
    /// Number of entries of the file that are not holders of an address.
    #[serde(skip_serializing_if = "is_zero")]
    not_held: u64,
    #[serde(skip_serializing_if = "is_zero")]
    superseded: u64,
    #[serde(skip_serializing_if = "is_zero")]
    disabled: u64,
    /// Number of entries that the caller left out, by state.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: BTreeMap<String, u64>,
    /// The filters of the caller.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<String>,
    /// For JSON, the number of the value of each problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problem_elements: Vec<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ReadList {
    /// Combines the library's report with the lines of its problems.
    pub fn new(list: Adopted, read: &ReadToEnd) -> Self {
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
