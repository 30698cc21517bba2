//! Plain memory, one cell per slot, that any thread can reach and nothing but a pool protects.

use super::Pool4;
use std::cell::UnsafeCell;
use std::net::Ipv4Addr;

/// No atomics, no lock: only the thread that holds the address may touch its cell.
pub(crate) struct Cells(Vec<UnsafeCell<u64>>);

// SAFETY: (Sync) threads reach the cells through `hold` and `write_unordered` alone.
// - `hold` is for the holder of the address; the pool gives an address to one holder at a time, and
//   its release happens before the next allocation;
// - `write_unordered` has no such reason and IS WRONG ON PURPOSE: it is the race that must be seen.
unsafe impl Sync for Cells {}

impl Cells {
    pub(crate) fn new(slots: u64) -> Self {
        Self((0..slots).map(|_| UnsafeCell::new(0)).collect())
    }

    /// Counts a use of an address that the caller holds.
    pub(crate) fn hold(&self, pool: &Pool4, addr: Ipv4Addr) {
        let slot = pool.slot_of(addr).expect("an address of the pool");
        let cell = self.0[slot as usize].get();
        // SAFETY: (write through a pointer)
        // - valid: it is a cell of the vector, which `self` borrows;
        // - no race: the caller holds `addr`, so no other thread does, and what the last holder wrote
        //   happens before the allocation that gave it to the caller.
        unsafe { *cell += 1 };
    }

    /// Writes to a cell whether or not any thread holds its address.
    pub(crate) fn write_unordered(&self, slot: usize, value: u64) {
        let cell = self.0[slot].get();
        // SAFETY: THERE IS NONE. Valid, but nothing orders the writers: this is the planted data race.
        unsafe { *cell = value };
    }

    /// Checks that the cells were used: a program that touches nothing would be clean, too.
    pub(crate) fn expect_use(mut self) {
        let uses: u64 = self.0.iter_mut().map(|cell| *cell.get_mut()).sum();
        assert!(uses > 0, "no cell was used");
    }
}
