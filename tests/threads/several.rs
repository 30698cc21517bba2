//! Batches and blocks: claims of several words that may have to be given back.

use super::*;

/// A batch that can never be had, because another thread keeps one address, is tried again and again: it takes
/// everything and gives it back. Singles beside it are not refused: what a batch may yet return is not taken.
#[test]
fn a_batch_that_is_rolled_back_makes_nobody_fail() {
    let _watchdog = watchdog("a_batch_that_is_rolled_back_makes_nobody_fail");
    for_all_kinds(|policy, search| {
        for (slots, singles) in [(2, 1), (4, 3), (65, 3), (600, 2), (1100, 3)] {
            let pool = plain_pool(slots, policy, search);
            pool.allocate().expect("an empty pool");
            let before = Before::of(&pool);
            let running = AtomicUsize::new(0);
            let rounds = if slots > 64 { 60 } else { 400 } * effort();
            disturbed(singles + 2, |thread| {
                if thread >= singles {
                    // Two of them, so that they meet each other's flights as well.
                    while running.load(Ordering::SeqCst) < singles {
                        let all = pool.allocate_many(slots as usize);
                        assert!(all.is_err(), "one of them is kept");
                    }
                    return;
                }
                let _stop = Stop(&running);
                let mut dice = Dice::new(thread);
                for _ in 0..rounds {
                    dice.dawdle();
                    // At most one at a time, of at least as many as there are singles.
                    let given = match dice.below(4) {
                        0 => pool.allocate_preferring(addr(0)),
                        1 => pool.allocate_in(addr(0)..=addr(slots - 1)),
                        2 => pool.allocate_many(1).map(|addrs| addrs[0]),
                        _ => pool.allocate(),
                    };
                    let given = given.unwrap_or_else(|error| panic!("{pool:?}: {error}"));
                    pool.release(given).expect("it is held");
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// A block of several words that can never be whole, because a thread always sits in it, now here and now there, is
/// begun and rolled back. A thread that wants an address of it by name, which no other thread ever holds, gets it:
/// what a block may yet return is not taken.
#[test]
fn a_block_that_is_rolled_back_is_no_holder() {
    let _watchdog = watchdog("a_block_that_is_rolled_back_is_no_holder");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [(128, 25), (512, 23), (2048, 21)] {
            let pool = plain_pool(slots, policy, search);
            let before = Before::of(&pool);
            let (done, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let sits = Meeting::new(3);
            disturbed(3, |thread| match thread {
                0 => {
                    let sits = sits.join();
                    let mut dice = Dice::new(slots as usize);
                    let mut seat = slots - 1;
                    pool.allocate_exact(addr(seat)).expect("an empty pool");
                    sits.wait();
                    while done.load(Ordering::SeqCst) == 0 {
                        // Not in the first word, which the block takes first.
                        let next = 64 + dice.below(slots as usize - 64) as u32;
                        if pool.allocate_exact(addr(next)).is_ok() {
                            pool.release(addr(seat)).expect("it is held");
                            seat = next;
                        }
                    }
                    pool.release(addr(seat)).expect("it is held");
                }
                1 => {
                    let sits = sits.join();
                    sits.wait();
                    while done.load(Ordering::SeqCst) == 0 {
                        let whole = pool.allocate_block(prefix_len);
                        begun.fetch_add(1, Ordering::Relaxed);
                        assert!(whole.is_err() || done.load(Ordering::SeqCst) == 1);
                        if let Ok(block) = whole {
                            pool.release_block(block).expect("it is held");
                        }
                    }
                }
                _ => {
                    let sits = sits.join();
                    sits.wait();
                    let _stop = Stop(&done);
                    let mut dice = Dice::new(thread);
                    let enough = 6000 * effort();
                    let mut round = 0;
                    while round.min(begun.load(Ordering::Relaxed)) < enough {
                        round += 1;
                        // Mostly let go of, or the block is not even begun.
                        (0..dice.below(400)).for_each(|_| std::hint::spin_loop());
                        pool.allocate_exact(addr(3)).expect("nobody holds it");
                        pool.release(addr(3)).expect("it is held");
                    }
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Permits outside the pool say how much is free: a /23 is taken and given back in a /22, a block of 1024 in 2048
/// slots, batches beside them, and a thread that has a permit for one address gets one.
#[test]
fn blocks_and_batches_come_and_go_beside_singles() {
    let _watchdog = watchdog("blocks_and_batches_come_and_go_beside_singles");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [(1024, 23), (2048, 22)] {
            let pool = plain_pool(slots, policy, search);
            let before = Before::of(&pool);
            let permits = AtomicUsize::new(slots as usize);
            let ask = |count| {
                let take = |free: usize| free.checked_sub(count);
                permits
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                    .is_ok()
            };
            let give_back = |count| permits.fetch_add(count, Ordering::SeqCst);
            let block_slots = 1usize << (32 - prefix_len);
            let (blocks, batches) = (AtomicUsize::new(0), AtomicUsize::new(0));
            together(5, |thread| {
                let mut dice = Dice::new(thread);
                let mut held = Vec::new();
                for _ in 0..120 * effort() {
                    match thread {
                        0 if ask(block_slots) => {
                            // It may be in pieces: that is no error.
                            if let Ok(block) = pool.allocate_block(prefix_len) {
                                blocks.fetch_add(1, Ordering::SeqCst);
                                dice.dawdle();
                                pool.release_block(block).expect("it is held");
                            }
                            give_back(block_slots);
                        }
                        1 | 2 => {
                            let count = 1 + dice.below(slots as usize / 2);
                            if ask(count) {
                                let batch = pool.allocate_many(count);
                                let batch = batch.unwrap_or_else(|error| {
                                    panic!("{pool:?}: {count} with permits: {error}")
                                });
                                batches.fetch_add(1, Ordering::SeqCst);
                                dice.dawdle();
                                assert_eq!(pool.release_many(&batch).released, count as u64);
                                give_back(count);
                            }
                        }
                        _ => {
                            while held.len() < 100 && ask(1) {
                                let given = pool.allocate();
                                held.push(given.unwrap_or_else(|error| {
                                    panic!("{pool:?}: one with a permit: {error}")
                                }));
                            }
                            for _ in 0..dice.below(100) {
                                if let Some(addr) = held.pop() {
                                    pool.release(addr).expect("it is held");
                                    give_back(1);
                                }
                            }
                        }
                    }
                }
                for addr in held {
                    pool.release(addr).expect("it is held");
                }
            });
            assert!(batches.into_inner() > 0);
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Two or three callers each want more than half of an otherwise untouched pool: one gets it, and the others are
/// refused. It is never none, and no caller waits for ever.
#[test]
fn of_batches_that_do_not_fit_together_exactly_one_succeeds() {
    let _watchdog = watchdog("of_batches_that_do_not_fit_together_exactly_one_succeeds");
    for_all_kinds(|policy, search| {
        for (slots, callers) in [(1, 2), (2, 2), (3, 3), (64, 2), (70, 3), (1100, 2)] {
            for count in [slots, slots / 2 + 1] {
                let pool = plain_pool(slots, policy, search);
                let rounds = if slots > 100 { 25 } else { 60 } * effort();
                exactly_one_wins(&pool, callers, rounds, |_| {
                    let pool = &pool;
                    let batch = pool.allocate_many(count as usize).ok()?;
                    assert_eq!(batch.len(), count as usize);
                    Some(move || assert_eq!(pool_release(pool, &batch), u64::from(count)))
                });
            }
        }
    });
}

fn pool_release(pool: &Pool4, addrs: &[Ipv4Addr]) -> u64 {
    pool.release_many(addrs).released
}

/// Two callers want the same whole block, or one the whole and the other half of it: one gets it.
#[test]
fn of_blocks_that_do_not_fit_together_exactly_one_succeeds() {
    let _watchdog = watchdog("of_blocks_that_do_not_fit_together_exactly_one_succeeds");
    for_all_kinds(|policy, search| {
        for (slots, prefix_len) in [
            (16, 28),
            (64, 26),
            (128, 25),
            (512, 23),
            (1024, 22),
            (2048, 21),
        ] {
            let pool = plain_pool(slots, policy, search);
            exactly_one_wins(&pool, 3, 40 * effort(), |_| {
                let block = pool.allocate_block(prefix_len).ok()?;
                let pool = &pool;
                Some(move || pool.release_block(block).expect("it is held"))
            });
            // The whole against its upper half.
            exactly_one_wins(&pool, 2, 40 * effort(), |caller| {
                let block = pool.allocate_block(prefix_len + caller as u8).ok()?;
                let pool = &pool;
                Some(move || pool.release_block(block).expect("it is held"))
            });
            // A batch of all against a block of all: what they can get, and words in order.
            exactly_one_wins(&pool, 2, 40 * effort(), |caller| {
                let pool = &pool;
                let held = match caller {
                    0 => pool.allocate_many(slots as usize).ok()?,
                    _ => pool
                        .allocate_block(prefix_len)
                        .ok()?
                        .hosts_and_edges()
                        .collect(),
                };
                Some(move || assert_eq!(pool_release(pool, &held), u64::from(slots)))
            });
        }
    });
}

/// All callers at once, again and again: each time exactly one of them succeeds; then it gives back.
fn exactly_one_wins<G: FnOnce()>(
    pool: &Pool4,
    callers: usize,
    rounds: usize,
    claim: impl Fn(usize) -> Option<G> + Sync,
) {
    let before = Before::of(pool);
    let meeting = Meeting::new(callers);
    let winners = AtomicUsize::new(0);
    together(callers, |caller| {
        let meeting = meeting.join();
        for round in 0..rounds {
            meeting.wait();
            let won = claim(caller);
            winners.fetch_add(usize::from(won.is_some()), Ordering::SeqCst);
            meeting.wait();
            // All threads look, so that none is left waiting when it is wrong.
            assert_eq!(
                winners.load(Ordering::SeqCst),
                round + 1,
                "{pool:?}: one winner a round"
            );
            meeting.wait();
            if let Some(give_back) = won {
                give_back();
            }
        }
    });
    before.expect_again(pool, &format!("{pool:?}"));
}

/// Two batches that cannot be had take everything for a moment, again and again. A thread that wants one address by
/// name, which no other thread ever holds, gets it: a claim that will be rolled back is no holder, neither for an
/// exact claim nor for a user list.
#[test]
fn an_exact_claim_outwaits_a_batch_that_gives_back() {
    let _watchdog = watchdog("an_exact_claim_outwaits_a_batch_that_gives_back");
    for_all_kinds(|policy, search| {
        for slots in [3, 70, 700] {
            let pool = plain_pool(slots, policy, search);
            pool.allocate_exact(addr(0)).expect("an empty pool");
            let before = Before::of(&pool);
            let running = AtomicUsize::new(0);
            together(4, |thread| {
                if thread >= 2 {
                    while running.load(Ordering::SeqCst) < 2 {
                        let all = pool.allocate_many(slots as usize);
                        assert!(all.is_err(), "one of them is kept");
                    }
                    return;
                }
                let _stop = Stop(&running);
                let mine = addr(slots - 1 - thread as u32);
                for round in 0..400 * effort() {
                    if round % 2 == 0 {
                        pool.allocate_exact(mine).expect("nobody holds it");
                    } else {
                        let report = pool.adopt([mine]).unwrap();
                        assert_eq!((report.taken, report.already), (1, 0), "{pool:?}");
                    }
                    pool.release(mine).expect("it is held");
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Another thread releases one address of a block while its holder releases the block, which is a mistake:
/// whichever is first, nothing is held in the end, and the counters know it.
#[test]
fn a_block_released_in_two_ways_at_once_is_counted_once() {
    let _watchdog = watchdog("a_block_released_in_two_ways_at_once_is_counted_once");
    let pool = plain_pool(512, Policy::Lowest, Search::Tree);
    for round in 0..2000 * effort() as u32 {
        let block = pool.allocate_block(24).unwrap();
        let stray = Ipv4Addr::from_bits(block.network().to_bits() + round * 67 % 256);
        together(2, |thread| match thread {
            0 => pool.release_block(block).is_ok(),
            _ => pool.release(stray).is_ok(),
        });
        // The block may have been refused as a whole, because the stray release came first.
        for addr in pool.iter().collect::<Vec<_>>() {
            pool.release(addr).unwrap();
        }
        assert_eq!(pool.allocated(), 0, "round {round}");
    }
}

/// Threads that take and return large blocks, and one whose batches always fail: at every instant, one of them is
/// in the air. A call that names a held address, or wants one of a part that is full, is refused nevertheless,
/// again and again, and does not wait for an instant without any flight.
#[test]
fn refusals_wait_for_no_calm() {
    let _watchdog = watchdog("refusals_wait_for_no_calm");
    const BLOCKS: usize = 32;
    let pool = plain_pool(1 << 16, Policy::Lowest, Search::Tree);
    // 100 addresses in the middle of a chunk, taken for good.
    let (first, last) = (addr(700), addr(799));
    (700..800).for_each(|index| pool.allocate_exact(addr(index)).expect("it is free"));
    let before = Before::of(&pool);
    let running = AtomicUsize::new(0);
    disturbed(BLOCKS + 3, |thread| {
        let others_run = || running.load(Ordering::SeqCst) < 2;
        match thread {
            0 => {
                let _stop = Stop(&running);
                for round in 0..100 * effort() {
                    let index = 700 + round as u32 % 100;
                    assert!(pool.allocate_exact(addr(index)).is_err());
                }
            }
            1 => {
                let _stop = Stop(&running);
                for _ in 0..100 * effort() {
                    assert!(pool.allocate_in(first..=last).is_err());
                }
            }
            2 => {
                while others_run() {
                    assert!(pool.allocate_many(1 << 16).is_err(), "100 are taken");
                }
            }
            _ => {
                while others_run() {
                    if let Ok(block) = pool.allocate_block(22) {
                        pool.release_block(block).expect("it is held");
                    }
                }
            }
        }
    });
    before.expect_again(&pool, "what is held stays held");
}
