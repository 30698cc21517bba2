//! Which entry of the list stood on which line of the file.
//!
//! The library counts entries; people count lines. Only blank lines, comments and the header shift
//! one against the other, so it is enough to keep the places where the shift changes.

/// From entry `position` on, entries stand `shift` lines further down.
#[derive(Clone, Copy, Debug)]
struct Shift {
    position: u64,
    shift: u64,
}

/// A map from entries to lines, both counted from 1 and ascending.
#[derive(Debug, Default)]
pub(super) struct Positions {
    shifts: Vec<Shift>,
}

impl Positions {
    /// Notes that entry `position` stands on `line`. Positions come in ascending order.
    pub(super) fn note(&mut self, position: u64, line: u64) {
        let shift = line - position;
        if self.shifts.last().map_or(0, |last| last.shift) != shift {
            self.shifts.push(Shift { position, shift });
        }
    }

    /// The line of an entry that was noted.
    pub(super) fn line_of(&self, position: u64) -> u64 {
        let after = self
            .shifts
            .partition_point(|shift| shift.position <= position);
        let shift = after.checked_sub(1).map_or(0, |at| self.shifts[at].shift);
        position + shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain list of every line that has an entry.
    #[test]
    fn every_entry_finds_its_line() {
        for blank_lines in 0u32..1 << 10 {
            let lines = (1..=10u64).filter(|line| blank_lines >> (line - 1) & 1 == 0);
            let lines: Vec<u64> = lines.collect();
            let mut positions = Positions::default();
            for (&line, position) in lines.iter().zip(1..) {
                positions.note(position, line);
            }
            for (&line, position) in lines.iter().zip(1..) {
                assert_eq!(positions.line_of(position), line, "{blank_lines:b}");
            }
        }
    }

    #[test]
    fn a_file_of_entries_alone_costs_nothing() {
        let mut positions = Positions::default();
        (1..=1000).for_each(|line| positions.note(line, line));
        assert!(positions.shifts.is_empty());
        (1001..=2000).for_each(|position| positions.note(position, position + 1));
        assert_eq!(positions.shifts.len(), 1);
    }
}
