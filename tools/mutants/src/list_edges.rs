//! The mutants of what is tried before a search, and of many addresses at once.

use crate::checks::Check::{Loom, Test, UnitIn};
use crate::list::{Mutant, edit, mutant, smoke};

const BATCH: &str = "src/bitmap/batch.rs";
const FIRST_STEP: &str = "src/pool/claim/policies.rs";
const KEYED_HASH: &str = "src/policy/keyed_hash.rs";
const LOCAL: &str = "src/pool/local/verbs.rs";
const MEMBER_SUMMARY: &str = "src/bitmap/member_summary.rs";
const RANDOM: &str = "src/policy/random.rs";
const RELEASE: &str = "src/pool/release.rs";
const SET: &str = "src/set/verbs.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "next: the first word is searched from its beginning",
        &[edit(
            "src/bitmap/word.rs",
            "let ahead = u64::MAX << (start % SLOTS_PER_WORD);",
            "let ahead = u64::MAX;",
        )],
        &[Test("verbs", "next_continues_after_the_last_address_given")],
    )),
    mutant(
        "next: the position stays where the first word had something",
        &[edit(
            FIRST_STEP,
            "                position.move_behind(slot);\n",
            "",
        )],
        &[Test("verbs", "next_wraps_with_the_longest_reuse_distance")],
    ),
    mutant(
        "random: a slot that was lost to another thread is taken for claimed",
        &[edit(
            FIRST_STEP,
            "bitmap.is_free(slot) && bitmap.try_claim_exact(slot)",
            "bitmap.is_free(slot) && (bitmap.try_claim_exact(slot) || true)",
        )],
        &[Loom("pool", "two_threads_always_share_two_addresses")],
    ),
    mutant(
        "random: a call draws again for its search",
        &[edit(
            FIRST_STEP,
            "self.search_from(draw.first(0, last_slot))",
            "self.claim_anywhere()",
        )],
        &[Test("verbs", "random_takes_what_its_seed_draws")],
    ),
    mutant(
        "random: two threads of a group take one number",
        &[edit(
            RANDOM,
            "next.compare_exchange(number, number + 1, Ordering::Relaxed, Ordering::Relaxed)\n            .ok()",
            "next.store(number + 1, Ordering::Relaxed);\n        Some(number)",
        )],
        &[UnitIn(RANDOM, "random")],
    ),
    mutant(
        "random: a run of numbers is used for one",
        &[edit(
            RANDOM,
            "next.store(number + 1, Ordering::Relaxed);",
            "next.store(number, Ordering::Relaxed);",
        )],
        &[UnitIn(RANDOM, "random")],
    ),
    mutant(
        "random: the hash has two rounds less at its end",
        &[edit(
            KEYED_HASH,
            "let end = end.round().round().round().round();",
            "let end = end.round().round();",
        )],
        &[UnitIn(KEYED_HASH, "keyed_hash")],
    ),
    mutant(
        "into: the chunk of the last claim passes for the lowest",
        &[edit(
            BATCH,
            "if self.tree.is_linear() || !self.tree.is_lowest(likely) {",
            "if self.tree.is_linear() {",
        )],
        &[Test("verbs", "a_batch_takes_what_single_calls_would_take")],
    ),
    mutant(
        "into: the chunk of the last claim passes for the lowest where there is no tree",
        &[edit(
            BATCH,
            "if self.tree.is_linear() || !self.tree.is_lowest(likely) {",
            "if !self.tree.is_lowest(likely) {",
        )],
        &[Test("verbs", "a_batch_takes_what_single_calls_would_take")],
    ),
    mutant(
        "release_many: a row goes on over what is in the step already",
        &[edit(
            RELEASE,
            "(self.bits >> bit_index >> 1).trailing_zeros().min(behind)",
            "behind",
        )],
        &[Test(
            "verbs",
            "release_many_answers_like_one_release_after_the_other",
        )],
    ),
    mutant(
        "release_many: a row goes on behind the main run",
        &[edit(
            "src/geometry/mod.rs",
            "most.min(in_run as usize).min(addrs.len())",
            "most.min(in_run.max(64) as usize).min(addrs.len())",
        )],
        &[Test(
            "verbs",
            "release_many_answers_like_one_release_after_the_other",
        )],
    ),
    mutant(
        "local: an address that is there already comes back",
        &[edit(
            LOCAL,
            "self.returnable & !self.near",
            "self.returnable",
        )],
        &[Test("local", "a_double_release_is_an_error")],
    ),
    mutant(
        "local: a divided word goes out in the order of its sides' sizes",
        &[edit(
            "src/geometry/mod.rs",
            "        bits & below_others\n",
            "        bits & inside & (below_others | inside)\n",
        )],
        &[Test("local", "a_divided_word_goes_out_lowest_first")],
    ),
    mutant(
        "local: it keeps what is released, with every policy",
        &[edit(
            LOCAL,
            "self.returnable = if self.takes_back {",
            "self.returnable = if self.takes_back || true {",
        )],
        &[Test(
            "local",
            "a_released_address_comes_back_only_where_the_policy_allows_it",
        )],
    ),
    mutant(
        "set: a member's hint stays cleared after a release",
        &[edit(
            MEMBER_SUMMARY,
            "if !self.is_published(member) {",
            "if false {",
        )],
        &[Test(
            "sets",
            "in_order_is_the_first_member_that_has_something",
        )],
    ),
    mutant(
        "set: a release of a free address is told as done",
        &[edit(
            SET,
            "            member.pool.finish_release(addr, slot, left)?;",
            "            let _ = member.pool.finish_release(addr, slot, left);",
        )],
        &[Test("sets", "a_set_agrees_with_a_model_of_it")],
    ),
];
