//! The word that says that a sync has failed: what is in memory may be older than what was stored.
//!
//! After a failed write-back the kernel may drop the page, and read the old one again. So the word outlives
//! the processes that saw the failure, and only a recovery that believes no word of F takes it back, as its
//! last step. It is believed in this direction alone: that it is not set says nothing after the machine
//! went down.

use super::disk::Disk;
use super::layout::{Kind, Layout};
use crate::sync::{AtomicU64, Ordering};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Its place in the volatile block.
pub(super) const AT: usize = 0x180 / 8;

/// A bit above the number of the error, which may be unknown.
const POISONED: u64 = 1 << 32;

#[inline]
pub(super) fn word(disk: &impl Disk) -> &AtomicU64 {
    &disk.words(Kind::Volatile)[AT]
}

/// The error of the sync that failed, here or in another process.
#[inline]
pub(super) fn get(disk: &impl Disk) -> Option<i32> {
    // SeqCst: after the claim in the total order. Whoever poisons the pool before the claim is seen;
    // whoever does so later has not yet said so when the claim took effect.
    errno_of(word(disk).load(Ordering::SeqCst))
}

fn errno_of(poison: u64) -> Option<i32> {
    (poison != 0).then_some(poison as i32)
}

/// The same of a file that is not mapped.
pub(super) fn get_unmapped(file: &File, layout: &Layout) -> io::Result<Option<i32>> {
    let mut poison = [0; size_of::<u64>()];
    file.read_exact_at(&mut poison, place(layout))?;
    Ok(errno_of(u64::from_ne_bytes(poison)))
}

fn place(layout: &Layout) -> u64 {
    (layout.extent(Kind::Volatile).offset + AT * size_of::<u64>()) as u64
}

pub(super) fn set(disk: &impl Disk, error: &io::Error) {
    let poison = poison_of(error);
    // SeqCst: before anybody is told that the sync failed, in the total order; see `get`.
    // Relaxed on failure: it is poisoned already, and the first error stays.
    let _ = word(disk).compare_exchange(0, poison, Ordering::SeqCst, Ordering::Relaxed);
}

fn poison_of(error: &io::Error) -> u64 {
    let errno = error.raw_os_error().unwrap_or_default();
    POISONED | u64::from(errno as u32)
}

/// The same for a file that is not mapped: whoever opens it next finds it. Only for who is alone with it.
pub(super) fn set_unmapped(file: &File, layout: &Layout, error: &io::Error) {
    // Of a file that cannot even be written in memory nobody will believe more than of any other.
    let _ = file.write_all_at(&poison_of(error).to_ne_bytes(), place(layout));
}

/// Passes on what became of a sync, and poisons the file if it failed.
pub(super) fn unless_ok<T>(disk: &impl Disk, synced: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &synced {
        set(disk, error);
    }
    synced
}
