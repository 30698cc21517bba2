//! A summary over whole bitmaps: which members of a set may have a free slot.
//!
//! It is the same tree as within a bitmap, one level up: a member is a child of level 1, and the caller says whether it
//! is "full". Within one set, a release publishes here after it has published in its own bitmap; a direct release into
//! the pool does not. So FULL is only a hint here, and "nothing free" is proven by [`collect`](super::collect).

use super::tree::{Shape, Tree};
use crate::sync::AtomicU64;

/// Creates a summary over this many members, all of them absent at first.
pub(crate) struct MemberSummary {
    nodes: Box<[AtomicU64]>,
    shape: Shape,
    room: usize,
}

impl MemberSummary {
    pub(crate) fn new(room: usize) -> Self {
        let shape = Shape::tree(room);
        Self {
            nodes: (0..shape.node_count()).map(|_| AtomicU64::new(0)).collect(),
            shape,
            room,
        }
    }

    #[inline]
    fn tree(&self) -> Tree<'_> {
        Tree::new(&self.nodes, &self.shape)
    }

    /// Records that the member may have a free slot. Call it after the slot became free.
    #[inline]
    pub(crate) fn publish(&self, member: usize) {
        if !self.is_published(member) {
            self.publish_full(member);
        }
    }

    /// Returns whether a publish would find every hint set: the same loads.
    #[inline(always)]
    pub(crate) fn is_published(&self, member: usize) -> bool {
        self.tree().is_published(member)
    }

    /// Sets the hints of a member that was full.
    #[inline(never)]
    fn publish_full(&self, member: usize) {
        self.tree().publish(member);
    }

    /// Returns whether this member may have a free slot, but no member before it may.
    #[inline]
    pub(crate) fn is_lowest(&self, member: usize) -> bool {
        self.tree().is_lowest(member)
    }

    /// Returns whether this member may have a free slot, but no other member may.
    #[inline]
    pub(crate) fn is_only(&self, member: usize) -> bool {
        self.tree().is_only(member)
    }

    /// Returns the first member of `from..` that may have a free slot.
    #[inline]
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        self.tree().next_candidate(from, self.room - 1)
    }

    /// Clears the hint of a member that is full: the two-phase clear.
    pub(crate) fn settle(&self, member: usize, is_full: impl Fn() -> bool) {
        self.tree().settle(member, is_full);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.nodes)
    }
}
