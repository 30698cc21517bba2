//! What is left of lists that were read to their ends: counts, and which entry stood where.

use crate::lists::positions::Positions;
use hostbits::users::{Adopted, Problem};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is left of lists that were read to their ends. Entries are counted through all of them.
#[derive(Debug, Default)]
pub struct ReadToEnd {
    pub(crate) parts: Vec<Part>,
    /// How many entries there were.
    pub entries: u64,
    /// How many lines. Of a directory, files.
    pub lines: u64,
    /// Entries of the files that are no entries of the list.
    pub not_held: u64,
    /// Entries that a later one of the same file has taken the place of.
    pub superseded: u64,
    /// Entries of holders that are switched off.
    pub disabled: u64,
    /// How many entries were left out, by their state, where the caller has named states.
    pub left_out: BTreeMap<String, u64>,
}

/// One of the lists.
#[derive(Debug)]
pub(crate) struct Part {
    file: String,
    /// The filter of the caller: what it has left out nobody can count.
    filter: Option<String>,
    counts_files: bool,
    /// Which entry of all is its first one; none as long as it has not been begun.
    pub(crate) first: u64,
    pub(crate) positions: Positions,
    /// Of JSON: the numbers of its values, in place of lines.
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
    /// Whether any list was read.
    pub fn is_known(&self) -> bool {
        !self.parts.is_empty()
    }

    /// What to call the list, or all of them together.
    pub fn name(&self) -> String {
        match &*self.parts {
            [part] => part.file.clone(),
            parts => format!("{} lists", parts.len()),
        }
    }

    /// The filters of the caller, each with its list.
    pub fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.parts.iter();
        parts.filter_map(|part| Some((&*part.file, part.filter.as_deref()?)))
    }

    /// Whether what `lines` counts are files.
    pub fn counts_files(&self) -> bool {
        matches!(&*self.parts, [part] if part.counts_files)
    }

    /// The file and the line on which an entry stood.
    pub fn place_of(&self, position: u64) -> (&str, u64) {
        let begun = self.parts.partition_point(|part| part.first <= position);
        match begun.checked_sub(1).and_then(|at| self.parts.get(at)) {
            Some(part) => (&part.file, part.positions.line_of(position)),
            None => ("", position),
        }
    }

    /// Of JSON: which value an entry is of; otherwise 0.
    pub fn element_of(&self, position: u64) -> u64 {
        let begun = self.parts.partition_point(|part| part.first <= position);
        let part = begun.checked_sub(1).and_then(|at| self.parts.get(at));
        part.map_or(0, |part| part.elements.known_line_of(position))
    }

    /// The lines of problems, and their files; nothing of lists that were not read here.
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

/// What became of a list that was read to its end, as JSON has it.
#[derive(Debug, Default, Serialize)]
pub struct ReadList {
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
