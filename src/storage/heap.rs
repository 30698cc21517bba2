//! Words on the heap: gone with the process.

use super::Lent;
use crate::bitmap::{Chunk, Control};
use crate::slot::{SLOTS_PER_WORD, Slot, bits_within, slot_at};
use crate::sync::{AtomicU64, WORDS_PER_CHUNK};
use std::ptr::NonNull;

/// Three boxes, as pointers.
///
/// They are not boxes, because a box asserts unique access to its memory whenever it is moved, but the words are lent
/// through pointers that outlive such a move.
pub(super) struct Heap(Lent);

impl Heap {
    /// Creates chunks whose slots are free only in the ascending `free` ranges, under new nodes.
    pub(super) fn new(
        chunk_count: usize,
        node_count: usize,
        free: impl Iterator<Item = (Slot, Slot)>,
    ) -> Self {
        let nodes: Box<[AtomicU64]> = (0..node_count).map(|_| AtomicU64::new(0)).collect();
        Self(Lent::new(
            NonNull::from(Box::leak(free_chunks(chunk_count, free))),
            NonNull::from(Box::leak(nodes)),
            NonNull::from(Box::leak(Box::new(Control::default()))),
        ))
    }

    pub(super) fn lent(&self) -> Lent {
        self.0
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let Lent {
            chunks,
            nodes,
            control,
            ..
        } = self.0;
        // SAFETY: Box::from_raw, three times:
        // - from a box: `new` leaked these, and nothing else makes a `Heap`;
        // - once: we are being dropped, and `Heap` is not `Clone`;
        // - no borrow is left: those that `Words` lends borrow the `Words` that owns us.
        unsafe {
            drop(Box::from_raw(chunks.as_ptr()));
            drop(Box::from_raw(nodes.as_ptr()));
            drop(Box::from_raw(control.as_ptr()));
        }
    }
}

/// Returns chunks whose slots are free only in the ascending `free` ranges.
fn free_chunks(chunk_count: usize, free: impl Iterator<Item = (Slot, Slot)>) -> Box<[Chunk]> {
    let mut next_word = bits_of_ranges(free);
    (0..chunk_count)
        .map(|_| {
            let mut free_bits = [0; WORDS_PER_CHUNK];
            free_bits.fill_with(&mut next_word);
            Chunk::new(free_bits)
        })
        .collect()
}

/// Returns the words from the first one on, call by call, with a bit for each slot of the ascending `free` ranges.
pub(crate) fn bits_of_ranges(free: impl Iterator<Item = (Slot, Slot)>) -> impl FnMut() -> u64 {
    let mut free = free.peekable();
    let mut words = 0..;
    move || {
        let word_index: usize = words.next().unwrap_or(usize::MAX);
        let whole = slot_at(word_index, 0)..slot_at(word_index, SLOTS_PER_WORD - 1);
        if let Some(&(first, last)) = free.peek()
            && first <= whole.start
            && last > whole.end
        {
            // Most words of large pools: all slots are free, and the range continues.
            return u64::MAX;
        }
        let mut bits = 0;
        while let Some(&(first, last)) = free.peek() {
            bits |= bits_within(word_index, first, last);
            let word_last = slot_at(word_index, SLOTS_PER_WORD - 1);
            if last > word_last || first > word_last {
                break;
            }
            free.next();
        }
        bits
    }
}
