//! The mark of a failed sync: what is in memory may be older than what was stored.
//!
//! After a failed write-back, the kernel may drop the page, and read the old one again. So the mark outlives the
//! processes that saw the failure, and only a recovery that trusts no word of F clears it, as its last step. It is
//! trusted in this direction alone: after the machine went down, its absence means nothing. It is in the word that
//! every claim reads, together with the state of passes.

use super::disk::Disk;
use super::layout::{Kind, Layout};
use super::map::CONTROL_AT;
use crate::bitmap::{Control, Gate, GateWord};
use crate::open_error::errno_of;
use crate::sync::AtomicU64;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The index of that word in the volatile block.
pub(super) const AT: usize = (CONTROL_AT + Control::GATE_AT) / size_of::<u64>();

#[inline]
pub(super) fn word(disk: &impl Disk) -> &AtomicU64 {
    &disk.words(Kind::Volatile)[AT]
}

#[inline]
fn gate(disk: &impl Disk) -> GateWord<'_> {
    GateWord(word(disk))
}

/// Returns the error number of the sync that failed, in this process or in another one.
#[inline]
pub(super) fn get(disk: &impl Disk) -> Option<i32> {
    gate(disk).look_again().poison()
}

/// Returns the error number for a file that is not mapped.
pub(super) fn get_unmapped(file: &File, layout: &Layout) -> io::Result<Option<i32>> {
    let mut word = [0; size_of::<u64>()];
    file.read_exact_at(&mut word, place(layout))?;
    Ok(Gate::of_word(u64::from_ne_bytes(word)).poison())
}

fn place(layout: &Layout) -> u64 {
    (layout.extent(Kind::Volatile).offset + AT * size_of::<u64>()) as u64
}

pub(super) fn set(disk: &impl Disk, error: &io::Error) {
    gate(disk).poison(errno_of(error));
}

/// Poisons a file that is not mapped, for its next opener. Only for a process that is alone with it.
pub(super) fn set_unmapped(file: &File, layout: &Layout, error: &io::Error) {
    let word = Gate::poisoned_word(errno_of(error));
    // If the file cannot even be written in memory, it is trusted no more than any other.
    let _ = file.write_all_at(&word.to_ne_bytes(), place(layout));
}

/// Returns the result of a sync, and poisons the file if it failed.
pub(super) fn unless_ok<T>(disk: &impl Disk, synced: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &synced {
        set(disk, error);
    }
    synced
}
