//! The number of a side, where no child can find its parent's.
//!
//! ```text
//! CELL --> a page of its own, MADV_WIPEONFORK      0 in every child, until it is looked at
//!          or FALLBACK, where the kernel is older  0 in every child, by the handler
//! NEXT     ordinary memory: the highest number that any of our forebears can have
//! ```
//!
//! Nothing here waits for another thread, for that thread may have stayed on the other side of a fork.

use super::handlers;
use nix::libc;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Where the number is; null until somebody asks for it.
static CELL: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The last number that was given out, in this process or in one that it descends from.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// The number where the kernel cannot wipe a page.
static FALLBACK: AtomicU64 = AtomicU64::new(0);

/// The number of the side that the caller is on.
#[inline]
pub(in crate::storage::fork) fn number_here() -> u64 {
    // Acquire: pairs with the Release in `publish`; the page is there before its address is.
    let cell = CELL.load(Ordering::Acquire);
    // SAFETY: as_ref: null, or of `publish`: see `at`.
    // Relaxed: the number itself is all that matters, and this process alone stores it, once.
    let number = unsafe { cell.as_ref() }.map_or(0, |cell| cell.load(Ordering::Relaxed));
    match number {
        0 => first_look(),
        number => number,
    }
}

/// Gives this process its number.
#[cold]
fn first_look() -> u64 {
    let cell = cell_or_new();
    // Relaxed: only the number matters. A child has a copy of this word that is as high as the number of its
    // parent at least, so its own is higher than that of every side that something of its memory is of.
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

/// Finds a place for the number; of several threads one does.
fn publish() -> &'static AtomicU64 {
    let page = wiped_page();
    let ours: *mut AtomicU64 = match &page {
        Some(page) => page.as_mut_ptr().cast(),
        None => {
            // If not even this can be had, nothing tells; pool files are refused then.
            let _ = handlers::install();
            ptr::from_ref(&FALLBACK).cast_mut()
        }
    };
    // Release: pairs with the Acquire of who reads it. Acquire on failure: the other one's page.
    match CELL.compare_exchange(ptr::null_mut(), ours, Ordering::Release, Ordering::Acquire) {
        Ok(_) => {
            // Mapped for ever.
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
    // - unaliased: nobody makes an exclusive reference of it.
    unsafe { &*cell }
}

/// A page that is zeros in a child; `None` where that cannot be had (before Linux 4.14).
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

/// In a child whose kernel wipes no page.
pub(super) fn forget() {
    // Relaxed: there is one thread.
    FALLBACK.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads that look for the first time at the same time are on one side.
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
