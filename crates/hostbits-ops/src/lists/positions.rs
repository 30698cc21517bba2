//! The line of the file for each entry of the list.
//!
//! The library counts entries; people count lines. Most files are regular: entries follow each other at
//! one distance, which is 1 for a line each, 0 for several on a line, more for blocks. It is enough to keep
//! the places where the distance changes, 32 bytes each.

/// From entry `position` on, consecutive entries are `distance` lines apart, the first on `line`.
#[derive(Clone, Copy, Debug)]
struct Run {
    position: u64,
    line: u64,
    /// `None` as long as there is one entry. Journals report broken lines before the entries they hold, so lines may go
    /// back.
    distance: Option<i64>,
}

/// A map from entries to lines, both counted from 1. Entries ascend.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    runs: Vec<Run>,
}

impl Run {
    fn line_of(&self, position: u64) -> u64 {
        let entries = (position - self.position).cast_signed();
        let lines = self.distance.unwrap_or(1).wrapping_mul(entries);
        self.line.wrapping_add_signed(lines)
    }
}

impl Positions {
    /// Records that entry `position` is on `line`. Positions are passed in order.
    pub(crate) fn note(&mut self, position: u64, line: u64) {
        if let Some(run) = self.runs.last_mut() {
            if run.distance.is_none() {
                run.distance = Some(line.wrapping_sub(run.line).cast_signed());
            }
            if run.line_of(position) == line {
                return;
            }
        }
        self.runs.push(Run {
            position,
            line,
            distance: None,
        });
    }

    /// Returns the line of an entry even if not every entry was recorded; 0 if none was.
    pub(crate) fn known_line_of(&self, position: u64) -> u64 {
        match self.runs.is_empty() {
            true => 0,
            false => self.line_of(position),
        }
    }

    /// Returns the line of an entry that was recorded.
    pub(crate) fn line_of(&self, position: u64) -> u64 {
        let after = self.runs.partition_point(|run| run.position <= position);
        match after.checked_sub(1).and_then(|at| self.runs.get(at)) {
            Some(run) => run.line_of(position),
            None => position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared with a plain list of the line of each entry; each line has up to three of them.
    #[test]
    fn every_entry_finds_its_line() {
        for counts in 0u32..1 << 14 {
            let lines = (0..7u32).flat_map(|line| {
                let count = counts >> (2 * line) & 3;
                (0..count).map(move |_| u64::from(line) + 1)
            });
            let lines: Vec<u64> = lines.collect();
            let mut positions = Positions::default();
            for (&line, position) in lines.iter().zip(1..) {
                positions.note(position, line);
            }
            for (&line, position) in lines.iter().zip(1..) {
                assert_eq!(positions.line_of(position), line, "{counts:b}");
            }
        }
    }

    #[test]
    fn a_regular_file_costs_nothing() {
        let mut positions = Positions::default();
        (1..=1000).for_each(|line| positions.note(line, line));
        assert_eq!(positions.runs.len(), 1);
        (1001..=2000).for_each(|position| positions.note(position, position + 1));
        assert_eq!(positions.runs.len(), 2);
        let mut blocks = Positions::default();
        (1..=1000).for_each(|position| blocks.note(position, 5 * position + 7));
        assert_eq!((blocks.runs.len(), blocks.line_of(10)), (1, 57));
        blocks.note(1001, 3);
        blocks.note(1002, 1);
        assert_eq!(
            [1000, 1001, 1002].map(|at| blocks.line_of(at)),
            [5007, 3, 1]
        );
    }
}
