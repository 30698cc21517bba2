//! The mutants of lease pools: records, tokens, sweeps and owners.

use crate::checks::Check::{self, Loom, UnitIn};
use crate::list::{Mutant, edit, mutant, smoke};

const RECORD: &str = "src/lease/record.rs";
const WORD: &str = "src/lease/word.rs";
const END: &str = "src/lease/end.rs";
const SWEEP: &str = "src/lease/sweep.rs";
const ALLOCATE: &str = "src/lease/allocate.rs";
const CLOCK: &str = "src/lease/clock.rs";
const OWNER: &str = "src/lease/owner.rs";

const EXCHANGE: &str = ".compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Relaxed)";
const TAG_EXCHANGE: &str =
    ".compare_exchange(expected, bits, Ordering::Release, Ordering::Acquire)";
const TOKEN_TOO_MANY: Check = Loom("leases", "a_token_too_many_makes_no_holder");
const RESTS: Check = Loom(
    "leases",
    "an_address_that_rests_passes_from_holder_to_holder",
);
const FORMER: Check = Loom("leases", "what_a_former_holder_does_changes_nothing");
const STALLED: Check = Loom(
    "lease_owners",
    "a_stalled_claimer_leaves_the_tag_of_the_next_owner_alone",
);
const LOOKS: Check = Loom("lease_owners", "no_look_names_the_wrong_owner");
const UNITS: Check = UnitIn(SWEEP, "lease::sweep");

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "lease, take: stores, and exchanges nothing",
        &[edit(
            RECORD,
            "match record.exchange(word, held) {",
            "record.word.store(held.0, Ordering::SeqCst);\n            match Ok::<(), Word>(()) {",
        )],
        &[TOKEN_TOO_MANY],
    )),
    mutant(
        "lease, take: a token that leads to no free record ends the search",
        &[edit(
            ALLOCATE,
            "                    // A token too many, given by a repair. It is gone now.\n",
            "                    return Err(self.exhausted(None));\n",
        )],
        &[TOKEN_TOO_MANY],
    ),
    smoke(mutant(
        "lease, take: the generation is not raised",
        &[edit(
            WORD,
            "self.generation().wrapping_add(1)",
            "self.generation().max(1)",
        )],
        &[FORMER],
    )),
    mutant(
        "lease, release: of any generation",
        &[edit(
            END,
            "word.is_held() && self.generation_of(word) == generation",
            "word.is_held() && generation != 0",
        )],
        &[FORMER],
    ),
    mutant(
        "lease, release: of what has ended",
        &[edit(
            END,
            "word.is_held() && self.generation_of(word) == generation",
            "self.generation_of(word) == generation",
        )],
        &[Loom("leases", "a_lease_ends_once")],
    ),
    mutant(
        "lease, release: gives the token before the record is free",
        &[
            edit(
                END,
                "        if record.exchange(word, free).is_err() {",
                "        self.pool.give_token(slot);\n        if record.exchange(word, free).is_err() {",
            ),
            edit(
                END,
                "        self.pool.give_token(slot);\n        self.count(Event::Released, 1);",
                "        let _ = slot;\n        self.count(Event::Released, 1);",
            ),
        ],
        &[Loom("leases", "an_address_passes_from_holder_to_holder")],
    ),
    mutant(
        "lease, release: without cooldown",
        &[edit(
            SWEEP,
            "self.cooldown != 0 || word.generation() == LAST_GENERATION",
            "word.generation() == LAST_GENERATION",
        )],
        &[Loom(
            "lease_owners",
            "a_resting_address_is_for_its_last_owner_alone",
        )],
    ),
    mutant(
        "lease, renew: shortens",
        &[edit(END, "until.max(word.until())", "until")],
        &[Loom("leases", "a_renewal_never_shortens_a_lease")],
    ),
    smoke(mutant(
        "lease, sweep: gives the token before the record is free",
        &[
            edit(
                SWEEP,
                "        let ours = self.records.exchange(slot, word, after).is_ok();",
                "        self.pool.give_token(slot);\n        let ours = self.records.exchange(slot, word, after).is_ok();",
            ),
            edit(
                SWEEP,
                "        if is_free {\n            self.pool.give_token(slot);\n        }\n        is_free",
                "        is_free",
            ),
        ],
        &[Loom("leases", "what_a_sweep_frees_is_not_lost")],
    )),
    mutant(
        "lease, sweep: counts what it did not free, and gives it a token",
        &[edit(
            SWEEP,
            "let is_free = ours && after.state() == State::Free;",
            "let is_free = (ours || true) && after.state() == State::Free;",
        )],
        &[Loom("leases", "a_renewal_and_a_sweep_exclude_each_other")],
    ),
    mutant(
        "lease, sweep: expiry without cooldown",
        &[edit(WORD, "Some(until.plus(cooldown))", "Some(until)")],
        &[UNITS],
    ),
    smoke(mutant(
        "lease, refused: the round is read after the search",
        &[edit(
            ALLOCATE,
            "            let round = self.swept_at.last_round();\n            match claim()? {",
            "            let claimed = claim()?;\n            let round = self.swept_at.last_round();\n            match claimed {",
        )],
        &[Loom(
            "leases",
            "no_call_is_refused_where_a_sweep_has_freed_enough",
        )],
    )),
    mutant(
        "lease, refused: a round counts although something was freed",
        &[edit(
            SWEEP,
            "self.swept_at.hint.store(word_index, Ordering::Relaxed);\n                return;",
            "self.swept_at.hint.store(word_index, Ordering::Relaxed);\n                break;",
        )],
        &[UNITS],
    ),
    mutant(
        "lease, batch: what is rolled back keeps its record",
        &[edit(
            ALLOCATE,
            "            self.pool.give_back(slot, word);",
            "            self.pool.pool.give_token(slot);\n            let _ = word;",
        )],
        &[Loom(
            "leases",
            "a_batch_that_fails_takes_nothing_from_others",
        )],
    ),
    smoke(mutant(
        "lease, hand-over: the exchange releases nothing",
        &[edit(
            RECORD,
            EXCHANGE,
            ".compare_exchange(old.0, new.0, Ordering::Acquire, Ordering::Relaxed)",
        )],
        &[RESTS, LOOKS],
    )),
    mutant(
        "lease, hand-over: the exchange acquires nothing",
        &[edit(
            RECORD,
            EXCHANGE,
            ".compare_exchange(old.0, new.0, Ordering::Release, Ordering::Relaxed)",
        )],
        &[RESTS],
    ),
    mutant(
        "lease, looks: the record is loaded Relaxed",
        &[edit(
            RECORD,
            "Word(self.word.load(Ordering::Acquire))",
            "Word(self.word.load(Ordering::Relaxed))",
        )],
        &[LOOKS],
    ),
    mutant(
        "lease, looks: the tag is loaded Relaxed",
        &[edit(
            RECORD,
            "record.owner.load(Ordering::Acquire)",
            "record.owner.load(Ordering::Relaxed)",
        )],
        &[LOOKS],
    ),
    mutant(
        "lease, looks: the generation is not read again after the tag",
        &[edit(
            RECORD,
            "let is_same = self.glance(slot).generation() == word.generation();",
            "let is_same = true;",
        )],
        &[LOOKS],
    ),
    smoke(mutant(
        "lease, owner: leased before the tag is written",
        &[edit(
            RECORD,
            "self.raised(word, State::Offered, until)",
            "self.raised(word, State::Leased, until)",
        )],
        &[LOOKS],
    )),
    mutant(
        "lease, tag: written Relaxed",
        &[edit(
            RECORD,
            TAG_EXCHANGE,
            ".compare_exchange(expected, bits, Ordering::Relaxed, Ordering::Acquire)",
        )],
        &[LOOKS, STALLED],
    ),
    smoke(mutant(
        "lease, tag: without the generation",
        &[
            edit(
                RECORD,
                "self.0 ^ mixed(generation)",
                "self.0 ^ mixed(generation & 0)",
            ),
            edit(
                RECORD,
                "Self(bits ^ mixed(generation))",
                "Self(bits ^ mixed(generation & 0))",
            ),
        ],
        &[STALLED],
    )),
    mutant(
        "lease, tag: whatever is there is replaced",
        &[edit(
            RECORD,
            TAG_EXCHANGE,
            ".swap(bits, Ordering::AcqRel);\n            let outcome = Ok::<u64, u64>(outcome)",
        )],
        &[STALLED],
    ),
    mutant(
        "lease, tag: tried again in any generation",
        &[edit(
            RECORD,
            "if record.glance().generation() != generation {",
            "if false {",
        )],
        &[STALLED],
    ),
    mutant(
        "lease, tag: that of a later holder is found Relaxed",
        &[edit(
            RECORD,
            TAG_EXCHANGE,
            ".compare_exchange(expected, bits, Ordering::Release, Ordering::Relaxed)",
        )],
        &[STALLED],
    ),
    mutant(
        "lease, owner: the lock is not held to the tag",
        &[edit(
            OWNER,
            "let mut outside = self.owners.lock(index);",
            "let mut outside = std::mem::take(&mut *self.owners.lock(index));",
        )],
        &[Loom(
            "lease_owners",
            "two_calls_for_one_owner_end_with_one_lease",
        )],
    ),
    smoke(mutant(
        "lease, owner: what others did before its token was claimed is not seen",
        &[edit(
            OWNER,
            "match self.take_claimed(slot, until, owner, outside) {",
            "match self.take_for(slot, word, until, owner, outside) {",
        )],
        &[Loom(
            "lease_owners",
            "an_owners_free_address_is_not_lost_where_others_had_it_meanwhile",
        )],
    )),
    mutant(
        "lease, owner: takes the resting address of another",
        &[edit(
            OWNER,
            "if !self.records.is_of(slot, word, owner.tag) {",
            "if word.state() != State::Cooling && !self.records.is_of(slot, word, owner.tag) {",
        )],
        &[Loom(
            "lease_owners",
            "a_resting_address_is_for_its_last_owner_alone",
        )],
    ),
    mutant(
        "lease, clock: compared once a second",
        &[edit(
            CLOCK,
            "self.compared.load(Ordering::Acquire) != time.0",
            "self.compared.load(Ordering::Acquire) >> 30 != time.second()",
        )],
        &[UnitIn(CLOCK, "lease::clock")],
    ),
];
