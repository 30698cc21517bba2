//! A reading that somebody may look at.

use crate::observer::Observer;

/// How many entries are read between two reports.
const STEP: u64 = 4096;

/// A reading that is observed, from its begin to its end.
pub(crate) struct Watched<'a>(&'a dyn Observer);

impl<'a> Watched<'a> {
    pub(crate) fn begin(observer: &'a dyn Observer, entries: Option<u64>) -> Self {
        observer.reading(entries);
        Self(observer)
    }

    /// The same items, counted.
    pub(crate) fn over<I: Iterator>(&self, items: I) -> impl Iterator<Item = I::Item> {
        let mut count = 0u64;
        items.inspect(move |_| {
            count += 1;
            if count.is_multiple_of(STEP) {
                self.0.read(STEP);
            }
        })
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.reading_is_over();
    }
}
