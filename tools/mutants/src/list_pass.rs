//! The mutants of the reconciliation pass.

use crate::checks::Check::{Loom, Test, UnitIn};
use crate::list::{Mutant, edit, mutant, smoke};

const CHUNK: &str = "src/bitmap/chunk.rs";
const GATE: &str = "src/bitmap/gate.rs";
const BARRIER: &str = "src/storage/barrier.rs";
const ANSWER: &str = "src/pool/claim/answer.rs";
const SLOW_SYNC: &str = "src/pool/file/slow_sync.rs";
const ALLOCATE: &str = "src/pool/claim/allocate.rs";
const RECONCILER: &str = "src/pool/reconcile/reconciler.rs";
const LOCAL: &str = "src/pool/local/verbs.rs";
const REFILL: &str = "src/pool/local/refill.rs";
const REGISTRY: &str = "src/pool/local/registry.rs";
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
            "        if self.words.gate_again() != before {\n            return self.answer_beside_pass(",
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
            ANSWER,
            "        let ours = self.still_ours(unanswered);",
            "        let ours = Some(unanswered);",
        )],
        &[UnitIn(SLOW_SYNC, "slow_sync")],
    )),
    mutant(
        "pass: what a batch has is not asked for after its last sync",
        &[edit(
            "src/pool/claim/batch.rs",
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
            ANSWER,
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
            "        // Until the end is reached; see `try_read`.\n        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);",
            "        let was_incomplete = self.is_incomplete;",
        )],
        &[Test("reconcile", "a_list_that_panics_frees_nothing")],
    ),
    mutant(
        "set pass: a list that panics is taken for a whole one",
        &[edit(
            "src/set/reconcile/pass.rs",
            "        // Until the end is reached; see `try_read`.\n        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);",
            "        let was_incomplete = self.is_incomplete;",
        )],
        &[Test("set_reconcile", "a_list_that_panics_frees_nothing")],
    ),
    mutant(
        "local: what is among its spares is not told to passes",
        &[edit(
            REGISTRY,
            "            inside\n                .spares()\n                .slots()\n                .for_each(|slot| tell((word_of(slot), bit_of(slot))));\n",
            "",
        )],
        &[Test(
            "reconcile",
            "what_a_local_has_in_its_spares_is_no_orphan",
        )],
    ),
    mutant(
        "local: a word that it takes is not told to passes",
        &[edit(
            REFILL,
            "            self.pool.go_on(cell, reserved);\n",
            "            let _ = reserved;\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_was_handed_out_in_the_word_before_is_never_freed",
        )],
    ),
    smoke(mutant(
        "local: a word is told after the look at the gate",
        &[
            edit(
                REFILL,
                "            self.pool.go_on(cell, reserved);\n",
                "            let _ = reserved;\n",
            ),
            edit(
                REFILL,
                "        self.tally.begin(free.count_ones());\n",
                "        if let Some(cell) = &self.cell {\n            self.pool.go_on(cell, (word_index, free));\n        }\n        self.tally.begin(free.count_ones());\n",
            ),
        ],
        &[Loom(
            "pass_of_locals",
            "a_word_that_is_taken_is_never_freed",
        )],
    )),
    mutant(
        "local: the spares are changed outside the lock",
        &[edit(
            LOCAL,
            "cell.enter().spares().push(slot)",
            "cell.spares().push(slot)",
        )],
        &[Loom(
            "pass_of_locals",
            "what_goes_into_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "local: what leaves the spares is nowhere for a moment",
        &[edit(
            REFILL,
            "        let inside = cell.enter();\n        let slot = inside.spares().pop()?;\n",
            "        let slot = cell.enter().spares().pop()?;\n        let inside = cell.enter();\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_leaves_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "local: what it may have more of its word is not told to passes",
        &[edit(
            LOCAL,
            "                cell.enter().move_to((word_index, told | bit));\n",
            "                let _ = told;\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_is_taken_back_in_its_word_is_never_freed",
        )],
    ),
    mutant(
        "local: the word of what it takes back is not told to passes",
        &[edit(
            LOCAL,
            "        self.pool.go_on(cell, (word_index, bit));\n",
            "        let _ = cell;\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_is_taken_back_with_nothing_left_is_never_freed",
        )],
    ),
    mutant(
        "local: goes on to another word without a mark",
        &[edit(
            REFILL,
            "        self.leave_word(&inside);\n        inside.move_to(reserved);\n",
            "        inside.move_to(reserved);\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_was_handed_out_in_the_word_before_is_never_freed",
        )],
    ),
    mutant(
        "local: goes on to a spare without a mark",
        &[edit(
            REFILL,
            "        self.leave_word(&inside);\n        inside.move_to((word_of",
            "        inside.move_to((word_of",
        )],
        &[Loom(
            "pass_of_locals",
            "what_goes_into_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "local: the mark comes after another word",
        &[edit(
            REFILL,
            "        let inside = cell.enter();\n        self.leave_word(&inside);\n        inside.move_to(reserved);\n",
            "        let before = cell.current();\n        cell.enter().move_to(reserved);\n        if self.words.gate_again().is_passing() {\n            self.words.touch(&before);\n        }\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_was_handed_out_in_the_word_before_is_never_freed",
        )],
    ),
    mutant(
        "local: looks at the gate as before a claim when it goes on",
        &[edit(
            REFILL,
            "self.words.gate_again().is_passing()",
            "self.words.gate().is_passing()",
        )],
        &[Loom(
            "pass_of_locals",
            "what_was_handed_out_in_the_word_before_is_never_freed",
        )],
    ),
    mutant(
        "local: dropped without a mark",
        &[edit(
            LOCAL,
            "            self.pool.leave_word(&cell.enter());\n",
            "",
        )],
        &[Loom(
            "pass_of_locals",
            "what_a_dropped_local_had_is_freed_once",
        )],
    ),
    mutant(
        "local: its cell leaves before everything is back",
        &[edit(
            LOCAL,
            "        self.tally.flush(&self.pool.counters, self.reserved());\n        if self.free() != 0 {\n            self.pool.return_word",
            "        self.tally.flush(&self.pool.counters, self.reserved());\n        if let Some(cell) = &self.cell {\n            self.pool.locals.leave(cell);\n        }\n        if self.free() != 0 {\n            self.pool.return_word",
        )],
        &[Loom(
            "pass_of_locals",
            "what_a_dropped_local_had_is_freed_once",
        )],
    ),
    mutant(
        "cell: nobody waits for whoever is inside",
        &[edit(
            REGISTRY,
            "            self.wait(here, found);\n",
            "            let _ = found;\n",
        )],
        &[Loom(
            "pass_of_locals",
            "what_leaves_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "cell: going in is Relaxed",
        &[edit(
            REGISTRY,
            "compare_exchange(0, here, Ordering::Acquire, Ordering::Relaxed)",
            "compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed)",
        )],
        &[Loom(
            "pass_of_locals",
            "what_leaves_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "cell: going in after a wait is Relaxed",
        &[edit(
            REGISTRY,
            "compare_exchange(found, here, Ordering::Acquire, Ordering::Relaxed)",
            "compare_exchange(found, here, Ordering::Relaxed, Ordering::Relaxed)",
        )],
        &[Loom(
            "pass_of_locals",
            "what_leaves_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "cell: leaving is Relaxed",
        &[edit(
            REGISTRY,
            "self.0.inside.store(0, Ordering::Release)",
            "self.0.inside.store(0, Ordering::Relaxed)",
        )],
        &[Loom(
            "pass_of_locals",
            "what_leaves_the_spares_is_never_freed",
        )],
    ),
    mutant(
        "cell: whoever stayed behind at a fork is waited for",
        &[edit(
            REGISTRY,
            "            if found == here {",
            "            if found != 0 {",
        )],
        &[Test(
            "forks",
            "a_pass_of_a_child_waits_for_no_local_of_its_parent",
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
            "            .read(|(word_index, bits)| marks.mark(word_index, bits));\n",
            "            .read(|_| ());\n",
        )],
        &[Test("reconcile", "what_a_local_has_is_no_orphan")],
    ),
    mutant(
        "pass: a local that finds nothing stays where it was not",
        &[edit(
            REFILL,
            "            if cell.current() != here {\n",
            "            if cell.current() != here && false {\n",
        )],
        &[UnitIn(REFILL, "refill")],
    ),
    mutant(
        "pass: what is given up is not counted",
        &[edit(
            ANSWER,
            "                self.counters.count(Event::Any, count_of(&claimed));\n",
            "",
        )],
        &[UnitIn(REFILL, "refill")],
    ),
];
