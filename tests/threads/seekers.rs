//! Slots that move while a thread looks for them.

use super::*;

/// The only slot is taken. R releases it; at the same time X releases it too, whatever that returns, and
/// allocates: no other thread wants it, so X gets it. A release that finds the slot free says so only when all
/// others can find it as well.
#[test]
fn a_slot_that_was_reported_free_can_be_allocated() {
    let _watchdog = watchdog("a_slot_that_was_reported_free_can_be_allocated");
    for search in storm::SEARCHES {
        for slots in [1, 9000] {
            for by_many in [false, true] {
                let pool = nearly_full(slots, &[], Policy::Lowest, search);
                let meeting = Meeting::new(2);
                let only = addr(slots / 2);
                let rounds = if search == Search::Tree { 20_000 } else { 3000 };
                disturbed(2, |thread| {
                    let meeting = meeting.join();
                    let mut dice = Dice::new(thread);
                    for round in 0..rounds * effort() {
                        meeting.wait();
                        dice.dawdle();
                        let released = if by_many {
                            pool.release_many(&[only]).released == 1
                        } else {
                            pool.release(only).is_ok()
                        };
                        if thread == round % 2 {
                            let given = pool.allocate();
                            assert!(given.is_ok(), "released: {released}, then {given:?}");
                        }
                        meeting.wait();
                        // The other one may have released it after it was allocated.
                        if thread == round % 2 {
                            if pool.is_available(only) {
                                pool.allocate_exact(only).expect("nobody else is here");
                            }
                            // A search in vain: the next round begins without a hint left.
                            assert!(pool.allocate().is_err());
                        }
                    }
                });
            }
        }
    }
}

/// Movers each hold at most one slot of a range that has one more than there are movers; they let go of one before
/// they take another. So one is always free, somewhere, and a thread that asks for one within the range gets it,
/// though it moves behind the back of the search.
#[test]
fn allocate_in_finds_the_slot_that_moves() {
    let _watchdog = watchdog("allocate_in_finds_the_slot_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, free) in [
            (70, &[20, 22][..]),
            (256, &[70, 190]),
            (2600, &[40, 1200, 2500]),
            (9000, &[600, 8500]),
        ] {
            let pool = nearly_full(slots, free, policy, search);
            // Slots beside the range, which no thread here wants and many searches see.
            pool.release(addr(0)).expect("all are taken");
            pool.release(addr(slots - 1)).expect("all are taken");
            let range = addr(10)..=addr(slots - 5);
            let leave = |slot: u32| pool.release(addr(slot)).expect("it is held");
            let find = || match pool.allocate_in(range.clone()) {
                Ok(found) => pool.release(found).expect("it is held"),
                Err(error) => panic!("{pool:?}, free {free:?}: {error}"),
            };
            let claim = |slot: u32| pool.allocate_exact(addr(slot)).is_ok();
            let rounds = if slots > 2000 { 20_000 } else { 30_000 };
            find_what_moves(&pool, free, rounds, claim, leave, find);
        }
    });
}

/// The same for `allocate_from`, around the end and from anywhere.
#[test]
fn allocate_from_finds_the_slot_that_moves() {
    let _watchdog = watchdog("allocate_from_finds_the_slot_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, free) in [(70, &[5, 69][..]), (2600, &[9, 1200, 2599])] {
            let pool = nearly_full(slots, free, policy, search);
            let leave = |slot: u32| pool.release(addr(slot)).expect("it is held");
            let turn = std::sync::atomic::AtomicU32::new(0);
            let find = || {
                // Relaxed: any start will do.
                let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                match pool.allocate_from(addr(turn * 37 % slots)) {
                    Ok(found) => pool.release(found).expect("it is held"),
                    Err(error) => panic!("{pool:?}, free {free:?}: {error}"),
                }
            };
            let claim = |slot: u32| pool.allocate_exact(addr(slot)).is_ok();
            find_what_moves(&pool, free, 20_000, claim, leave, find);
        }
    });
}

/// The same for `allocate`, with nothing else free in the whole pool: the plain scan sees one word after
/// another too, and the slot moves between them.
#[test]
fn allocate_finds_the_slot_that_moves() {
    let _watchdog = watchdog("allocate_finds_the_slot_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, free) in [
            (70, &[5, 69][..]),
            (700, &[3, 690]),
            (2600, &[9, 1200, 2599]),
        ] {
            let pool = nearly_full(slots, free, policy, search);
            let leave = |slot: u32| pool.release(addr(slot)).expect("it is held");
            let find = || match pool.allocate() {
                Ok(found) => pool.release(found).expect("it is held"),
                Err(error) => panic!("{pool:?}, free {free:?}: {error}"),
            };
            let claim = |slot: u32| pool.allocate_exact(addr(slot)).is_ok();
            find_what_moves(&pool, free, 25_000, claim, leave, find);
        }
    });
}

/// Like the tests above, with blocks: movers sit in one block each, of one more than there are movers, so that
/// one block is always whole.
#[test]
fn allocate_block_finds_the_block_that_moves() {
    let _watchdog = watchdog("allocate_block_finds_the_block_that_moves");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [
            (32, 28),
            (48, 28),
            (600, 28),
            (128, 26),
            (256, 25),
            (1024, 23),
            (2048, 22),
        ] {
            let size = 1u32 << (32 - prefix_len);
            let blocks = slots / size;
            // At most three blocks move; all others have a holder in them.
            let moving: Vec<u32> = (0..blocks).step_by((blocks as usize).div_ceil(3)).collect();
            let pool = plain_pool(slots, policy, search);
            for block in (0..blocks).filter(|block| !moving.contains(block)) {
                let seat = addr(block * size + block % size);
                pool.allocate_exact(seat).expect("an empty pool");
            }
            let seat = |block: u32| addr(block * size + 3);
            let leave = |block: u32| pool.release(seat(block)).expect("it is held");
            let find = || match pool.allocate_block(prefix_len) {
                Ok(block) => pool.release_block(block).expect("it is held"),
                Err(error) => panic!("{pool:?}, moving {moving:?}: {error}"),
            };
            let claim = |block: u32| pool.allocate_exact(seat(block)).is_ok();
            find_what_moves(&pool, &moving, 6000, claim, leave, find);
        }
    });
}

/// One fewer mover than there are places, and one finder, who must find every time: for so many rounds,
/// and until as many moves have been made.
fn find_what_moves(
    pool: &Pool4,
    places: &[u32],
    rounds: usize,
    claim: impl Fn(u32) -> bool + Sync,
    leave: impl Fn(u32) + Sync,
    find: impl Fn() + Sync,
) {
    let before = Before::of(pool);
    let (done, moves) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let movers = places.len() - 1;
    disturbed(movers + 1, |thread| {
        if thread == movers {
            let _stop = Stop(&done);
            let mut round = 0;
            while round.min(moves.load(Ordering::Relaxed)) < rounds * effort() {
                find();
                round += 1;
            }
            return;
        }
        let mut dice = Dice::new(thread);
        let mut place = None;
        while done.load(Ordering::SeqCst) == 0 {
            if let Some(place) = place {
                leave(place);
            }
            // A thread that looks for one may have it just now: then this mover holds none for a while.
            let next = places[dice.below(places.len())];
            place = claim(next).then_some(next);
            moves.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(place) = place {
            leave(place);
        }
    });
    before.expect_again(pool, &format!("{pool:?}"));
}
