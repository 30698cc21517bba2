//! One value per thread, or per group of threads, so that concurrent threads do not write to the same cache line.
//!
//! There are as many as threads can run at once, but no more than the memory of the pool allows: about a bit per slot,
//! and 8 KiB, on any machine.

use crate::sync::MOST_OWNERS;
use std::sync::OnceLock;

/// Some values, a power of two. The element type has to pad itself.
pub(crate) struct Stripes<T>(Box<[T]>);

impl<T> Stripes<T> {
    /// Creates `count` values: a power of two, or none.
    pub(crate) fn new(count: usize, make: impl FnMut(usize) -> T) -> Self {
        assert!(count.count_ones() <= 1, "`of` masks with the length");
        Self((0..count).map(make).collect())
    }

    /// Returns the value that a thread shares with others, by its [`thread_index`](crate::sync::thread_index). There
    /// must be some.
    #[inline]
    pub(crate) fn of(&self, thread: usize) -> &T {
        // The length is a power of two.
        &self.0[thread & (self.0.len() - 1)]
    }

    /// Returns the value of the thread with this very index; `None` for threads beyond the last one.
    #[inline]
    pub(crate) fn own(&self, thread: usize) -> Option<&T> {
        self.0.get(thread)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Returns how many threads can run at once, a power of two. No more than can have an index to themselves, so that a
/// stripe with its own index is never shared.
pub(crate) fn processors() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        threads.next_power_of_two().min(MOST_OWNERS)
    })
}

/// Returns how many values of 128 bytes a pool of so many slots can have, a power of two. Two kinds of them, one half
/// as large, take less than 6 KiB and a tenth of a bit per slot.
pub(crate) fn most_for(slot_count: u64) -> usize {
    let most = 32 + slot_count / SLOTS_PER_STRIPE;
    1 << most.ilog2()
}

const _: () = assert!(MOST_OWNERS.is_power_of_two());

const SLOTS_PER_STRIPE: u64 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_take_a_small_part_of_the_memory() {
        for order in 0..=32 {
            let slots = 1u64 << order;
            let bytes = most_for(slots) * (128 + 64);
            let bound = 6 * 1024 + slots / 80;
            assert!(bytes as u64 <= bound, "{slots} slots: {bytes}, {bound}");
        }
        assert_eq!(
            [1 << 8, 1 << 16, 1 << 20, 1 << 24].map(most_for),
            [32, 32, 64, 512]
        );
    }

    #[test]
    fn threads_beyond_the_last_share() {
        let stripes = Stripes::new(4, |index| index);
        assert_eq!(
            [0, 3, 4, 11].map(|thread| *stripes.of(thread)),
            [0, 3, 0, 3]
        );
        assert_eq!(
            [0, 3, 4].map(|thread| stripes.own(thread)),
            [Some(&0), Some(&3), None]
        );
        assert_eq!(Stripes::new(0, |index| index).own(0), None);
    }
}
