//! Free and claimed slots, one bit each, packed into 64-bit words, under a tree of summaries.
//!
//! Every acquire and release of the crate is in this module. It works on borrowed words, so that the heap, a mapped
//! file and the model checker all lend it the same type. It does not depend on addresses, policies or errors: it takes
//! slots and starting points, and returns `bool` and `Option`.
//!
//! ```text
//!         claim: 1 -> 0               1 = free, so that a zeroed word costs slots, never uniqueness.
//! Free ------------------> Claimed    Reserved and padding slots are 0 from birth and have no edges,
//!      <------------------            so no claim needs a bounds check for them.
//!         release: 0 -> 1
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `chunk` | eight words of a cache line: taking bits out of them |
//! | `tree` | the summary: find a chunk that may have something, publish, settle |
//! | `single` | claim one slot: lowest, from a start, within bounds, exactly this one; release |
//! | `batch` | claim many |
//! | `block` | claim an aligned power of two of slots |
//! | `word` | claim all free slots of a word |
//! | `mark` | receives every slot before it is claimed, while a pass is running |
//! | `control` | what the tree alone cannot tell: releases under watch, areas that are asked for |
//! | `gate` | the word that every claim reads: passes, poison |
//! | `collect` | proof that nothing was free, of one bitmap or of several at one instant |
//! | `member_summary` | the summary over several bitmaps |
//! | `lane` | claims in flight, of threads and of processes, any of which may die |
//! | `scrub` | publish what a dead process freed but did not publish |
//! | `count` | count and list |
//!
//! The proofs are in `docs/design/algorithm.md`, which is also the page `design::algorithm` of the documentation.

mod batch;
mod block;
mod chunk;
mod collect;
mod control;
mod count;
mod gate;
mod lane;
mod mark;
mod member_summary;
mod scrub;
mod single;
mod tree;
mod word;

pub(crate) use batch::{BatchStep, WordBits};
pub(crate) use block::{BlockCandidates, BlockRelease};
pub(crate) use chunk::{Attempt, Chunk};
pub(crate) use collect::Evidence;
pub(crate) use control::Control;
pub(crate) use gate::{Gate, GateWord};
pub(crate) use lane::{Flight, Lanes};

pub(crate) use lane::{LaneWord, MOST_LANES, Peers};
pub(crate) use mark::{Mark, Touched};
pub(crate) use member_summary::MemberSummary;
pub(crate) use single::LowestAttempt;
pub(crate) use tree::Shape;

use crate::slot::{SLOTS_PER_CHUNK, Slot};
use crate::sync::AtomicU64;
use tree::Tree;

/// Which free slots a search prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// The first slot at or after this one, wrapping around.
    UpFrom(Slot),
    /// The highest slot.
    Down,
}

/// Borrowed words with the borrowed summary over them, and the receiver of marks.
#[derive(Clone, Copy)]
pub(crate) struct Bitmap<'a, M = ()> {
    chunks: &'a [Chunk],
    /// The words of all chunks: one step from a slot to its word.
    words: &'a [AtomicU64],
    tree: Tree<'a>,
    control: &'a Control,
    lanes: &'a Lanes,
    mark: M,
}

impl<'a> Bitmap<'a> {
    /// Creates a bitmap over lent words: chunk by chunk, and word by word. `nodes` has [`Shape::node_count`] words, which
    /// may all be new (zero) until [`Bitmap::rebuild`].
    #[inline]
    pub(crate) fn new(
        chunks: &'a [Chunk],
        words: &'a [AtomicU64],
        nodes: &'a [AtomicU64],
        shape: &'a Shape,
        control: &'a Control,
        lanes: &'a Lanes,
    ) -> Self {
        Self {
            chunks,
            words,
            tree: Tree::new(nodes, shape),
            control,
            lanes,
            mark: (),
        }
    }
}

#[cfg(all(test, not(loom)))]
impl Bitmap<'_> {
    /// Returns where the words are, for records of accesses.
    pub(crate) fn places(&self) -> Vec<crate::sync::traced::Place> {
        use crate::sync::traced::place;
        vec![
            place(self.chunks, "chunk"),
            place(self.tree.nodes(), "node"),
            place(self.control, "control"),
        ]
    }
}

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Returns the same bitmap with a receiver of marks.
    #[inline]
    pub(crate) fn marking<T: Mark>(self, mark: T) -> Bitmap<'a, T> {
        Bitmap {
            chunks: self.chunks,
            words: self.words,
            tree: self.tree,
            control: self.control,
            lanes: self.lanes,
            mark,
        }
    }

    #[inline]
    fn word(self, word_index: usize) -> &'a AtomicU64 {
        &self.words[word_index]
    }

    /// Returns the last slot of the last chunk, including padding.
    #[inline]
    fn last_slot(self) -> Slot {
        (self.chunks.len() as u64 * u64::from(SLOTS_PER_CHUNK) - 1) as Slot
    }

    /// Recomputes the summary from the leaves. Only for an owner without concurrent access.
    pub(crate) fn rebuild(self) {
        for (chunk_index, chunk) in self.chunks.iter().enumerate() {
            if !chunk.is_full() {
                self.tree.publish(chunk_index);
            }
        }
    }
}
