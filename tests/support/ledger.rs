//! A ledger of holders, kept outside the pool, in memory that survives the process that writes it.
//!
//! A file in memory, mapped by all processes of a test. One word per slot: 0, or the holder. Written after
//! an allocation has returned, cleared before a release begins.
#![allow(dead_code, unsafe_code)]

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words that several processes share, in a file; zero at first.
pub(crate) struct Shared {
    map: MmapRaw,
    words: usize,
}

impl Shared {
    /// The words at `path`, which are made if they are not there.
    pub(crate) fn open(path: &Path, words: usize) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .unwrap();
        let len = (words * 8) as u64;
        if file.metadata().unwrap().len() < len {
            file.set_len(len).unwrap();
        }
        let map = MmapOptions::new().len(words * 8).map_raw(&file).unwrap();
        Self { map, words }
    }

    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.words);
        // SAFETY: in bounds by the assertion, aligned because mappings begin on a page, alive
        // as long as `self`; every access to this memory is by an `AtomicU64`.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast::<u64>().add(index)) }
    }
}

pub(crate) struct Ledger(Shared);

/// Words before those of the slots: counters of a test.
const COUNTERS: usize = 64;

impl Ledger {
    /// The ledger at `path`, which is made if it is not there.
    pub(crate) fn open(path: &Path, slots: usize) -> Self {
        Self(Shared::open(path, COUNTERS + slots))
    }

    pub(crate) fn slot(&self, slot: u32) -> &AtomicU64 {
        self.0.word(COUNTERS + slot as usize)
    }

    pub(crate) fn counter(&self, index: usize) -> &AtomicU64 {
        assert!(index < COUNTERS);
        self.0.word(index)
    }

    /// Notes that `holder` has just been given the slot. Fails with the holder that it had already.
    pub(crate) fn take(&self, slot: u32, holder: u64) -> Result<(), u64> {
        match self.slot(slot).swap(holder, Ordering::SeqCst) {
            0 => Ok(()),
            other => Err(other),
        }
    }

    /// Notes that `holder` is about to release the slot.
    pub(crate) fn give(&self, slot: u32, holder: u64) -> Result<(), u64> {
        match self.slot(slot).swap(0, Ordering::SeqCst) {
            was if was == holder => Ok(()),
            other => Err(other),
        }
    }

    pub(crate) fn held(&self, slots: u32) -> Vec<u32> {
        (0..slots)
            .filter(|&slot| self.slot(slot).load(Ordering::SeqCst) != 0)
            .collect()
    }
}
