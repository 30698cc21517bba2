//! Generated mutants that nothing notices: because there is nothing to notice, or, of orderings, because no
//! model can tell; each with the argument. Rows with a `*` speak of all of a kind: one that is caught is caught
//! all the same.

/// A name, in which `*` stands for anything, and why nothing notices.
pub(crate) type Harmless = (&'static str, &'static str);

pub(crate) const HARMLESS: &[Harmless] = &[
    (
        "gen: bitmap/*: lowered: *[SeqCst -> AcqRel]*",
        "No model can tell: the fence before the next load takes its place in the total order. The proofs need \
         it there; the instruction is the same on x86-64 and aarch64.",
    ),
    (
        "gen: bitmap/chunk.rs:take_lowest: lowered: *[SeqCst -> Acquire])",
        "No model can tell: the load of the newer word by a failed exchange follows the fences of the search. It \
         takes the place of the first look, which the proof wants in the total order.",
    ),
    (
        "gen: bitmap/chunk.rs:Chunk::with_free: lowered: *",
        "Nothing depends on it: the exchange decides, and before a hint is taken down `settle` looks again.",
    ),
    (
        "gen: bitmap/chunk.rs:try_take_first: lowered: load_seq_cst(word) -> Acquire",
        "Nothing depends on it: the exchange decides, and before a hint is taken down `settle` looks again.",
    ),
    (
        "gen: bitmap/chunk.rs:t*take_near: lowered: word.load(Ordering::[Acquire -> Relaxed])",
        "Only a starting guess: the read-modify-write of `take_bit` decides, and acquires.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::is_lowest: lowered: *",
        "Nothing is concluded from the way down: what lowest-first passes over was seen FULL at one instant, and \
         that instant is a matter of the total order, which no model tells here.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::is_only: lowered: *",
        "Only a guess of the round robin: whether to ask the same member again. The claim decides.",
    ),
    (
        "gen: bitmap/tree.rs:Tree::*_candidate: lowered: load_seq_cst(*",
        "\"Nothing free\" is never concluded on the way down: the root is read again between two readings of the \
         flights, and a search under watch reads `freed` before, which brings a fence.",
    ),
    (
        "gen: bitmap/tree.rs:MAX_HEIGHT: negated: NODE_SHIFT [== -> !=] 4",
        "A bound with room to spare: 26 levels where there are six, and six under loom, where no model has more.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::find_free: swapped: *",
        "A word that has nothing is announced: one hint too many, which the next search takes down.",
    ),
    (
        "gen: bitmap/block.rs:Bitmap::find_block_in_chunk: shifted: of.order [<= -> <] WORD_ORDER",
        "A block of exactly one word goes the way of those of several: one exchange, and a flight that nobody \
         needs.",
    ),
];

/// The argument for a mutant of this name.
pub(crate) fn argument(name: &str) -> Option<&'static str> {
    let found = HARMLESS
        .iter()
        .find(|(pattern, _)| matches(pattern, name))?;
    Some(found.1)
}

pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}
