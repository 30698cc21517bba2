//! The mutants: each is a weakening that must not go unnoticed.

use crate::checks::Check::{self, Linearizability, Loom, Properties, Threads, Verbs};

pub(crate) struct Edit {
    pub(crate) file: &'static str,
    /// Must stand in the file exactly once.
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) edits: &'static [Edit],
    /// The checks to try, the likeliest first.
    pub(crate) checks: &'static [Check],
    /// Caught within seconds: part of the smoke run.
    pub(crate) smoke: bool,
}

const CHUNK: &str = "src/bitmap/chunk.rs";
const TREE: &str = "src/bitmap/tree.rs";
const SINGLE: &str = "src/bitmap/single.rs";
const BATCH: &str = "src/bitmap/batch.rs";
const BLOCK: &str = "src/bitmap/block.rs";
const CONTROL: &str = "src/bitmap/control.rs";

const fn edit(file: &'static str, from: &'static str, to: &'static str) -> Edit {
    Edit { file, from, to }
}

const fn mutant(name: &'static str, edits: &'static [Edit], checks: &'static [Check]) -> Mutant {
    Mutant {
        name,
        edits,
        checks,
        smoke: false,
    }
}

const fn smoke(mutant: Mutant) -> Mutant {
    Mutant {
        smoke: true,
        ..mutant
    }
}

pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "settle: version dropped",
        &[edit(
            TREE,
            "const VERSION: u64 = 1 << 32;",
            "const VERSION: u64 = 0;",
        )],
        &[Loom, Linearizability, Threads],
    ),
    mutant(
        "settle: one phase instead of two",
        &[
            edit(
                TREE,
                "if seen & maybe != 0 {",
                "if seen & maybe == 1 << 63 {",
            ),
            edit(
                TREE,
                "let mut next = seen & !clearing;",
                "let mut next = seen & !(clearing | maybe);",
            ),
        ],
        &[Loom, Linearizability],
    ),
    mutant(
        "settle: the child is not looked at again",
        &[edit(
            TREE,
            "                is_full(child)\n",
            "                true\n",
        )],
        &[Loom, Linearizability],
    ),
    mutant(
        "settle: check loads without the total order",
        &[edit(
            CHUNK,
            "self.0.iter().all(|word| load_seq_cst(word) == 0)",
            "self.0.iter().all(|word| word.load(Ordering::Acquire) == 0)",
        )],
        &[Loom],
    ),
    mutant(
        "publish: stops at the first hint that is set",
        &[edit(
            TREE,
            "node.fetch_or(maybe, Ordering::SeqCst);\n            }",
            "node.fetch_or(maybe, Ordering::SeqCst);\n            } else {\n                return;\n            }",
        )],
        &[Loom, Linearizability],
    ),
    mutant(
        "publish: node loads without the total order",
        &[edit(
            TREE,
            "if load_seq_cst(node) & maybe == 0 {",
            "if node.load(Ordering::Acquire) & maybe == 0 {",
        )],
        &[Loom],
    ),
    mutant(
        "publish: only by whoever frees the first bit",
        &[edit(
            SINGLE,
            "        self.announce(word_of(slot), bit);\n        !was_free",
            "        if load_seq_cst(word) == bit {\n            self.announce(word_of(slot), bit);\n        }\n        !was_free",
        )],
        &[Loom, Linearizability],
    ),
    mutant(
        "publish: not by a release of a free slot",
        &[edit(
            SINGLE,
            "        self.announce(word_of(slot), bit);\n        !was_free",
            "        if !was_free {\n            self.announce(word_of(slot), bit);\n        }\n        !was_free",
        )],
        &[Loom, Linearizability],
    ),
    mutant(
        "release: the store is Relaxed",
        &[edit(
            SINGLE,
            "let was_free = word.fetch_or(bit, Ordering::SeqCst) & bit != 0;",
            "let was_free = word.fetch_or(bit, Ordering::Relaxed) & bit != 0;",
        )],
        &[Loom],
    ),
    mutant(
        "claim: the exchange is Relaxed",
        &[edit(
            CHUNK,
            "match word.compare_exchange(free, free & !take, Ordering::SeqCst, Ordering::SeqCst) {",
            "match word.compare_exchange(free, free & !take, Ordering::Relaxed, Ordering::SeqCst) {",
        )],
        &[Loom],
    ),
    smoke(mutant(
        "claim: gives up after a lost exchange",
        &[edit(
            CHUNK,
            "            Err(newer) => free = newer,",
            "            Err(_) => return 0,",
        )],
        &[Threads, Loom, Linearizability],
    )),
    smoke(mutant(
        "claim: keeps a bit that it did not win",
        &[edit(
            CHUNK,
            "if word.fetch_and(!bit, Ordering::SeqCst) & bit != 0 {",
            "if word.fetch_and(!bit, Ordering::SeqCst) & bit != 0 || free & bit != 0 {",
        )],
        &[Threads, Linearizability],
    )),
    smoke(mutant(
        "lowest: any candidate passes for the lowest",
        &[edit(
            TREE,
            "node.trailing_zeros() == digit(child)",
            "node >> digit(child) & 1 == 1",
        )],
        &[Verbs, Properties],
    )),
    smoke(mutant(
        "exact: believes what a claim in flight holds",
        &[edit(
            SINGLE,
            "self.try_claim_exact(slot) || self.retry_beside_flights(|| self.try_claim_exact(slot))",
            "self.try_claim_exact(slot)",
        )],
        &[Loom, Linearizability, Threads],
    )),
    mutant(
        "flights: ignored",
        &[edit(
            CONTROL,
            "let undisturbed = before & FLIGHTS_MASK == own && self.control.flights() == before;",
            "let undisturbed = before & FLIGHTS_MASK == own || self.control.flights() == before || true;",
        )],
        &[Loom, Linearizability, Threads],
    ),
    mutant(
        "flights: not looked at again",
        &[edit(
            CONTROL,
            "let undisturbed = before & FLIGHTS_MASK == own && self.control.flights() == before;",
            "let undisturbed = before & FLIGHTS_MASK == own;",
        )],
        &[Loom, Linearizability, Threads],
    ),
    mutant(
        "watch: what was freed meanwhile is ignored",
        &[edit(
            CONTROL,
            "if undisturbed && self.control.freed(order) == freed_before {",
            "if undisturbed {",
        )],
        &[Loom, Linearizability, Threads],
    ),
    mutant(
        "watch: looked for before the publish",
        &[edit(
            SINGLE,
            "        self.tree.publish(word_index / WORDS_PER_CHUNK);\n        if self.control.is_watched() {",
            "        let watched = self.control.is_watched();\n        self.tree.publish(word_index / WORDS_PER_CHUNK);\n        if watched {",
        )],
        &[Loom, Linearizability],
    ),
    mutant(
        "watch: only whole words count as freed",
        &[edit(
            CONTROL,
            "let from = order.min(WORD_ORDER) as usize;",
            "let from = order.max(WORD_ORDER) as usize;",
        )],
        &[Loom, Linearizability, Threads],
    ),
    smoke(mutant(
        "batch: the roll-back forgets one word",
        &[edit(
            BATCH,
            "for &(word_index, bits) in &claimed {",
            "for &(word_index, bits) in claimed.iter().skip(1) {",
        )],
        &[Verbs, Loom, Threads],
    )),
    mutant(
        "block: the roll-back forgets one word",
        &[edit(
            BLOCK,
            "for taken in *words.start()..word_index {",
            "for taken in *words.start() + 1..word_index {",
        )],
        &[Loom, Threads, Linearizability],
    ),
    smoke(mutant(
        "guard: releases twice",
        &[edit(
            "src/pool/guard.rs",
            "            let _ = self.pool.release(self.addr);",
            "            let _ = self.pool.release(self.addr);\n            let _ = self.pool.release(self.addr);",
        )],
        &[Verbs, Threads, Linearizability],
    )),
];
