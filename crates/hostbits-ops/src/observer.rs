//! What a face may want to see while something takes long. Nothing here depends on it.

use crate::lists::read::ReadToEnd;
use hostbits::users::Adopted;
use std::time::Duration;

/// Is told how far a call has come. Every method does nothing unless a face has one of its own.
pub trait Observer: Sync {
    /// Lists are about to be read; they have so many entries, if that is known from another reading.
    fn reading(&self, _entries: Option<u64>) {}

    /// So many more entries were read.
    fn read(&self, _more: u64) {}

    /// Of lists that are files, so many bytes of so many were read. More than there were, if they have grown since.
    fn read_bytes(&self, _read: u64, _len: u64) {}

    /// The reading is over, whether or not the lists came to their ends.
    fn reading_is_over(&self) {}

    /// Lists were read to their ends, and this is what the pools made of them. So many addresses are free now.
    fn adopted(&self, _read: &ReadToEnd, _report: &Adopted, _free: u64) {}

    /// Whether [`waiting_for`](Self::waiting_for) is to be called: it takes a thread.
    fn wants_names(&self) -> bool {
        false
    }

    /// These processes have a claim of several addresses in flight, and the call waits for them. Each is named once,
    /// by another thread than the caller's.
    fn waiting_for(&self, _processes: &[u32]) {}

    /// One of several sightings is over, so many orphans are left, and the next one begins after `grace`.
    fn sighted(&self, _sighting: u32, _of: u32, _orphans: u64, _grace: Duration) {}

    /// So much is left until the next sighting begins; nothing, when it does.
    fn waiting(&self, _left: Duration) {}
}

/// For whom nobody looks.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {}
