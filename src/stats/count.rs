//! A number that threads add to. The models have it over loom's atomics, as a second module of this file.

use super::{AtomicU64, Ordering};

/// A number that one thread adds to, or any number of threads, but not both.
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `more`, if no other thread can add at the same time, and no signal handler of this one: without a locked
    /// instruction. What is added at the same time would be lost.
    #[inline(always)]
    pub(crate) fn add_alone(&self, more: u64) {
        // Relaxed, both: no other thread stores, and a previous owner's last store is ordered by the hand-over of its
        // number; see `sync::owners`. It is a statistic, and publishes nothing.
        let count = self.0.load(Ordering::Relaxed);
        self.0.store(count.wrapping_add(more), Ordering::Relaxed);
    }

    /// Adds `more` beside others.
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        // Relaxed: a statistic; it publishes nothing and no thread waits for it.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a statistic. It is exact when no thread is in an operation: whatever the reader waited for orders the
        // additions before this load.
        self.0.load(Ordering::Relaxed)
    }
}
