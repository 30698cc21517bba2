//! Leases and their owners in every interleaving, and each mistake that must be found.

use crate::leases::{self, Leases};
use crate::owners::{self, Owners};
use crate::search::{Machine, Outcome, explore};
use std::fmt::Debug;

const STATE_LIMIT: usize = 4_000_000;

fn check(machine: &impl Machine, variant: impl Debug, name: &str) -> Outcome {
    let outcome = explore(machine, STATE_LIMIT);
    println!("{variant:?}, {name}: {outcome}");
    outcome
}

fn assert_right(machine: &impl Machine, variant: impl Debug, name: &str) {
    let outcome = check(machine, variant, name);
    let is_right = matches!(outcome, Outcome::Right { .. });
    assert!(is_right, "{name}: {outcome}");
}

/// The program finds this mistake, and no other.
fn assert_caught(machine: &impl Machine, variant: impl Debug, name: &str, mistake: &str) {
    match check(machine, &variant, name) {
        Outcome::Wrong { why, .. } => assert!(why.contains(mistake), "{variant:?}: {why}"),
        outcome => panic!("{name} does not find out that {variant:?} is wrong: {outcome}"),
    }
}

fn lease_program(name: &str) -> &'static leases::Program {
    let program = leases::PROGRAMS.iter().find(|it| it.name == name);
    program.unwrap_or_else(|| panic!("no program {name:?}"))
}

fn correct(program: &leases::Program) -> Leases<'_> {
    Leases {
        program,
        variant: leases::Variant::Correct,
        wants_one_instant: true,
    }
}

/// One holder, no lease that ends early, no token lost, no refusal while something was there or due; beside renewals,
/// releases, sweeps, batches, passes, stalls and deaths.
#[test]
fn leases_are_right_in_every_interleaving() {
    for program in leases::PROGRAMS {
        assert_right(&correct(program), leases::Variant::Correct, program.name);
    }
}

/// Like the test above, with the programs that take longer, if they are asked for.
#[test]
fn leases_are_right_in_larger_programs() {
    if std::env::var("HOSTBITS_EXPLORE").is_ok_and(|wanted| wanted == "all") {
        for program in leases::LARGE {
            assert_right(&correct(program), leases::Variant::Correct, program.name);
        }
    }
}

/// If a call does not know before its search that all is swept, there was an instant without tokens, and all that was due has been offered, but not at
/// the same time.
#[test]
fn a_refusal_knows_before_its_search_that_all_is_swept() {
    let two_due = lease_program("2 words, both due: take | take | take");
    let exact = lease_program("a death: this one | release | take, sweep");
    let variants = [
        leases::Variant::NoSecondSearch,
        leases::Variant::LostRaceCounts,
    ];
    for program in [two_due, exact] {
        for (variant, wants_one_instant) in
            variants.iter().flat_map(|&it| [(it, false), (it, true)])
        {
            let machine = Leases {
                program,
                variant,
                wants_one_instant,
            };
            if wants_one_instant {
                assert_caught(&machine, variant, program.name, "without an instant");
            } else {
                assert_right(&machine, variant, program.name);
            }
        }
    }
}

/// Each part of the protocol of a record is there for a reason.
#[test]
fn every_part_of_a_lease_is_needed() {
    use leases::Variant as V;
    let late = "an offer ends, and a late release | take | sweep, sweep";
    let renewal = "a late renewal | take, release | sweep";
    let two = "released by two | take, take";
    let both_due = "2 words, both due: take | take | take";
    let undo = "a pass, its undo | release, release | take";
    let deaths = "a death without cooldown: release | take | take";
    let again = "take, release, take | take, release";
    for (variant, name, mistake) in [
        (V::TakeStores, deaths, "two holders"),
        (
            V::GenerationKept,
            late,
            "a release ends what is not its lease",
        ),
        (
            V::ReleaseIgnoresGeneration,
            late,
            "a release ends what is not its lease",
        ),
        (
            V::ReleaseStores,
            two,
            "a release ends what is not its lease",
        ),
        (V::RenewStores, renewal, "a renewal revives"),
        (V::SweepStores, renewal, "a lease ends before its time"),
        (V::ExpiryWithoutCooldown, renewal, "before it has rested"),
        (V::NoCooldown, again, "before it has rested"),
        (
            V::TermRoundedDown,
            "half ticks without cooldown: renewal | sweep",
            "a lease ends before its time",
        ),
        (
            V::RestRoundedDown,
            "half ticks: take, release | take",
            "before it has rested",
        ),
        (V::GivenEarly, again, "without a token in sight"),
        (V::RecordFirst, again, "without a token in sight"),
        (V::TokenGivenBack, deaths, "the same worthless token"),
        (
            V::RaisedBeforeScan,
            both_due,
            "what was due has not been offered",
        ),
        (
            V::RaisedThoughFreed,
            both_due,
            "what was due has not been offered",
        ),
        (
            V::RaisedToLaterTick,
            both_due,
            "what was due has not been offered",
        ),
        (V::RepairsBitsAlone, deaths, "without a token in sight"),
        (
            V::PassEndsAsRelease,
            undo,
            "an undo revives a lease whose caller knows",
        ),
        (
            V::UndoIgnoresGeneration,
            "a pass, its undo | take, renewal, a pass",
            "an undo revives what it has not ended",
        ),
        (
            V::BatchCountsTakes,
            "2 words: two at once with a short offer | sweep | sweep",
            "one address twice",
        ),
        (
            V::RollBackStores,
            "2 words: two at once with a short offer | sweep | sweep",
            "a batch gives back what is not its own",
        ),
        (V::TakenForEver, "a death: all | take", "leased for ever"),
    ] {
        let machine = Leases {
            program: lease_program(name),
            variant,
            wants_one_instant: true,
        };
        assert_caught(&machine, variant, name, mistake);
    }
}

/// One lease for an owner, and no lease of another.
#[test]
fn owners_are_right_in_every_interleaving() {
    use owners::Variant as V;
    for program in owners::PROGRAMS {
        let variant = V::Correct;
        assert_right(&Owners { program, variant }, variant, program.name);
    }
}

/// Each part of the protocol of an owner is there for a reason.
#[test]
fn every_part_of_an_owner_is_needed() {
    use owners::Variant as V;
    let at_home = "2 at home: for A | for A | take";
    let again = "2 at home: sweep, for B | for A, sweep, for A, for A";
    let outside = "home full, 2 outside: for A | for A | release at home";
    for (variant, name, mistake) in [
        (
            V::TagWithoutGeneration,
            "2 at home, A was there: for B | sweep, for A, all of B",
            "the lease of another",
        ),
        (V::GenerationNotReread, again, "is not found"),
        (V::UnlockedBeforeTag, at_home, "two leases"),
        (V::LookedBeforeLock, at_home, "two leases"),
        (V::OutsideForgotten, outside, "two leases"),
        (V::RememberedUnlocked, outside, "two leases"),
        (
            V::RetakenOnce,
            "1 of A, 1 free: a pass, its undo | for A, for A | sweep, take",
            "two leases",
        ),
        (
            V::RecordFirst,
            "2 at home, A was there: for A | take, release",
            "has lost its token",
        ),
        (
            V::RetakenByOthers,
            "1 cooling of A, 1 free: for A | for A, release | for B",
            "before it has rested",
        ),
        (
            V::RetakeStores,
            "1 cooling of A: for A | sweep, take",
            "two holders",
        ),
    ] {
        let program = owners::PROGRAMS.iter().find(|it| it.name == name);
        let program = program.unwrap_or_else(|| panic!("no program {name:?}"));
        assert_caught(&Owners { program, variant }, variant, name, mistake);
    }
}
