//! Progress reports for a front end while something takes long. Nothing here depends on them.

use crate::lists::read::ReadToEnd;
use hostbits::users::Adopted;
use std::time::Duration;

/// Receives progress reports of a call. Every method does nothing by default.
pub trait Observer: Sync {
    /// Called before lists are read; they have this many entries, if known from an earlier reading.
    fn reading(&self, _entries: Option<u64>) {}

    /// Called when this many more entries have been read.
    fn read(&self, _more: u64) {}

    /// Called with the number of bytes that were read of lists that are files, and their total length. May exceed the
    /// length if the files have grown since.
    fn read_bytes(&self, _read: u64, _len: u64) {}

    /// Called when the reading is over, whether or not the lists were read to their ends.
    fn reading_is_over(&self) {}

    /// Called when the lists were read to their ends, with the pools' report and the number of addresses that are free
    /// now.
    fn adopted(&self, _read: &ReadToEnd, _report: &Adopted, _free: u64) {}

    /// Returns whether to call [`waiting_for`](Self::waiting_for), which takes a thread.
    fn wants_names(&self) -> bool {
        false
    }

    /// Called with processes that have a claim of several addresses in flight, for which the call waits. Each is
    /// reported once, from a thread other than the caller's.
    fn waiting_for(&self, _processes: &[u32]) {}

    /// Called when one of several sightings is over, with the number of orphans that are left; the next sighting begins
    /// after `grace`.
    fn sighted(&self, _sighting: u32, _of: u32, _orphans: u64, _grace: Duration) {}

    /// Called with the time that is left until the next sighting begins; zero when it does.
    fn waiting(&self, _left: Duration) {}
}

/// An observer that ignores all reports.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {}
