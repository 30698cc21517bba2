//! Slots that are drawn by a key: unpredictable without it, and reproducible with it.

use super::keyed_hash::KeyedHash;
use crate::slot::Slot;
use crate::stripes::{Stripes, threads_for};
use crate::sync::hint::AtomicU64;
use crate::sync::{Ordering, known_thread_index, thread_index};
use crossbeam_utils::CachePadded;

/// How many slots are drawn before the next free slot after the first of them is taken.
const TRIES: u64 = 4;

/// The key, and the numbers under which it is used.
pub(crate) struct Random {
    seed: u64,
    numbers: Numbers,
}

/// Numbers that are taken once: 0, 1, 2 and so on, if one thread takes all of them.
///
/// A group of threads takes [`RUN`] of them at a time, so that the line that all groups share is rarely written. Every
/// access is Relaxed: the numbers order nothing.
struct Numbers {
    /// The first number that no group has.
    unused: CachePadded<AtomicU64>,
    groups: Stripes<Run>,
}

/// What a group of threads takes at once.
const RUN: u64 = 64;

/// The next number of a group; a multiple of [`RUN`] if it has none left.
#[repr(align(64))]
struct Run(AtomicU64);

/// One draw: up to [`TRIES`] slots. It is the state of the hash after the number of the draw.
#[derive(Clone, Copy)]
pub(crate) struct Draw(KeyedHash);

impl Random {
    /// How many bytes each group of threads has to itself.
    pub(super) const BYTES_EACH: usize = size_of::<Run>();

    pub(super) fn new(seed: u64) -> Self {
        // As many in a pool of any size: a copy that has grown continues where each of them was.
        let groups = threads_for(0, 2 * Self::BYTES_EACH);
        Self {
            seed,
            numbers: Numbers::new(groups),
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Continues from the state of `other`. For a copy that is not shared yet.
    pub(super) fn go_on_from(&self, other: &Self) {
        self.numbers.go_on_from(&other.numbers);
    }

    /// Draws, with a number that no other draw has.
    pub(super) fn draw(&self) -> Draw {
        self.draw_of(self.take())
    }

    /// Takes a number that no other draw has.
    #[inline(never)]
    pub(crate) fn take(&self) -> u64 {
        self.numbers.take(thread_index())
    }

    /// Does the same if there is one at hand.
    #[inline]
    pub(crate) fn try_take(&self) -> Option<u64> {
        self.numbers.try_take(known_thread_index()?)
    }

    /// Returns the draw with this number.
    #[inline]
    pub(crate) fn draw_of(&self, number: u64) -> Draw {
        Draw::of(self.seed, number)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.numbers.groups.memory_bytes()
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn places(&self) -> Vec<crate::sync::traced::Place> {
        let Numbers { unused, groups } = &self.numbers;
        vec![
            crate::sync::traced::place(unused, "draws"),
            groups.place("run of draws"),
        ]
    }
}

impl Numbers {
    fn new(groups: usize) -> Self {
        Self {
            unused: CachePadded::new(AtomicU64::new(0)),
            groups: Stripes::new(groups, |_| Run(AtomicU64::new(0))),
        }
    }

    /// Takes the next number of the group of `thread`.
    fn take(&self, thread: usize) -> u64 {
        let of_run = self.try_take(thread);
        of_run.unwrap_or_else(|| self.take_first_of_run(thread))
    }

    /// Does the same, unless the run is used up, or another thread of the group is faster.
    #[inline]
    fn try_take(&self, thread: usize) -> Option<u64> {
        let Run(next) = self.groups.of(thread);
        let number = next.load(Ordering::Relaxed);
        if number % RUN == 0 {
            return None;
        }
        // A number is in the word once, because no run is used twice: if it is still there, it was not taken.
        next.compare_exchange(number, number + 1, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
    }

    /// Takes a run for the group, and the first number of it. What is left of the run before is never used.
    fn take_first_of_run(&self, thread: usize) -> u64 {
        let number = self.unused.fetch_add(RUN, Ordering::Relaxed);
        let Run(next) = self.groups.of(thread);
        next.store(number + 1, Ordering::Relaxed);
        number
    }

    /// Continues from the state of `other`. While others draw, any state of it is as good.
    fn go_on_from(&self, other: &Self) {
        for (Run(next), Run(theirs)) in self.groups.iter().zip(other.groups.iter()) {
            next.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let unused = other.unused.load(Ordering::Relaxed);
        self.unused.store(unused, Ordering::Relaxed);
    }
}

impl Draw {
    #[inline]
    fn of(seed: u64, number: u64) -> Self {
        Self(KeyedHash::new(seed, 0x686f_7374_6269_7473).word(number))
    }

    /// Returns the first slot that was drawn of `first..=last`.
    #[inline]
    pub(crate) fn first(self, first: Slot, last: Slot) -> Slot {
        self.attempt(0, first, last)
    }

    /// Returns the others.
    pub(crate) fn others(self, first: Slot, last: Slot) -> impl Iterator<Item = Slot> {
        (1..TRIES).map(move |attempt| self.attempt(attempt, first, last))
    }

    #[inline]
    fn attempt(self, attempt: u64, first: Slot, last: Slot) -> Slot {
        let len = u64::from(last - first) + 1;
        let random = self.0.word(attempt).of_two_words();
        first + ((u128::from(random) * u128::from(len)) >> 64) as Slot
    }

    /// Returns the first of them that is free, or else the first one.
    // Not inlined: four hashes would slow down the searches of all other policies.
    #[inline(never)]
    pub(super) fn slot(self, first: Slot, last: Slot, is_free: impl Fn(Slot) -> bool) -> Slot {
        let drawn = self.first(first, last);
        if is_free(drawn) {
            return drawn;
        }
        let mut others = self.others(first, last);
        others.find(|&slot| is_free(slot)).unwrap_or(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_slot(
        seed: u64,
        draw: u64,
        first: Slot,
        last: Slot,
        is_free: fn(Slot) -> bool,
    ) -> Slot {
        Draw::of(seed, draw).slot(first, last, is_free)
    }

    /// Whichever thread draws, it gets the same numbers, and a copy continues after them.
    #[test]
    fn one_thread_takes_all_numbers_in_order() {
        for thread in [0, 1, 5, usize::MAX >> 1] {
            let numbers = Numbers::new(2);
            assert!((0..1000).all(|number| numbers.take(thread) == number));
            let copy = Numbers::new(2);
            copy.go_on_from(&numbers);
            assert!((1000..2000).all(|number| copy.take(thread) == number));
            assert_eq!(numbers.take(thread), 1000);
        }
    }

    /// Threads of one group, and of several: no number is taken twice.
    #[test]
    fn no_number_is_taken_twice() {
        const EACH: usize = 100_000;
        let numbers = Numbers::new(2);
        let mut taken: Vec<u64> = std::thread::scope(|scope| {
            let take = |thread| {
                let numbers = &numbers;
                scope.spawn(move || (0..EACH).map(|_| numbers.take(thread)).collect::<Vec<_>>())
            };
            let threads = [0, 0, 0, 1].map(take);
            let taken = threads.map(|thread| thread.join().unwrap());
            taken.into_iter().flatten().collect()
        });
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 4 * EACH);
    }

    /// A stored seed must give the same draws in every release.
    #[test]
    fn random_slots_are_what_they_always_were() {
        let slots = |seed| [0, 1, 2].map(|draw| random_slot(seed, draw, 0, Slot::MAX, |_| true));
        assert_eq!(slots(1), [799_864_790, 3_076_216_247, 2_250_188_281]);
        assert_ne!(slots(1), slots(2));
    }

    #[test]
    fn random_slots_stay_within_bounds_and_prefer_free_ones() {
        for draw in 0..1000 {
            assert!((5..=9).contains(&random_slot(7, draw, 5, 9, |_| false)));
            assert_eq!(random_slot(7, draw, 3, 3, |_| true), 3);
        }
        let free = (0..1000).filter(|&draw| random_slot(7, draw, 0, 1, |slot| slot == 0) == 0);
        assert!(
            free.count() > 900,
            "four tries find the free half nearly always"
        );
    }
}
