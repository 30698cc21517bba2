//! Exact results of searches that look at one word after another.
#![cfg(loom)]

use loom_tests::{CHUNK, FAR, HIGH, LOW, Program, Role, World, role, shuttle};

const LAST: u32 = 3 * CHUNK - 1;
/// One move to fool the first search, one to go back, one to fool the search under watch.
const MOVES: usize = 3;

fn must_find(search: impl Fn(&World) -> Option<u32> + Send + Sync + 'static) -> Role {
    role(move |world| {
        let slot = search(world);
        assert!(slot.is_some(), "at every instant a slot was free");
        slot.into_iter().collect()
    })
}

/// A free slot that moves behind a bounded search is found.
#[test]
fn a_bounded_search_is_not_fooled_by_a_moving_slot() {
    Program::tree(1, &[(HIGH, HIGH)], &[(LOW, LOW)])
        .preemptions(5)
        .run([
            shuttle(LOW, HIGH, MOVES),
            must_find(|world| world.allocate_within(LOW, HIGH)),
        ]);
    Program::tree(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(5)
        .run([
            shuttle(LOW, FAR, MOVES),
            must_find(|world| world.allocate_within(LOW, LAST)),
        ]);
}

/// A release looks for watchers after it publishes: the hint of a release that misses a watcher is visible to that
/// watcher.
#[test]
fn a_bounded_search_under_watch_sees_the_hints_of_those_who_miss_it() {
    // The search skips chunk 0 by its hint, then loses the race for chunk 1 and, before it began, chunk 2.
    let mover = role(|world| {
        world.release(CHUNK);
        if world.allocate_exact(FAR).is_none() {
            return vec![LOW];
        }
        world.release(LOW);
        let slot = world.allocate_exact(CHUNK);
        [FAR].into_iter().chain(slot).collect()
    });
    Program::tree(3, &[(FAR, FAR)], &[(LOW, LOW), (CHUNK, CHUNK)])
        .preemptions(4)
        .run([mover, must_find(|world| world.allocate_within(LOW, LAST))]);
}

/// A free slot that moves behind a bounded search is found without a summary, too.
#[test]
fn a_bounded_linear_search_is_not_fooled_by_a_moving_slot() {
    Program::linear(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(5)
        .run([
            shuttle(LOW, FAR, MOVES),
            must_find(|world| world.allocate_within(LOW, LAST)),
        ]);
}

/// A linear search reports "exhausted" only if that was true at some instant.
#[test]
fn a_linear_search_is_not_fooled_by_a_moving_slot() {
    Program::linear(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(5)
        .run([shuttle(LOW, FAR, MOVES), must_find(World::allocate)]);
    Program::linear(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(5)
        .run([
            shuttle(LOW, FAR, MOVES),
            must_find(|world| world.allocate_from(FAR)),
        ]);
}

/// Neither is a search from a slot on, which looks at the part behind that slot and then at the part before it, while the
/// only free slot goes from one part to the other.
#[test]
fn a_search_from_a_slot_on_is_not_fooled_by_a_moving_slot() {
    let programs = || {
        [
            Program::tree(3, &[(LOW, LOW)], &[(FAR, FAR)]),
            Program::linear(3, &[(LOW, LOW)], &[(FAR, FAR)]),
        ]
    };
    for program in programs() {
        program.preemptions(4).run([
            shuttle(FAR, LOW, MOVES),
            must_find(|world| world.allocate_from(CHUNK)),
        ]);
    }
}

/// A tree search reports "exhausted" only if that was true at some instant.
#[test]
fn a_tree_search_is_not_fooled_by_a_moving_slot() {
    Program::tree(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(5)
        .run([shuttle(LOW, FAR, MOVES), must_find(World::allocate)]);
}

/// Searches from above report "exhausted" only if that was true at some instant: in a pool with and without a summary,
/// in a part of it, and for a batch.
#[test]
fn searches_from_above_are_not_fooled_by_a_moving_slot() {
    let programs = || {
        [
            Program::tree(3, &[(LOW, LOW)], &[(FAR, FAR)]),
            Program::linear(3, &[(LOW, LOW)], &[(FAR, FAR)]),
        ]
    };
    for program in programs() {
        let moves = || shuttle(FAR, LOW, MOVES);
        let program = program.preemptions(4);
        program
            .clone()
            .run([moves(), must_find(World::allocate_highest)]);
        program.clone().run([
            moves(),
            must_find(|world| world.allocate_highest_within(LOW, LAST)),
        ]);
        let batch = |world: &World| world.allocate_all_from_above(1)?.pop();
        program.run([moves(), must_find(batch)]);
    }
}

/// Without a summary, too, releasing before allocating guarantees an allocation.
#[test]
fn releasing_first_guarantees_a_linear_allocation() {
    let swap = |slot| {
        role(move |world| {
            world.release(slot);
            let slot = world.allocate();
            assert!(slot.is_some(), "two slots, two threads");
            slot.into_iter().collect()
        })
    };
    Program::linear(2, &[], &[(LOW, LOW), (CHUNK, CHUNK)])
        .preemptions(5)
        .run([swap(LOW), swap(CHUNK)]);
}

/// A slot that was reported free can be claimed by a bounded search, which looks only at the words.
#[test]
fn a_slot_said_to_be_free_is_within_bounds() {
    for linear in [false, true] {
        let release = role(|world| {
            world.model.release(FAR);
            vec![]
        });
        let release_or_allocate = role(|world| {
            if world.model.release(FAR) {
                return vec![];
            }
            let slot = world.allocate_within(CHUNK, LAST);
            assert!(slot.is_some(), "it was free, and nobody took it");
            slot.into_iter().collect()
        });
        let program = if linear {
            Program::linear(3, &[], &[(FAR, FAR)])
        } else {
            Program::tree(3, &[], &[(FAR, FAR)])
        };
        program
            .without_payloads()
            .preemptions(5)
            .run([release, release_or_allocate]);
    }
}

/// An exact claim does not report "taken" because of a batch that gives the slot back.
#[test]
fn an_exact_claim_outlasts_a_batch_that_fails() {
    let fail = role(|world| {
        assert_eq!(world.allocate_all(2), None, "there is only one");
        vec![]
    });
    let claim = role(|world| {
        let slot = world.allocate_exact(LOW);
        assert!(slot.is_some(), "nobody keeps it");
        slot.into_iter().collect()
    });
    Program::tree(1, &[(LOW, LOW)], &[])
        .preemptions(5)
        .run([fail, claim]);
}

/// Nor does a bounded search report "none free", with a summary or without.
#[test]
fn a_bounded_search_outlasts_a_batch_that_fails() {
    for linear in [false, true] {
        let fail = role(|world| {
            assert_eq!(world.allocate_all(2), None, "there is only one");
            vec![]
        });
        let program = if linear {
            Program::linear(1, &[(LOW, LOW)], &[])
        } else {
            Program::tree(1, &[(LOW, LOW)], &[])
        };
        program
            .preemptions(5)
            .run([fail, must_find(|world| world.allocate_within(LOW, HIGH))]);
    }
}
