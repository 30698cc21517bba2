//! The mark that says that a sync has failed: what is in memory may be older than what was stored.
//!
//! After a failed write-back the kernel may drop the page, and read the old one again. So the mark outlives
//! the processes that saw the failure, and only a recovery that believes no word of F takes it back, as its
//! last step. It is believed in this direction alone: that it is not set says nothing after the machine
//! went down. It is in the word that every claim looks at, together with the passes.

use super::disk::Disk;
use super::layout::Kind;
use super::map::CONTROL_AT;
use crate::bitmap::{Control, GateWord};
use crate::sync::AtomicU64;
use std::io;

/// The place of that word in the volatile block.
pub(super) const AT: usize = (CONTROL_AT + Control::GATE_AT) / size_of::<u64>();

#[inline]
pub(super) fn word(disk: &impl Disk) -> &AtomicU64 {
    &disk.words(Kind::Volatile)[AT]
}

#[inline]
fn gate(disk: &impl Disk) -> GateWord<'_> {
    GateWord(word(disk))
}

/// The error of the sync that failed, here or in another process.
#[inline]
pub(super) fn get(disk: &impl Disk) -> Option<i32> {
    gate(disk).look_again().poison()
}

pub(super) fn set(disk: &impl Disk, error: &io::Error) {
    gate(disk).poison(error.raw_os_error().unwrap_or_default());
}

/// Passes on what became of a sync, and poisons the file if it failed.
pub(super) fn unless_ok<T>(disk: &impl Disk, synced: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &synced {
        set(disk, error);
    }
    synced
}
