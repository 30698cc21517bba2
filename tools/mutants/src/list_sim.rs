//! The mutants of reconciliation that its simulator must find.

use crate::checks::Check::{self, Test};
use crate::list::{Mutant, edit, mutant, smoke};

const RECONCILER: &str = "src/pool/reconcile/reconciler.rs";
const PASS: &str = "src/pool/reconcile/pass.rs";
const APPLY: &str = "src/pool/reconcile/apply.rs";
const FUSE: &str = "src/pool/reconcile/fuse.rs";
const SIGHTINGS: &str = "src/pool/reconcile/sightings.rs";
const REFILL: &str = "src/pool/local/refill.rs";

const SIMULATOR: &[Check] = &[Test(
    "reconcile_sim",
    "passes_free_nothing_that_is_held_and_find_every_leak",
)];
const VIOLATIONS: &[Check] = &[Test(
    "reconcile_sim",
    "violations_are_reported_where_they_can_be_seen",
)];

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "sim: marks are ignored when a plan is applied",
        &[edit(
            APPLY,
            "taken & !self.pool.words.touched_or_new().bits(word_index)",
            "taken & !(self.pool.words.touched_or_new().bits(word_index) & 0)",
        )],
        SIMULATOR,
    )),
    mutant(
        "sim: marks are ignored when a plan is made",
        &[edit(
            PASS,
            "            let touched = marks.bits(word_index);",
            "            let touched = marks.bits(word_index) & 0;",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: what was seen is kept over marks",
        &[edit(
            PASS,
            "(word, bits & !touched[word], bits & touched[word])",
            "(word, bits | touched[word] & 0, 0)",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: marks between two passes are forgotten",
        &[edit(
            RECONCILER,
            "            let taken = marks.take(word_index);",
            "            let taken = marks.take(word_index) & 0;",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: the marks of the time before are of the pass",
        &[edit(
            RECONCILER,
            "            let taken = marks.take(word_index);",
            "            let taken = marks.bits(word_index);",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: grace is ignored",
        &[edit(
            SIGHTINGS,
            "            .is_some_and(|ripe| ripe <= self.began)",
            "            .is_some_and(|ripe| ripe <= u64::MAX)",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: two sightings are enough",
        &[edit(
            SIGHTINGS,
            "            is_ripe: self.grace == 0 || was_seen_twice,",
            "            is_ripe: self.grace == 0 || was_seen_twice || again.is_some(),",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: seen when the pass began, and not when the list was read",
        &[edit(
            PASS,
            "            finished: self.reconciler.now_ms(),",
            "            finished: self.reconciler.now_ms().min(self.began),",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: what was seen before counts though the list names it now",
        &[edit(
            PASS,
            "(word, bits & !touched[word], bits & touched[word])",
            "(word, (bits | !self.free[word] & listed[word]) & !touched[word], bits & touched[word])",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: a plan that is not the latest is applied",
        &[edit(
            APPLY,
            "self.accepts != Some(plan.number) || !self",
            "self.accepts.is_none() || !self",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: somebody goes on though the barrier was down",
        &[edit(
            RECONCILER,
            "if !gate.is_passing() || gate.number() != plan.number || plan.version",
            "if plan.version",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: a list that failed is taken for a whole one",
        &[edit(
            PASS,
            "    if is_incomplete {",
            "    if is_incomplete && false {",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: the number of entries is ignored",
        &[edit(PASS, "    if read != announced {", "    if false {")],
        VIOLATIONS,
    ),
    mutant(
        "sim: too many are freed",
        &[edit(
            FUSE,
            "    (ripe > limit).then_some(Fuse::TooMany { ripe, limit })\n",
            "    let _ = (ripe, limit);\n    None\n",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: an empty list frees",
        &[edit(
            FUSE,
            "    if listed == 0 {",
            "    if listed == u64::MAX {",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: a list that shrank frees",
        &[edit(
            FUSE,
            "        .filter(|&before| listed < before.div_ceil(2))",
            "        .filter(|&before| before == u64::MAX)",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: an old plan frees",
        &[edit(
            FUSE,
            "    if age > LONGEST_AGE {",
            "    if age > LONGEST_AGE && age.is_zero() {",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: garbage in the list frees",
        &[edit(
            FUSE,
            "    if plan.is_unclear {",
            "    if plan.is_unclear && false {",
        )],
        VIOLATIONS,
    ),
    mutant(
        "sim: what locals have is not read",
        &[edit(
            RECONCILER,
            ".read(|(word_index, bits)| marks.mark(word_index, bits));",
            ".read(|(word_index, bits)| marks.mark(word_index, bits & 0));",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: a local that goes on says nothing",
        &[edit(
            REFILL,
            "        if self.words.gate_again().is_passing() {\n            self.words.touch(&cell.current());",
            "        if self.words.gate_again().is_passing() && false {\n            self.words.touch(&cell.current());",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: missing counts as taken, whoever has it",
        &[edit(
            APPLY,
            "        for slot in self.slots_in_state(plan, Plan::MISSING) {\n            if self.pool.take_exact(slot) {",
            "        for slot in self.slots_in_state(plan, Plan::MISSING) {\n            if self.pool.take_exact(slot) || true {",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: what is missing is not taken",
        &[edit(
            APPLY,
            "        self.adopt_missing(plan, &mut applied);\n",
            "",
        )],
        SIMULATOR,
    ),
    mutant(
        "sim: nothing ever becomes ripe",
        &[edit(
            SIGHTINGS,
            "            is_ripe: self.grace == 0 || was_seen_twice,",
            "            is_ripe: self.grace == 0 || was_seen_twice && again.is_none(),",
        )],
        SIMULATOR,
    ),
];
