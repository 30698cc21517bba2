//! Disjoint runs of consecutive slots, each with a value: the first value of a slot stays.

use crate::slot::Slot;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Disjoint runs of slots, each with a value.
pub(crate) struct RunMap<T> {
    /// The last slot and the value, by first slot.
    by_first: BTreeMap<Slot, (Slot, T)>,
}

impl<T> Default for RunMap<T> {
    fn default() -> Self {
        Self {
            by_first: BTreeMap::new(),
        }
    }
}

impl<T: Clone> RunMap<T> {
    /// Assigns `value` to those slots of `run` that have none yet, and returns them.
    pub(crate) fn insert(&mut self, run: RangeInclusive<Slot>, value: T) -> Vec<(Slot, Slot)> {
        let gaps = self.gaps(&run);
        for &(first, last) in &gaps {
            self.by_first.insert(first, (last, value.clone()));
        }
        gaps
    }

    /// Returns the values of the runs that share a slot with `run`, in ascending order, each with the first such slot.
    pub(crate) fn overlapping(
        &self,
        run: &RangeInclusive<Slot>,
    ) -> impl Iterator<Item = (Slot, &T)> {
        let (start, end) = (*run.start(), *run.end());
        let before = self.by_first.range(..start).next_back();
        before
            .into_iter()
            .chain(self.by_first.range(start..=end))
            .filter(move |(_, (last, _))| *last >= start)
            .map(move |(&first, (_, value))| (first.max(start), value))
    }

    fn gaps(&self, run: &RangeInclusive<Slot>) -> Vec<(Slot, Slot)> {
        let mut gaps = Vec::new();
        let mut from = Some(*run.start());
        for (first, _) in self.overlapping(run) {
            if let Some(start) = from.filter(|&start| start < first) {
                gaps.push((start, first - 1));
            }
            from = self.last_of(first).checked_add(1);
        }
        if let Some(start) = from.filter(|start| start <= run.end()) {
            gaps.push((start, *run.end()));
        }
        gaps
    }

    /// Returns the last slot of the run that contains `slot`.
    fn last_of(&self, slot: Slot) -> Slot {
        let run = self.by_first.range(..=slot).next_back();
        run.map_or(slot, |(_, &(last, _))| last)
    }

    /// Returns all runs with their values, in ascending order.
    pub(crate) fn into_runs(self) -> impl Iterator<Item = (Slot, Slot, T)> {
        self.by_first
            .into_iter()
            .map(|(first, (last, value))| (first, last, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_keeps_its_slots() {
        let mut map = RunMap::default();
        assert_eq!(map.insert(5..=10, "a"), [(5, 10)]);
        assert_eq!(map.insert(0..=20, "b"), [(0, 4), (11, 20)]);
        assert_eq!(map.insert(20..=21, "c"), [(21, 21)]);
        assert_eq!(map.insert(7..=8, "d"), []);
        assert_eq!(map.insert(21..=Slot::MAX, "e"), [(22, Slot::MAX)]);
        assert_eq!(map.insert(Slot::MAX..=Slot::MAX, "f"), []);
        let overlapping: Vec<_> = map
            .overlapping(&(9..=12))
            .map(|(slot, &value)| (slot, value))
            .collect();
        assert_eq!(overlapping, [(9, "a"), (11, "b")]);
        let runs: Vec<_> = map.into_runs().collect();
        let expected = [
            (0, 4, "b"),
            (5, 10, "a"),
            (11, 20, "b"),
            (21, 21, "c"),
            (22, Slot::MAX, "e"),
        ];
        assert_eq!(runs, expected);
    }

    /// Compares with a plain array of slots.
    #[test]
    fn random_runs_agree_with_an_array() {
        let mut random = 7u64;
        let mut draw = |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % below
        };
        for _ in 0..200 {
            let mut map = RunMap::default();
            let mut array = [None; 40];
            for value in 0..12 {
                let first = draw(40);
                let last = first + draw(40 - first);
                map.insert(first as Slot..=last as Slot, value);
                for cell in &mut array[first as usize..=last as usize] {
                    cell.get_or_insert(value);
                }
            }
            let mut found = [None; 40];
            for (first, last, value) in map.into_runs() {
                found[first as usize..=last as usize].fill(Some(value));
            }
            assert_eq!(found, array);
        }
    }
}
