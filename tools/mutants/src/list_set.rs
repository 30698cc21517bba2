//! The mutants of sets of pools.

use crate::checks::Check::{Loom, Test, UnitIn};
use crate::list::{Mutant, edit, mutant, smoke};

const COLLECT: &str = "src/bitmap/collect.rs";
const MEMBER_OF_SET: &str = "src/set/member.rs";
const PROOF: &str = "src/set/proof.rs";
const VERBS: &str = "src/set/verbs.rs";
const POOL_MEMBER: &str = "src/pool/member.rs";
const TWINS: &str = "src/set/twins.rs";
const CHANGE: &str = "src/set/change.rs";
const PASS: &str = "src/pool/reconcile/pass.rs";
const SET_PASS: &str = "src/set/reconcile/pass.rs";
const SET_RECONCILER: &str = "src/set/reconcile/reconciler.rs";
const SET_APPLY: &str = "src/set/reconcile/apply.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "exact pair: believes what a claim in flight holds",
        &[edit(
            "src/bitmap/collect.rs",
            "attempt().or_else(|| self.search_or_prove(0, Area::around(slot, slot), attempt))",
            "attempt()",
        )],
        &[Loom("set", "an_exact_pair_outlasts_one_that_fails")],
    ),
    mutant(
        "set: the roots are not collected again",
        &[edit(
            COLLECT,
            "Seen::Root(root) => self.bitmap.tree.root() == *root,",
            "Seen::Root(_) => true,",
        )],
        &[UnitIn(COLLECT, "collect")],
    ),
    mutant(
        "set: what was freed under watch is ignored",
        &[edit(
            COLLECT,
            "Seen::Watched { order, freed, .. } => self.bitmap.control.freed(*order) == *freed,",
            "Seen::Watched { order, .. } => self.bitmap.control.freed(*order) != u64::MAX,",
        )],
        &[UnitIn(COLLECT, "collect")],
    ),
    mutant(
        "set: flights are not looked at",
        &[edit(
            COLLECT,
            "            Seen::Watched { .. } => given.into(),\n",
            "            Seen::Watched { .. } => u64::from(given) * 0,\n",
        )],
        &[UnitIn(COLLECT, "collect")],
    ),
    mutant(
        "set: a part is looked at before its watch",
        &[edit(
            COLLECT,
            "        let evidence = self.watch_for(0);\n        (look() && evidence.still_holds()).then_some(evidence)",
            "        let is_taken = look();\n        let evidence = self.watch_for(0);\n        (is_taken && evidence.still_holds()).then_some(evidence)",
        )],
        &[UnitIn(COLLECT, "collect")],
    ),
    mutant(
        "set: a member has room for fewer parts than cordons leave",
        &[edit(
            "src/set/cordons.rs",
            "        if part.0 <= part.1 {\n            self.0.push",
            "        if part.0 <= part.1 && self.0.len() < MOST_CORDONS + 2 {\n            self.0.push",
        )],
        &[UnitIn("src/set/cordons.rs", "cordons")],
    ),
    mutant(
        "twins: the half is not in flight while it is claimed",
        &[edit(
            POOL_MEMBER,
            "            bitmap.claim_in_flight(|bitmap| bitmap.try_claim_exact(slot).then_some(slot))",
            "            let claimed = bitmap.try_claim_exact(slot).then_some(slot)?;\n            bitmap.claim_in_flight(|_| Some(claimed))",
        )],
        &[Loom(
            "set",
            "a_twin_that_goes_back_takes_nothing_from_a_single_claim",
        )],
    ),
    mutant(
        "set: how many members there are is read once",
        &[edit(
            PROOF,
            "&& self.shape_now() == before",
            "&& self.shape_now() >= before",
        )],
        &[UnitIn(PROOF, "proof")],
    ),
    mutant(
        "set: what was opened again is not looked for",
        &[edit(
            PROOF,
            "(self.members.len(), load_seq_cst(&self.openings))",
            "(self.members.len(), 0)",
        )],
        &[UnitIn(PROOF, "proof")],
    ),
    mutant(
        "set: what is opened again is not counted",
        &[edit(
            PROOF,
            "        self.openings.fetch_add(1, Ordering::SeqCst);\n",
            "",
        )],
        &[Loom("set", "what_is_opened_behind_a_look_is_not_missed")],
    ),
    mutant(
        "resume: counted before the member is open",
        &[edit(
            CHANGE,
            "        self.known(member)?.set_drained(false);\n        self.note_opening(member.index());\n",
            "        self.note_opening(member.index());\n        self.known(member)?.set_drained(false);\n",
        )],
        &[Loom("set", "what_is_opened_behind_a_look_is_not_missed")],
    ),
    mutant(
        "uncordon: counted before the part is open",
        &[edit(
            CHANGE,
            "        let was_cordoned = member.cordons.lift(part);\n        member.note_cordons();\n        self.note_opening(index);\n",
            "        self.note_opening(index);\n        let was_cordoned = member.cordons.lift(part);\n        member.note_cordons();\n",
        )],
        &[Loom("set", "what_is_opened_behind_a_look_is_not_missed")],
    ),
    smoke(mutant(
        "pair: its first half is not in flight",
        &[edit(
            COLLECT,
            "        let flight = self.begin_flight();\n        let slot = search(self)?;",
            "        let slot = search(self)?;\n        let flight = self.begin_flight();",
        )],
        &[Loom(
            "set",
            "a_pair_that_fails_takes_nothing_from_a_single_claim",
        )],
    )),
    mutant(
        "pair: a half without its other one stays taken",
        &[edit(
            POOL_MEMBER,
            "self.pool.return_unanswered(unanswered);",
            "drop(unanswered);",
        )],
        &[Loom("set", "a_pair_is_whole_or_nothing")],
    ),
    smoke(mutant(
        "twins: a pair that comes back leaves its other half",
        &[edit(
            TWINS,
            "ReleasePairError::of(self.v4.release(pair.v4), self.v6.release(pair.v6))",
            "ReleasePairError::of(self.v4.release(pair.v4), Ok(()))",
        )],
        &[Loom("twins", "a_pair_passes_both_halves_on")],
    )),
    smoke(mutant(
        "sub-pool: nothing is found, and nothing proved",
        &[edit(
            "src/set/sub_pool.rs",
            "self.pool.allocate_with(&self.hints, self.part)",
            "match self.pool.try_allocate_in(&[self.part], crate::stats::Event::Any)? {
            Some(addr) => Ok(addr),
            None => Err(AllocateError::Exhausted {
                capacity: self.capacity(),
                quarantined: 0,
                closed: 0,
            }),
        }",
        )],
        &[Loom(
            "sub_pools",
            "a_tenant_is_not_fooled_by_an_address_that_moves_within_the_range",
        )],
    )),
    smoke(mutant(
        "guard of a set: gives back behind the back of the set",
        &[edit(
            "src/set/guard.rs",
            "let _ = self.release(addr);",
            "let _ = self.member_of(addr).map(|member| member.pool().release(addr));",
        )],
        &[Loom(
            "guards",
            "a_guard_of_a_set_gives_back_whatever_becomes_of_the_member",
        )],
    )),
    mutant(
        "twins: content with one look",
        &[edit(
            TWINS,
            "evidence.iter().all(Evidence::still_holds) && given_back(&evidence) == 0",
            "evidence.len() == 2",
        )],
        &[Loom("set", "twins_are_not_fooled_by_an_index_that_moves")],
    ),
    mutant(
        "set: a release does not tell the summary",
        &[edit(
            VERBS,
            "        self.summary.publish(index);\n        self.chooser.note_released",
            "        self.chooser.note_released",
        )],
        &[Test("sets", "a_set_agrees_with_a_model_of_it")],
    ),
    mutant(
        "set: a release takes every member for published",
        &[edit(
            VERBS,
            "        let is_published = self.summary.is_published(index);\n",
            "        let is_published = true;\n",
        )],
        &[Test("sets", "a_set_agrees_with_a_model_of_it")],
    ),
    mutant(
        "set: a member is settled without a second look",
        &[edit(
            VERBS,
            ".settle(index, || looks_full(&self.members, index));",
            ".settle(index, || true);",
        )],
        &[Loom(
            "set",
            "the_first_member_is_first_again_when_it_has_something",
        )],
    ),
    mutant(
        "set: a drained member is asked",
        &[edit(
            MEMBER_OF_SET,
            "            special if special & DRAINED != 0 => Some(Parts::new()),\n            _ => Some(\n",
            "            _ => Some(\n",
        )],
        &[Loom("set", "nothing_comes_from_a_member_after_its_drain")],
    ),
    mutant(
        "set: a named address is given from under a cordon",
        &[edit(
            MEMBER_OF_SET,
            "                    .is_none_or(|slot| !self.cordons.hold(slot))",
            "                    .is_none_or(|slot| !self.cordons.hold(slot) || slot != 0)",
        )],
        &[Test("sets", "a_set_agrees_with_a_model_of_it")],
    ),
    mutant(
        "set: a member is removed with what somebody holds",
        &[edit(
            CHANGE,
            "        if allocated != 0 {",
            "        if allocated > 1 {",
        )],
        &[Test(
            "sets",
            "a_drained_member_gives_nothing_and_takes_back_everything",
        )],
    ),
    mutant(
        "set: what the proof sees free stays unpublished",
        &[edit(
            COLLECT,
            "            self.tree.publish(chunk_of(slot_at(word_index, 0)));",
            "            let _ = chunk_of(slot_at(word_index, 0));",
        )],
        &[Loom(
            "pass_of_members",
            "single_claims_through_a_set_beside_a_pass_are_never_freed",
        )],
    ),
    smoke(mutant(
        "set: a claim between cordons leaves no mark",
        &[edit(
            POOL_MEMBER,
            "self.claim(|bitmap| self.find_in(bitmap, parts))?",
            "self.claim(|_| self.find_in(self.bitmap(), parts))?",
        )],
        &[Loom(
            "pass_of_members",
            "single_claims_through_a_set_beside_a_pass_are_never_freed",
        )],
    )),
    mutant(
        "pair: its first half leaves no mark",
        &[edit(
            POOL_MEMBER,
            "bitmap.claim_in_flight(|bitmap| self.find_in(bitmap, parts))",
            "bitmap.claim_in_flight(|_| self.find_in(self.bitmap(), parts))",
        )],
        &[Loom(
            "pass_of_members",
            "halves_of_pairs_beside_a_pass_are_never_freed",
        )],
    ),
    smoke(mutant(
        "set pass: a member's barrier is up when the list has been read",
        &[edit(
            PASS,
            "        self.listing.report.entries = entries;\n",
            "        self.listing.report.entries = entries;\n        let pool = self.reconciler.pool;\n        for word_index in 0..self.free.len() {\n            let _ = pool.words.touched_or_new().take(word_index);\n        }\n        self.free = pool.bitmap().snapshot();\n",
        )],
        &[Test(
            "set_reconcile",
            "all_barriers_are_up_when_a_pass_has_begun",
        )],
    )),
    mutant(
        "set pass: the rules of the first member are asked, and not of the others",
        &[edit(
            SET_APPLY,
            "        for (member, &index) in plan.members.iter().zip(places) {\n            if let Some(fuse)",
            "        for (member, &index) in plan.members.iter().zip(places).take(1) {\n            if let Some(fuse)",
        )],
        &[Test(
            "set_reconcile",
            "one_fuse_keeps_all_members_from_freeing",
        )],
    ),
    mutant(
        "set pass: the list as a whole is not asked",
        &[edit(
            SET_APPLY,
            "        blown(&whole, now_ms, None).map_or(",
            "        blown(&whole, now_ms, Some(u64::MAX)).map_or(",
        )],
        &[Test(
            "set_reconcile",
            "one_fuse_keeps_all_members_from_freeing",
        )],
    ),
    mutant(
        "set pass: every member reads every entry",
        &[edit(
            SET_PASS,
            "Route::One(index) => {\n                if let Some(member) = &mut self.members[index] {",
            "Route::One(_) => {\n                for member in self.members.iter_mut().flatten() {",
        )],
        &[Test(
            "set_reconcile",
            "every_entry_is_in_one_category_whichever_member_it_is_of",
        )],
    ),
    mutant(
        "set pass: what no member can read keeps nobody from freeing",
        &[edit(
            SET_PASS,
            "self.router.is_unclear(self.unreadable)\n            ||",
            "self.router.is_unclear(self.unreadable) && false\n            ||",
        )],
        &[Test(
            "set_reconcile",
            "one_fuse_keeps_all_members_from_freeing",
        )],
    ),
    mutant(
        "set pass: what is freed does not tell the summary",
        &[edit(
            VERBS,
            "        if count != 0 {\n            self.note_released(index, count);",
            "        if count == u64::MAX {\n            self.note_released(index, count);",
        )],
        &[Test("set_reconcile", "what_is_freed_is_handed_out_next")],
    ),
    mutant(
        "set pass: who is refused has spent the numbers of the members before",
        &[edit(
            SET_RECONCILER,
            "        let mut reconciler = self.reconciler_with(options)?;\n        reconciler.go_on_from(plan);\n        Ok(reconciler)",
            "        for (_, member) in self.members.iter() {\n            let pool = &member.pool;\n            let mut one = pool.reconciler_with(options.clone()).map_err(|error| refusal(self, 1, error))?;\n            let known = plan.members.iter().find(|it| it.plan.pool == pool.plan_identity());\n            let _ = known.map(|it| one.go_on_from(&it.plan));\n        }\n        let mut reconciler = self.reconciler_with(options)?;\n        reconciler.go_on_from(plan);\n        Ok(reconciler)",
        )],
        &[Test("set_reconcile", "a_refused_resumption_costs_nothing")],
    ),
];
