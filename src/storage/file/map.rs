//! The mapping of a pool file, with all the unsafe code that this needs.
//!
//! Mapped memory is only ever accessed as [`AtomicU64`], and as chunks and counters that consist of nothing else. There
//! is never a slice of bytes or an exclusive reference, because other processes may store here at any time. In a child,
//! all of it is zeros of its own (`storage::fork`). Headers, states and the configuration are read with `pread` into
//! our own memory.
//!
//! Rust defines what races between threads do. Between processes, the same instructions have the same effect, which
//! every program with shared memory relies on; the language does not guarantee it.

use super::layout::{Extent, Kind, Layout};
use super::records::{FACT_WORDS, RECORD_WORDS};
use crate::bitmap::{Chunk, Control};
use crate::storage::Lent;
use crate::storage::fork::{OwnFile, OwnMap};
use crate::storage::records::{LentFacts, LentRecords, Record};
use crate::sync::AtomicU64;
use memmap2::{Advice, MmapOptions};
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

/// The offset of the bitmap's counters in the volatile region.
pub(super) const CONTROL_AT: usize = 0x100;
const _: () =
    assert!(CONTROL_AT.is_multiple_of(align_of::<Control>()) && size_of::<Control>() <= 0x80);
const _: () = assert!(size_of::<Record>() == RECORD_WORDS * 8 && align_of::<Record>() == 16);
const _: () = assert!(size_of::<Chunk>() == 64 && align_of::<Chunk>() == 64);

/// A shared mapping of a file, which is unmapped when dropped.
pub(crate) struct Map {
    raw: OwnMap,
    layout: Layout,
}

/// Options for a mapping.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageOptions {
    /// Lock the pages in memory.
    pub(crate) lock: bool,
    /// Load all pages at once.
    pub(crate) prefault: bool,
}

impl Map {
    /// Maps the whole file, which must be at least as long as the layout says.
    pub(crate) fn new(file: &OwnFile, layout: Layout, pages: PageOptions) -> io::Result<Self> {
        let len = layout.file_len as usize;
        let raw = OwnMap::map(file, |file| MmapOptions::new().len(len).map_raw(file))?;
        // The addresses of a pool are of no use in a core dump, and there may be megabytes of them.
        let _ = raw.advise(Advice::DontDump);
        let map = Self { raw, layout };
        map.fault_in(pages.prefault)?;
        Ok(map)
    }

    /// Locks the pages in memory.
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.raw.lock()
    }

    /// Faults in the pages that are written at once anyway, so that a full disk is an error here and not a signal in
    /// the middle of an allocation.
    fn fault_in(&self, everything: bool) -> io::Result<()> {
        let whole = Extent {
            offset: 0,
            len: self.layout.file_len as usize,
        };
        let first = self.layout.extent(Kind::Volatile);
        let at_once = if everything { whole } else { first };
        self.fault_in_range(at_once)
    }

    /// Makes all pages as dirty as if each had been written to, without changing a byte.
    pub(super) fn fault_in_everything(&self) -> io::Result<()> {
        self.fault_in(true)
    }

    fn fault_in_range(&self, range: Extent) -> io::Result<()> {
        let faulted = self
            .raw
            .advise_range(Advice::PopulateWrite, range.offset, range.len);
        match faulted.as_ref().map_err(io::Error::raw_os_error) {
            // A kernel before 5.14 does not support it.
            Err(Some(nix::libc::EINVAL)) => Ok(()),
            // "A store would raise SIGBUS": the disk is full, unless not even reading works.
            Err(Some(nix::libc::EFAULT)) => {
                match self
                    .raw
                    .advise_range(Advice::PopulateRead, range.offset, range.len)
                {
                    Ok(()) => Err(io::ErrorKind::StorageFull.into()),
                    Err(_) => Err(io::Error::from_raw_os_error(nix::libc::EIO)),
                }
            }
            _ => faulted,
        }
    }

    /// Returns the words of a region.
    pub(crate) fn words(&self, kind: Kind) -> &[AtomicU64] {
        let extent = self.layout.extent(kind);
        let len = extent.len / size_of::<AtomicU64>();
        // SAFETY: slice::from_raw_parts:
        // - in bounds: `Layout::check`, or `plan`, has the region inside `file_len`, which is what we map,
        //   and `file_len` fits into an `isize`;
        // - aligned: mappings begin on a page, regions at multiples of 4096;
        // - initialised: every byte of a mapping is, and every pattern of bits is an `AtomicU64`;
        // - alive: the slice borrows `self`, which owns the mapping;
        // - unaliased: everything ever made of this memory is a shared reference to atomics.
        unsafe { std::slice::from_raw_parts(self.at(extent.offset).cast().as_ptr(), len) }
    }

    /// Makes durable what was stored in a region.
    pub(crate) fn sync(&self, kind: Kind) -> io::Result<()> {
        let extent = self.layout.extent(kind);
        self.raw.flush_range(extent.offset, extent.len)
    }

    /// Lends the same memory to a bitmap: this many chunks of the free map, and this many nodes.
    ///
    /// The caller keeps the map as long as it is lent.
    pub(crate) fn lend(&self, chunk_count: usize, node_count: usize) -> Lent {
        let free = self.layout.extent(Kind::Free);
        let nodes = self.layout.extent(Kind::Nodes);
        let volatile = self.layout.extent(Kind::Volatile);
        assert!(
            chunk_count * size_of::<Chunk>() <= free.len
                && node_count * size_of::<AtomicU64>() <= nodes.len
                && CONTROL_AT + size_of::<Control>() <= volatile.len,
            "a layout has room for the slots of its header"
        );
        // What `Lent` asks for:
        // - valid: in bounds by the assertion, aligned because regions begin at multiples of 4096 (and
        //   the counters 0x100 behind), and initialised as in `words`; chunks and counters are `repr(C)`
        //   and of `AtomicU64` alone;
        // - wherever the map moves to: the pointers are to the mapping, not to the map;
        // - no other references: as in `words`.
        Lent::new(
            NonNull::slice_from_raw_parts(self.at(free.offset).cast(), chunk_count),
            NonNull::slice_from_raw_parts(self.at(nodes.offset).cast(), node_count),
            self.at(volatile.offset + CONTROL_AT).cast(),
        )
    }

    /// Lends the records of this many slots, which the file has room for.
    pub(super) fn lend_records(self: &Arc<Self>, slot_count: usize) -> LentRecords {
        let region = self.layout.extent(Kind::Records);
        let offset = FACT_WORDS * size_of::<AtomicU64>();
        assert!(
            offset + slot_count * size_of::<Record>() <= region.len,
            "a layout has room for the slots of its header"
        );
        let first = self.at(region.offset + offset).cast();
        let records = NonNull::slice_from_raw_parts(first, slot_count);
        // SAFETY: LentRecords::in_file:
        // - in bounds by the assertion, aligned because regions begin at multiples of 4096 and the offset is one, and
        //   initialised as in `words`: a record is `repr(C)`, of two `AtomicU64`, without gaps;
        // - alive: as long as the mapping, which the new value keeps;
        // - no other references: as in `words`.
        unsafe { LentRecords::in_file(records, Arc::clone(self)) }
    }

    /// Lends the page of facts about leases.
    pub(super) fn lend_facts(self: &Arc<Self>) -> LentFacts {
        let facts = NonNull::from(&self.words(Kind::Records)[..FACT_WORDS]);
        // SAFETY: LentFacts::in_file: it was a shared reference to atomics of the mapping, which the new value keeps.
        unsafe { LentFacts::in_file(facts, Arc::clone(self)) }
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        let base = NonNull::new(self.raw.as_mut_ptr()).expect("a mapping has an address");
        // SAFETY: NonNull::add: callers pass offsets of regions, which are inside the mapping (`words`).
        unsafe { base.add(offset) }
    }
}
