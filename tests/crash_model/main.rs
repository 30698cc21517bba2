//! Every interleaving and every accident of the pool file's crash protocol, one step at a time, under
//! sequential consistency: deaths of processes, power cuts, failed syncs, lost state slots, copies.
//!
//! These are models of the protocol (`docs/design/file-safety.md`), not of the code, so that a step can be left
//! out: each such variant must fail, and the shortest way there is printed. Each model says in its first
//! lines what it promises. What a power cut may leave is in `disk`.
//!
//! `cargo test --release --test crash_model -- --nocapture` prints states and counter-examples;
//! `HOSTBITS_EXPLORE=all` adds the largest programs.

mod commit;
mod create;
mod disk;
mod lanes;
mod programs;
mod publish;
mod reclaim;
mod recovery;
mod replace;
#[path = "../explorer/search.rs"]
mod search;
mod sessions;

use std::fmt::Debug;

use commit::Commit;
use create::Create;
use lanes::Lanes;
use programs::{LARGE, SMALL};
use publish::Publish;
use reclaim::Reclaim;
use recovery::Recovery;
use replace::Replace;
use search::{Machine, Outcome, explore};
use sessions::Sessions;

const STATE_LIMIT: usize = 10_000_000;

fn everything_is_wanted() -> bool {
    std::env::var("HOSTBITS_EXPLORE").is_ok_and(|wanted| wanted == "all")
}

fn check(variant: impl Debug, program: &str, machine: &impl Machine) -> Outcome {
    let outcome = explore(machine, STATE_LIMIT);
    println!("{variant:?}, {program}: {outcome}");
    outcome
}

/// How many states there are, all of them right.
fn assert_right(variant: impl Debug, program: &str, machine: &impl Machine) -> usize {
    match check(variant, program, machine) {
        Outcome::Right { states } => states,
        outcome => panic!("{program}: {outcome}"),
    }
}

/// The page of what a pool file survives has this number of states of a model.
fn assert_documented(model: &str, states: usize) {
    let page = include_str!("../../docs/design/file-safety.md");
    let begin = format!("| `{model}` |");
    let row = page.lines().find(|line| line.starts_with(&begin));
    let cell = row.and_then(|row| row.split('|').nth_back(1)).expect(model);
    let mut numbers = cell.split(|c: char| !c.is_ascii_digit() && c != ',');
    let is_there = numbers.any(|number| number.replace(',', "") == states.to_string());
    assert!(
        is_there,
        "{model} has {states} states, and the page says {cell}"
    );
}

/// The mistake is found, and it is this one.
fn assert_wrong(variant: impl Debug, program: &str, machine: &impl Machine, wanted: &str) {
    let outcome = check(variant, program, machine);
    assert!(
        matches!(&outcome, Outcome::Wrong { why, .. } if why == wanted),
        "{program}: not \"{wanted}\" but {outcome}"
    );
}

const HELD: [[bool; 2]; 3] = [[false, false], [true, false], [true, true]];

fn recovery(variant: recovery::Variant, held: [bool; 2]) -> (String, Recovery) {
    let (cuts, failures) = (3, 1);
    let program = format!("recovery, held {held:?}, {cuts} cuts, {failures} failed sync");
    let machine = Recovery {
        variant,
        held,
        cuts,
        failures,
    };
    (program, machine)
}

fn assert_recovery_wrong(variant: recovery::Variant, wanted: &str) {
    let (program, machine) = recovery(variant, [true, false]);
    assert_wrong(variant, &program, &machine, wanted);
}

/// Cut three times while it recovers, a pool hands out nothing that is held and loses no suspect.
#[test]
fn recovery_survives_power_cuts_three_deep() {
    let states = HELD.map(|held| {
        let (program, machine) = recovery(recovery::Variant::Correct, held);
        assert_right(recovery::Variant::Correct, &program, &machine)
    });
    assert_documented("recovery", states.iter().sum());
}

/// Each of the orders that are not "Q, sync, F, sync, T" either hands out or loses something.
#[test]
fn the_order_of_recovery_is_needed() {
    const LOST: &str = "a suspect is neither free nor in quarantine: lost";
    const TRUSTED: &str = "a held address is free and trusted";
    assert_recovery_wrong(recovery::Variant::FreeClearedEarly, LOST);
    assert_recovery_wrong(recovery::Variant::FreeClearedFirst, LOST);
    assert_recovery_wrong(recovery::Variant::TrustedEarly, TRUSTED);
    assert_recovery_wrong(recovery::Variant::FreeNotSynced, TRUSTED);
    assert_recovery_wrong(
        recovery::Variant::FreeBelieved,
        "a held address is free in a recovered pool",
    );
}

/// After a failed sync the page is clean and stale; only a store makes the next sync write it.
#[test]
fn recovery_must_store_what_is_there_already() {
    assert_recovery_wrong(
        recovery::Variant::EqualNotStored,
        "a suspect is neither free nor in quarantine: lost",
    );
}

fn sessions(program: &sessions::Program, variant: sessions::Variant) -> Sessions<'_> {
    Sessions {
        program,
        variant,
        only_uniqueness: variant != sessions::Variant::Correct,
    }
}

fn assert_sessions_right(programs: &[sessions::Program]) -> usize {
    let states = programs.iter().map(|program| {
        let machine = sessions(program, sessions::Variant::Correct);
        assert_right(sessions::Variant::Correct, program.name, &machine)
    });
    states.sum()
}

/// Some program shows that the mistake hands out what is held. Stops at the first.
fn assert_hands_out_twice(variant: sessions::Variant) {
    let caught = SMALL.iter().any(|program| {
        let machine = sessions(program, variant);
        match explore(&machine, STATE_LIMIT) {
            wrong @ Outcome::Wrong { .. } => {
                println!("{variant:?}, {}: {wrong}", program.name);
                true
            }
            _ => false,
        }
    });
    assert!(caught, "no program finds out that {variant:?} is wrong");
}

/// First openers, joiners, leavers and last closers, in every order, with every accident; and in the programs
/// that take longer, if they are asked for.
#[test]
fn sessions_are_right_in_every_interleaving() {
    let states = assert_sessions_right(SMALL);
    assert_documented("sessions", states);
    if everything_is_wanted() {
        assert_documented("sessions", states + assert_sessions_right(LARGE));
    }
}

#[test]
fn after_a_power_cut_free_means_nothing_unless_trusted() {
    assert_hands_out_twice(sessions::Variant::FreeBelieved);
    assert_hands_out_twice(sessions::Variant::BootIgnored);
    assert_hands_out_twice(sessions::Variant::CleanBelieved);
}

/// In mode `Process`, where nothing is synced, a power cut leaves nothing to allocate.
#[test]
fn nothing_is_allocatable_before_reclaim_in_mode_process() {
    let variant = sessions::Variant::BootIgnored;
    let machine = Sessions {
        program: &SMALL[1],
        variant,
        only_uniqueness: false,
    };
    let wanted = "an address is free before any reclaim";
    assert_wrong(variant, SMALL[1].name, &machine, wanted);
}

#[test]
fn the_last_one_out_syncs_before_it_vouches() {
    assert_hands_out_twice(sessions::Variant::TrustedBeforeSync);
}

/// A sync of a pool that is poisoned already returns Ok and means nothing.
#[test]
fn a_poisoned_pool_is_not_closed_clean() {
    assert_hands_out_twice(sessions::Variant::PoisonedClosedClean);
}

#[test]
fn only_the_first_opener_recovers() {
    assert_hands_out_twice(sessions::Variant::SecondIsFirst);
    assert_hands_out_twice(sessions::Variant::ReaderPresent);
}

#[test]
fn trust_and_open_are_durable_before_anybody_allocates() {
    assert_hands_out_twice(sessions::Variant::OpenWrittenLate);
}

#[test]
fn dirtying_a_page_takes_a_store() {
    assert_hands_out_twice(sessions::Variant::DirtiedByOrZero);
}

/// A page whose write-back failed may be dropped from memory: even the same boot is no proof then.
#[test]
fn after_a_failed_sync_memory_is_not_believed() {
    assert_hands_out_twice(sessions::Variant::PoisonForgotten);
}

/// T vouches for the file that it was written in, not for a copy of it.
#[test]
fn a_copy_of_a_live_pool_is_not_believed() {
    assert_hands_out_twice(sessions::Variant::InodeIgnored);
    assert_hands_out_twice(sessions::Variant::CopyVouchesForItself);
}

/// A copy written into the file has its inode. The witness reveals it if each process that opens or closes the file
/// writes the witness, and an opener does not allocate before the witness is on the disk.
#[test]
fn an_older_content_of_a_file_is_not_believed() {
    assert_hands_out_twice(sessions::Variant::WitnessIgnored);
    assert_hands_out_twice(sessions::Variant::WitnessNotSynced);
    assert_hands_out_twice(sessions::Variant::WitnessLeftAtClose);
}

/// The limit: of a copy that comes back into its own session, nothing tells.
#[test]
fn a_copy_that_comes_back_at_once_is_the_limit_of_the_witness() {
    assert_hands_out_twice(sessions::Variant::CopyBackAtOnce);
}

/// Q and F reach the disk independently: an address may come back both free and in quarantine.
#[test]
fn what_is_free_and_trusted_leaves_the_quarantine() {
    assert_hands_out_twice(sessions::Variant::OverlapKept);
}

/// The only harm is that CLEAN is never written.
#[test]
fn presence_is_dropped_before_open() {
    let variant = sessions::Variant::PresenceDroppedLate;
    for program in SMALL {
        assert_right(variant, program.name, &sessions(program, variant));
    }
    let machine = Sessions {
        program: &SMALL[0],
        variant,
        only_uniqueness: false,
    };
    let wanted = "all have closed and the file is not CLEAN";
    assert_wrong(variant, SMALL[0].name, &machine, wanted);
}

/// The sync after dirtying covers all that an earlier one would.
#[test]
fn the_first_sync_of_an_opener_is_not_needed() {
    let variant = sessions::Variant::FirstSyncLeftOut;
    for program in SMALL {
        let machine = Sessions {
            program,
            variant,
            only_uniqueness: false,
        };
        assert_right(variant, program.name, &machine);
    }
}

const ONE_PROCESS: &[usize] = &[0, 0, 0];
const TWO_PROCESSES: &[usize] = &[0, 0, 1];

fn commit(
    variant: commit::Variant,
    processes: &'static [usize],
    rounds: u8,
    kills: u8,
) -> (String, Commit) {
    let program = format!("commit, processes {processes:?}, {rounds} rounds, {kills} deaths");
    let machine = Commit {
        variant,
        processes,
        rounds,
        failures: 1,
        kills,
    };
    (program, machine)
}

fn assert_commit_wrong(variant: commit::Variant, processes: &'static [usize], wanted: &str) {
    let (program, machine) = commit(variant, processes, 1, 0);
    assert_wrong(variant, &program, &machine, wanted);
}

/// One sync for many, never for one that came too late, and none after a failure.
#[test]
fn group_commit_acknowledges_only_what_is_durable() {
    let states = [(ONE_PROCESS, 0), (TWO_PROCESSES, 1)].map(|(processes, kills)| {
        let rounds = if everything_is_wanted() { 2 } else { 1 };
        let (program, machine) = commit(commit::Variant::Correct, processes, rounds, kills);
        assert_right(commit::Variant::Correct, &program, &machine)
    });
    assert_documented("commit", states.iter().sum());
}

#[test]
fn every_part_of_group_commit_is_needed() {
    const FREE: &str = "an acknowledged address is free after the cut";
    assert_commit_wrong(commit::Variant::AckBeforeSync, ONE_PROCESS, FREE);
    assert_commit_wrong(commit::Variant::LateTicketsCount, ONE_PROCESS, FREE);
    assert_commit_wrong(commit::Variant::TicketBeforeClaim, ONE_PROCESS, FREE);
    assert_commit_wrong(commit::Variant::RetryAfterFailure, ONE_PROCESS, FREE);
    assert_commit_wrong(commit::Variant::PoisonedLate, ONE_PROCESS, FREE);
    assert_commit_wrong(commit::Variant::LeaderAloneFails, ONE_PROCESS, FREE);
    let wanted = "thread 1 waits for ever";
    assert_commit_wrong(commit::Variant::LeaderStays, ONE_PROCESS, wanted);
}

/// What the kernel must do for the protocol to be right: tell every open file description.
#[test]
fn every_process_must_be_told_of_a_failed_write_back() {
    let wanted = "an acknowledged address is free after the cut";
    assert_commit_wrong(commit::Variant::ErrorToldOnce, TWO_PROCESSES, wanted);
}

fn reclaim(variant: reclaim::Variant, has_holder: bool) -> Reclaim {
    Reclaim {
        variant,
        has_holder,
        is_adopted: false,
        reclaimers: 2,
        allocators: 2,
    }
}

/// A release beside two reclaims, each with its own list.
#[test]
fn release_and_reclaim_meet_safely() {
    let cases = [(true, "reclaim, held"), (false, "reclaim, not held")];
    let states = cases.map(|(has_holder, program)| {
        let machine = reclaim(reclaim::Variant::Correct, has_holder);
        assert_right(reclaim::Variant::Correct, program, &machine)
    });
    assert_documented("reclaim", states.iter().sum());
}

#[test]
fn quarantine_is_left_before_the_slot_is_freed() {
    for (variant, has_holder) in [
        (reclaim::Variant::FreeBeforeQuarantine, true),
        (reclaim::Variant::ReclaimFreesFirst, false),
        (reclaim::Variant::LookThenClear, false),
        (reclaim::Variant::LoserFrees, false),
    ] {
        let machine = reclaim(variant, has_holder);
        assert_wrong(variant, "reclaim", &machine, "a held address is free");
    }
}

fn adopted(variant: reclaim::Variant) -> Reclaim {
    Reclaim {
        is_adopted: true,
        ..reclaim(variant, false)
    }
}

/// An adopt beside two reclaims, whose lists were read before or after the record was written.
#[test]
fn adopt_and_reclaim_meet_safely() {
    let machine = adopted(reclaim::Variant::Correct);
    assert_right(reclaim::Variant::Correct, "reclaim, adopted", &machine);
}

#[test]
fn what_is_adopted_is_out_of_the_reach_of_reclaims() {
    for variant in [
        reclaim::Variant::AdoptedStaysSuspect,
        reclaim::Variant::AdoptDoesNotWait,
        reclaim::Variant::AdoptWaitsFirst,
    ] {
        let machine = adopted(variant);
        assert_wrong(variant, "reclaim", &machine, "a held address is free");
    }
}

/// The one race that a bit cannot see: the caller must keep it out.
#[test]
fn a_list_must_have_those_who_are_about_to_release() {
    let variant = reclaim::Variant::ListReadInTheGap;
    let machine = reclaim(variant, true);
    assert_wrong(variant, "reclaim", &machine, "a held address is free");
}

fn create(variant: create::Variant, only_uniqueness: bool) -> Create {
    Create {
        variant,
        kills: 1,
        only_uniqueness,
    }
}

#[test]
fn creation_is_right_in_every_interleaving() {
    let machine = create(create::Variant::Correct, false);
    let states = assert_right(create::Variant::Correct, "create", &machine);
    assert_documented("create", states);
}

#[test]
fn every_sync_of_creation_is_needed() {
    use create::Variant::*;
    const GONE: &str = "the file is gone, and a durable allocation with it";
    const REPORTED: &str = "a file whose creation was reported is gone";
    const EMPTY: &str = "a file is there without its content";
    const TWICE: &str = "a held address was handed out again, from another file";
    for (variant, only_uniqueness, wanted) in [
        (DirectoryNeverSynced, true, GONE),
        (DirectorySyncedByCreatorOnly, true, GONE),
        (DirectorySyncedByOpenerOnly, false, REPORTED),
        (ContentNotSynced, false, EMPTY),
        (RenamedOver, true, TWICE),
    ] {
        let machine = create(variant, only_uniqueness);
        assert_wrong(variant, "create", &machine, wanted);
    }
    // No allocation is lost by this one, only a file that was never used.
    let machine = create(DirectorySyncedByOpenerOnly, true);
    assert_right(DirectorySyncedByOpenerOnly, "create", &machine);
}

fn lanes(
    variant: lanes::Variant,
    leaves: bool,
    (owners, waiters, slots): (usize, usize, u8),
) -> (String, Lanes) {
    let kills = owners as u8;
    let stay = if leaves { "leave" } else { "stay" };
    let program = format!("lanes, {owners} owners that {stay}, {waiters} waiters, {slots} slots");
    let machine = Lanes {
        variant,
        owners,
        waiters,
        kills,
        slots,
        leaves,
    };
    (program, machine)
}

/// Dead owners are waited for until another process clears their lane, living ones until they have ended.
#[test]
fn flights_of_the_dead_end_and_those_of_the_living_count() {
    let variant = lanes::Variant::Correct;
    let mut sizes = vec![(2, 1, 2), (2, 2, 2), (3, 1, 2)];
    if everything_is_wanted() {
        sizes.push((3, 2, 2));
    }
    let cases = sizes
        .into_iter()
        .flat_map(|size| [true, false].map(|leaves| lanes(variant, leaves, size)));
    let states = cases.map(|(program, machine)| assert_right(variant, &program, &machine));
    assert_documented("lanes", states.max().unwrap_or_default());
}

#[test]
fn every_part_of_clearing_a_lane_is_needed() {
    use lanes::Variant::*;
    const CLEARED: &str = "the flight of a living owner was cleared";
    for (variant, leaves, wanted) in [
        (PlainStore, true, CLEARED),
        (DeadTakenForEmpty, true, "false exhausted"),
        (LockNotAsked, true, CLEARED),
        (NeverCleared, true, "waiter 0 waits for ever"),
        (CountBeginsAgain, true, "false exhausted"),
        (TakenAsFound, false, "false exhausted"),
        (ClearedBeforeLocked, true, CLEARED),
        (ReadOnce, true, "false exhausted"),
        (GivenIgnored, true, "false exhausted"),
        (DeadGaveNothing, true, "false exhausted"),
    ] {
        let (program, machine) = lanes(variant, leaves, (2, 1, 2));
        assert_wrong(variant, &program, &machine, wanted);
    }
    // That takes a third owner.
    let (program, machine) = lanes(BegunNotCounted, true, (3, 1, 2));
    assert_wrong(BegunNotCounted, &program, &machine, CLEARED);
}

const PUBLISHERS: &[&[&[publish::Op]]] = {
    use publish::Op::{Allocate as A, Release as R};
    &[
        &[&[R(0)], &[A, A]],
        &[&[R(0), A], &[R(1), A], &[A, A]],
        &[&[R(0)], &[A, A], &[A, A]],
    ]
};

fn publish(variant: publish::Variant, threads: &'static [&'static [publish::Op]]) -> Publish {
    Publish {
        variant,
        words: 2,
        taken: 0b11,
        threads,
        kills: 1,
    }
}

fn assert_publish_right(variant: publish::Variant) -> usize {
    let states = PUBLISHERS.iter().map(|threads| {
        let program = format!("publish, {threads:?}, 1 death");
        assert_right(variant, &program, &publish(variant, threads))
    });
    states.sum()
}

#[test]
fn a_slot_freed_by_the_dead_is_found() {
    let states = assert_publish_right(publish::Variant::Correct);
    assert_documented("publish", states);
}

/// As long as a death is noticed by all, a scan per death is as good as one per refusal.
#[test]
fn one_scan_per_death_is_enough() {
    assert_publish_right(publish::Variant::ScanAfterDeaths);
}

#[test]
fn a_refusal_without_a_scan_loses_slots() {
    for variant in [publish::Variant::NoScan, publish::Variant::NotPublished] {
        let machine = publish(variant, PUBLISHERS[0]);
        let outcome = check(variant, "publish", &machine);
        assert!(matches!(outcome, Outcome::Wrong { .. }), "{outcome}");
    }
}

/// A scan may set hints; to clear them takes the two phases.
#[test]
fn a_scan_only_sets_hints() {
    let variant = publish::Variant::ScanClears;
    let caught = PUBLISHERS.iter().any(|threads| {
        let outcome = check(variant, "publish", &publish(variant, threads));
        matches!(outcome, Outcome::Wrong { .. })
    });
    assert!(caught);
}

fn replace(variant: replace::Variant) -> Replace {
    Replace { variant, kills: 1 }
}

/// A larger file in the place of the pool's: old or new at every instant, and nothing held is handed out.
#[test]
fn a_larger_file_takes_the_place_of_the_pool() {
    let machine = replace(replace::Variant::Correct);
    let states = assert_right(replace::Variant::Correct, "replace", &machine);
    assert_documented("replace", states);
}

#[test]
fn every_step_of_a_replacement_is_needed() {
    use replace::Variant::*;
    const NO_POOL: &str = "the path names a file that is no pool";
    const FREE: &str = "a held address is free after a cut";
    for (variant, wanted) in [
        (NotAlone, FREE),
        (ContentNotSynced, NO_POOL),
        (DirectoryNeverSynced, NO_POOL),
        (DirectorySyncedByGrowerOnly, FREE),
        (RetiredEarly, NO_POOL),
        (NoSecondLook, FREE),
    ] {
        assert_wrong(variant, "replace", &replace(variant), wanted);
    }
}
