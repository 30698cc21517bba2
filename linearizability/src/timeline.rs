//! How many things were covered at the same time, and the maximum over an interval.

use crate::Stamp;

/// A step function over time: how many keys are covered by some interval. Intervals include their ends.
#[derive(Debug)]
pub struct Timeline {
    starts: Vec<Stamp>,
    ends: Vec<Stamp>,
    /// The distinct stamps at which an interval begins.
    peaks: Vec<Stamp>,
    /// An implicit tree of maxima; the leaves are the counts at `peaks`.
    maxima: Vec<i64>,
}

impl Timeline {
    /// Creates a timeline from intervals with keys, in any order. Overlapping intervals of one key count once.
    pub fn new(mut intervals: Vec<(u32, Stamp, Stamp)>) -> Self {
        intervals.sort_unstable();
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for same_key in intervals.chunk_by(|a, b| a.0 == b.0) {
            for (start, end) in union(same_key.iter().map(|&(_, start, end)| (start, end))) {
                starts.push(start);
                ends.push(end);
            }
        }
        starts.sort_unstable();
        ends.sort_unstable();
        let mut peaks = starts.clone();
        peaks.dedup();
        let mut timeline = Self {
            starts,
            ends,
            maxima: vec![0; peaks.len() * 2],
            peaks,
        };
        timeline.fill_maxima();
        timeline
    }

    fn fill_maxima(&mut self) {
        let leaf_count = self.peaks.len();
        let (mut begun, mut over) = (0, 0);
        for (index, &peak) in self.peaks.iter().enumerate() {
            while begun < self.starts.len() && self.starts[begun] <= peak {
                begun += 1;
            }
            while over < self.ends.len() && self.ends[over] < peak {
                over += 1;
            }
            self.maxima[leaf_count + index] = begun as i64 - over as i64;
        }
        for node in (1..leaf_count).rev() {
            self.maxima[node] = self.maxima[node * 2].max(self.maxima[node * 2 + 1]);
        }
    }

    /// Returns how many keys are covered at `at`.
    pub fn count_at(&self, at: Stamp) -> i64 {
        let begun = self.starts.partition_point(|&start| start <= at);
        let over = self.ends.partition_point(|&end| end < at);
        begun as i64 - over as i64
    }

    /// Returns the maximum number of keys that are covered at any one instant of `from..=to`.
    ///
    /// The count grows only where an interval begins, so the maximum is found at `from` or at a beginning.
    pub fn most_within(&self, from: Stamp, to: Stamp) -> i64 {
        let first = self.peaks.partition_point(|&peak| peak <= from);
        let end = self.peaks.partition_point(|&peak| peak <= to);
        self.most_among(first, end).max(self.count_at(from))
    }

    fn most_among(&self, first: usize, end: usize) -> i64 {
        let leaf_count = self.peaks.len();
        let (mut low, mut high) = (first + leaf_count, end + leaf_count);
        let mut most = 0;
        while low < high {
            if low % 2 == 1 {
                most = most.max(self.maxima[low]);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                most = most.max(self.maxima[high]);
            }
            (low, high) = (low / 2, high / 2);
        }
        most
    }
}

/// Joins intervals, ordered by their starts, that share an instant.
pub fn union(
    intervals: impl IntoIterator<Item = (Stamp, Stamp)>,
) -> impl Iterator<Item = (Stamp, Stamp)> {
    let mut intervals = intervals.into_iter().peekable();
    std::iter::from_fn(move || {
        let (start, mut end) = intervals.next()?;
        while let Some((_, other_end)) = intervals.next_if(|&(other, _)| other <= end) {
            end = end.max(other_end);
        }
        Some((start, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// Compares with a check of every instant.
    #[test]
    fn the_most_within_agrees_with_looking_at_every_instant() {
        let mut dice = Dice::new(1, [0, 0]);
        for _ in 0..300 {
            let interval = |dice: &mut Dice| {
                let start = dice.below(40) as Stamp;
                (start, start + dice.below(8) as Stamp)
            };
            let intervals: Vec<_> = (0..dice.below(12))
                .map(|_| {
                    let (start, end) = interval(&mut dice);
                    (dice.below(4) as u32, start, end)
                })
                .collect();
            let timeline = Timeline::new(intervals.clone());
            let naive = |at: Stamp| {
                let covers = |key| {
                    let covers = |&(of, start, end): &(u32, Stamp, Stamp)| {
                        of == key && (start..=end).contains(&at)
                    };
                    intervals.iter().any(covers)
                };
                (0..4).filter(|&key| covers(key)).count() as i64
            };
            let (from, to) = interval(&mut dice);
            let expected = (from..=to).map(naive).max();
            assert_eq!(
                Some(timeline.most_within(from, to)),
                expected,
                "{intervals:?}"
            );
        }
    }
}
