//! The mutants of the pass over pools of leases.

use crate::checks::Check::{Loom, Test};
use crate::list::{Mutant, edit, mutant, smoke};

const WORD: &str = "src/lease/word.rs";
const LIST: &str = "src/lease/list.rs";
const OWNER: &str = "src/lease/owner.rs";
const PASS: &str = "src/lease/pass.rs";
const COMPARE: &str = "src/lease/compare.rs";
const APPLY: &str = "src/lease/apply.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "lease pass: records are not marked",
        &[
            edit(
                WORD,
                "            true => Self(self.0 + (u64::from(MARK) << STATE_SHIFT)),\n",
                "            true => self,\n",
            ),
            edit(
                WORD,
                "        self.0 >> STATE_SHIFT >= FIRST_MARKED.into()\n",
                "        true\n",
            ),
        ],
        &[Loom("lease_pass", "a_renewal_beside_a_pass_stands")],
    )),
    mutant(
        "lease pass: a renewal keeps the mark",
        &[edit(
            WORD,
            "        Self(kept | Self::new(state, until, 0).0)\n",
            "        let new = Self(kept | Self::new(state, until, 0).0);\n        if self.is_marked() && state == self.state() { new.marked() } else { new }\n",
        )],
        &[Loom("lease_pass", "a_renewal_beside_a_pass_stands")],
    ),
    mutant(
        "lease pass: an adoption keeps the mark",
        &[edit(
            LIST,
            "                State::Leased | State::Offered => {\n",
            "                State::Leased => return (word, false),\n                State::Offered => {\n",
        )],
        &[Loom("lease_pass", "an_adoption_beside_a_pass_stands")],
    ),
    mutant(
        "lease pass: an adoption trusts a word without a mark",
        &[edit(
            LIST,
            "                State::Leased | State::Offered => {\n",
            "                State::Leased if !word.is_marked() => return (word, false),\n                State::Leased | State::Offered => {\n",
        )],
        &[Loom("lease_pass", "an_adoption_beside_a_pass_stands")],
    ),
    mutant(
        "lease pass: a lease that is got again is only read",
        &[edit(
            OWNER,
            "        self.records.exchange(slot, word, renewed).ok()?;\n        Some(renewed)",
            "        if renewed != word {\n            self.records.exchange(slot, word, renewed).ok()?;\n        }\n        Some(renewed)",
        )],
        &[Loom(
            "lease_pass",
            "a_lease_that_is_got_again_beside_a_pass_stands",
        )],
    ),
    mutant(
        "lease pass: a plan is applied after another pass has begun",
        &[edit(
            APPLY,
            "if latest.number != plan.number {",
            "if latest.number < plan.number {",
        )],
        &[Loom("lease_pass", "a_renewal_beside_two_passes_stands")],
    ),
    mutant(
        "lease pass: the number does not grow",
        &[edit(
            PASS,
            "latest.number = latest.number.wrapping_add(1);",
            "latest.number = latest.number.wrapping_add(0);",
        )],
        &[Test(
            "leases_pass",
            "a_pass_that_begins_makes_the_plan_before_it_void",
        )],
    ),
    mutant(
        "lease pass: offers are ended",
        &[
            edit(
                PASS,
                "while word.state() == State::Leased {",
                "while word.is_held() {",
            ),
            edit(
                PASS,
                "            if word.is_marked() {",
                "            if word.is_marked() || word.state() == State::Offered {",
            ),
            edit(
                COMPARE,
                "(false, State::Leased) if was_leased && word.is_marked() => Self::Ripe,",
                "(false, State::Leased | State::Offered) if was_leased => Self::Ripe,",
            ),
            edit(
                APPLY,
                "        let is_as_seen = word.state() == State::Leased\n            && word.is_marked()\n",
                "        let is_as_seen = (word.is_marked() || word.state() == State::Offered)\n",
            ),
        ],
        &[Loom("lease_pass", "a_commit_beside_a_pass_stands")],
    ),
    mutant(
        "lease pass: the generation of the plan is not asked for",
        &[edit(
            APPLY,
            "            && word.is_marked()\n            && Some(self.generation_of(word)) == range.generation;\n        is_as_seen",
            "            && word.is_marked();\n        is_as_seen",
        )],
        &[Test(
            "leases_pass",
            "a_plan_that_was_tampered_with_ends_only_what_a_pass_has_seen",
        )],
    ),
    mutant(
        "lease pass: an undo brings back what was released",
        &[edit(
            APPLY,
            "        let is_ended_by_pass = word.state() == State::Cooling\n            && word.is_marked()\n",
            "        let is_ended_by_pass = word.state() == State::Cooling\n",
        )],
        &[Test(
            "leases_pass",
            "an_undo_does_not_bring_back_what_was_released",
        )],
    ),
    mutant(
        "lease pass: an undo brings back what is free",
        &[edit(
            APPLY,
            "        let is_ended_by_pass = word.state() == State::Cooling\n            && word.is_marked()\n",
            "        let is_ended_by_pass = !word.is_held()\n",
        )],
        &[Loom(
            "lease_pass",
            "an_undo_and_the_next_holder_exclude_each_other",
        )],
    ),
    mutant(
        "lease pass: an undo makes a lease for ever",
        &[edit(
            APPLY,
            "let Some(until) = range.until else {",
            "let Some(until) = range.until.filter(|_| false) else {",
        )],
        &[Test(
            "leases_pass",
            "a_plan_can_be_applied_again_and_undone",
        )],
    ),
    mutant(
        "lease pass: the cooldown is shortened",
        &[edit(
            APPLY,
            "let rest = self.cooldown.max(window).max(1);",
            "let rest = window.max(1);",
        )],
        &[Test(
            "leases_pass",
            "an_address_rests_at_least_for_the_cooldown",
        )],
    ),
];
