//! Lenders of words: the owners of the memory that a bitmap works on.
//!
//! All `unsafe` code of the crate is in this module. A bitmap borrows three things: the chunks, the nodes above them,
//! and the counters of `control`. [`Words`] knows where they are, whatever the owner, so the hot path has no branch on
//! the kind of storage. This module does not depend on addresses or policies.
//!
//! | file | what it does |
//! |---|---|
//! | `barrier` | what a claim does while a reconciliation pass is running |
//! | `fork/` | on which side of a fork we are, and what a child does not get |
//! | `heap` | words on the heap: gone with the process |
//! | `file/` | words in a mapped file: shared with other processes, outlives them |
//! | `no_file` | a replacement without pool files |
//! | `records` | records of leases, wherever they are |

#![allow(unsafe_code)]

mod barrier;
#[cfg(pool_files)]
pub(crate) mod file;
mod fork;
mod heap;
#[cfg(not(pool_files))]
mod no_file;
pub(crate) mod records;

use crate::bitmap::{Bitmap, Chunk, Control, GateWord, Lanes, Shape};
use crate::slot::{SLOTS_PER_CHUNK, Slot, bit_of, word_of};
use crate::sync::AtomicU64;
use crate::sync::Ordering;
use crate::sync::WORDS_PER_CHUNK;
use crate::sync::hint::AtomicU32;
#[cfg(all(test, not(loom)))]
use crate::sync::traced::Place;
pub(crate) use barrier::{Claimed, SlotRange};
#[cfg(pool_files)]
pub(crate) use file::Attached;
pub(crate) use fork::here_if_cheap;
use fork::{Opener, Side};
use heap::Heap;
pub(crate) use heap::bits_of_ranges;
#[cfg(not(pool_files))]
pub(crate) use no_file::Attached;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// The words of one pool, lent to its bitmap.
pub(crate) struct Words {
    lent: Lent,
    shape: Shape,
    lanes: Lanes,
    /// Not zero while the quarantine of a file may contain something.
    suspects: AtomicU32,
    /// Whether the words are in a file, so that only the process that opened it may release.
    is_in_file: bool,
    /// That process; on the heap, anybody. Every claim and release in a file asks for it, so it is not behind `lender`.
    opener: Opener,
    /// The side of the fork that the flights on the heap belong to.
    side: AtomicU64,
    lender: Lender,
    /// The marks of passes, from the first pass on; those of a file are in the file.
    touched_on_heap: OnceLock<Box<[AtomicU64]>>,
}

/// What [`Words::free`] did. Call [`Words::finish`], unless it is `Now`.
#[must_use = "searches may miss a release that is not announced"]
#[derive(Clone, Copy)]
pub(crate) enum Freed {
    /// It freed the slot, and every search will find it.
    Now,
    /// It freed the slot, which searches may miss.
    Unannounced,
    /// Nothing: the slot was free before. The thread that freed it may not have announced it yet.
    Before,
}

/// The owner of what is lent. Dropping it frees the memory, so it is dropped after the last borrow.
enum Lender {
    Heap {
        /// Never read: it frees the memory when dropped.
        _owner: Heap,
    },
    File(Box<Attached>),
}

/// Where the words are.
///
/// Invariant: each pointer is valid for shared references as long as the lender lives, wherever the lender moves, and
/// there is no reference of another kind to the same memory meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Lent {
    chunks: NonNull<[Chunk]>,
    /// The same memory, word by word.
    words: NonNull<[AtomicU64]>,
    nodes: NonNull<[AtomicU64]>,
    control: NonNull<Control>,
}

// SAFETY: Send, Sync: what `Lent` points to is `Sync` (atomics alone), it is only ever lent as shared
// references, and its owner, which may be dropped on another thread, is asked for the same by the
// compiler: `Words` is `Send` and `Sync` only if `Lender` is.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

// Chunks are words without gaps: `Lent::words` depends on it.
const _: () = assert!(size_of::<Chunk>() == WORDS_PER_CHUNK * size_of::<AtomicU64>());

impl Lent {
    fn new(
        chunks: NonNull<[Chunk]>,
        nodes: NonNull<[AtomicU64]>,
        control: NonNull<Control>,
    ) -> Self {
        let word_count = chunks.len() * WORDS_PER_CHUNK;
        Self {
            chunks,
            words: NonNull::slice_from_raw_parts(chunks.cast(), word_count),
            nodes,
            control,
        }
    }

    /// Returns the words as a bitmap.
    ///
    /// # Safety
    ///
    /// The lender must live as long as the bitmap is used.
    #[inline]
    unsafe fn bitmap<'a>(self, shape: &'a Shape, lanes: &'a Lanes) -> Bitmap<'a> {
        // SAFETY: NonNull::as_ref, three times; `control`:
        // - valid, aligned, and of initialised atomics, and unaliased by `&mut`: the invariant of `Lent`. The chunks
        //   and the words are the same memory, shared as both: a chunk is an array of words, `repr(C)`, as large as
        //   they are;
        // - alive: the caller's promise.
        unsafe {
            Bitmap::new(
                self.chunks.as_ref(),
                self.words.as_ref(),
                self.nodes.as_ref(),
                shape,
                self.control(),
                lanes,
            )
        }
    }

    /// Returns only the counters.
    ///
    /// # Safety
    ///
    /// The lender must live as long as they are used.
    #[inline]
    unsafe fn control<'a>(self) -> &'a Control {
        // SAFETY: NonNull::as_ref: as in `bitmap`.
        unsafe { self.control.as_ref() }
    }
}

impl Words {
    /// Creates words on the heap for `slot_count` slots, which are free in the ascending `free` ranges.
    pub(crate) fn on_heap(
        slot_count: u64,
        linear: bool,
        free: impl Iterator<Item = (Slot, Slot)>,
    ) -> Self {
        let chunk_count = slot_count.div_ceil(u64::from(SLOTS_PER_CHUNK)) as usize;
        let shape = if linear {
            Shape::linear()
        } else {
            Shape::tree(chunk_count)
        };
        let heap = Heap::new(chunk_count, shape.node_count(), free);
        let words = Self {
            lent: heap.lent(),
            shape,
            lanes: Lanes::on_heap(),
            suspects: AtomicU32::new(0),
            is_in_file: false,
            opener: Opener::anybody(),
            side: AtomicU64::new(Side::here().number()),
            lender: Lender::Heap { _owner: heap },
            touched_on_heap: OnceLock::new(),
        };
        words.bitmap().rebuild();
        words
    }

    #[cfg(pool_files)]
    /// Uses the words of a file.
    pub(crate) fn in_file(file: Attached) -> Self {
        // They never increase while any process has the file open: if there were none, there is no need to check.
        let has_suspects = file.recovery().quarantined != 0 && file::count(file.quarantine()) != 0;
        Self {
            lent: file.lent(),
            shape: file.shape().clone(),
            lanes: file.lanes(),
            suspects: AtomicU32::new(has_suspects.into()),
            is_in_file: true,
            opener: file.opener(),
            side: AtomicU64::new(Side::here().number()),
            lender: Lender::File(Box::new(file)),
            touched_on_heap: OnceLock::new(),
        }
    }

    #[inline]
    pub(crate) fn bitmap(&self) -> Bitmap<'_> {
        // SAFETY: `Lent::bitmap`: `self.lender` owns the memory, and the bitmap borrows `self`.
        unsafe { self.lent.bitmap(&self.shape, &self.lanes) }
    }

    /// Returns whether the words are in a file, where a release asks [`is_ready_to_release`](Self::is_ready_to_release).
    #[inline]
    pub(crate) fn is_in_file(&self) -> bool {
        self.is_in_file
    }

    /// Returns whether [`may_release`](Self::may_release) has nothing to do: this process has opened the file, and
    /// nothing is quarantined.
    #[inline]
    pub(crate) fn is_ready_to_release(&self) -> bool {
        !self.is_forked() && !self.has_suspects()
    }

    /// Frees `slot`, and returns what is left to do. It only reads what most releases find: all hints set, no watcher.
    ///
    /// The bitmap is lent three times, so that no part of it waits in a register for its turn.
    #[inline(always)]
    pub(crate) fn free(&self, slot: Slot) -> Freed {
        // One bit, used once, so that marking the slot is one instruction (`lock bts`) and not a loop.
        if !self.bitmap().mark_free(slot) {
            return Freed::Before;
        }
        // In this order: after the mark, and the watchers last. The look takes the place of an announcement.
        if self.bitmap().is_published(slot) && !self.bitmap().is_watched() {
            Freed::Now
        } else {
            Freed::Unannounced
        }
    }

    /// Publishes what `free` has freed, and returns what is left to do then: nothing, unless a search watches.
    #[inline(always)]
    pub(crate) fn publish(&self, slot: Slot) -> Freed {
        self.bitmap().publish(slot);
        // After it, as in `free`.
        match self.bitmap().is_watched() {
            false => Freed::Now,
            true => Freed::Unannounced,
        }
    }

    /// Does what `free` has left, and returns whether `slot` was taken; if not, nothing has changed.
    pub(crate) fn finish(&self, slot: Slot, freed: Freed) -> bool {
        match freed {
            Freed::Now => {}
            Freed::Unannounced | Freed::Before => self.bitmap().announce_slot(slot),
        }
        !matches!(freed, Freed::Before)
    }

    /// Returns the words as a process with these lanes sees them.
    #[cfg(all(loom, feature = "_loom"))]
    pub(crate) fn bitmap_in<'a>(&'a self, lanes: &'a Lanes) -> Bitmap<'a> {
        // SAFETY: `Lent::bitmap`: as in `bitmap`.
        unsafe { self.lent.bitmap(&self.shape, lanes) }
    }

    /// Puts the words into the state in which a new child finds them: its parent's.
    #[cfg(all(loom, feature = "_loom"))]
    pub(crate) fn go_over_to_a_child(&self) {
        // Relaxed: before any other thread reads it.
        self.side.store(0, Ordering::Relaxed);
    }

    /// Returns the word that every claim reads.
    #[inline]
    pub(crate) fn gate_word(&self) -> GateWord<'_> {
        // SAFETY: `Lent::control`: as in `bitmap`.
        unsafe { self.lent.control() }.gate()
    }

    pub(crate) fn word_count(&self) -> usize {
        self.lent.chunks.len() * WORDS_PER_CHUNK
    }

    /// Returns the file that the words are in.
    #[inline]
    pub(crate) fn file(&self) -> Option<&Attached> {
        match &self.lender {
            Lender::Heap { .. } => None,
            Lender::File(file) => Some(file),
        }
    }

    /// Returns whether the quarantine may contain something.
    #[inline]
    pub(crate) fn has_suspects(&self) -> bool {
        // Relaxed: it was set before this pool existed, and the thread that clears it has emptied the quarantine.
        self.suspects.load(Ordering::Relaxed) != 0
    }

    /// Takes slots out of the quarantine whose holder the caller knows, and returns which of them were in it. Call it
    /// before the slots are released; see `reclaim` of the pool.
    #[cold]
    pub(crate) fn clear_suspects(&self, word_index: usize, bits: u64) -> u64 {
        let Some(file) = self.file() else { return 0 };
        // SeqCst: before the store that frees the slot, in the total order. In the other order, the slot could be
        // allocated while it is still a suspect, and a reclaim would free it although it is held.
        file.quarantine()[word_index].fetch_and(!bits, Ordering::SeqCst) & bits
    }

    /// Records that the quarantine is empty: releases need not check it.
    pub(crate) fn forget_suspects(&self) {
        // Relaxed: a thread that misses it checks in vain.
        self.suspects.store(0, Ordering::Relaxed);
    }

    /// Prepares the release of `slot`: if it is in the quarantine, its holder has come back. Returns `false` if the
    /// words belong to a parent of this process, and then nothing has changed.
    #[inline]
    pub(crate) fn may_release(&self, slot: Slot) -> bool {
        if self.is_forked() {
            return false;
        }
        if self.has_suspects() {
            self.clear_suspects(word_of(slot), bit_of(slot));
        }
        true
    }

    /// Returns whether the words are in a file that a parent of this process has opened, and not this process.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        !self.opener.is_here()
    }

    /// Checks that this process may change the words by more than one step, or wait for other threads. In a child of
    /// the process that opened a file, it may not.
    ///
    /// A child has a copy of words on the heap, including the flights of threads that do not exist in it. They end
    /// here. What they had claimed stays claimed, like everything that those threads held.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        if self.is_in_file {
            return !self.is_forked();
        }
        let here = Side::here().number();
        // Acquire: pairs with the Release in `end_flights_of_parent`: a thread that begins a flight after it comes
        // after the end of the others.
        if self.side.load(Ordering::Acquire) != here {
            self.end_flights_of_parent(here);
        }
        true
    }

    /// Does the same before a search, which begins no flight: if there was never a flight, there is nothing to wait
    /// for. What it finds in a file is checked once more before it is returned.
    #[inline]
    pub(crate) fn enter_to_search(&self) -> bool {
        // SAFETY: `Lent::control`: as in `bitmap`.
        let control = unsafe { self.lent.control() };
        control.lanes_used() == 0 || self.enter()
    }

    #[cold]
    fn end_flights_of_parent(&self, here: u64) {
        // SAFETY: `Lent::control`: as in `bitmap`.
        let control = unsafe { self.lent.control() };
        // SeqCst: after the loads of the lanes; see there.
        let is_done = || self.side.load(Ordering::SeqCst) == here;
        self.lanes.bury_all_unless(control, is_done);
        // SeqCst: Release, for `enter`.
        self.side.store(here, Ordering::SeqCst);
    }

    /// Returns the memory on the heap, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let marks = self
            .touched_on_heap
            .get()
            .map_or(0, |words| size_of_val(&**words));
        marks
            + match &self.lender {
                Lender::Heap { .. } => self.lent_bytes(),
                Lender::File(_) => 0,
            }
    }

    /// Returns where the words are, and what stands beside them.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn places(&self) -> Vec<Place> {
        let bitmap = self.bitmap();
        let mut places = bitmap.places();
        places.extend(self.lanes.places());
        places
    }

    fn lent_bytes(&self) -> usize {
        self.lent.chunks.len() * size_of::<Chunk>()
            + self.lent.nodes.len() * size_of::<AtomicU64>()
            + size_of::<Control>()
            + self.lanes.memory_bytes()
    }
}
