//! What the threads do, on which tree.

/// One operation of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Allocate,
    /// Releases a slot that is taken from the start, or that another thread releases, too.
    Release(u8),
    /// Releases what this thread's operation number so-and-so allocated, if it got something.
    ReleaseResult(u8),
}

/// A tree as nested nodes; a leaf is a chunk of so many words.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Chunk(u8),
    Node(Vec<Tree>),
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) tree: Tree,
    pub(crate) slots_per_word: u8,
    /// Slots that are taken at the start.
    pub(crate) taken: Vec<u8>,
    /// Whether a search that takes the last slot of a word settles the chunk before it returns. The code does so only
    /// if the other words looked empty, too: the model settles more often.
    pub(crate) settles_at_once: bool,
    pub(crate) threads: Vec<Vec<Op>>,
}

use Op::{Allocate as A, Release as R, ReleaseResult as G};

fn chunk(words: u8) -> Tree {
    Tree::Chunk(words)
}

fn node<const N: usize>(children: [Tree; N]) -> Tree {
    Tree::Node(children.into())
}

fn program<const N: usize, const T: usize>(
    name: &'static str,
    tree: Tree,
    slots_per_word: u8,
    taken: [u8; N],
    threads: [&[Op]; T],
) -> Program {
    Program {
        name,
        tree,
        slots_per_word,
        taken: taken.into(),
        settles_at_once: false,
        threads: threads.iter().map(|ops| ops.to_vec()).collect(),
    }
}

impl Program {
    /// Returns the same program with searches that settle what they emptied.
    pub(crate) fn settling_at_once(self) -> Self {
        Self {
            settles_at_once: true,
            ..self
        }
    }
}

/// Three levels over one chunk.
fn tower() -> Tree {
    node([node([node([chunk(1)])])])
}

/// Seconds in a debug build.
pub(crate) fn small() -> Vec<Program> {
    let flat = |words| node([chunk(words)]);
    vec![
        program(
            "one word: r0 | r0 again, a",
            flat(1),
            1,
            [0],
            [&[R(0)], &[R(0), A]],
        ),
        program(
            "one word of 2 slots: r0 | r1, a, a",
            flat(1),
            2,
            [0, 1],
            [&[R(0)], &[R(1), A, A]],
        ),
        program(
            "chunk of 2 words: r0,a | r1,a | a",
            flat(2),
            1,
            [0, 1],
            [&[R(0), A], &[R(1), A], &[A]],
        ),
        program(
            "chunk of 2 words: r0 | a,g0,a | a",
            flat(2),
            1,
            [0],
            [&[R(0)], &[A, G(0), A], &[A]],
        ),
        program(
            "chunk of 3 words: r0 | r2 | a,a",
            flat(3),
            1,
            [0, 1, 2],
            [&[R(0)], &[R(2)], &[A, A]],
        ),
        program(
            "3 levels, 1 chunk: r0,a | a,g0,a",
            tower(),
            1,
            [0],
            [&[R(0), A], &[A, G(0), A]],
        ),
        program(
            "3 levels, 1 chunk of 2 slots: r0 | r1 | a,a",
            tower(),
            2,
            [0, 1],
            [&[R(0)], &[R(1)], &[A, A]],
        ),
        program(
            "3 levels, 2 chunks: r0,a | r1,a | a",
            node([node([node([chunk(1)])]), node([node([chunk(1)])])]),
            1,
            [0, 1],
            [&[R(0), A], &[R(1), A], &[A]],
        ),
        program(
            "3 levels, 2 chunks under one node: r0,a,g1 | r1,a",
            node([node([node([chunk(1), chunk(1)])])]),
            1,
            [0, 1],
            [&[R(0), A, G(1)], &[R(1), A]],
        ),
    ]
}

/// One slot that comes and goes often enough for a node to look as it did before.
pub(crate) fn again_and_again() -> Program {
    program(
        "3 levels, 1 slot, again and again: a,g0,a,g2 | r0,a,g1 | a",
        tower(),
        1,
        [0],
        [&[A, G(0), A, G(2)], &[R(0), A, G(1)], &[A]],
    )
}

/// Two who settle a chunk and the node above it, while its slot comes back.
pub(crate) fn two_who_settle() -> Program {
    program(
        "2 levels, 1 slot: a,g0,a | a | a",
        node([node([chunk(1)])]),
        1,
        [],
        [&[A, G(0), A], &[A], &[A]],
    )
}

/// Minutes in a debug build.
pub(crate) fn large() -> Vec<Program> {
    vec![
        again_and_again(),
        program(
            "3 levels, 1 chunk of 2 words: r0,a,g1 | r1,a | a,a",
            node([node([node([chunk(2)])])]),
            1,
            [0, 1],
            [&[R(0), A, G(1)], &[R(1), A], &[A, A]],
        ),
        program(
            "3 levels, 2 chunks: a,g0,a,g2 | r0,a | a,g0",
            node([node([node([chunk(1)])]), node([node([chunk(1)])])]),
            1,
            [0],
            [&[A, G(0), A, G(2)], &[R(0), A], &[A, G(0)]],
        ),
        program(
            "2 levels, 2 chunks of 2 words, 2 slots: r0,a | r3,a | a,g0,a",
            node([node([chunk(2)]), node([chunk(2)])]),
            2,
            [0, 1, 2, 3],
            [&[R(0), A], &[R(3), A], &[A, G(0), A]],
        ),
        program(
            "1 chunk of 2 words, 2 slots: r0,a | r2,a,g1 | a,g0,a",
            node([chunk(2)]),
            2,
            [0, 1, 2, 3],
            [&[R(0), A], &[R(2), A, G(1)], &[A, G(0), A]],
        ),
        program(
            "4 threads, 1 chunk of 2 words: r0,a | r1,a | a | a",
            node([chunk(2)]),
            1,
            [0, 1],
            [&[R(0), A], &[R(1), A], &[A], &[A]],
        ),
    ]
}
