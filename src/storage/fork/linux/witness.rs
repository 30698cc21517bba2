//! The number of a side, stored where a child cannot find its parent's number.
//!
//! ```text
//! CELL --> a page of its own, MADV_WIPEONFORK      0 in every child, until it is first read
//!          or FALLBACK, where the kernel is older  0 in every child, by the handler
//! NEXT     ordinary memory: the highest number that any of our ancestors can have
//! ```
//!
//! Nothing here waits for another thread, because that thread may not exist on this side of a fork.

use super::handlers;
use nix::libc;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The address of the number; null until it is first requested.
static CELL: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The last number that was assigned, in this process or in one of its ancestors.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// The number, where the kernel cannot wipe a page.
static FALLBACK: AtomicU64 = AtomicU64::new(0);

/// Returns the number of the caller's side.
#[inline]
pub(in crate::storage::fork) fn number_here() -> u64 {
    // Acquire: pairs with the Release in `publish`; the page is there before its address is.
    let cell = CELL.load(Ordering::Acquire);
    // SAFETY: as_ref: null, or of `publish`: see `at`.
    // Relaxed: only the number itself matters, and only this process stores it, once.
    let number = unsafe { cell.as_ref() }.map_or(0, |cell| cell.load(Ordering::Relaxed));
    match number {
        0 => first_look(),
        number => number,
    }
}

/// The process that has opened something, and where to see whether it is the caller's.
///
/// Cheaper to ask than the number itself: in a child, there need not be one yet.
#[derive(Clone, Copy)]
pub(crate) struct Opener {
    /// What [`CELL`] points to, which never changes; or [`ANYBODY`].
    cell: &'static AtomicU64,
    number: u64,
}

/// The number of an opener that is everywhere. It never changes.
static ANYBODY: AtomicU64 = AtomicU64::new(0);

impl Opener {
    /// Returns an opener that is on every side, for what a child may use.
    pub(crate) fn anybody() -> Self {
        Self {
            cell: &ANYBODY,
            number: 0,
        }
    }

    /// Returns the caller's process as the one that opens something.
    pub(crate) fn here() -> Self {
        Self {
            number: number_here(),
            cell: cell_or_new(),
        }
    }

    /// Returns whether the caller is on the side of the opener.
    #[inline]
    pub(crate) fn is_here(self) -> bool {
        // Relaxed: as in `number_here`. In a child it is 0, or a number of the child's own; a parent's is never 0.
        self.cell.load(Ordering::Relaxed) == self.number
    }
}

/// Assigns a number to this process.
#[cold]
fn first_look() -> u64 {
    let cell = cell_or_new();
    // Relaxed: only the number matters. A child has a copy of this word that is at least as high as the number of its
    // parent, so its own number is higher than that of every side that any part of its memory comes from.
    let fresh = NEXT.fetch_add(1, Ordering::Relaxed) + 1;
    // Relaxed, both: the first number stands, and it orders nothing.
    match cell.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => fresh,
        Err(known) => known,
    }
}

fn cell_or_new() -> &'static AtomicU64 {
    // Acquire: as in `number_here`.
    match CELL.load(Ordering::Acquire) {
        known if !known.is_null() => at(known),
        _ => publish(),
    }
}

/// Finds a place for the number; if several threads try, one succeeds.
fn publish() -> &'static AtomicU64 {
    let page = wiped_page();
    let ours: *mut AtomicU64 = match &page {
        Some(page) => page.as_mut_ptr().cast(),
        None => {
            // If not even this is possible, forks cannot be detected; pool files are then refused.
            let _ = handlers::install();
            ptr::from_ref(&FALLBACK).cast_mut()
        }
    };
    // Release: pairs with the Acquire of readers. Acquire on failure: the other thread's page.
    match CELL.compare_exchange(ptr::null_mut(), ours, Ordering::Release, Ordering::Acquire) {
        Ok(_) => {
            // It stays mapped for ever.
            std::mem::forget(page);
            at(ours)
        }
        Err(others) => at(others),
    }
}

fn at(cell: *mut AtomicU64) -> &'static AtomicU64 {
    // SAFETY: reborrow as a shared reference:
    // - valid: it is the address of `FALLBACK`, or the first bytes of a mapping that is at least a page;
    // - aligned: a static, or the beginning of a page;
    // - initialised: a mapping without a file is zeros, also after the kernel has wiped it;
    // - alive: a static, or a mapping that was forgotten when its address was published, and that a child
    //   has at the same address;
    // - unaliased: no exclusive reference to it is ever made.
    unsafe { &*cell }
}

/// Returns a page that is zeros in a child; `None` if that is not supported (before Linux 4.14).
fn wiped_page() -> Option<memmap2::MmapRaw> {
    let page = memmap2::MmapMut::map_anon(size_of::<AtomicU64>()).ok()?;
    let page = memmap2::MmapRaw::from(page);
    // SAFETY: libc::madvise:
    // - the range is a mapping of our own, from its first page on, and of that page alone;
    // - the advice changes nothing in this process, and in a child it fills with zeros what only this file
    //   looks at, as atomics, of which zeros are a value.
    let advised =
        unsafe { libc::madvise(page.as_mut_ptr().cast(), page.len(), libc::MADV_WIPEONFORK) };
    (advised == 0).then_some(page)
}

/// Clears the number, in a child whose kernel does not wipe pages.
pub(super) fn forget() {
    // Relaxed: there is one thread.
    FALLBACK.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads that request the number for the first time at the same time get the same one.
    #[test]
    fn all_threads_are_on_one_side() {
        let numbers: Vec<u64> = std::thread::scope(|scope| {
            let looks: Vec<_> = (0..8).map(|_| scope.spawn(number_here)).collect();
            looks.into_iter().map(|look| look.join().unwrap()).collect()
        });
        assert!(
            numbers
                .iter()
                .all(|&number| number == numbers[0] && number != 0)
        );
    }

    #[test]
    fn this_kernel_wipes_a_page() {
        assert!(wiped_page().is_some());
    }
}
