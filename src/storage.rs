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
