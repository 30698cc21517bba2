//! The mutants: each is a weakening that a check must notice.

use crate::Outcome;
use crate::checks::Check::{self, Loom, Test, UnitIn, WideLoom};
use std::fs;
use std::path::Path;

/// Returns all mutants of all lists.
pub(crate) fn all() -> impl Iterator<Item = &'static Mutant> {
    let lists = [
        MUTANTS,
        crate::list_file::MUTANTS,
        crate::list_fork::MUTANTS,
        crate::list_formats::MUTANTS,
        crate::list_set::MUTANTS,
        crate::list_pass::MUTANTS,
        crate::list_lease_pass::MUTANTS,
        crate::list_sim::MUTANTS,
        crate::list_stripes::MUTANTS,
        crate::list_edges::MUTANTS,
        crate::list_lease_file::MUTANTS,
    ];
    lists.into_iter().flatten()
}

pub(crate) struct Edit {
    pub(crate) file: &'static str,
    /// The text to replace, which must occur in the file exactly once.
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) edits: &'static [Edit],
    /// The checks to try, the likeliest first.
    pub(crate) checks: &'static [Check],
    /// Whether it is part of the smoke run, because it is caught within seconds.
    pub(crate) smoke: bool,
}

/// A file before and after a mutant's edits.
pub(crate) struct Change {
    pub(crate) file: &'static str,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Mutant {
    /// Returns what the mutant makes of the files below `root`, or an error if one of them has changed so that
    /// an edit no longer has exactly one place.
    pub(crate) fn changes(&self, root: &Path) -> Outcome<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        for edit in self.edits {
            let known = changes.iter_mut().find(|change| change.file == edit.file);
            let change = match known {
                Some(change) => change,
                None => {
                    let before = fs::read_to_string(root.join(edit.file))
                        .map_err(|error| format!("{}: {error}", edit.file))?;
                    changes.push(Change {
                        file: edit.file,
                        after: before.clone(),
                        before,
                    });
                    changes.last_mut().expect("just pushed")
                }
            };
            let places = change.after.matches(edit.from).count();
            if places != 1 {
                return Err(format!(
                    "mutant {:?} no longer applies: {places} places in {} read\n{}",
                    self.name, edit.file, edit.from
                ));
            }
            change.after = change.after.replace(edit.from, edit.to);
        }
        Ok(changes)
    }
}

const CHUNK: &str = "src/bitmap/chunk.rs";
const TREE: &str = "src/bitmap/tree.rs";
const SINGLE: &str = "src/bitmap/single.rs";
const BATCH: &str = "src/bitmap/batch.rs";
const BLOCK: &str = "src/bitmap/block.rs";
const CONTROL: &str = "src/bitmap/control.rs";
const COLLECT: &str = "src/bitmap/collect.rs";
const LANE: &str = "src/bitmap/lane.rs";

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

const MUTANTS: &[Mutant] = &[
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
                "let next = seen ^ if is_full { clearing } else { both };",
                "let next = if is_full { seen & !both } else { (seen | maybe) & !clearing };",
            ),
        ],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    ),
    mutant(
        "settle: the child is not looked at again",
        &[edit(
            SINGLE,
            "|| chunk.is_full());",
            "|| chunk.is_full() || true);",
        )],
        &[Loom("batch", "a_batch_finds_what_its_thread_released")],
    ),
    mutant(
        "settle: check of words without the total order",
        &[edit(
            CHUNK,
            "self.0.iter().map(load_seq_cst)",
            "self.0.iter().map(|word| word.load(Ordering::Acquire))",
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
        &[Loom(
            "single",
            "a_released_slot_is_not_lost_where_it_was_the_only_one",
        )],
    ),
    smoke(mutant(
        "release: the look stops at the first level",
        &[edit(
            TREE,
            "if index == ROOT {\n                break;",
            "if true {\n                break;",
        )],
        &[Loom(
            "single",
            "releasing_beside_a_stalled_release_guarantees_an_allocation",
        )],
    )),
    mutant(
        "release: the look comes before the bit is free",
        &[
            edit(
                "src/storage/mod.rs",
                "        if !self.bitmap().mark_free(slot) {",
                "        let is_published = self.bitmap().is_published(slot);\n        if !self.bitmap().mark_free(slot) {",
            ),
            edit(
                "src/storage/mod.rs",
                "if self.bitmap().is_published(slot) && !",
                "if is_published && !",
            ),
        ],
        &[Loom("single", "a_released_slot_is_not_lost")],
    ),
    mutant(
        "release: the look skips the watchers",
        &[edit(
            "src/storage/mod.rs",
            "if self.bitmap().is_published(slot) && !self.bitmap().is_watched() {",
            "if self.bitmap().is_published(slot) {",
        )],
        &[Loom(
            "proof",
            "a_linear_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "release: the look without the total order",
        &[edit(
            TREE,
            "if load_seq_cst(node) & (1 << digit(child)) == 0 {",
            "if node.load(Ordering::Acquire) & (1 << digit(child)) == 0 {",
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
            "single",
            "releasing_beside_a_stalled_release_guarantees_an_allocation",
        )],
    ),
    mutant(
        "publish: not by a release of a free slot",
        &[edit(
            "src/storage/mod.rs",
            "Freed::Unannounced | Freed::Before => self.bitmap()",
            "Freed::Before => {}\n            Freed::Unannounced => self.bitmap()",
        )],
        &[Loom("proof", "a_slot_said_to_be_free_is_within_bounds")],
    ),
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
        "claim, lowest: the exchange is Relaxed",
        &[edit(
            CHUNK,
            "match word.compare_exchange(free, rest, Ordering::SeqCst, Ordering::Relaxed) {",
            "match word.compare_exchange(free, rest, Ordering::Relaxed, Ordering::Relaxed) {",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    ),
    mutant(
        "claim, bounded: gives up after a lost exchange",
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
    mutant(
        "claim, spread: keeps a bit that it did not win",
        &[edit(
            CHUNK,
            "    word.fetch_and(!bit, Ordering::SeqCst) & bit != 0\n",
            "    word.fetch_and(!bit, Ordering::SeqCst) & bit != 0 || bit != 0\n",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    ),
    mutant(
        "lowest: any candidate passes for the lowest",
        &[edit(
            TREE,
            "if node.trailing_zeros() != digit(child) {",
            "if node >> digit(child) & 1 != 1 {",
        )],
        &[Test("properties", "big_trees_answer_like_a_scan_and_a_set")],
    ),
    mutant(
        "search: settles at once, and does not look again",
        &[edit(
            SINGLE,
            "        self.settle_here(chunk_index);\n        step\n",
            "        let chunk = &self.chunks[chunk_index];\n        self.tree.settle(chunk_index, || matches!(step, Step::Took(_)) | chunk.is_full());\n        step\n",
        )],
        &[Loom(
            "single",
            "a_search_that_empties_a_chunk_loses_no_release",
        )],
    ),
    mutant(
        "settle: the node is not looked at again",
        &[edit(
            TREE,
            "let is_empty = || candidates(load_seq_cst(node)) == 0;",
            "let is_empty = || candidates(load_seq_cst(node)) == 0 || level != 0;",
        )],
        &[Loom(
            "single",
            "a_search_that_empties_a_node_loses_no_release",
        )],
    ),
    smoke(mutant(
        "search: settles before its claim",
        &[
            edit(
                SINGLE,
                "        let step = match take(chunk_index) {",
                "        self.settle_here(chunk_index);\n        let step = match take(chunk_index) {",
            ),
            edit(
                SINGLE,
                "        self.settle_here(chunk_index);\n        step\n",
                "        step\n",
            ),
        ],
        &[UnitIn(
            SINGLE,
            "a_search_clears_the_hints_of_what_it_emptied",
        )],
    )),
    smoke(mutant(
        "search: settles the chunk beside the one that it emptied",
        &[edit(
            SINGLE,
            "        self.settle_here(chunk_index);\n        step\n",
            "        self.settle_here(chunk_index ^ usize::from(matches!(step, Step::Took(_))));\n        step\n",
        )],
        &[UnitIn(
            SINGLE,
            "a_search_clears_the_hints_of_what_it_emptied",
        )],
    )),
    smoke(mutant(
        "search: leaves the hint of what it emptied",
        &[edit(
            SINGLE,
            "Attempt::Took(taken) if taken.seems_last => Step::Took(taken.slot),\n            Attempt::Took(taken) => return Step::Took(taken.slot),",
            "Attempt::Took(taken) => return Step::Took(taken.slot),",
        )],
        &[UnitIn(
            SINGLE,
            "a_search_clears_the_hints_of_what_it_emptied",
        )],
    )),
    smoke(mutant(
        "lowest: a claim from the likely chunk settles at once, too",
        &[edit(
            SINGLE,
            "self.marks_of(word_index))\n            .map(|bit_index| slot_at(word_index, bit_index))\n    }\n\n    /// Does",
            "self.marks_of(word_index)).map(|bit_index| {\n            self.settle(chunk_index);\n            slot_at(word_index, bit_index)\n        })\n    }\n\n    /// Does",
        )],
        &[UnitIn(
            SINGLE,
            "no_other_claim_clears_the_hints_of_what_it_emptied",
        )],
    )),
    mutant(
        "from: both parts are looked at, and nothing is proved",
        &[edit(
            SINGLE,
            "self.search_until_none_free(|| self.find_from(0, start, self.last_slot()))",
            "self.find_from(0, start, self.last_slot())",
        )],
        &[Loom(
            "proof",
            "a_search_from_a_slot_on_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "from: each part is proved by itself",
        &[edit(
            "src/pool/claim/from.rs",
            "bitmap.claim_from(start)",
            "{\n            let part = |first, last| bitmap.claim_within(first, crate::bitmap::Way::UpFrom(first), last);\n            let before = || part(0, start.checked_sub(1)?);\n            part(start, self.last_slot()).or_else(before)\n        }",
        )],
        &[Loom(
            "pool",
            "the_next_free_address_is_not_missed_while_it_moves",
        )],
    ),
    mutant(
        "exact block: the one above it will do",
        &[edit(
            "src/pool/claim/exact_block.rs",
            "count: 1,",
            "count: 2,",
        )],
        &[Test("verbs", "an_exact_block_is_all_or_nothing")],
    ),
    mutant(
        "exact: believes what a claim in flight holds",
        &[edit(
            SINGLE,
            "self.control.lanes_used() != 0 && self.claim_exact_or_prove(slot)",
            "false",
        )],
        &[Loom(
            "batch",
            "batches_that_fail_one_after_the_other_take_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "flights: ignored",
        &[edit(
            LANE,
            "        *seen = LaneWord(load_seq_cst(word));\n",
            "        *seen = LaneWord(load_seq_cst(word)).landed(0);\n",
        )],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    ),
    mutant(
        "flights: what was given back is not asked",
        &[edit(
            COLLECT,
            "Seen::Once | Seen::Root(_) => given.into(),",
            "Seen::Once | Seen::Root(_) => u64::from(given) * 0,",
        )],
        &[Loom(
            "batch",
            "batches_that_fail_one_after_the_other_take_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "watch: what was freed meanwhile is ignored",
        &[edit(
            COLLECT,
            "Seen::Watched { order, freed, .. } => self.bitmap.control.freed(*order) == *freed,",
            "Seen::Watched { order, freed, .. } => self.bitmap.control.freed(*order) >= *freed,",
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
    mutant(
        "batch: the roll-back forgets one word",
        &[edit(
            BATCH,
            "for &(word_index, bits) in &claimed {",
            "for &(word_index, bits) in claimed.iter().skip(1) {",
        )],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    ),
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
            "            self.lender.take_back(self.addr);",
            "            self.lender.take_back(self.addr);\n            self.lender.take_back(self.addr);",
        )],
        &[Loom("pool", "two_threads_always_share_two_addresses")],
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
                "                flight.note_given_back(bits.count_ones().into());\n            }\n            drop(flight);\n",
                "            }\n",
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
        "flights: what is given back is not noted",
        &[edit(
            BATCH,
            "                flight.note_given_back(bits.count_ones().into());\n",
            "",
        )],
        &[Loom(
            "batch",
            "a_batch_that_fails_takes_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "flights: a refusal waits for those who begin later alone",
        &[edit(
            LANE,
            "earlier.is_in_air() && self.0 as u32 == earlier.0 as u32",
            "earlier.is_in_air() && self.is_in_air() && self.0 as u32 != earlier.0 as u32",
        )],
        &[Loom(
            "batch",
            "a_batch_that_fails_takes_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "asked: only after the look",
        &[edit(
            CONTROL,
            "                bitmap.ask_for(area)\n",
            "                let found = search();\n                if found.is_some() {\n                    return found;\n                }\n                let evidence = bitmap.ask_for(area);\n                if evidence.given_back() == 0 {\n                    return None;\n                }\n                evidence\n",
        )],
        &[UnitIn(CONTROL, "control")],
    ),
    mutant(
        "settle: a node whose children are all being cleared counts as full",
        &[edit(
            TREE,
            "let is_empty = || candidates(load_seq_cst(node)) == 0;",
            "let is_empty = || load_seq_cst(node) & MAYBE_MASK == 0;",
        )],
        &[Loom(
            "single",
            "helpers_that_settle_two_levels_do_not_lose_a_release",
        )],
    ),
    mutant(
        "block: claimed without a flight",
        &[
            edit(BLOCK, "let flight = self.begin_flight();", ""),
            edit(BLOCK, "flight.note_given_back(SLOTS_PER_WORD.into());", ""),
        ],
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
            "src/pool/local/verbs.rs",
            "        if self.free() != 0 {",
            "        if self.free() == 1 {",
        )],
        &[Loom(
            "local",
            "a_local_dropped_while_another_thread_allocates_loses_nothing",
        )],
    )),
    mutant(
        "local: takes back what is free in the pool",
        &[edit(
            "src/pool/local/verbs.rs",
            "Some(bit) if self.pool.bitmap().are_taken(self.word_index, bit) => {",
            "Some(bit) => {",
        )],
        &[Test("local", "a_double_release_is_an_error")],
    ),
    mutant(
        "publish: before the bit is free",
        &[edit(
            "src/storage/mod.rs",
            "        if !self.bitmap().mark_free(slot) {\n            return Freed::Before;\n        }\n        // In this order: after the mark, and the watchers last. The look takes the place of an announcement.\n        if self.bitmap().is_published(slot) && !self.bitmap().is_watched() {\n            Freed::Now\n        } else {\n            Freed::Unannounced\n        }",
            "        self.bitmap().announce_slot(slot);\n        if self.bitmap().mark_free(slot) {\n            Freed::Now\n        } else {\n            Freed::Before\n        }",
        )],
        &[Loom("single", "a_released_slot_is_not_lost")],
    ),
    mutant(
        "publish: not by a roll-back",
        &[edit(
            SINGLE,
            "        self.announce(word_index, bits);\n        before & bits",
            "        before & bits",
        )],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    ),
    mutant(
        "release of many bits: the store is Relaxed",
        &[edit(
            SINGLE,
            ".fetch_or(bits, Ordering::SeqCst);",
            ".fetch_or(bits, Ordering::Relaxed);",
        )],
        &[Loom("local", "a_local_passes_addresses_on")],
    ),
    mutant(
        "release of a block: the exchange is Relaxed",
        &[edit(
            BLOCK,
            "match word.compare_exchange(seen, seen | bits, Ordering::SeqCst, Ordering::SeqCst) {",
            "match word.compare_exchange(seen, seen | bits, Ordering::Relaxed, Ordering::SeqCst) {",
        )],
        &[Loom("block", "a_block_passes_from_holder_to_holder")],
    ),
    mutant(
        "release of a block: frees the rest though a part is free",
        &[edit(
            BLOCK,
            "if free_before.is_none() {",
            "if free_before != Some(Slot::MAX) {",
        )],
        &[Test("verbs", "a_partly_free_block_is_refused_unchanged")],
    ),
    mutant(
        "claim, lowest: a lost exchange passes for a claim",
        &[edit(
            CHUNK,
            "Err(_) => Attempt::Lost,",
            "Err(_) => Attempt::Took(free.trailing_zeros()),",
        )],
        &[Loom("single", "two_threads_take_exactly_the_two_lowest")],
    ),
    mutant(
        "claim, bounded: no re-load after a lost exchange",
        &[edit(
            CHUNK,
            "Ok(_) => return take,\n            Err(newer) => free = newer,",
            "Ok(_) => return take,\n            Err(_) => {}",
        )],
        &[Loom(
            "proof",
            "a_bounded_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "lowest: passes over a word of the chunk of the last claim",
        &[edit(
            CHUNK,
            "self.0.iter().position(|word| load_seq_cst(word) != 0)",
            "self.0.iter().rposition(|word| load_seq_cst(word) != 0)",
        )],
        &[Test("verbs", "lowest_is_always_the_lowest_free_address")],
    ),
    mutant(
        "lowest: the search passes over a word of the chunk",
        &[edit(
            CHUNK,
            "index += usize::from(seen == 0);",
            "index += usize::from(seen == 0 || load_seq_cst(&self.0[index + 1]) != 0);",
        )],
        &[Test("verbs", "lowest_is_always_the_lowest_free_address")],
    ),
    mutant(
        "settle: only the first word of a chunk is checked",
        &[edit(
            CHUNK,
            "self.0.iter().map(load_seq_cst)",
            "self.0.iter().take(1).map(load_seq_cst)",
        )],
        &[WideLoom("single", "a_released_slot_is_not_lost")],
    ),
    mutant(
        "claim, bounded: the exchange is Relaxed",
        &[edit(
            CHUNK,
            "match word.compare_exchange(free, free & !take, Ordering::SeqCst, Ordering::SeqCst) {",
            "match word.compare_exchange(free, free & !take, Ordering::Relaxed, Ordering::SeqCst) {",
        )],
        &[Loom(
            "proof",
            "a_bounded_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "watch: nothing of the search is in the total order",
        &[
            edit(
                CHUNK,
                "    let mut free = load_seq_cst(word);\n    loop {",
                "    let mut free = word.load(Ordering::Acquire);\n    loop {",
            ),
            edit(
                CHUNK,
                "self.0.iter().map(load_seq_cst)",
                "self.0.iter().map(|word| word.load(Ordering::Acquire))",
            ),
            edit(
                CONTROL,
                "load_seq_cst(&self.lanes_used)",
                "self.lanes_used.load(Ordering::Acquire)",
            ),
            edit(
                CONTROL,
                ".map(load_seq_cst)",
                ".map(|counter| counter.load(Ordering::Acquire))",
            ),
        ],
        &[Loom(
            "proof",
            "a_bounded_linear_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "claim, spread: the fetch_and is Relaxed",
        &[edit(
            CHUNK,
            "    word.fetch_and(!bit, Ordering::SeqCst) & bit != 0\n",
            "    word.fetch_and(!bit, Ordering::Relaxed) & bit != 0\n",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    ),
    mutant(
        "exact: the fetch_and is Relaxed",
        &[edit(
            SINGLE,
            ".fetch_and(!bit, Ordering::SeqCst) & bit != 0",
            ".fetch_and(!bit, Ordering::Relaxed) & bit != 0",
        )],
        &[Loom("single", "a_slot_passes_from_holder_to_holder")],
    ),
    mutant(
        "block: the exchange of a part of a word is Relaxed",
        &[edit(
            BLOCK,
            "match word.compare_exchange(seen, seen & !block, Ordering::SeqCst, Ordering::SeqCst) {",
            "match word.compare_exchange(seen, seen & !block, Ordering::Relaxed, Ordering::SeqCst) {",
        )],
        &[Loom(
            "block",
            "a_search_for_a_block_is_not_fooled_by_one_that_moves_between_words",
        )],
    ),
    mutant(
        "block: the exchange of a whole word is Relaxed",
        &[edit(
            BLOCK,
            "word.compare_exchange(u64::MAX, 0, Ordering::SeqCst, Ordering::SeqCst)",
            "word.compare_exchange(u64::MAX, 0, Ordering::Relaxed, Ordering::SeqCst)",
        )],
        &[Loom("block", "a_block_passes_from_holder_to_holder")],
    ),
    mutant(
        "tree: neither root, flights nor watchers are read in total order",
        &[
            edit(
                TREE,
                "candidates(load_seq_cst(root)) == 0",
                "candidates(root.load(Ordering::Acquire)) == 0",
            ),
            edit(
                TREE,
                "let node = candidates(load_seq_cst(node)) | BEHIND_ALL;",
                "let node = candidates(node.load(Ordering::Acquire)) | BEHIND_ALL;",
            ),
            edit(
                TREE,
                "candidates(load_seq_cst(&self.nodes[place]))",
                "candidates(self.nodes[place].load(Ordering::Acquire))",
            ),
            edit(
                CONTROL,
                "load_seq_cst(&self.lanes_used)",
                "self.lanes_used.load(Ordering::Acquire)",
            ),
            edit(
                CONTROL,
                "load_seq_cst(&self.watchers) != 0",
                "self.watchers.load(Ordering::Acquire) != 0",
            ),
        ],
        &[Loom("pool", "answers_of_two_pools_have_one_order")],
    ),
    mutant(
        "lowest: the way down is not the lowest",
        &[edit(
            TREE,
            "self.way_down(|node| node.trailing_zeros())",
            "self.way_down(|node| node.ilog2())",
        )],
        &[Test("properties", "big_trees_answer_like_a_scan_and_a_set")],
    ),
    mutant(
        "lowest: who was refused is refused again, whatever the root says",
        &[edit(
            "src/pool/claim/allocate.rs",
            "match self.is_full_by_the_root() {",
            "match true {",
        )],
        &[Test("verbs", "exhaustion_and_guards_are_counted")],
    ),
    mutant(
        "highest: the way down is not the highest",
        &[edit(
            TREE,
            "self.way_down(|node| node.ilog2())",
            "self.way_down(|node| node.trailing_zeros())",
        )],
        &[Test("verbs", "highest_is_always_the_highest_free_address")],
    ),
    mutant(
        "claim, highest: the exchange is Relaxed",
        &[edit(
            CHUNK,
            "word.compare_exchange(free, free & !bit, Ordering::SeqCst, Ordering::Relaxed);",
            "word.compare_exchange(free, free & !bit, Ordering::Relaxed, Ordering::Relaxed);",
        )],
        &[Loom(
            "single",
            "a_slot_passes_from_holder_to_holder_from_above",
        )],
    ),
    mutant(
        "claim, highest: a lost exchange passes for a claim",
        &[edit(
            CHUNK,
            "        false => Attempt::Lost,",
            "        false => Attempt::Took(bit_index),",
        )],
        &[Loom("single", "two_threads_take_exactly_the_two_highest")],
    ),
    mutant(
        "highest: stale hints are left where they are",
        &[
            edit(
                SINGLE,
                "        self.tree.previous_candidate(from, first, settle)",
                "        let _ = settle;\n        self.tree.previous_candidate(from, first, |_, _| ())",
            ),
            edit(
                SINGLE,
                "            match request.visit_from_above(&self.chunks[chunk_index], chunk_index, self.mark) {\n                Visit::Done => break,\n                Visit::Empty => self.settle(chunk_index),",
                "            match request.visit_from_above(&self.chunks[chunk_index], chunk_index, self.mark) {\n                Visit::Done => break,\n                Visit::Empty => {}",
            ),
        ],
        &[Test("verbs", "highest_is_always_the_highest_free_address")],
    ),
    mutant(
        "highest: a batch is answered as it was taken",
        &[edit(
            "src/policy.rs",
            "            Self::Highest => true,",
            "            Self::Highest => false,",
        )],
        &[Test("verbs", "highest_is_always_the_highest_free_address")],
    ),
    mutant(
        "batch: the flight begins after the first claim",
        &[
            edit(
                BATCH,
                "            let flight = self.begin_flight();\n            let mut claimed",
                "            let mut claimed",
            ),
            edit(
                BATCH,
                "            for &(word_index, bits) in &claimed {",
                "            let flight = self.begin_flight();\n            for &(word_index, bits) in &claimed {",
            ),
        ],
        &[Loom("batch", "a_batch_that_fails_gives_everything_back")],
    ),
    mutant(
        "watch: looked for without the total order",
        &[edit(
            CONTROL,
            "load_seq_cst(&self.watchers) != 0",
            "self.watchers.load(Ordering::Acquire) != 0",
        )],
        &[Loom(
            "proof",
            "a_bounded_linear_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "linear: nobody is told of the watch",
        &[edit(
            COLLECT,
            "None => self.evidence_by_looking(|| self.chunks.iter().all(Chunk::is_full)),",
            "None => self.chunks.iter().all(Chunk::is_full).then(|| self.evidence_of_one_look()),",
        )],
        &[Loom(
            "proof",
            "a_linear_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    mutant(
        "linear: what was freed meanwhile is ignored",
        &[edit(
            COLLECT,
            "(look() && evidence.still_holds()).then_some(evidence)",
            "look().then_some(evidence)",
        )],
        &[Loom(
            "proof",
            "a_linear_search_is_not_fooled_by_a_moving_slot",
        )],
    ),
    smoke(mutant(
        "adopt: counts what others have",
        &[edit(
            "src/bitmap/word.rs",
            "let take = |wanted| take_lowest(word, wanted, u64::MAX, self.marks_of(word_index));",
            "let take = |wanted| take_lowest(word, wanted, u64::MAX, self.marks_of(word_index)) | wanted;",
        )],
        &[Loom("adopt", "two_lists_take_each_address_once")],
    )),
    mutant(
        "adopt: what a list names leaves no mark",
        &[edit(
            "src/pool/list/adopt.rs",
            "                self.words.touch(&named);\n",
            "",
        )],
        &[Loom(
            "pass",
            "what_is_adopted_though_it_was_taken_is_never_freed",
        )],
    ),
    mutant(
        "adopt: does not wait for who is freeing",
        &[edit(
            "src/pool/list/adopt.rs",
            "if before.is_applying() && self.is_anybody_freeing() {",
            "if false {",
        )],
        &[Loom(
            "pass",
            "what_is_adopted_though_it_was_taken_is_never_freed",
        )],
    ),
    mutant(
        "adopt: what it names stays a suspect",
        &[edit(
            "src/pool/list/adopt.rs",
            "        self.leave_quarantine(listing.words());\n",
            "",
        )],
        &[Test(
            "file_life",
            "what_is_adopted_is_no_suspect_to_an_older_list",
        )],
    ),
    mutant(
        "adopt: does not wait for a reclaim between its stores",
        &[edit(
            "src/pool/list/adopt.rs",
            "        self.bitmap().wait_for_flights();\n",
            "",
        )],
        &[UnitIn("src/pool/file/slow_sync.rs", "slow_sync")],
    ),
    mutant(
        "guard: releases what was kept",
        &[edit(
            "src/pool/guard.rs",
            "        self.kept = true;\n",
            "        self.kept = false;\n",
        )],
        &[Loom("pool", "two_threads_always_share_two_addresses")],
    ),
    mutant(
        "local: hands out an address twice",
        &[edit(
            "src/pool/local/verbs.rs",
            "        self.near &= self.near - 1;\n",
            "        self.near &= self.near;\n",
        )],
        &[Loom("local", "two_locals_share_no_address")],
    ),
    mutant(
        "local: returns more than it has left",
        &[edit(
            "src/pool/local/verbs.rs",
            "self.pool.return_word(self.word_index, self.free());",
            "self.pool.return_word(self.word_index, self.free() | 6);",
        )],
        &[Loom(
            "local",
            "a_local_dropped_while_another_thread_allocates_loses_nothing",
        )],
    ),
    mutant(
        "settle: check of a node without the total order",
        &[edit(
            TREE,
            "let is_empty = || candidates(load_seq_cst(node)) == 0;",
            "let is_empty = || candidates(node.load(Ordering::Acquire)) == 0;",
        )],
        &[Loom(
            "single",
            "releasing_first_guarantees_an_allocation_under_two_levels",
        )],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    /// A change of the library that makes a mutant stale fails at once.
    #[test]
    fn every_mutant_applies() {
        let stale = all().filter_map(|mutant| mutant.changes(root()).err());
        let stale: Vec<_> = stale.collect();
        assert!(stale.is_empty(), "{}", stale.join("\n\n"));
    }

    #[test]
    fn every_mutant_has_a_name_of_its_own_and_checks_that_exist() {
        let names: BTreeSet<_> = all().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), all().count());
        for mutant in all() {
            assert!(!mutant.checks.is_empty(), "{}", mutant.name);
            for check in mutant.checks {
                let (file, test) = check.place();
                let text = fs::read_to_string(root().join(&file)).expect("a file of tests");
                let name = |test: &String| test.rsplit("::").next().map(str::to_owned);
                let name = test.as_ref().and_then(name);
                let function = name.map_or("#[test]".to_owned(), |name| format!("fn {name}("));
                assert!(text.contains(&function), "{file}: {test:?}");
            }
        }
    }

    /// A file of models without a twin that fails in CI may have become a file of models that prove
    /// nothing.
    #[test]
    fn every_file_of_loom_models_has_a_twin_in_the_smoke_run() {
        let smoke = all().filter(|mutant| mutant.smoke);
        let twins = smoke.flat_map(|mutant| mutant.checks);
        let with_twins: BTreeSet<_> = twins.map(|check| check.place().0).collect();
        for entry in fs::read_dir(root().join("loom-tests/tests")).expect("the models") {
            let name = entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name");
            let file = format!("loom-tests/tests/{name}");
            assert!(with_twins.contains(&file), "{file} has no twin");
        }
    }
}
