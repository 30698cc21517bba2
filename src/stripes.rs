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

    /// Does the same where there may be none. Without a panic, which takes a stack frame.
    #[inline(always)]
    pub(crate) fn get(&self, thread: usize) -> Option<&T> {
        self.0.get(thread & self.0.len().wrapping_sub(1))
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

    #[cfg(all(test, not(loom)))]
    pub(crate) fn place(&self, name: &'static str) -> crate::sync::traced::Place {
        crate::sync::traced::place(&*self.0, name)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Returns how many threads can run at once, a power of two. No more than can have an index to themselves, so that a
/// stripe with its own index is never shared.
pub(crate) fn processors() -> usize {
    #[cfg(test)]
    if let Some(count) = pretended::PROCESSORS.get() {
        return count;
    }
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        threads.next_power_of_two().min(MOST_OWNERS)
    })
}

/// Returns how many threads of a pool have values to themselves: as many as can run at once, if the memory of the pool
/// allows that. Each has `bytes_each` of all kinds together. A power of two.
pub(crate) fn threads_for(slot_count: u64, bytes_each: usize) -> usize {
    let most = memory_for(slot_count) / bytes_each.max(MIN_BYTES_EACH) as u64;
    processors().min(1 << most.ilog2())
}

/// What the values of threads may take. With the shared counters, lanes and the summary, a pool then has its bit per
/// slot, and a tenth more, and 8 KiB.
const fn memory_for(slot_count: u64) -> u64 {
    4096 + slot_count / 96
}

const MIN_BYTES_EACH: usize = 64;

#[cfg(test)]
pub(crate) mod pretended {
    thread_local! {
        /// The processors of the machine that the thread pretends to run on.
        pub(crate) static PROCESSORS: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
    }
}

const _: () = assert!(MOST_OWNERS.is_power_of_two());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_processors_unless_the_pool_is_small() {
        let most = |bytes_each| {
            pretended::PROCESSORS.set(Some(256));
            let most = [8, 16, 19, 21, 24].map(|order| threads_for(1 << order, bytes_each));
            pretended::PROCESSORS.set(Some(4));
            assert_eq!(threads_for(1 << 8, bytes_each), 4);
            pretended::PROCESSORS.set(None);
            most
        };
        assert_eq!(most(0), most(64));
        assert_eq!(most(64), [64, 64, 128, 256, 256]);
        assert_eq!(most(128), [32, 32, 64, 128, 256]);
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
