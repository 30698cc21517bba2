//! Batches against single claims and against each other.
#![cfg(loom)]

use loom_tests::{FAR, HIGH, LOW, Program, Role, World, role};

fn fail_to_allocate_all(wanted: u64) -> Role {
    role(move |world| {
        assert_eq!(world.allocate_all(wanted), None, "there are never so many");
        vec![]
    })
}

fn must_allocate() -> Role {
    role(|world| {
        let slot = world.allocate();
        assert!(slot.is_some(), "nobody keeps it");
        slot.into_iter().collect()
    })
}

/// A batch and a single claim take different slots from one word.
#[test]
fn a_batch_and_a_single_claim_share_no_slot() {
    let batch = role(|world| world.allocate_up_to(2));
    let single = role(|world| world.allocate().into_iter().collect());
    Program::tree(1, &[(LOW, LOW + 1)], &[]).run_and_judge([batch, single], |_, held| {
        assert_eq!(held[0].len() + held[1].len(), 2, "two free, three wanted");
    });
}

/// A batch that takes what is free misses no release that has finished.
#[test]
fn a_batch_finds_what_its_thread_released() {
    let swap = |slot| {
        role(move |world: &World| {
            world.release(slot);
            let slots = world.allocate_up_to(1);
            assert_eq!(slots.len(), 1, "two slots, two threads");
            slots
        })
    };
    Program::tree(3, &[(LOW, LOW), (FAR, FAR)], &[])
        .with_stale_hints()
        .preemptions(4)
        .run([swap(LOW), swap(FAR)]);
}

/// A batch that gives back what it took makes no other call report "exhausted".
#[test]
fn a_batch_that_fails_takes_nothing_from_a_single_claim() {
    Program::tree(1, &[(LOW, LOW)], &[])
        .preemptions(4)
        .run([fail_to_allocate_all(2), must_allocate()]);
    Program::tree(3, &[(FAR, FAR)], &[])
        .preemptions(4)
        .run([fail_to_allocate_all(2), must_allocate()]);
}

/// The next batch begins as soon as one has failed: a flight that begins after the first look at the flights is
/// noticed, and so is one that ends before the second look.
#[test]
fn batches_that_fail_one_after_the_other_take_nothing_from_a_single_claim() {
    let fail_twice = || {
        role(|world: &World| {
            assert_eq!(world.allocate_all(2), None, "there are never so many");
            assert_eq!(world.allocate_all(2), None, "there are never so many");
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[])
        .preemptions(4)
        .run([fail_twice(), must_allocate()]);
    let must_allocate_exactly = role(|world| {
        let slot = world.allocate_exact(LOW);
        assert!(slot.is_some(), "nobody keeps it");
        slot.into_iter().collect()
    });
    Program::tree(1, &[(LOW, LOW)], &[])
        .preemptions(4)
        .run([fail_twice(), must_allocate_exactly]);
}

/// Without a summary, too, a batch that fails makes no other call report "exhausted".
#[test]
fn a_linear_batch_that_fails_takes_nothing_from_a_single_claim() {
    Program::linear(2, &[(LOW, LOW)], &[])
        .preemptions(4)
        .run([fail_to_allocate_all(2), must_allocate()]);
}

/// A batch that gives back slots of several words gives back all of them.
#[test]
fn a_batch_that_fails_gives_everything_back() {
    Program::tree(3, &[(LOW, LOW), (FAR, FAR)], &[])
        .preemptions(3)
        .run([fail_to_allocate_all(3), must_allocate()]);
}

/// Two batches both want everything: one gets it, and the other reports that there is not enough.
#[test]
fn of_two_greedy_batches_one_succeeds() {
    let greedy = || role(|world: &World| world.allocate_all(2).unwrap_or_default());
    Program::tree(1, &[(LOW, LOW), (HIGH, HIGH)], &[])
        .preemptions(3)
        .run_and_judge([greedy(), greedy()], |_, held| {
            let lens = [held[0].len(), held[1].len()];
            assert!(lens == [0, 2] || lens == [2, 0], "{lens:?}");
        });
}

/// Two batches that search in different orders do not wait for each other, and one of them succeeds.
#[test]
fn of_two_batches_that_meet_head_on_one_succeeds() {
    let greedy = |start| {
        role(move |world: &World| {
            let claimed = world.model.claim_all(2, start);
            claimed.map_or(vec![], |_| vec![LOW, FAR])
        })
    };
    Program::tree(3, &[(LOW, LOW), (FAR, FAR)], &[])
        .preemptions(3)
        .run_and_judge([greedy(LOW), greedy(FAR)], |_, held| {
            let lens = [held[0].len(), held[1].len()];
            assert!(lens == [0, 2] || lens == [2, 0], "{lens:?}");
        });
}

/// A batch succeeds if it needs a slot that its own thread has just released.
#[test]
fn a_batch_counts_on_a_finished_release() {
    let release_and_batch = role(|world| {
        world.release(HIGH);
        let slots = world.allocate_all(2);
        assert!(slots.is_some(), "both are free, and only a settler is near");
        slots.unwrap_or_default()
    });
    // Finds nothing within its bounds, and settles the hints on its way.
    let settle = role(|world| {
        assert_eq!(world.allocate_within(HIGH + 1, HIGH + 1), None, "padding");
        vec![]
    });
    Program::tree(2, &[(LOW, LOW)], &[(HIGH, HIGH)])
        .preemptions(4)
        .run([release_and_batch, settle]);
}
