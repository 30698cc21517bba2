//! The mutants: each is a weakening that must not go unnoticed.

use crate::checks::Check::{self, Loom, Tests};

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

pub(crate) const fn edit(file: &'static str, from: &'static str, to: &'static str) -> Edit {
    Edit { file, from, to }
}

pub(crate) const fn mutant(
    name: &'static str,
    edits: &'static [Edit],
    checks: &'static [Check],
) -> Mutant {
    Mutant {
        name,
        edits,
        checks,
        smoke: false,
    }
}

pub(crate) const fn smoke(mutant: Mutant) -> Mutant {
    Mutant {
        smoke: true,
        ..mutant
    }
}

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "sync: no load is in the total order",
        &[edit(
            "src/sync.rs",
            "        fence(Ordering::SeqCst);\n",
            "",
        )],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    )),
    mutant(
        "settle: version dropped",
        &[edit(
            TREE,
            "const VERSION: u64 = 1 << 32;",
            "const VERSION: u64 = 0;",
        )],
        &[Loom("single", "helpers_that_settle_do_not_lose_a_release")],
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
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    ),
    smoke(mutant(
        "settle: the child is not looked at again",
        &[edit(
            TREE,
            "                is_full(child)\n",
            "                true\n",
        )],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    )),
    mutant(
        "settle: check loads without the total order",
        &[edit(
            CHUNK,
            "self.0.iter().all(|word| load_seq_cst(word) == 0)",
            "self.0.iter().all(|word| word.load(Ordering::Acquire) == 0)",
        )],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    ),
    smoke(mutant(
        "publish: stops at the first hint that is set",
        &[edit(
            TREE,
            "node.fetch_or(maybe, Ordering::SeqCst);\n            }",
            "node.fetch_or(maybe, Ordering::SeqCst);\n            } else {\n                return;\n            }",
        )],
        &[Loom("proof", "a_slot_said_to_be_free_is_within_bounds")],
    )),
    mutant(
        "publish: node loads without the total order",
        &[edit(
            TREE,
            "if load_seq_cst(node) & maybe == 0 {",
            "if node.load(Ordering::Acquire) & maybe == 0 {",
        )],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    ),
    mutant(
        "publish: only by whoever frees the first bit",
        &[edit(
            SINGLE,
            "        self.tree.publish(word_index / WORDS_PER_CHUNK);\n        if self",
            "        if load_seq_cst(self.word(word_index)) == bits {\n            self.tree.publish(word_index / WORDS_PER_CHUNK);\n        }\n        if self",
        )],
        &[Loom(
            "block",
            "a_search_for_a_block_is_not_fooled_by_one_that_moves_between_words",
        )],
    ),
    smoke(mutant(
        "publish: not by a release of a free slot",
        &[edit(
            "src/storage/mod.rs",
            "        self.bitmap().announce_slot(slot);\n",
            "        if was_taken {\n            self.bitmap().announce_slot(slot);\n        }\n",
        )],
        &[Loom("proof", "a_slot_said_to_be_free_is_within_bounds")],
    )),
    smoke(mutant(
        "release: the store is Relaxed",
        &[edit(
            SINGLE,
            ".fetch_or(bit, Ordering::SeqCst) & bit != 0;",
            ".fetch_or(bit, Ordering::Relaxed) & bit != 0;",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    )),
    mutant(
        "claim: the exchange is Relaxed",
        &[edit(
            CHUNK,
            "match word.compare_exchange(free, rest, Ordering::SeqCst, Ordering::SeqCst) {",
            "match word.compare_exchange(free, rest, Ordering::Relaxed, Ordering::SeqCst) {",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    ),
    mutant(
        "claim: gives up after a lost exchange",
        &[edit(
            CHUNK,
            "Ok(_) => return take,\n            Err(newer) => free = newer,",
            "Ok(_) => return take,\n            Err(_) => return 0,",
        )],
        &[Loom(
            "proof",
            "a_bounded_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    smoke(mutant(
        "claim: keeps a bit that it did not win",
        &[edit(
            CHUNK,
            "if word.fetch_and(!bit, Ordering::SeqCst) & bit != 0 {",
            "if word.fetch_and(!bit, Ordering::SeqCst) & bit != 0 || free & bit != 0 {",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    )),
    smoke(mutant(
        "lowest: any candidate passes for the lowest",
        &[edit(
            TREE,
            "node.trailing_zeros() == digit(child)",
            "node >> digit(child) & 1 == 1",
        )],
        &[Tests("verbs"), Tests("properties")],
    )),
    smoke(mutant(
        "exact: believes what a claim in flight holds",
        &[edit(
            SINGLE,
            "self.try_claim_exact(slot) || self.retry_beside_flights(|| self.try_claim_exact(slot))",
            "self.try_claim_exact(slot)",
        )],
        &[Loom(
            "batch",
            "batches_that_fail_one_after_the_other_take_nothing_from_a_single_claim",
        )],
    )),
    smoke(mutant(
        "flights: ignored",
        &[edit(
            CONTROL,
            "before & FLIGHTS_MASK == own && self.flights() == before",
            "before & FLIGHTS_MASK == own || self.flights() == before || true",
        )],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    )),
    mutant(
        "flights: not looked at again",
        &[edit(
            CONTROL,
            "before & FLIGHTS_MASK == own && self.flights() == before",
            "before & FLIGHTS_MASK == own",
        )],
        &[Loom(
            "batch",
            "batches_that_fail_one_after_the_other_take_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "watch: what was freed meanwhile is ignored",
        &[edit(
            CONTROL,
            "if undisturbed && self.control.freed(order) == freed_before {",
            "if undisturbed {",
        )],
        &[Loom(
            "block",
            "a_search_for_a_block_is_not_fooled_by_one_that_moves_between_words",
        )],
    ),
    mutant(
        "watch: looked for before the publish",
        &[edit(
            SINGLE,
            "        self.tree.publish(word_index / WORDS_PER_CHUNK);\n        if self.control.is_watched() {",
            "        let watched = self.control.is_watched();\n        self.tree.publish(word_index / WORDS_PER_CHUNK);\n        if watched {",
        )],
        &[Loom(
            "block",
            "a_search_for_a_pair_is_not_fooled_by_a_larger_block",
        )],
    ),
    mutant(
        "watch: only whole words count as freed",
        &[edit(
            CONTROL,
            "let from = order.min(WORD_ORDER) as usize;",
            "let from = order.max(WORD_ORDER) as usize;",
        )],
        &[Loom(
            "block",
            "a_search_for_a_block_is_not_fooled_by_one_that_moves_between_words",
        )],
    ),
    smoke(mutant(
        "batch: the roll-back forgets one word",
        &[edit(
            BATCH,
            "for &(word_index, bits) in &claimed {",
            "for &(word_index, bits) in claimed.iter().skip(1) {",
        )],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    )),
    mutant(
        "block: the roll-back forgets one word",
        &[edit(
            BLOCK,
            "for taken in *words.start()..word_index {",
            "for taken in *words.start() + 1..word_index {",
        )],
        &[Loom(
            "block",
            "a_block_that_is_given_back_takes_nothing_from_a_single_claim",
        )],
    ),
    smoke(mutant(
        "guard: releases twice",
        &[edit(
            "src/pool/guard.rs",
            "            let _ = self.pool.release(self.addr);",
            "            let _ = self.pool.release(self.addr);\n            let _ = self.pool.release(self.addr);",
        )],
        &[Tests("verbs")],
    )),
    mutant(
        "batch: the flight ends before the roll-back",
        &[
            edit(
                BATCH,
                "            for &(word_index, bits) in &claimed {",
                "            drop(flight);\n            for &(word_index, bits) in &claimed {",
            ),
            edit(
                BATCH,
                "            drop(flight);\n            if verdict",
                "            if verdict",
            ),
        ],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    ),
    smoke(mutant(
        "block: a lost word passes for success",
        &[edit(
            BLOCK,
            "                return false;\n            }\n        }\n        true",
            "                return true;\n            }\n        }\n        true",
        )],
        &[Loom(
            "block",
            "a_block_that_is_given_back_takes_nothing_from_a_single_claim",
        )],
    )),
    mutant(
        "block: claimed without a flight",
        &[edit(BLOCK, "let _flight = self.begin_flight();", "")],
        &[Loom(
            "block",
            "a_block_that_is_given_back_takes_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "watch: nobody is told of it",
        &[edit(
            CONTROL,
            "self.watchers.fetch_add(1, Ordering::SeqCst);",
            "self.watchers.fetch_add(0, Ordering::SeqCst);",
        )],
        &[Loom(
            "block",
            "a_search_for_a_block_is_not_fooled_by_one_that_moves_between_words",
        )],
    ),
    mutant(
        "tree: \"exhausted\" by the hints that are certain alone",
        &[edit(
            TREE,
            "(node | node >> CLEARING_SHIFT) & MAYBE_MASK",
            "node & MAYBE_MASK",
        )],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    ),
    mutant(
        "local: takes a word that it did not empty",
        &[edit(
            "src/bitmap/word.rs",
            "    word.swap(0, Ordering::SeqCst)\n",
            "    let free = load_seq_cst(word);\n    word.store(0, Ordering::SeqCst);\n    free\n",
        )],
        &[Loom("local", "two_locals_share_no_address")],
    ),
    mutant(
        "local: the swap is Relaxed",
        &[edit(
            "src/bitmap/word.rs",
            "word.swap(0, Ordering::SeqCst)",
            "word.swap(0, Ordering::Relaxed)",
        )],
        &[Loom("local", "a_local_passes_addresses_on")],
    ),
    smoke(mutant(
        "local: keeps what it has left",
        &[edit(
            "src/pool/local.rs",
            "        if self.free != 0 {",
            "        if self.free == 1 {",
        )],
        &[Loom(
            "local",
            "a_local_dropped_while_another_thread_allocates_loses_nothing",
        )],
    )),
    mutant(
        "local: takes back what is free in the pool",
        &[edit(
            "src/pool/local.rs",
            "self.free & bit == 0 && self.pool.bitmap().are_taken(self.word_index, bit)",
            "self.free & bit == 0",
        )],
        &[Tests("local")],
    ),
];
