//! Every interleaving of small programs, one atomic access per step, under sequential consistency:
//! the summary tree, the claims in flight with the releases under watch, the pass with its barrier, the
//! proof that a whole set of pools had nothing, leases, and their owners.
//!
//! Loom knows weak memory but bounds what it tries; this explorer knows none, and tries everything: up
//! to three levels and four threads. It works on models of the protocols (`docs/design/algorithm.md`,
//! `docs/design/leases.md`), not on the code, so that a step can be left out: each such variant must fail, and the shortest way there is
//! printed.
//!
//! `cargo test --release --test explorer -- --nocapture` prints states and counter-examples;
//! `HOSTBITS_EXPLORE=all` adds the largest programs.

mod flights;
mod lease_passes;
mod lease_tests;
mod leases;
mod owners;
mod passes;
mod programs;
mod search;
mod sets;
mod summary;

use flights::{Flights, PROGRAMS};
use passes::Passes;
use programs::{Program, again_and_again, large, small, two_who_settle};
use search::{Outcome, explore};
use summary::{Summary, Variant};

const STATE_LIMIT: usize = 4_000_000;

fn check(program: &Program, variant: Variant) -> Outcome {
    let outcome = explore(&Summary::new(program, variant), STATE_LIMIT);
    let how = if program.settles_at_once {
        ", settling at once"
    } else {
        ""
    };
    println!("{variant:?}{how}, {}: {outcome}", program.name);
    outcome
}

fn assert_right(program: &Program) {
    let outcome = check(program, Variant::Correct);
    assert!(
        matches!(outcome, Outcome::Right { .. }),
        "{}: {outcome}",
        program.name
    );
}

/// Whether any of the small programs finds the mistake.
fn assert_caught(variant: Variant) {
    let caught = small()
        .iter()
        .any(|program| matches!(check(program, variant), Outcome::Wrong { .. }));
    assert!(caught, "no program finds out that {variant:?} is wrong");
}

/// No caller gets "exhausted" while a finished release is still free, and no free slot is out of
/// sight when all is quiet.
#[test]
fn the_protocol_is_right_in_every_interleaving() {
    small().iter().for_each(assert_right);
}

/// The same where a search that takes the last slot of a word settles the chunk before it returns.
#[test]
fn settling_at_once_is_right_in_every_interleaving() {
    let programs = small().into_iter().chain([two_who_settle()]);
    programs.for_each(|program| assert_right(&program.settling_at_once()));
}

/// Like the tests above, with the programs that take longer, if they are asked for.
#[test]
fn the_protocol_is_right_in_larger_programs() {
    if std::env::var("HOSTBITS_EXPLORE").is_ok_and(|wanted| wanted == "all") {
        large().iter().for_each(assert_right);
        let at_once = large().into_iter().map(Program::settling_at_once);
        at_once.for_each(|program| assert_right(&program));
    }
}

/// A search that emptied a chunk knows only that it was empty: a release may have come since.
#[test]
fn settling_at_once_needs_both_phases_and_the_check() {
    for variant in [Variant::NoCheckAtOnce, Variant::OnePhaseAtOnce] {
        let mut programs = small().into_iter().map(Program::settling_at_once);
        let caught =
            programs.any(|program| matches!(check(&program, variant), Outcome::Wrong { .. }));
        assert!(caught, "no program finds out that {variant:?} is wrong");
    }
}

/// Each mistake is seen by the expected small programs, in their order. The design's own model, written in another
/// language, comes to the same.
#[test]
fn each_program_sees_the_mistakes_that_it_should() {
    let seen = |variant| -> Vec<_> {
        let is_wrong = |program| matches!(check(program, variant), Outcome::Wrong { .. });
        small().iter().map(is_wrong).collect()
    };
    // The first two are not of that model.
    assert_eq!(seen(Variant::Correct)[2..], [false; 7]);
    assert_eq!(seen(Variant::NoVersion)[2..], [false; 7]);
    assert_eq!(
        seen(Variant::EarlyStop)[2..],
        [false, false, false, false, true, false, true]
    );
}

/// Without the version, a phase 2 believes a check from before another thread's settle and release.
#[test]
fn the_version_is_needed() {
    let outcome = check(&again_and_again(), Variant::NoVersion);
    assert!(matches!(outcome, Outcome::Wrong { .. }), "{outcome}");
}

/// A release that stops at the first hint that is set relies on a publish that may be stalled.
#[test]
fn publishing_every_level_is_needed() {
    assert_caught(Variant::EarlyStop);
}

/// Only the release that made the word non-full publishes: the others return "done" before that one gets to it.
#[test]
fn publishing_by_everybody_is_needed() {
    assert_caught(Variant::EdgeOnly);
}

/// A check, and then one exchange that clears the hint: a release in between is lost.
#[test]
fn two_phases_are_needed() {
    assert_caught(Variant::OnePhase);
}

/// Phase 2 without looking again.
#[test]
fn the_check_between_the_phases_is_needed() {
    assert_caught(Variant::NoCheck);
}

/// Another thread may be about to find that the child is not empty after all, and it publishes nothing.
#[test]
fn a_child_that_is_being_cleared_is_a_candidate() {
    assert_right(&two_who_settle());
    let outcome = check(&two_who_settle(), Variant::ClearingIsFull);
    assert!(matches!(outcome, Outcome::Wrong { .. }), "{outcome}");
}

/// A release that finds the slot free tells its caller so before the slot can be found.
#[test]
fn publishing_a_free_slot_is_needed() {
    assert_caught(Variant::SilentDoubleRelease);
}

fn check_flights(program: &flights::Program, variant: flights::Variant) -> Outcome {
    let outcome = explore(&Flights { program, variant }, STATE_LIMIT);
    println!("{variant:?}, {}: {outcome}", program.name);
    outcome
}

fn assert_flights_caught(variant: flights::Variant) {
    let caught = PROGRAMS
        .iter()
        .any(|program| matches!(check_flights(program, variant), Outcome::Wrong { .. }));
    assert!(caught, "no program finds out that {variant:?} is wrong");
}

/// A call that returns "nothing free", "too few free" or "taken" had an instant at which it was so, even beside
/// batches that give back what they took.
#[test]
fn flights_and_watches_are_right_in_every_interleaving() {
    for program in PROGRAMS {
        let outcome = check_flights(program, flights::Variant::Correct);
        assert!(
            matches!(outcome, Outcome::Right { .. }),
            "{}: {outcome}",
            program.name
        );
    }
}

/// A batch that gives back what it took makes others see an emptiness that never was.
#[test]
fn flights_are_needed() {
    assert_flights_caught(flights::Variant::FlightBegunLate);
    assert_flights_caught(flights::Variant::LandedEarly);
}

/// A thread that was in the air after the look may have had what the look did not find.
#[test]
fn the_lanes_are_read_after_the_look_and_waited_for() {
    assert_flights_caught(flights::Variant::LanesReadOnce);
    assert_flights_caught(flights::Variant::WaitsForLater);
    assert_flights_caught(flights::Variant::WaitsForNobody);
}

/// What was given back since before the look was free at the look.
#[test]
fn what_was_given_back_is_counted() {
    assert_flights_caught(flights::Variant::GivenIgnored);
    assert_flights_caught(flights::Variant::GivenReadLate);
    assert_flights_caught(flights::Variant::GivenCountedLate);
}

/// Two batches that wait for each other while they hold what the other one lacks wait for ever.
#[test]
fn nobody_waits_in_the_air() {
    assert_flights_caught(flights::Variant::WaitsHolding);
}

/// A thread that asks for one slot must have asked before its attempt, and its question must stand until the end.
#[test]
fn an_exact_refusal_asks_before_its_attempt() {
    assert_flights_caught(flights::Variant::AskedLate);
    assert_flights_caught(flights::Variant::AskedNotReread);
    assert_flights_caught(flights::Variant::ReturnedLate);
}

/// A free slot that moves behind the back of a search is never found.
#[test]
fn watches_are_needed() {
    assert_flights_caught(flights::Variant::Unwatched);
    assert_flights_caught(flights::Variant::WatchBegunLate);
    assert_flights_caught(flights::Variant::WatchersReadEarly);
}

fn check_pass(program: &passes::Program, variant: passes::Variant) -> Outcome {
    let outcome = explore(&Passes { program, variant }, STATE_LIMIT);
    println!("{variant:?}, {}: {outcome}", program.name);
    outcome
}

fn assert_pass_caught(variant: passes::Variant) {
    let caught = passes::PROGRAMS
        .iter()
        .any(|program| matches!(check_pass(program, variant), Outcome::Wrong { .. }));
    assert!(caught, "no program finds out that {variant:?} is wrong");
}

/// No pass frees an address that is held, no call returns an address that a pass has freed, and every leak is
/// found within three passes.
#[test]
fn a_pass_frees_no_live_address_in_any_interleaving() {
    for program in passes::PROGRAMS {
        let outcome = check_pass(program, passes::Variant::Correct);
        assert!(
            matches!(outcome, Outcome::Right { .. }),
            "{}: {outcome}",
            program.name
        );
    }
}

/// A slot that is claimed first and marked later is freed in between.
#[test]
fn marks_before_claims_are_needed() {
    assert_pass_caught(passes::Variant::MarkedLate);
}

/// A claim under which a pass began is seen by no other thread unless it looks again, and it must look whether
/// its own mark came in time.
#[test]
fn looks_after_the_claim_are_needed() {
    assert_pass_caught(passes::Variant::NoSecondLook);
    assert_pass_caught(passes::Variant::NoThirdLook);
    assert_pass_caught(passes::Variant::AnsweredRegardless);
}

/// A claim waits for its sync, passes go by, and another thread gets the slot.
#[test]
fn a_look_at_the_barrier_after_a_sync_is_needed() {
    assert_pass_caught(passes::Variant::UnaskedAfterSync);
    assert_pass_caught(passes::Variant::GivenBackUnasked);
}

/// What is allocated between the look at the words and the barrier is in the one and not behind the other.
#[test]
fn a_barrier_before_the_snapshot_is_needed() {
    assert_pass_caught(passes::Variant::SnapshotFirst);
}

/// Marks that are made when the barrier is up belong to the pass that has just begun.
#[test]
fn forgetting_before_the_barrier_is_needed() {
    assert_pass_caught(passes::Variant::ForgottenLate);
}

/// What was allocated while the list was read is not on it.
#[test]
fn the_marks_are_needed_when_a_plan_is_applied() {
    assert_pass_caught(passes::Variant::TouchedIgnored);
    assert_pass_caught(passes::Variant::TouchedFirst);
}

/// "Collecting" before a plan was applied and "collecting" after it are not the same.
#[test]
fn a_new_number_after_each_application_is_needed() {
    assert_pass_caught(passes::Variant::NumberKept);
}

/// An address that changed hands between two sightings was not an orphan all the time.
#[test]
fn marks_between_sightings_are_needed() {
    assert_pass_caught(passes::Variant::SightingsKept);
    assert_pass_caught(passes::Variant::LoweredBetween);
}

/// A holder is half-way twice: an address that joined while the first list was read and leaves while the second one
/// is read is in neither list, and is held.
#[test]
fn three_sightings_are_needed() {
    assert_pass_caught(passes::Variant::Hasty);
}

fn check_sets(program: &sets::Program, variant: sets::Variant) -> Outcome {
    let outcome = explore(&sets::Sets { program, variant }, STATE_LIMIT);
    println!("{variant:?}, {}: {outcome}", program.name);
    outcome
}

/// A call that finds a set exhausted had an instant at which no member had anything.
#[test]
fn the_exhausted_of_a_set_is_right_in_every_interleaving() {
    for program in sets::PROGRAMS {
        let outcome = check_sets(program, sets::Variant::Correct);
        assert!(
            matches!(outcome, Outcome::Right { .. }),
            "{}: {outcome}",
            program.name
        );
    }
}

/// Every part of the proof is there for a reason.
#[test]
fn every_part_of_the_proof_for_sets_is_needed() {
    for variant in [
        sets::Variant::OneCollect,
        sets::Variant::VersionsIgnored,
        sets::Variant::FlightsIgnored,
        sets::Variant::GivenIgnored,
        sets::Variant::LanesReadOnce,
        sets::Variant::PairBegunLate,
        sets::Variant::MembersReadOnce,
    ] {
        let caught = sets::PROGRAMS
            .iter()
            .any(|program| matches!(check_sets(program, variant), Outcome::Wrong { .. }));
        assert!(caught, "no program finds out that {variant:?} is wrong");
    }
}
