//! The summary: which chunks may have a free slot, in nodes with sixteen children each, up to one root.
//!
//! ```text
//! node: bits 0..16 maybe | bits 16..32 clearing | bits 32..64 version
//!
//!                    settle, phase 1                     settle, phase 2: the child is full
//!            MAYBE ------------------> CLEARING ------------------------------> FULL
//!              ^                          |                                      |
//!              +--------------------------+<-------------------------------------+
//!                 phase 2: it is not, or a publish             a publish
//! ```
//!
//! Only the leaves are authoritative. A node may be stale in the MAYBE direction at any time; FULL means that every
//! free bit below it belongs to a release that has not finished its publish. The caller's function defines what "full"
//! means for a chunk: the tree knows only its own nodes.

use crate::sync::{AtomicU64, NODE_SHIFT, Ordering, load_seq_cst};

/// 2^32 slots are 2^23 chunks: six levels of sixteen children.
const MAX_HEIGHT: usize = if NODE_SHIFT == 4 { 6 } else { 26 };

const CLEARING_SHIFT: u32 = 16;
const VERSION: u64 = 1 << 32;
const MAYBE_MASK: u64 = 0xffff;
/// The bit behind the last child, for a node without candidates: the zeros of what is never 0 are one instruction.
const BEHIND_ALL: u64 = MAYBE_MASK + 1;

/// Returns the children that may have a free slot: MAYBE or CLEARING.
#[inline]
fn candidates(node: u64) -> u64 {
    (node | node >> CLEARING_SHIFT) & MAYBE_MASK
}

#[inline]
fn digit(child: usize) -> u32 {
    child as u32 & ((1 << NODE_SHIFT) - 1)
}

/// The index of the root.
const ROOT: usize = 0;

/// How many nodes each level has, and where the level starts. The root is node 0.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The number of levels; 0 means no tree at all, and every chunk is a candidate (linear search).
    height: usize,
    /// The start of each level, from 1 (just above the chunks, at index 0) to `height` (the root).
    level_start: [u32; MAX_HEIGHT],
    node_count: usize,
}

impl Shape {
    /// Returns the shape of a tree over `chunk_count` chunks.
    pub(crate) fn tree(chunk_count: usize) -> Self {
        let mut level_len = [0; MAX_HEIGHT + 1];
        let mut height = 0;
        let mut below = chunk_count;
        while height == 0 || below > 1 {
            below = below.div_ceil(1 << NODE_SHIFT);
            height += 1;
            level_len[height] = below;
        }
        let mut level_start = [0; MAX_HEIGHT];
        let mut node_count = 0;
        for level in (1..=height).rev() {
            level_start[level - 1] = node_count as u32;
            node_count += level_len[level];
        }
        Self {
            height,
            level_start,
            node_count,
        }
    }

    /// Returns the shape without a summary: searches visit the chunks one by one.
    pub(crate) fn linear() -> Self {
        Self {
            height: 0,
            level_start: [0; MAX_HEIGHT],
            node_count: 0,
        }
    }

    pub(crate) fn node_count(&self) -> usize {
        self.node_count
    }

    /// Returns where each level starts, from the lowest one up.
    #[inline]
    fn levels(&self) -> impl Iterator<Item = usize> {
        // `take` instead of a slice: the compiler sees the bound and unrolls, which saves a tenth.
        let levels = self.level_start.iter().take(self.height);
        levels.map(|&start| start as usize)
    }
}

/// Where a way down from the root ends.
pub(super) enum WayDown {
    /// At a chunk that may have a free slot.
    Chunk(usize),
    /// At the root: it had no candidate.
    EmptyRoot,
    /// At a node without a candidate, whose parent still has a hint for it.
    EmptyNode { level: usize, index: usize },
}

#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    nodes: &'a [AtomicU64],
    shape: &'a Shape,
}

impl<'a> Tree<'a> {
    #[inline]
    pub(super) fn new(nodes: &'a [AtomicU64], shape: &'a Shape) -> Self {
        Self { nodes, shape }
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn nodes(self) -> &'a [AtomicU64] {
        self.nodes
    }

    #[inline]
    pub(super) fn is_linear(&self) -> bool {
        self.shape.height == 0
    }

    #[inline]
    fn node(&self, level: usize, index: usize) -> &'a AtomicU64 {
        &self.nodes[self.shape.level_start[level - 1] as usize + index]
    }

    /// Returns whether the root has no candidate: at this load, every free bit belonged to an unfinished release.
    /// Always false for a linear bitmap, which has no root.
    #[inline]
    pub(super) fn root_is_empty(&self) -> bool {
        // SeqCst: the linearization point of "exhausted". A release that finished before it in the total order has set
        // its hints up to the root, and only `settle` could have cleared them.
        let root = self.nodes.first();
        root.is_some_and(|root| candidates(load_seq_cst(root)) == 0)
    }

    /// Returns the root with its version, for comparing two reads.
    #[inline]
    pub(super) fn root(&self) -> u64 {
        // SeqCst: both reads enclose an instant at which all roots of a set are compared.
        load_seq_cst(&self.nodes[0])
    }

    /// Returns the root with its version if it has no candidate.
    #[inline]
    pub(super) fn empty_root(&self) -> Option<u64> {
        Some(self.root()).filter(|&root| candidates(root) == 0)
    }

    /// Returns whether `chunk` is a candidate of its node, but no chunk below it is a candidate.
    ///
    /// Goes up only as far as a child can have others before it. The addresses of the nodes follow from `chunk` alone,
    /// so the loads do not wait for each other as they do on the way down from the root. Always inlined: with a second
    /// caller, the compiler makes it a function, and its callers have to save registers.
    #[inline(always)]
    pub(super) fn is_lowest(&self, chunk: usize) -> bool {
        let mut child = chunk;
        for &level_start in &self.shape.level_start {
            let index = level_start as usize + (child >> NODE_SHIFT);
            let Some(node) = self.nodes.get(index) else {
                // A linear bitmap: nothing says what the chunks below have.
                return false;
            };
            // SeqCst: as on the way down in `next_candidate`; a lower child seen FULL is seen taken.
            let node = candidates(load_seq_cst(node)) | BEHIND_ALL;
            if node.trailing_zeros() != digit(child) {
                return false;
            }
            child >>= NODE_SHIFT;
            // Nothing comes before the first child, here and further up. The root itself is such a child.
            if child == 0 {
                break;
            }
        }
        true
    }

    /// Returns whether `chunk` is a candidate, but no other chunk is.
    #[inline]
    pub(super) fn is_only(&self, chunk: usize) -> bool {
        let mut child = chunk;
        self.shape.levels().all(|level_start| {
            // SeqCst: as in `is_lowest`.
            let node = candidates(load_seq_cst(
                &self.nodes[level_start + (child >> NODE_SHIFT)],
            ));
            let is_only = node == 1 << digit(child);
            child >>= NODE_SHIFT;
            is_only
        })
    }

    /// Goes down to the lowest chunk that may have a free slot. Without a tree, that is the first one.
    #[inline(always)]
    pub(super) fn way_to_lowest(&self) -> WayDown {
        self.way_down(|node| node.trailing_zeros())
    }

    /// Goes down to the highest chunk that may have a free slot. Only for a bitmap with a tree.
    #[inline(always)]
    pub(super) fn way_to_highest(&self) -> WayDown {
        self.way_down(|node| node.ilog2())
    }

    /// Follows the candidates that `pick` chooses, from the root down, once; `pick` gets the candidates of a node, at least
    /// one.
    #[inline(always)]
    fn way_down(&self, pick: impl Fn(u64) -> u32) -> WayDown {
        // The same number: the compiler sees the bound, and does not check it at each level.
        let mut level = self.shape.height.min(MAX_HEIGHT);
        let mut child = 0;
        while level != 0 {
            let place = self.shape.level_start[level - 1] as usize + child;
            // SeqCst: at the root as in `root_is_empty`, below it as in `next_candidate`.
            let way_on = candidates(load_seq_cst(&self.nodes[place]));
            if way_on == 0 && place == 0 {
                return WayDown::EmptyRoot;
            }
            if way_on == 0 {
                return WayDown::EmptyNode {
                    level,
                    index: child,
                };
            }
            child = child << NODE_SHIFT | pick(way_on) as usize;
            level -= 1;
        }
        WayDown::Chunk(child)
    }

    /// Returns the first chunk of `from..=last` that may have a free slot.
    ///
    /// Settles the stale hints on its way. `None` does not prove that nothing is free.
    pub(super) fn next_candidate(&self, from: usize, last: usize) -> Option<usize> {
        if from > last {
            return None;
        }
        if self.is_linear() {
            return Some(from);
        }
        // From the beginning, the root says at once where to go. From elsewhere, a candidate is likely to be near, so
        // climb only as far as needed.
        let mut level = if from == 0 { self.shape.height } else { 1 };
        let mut child = from;
        loop {
            let node_index = child >> NODE_SHIFT;
            // SeqCst: a child seen FULL here counts as "every finished release in it was taken
            // again", which the proofs of `none_free` and of lowest-first build on.
            let node = candidates(load_seq_cst(self.node(level, node_index)));
            let ahead = node >> digit(child);
            if ahead != 0 {
                child += ahead.trailing_zeros() as usize;
                let chunk = child << (NODE_SHIFT * (level as u32 - 1));
                if chunk > last {
                    return None;
                }
                if level == 1 {
                    return Some(child);
                }
                level -= 1;
                child <<= NODE_SHIFT;
                continue;
            }
            if level == self.shape.height {
                return None;
            }
            if node == 0 {
                self.settle_node(level, node_index);
            }
            level += 1;
            child = node_index + 1;
            if child << (NODE_SHIFT * (level as u32 - 1)) > last {
                return None;
            }
        }
    }

    /// Returns the last chunk of `first..=from` that may have a free slot: [`Tree::next_candidate`] downwards.
    /// `on_empty` is called with the nodes whose hints are stale, to settle them or not.
    pub(super) fn previous_candidate(
        &self,
        from: usize,
        first: usize,
        on_empty: impl Fn(usize, usize),
    ) -> Option<usize> {
        if from < first {
            return None;
        }
        if self.is_linear() {
            return Some(from);
        }
        let mut level = 1;
        let mut child = from;
        loop {
            let node_index = child >> NODE_SHIFT;
            // SeqCst: as in `next_candidate`.
            let node = candidates(load_seq_cst(self.node(level, node_index)));
            let behind = node << (u64::BITS - 1 - digit(child));
            if behind != 0 {
                child -= behind.leading_zeros() as usize;
                if level == 1 {
                    return (child >= first).then_some(child);
                }
                level -= 1;
                // The last child of that child: levels may end early, and missing children are FULL.
                child = ((child + 1) << NODE_SHIFT) - 1;
                continue;
            }
            if level == self.shape.height {
                return None;
            }
            if node == 0 {
                on_empty(level, node_index);
            }
            if node_index == 0 {
                return None;
            }
            level += 1;
            child = node_index - 1;
        }
    }

    /// Records in every level that `chunk` may have a free slot.
    ///
    /// Always up to the root: a release that stops where the hint is already set would rely on another thread's
    /// publish, and that thread may be stalled before it. Always inlined: this keeps a release a leaf function.
    #[inline(always)]
    pub(super) fn publish(&self, chunk: usize) {
        let mut child = chunk;
        for &level_start in &self.shape.level_start {
            let index = level_start as usize + (child >> NODE_SHIFT);
            let Some(node) = self.nodes.get(index) else {
                // A linear bitmap has no nodes. No panic, because that takes a stack frame.
                return;
            };
            let maybe = 1 << digit(child);
            // SeqCst: comes after our store to the child in the total order. If it still sees MAYBE, the phase 1 that
            // clears it comes later, and so do its check loads, which see our store. With Acquire, it may read the
            // MAYBE from before a phase 2: a lost slot.
            if load_seq_cst(node) & maybe == 0 {
                // SeqCst: Release for the searcher that follows this hint down to our store; in the total order so that
                // it changes the word that a phase 2 compares.
                node.fetch_or(maybe, Ordering::SeqCst);
            }
            if index == ROOT {
                return;
            }
            child >>= NODE_SHIFT;
        }
    }

    /// Returns whether every level records that `chunk` may have a free slot: whether [`publish`](Self::publish) has
    /// nothing to write. Up to the root, for the same reason. Always inlined: this keeps a release a leaf function.
    #[inline(always)]
    pub(super) fn is_published(&self, chunk: usize) -> bool {
        let mut child = chunk;
        for &level_start in &self.shape.level_start {
            let index = level_start as usize + (child >> NODE_SHIFT);
            let Some(node) = self.nodes.get(index) else {
                // A linear bitmap has no nodes, and nothing to publish. No panic, because that takes a stack frame.
                return self.is_linear();
            };
            // SeqCst: as in `publish`, whose place this takes if all hints are set: after our store to the child in the
            // total order. With Acquire, it may read the MAYBE from before a phase 2: a lost slot.
            if load_seq_cst(node) & (1 << digit(child)) == 0 {
                return false;
            }
            if index == ROOT {
                break;
            }
            child >>= NODE_SHIFT;
        }
        true
    }

    /// Updates the hint about a chunk, and those about the nodes above it that become empty by this. Any thread may
    /// help.
    #[inline(always)]
    pub(super) fn settle(&self, chunk: usize, is_full: impl Fn() -> bool) {
        if self.is_linear() {
            return;
        }
        let index = chunk >> NODE_SHIFT;
        let node = self.node(1, index);
        if clear(node, chunk, is_full) {
            self.settle_above(node, 1, index);
        }
    }

    /// Updates the hint about a node, and those about the nodes above it.
    #[inline]
    pub(super) fn settle_node(&self, level: usize, index: usize) {
        settle_node(self.nodes, self.shape, level, index);
    }

    /// Does the same for a node that the caller has at hand.
    #[inline(always)]
    fn settle_above(&self, node: &AtomicU64, level: usize, index: usize) {
        let (mut node, mut level, mut index) = (node, level, index);
        while level < self.shape.height {
            level += 1;
            let parent_index = index >> NODE_SHIFT;
            let parent = self.node(level, parent_index);
            // SeqCst: the check of an inner node, as of the words in `Chunk::is_full`.
            let is_empty = || candidates(load_seq_cst(node)) == 0;
            if !clear(parent, index, is_empty) {
                return;
            }
            (node, index) = (parent, parent_index);
        }
    }
}

/// Does what [`Tree::settle_node`] says. Not a method: for a reference to the tree, each search would have to keep it in
/// memory.
#[inline(never)]
fn settle_node(nodes: &[AtomicU64], shape: &Shape, level: usize, index: usize) {
    let tree = Tree::new(nodes, shape);
    tree.settle_above(tree.node(level, index), level, index);
}

/// Updates the hint about `child` in its node: the two-phase clear. Returns whether the node has lost its last candidate
/// by this.
#[inline(always)]
fn clear(node: &AtomicU64, child: usize, is_full: impl Fn() -> bool) -> bool {
    let maybe = 1u64 << digit(child);
    let clearing = maybe << CLEARING_SHIFT;
    let both = maybe | clearing;
    loop {
        // SeqCst: for a thread that only helps, and finds CLEARING, this takes the place of phase 1: its check loads
        // come after this in the total order, and this comes after the phase 1 that it reads.
        let mut seen = load_seq_cst(node);
        if seen & both == 0 {
            return false;
        }
        if seen & maybe != 0 {
            let next = ((seen | both) ^ maybe).wrapping_add(VERSION);
            // SeqCst, phase 1: before the check loads below in the total order. A release that they miss comes later,
            // so its publish finds the hint cleared. Relaxed on failure: the loop begins again with a load of its own.
            if node
                .compare_exchange(seen, next, Ordering::SeqCst, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            seen = next;
        }
        // Here CLEARING is set, and MAYBE is not.
        let is_full = is_full();
        let next = seen ^ if is_full { clearing } else { both };
        // The version makes this fail if another thread settled this node in between, even if the bits are the same
        // again; without it, a slot is lost with three threads.
        let next = next.wrapping_add(VERSION);
        // SeqCst, phase 2: Release carries the check on to a thread that reads FULL; in the total order after the check
        // loads. Relaxed on failure: the loop loads again.
        if node
            .compare_exchange(seen, next, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
        {
            return is_full && candidates(next) == 0;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn nodes(shape: &Shape) -> Vec<AtomicU64> {
        (0..shape.node_count()).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn shapes_have_one_root_and_the_height_of_the_design() {
        for (chunks, height, node_count) in [
            (1, 1, 1),
            (16, 1, 1),
            (17, 2, 3),
            (128, 2, 9),
            (32_768, 4, 2048 + 128 + 8 + 1),
            (1 << 23, 6, 524_288 + 32_768 + 2048 + 128 + 8 + 1),
        ] {
            let shape = Shape::tree(chunks);
            assert_eq!(
                (shape.height, shape.node_count()),
                (height, node_count),
                "{chunks} chunks"
            );
        }
    }

    /// Forward, backward, "is it the lowest" and "is it the only one", compared with a plain set of published chunks.
    #[test]
    fn searches_agree_with_a_set() {
        for chunk_count in [1, 2, 15, 16, 17, 255, 256, 257, 5000] {
            let shape = Shape::tree(chunk_count);
            let nodes = nodes(&shape);
            let tree = Tree::new(&nodes, &shape);
            let mut published = std::collections::BTreeSet::new();
            let mut random = 12345usize;
            for _ in 0..40 {
                random = random
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                let chunk = (random >> 33) % chunk_count;
                let other = (random >> 13) % chunk_count;
                let (from, last) = (chunk.min(other), chunk.max(other));
                assert_eq!(
                    tree.next_candidate(from, last),
                    published.range(from..=last).next().copied(),
                    "{chunk_count} chunks, {from}..={last}"
                );
                assert_eq!(
                    tree.previous_candidate(last, from, |_, _| ()),
                    published.range(from..=last).next_back().copied(),
                    "{chunk_count} chunks, {last} down to {from}"
                );
                for (way, end) in [
                    (tree.way_to_lowest(), published.first()),
                    (tree.way_to_highest(), published.last()),
                ] {
                    match way {
                        WayDown::Chunk(chunk) => assert_eq!(Some(&chunk), end),
                        WayDown::EmptyRoot => assert_eq!(None, end),
                        WayDown::EmptyNode { .. } => panic!("nothing was settled"),
                    }
                }
                tree.publish(chunk);
                published.insert(chunk);
                assert_eq!(tree.is_only(chunk), published.len() == 1);
                assert_eq!(
                    tree.is_lowest(chunk),
                    published.first() == Some(&chunk),
                    "{chunk_count} chunks, chunk {chunk}"
                );
            }
        }
    }

    /// Settling the only candidate clears every level; a publish restores all of them.
    #[test]
    fn settle_clears_to_the_root_and_publish_restores() {
        let shape = Shape::tree(5000);
        let nodes = nodes(&shape);
        let tree = Tree::new(&nodes, &shape);
        tree.publish(4321);
        assert!(!tree.root_is_empty());
        tree.settle(4321, || false);
        assert!(!tree.root_is_empty(), "a chunk with something free stays");
        tree.settle(4321, || true);
        assert!(tree.root_is_empty());
        tree.publish(4321);
        assert_eq!(tree.next_candidate(0, 4999), Some(4321));
    }
}
