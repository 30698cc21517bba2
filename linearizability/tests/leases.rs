//! Histories of lease pools: what real threads do has an explanation, and what is wrong is rejected.

mod common;

use common::watchdog;
use linearizability::effort;
use linearizability::leases::Answer::{Done, Ended, Got, Refused, Stale};
use linearizability::leases::Verb::{Any, Exact, For, Release, Renew};
use linearizability::leases::storm::LeaseStorm;
use linearizability::leases::{Answer, Call, Judgement, Lease, Verb, explain};
use std::time::Instant;

/// Thread, invocation and response, seconds of the clock, verb, answer.
type Entry = (usize, (u64, u64), (u64, u64), Verb, Answer);

fn judge(entries: &[Entry], count: usize, cooldown: u64) -> Judgement {
    let call = |&(thread, span, ticks, verb, answer): &Entry| Call {
        thread,
        span,
        ticks,
        verb,
        answer,
    };
    let calls: Vec<_> = entries.iter().map(call).collect();
    explain(&calls, count, cooldown, u64::MAX)
}

#[track_caller]
fn rejected(entries: &[Entry], count: usize, cooldown: u64) {
    assert_eq!(judge(entries, count, cooldown), Judgement::Unexplained);
}

#[track_caller]
fn accepted(entries: &[Entry], count: usize, cooldown: u64) {
    assert_eq!(judge(entries, count, cooldown), Judgement::Explained);
}

const fn lease(at: usize, generation: u64) -> Lease {
    Lease { at, generation }
}

/// The first lease of the first address, and the second one.
const FIRST: Lease = lease(0, 1);
const SECOND: Lease = lease(0, 2);

/// No answer is false: of allocations, renewals, releases and sweeps beside a clock that goes on.
#[test]
fn leases_are_linearizable() {
    let _dog = watchdog();
    let begin = Instant::now();
    let rounds = if cfg!(debug_assertions) {
        2_000
    } else {
        20_000
    };
    let storm = LeaseStorm {
        seed: 1,
        rounds: rounds * effort(),
    };
    let tally = storm.run().unwrap_or_else(|story| panic!("{story}"));
    println!("{:?}: {tally:?}", begin.elapsed());
    assert_eq!(tally.missing(), []);
    // On a busy machine with few processors, threads seldom meet within a call.
    assert!(tally.overlaps > 0, "nothing overlapped");
    assert!(tally.given_up * 10 < storm.rounds, "too much was given up");
}

/// One address, and its lease has not ended.
#[test]
fn a_double_holder_is_rejected() {
    let double = |second: (u64, u64)| {
        [
            (0, (1, 2), (0, 0), Any(Some(10)), Got(FIRST)),
            (1, (3, 4), second, Any(Some(10)), Got(SECOND)),
        ]
    };
    rejected(&double((10, 10)), 1, 0);
    accepted(&double((11, 11)), 1, 0);
    // The clock may have been read late in the call.
    accepted(&double((5, 11)), 1, 0);
    rejected(&double((15, 15)), 1, 5);
    accepted(&double((16, 16)), 1, 5);
    let same = [
        (0, (1, 4), (0, 0), Any(Some(10)), Got(FIRST)),
        (1, (2, 3), (0, 0), Exact(0, Some(10)), Got(FIRST)),
    ];
    rejected(&same, 1, 0);
    let renewed = [
        (0, (1, 2), (0, 0), Any(Some(10)), Got(FIRST)),
        (0, (3, 4), (5, 5), Renew(FIRST, Some(10)), Done),
        (1, (5, 6), (15, 15), Any(Some(10)), Got(SECOND)),
    ];
    rejected(&renewed, 1, 0);
}

/// A call for an owner takes an offer, stalls until it has ended, begins again, and is refused: a generation is missing.
/// A storm has recorded it.
#[test]
fn a_holding_that_was_lost_within_a_call_takes_a_generation() {
    let lost = |ticks: (u64, u64), generation| {
        [
            (0, (1, 2), (3, 3), Any(Some(1)), Got(FIRST)),
            (0, (3, 4), (4, 4), Any(Some(1)), Got(lease(1, 1))),
            (0, (5, 16), ticks, For(0, Some(1)), Refused),
            (1, (6, 7), (6, 6), For(0, Some(1)), Got(SECOND)),
            (1, (8, 9), (6, 6), Release(SECOND), Done),
            (2, (10, 11), (16, 16), Any(None), Got(lease(0, 3))),
            (
                2,
                (12, 13),
                (16, 16),
                Exact(1, None),
                Got(lease(1, generation)),
            ),
        ]
    };
    accepted(&lost((4, 16), 2), 2, 0);
    accepted(&lost((4, 16), 3), 2, 0);
    // So many offers do not pass in that time, and none in less.
    rejected(&lost((4, 16), 9), 2, 0);
    rejected(&lost((4, 5), 3), 2, 0);
}

/// A release by a former holder ends the lease of the next one.
#[test]
fn a_stale_release_that_frees_is_rejected() {
    let stale = |answer| {
        [
            (0, (1, 2), (0, 0), Any(Some(1)), Got(FIRST)),
            (1, (3, 4), (2, 2), Any(None), Got(SECOND)),
            (0, (5, 6), (2, 2), Release(FIRST), answer),
        ]
    };
    rejected(&stale(Done), 1, 0);
    rejected(&stale(Ended), 1, 0);
    accepted(&stale(Stale), 1, 0);
    let mut freed = stale(Stale).to_vec();
    freed.push((2, (7, 8), (2, 2), Any(None), Got(lease(0, 3))));
    rejected(&freed, 1, 0);
    let twice = [
        (0, (1, 2), (0, 0), Any(None), Got(FIRST)),
        (0, (3, 6), (0, 0), Release(FIRST), Done),
        (1, (4, 5), (0, 0), Release(FIRST), Done),
    ];
    rejected(&twice, 1, 0);
}

/// A renewal of what another holds, or of what was released, succeeds.
#[test]
fn a_renewal_of_what_has_ended_is_rejected() {
    let stale = [
        (0, (1, 2), (0, 0), Any(Some(1)), Got(FIRST)),
        (1, (3, 4), (2, 2), Any(None), Got(SECOND)),
        (0, (5, 6), (2, 2), Renew(FIRST, None), Done),
    ];
    rejected(&stale, 1, 0);
    let ended = [
        (0, (1, 2), (0, 0), Any(Some(1)), Got(FIRST)),
        (0, (3, 4), (0, 0), Release(FIRST), Done),
        (0, (5, 6), (0, 0), Renew(FIRST, None), Done),
    ];
    rejected(&ended, 1, 0);
}

/// A holder whose lease lasts gets the answer that it has ended.
#[test]
fn an_end_before_the_time_is_rejected() {
    let early = |verb, at: u64| {
        [
            (0, (1, 2), (0, 0), Any(Some(10)), Got(FIRST)),
            (0, (3, 4), (at, at), verb, Ended),
        ]
    };
    for verb in [Renew(FIRST, Some(1)), Release(FIRST)] {
        rejected(&early(verb, 12), 1, 2);
        accepted(&early(verb, 13), 1, 2);
    }
    let late = [
        (0, (1, 2), (0, 0), Any(Some(1)), Got(FIRST)),
        (0, (3, 4), (100, 100), Renew(FIRST, Some(1)), Done),
        (0, (5, 6), (100, 100), Release(FIRST), Done),
    ];
    accepted(&late, 1, 0);
}

/// Something was due before the call began, and the call is refused.
#[test]
fn a_refusal_although_something_was_due_is_rejected() {
    let refused = |verb, at: u64| {
        [
            (0, (1, 2), (0, 1), Any(Some(10)), Got(FIRST)),
            (1, (3, 4), (at, at + 5), verb, Refused),
        ]
    };
    for verb in [Any(None), Exact(0, None), For(7, None)] {
        // It may have been taken in second 1, and lasts through second 11; then it rests for three.
        accepted(&refused(verb, 14), 1, 3);
        rejected(&refused(verb, 15), 1, 3);
    }
    for verb in [Any(None), For(7, None)] {
        rejected(&refused(verb, 1), 2, 3);
    }
    let rested = |at: u64| {
        [
            (0, (1, 2), (0, 0), Any(None), Got(FIRST)),
            (0, (3, 4), (5, 5), Release(FIRST), Done),
            (1, (5, 6), (at, at), Any(None), Refused),
        ]
    };
    accepted(&rested(8), 1, 3);
    rejected(&rested(9), 1, 3);
    rejected(&rested(5), 1, 0);
}

/// While another call releases or sweeps, what it moves does not count.
#[test]
fn what_is_in_motion_does_not_count() {
    let releasing = [
        (0, (1, 2), (0, 0), Any(None), Got(FIRST)),
        (0, (3, 8), (0, 0), Release(FIRST), Done),
        (2, (4, 5), (0, 0), Release(FIRST), Ended),
        (1, (6, 7), (0, 0), Any(None), Refused),
    ];
    accepted(&releasing, 1, 0);
    let sweeping = [
        (0, (1, 2), (0, 0), Any(Some(1)), Got(FIRST)),
        (0, (3, 6), (2, 2), Verb::Sweep, Answer::Swept),
        (1, (4, 5), (2, 2), Any(None), Refused),
    ];
    accepted(&sweeping, 1, 0);
}

/// A released address is handed out before its rest is over.
#[test]
fn an_early_reuse_is_rejected() {
    let reused = |verb, at: u64| {
        [
            (0, (1, 2), (0, 0), For(7, None), Got(FIRST)),
            (0, (3, 4), (5, 5), Release(FIRST), Done),
            (1, (5, 6), (at, at), verb, Got(SECOND)),
        ]
    };
    for verb in [Any(None), Exact(0, None), For(8, None)] {
        rejected(&reused(verb, 8), 1, 3);
        accepted(&reused(verb, 9), 1, 3);
        accepted(&reused(verb, 5), 1, 0);
    }
    // Its own owner need not wait.
    accepted(&reused(For(7, None), 5), 1, 3);
}

/// An owner who holds an address gets that one and no other, and is never refused.
#[test]
fn a_second_lease_of_one_owner_is_rejected() {
    let held = |verb, answer| {
        [
            (0, (1, 2), (0, 0), For(7, None), Got(FIRST)),
            (1, (3, 4), (0, 0), verb, answer),
        ]
    };
    accepted(&held(For(7, None), Got(FIRST)), 2, 0);
    rejected(&held(For(7, None), Got(lease(1, 1))), 2, 0);
    rejected(&held(For(7, None), Refused), 1, 0);
    rejected(&held(For(8, None), Got(FIRST)), 2, 0);
    rejected(&held(Any(None), Got(FIRST)), 2, 0);
    let at_once = |second| {
        [
            (0, (1, 4), (0, 0), For(7, None), Got(FIRST)),
            (1, (2, 3), (0, 0), For(7, None), Got(second)),
        ]
    };
    accepted(&at_once(FIRST), 2, 0);
    rejected(&at_once(lease(1, 1)), 2, 0);
}

/// In the end an address is gone.
#[test]
fn a_lost_address_is_rejected() {
    let lost = [
        (0, (1, 2), (0, 0), Any(Some(1)), Got(FIRST)),
        (0, (3, 4), (0, 0), Release(FIRST), Done),
        (0, (5, 6), (100, 100), Any(None), Got(lease(1, 1))),
        (0, (7, 8), (100, 100), Any(None), Refused),
    ];
    rejected(&lost, 2, 0);
    rejected(&lost, 2, 3);
}
