//! A summary over whole bitmaps: which member of a set may have something free.
//!
//! The same tree as inside a bitmap, one level further up: a member is a child of level 1, and "full" is
//! what the caller says of it. Within one set a release publishes here after its own bitmap; whoever
//! releases behind the back of the set does not. So FULL is a hint here, and "nothing free" is proved by
//! [`collect`](super::collect).

use super::tree::{Shape, Tree};
use crate::sync::AtomicU64;

/// The summary over up to so many members, all of them absent at first.
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

    /// Tells that the member may have something. After whatever gave it something.
    #[inline]
    pub(crate) fn publish(&self, member: usize) {
        self.tree().publish(member);
    }

    /// Whether no member before this one may have something, while this one may.
    #[inline]
    pub(crate) fn is_lowest(&self, member: usize) -> bool {
        self.tree().is_lowest(member)
    }

    /// Whether this member may have something, and no other one.
    #[inline]
    pub(crate) fn is_only(&self, member: usize) -> bool {
        self.tree().is_only(member)
    }

    /// The first member of `from..` that may have something.
    #[inline]
    pub(crate) fn next(&self, from: usize, is_full: impl Fn(usize) -> bool) -> Option<usize> {
        self.tree().next_candidate(from, self.room - 1, is_full)
    }

    /// Takes down the hint of a member that is full: the two-phase clear.
    pub(crate) fn settle(&self, member: usize, is_full: impl Fn(usize) -> bool) {
        self.tree().settle(1, member, &is_full);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.nodes)
    }
}
