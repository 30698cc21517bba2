//! Both checkers, against histories written by hand. What is wrong is rejected for its own reason; what is merely
//! tricky is accepted.
//!
//! ```text
//! (thread, (invoked, responded), call, answer, addresses)
//! ```

mod common;

use common::{BASE, drained, ground, history};
use linearizability::check::{Edge, check};
use linearizability::complete::{explain, explain_in_parts};
use linearizability::history::Answer::{
    AlreadyAllocated, Claimed, Exhausted, Fewer, NotAllocated, Released, Reserved,
};
use linearizability::history::Call::{
    Allocate, Block, BlockExact, Exact, From, In, Into, Local, LocalDrop, Many, Preferring,
    Release, ReleaseMany,
};
use linearizability::history::History;

/// Asserts that both checkers reject a history, the first one with these words.
#[track_caller]
fn rejected(history: &History, count: u32, words: &str) {
    rejected_by_rules(history, count, words);
    assert!(explain(history, &ground(count)).is_none(), "explained");
    assert!(
        explain_in_parts(history, &ground(count)).is_err(),
        "explained in parts"
    );
}

#[track_caller]
fn rejected_by_rules(history: &History, count: u32, words: &str) {
    let message = match check(history, &ground(count), Some(Edge::Lowest)) {
        Ok(checked) => panic!("accepted: {checked:?}"),
        Err(violation) => violation.to_string(),
    };
    assert!(message.contains(words), "{message}");
}

#[track_caller]
fn accepted(history: &History, count: u32) {
    if let Err(violation) = check(history, &ground(count), Some(Edge::Lowest)) {
        panic!("{violation}");
    }
    assert!(explain(history, &ground(count)).is_some(), "not explained");
    assert!(
        explain_in_parts(history, &ground(count)).is_ok(),
        "not explained in parts"
    );
}

/// Thread 1 is given the address that thread 0 holds.
#[test]
fn a_duplicate_is_rejected() {
    let duplicate = history(&[
        (0, (1, 4), Allocate, Claimed, &[0]),
        (1, (5, 6), Allocate, Claimed, &[0]),
        (0, (7, 8), Release, Released, &[0]),
    ]);
    rejected(
        &duplicate,
        2,
        "two holders: thread 1 was given 10.0.0.0 by 6 while thread 0 held it from 4 to 7",
    );
}

/// A duplicate counts even if both claims, or a claim and a release, overlap.
#[test]
fn a_duplicate_of_overlapping_claims_is_rejected() {
    let overlapping = history(&[
        (0, (1, 10), Allocate, Claimed, &[0]),
        (1, (2, 9), Many(2), Claimed, &[0, 1]),
    ]);
    rejected(&overlapping, 2, "two holders");
}

/// One thread is given an address that it holds already.
#[test]
fn a_duplicate_in_one_hand_is_rejected() {
    let twice = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (0, (3, 4), Allocate, Claimed, &[0]),
    ]);
    rejected(&twice, 2, "two holders");
}

/// An address outside the ground: reserved, or outside the pool.
#[test]
fn an_address_that_was_never_free_is_rejected() {
    let foreign = history(&[(0, (1, 2), Allocate, Claimed, &[7])]);
    rejected(&foreign, 2, "not free at all: thread 0 was given 10.0.0.7");
}

/// One of two addresses is free throughout.
#[test]
fn a_false_exhausted_is_rejected() {
    let one_left = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (1, (3, 4), Allocate, Exhausted, &[]),
    ]);
    rejected(
        &one_left,
        2,
        "at most 1 can have been taken at once, and it takes 2",
    );
}

/// Each address was taken for some time, but never both at once.
#[test]
fn exhausted_needs_one_instant_not_several() {
    let in_turns = [
        (0, (1, 2), Allocate, Claimed, &[0u32] as &[u32]),
        (0, (5, 6), Release, Released, &[0]),
        (0, (8, 9), Exact(BASE + 1), Claimed, &[1]),
        (1, (3, 12), Allocate, Exhausted, &[]),
    ];
    rejected(&history(&in_turns), 2, "false \"exhausted\"");
    let for_preferring = in_turns.map(|(thread, span, call, answer, addrs)| match call {
        Allocate if answer == Exhausted => (thread, span, Preferring(BASE), answer, addrs),
        _ => (thread, span, call, answer, addrs),
    });
    rejected(&history(&for_preferring), 2, "wanted any address");
}

/// A batch that fails holds nothing: no call may report "exhausted" because of it.
#[test]
fn exhausted_because_of_a_batch_that_fails_is_rejected() {
    let misled = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (1, (3, 9), Many(3), Exhausted, &[]),
        (2, (4, 5), Allocate, Exhausted, &[]),
    ]);
    rejected(&misled, 3, "false \"exhausted\": thread 2");
}

/// Two of four are free, and two are wanted.
#[test]
fn a_false_exhausted_of_a_batch_is_rejected() {
    let enough = history(&[
        (0, (1, 2), Many(2), Claimed, &[0, 1]),
        (1, (3, 4), Many(2), Exhausted, &[]),
    ]);
    rejected(
        &enough,
        4,
        "thread 1 wanted 2 addresses between 3 and 4; at most 2 can have been taken at once, and it takes 3",
    );
}

/// Fewer addresses than requested, although one more was free throughout.
#[test]
fn a_false_shortage_is_rejected() {
    let short = history(&[(0, (1, 2), Into(3), Fewer, &[0, 1])]);
    rejected(
        &short,
        3,
        "at most 2 can have been taken at once, and it takes 3",
    );
}

/// Address 2 is free; it does not matter that the rest of the pool is taken.
#[test]
fn a_false_exhausted_of_a_part_is_rejected() {
    let outside = history(&[
        (0, (1, 2), Many(3), Claimed, &[0, 1, 3]),
        (1, (3, 4), In(BASE + 2, BASE + 3), Exhausted, &[]),
    ]);
    rejected(&outside, 4, "an address of 10.0.0.2 to 10.0.0.3");
}

/// The upper pair is completely free.
#[test]
fn a_false_exhausted_of_blocks_is_rejected() {
    let upper_pair = history(&[
        (0, (1, 2), Many(2), Claimed, &[0, 1]),
        (1, (3, 4), Block(31), Exhausted, &[]),
    ]);
    rejected(
        &upper_pair,
        4,
        "thread 1 wanted a block of 2 addresses between 3 and 4; at most 1 can have been taken at once",
    );
}

/// No thread ever had the address; or its holder had released it before.
#[test]
fn a_false_already_allocated_is_rejected() {
    let never = history(&[(0, (1, 2), Exact(BASE), AlreadyAllocated, &[])]);
    rejected(
        &never,
        1,
        "false \"already allocated\": thread 0 about 10.0.0.0",
    );
    let before = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (0, (3, 4), Release, Released, &[0]),
        (1, (5, 6), Exact(BASE), AlreadyAllocated, &[]),
    ]);
    rejected(&before, 1, "false \"already allocated\": thread 1");
}

/// A batch that failed held the address temporarily.
#[test]
fn already_allocated_because_of_a_batch_that_fails_is_rejected() {
    let misled = history(&[
        (0, (1, 2), Exact(BASE + 1), Claimed, &[1]),
        (1, (3, 9), Many(2), Exhausted, &[]),
        (2, (4, 5), Exact(BASE), AlreadyAllocated, &[]),
    ]);
    rejected(&misled, 2, "false \"already allocated\": thread 2");
}

/// The slot of address 0 does not come back: a thread that allocates everything does not get it.
#[test]
fn a_lost_release_is_rejected() {
    let lost = drained(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (0, (3, 4), Release, Released, &[0]),
        (1, (5, 6), Allocate, Claimed, &[1]),
        (1, (7, 8), Allocate, Exhausted, &[]),
    ]);
    rejected(
        &lost,
        2,
        "lost: in the end 10.0.0.0 was neither held nor given",
    );
}

/// The holder's release returns "not allocated".
#[test]
fn a_refused_release_is_rejected() {
    let refused = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (0, (3, 4), Release, NotAllocated, &[0]),
    ]);
    rejected(&refused, 1, "release refused: thread 0 held 10.0.0.0");
}

/// The address was not held, but its release succeeds.
#[test]
fn a_release_of_what_is_free_is_rejected() {
    let free = history(&[(0, (1, 2), Release, Released, &[0])]);
    rejected(&free, 1, "released unheld: thread 0 released 10.0.0.0");
}

/// The address was held throughout.
#[test]
fn a_false_not_allocated_is_rejected() {
    let held = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (1, (3, 4), Release, NotAllocated, &[0]),
        (0, (5, 6), Release, Released, &[0]),
    ]);
    rejected(&held, 1, "false \"not allocated\": thread 1 about 10.0.0.0");
}

/// The address is an ordinary one.
#[test]
fn a_false_reserved_is_rejected() {
    let reserved = history(&[(0, (1, 2), Exact(BASE), Reserved, &[])]);
    rejected_by_rules(&reserved, 1, "false \"reserved\"");
}

/// Lowest first: address 0 was free throughout. Some order explains this, so only the rules detect it.
#[test]
fn a_lower_address_that_was_passed_over_is_rejected() {
    let passed = history(&[(0, (1, 2), Allocate, Claimed, &[1])]);
    rejected_by_rules(&passed, 2, "passed over: thread 0 was given 10.0.0.1");
    let in_part = history(&[(0, (1, 2), In(BASE + 1, BASE + 3), Claimed, &[2])]);
    rejected_by_rules(&in_part, 4, "no thread can have held 10.0.0.1");
    assert!(
        check(&passed, &ground(2), None).is_ok(),
        "other policies may"
    );
}

/// Highest first: address 2 was free throughout.
#[test]
fn a_higher_address_that_was_passed_over_is_rejected() {
    let highest = |history: &History, count| check(history, &ground(count), Some(Edge::Highest));
    let message = |history: &History, count| highest(history, count).unwrap_err().to_string();
    let passed = history(&[(0, (1, 2), Allocate, Claimed, &[1])]);
    assert!(message(&passed, 3).contains("no thread can have held 10.0.0.2"));
    assert!(highest(&passed, 2).is_ok(), "it is the highest");
    let in_part = history(&[(0, (1, 2), In(BASE + 1, BASE + 2), Claimed, &[1])]);
    assert!(message(&in_part, 4).contains("no thread can have held 10.0.0.2"));
    let last_of_part = history(&[(0, (1, 2), In(BASE + 1, BASE + 2), Claimed, &[2])]);
    assert!(
        highest(&last_of_part, 4).is_ok(),
        "what is above is no part of it"
    );
}

/// From address 1 on: address 2 was free throughout, and so was address 0, after the end.
#[test]
fn a_next_address_that_was_passed_over_is_rejected() {
    let passed = history(&[(0, (1, 2), From(BASE + 1), Claimed, &[3])]);
    rejected_by_rules(&passed, 4, "passed over: thread 0 was given 10.0.0.3");
    let held = (1, (1, 2), Exact(BASE + 2), Claimed, &[2][..]);
    let around = history(&[held, (0, (3, 4), From(BASE + 2), Claimed, &[1])]);
    rejected_by_rules(&around, 3, "no thread can have held 10.0.0.0");
    let right = history(&[held, (0, (3, 4), From(BASE + 2), Claimed, &[0])]);
    accepted(&right, 3);
}

/// No address of the block was allocated. If one was, the result is right.
#[test]
fn a_false_already_allocated_of_a_block_is_rejected() {
    let beside = (1, (1, 2), Exact(BASE), Claimed, &[0][..]);
    let refused = |at| {
        (
            0,
            (3, 4),
            BlockExact(BASE + at, 31),
            AlreadyAllocated,
            &[][..],
        )
    };
    rejected(
        &history(&[beside, refused(2)]),
        4,
        "false \"already allocated\"",
    );
    accepted(&history(&[beside, refused(0)]), 4);
}

/// The preferred address was free throughout.
#[test]
fn a_preference_that_was_ignored_is_rejected() {
    let ignored = history(&[(0, (1, 2), Preferring(BASE + 1), Claimed, &[0])]);
    rejected_by_rules(
        &ignored,
        2,
        "preference ignored: thread 0 was given 10.0.0.0",
    );
}

/// The slow release must have taken effect before the claim of thread 1 returned, so it no longer counts at 15.
#[test]
fn exhausted_because_of_a_release_that_must_be_over_is_rejected() {
    let misled = history(&[
        (0, (1, 2), Exact(BASE), Claimed, &[0]),
        (0, (3, 20), Release, Released, &[0]),
        (1, (4, 10), Exact(BASE), Claimed, &[0]),
        (2, (11, 12), Exact(BASE + 1), Claimed, &[1]),
        (1, (13, 14), Release, Released, &[0]),
        (3, (15, 16), Allocate, Exhausted, &[]),
    ]);
    rejected(&misled, 2, "false \"exhausted\": thread 3");
}

/// Each result alone is correct, but not both: by the first, the slow release has taken effect; by the second, it has
/// not.
#[test]
fn answers_that_contradict_each_other_are_left_to_the_complete_checker() {
    let contradiction = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (0, (3, 20), Release, Released, &[0]),
        (1, (5, 6), Release, NotAllocated, &[0]),
        (1, (7, 8), Allocate, Exhausted, &[]),
    ]);
    assert!(check(&contradiction, &ground(1), Some(Edge::Lowest)).is_ok());
    assert!(explain(&contradiction, &ground(1)).is_none());
    assert!(explain_in_parts(&contradiction, &ground(1)).is_err());
}

/// The claim overlaps the release of the same address, so it may come after it.
#[test]
fn a_claim_during_the_release_is_accepted() {
    accepted(
        &history(&[
            (0, (1, 2), Allocate, Claimed, &[0]),
            (0, (3, 9), Release, Released, &[0]),
            (1, (4, 5), Allocate, Claimed, &[0]),
            (1, (6, 7), Release, Released, &[0]),
        ]),
        1,
    );
}

/// Both results are correct because the release is slow: not free at first, free later.
#[test]
fn exhausted_and_then_a_claim_during_one_release_are_accepted() {
    accepted(
        &history(&[
            (0, (1, 2), Allocate, Claimed, &[0]),
            (0, (3, 9), Release, Released, &[0]),
            (1, (4, 5), Allocate, Exhausted, &[]),
            (1, (6, 7), Allocate, Claimed, &[0]),
        ]),
        1,
    );
}

/// At most one of two is free at any time, and none where the two calls cross.
#[test]
fn exhausted_at_the_crossing_of_a_claim_and_a_release_is_accepted() {
    accepted(
        &history(&[
            (0, (1, 2), Exact(BASE), Claimed, &[0]),
            (0, (5, 8), Release, Released, &[0]),
            (1, (4, 7), Exact(BASE + 1), Claimed, &[1]),
            (2, (3, 10), Allocate, Exhausted, &[]),
        ]),
        2,
    );
}

/// Equal stamps say nothing: the response of one call may come before or after the invocation of the other.
#[test]
fn calls_that_meet_at_one_stamp_may_overlap() {
    accepted(
        &history(&[
            (0, (1, 2), Allocate, Claimed, &[0]),
            (0, (4, 5), Release, Released, &[0]),
            (1, (3, 4), Allocate, Claimed, &[0]),
            (1, (6, 7), Release, Released, &[0]),
            (2, (5, 6), Allocate, Exhausted, &[]),
        ]),
        1,
    );
}

/// The exact claim fails beside a claim that has not returned yet, and a release that has begun.
#[test]
fn already_allocated_by_a_hold_that_is_only_possible_is_accepted() {
    accepted(
        &history(&[
            (0, (1, 9), Allocate, Claimed, &[0]),
            (1, (2, 3), Exact(BASE), AlreadyAllocated, &[]),
            (0, (10, 20), Release, Released, &[0]),
            (1, (18, 19), Exact(BASE), AlreadyAllocated, &[]),
        ]),
        1,
    );
}

/// Lowest first with several threads: 0 was taken at one moment and 1 at another; both were free in between.
#[test]
fn lower_addresses_that_were_taken_in_turns_are_accepted() {
    accepted(
        &history(&[
            (0, (1, 2), Exact(BASE), Claimed, &[0]),
            (0, (4, 5), Release, Released, &[0]),
            (1, (6, 7), Exact(BASE + 1), Claimed, &[1]),
            (2, (3, 9), Allocate, Claimed, &[2]),
        ]),
        3,
    );
}

/// `release_many` promises no single instant: the next holder takes one address while the other does not count as free
/// yet.
#[test]
fn the_parts_of_a_large_release_may_come_one_by_one() {
    accepted(
        &history(&[
            (0, (1, 2), Many(2), Claimed, &[0, 1]),
            (0, (3, 9), ReleaseMany, Released, &[0, 1]),
            (1, (4, 5), Exact(BASE), Claimed, &[0]),
            (1, (6, 7), Allocate, Exhausted, &[]),
        ]),
        2,
    );
}

/// A batch, a block and a part that fail for good reasons.
#[test]
fn true_failures_of_batch_block_and_part_are_accepted() {
    accepted(
        &history(&[
            (0, (1, 2), Exact(BASE), Claimed, &[0]),
            (0, (3, 9), Exact(BASE + 2), Claimed, &[2]),
            (1, (4, 5), Block(31), Exhausted, &[]),
            (1, (6, 7), Many(3), Exhausted, &[]),
            (1, (8, 10), In(BASE + 2, BASE + 2), Exhausted, &[]),
            (2, (11, 12), Into(3), Fewer, &[1, 3]),
        ]),
        4,
    );
}

/// A thread that allocates everything in the end gets exactly the addresses that are not held.
#[test]
fn an_end_without_loss_is_accepted() {
    accepted(
        &drained(&[
            (0, (1, 2), Allocate, Claimed, &[0]),
            (0, (3, 4), Release, Released, &[0]),
            (1, (3, 6), Exact(BASE + 1), Claimed, &[1]),
            (2, (7, 8), Allocate, Claimed, &[0]),
            (2, (9, 10), Allocate, Exhausted, &[]),
        ]),
        2,
    );
}

/// While a local has the rest of the word, no other thread finds anything; afterwards, one does.
#[test]
fn what_a_local_has_is_taken_until_its_drop() {
    accepted(
        &drained(&[
            (0, (1, 2), Local, Claimed, &[0, 1, 2]),
            (1, (3, 4), Allocate, Exhausted, &[]),
            (2, (5, 6), Local, Exhausted, &[]),
            (0, (7, 8), LocalDrop, Released, &[1, 2]),
            (3, (9, 10), Allocate, Claimed, &[1]),
            (3, (11, 12), Allocate, Claimed, &[2]),
            (3, (13, 14), Allocate, Exhausted, &[]),
        ]),
        3,
    );
}

/// A drop gives back several addresses, each on its own: until it ends, one that was claimed from the word already says
/// nothing about the others.
#[test]
fn a_drop_gives_back_each_address_on_its_own() {
    accepted(
        &drained(&[
            (0, (1, 2), Local, Claimed, &[0, 1, 2]),
            (0, (3, 12), LocalDrop, Released, &[0, 1, 2]),
            (1, (4, 5), Allocate, Claimed, &[0]),
            (1, (6, 7), Allocate, Exhausted, &[]),
            (1, (8, 9), Allocate, Claimed, &[1]),
            (2, (13, 14), Allocate, Claimed, &[2]),
        ]),
        3,
    );
}

/// Once a drop has ended, each of its addresses is free; before it began, none was.
#[test]
fn a_drop_gives_back_every_address_during_its_call() {
    let unseen_after_the_end = drained(&[
        (0, (1, 2), Local, Claimed, &[0, 1, 2]),
        (0, (3, 6), LocalDrop, Released, &[0, 1, 2]),
        (1, (4, 5), Allocate, Claimed, &[0]),
        (1, (7, 8), Allocate, Exhausted, &[]),
        (1, (9, 10), Many(2), Claimed, &[1, 2]),
    ]);
    rejected(&unseen_after_the_end, 3, "false \"exhausted\": thread 1");
    let taken_before_it_began = history(&[
        (0, (1, 2), Local, Claimed, &[0, 1, 2]),
        (1, (3, 4), Allocate, Claimed, &[2]),
        (0, (5, 6), LocalDrop, Released, &[0, 1, 2]),
    ]);
    rejected(&taken_before_it_began, 3, "two holders");
}

/// Two locals have the same address; an address is handed out while a local has it; an address does not come back.
#[test]
fn what_two_have_or_none_is_rejected_of_locals_too() {
    let two_locals = history(&[
        (0, (1, 2), Local, Claimed, &[0, 1]),
        (1, (3, 4), Local, Claimed, &[1]),
    ]);
    rejected(&two_locals, 2, "two holders");
    let beside = history(&[
        (0, (1, 2), Local, Claimed, &[0, 1]),
        (1, (3, 4), Allocate, Claimed, &[1]),
        (0, (5, 6), LocalDrop, Released, &[1]),
    ]);
    rejected(&beside, 2, "two holders");
    let lost = drained(&[
        (0, (1, 2), Local, Claimed, &[0, 1]),
        (0, (3, 4), LocalDrop, Released, &[0, 1]),
        (1, (5, 6), Allocate, Claimed, &[0]),
        (1, (7, 8), Allocate, Exhausted, &[]),
    ]);
    rejected(&lost, 2, "lost: in the end 10.0.0.1");
}

/// The pool had a free address throughout.
#[test]
fn a_false_exhausted_of_a_local_is_rejected() {
    let one_left = history(&[
        (0, (1, 2), Allocate, Claimed, &[0]),
        (1, (3, 4), Local, Exhausted, &[]),
    ]);
    rejected(&one_left, 2, "false \"exhausted\": thread 1");
}
