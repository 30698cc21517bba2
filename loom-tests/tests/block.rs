//! Blocks within a word, and blocks of two words.
#![cfg(loom)]

use hostbits::model::Model;
use loom_tests::{CHUNK, Program, Role, World, race, role, shuttle};

/// Two words: two chunks, or one in a wide build.
const PAIR_CHUNKS: u32 = 128 / CHUNK;
const PAIR_ORDER: u32 = 7;
const ALL: &[(u32, u32)] = &[(0, 127)];
const ALL_TWICE: &[(u32, u32)] = &[(0, 255)];

fn block(order: u32, count: u64) -> Role {
    role(move |world: &World| world.allocate_block(count, order).unwrap_or_default())
}

/// A block of two words that is given back makes no other call report "exhausted".
#[test]
fn a_block_that_is_given_back_takes_nothing_from_a_single_claim() {
    // Does not wait if the block has it for now: with two waiters at once, loom explores endless executions, because it
    // need not be fair to the thread that they wait for.
    let spoil = role(|world| {
        let slot = world.model.try_claim_exact(64).then_some(64);
        world.hold(slot).into_iter().collect()
    });
    // Only in the first word, which the block takes first.
    let single = role(|world| world.allocate_within(0, 63).into_iter().collect());
    Program::tree(PAIR_CHUNKS, ALL, &[])
        .with_payloads(&[0, 64])
        .preemptions(3)
        .run_and_judge([block(PAIR_ORDER, 1), spoil, single], |_, held| {
            if held[0].is_empty() {
                assert_eq!(held[2].len(), 1, "exhausted, though the block was not had");
            } else {
                assert_eq!(held[0].len(), 128);
            }
        });
}

/// If a block of two words and an exact claim in its second word compete, one succeeds.
#[test]
fn of_a_block_and_an_exact_claim_inside_one_succeeds() {
    let exact = role(|world| world.allocate_exact(64).into_iter().collect());
    Program::tree(PAIR_CHUNKS, ALL, &[])
        .with_payloads(&[0, 64])
        .run_and_judge([block(PAIR_ORDER, 1), exact], |_, held| {
            assert!(held[0].is_empty() != held[1].is_empty(), "one and only one");
        });
}

/// If two claims of the same block of two words compete, one succeeds.
#[test]
fn of_two_claims_of_one_block_one_succeeds() {
    Program::tree(PAIR_CHUNKS, ALL, &[])
        .with_payloads(&[0, 64])
        .preemptions(4)
        .run_and_judge([block(PAIR_ORDER, 1), block(PAIR_ORDER, 1)], |_, held| {
            assert!(held[0].is_empty() != held[1].is_empty(), "one and only one")
        });
}

/// If a block of two words and a batch of more than one slot compete, one succeeds, and neither waits for ever.
#[test]
fn of_a_block_and_a_batch_one_succeeds() {
    let batch = role(|world: &World| world.allocate_all(65).unwrap_or_default());
    Program::tree(PAIR_CHUNKS, ALL, &[])
        .with_payloads(&[0, 64])
        .preemptions(3)
        .run_and_judge([block(PAIR_ORDER, 1), batch], |_, held| {
            assert!(held[0].is_empty() != held[1].is_empty(), "one and only one");
        });
}

fn must_find_block(order: u32, count: u64) -> Role {
    role(move |world: &World| {
        let slots = world.allocate_block(count, order);
        assert!(slots.is_some(), "at every instant such a block was free");
        slots.unwrap_or_default()
    })
}

/// A free pair that moves within a word is found, because the word is read as a whole.
#[test]
fn a_search_for_a_block_is_not_fooled_by_one_that_moves_within_a_word() {
    Program::tree(1, &[(0, 2)], &[(3, 3)])
        .preemptions(4)
        .run([shuttle(3, 0, 3), must_find_block(1, 2)]);
}

/// A free pair that moves from word to word behind the search is found.
#[test]
fn a_search_for_a_block_is_not_fooled_by_one_that_moves_between_words() {
    for linear in [false, true] {
        let (free, taken) = (&[(0, 1), (64, 64)], &[(65, 65)]);
        let program = if linear {
            Program::linear(PAIR_CHUNKS, free, taken)
        } else {
            Program::tree(PAIR_CHUNKS, free, taken)
        };
        program
            .preemptions(4)
            .run([shuttle(65, 0, 3), must_find_block(1, 64)]);
    }
}

/// A block that is freed in one step is found by searches for smaller blocks, too.
#[test]
fn a_search_for_a_pair_is_not_fooled_by_a_larger_block() {
    let mover = role(|world| {
        world.release(CHUNK + 1);
        let mut held: Vec<_> = world.allocate_exact(0).into_iter().collect();
        if held.is_empty() {
            return (2 * CHUNK..2 * CHUNK + 4).collect();
        }
        assert_eq!(world.model.release_block(2 * CHUNK, 2), Ok(()));
        held.extend(world.allocate_exact(CHUNK));
        held
    });
    const FREE: &[(u32, u32)] = &[(0, 1), (CHUNK, CHUNK)];
    const TAKEN: &[(u32, u32)] = &[(CHUNK + 1, CHUNK + 1), (2 * CHUNK, 2 * CHUNK + 3)];
    for program in [
        Program::tree(3, FREE, TAKEN),
        Program::linear(3, FREE, TAKEN),
    ] {
        let count = u64::from(3 * CHUNK / 2);
        program
            .preemptions(4)
            .run([mover.clone(), must_find_block(1, count)]);
    }
}

/// A block of two words is found although one of its slots moves.
#[test]
fn a_search_for_a_block_of_words_is_not_fooled_by_a_moving_one() {
    for linear in [false, true] {
        let (free, taken) = (&[(0, 127), (129, 255)], &[(128, 128)]);
        let program = if linear {
            Program::linear(2 * PAIR_CHUNKS, free, taken)
        } else {
            Program::tree(2 * PAIR_CHUNKS, free, taken)
        };
        program
            .with_payloads(&[0, 128])
            .preemptions(4)
            .run([shuttle(128, 0, 3), must_find_block(PAIR_ORDER, 2)]);
    }
}

/// A block that its holder released is available to its next claim, even if another thread settles hints meanwhile.
#[test]
fn releasing_a_block_first_guarantees_a_block() {
    let swap = |first, order| {
        role(move |world: &World| {
            world.touch(first);
            assert_eq!(world.model.release_block(first, order), Ok(()));
            let slots = world.allocate_block(1 << (7 - order), order);
            assert!(slots.is_some(), "two blocks, two threads");
            slots.unwrap_or_default()
        })
    };
    Program::tree(PAIR_CHUNKS, &[], ALL)
        .with_payloads(&[0, 64])
        .preemptions(4)
        .run([swap(0, 6), swap(64, 6)]);
}

/// A block of two words that its holder released is available to its next claim.
#[test]
fn releasing_a_block_of_words_first_guarantees_a_block() {
    let swap = |first| {
        role(move |world: &World| {
            world.touch(first);
            assert_eq!(world.model.release_block(first, PAIR_ORDER), Ok(()));
            let slots = world.allocate_block(2, PAIR_ORDER);
            assert!(slots.is_some(), "two blocks, two threads");
            slots.unwrap_or_default()
        })
    };
    Program::tree(2 * PAIR_CHUNKS, &[], ALL_TWICE)
        .with_payloads(&[0, 128])
        .preemptions(3)
        .run([swap(0), swap(128)]);
}

/// If the release of a block finds a slot free, another thread released that slot, and it can be claimed.
#[test]
fn a_block_said_to_be_partly_free_can_be_claimed_from() {
    let release = role(|world| {
        world.model.release(5);
        vec![]
    });
    let release_block = role(|world| {
        let Err(free) = world.model.release_block(4, 2) else {
            return vec![];
        };
        assert_eq!(free, 5);
        let slot = world.allocate();
        assert_eq!(slot, Some(5), "it was free, and nobody took it");
        // The rest of the block is still held, and so is this slot, again.
        vec![4, 5, 6, 7]
    });
    Program::tree(1, &[], &[(4, 7)])
        .without_payloads()
        .run([release, release_block]);
}

/// A block passes to the holder of one of its slots, and such a slot to the holder of a block, after everything the
/// previous holder did. Where a hint is already set, only the exchange of the word orders them.
#[test]
fn a_block_passes_from_holder_to_holder() {
    let use_block = |order, count| {
        role(move |world: &World| {
            if let Some(slots) = world.allocate_block(count, order) {
                assert_eq!(world.model.release_block(slots[0], order), Ok(()));
            }
            vec![]
        })
    };
    // Does not wait; see above.
    let use_exactly = || {
        role(|world: &World| {
            if world.model.try_claim_exact(64) {
                world.touch(64);
                world.release(64);
            }
            vec![]
        })
    };
    for (order, count) in [(PAIR_ORDER, 1), (6, 2), (0, 128)] {
        Program::tree(PAIR_CHUNKS, ALL, &[])
            .with_payloads(&[64])
            .preemptions(4)
            .run([use_block(order, count), use_exactly()]);
    }
    Program::tree(PAIR_CHUNKS, ALL, &[])
        .with_payloads(&[64])
        .preemptions(3)
        .run([use_block(6, 2), use_block(6, 2)]);
}

/// A block of one word is released in one step. If another thread releases a slot of it by mistake, it does so before,
/// and nothing else is released; or after, and its release fails.
#[test]
fn a_block_of_a_word_is_given_back_in_one_step() {
    let roles: [fn(&Model) -> bool; 2] = [
        |model| model.release_block(0, 6).is_ok(),
        |model| model.release(5),
    ];
    let world = || Model::tree(PAIR_CHUNKS, &[]);
    race("", None, world, roles, |model, [whole, mistake]| {
        assert!(whole != mistake, "whole: {whole}, mistake: {mistake}");
        assert_eq!(model.count_free(0, 63), if whole { 64 } else { 1 });
    });
}
