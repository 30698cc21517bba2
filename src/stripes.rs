//! One value per group of threads, so that concurrent threads do not write to the same cache line.

/// As many values as threads can run at once, up to a limit. The element type has to pad itself.
pub(crate) struct Stripes<T>(Box<[T]>);

/// The maximum number of stripes: more would cost memory and gain little.
const MAX_STRIPES: usize = 32;

impl<T> Stripes<T> {
    pub(crate) fn new(make: impl FnMut(usize) -> T) -> Self {
        Self((0..stripe_count()).map(make).collect())
    }

    /// Returns the value of `thread`, a [`thread_index`](crate::sync::thread_index).
    #[inline]
    pub(crate) fn of(&self, thread: usize) -> &T {
        // The length is a power of two.
        &self.0[thread & (self.0.len() - 1)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Returns the number of stripes, a power of two.
fn stripe_count() -> usize {
    static COUNT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *COUNT.get_or_init(|| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        threads.next_power_of_two().min(MAX_STRIPES)
    })
}
