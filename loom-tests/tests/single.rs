//! Single slots, under the summary.
#![cfg(loom)]

use loom_tests::{CHUNK, FAR, HIGH, LOW, Program, Role, World, role};

fn allocate_twice() -> Role {
    role(|world| {
        [world.allocate(), world.allocate()]
            .into_iter()
            .flatten()
            .collect()
    })
}

fn allocate_once() -> Role {
    role(|world| world.allocate().into_iter().collect())
}

/// The next search finds a slot whose release has finished, although other threads settle hints meanwhile.
#[test]
fn a_released_slot_is_not_lost() {
    let release = role(|world| {
        world.release(HIGH);
        vec![]
    });
    Program::tree(1, &[(LOW, LOW)], &[(HIGH, HIGH)]).run([release, allocate_twice()]);
}

/// The same for two slots that have only the second level in common.
#[test]
fn a_released_slot_is_not_lost_under_two_levels() {
    let release = role(|world| {
        world.release(FAR);
        vec![]
    });
    Program::tree(3, &[(LOW, LOW)], &[(FAR, FAR)])
        .preemptions(6)
        .run([release, allocate_twice()]);
}

/// The same for one slot under two levels: both hints are stale while it is released.
#[test]
fn a_released_slot_is_not_lost_where_it_was_the_only_one() {
    let release = role(|world| {
        world.release(FAR);
        vec![]
    });
    Program::tree(3, &[(FAR, FAR)], &[])
        .with_stale_hints()
        .preemptions(6)
        .run([release, allocate_twice()]);
}

/// The same beside a claim that looks into the chunk of the last one first: the chunk of the slot, or one above it.
#[test]
fn a_released_slot_is_not_lost_beside_the_chunk_of_the_last_claim() {
    let release = role(|world| {
        world.release(LOW);
        vec![]
    });
    for last_chunk in [0, 2] {
        let allocate_twice = role(move |world: &World| {
            let claims = [0, 1].map(|_| world.allocate_after(last_chunk));
            claims.into_iter().flatten().collect()
        });
        Program::tree(3, &[(FAR, FAR)], &[(LOW, LOW)])
            .preemptions(6)
            .run([release.clone(), allocate_twice]);
    }
}

/// Two threads that settle the same chunk do not undo the publication of a release between them.
#[test]
fn helpers_that_settle_do_not_lose_a_release() {
    let release = role(|world| {
        world.release(LOW);
        vec![]
    });
    Program::tree(1, &[(LOW, LOW)], &[])
        .with_stale_hints()
        .preemptions(3)
        .run([release, allocate_once(), allocate_once()]);
}

/// The same under two levels of summary.
#[test]
fn helpers_that_settle_two_levels_do_not_lose_a_release() {
    let release = role(|world| {
        world.release(FAR);
        vec![]
    });
    Program::tree(3, &[(FAR, FAR)], &[])
        .with_stale_hints()
        .preemptions(3)
        .run([release, allocate_once(), allocate_once()]);
}

fn release(slot: u32) -> Role {
    role(move |world| {
        world.release(slot);
        vec![]
    })
}

/// A search that takes the last slot of a chunk settles the chunk before it returns. A release into the chunk meanwhile
/// is not lost, in the same word or, in a wide build, in another one.
#[test]
fn a_search_that_empties_a_chunk_loses_no_release() {
    const LAST: u32 = 2 * CHUNK - 1;
    Program::tree(2, &[(CHUNK, CHUNK)], &[(LAST, LAST)])
        .preemptions(6)
        .run([release(LAST), allocate_twice()]);
    Program::tree(2, &[(CHUNK, CHUNK)], &[(LAST, LAST)])
        .preemptions(3)
        .run([release(LAST), allocate_once(), allocate_once()]);
}

/// The same where the search empties the node above the chunk, too: a release into that chunk, or into another one
/// under the root.
#[test]
fn a_search_that_empties_a_node_loses_no_release() {
    Program::tree(3, &[(FAR, FAR)], &[(FAR + 1, FAR + 1)])
        .preemptions(5)
        .run([release(FAR + 1), allocate_twice()]);
    Program::tree(4, &[(FAR, FAR)], &[(FAR + CHUNK, FAR + CHUNK)])
        .preemptions(5)
        .run([release(FAR + CHUNK), allocate_twice()]);
    Program::tree(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(5)
        .run([release(LOW), allocate_twice()]);
}

/// Two threads that empty and refill the same chunk, each by a release and a search, both succeed.
#[test]
fn releasing_first_guarantees_an_allocation_to_searches_that_empty_a_chunk() {
    let swap = |slot| {
        role(move |world| {
            world.release(slot);
            let slot = world.allocate();
            assert!(slot.is_some(), "two slots, two threads");
            slot.into_iter().collect()
        })
    };
    Program::tree(3, &[], &[(FAR, FAR), (FAR + 1, FAR + 1)])
        .preemptions(4)
        .run([swap(FAR), swap(FAR + 1)]);
    Program::tree(3, &[(FAR, FAR), (FAR + 1, FAR + 1)], &[])
        .with_stale_hints()
        .preemptions(4)
        .run([swap(FAR), swap(FAR + 1)]);
}

/// After a release returned "not allocated", an allocation does not report "exhausted" while the slot stays free.
#[test]
fn a_slot_said_to_be_free_can_be_claimed() {
    let release_or_allocate = || {
        role(|world: &World| {
            if world.model.release(LOW) {
                return vec![];
            }
            let slot = world.allocate();
            assert!(slot.is_some(), "it was free, and nobody took it");
            slot.into_iter().collect()
        })
    };
    for stale in [false, true] {
        let program = if stale {
            Program::tree(1, &[(LOW, LOW)], &[]).with_stale_hints()
        } else {
            Program::tree(1, &[], &[(LOW, LOW)])
        };
        program
            .without_payloads()
            .run([release_or_allocate(), release_or_allocate()]);
    }
}

/// The same for the hint of a distant chunk, while another thread settles hints.
#[test]
fn a_slot_said_to_be_free_can_be_claimed_under_two_levels() {
    let release = role(|world| {
        world.model.release(FAR);
        vec![]
    });
    let release_or_allocate = role(|world| {
        if world.model.release(FAR) {
            return vec![];
        }
        let slot = world.allocate();
        assert!(slot.is_some(), "it was free, and nobody took it");
        slot.into_iter().collect()
    });
    Program::tree(3, &[(FAR, FAR)], &[])
        .with_stale_hints()
        .without_payloads()
        .preemptions(6)
        .run([release, release_or_allocate]);
}

/// The same while a third thread settles the chunk without claiming anything.
#[test]
fn a_slot_said_to_be_free_can_be_claimed_beside_a_helper() {
    let release = role(|world| {
        world.model.release(LOW);
        vec![]
    });
    let release_or_allocate = role(|world: &World| {
        if world.model.release(LOW) {
            return vec![];
        }
        let slot = world.allocate();
        assert!(slot.is_some(), "it was free, and nobody took it");
        slot.into_iter().collect()
    });
    let settle = role(|world: &World| {
        assert_eq!(world.model.claim_within(HIGH, HIGH, HIGH), None, "padding");
        vec![]
    });
    Program::tree(1, &[(LOW, LOW)], &[])
        .with_stale_hints()
        .without_payloads()
        .preemptions(3)
        .run([release, release_or_allocate, settle]);
}

/// Two threads that each release one slot and then allocate one both succeed.
#[test]
fn releasing_first_guarantees_an_allocation() {
    let swap = |slot| {
        role(move |world| {
            world.release(slot);
            let slot = world.allocate();
            assert!(slot.is_some(), "two slots, two threads");
            slot.into_iter().collect()
        })
    };
    Program::tree(1, &[], &[(LOW, LOW), (HIGH, HIGH)]).run([swap(LOW), swap(HIGH)]);
    Program::tree(1, &[(LOW, LOW), (HIGH, HIGH)], &[])
        .with_stale_hints()
        .run([swap(LOW), swap(HIGH)]);
}

/// The same for slots that have only the second level in common.
#[test]
fn releasing_first_guarantees_an_allocation_under_two_levels() {
    let swap = |slot| {
        role(move |world| {
            world.release(slot);
            let slot = world.allocate();
            assert!(slot.is_some(), "two slots, two threads");
            slot.into_iter().collect()
        })
    };
    Program::tree(3, &[], &[(LOW, LOW), (FAR, FAR)])
        .preemptions(5)
        .run([swap(LOW), swap(FAR)]);
    Program::tree(3, &[(LOW, LOW), (FAR, FAR)], &[])
        .with_stale_hints()
        .preemptions(5)
        .run([swap(LOW), swap(FAR)]);
}

/// The same for two slots of one chunk: each release publishes up to the root, whichever release set the hint below.
#[test]
fn releasing_beside_a_stalled_release_guarantees_an_allocation() {
    let swap = |slot| {
        role(move |world| {
            world.release(slot);
            let slot = world.allocate();
            assert!(slot.is_some(), "two slots, two threads");
            slot.into_iter().collect()
        })
    };
    Program::tree(3, &[], &[(LOW, LOW), (HIGH, HIGH)])
        .preemptions(4)
        .run([swap(LOW), swap(HIGH)]);
}

/// A search that begins at a slot and wraps around finds what the lowest-first search finds.
#[test]
fn releasing_first_guarantees_an_allocation_from_anywhere() {
    let swap = |slot, start| {
        role(move |world| {
            world.release(slot);
            let slot = world.allocate_from(start);
            assert!(slot.is_some(), "two slots, two threads");
            slot.into_iter().collect()
        })
    };
    Program::tree(3, &[(LOW, LOW), (FAR, FAR)], &[])
        .with_stale_hints()
        .preemptions(5)
        .run([swap(LOW, CHUNK), swap(FAR, LOW + 1)]);
}

/// Two successive holders of one slot never overlap: the release happens before the claim.
#[test]
fn a_slot_passes_from_holder_to_holder() {
    let use_near = || {
        role(|world: &World| {
            let slot = world.model.claim_near(0, 0);
            if let Some(slot) = world.hold(slot) {
                world.release(slot);
            }
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[]).run([use_near(), use_near()]);
    let use_exactly = || {
        role(|world: &World| {
            if let Some(slot) = world.allocate_exact(LOW) {
                world.release(slot);
            }
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[]).run([use_exactly(), use_exactly()]);
    let use_lowest = || {
        role(|world: &World| {
            if let Some(slot) = world.allocate() {
                world.release(slot);
            }
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[]).run([use_lowest(), use_lowest()]);
    // Settles nothing before it returns, so that the exchange alone orders the two holders.
    let use_first_word = || {
        role(|world: &World| {
            if let Some(slot) = world.allocate_after(0) {
                world.release(slot);
            }
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[]).run([use_first_word(), use_first_word()]);
}

/// A release frees the lowest slot before the claim of the same thread, which then takes it or finds it taken. It never
/// takes a higher slot while the lowest one is free.
#[test]
fn lowest_first_passes_over_no_finished_release() {
    let swap = role(|world| {
        world.release(LOW);
        let slot = world.allocate();
        assert!(slot.is_some(), "two slots, two claims");
        slot.into_iter().collect()
    });
    Program::tree(3, &[(FAR, FAR)], &[(LOW, LOW)])
        .preemptions(6)
        .run_and_judge([swap, allocate_once()], |_, held| {
            let lowest_is_held = held.iter().flatten().any(|&slot| slot == LOW);
            assert!(lowest_is_held, "passed over a free lower slot");
        });
}

/// With three free slots, two threads take the two lowest, even if each loses an exchange to the other.
#[test]
fn two_threads_take_exactly_the_two_lowest() {
    // In a wide build, the third one is in another word of the same chunk.
    const FREE: &[(u32, u32)] = &[(LOW, LOW + 1), (HIGH, HIGH)];
    Program::tree(1, FREE, &[]).run_and_judge([allocate_once(), allocate_once()], |_, held| {
        let mut slots = held.concat();
        slots.sort_unstable();
        assert_eq!(slots, [LOW, LOW + 1]);
    });
    const FAR_TOO: &[(u32, u32)] = &[(LOW, LOW), (HIGH, HIGH), (FAR, FAR)];
    Program::tree(3, FAR_TOO, &[]).preemptions(6).run_and_judge(
        [allocate_once(), allocate_once()],
        |_, held| {
            let mut slots = held.concat();
            slots.sort_unstable();
            assert_eq!(slots, [LOW, HIGH]);
        },
    );
}

fn allocate_highest_once() -> Role {
    role(|world| world.allocate_highest().into_iter().collect())
}

/// The mirror of lowest first: a release gives the highest slot back before the claim of the same thread.
#[test]
fn highest_first_passes_over_no_finished_release() {
    let swap = role(|world| {
        world.release(FAR);
        let slot = world.allocate_highest();
        assert!(slot.is_some(), "two slots, two claims");
        slot.into_iter().collect()
    });
    Program::tree(3, &[(LOW, LOW)], &[(FAR, FAR)])
        .preemptions(6)
        .run_and_judge([swap, allocate_highest_once()], |_, held| {
            let highest_is_held = held.iter().flatten().any(|&slot| slot == FAR);
            assert!(highest_is_held, "passed over a free higher slot");
        });
}

/// With three free slots, two threads take the two highest, even if each loses an exchange to the other.
#[test]
fn two_threads_take_exactly_the_two_highest() {
    let once = allocate_highest_once;
    const FREE: &[(u32, u32)] = &[(LOW, LOW + 1), (HIGH, HIGH)];
    Program::tree(1, FREE, &[]).run_and_judge([once(), once()], |_, held| {
        let mut slots = held.concat();
        slots.sort_unstable();
        assert_eq!(slots, [LOW + 1, HIGH]);
    });
    const FAR_TOO: &[(u32, u32)] = &[(LOW, LOW), (HIGH, HIGH), (FAR, FAR)];
    Program::tree(3, FAR_TOO, &[])
        .preemptions(6)
        .run_and_judge([once(), once()], |_, held| {
            let mut slots = held.concat();
            slots.sort_unstable();
            assert_eq!(slots, [HIGH, FAR]);
        });
}

/// Stale hints that a search from above settles hide no release, under one level and under two.
#[test]
fn a_released_slot_is_not_lost_from_above() {
    let twice = || {
        role(|world: &World| {
            let slots = (0..2).filter_map(|_| world.allocate_highest());
            slots.collect()
        })
    };
    let release = |slot| {
        role(move |world: &World| {
            world.release(slot);
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[(HIGH, HIGH)]).run([release(HIGH), twice()]);
    Program::tree(3, &[(FAR, FAR)], &[])
        .with_stale_hints()
        .preemptions(6)
        .run([release(FAR), twice()]);
}

/// What the last holder did happens before a claim from above.
#[test]
fn a_slot_passes_from_holder_to_holder_from_above() {
    let use_highest = || {
        role(|world: &World| {
            if let Some(slot) = world.allocate_highest() {
                world.release(slot);
            }
            vec![]
        })
    };
    Program::tree(1, &[(LOW, LOW)], &[]).run([use_highest(), use_highest()]);
}
