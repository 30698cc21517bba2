//! The mutants of the reconciliation pass.

use crate::checks::Check::{Loom, Test, UnitIn};
use crate::list::{Mutant, edit, mutant, smoke};

const CHUNK: &str = "src/bitmap/chunk.rs";
const GATE: &str = "src/bitmap/gate.rs";
const BARRIER: &str = "src/storage/barrier.rs";
const POOL_BARRIER: &str = "src/pool/barrier.rs";
const SLOW_SYNC: &str = "src/pool/file/slow_sync.rs";
const ALLOCATE: &str = "src/pool/allocate.rs";
const RECONCILER: &str = "src/pool/reconcile/reconciler.rs";
const LOCAL: &str = "src/pool/local.rs";
const APPLY: &str = "src/pool/reconcile/apply.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "pass: a slot is marked after its claim",
        &[
            edit(
                CHUNK,
                "    let rest = free & (free - 1);\n    mark(free ^ rest);\n",
                "    let rest = free & (free - 1);\n",
            ),
            edit(
                CHUNK,
                "        Ok(_) => Attempt::Took(free.trailing_zeros()),",
                "        Ok(_) => {\n            mark(free ^ rest);\n            Attempt::Took(free.trailing_zeros())\n        }",
            ),
        ],
        &[Loom(
            "pass",
            "a_plan_that_is_applied_twice_frees_no_new_holder",
        )],
    ),
    mutant(
        "pass: no second look at the gate",
        &[edit(
            ALLOCATE,
            "        if gate.look_again() != before {\n            return self.answer_beside_pass(",
            "        if false {\n            return self.answer_beside_pass(",
        )],
        &[Loom("pass", "an_allocation_beside_a_pass_is_never_freed")],
    ),
    mutant(
        "pass: no look whether the mark came in time",
        &[edit(
            BARRIER,
            "self.gate_again().is_as(now).then_some(now)",
            "Some(now)",
        )],
        &[Loom("pass", "an_allocation_beside_a_pass_is_never_freed")],
    ),
    mutant(
        "pass: answered though a plan is being applied",
        &[edit(
            BARRIER,
            "        if !has_just_begun {\n            return None;",
            "        if !has_just_begun {\n            return Some(now);",
        )],
        &[Loom("pass", "an_allocation_beside_a_pass_is_never_freed")],
    ),
    mutant(
        "pass: an exact claim is not looked at again",
        &[edit(
            ALLOCATE,
            "        if self.words.gate_again() != before {\n            return self.answer_exact_beside_pass(",
            "        if false {\n            return self.answer_exact_beside_pass(",
        )],
        &[Loom("pass", "other_verbs_beside_a_pass_are_never_freed")],
    ),
    mutant(
        "pass: allocate_into is not looked at again",
        &[edit(
            ALLOCATE,
            "self.answer(before, self.slots_of_addrs(&addrs[..taken]))",
            "self.answer(self.words.gate(), self.slots_of_addrs(&addrs[..taken]))",
        )],
        &[Loom("pass", "other_verbs_beside_a_pass_are_never_freed")],
    ),
    smoke(mutant(
        "pass: nobody asks again after a sync",
        &[edit(
            POOL_BARRIER,
            "        let ours = self.still_ours(unanswered);",
            "        let ours = Some(unanswered);",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    )),
    mutant(
        "pass: what a batch has is not asked for after its last sync",
        &[edit(
            "src/pool/batch.rs",
            "filter_map(|of| self.pool.still_ours(of))",
            "filter(|of| of.count() != 0)",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    ),
    mutant(
        "set pass: what a slice got of one member is not asked for after the last sync",
        &[edit(
            "src/set/many.rs",
            "            let kept = self.keep_groups(addrs, &mut groups);",
            "            let kept = taken;",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    ),
    mutant(
        "pass: what is not kept is given back unasked",
        &[edit(
            POOL_BARRIER,
            "        if let Some(claimed) = self.keep(unanswered) {",
            "        if let Some(claimed) = Some(unanswered.claimed) {",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    ),
    mutant(
        "pass: the first half of a pair is kept unasked",
        &[edit(
            "src/pool/member.rs",
            "self.pool.keep(self.unanswered.take()?)?",
            "self.unanswered.take()?.asked()",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    ),
    mutant(
        "pass: a plan that frees nothing has another number",
        &[edit(
            APPLY,
            "        if ripe.is_empty() {",
            "        if false {",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    ),
    mutant(
        "pass: a list that panics is taken for a whole one",
        &[edit(
            "src/pool/reconcile/pass.rs",
            "        // Until the end is seen: as in `try_read`.\n        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);",
            "        let was_incomplete = self.is_incomplete;",
        )],
        &[Test("reconcile", "a_list_that_panics_frees_nothing")],
    ),
    mutant(
        "set pass: a list that panics is taken for a whole one",
        &[edit(
            "src/set/reconcile/pass.rs",
            "        // Until the end is seen: as in `try_read`.\n        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);",
            "        let was_incomplete = self.is_incomplete;",
        )],
        &[Test("set_reconcile", "a_list_that_panics_frees_nothing")],
    ),
    mutant(
        "local: what is in its pocket is not told to passes",
        &[edit(
            LOCAL,
            "                cell.pocket(place, word_index, bits);",
            "                let _ = (place, bits);",
        )],
        &[Test(
            "reconcile",
            "what_a_local_has_in_its_pocket_is_no_orphan",
        )],
    ),
    mutant(
        "pass: a slice of one address leaves its reason behind",
        &[edit(
            ALLOCATE,
            "                let _ = self.refusal();\n",
            "",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    ),
    smoke(mutant(
        "pass: a plan is applied without a look at the marks",
        &[edit(
            APPLY,
            "taken & !self.pool.words.touched_or_new().bits(word_index)",
            "taken",
        )],
        &[Loom("pass", "an_allocation_beside_a_pass_is_never_freed")],
    )),
    mutant(
        "pass: the marks are looked at before the word",
        &[edit(
            APPLY,
            "        let taken = ripe & !self.pool.bitmap().free_in(word_index);\n        let untouched = taken & !self.pool.words.touched_or_new().bits(word_index);\n",
            "        let untouched = !self.pool.words.touched_or_new().bits(word_index);\n        let untouched = untouched & ripe & !self.pool.bitmap().free_in(word_index);\n",
        )],
        &[Loom(
            "pass",
            "a_plan_that_is_applied_twice_frees_no_new_holder",
        )],
    ),
    mutant(
        "pass: the old marks are taken away behind the barrier",
        &[
            edit(
                RECONCILER,
                "            let taken = marks.take(word_index);",
                "            let taken = marks.bits(word_index);",
            ),
            edit(
                RECONCILER,
                "        let gate = words.gate_word().collect();\n",
                "        let gate = words.gate_word().collect();\n        for word_index in 0..self.touched.len() {\n            marks.take(word_index);\n        }\n",
            ),
        ],
        &[Loom("pass", "an_allocation_beside_a_pass_is_never_freed")],
    ),
    mutant(
        "pass: the number stays when a plan was applied",
        &[edit(
            GATE,
            "self.change(|gate| gate.with_next_number().in_phase(COLLECTING))",
            "self.change(|gate| match gate.0 & PHASES {\n            APPLYING => gate.in_phase(COLLECTING),\n            _ => gate.with_next_number().in_phase(COLLECTING),\n        })",
        )],
        &[Loom("pass", "an_allocation_beside_a_pass_is_never_freed")],
    ),
    mutant(
        "pass: what locals have is not read",
        &[edit(
            RECONCILER,
            "            .read(|word_index, bits| marks.mark(word_index, bits));\n",
            "            .read(|_, _| ());\n",
        )],
        &[Test("reconcile", "what_a_local_has_is_no_orphan")],
    ),
    mutant(
        "pass: a local that finds nothing stays where it was not",
        &[edit(
            LOCAL,
            "            self.tell_where_it_is();\n            return false;\n",
            "            return false;\n",
        )],
        &[UnitIn(LOCAL, "local")],
    ),
    mutant(
        "pass: what is given up is not counted",
        &[edit(
            POOL_BARRIER,
            "                self.counters.count(Event::Any, count_of(&claimed));\n",
            "",
        )],
        &[UnitIn(LOCAL, "local")],
    ),
];
