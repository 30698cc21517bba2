//! Reading with progress reports.

use crate::lists::records::UserRecords;
use crate::observer::Observer;
use hostbits_lists::{Meter, RecordBuf};

/// Number of entries between two reports.
const STEP: u64 = 4096;

/// A reading that is reported to an observer, from its start to its end.
pub(crate) struct Watched<'a> {
    observer: &'a dyn Observer,
    /// The meter of each list; empty if the size of any list is unknown.
    meters: Vec<Meter>,
}

impl<'a> Watched<'a> {
    /// Begins the reading of lists; they have this many entries, if known from an earlier reading.
    pub(crate) fn begin(
        observer: &'a dyn Observer,
        users: &UserRecords,
        entries: Option<u64>,
    ) -> Self {
        observer.reading(entries);
        Self {
            observer,
            meters: users.meters().to_vec(),
        }
    }

    /// Returns the same records, and counts them.
    pub(crate) fn over(
        &self,
        records: impl Iterator<Item = RecordBuf>,
    ) -> impl Iterator<Item = RecordBuf> {
        let mut count = 0u64;
        records.inspect(move |_| {
            count += 1;
            if count.is_multiple_of(STEP) {
                self.observer.read(STEP);
                self.report_bytes();
            }
        })
    }

    fn report_bytes(&self) {
        if !self.meters.is_empty() {
            let read = self.meters.iter().map(Meter::read_bytes).sum();
            let len = self.meters.iter().map(Meter::len_bytes).sum();
            self.observer.read_bytes(read, len);
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.observer.reading_is_over();
    }
}
