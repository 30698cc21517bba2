//! Lenders of words: who owns the memory that the bitmap works on.
//!
//! All `unsafe` of the crate is in this room. A bitmap borrows three things: the chunks, the nodes above
//! them and the counters of `control`. [`Words`] knows where they are, whoever owns them, so the hot path
//! has no branch on the kind of storage. This room knows nothing of addresses or policies.
//!
//! | file | what it does |
//! |---|---|
//! | `heap` | words on the heap: gone with the process |

#![allow(unsafe_code)]

#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
mod file;
mod heap;

use crate::bitmap::{Bitmap, Chunk, Control, Shape};
use crate::slot::{SLOTS_PER_CHUNK, Slot};
use crate::sync::AtomicU64;
use heap::Heap;
use std::ptr::NonNull;

/// The words of one pool, lent to its bitmap.
pub(crate) struct Words {
    lent: Lent,
    shape: Shape,
    lender: Lender,
}

/// Who owns what is lent. Dropping it gives the memory back, so it is dropped with the last borrow.
enum Lender {
    Heap {
        /// Nobody looks at it: it gives the memory back.
        _owner: Heap,
    },
}

/// Where the words are.
///
/// Invariant: each pointer is valid for shared references as long as the lender lives, wherever that
/// moves to, and nobody makes a reference of another kind to the same memory meanwhile.
#[derive(Clone, Copy)]
struct Lent {
    chunks: NonNull<[Chunk]>,
    nodes: NonNull<[AtomicU64]>,
    control: NonNull<Control>,
}

// SAFETY (Send, Sync): what `Lent` points to is `Sync` (atomics alone), it is only ever lent as shared
// references, and its owner, which may be dropped on another thread, is asked for the same by the
// compiler: `Words` is `Send` and `Sync` only if `Lender` is.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Words {
    /// Words on the heap for `slot_count` slots, of which those of the ascending `free` ranges are free.
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
            lender: Lender::Heap { _owner: heap },
        };
        words.bitmap().rebuild();
        words
    }

    #[inline]
    pub(crate) fn bitmap(&self) -> Bitmap<'_> {
        // SAFETY (NonNull::as_ref, three times):
        // - valid, aligned, and of initialised atomics: the invariant of `Lent`;
        // - alive: `self.lender` owns the memory, and the references borrow `self`;
        // - unaliased by `&mut`: the invariant of `Lent`.
        let (chunks, nodes, control) = unsafe {
            (
                self.lent.chunks.as_ref(),
                self.lent.nodes.as_ref(),
                self.lent.control.as_ref(),
            )
        };
        Bitmap::new(chunks, nodes, &self.shape, control)
    }

    /// Releases `slot`; `false` if it was free already, and then nothing has changed.
    // In two leaves, which save no registers: to restore one is a load, and loads wait for the release.
    // And so that the answer is one bit where it is used: then marking the slot is one instruction
    // (`lock bts`), otherwise a loop.
    #[inline(never)]
    pub(crate) fn release(&self, slot: Slot) -> bool {
        let was_taken = self.bitmap().mark_free(slot);
        self.announce(slot, was_taken)
    }

    #[inline(never)]
    fn announce(&self, slot: Slot, was_taken: bool) -> bool {
        self.bitmap().announce_slot(slot);
        was_taken
    }

    /// Memory on the heap, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.lender {
            Lender::Heap { .. } => self.lent_bytes(),
        }
    }

    fn lent_bytes(&self) -> usize {
        self.lent.chunks.len() * size_of::<Chunk>()
            + self.lent.nodes.len() * size_of::<AtomicU64>()
            + size_of::<Control>()
    }
}
