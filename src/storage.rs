//! Lenders of words. The bitmap works on borrowed ones; whoever owns them lives here.

use crate::bitmap::{Bitmap, Chunk, Control, Shape};
use crate::slot::{SLOTS_PER_CHUNK, Slot, bits_within};
use crate::sync::{AtomicU64, WORDS_PER_CHUNK};

/// Words on the heap: gone with the process.
pub(crate) struct Heap {
    chunks: Box<[Chunk]>,
    nodes: Box<[AtomicU64]>,
    shape: Shape,
    control: Control,
}

impl Heap {
    /// Words for `slot_count` slots, of which those of the ascending `free` ranges are free.
    pub(crate) fn new(
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
        let heap = Self {
            chunks: free_chunks(chunk_count, free),
            nodes: (0..shape.node_count()).map(|_| AtomicU64::new(0)).collect(),
            shape,
            control: Control::default(),
        };
        heap.bitmap().rebuild();
        heap
    }

    #[inline]
    pub(crate) fn bitmap(&self) -> Bitmap<'_> {
        Bitmap::new(&self.chunks, &self.nodes, &self.shape, &self.control)
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

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.chunks) + size_of_val(&*self.nodes)
    }
}

/// Chunks that are empty but for the ascending `free` ranges.
fn free_chunks(chunk_count: usize, free: impl Iterator<Item = (Slot, Slot)>) -> Box<[Chunk]> {
    let mut free = free.peekable();
    let mut words = 0..;
    let mut next_word = || {
        let word_index: usize = words.next().unwrap_or(usize::MAX);
        let mut bits = 0;
        while let Some(&(first, last)) = free.peek() {
            bits |= bits_within(word_index, first, last);
            let word_last = crate::slot::slot_at(word_index, crate::slot::SLOTS_PER_WORD - 1);
            if last > word_last || first > word_last {
                break;
            }
            free.next();
        }
        bits
    };
    (0..chunk_count)
        .map(|_| {
            let mut free_bits = [0; WORDS_PER_CHUNK];
            free_bits.fill_with(&mut next_word);
            Chunk::new(free_bits)
        })
        .collect()
}
