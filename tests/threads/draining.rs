//! Pools that are drained: each address once, the lowest ones first, and who is refused is refused rightly.

use super::*;

/// Several threads drain a pool: every address is handed out exactly once, and a thread that is refused was
/// refused when nothing was left.
#[test]
fn draining_threads_get_every_address_once() {
    let _watchdog = watchdog("draining_threads_get_every_address_once");
    for_all_kinds(|policy, search| {
        let tiny = [1, 2, 3, 31, 63, 64, 65, 70].map(|slots| (slots, 6, 12));
        let bigger = [(256, 6, 4), (4096, 4, 1), (65_536, 3, 1)];
        for (slots, threads, times) in tiny.into_iter().chain(bigger) {
            for _ in 0..times * effort() {
                let pool = plain_pool(slots, policy, search);
                drain(&pool, threads, u64::from(slots));
            }
        }
    });
}

fn drain(pool: &Pool4, threads: usize, free: u64) {
    let (begun, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let given = together(threads, |_| {
        let mut mine = Vec::new();
        loop {
            begun.fetch_add(1, Ordering::SeqCst);
            match pool.allocate() {
                Ok(addr) => mine.push(addr),
                Err(_) => break,
            }
        }
        // Refused: then as many calls as there were addresses had at least begun, not counting those
        // that are known to have got none. In this order, so that others may only help.
        let refused = refused.fetch_add(1, Ordering::SeqCst) + 1;
        let may_hold = begun.load(Ordering::SeqCst) - refused;
        assert!(may_hold >= free, "refused with {may_hold} of {free} taken");
        mine
    });
    let all: BTreeSet<_> = given.iter().flatten().collect();
    assert_eq!(all.len() as u64, free, "each exactly once");
    assert_eq!(given.iter().map(Vec::len).sum::<usize>() as u64, free);
    assert_eq!((pool.allocated(), pool.available()), (pool.capacity(), 0));
    assert_eq!(pool.stats().failures.exhausted, threads as u64);
}

/// The same where the last free addresses are scattered over a tree of two and three levels.
#[test]
fn the_last_scattered_addresses_of_a_big_pool_are_found_by_somebody() {
    let _watchdog = watchdog("the_last_scattered_addresses_of_a_big_pool_are_found_by_somebody");
    for_all_kinds(|policy, search| {
        for slots in [1 << 14, 1 << 17] {
            let mut dice = Dice::new(slots as usize);
            for _ in 0..3 * effort() {
                let free: BTreeSet<u32> =
                    (0..40).map(|_| dice.below(slots as usize) as u32).collect();
                let free: Vec<u32> = free.into_iter().collect();
                let pool = nearly_full(slots, &free, policy, search);
                drain(&pool, 4, free.len() as u64);
            }
        }
    });
}

/// N threads take k addresses each from an empty lowest-first pool, one at a time or in batches: they
/// get exactly the N * k lowest, with no hole.
#[test]
fn threads_on_an_empty_pool_take_exactly_the_lowest() {
    let _watchdog = watchdog("threads_on_an_empty_pool_take_exactly_the_lowest");
    take_exactly(Policy::Lowest, |_, taken| 0..taken);
}

/// The mirror of it.
#[test]
fn threads_on_an_empty_pool_take_exactly_the_highest() {
    let _watchdog = watchdog("threads_on_an_empty_pool_take_exactly_the_highest");
    take_exactly(Policy::Highest, |slots, taken| slots - taken..slots);
}

/// `expected`: which slots of how many are taken when so many are.
fn take_exactly(policy: Policy, expected: impl Fn(u32, u32) -> std::ops::Range<u32>) {
    for search in storm::SEARCHES {
        for (slots, threads, each) in [(70, 5, 14), (256, 4, 30), (2048, 4, 300), (40_000, 4, 4000)]
        {
            for mixed in [false, true] {
                for _ in 0..6 * effort() {
                    let pool = plain_pool(slots, policy, search);
                    let given = together(threads, |thread| take(&pool, each, mixed, thread));
                    let all: BTreeSet<Ipv4Addr> = given.into_iter().flatten().collect();
                    let expected = expected(slots, (threads * each) as u32).map(addr);
                    assert!(
                        all.into_iter().eq(expected),
                        "{policy} {search:?}, {slots}, mixed: {mixed}"
                    );
                }
            }
        }
    }
}

fn take(pool: &Pool4, count: usize, mixed: bool, seed: usize) -> Vec<Ipv4Addr> {
    let mut dice = Dice::new(seed);
    let mut mine = Vec::new();
    while mine.len() < count {
        let some = 1 + dice.below(90).min(count - mine.len() - 1);
        match if mixed { dice.below(3) } else { 0 } {
            0 => mine.push(pool.allocate().expect("there is room for all")),
            1 => mine.extend(pool.allocate_many(some).expect("there is room for all")),
            _ => {
                let mut addrs = vec![Ipv4Addr::UNSPECIFIED; some];
                assert_eq!(pool.allocate_into(&mut addrs), some);
                mine.extend(addrs);
            }
        }
    }
    mine
}

/// Singles alone on one, two or three slots, at three heights of the tree: after the storm every slot
/// can be found again. A hint that is cleared wrongly, once, loses the slot for good: with one slot in
/// the pool no later release repairs it.
#[test]
fn the_only_slot_is_never_lost() {
    let _watchdog = watchdog("the_only_slot_is_never_lost");
    for policy in [
        Policy::Lowest,
        Policy::Highest,
        Policy::Next,
        Policy::Spread,
    ] {
        for slots in [1, 9000, 140_000] {
            for free in [&[0][..], &[0, 1], &[0, 700, 8999]] {
                let free: Vec<u32> = free.iter().copied().filter(|&slot| slot < slots).collect();
                let pool = nearly_full(slots, &free, policy, Search::Tree);
                let before = Before::of(&pool);
                disturbed(4, |thread| {
                    let mut dice = Dice::new(thread);
                    for _ in 0..25_000 * effort() {
                        if let Ok(addr) = pool.allocate() {
                            dice.dawdle();
                            pool.release(addr).expect("it is held");
                        }
                    }
                });
                before.expect_again(&pool, &format!("{policy:?}, {slots} slots, free {free:?}"));
            }
        }
    }
}

/// One holder for each free slot of a big full pool, beside threads that search in vain among slots that are never
/// free, in the same chunk: they clear the hints of all levels, again and again, as soon as nothing is free. The
/// holders are never refused: a hint that is cleared wrongly, or a release that relies on another release to be
/// published, would leave one without.
#[test]
fn searches_in_vain_hide_nothing() {
    let _watchdog = watchdog("searches_in_vain_hide_nothing");
    for policy in [Policy::Lowest, Policy::Highest, Policy::Spread] {
        for slots in [400, 9000, 140_000] {
            for free in [&[3][..], &[3, 4]] {
                let pool = nearly_full(slots, free, policy, Search::Tree);
                let before = Before::of(&pool);
                let (holders, done) = (free.len(), AtomicUsize::new(0));
                let searches = AtomicUsize::new(0);
                disturbed(holders + 3, |thread| {
                    if thread >= holders {
                        while done.load(Ordering::SeqCst) < holders {
                            assert!(pool.allocate_in(addr(100)..=addr(200)).is_err());
                            searches.fetch_add(1, Ordering::Relaxed);
                        }
                        return;
                    }
                    let _stop = Stop(&done);
                    let mut dice = Dice::new(thread);
                    let enough = 20_000 * effort();
                    let mut round = 0;
                    while round.min(searches.load(Ordering::Relaxed)) < enough {
                        round += 1;
                        let given = pool.allocate();
                        let given = given.unwrap_or_else(|error| panic!("{pool:?}: {error}"));
                        (0..dice.below(200)).for_each(|_| std::hint::spin_loop());
                        pool.release(given).expect("it is held");
                    }
                });
                before.expect_again(&pool, &format!("{pool:?}"));
            }
        }
    }
}

/// T threads hold at most h addresses each where T * h are free: no call ever returns `Exhausted`.
#[test]
fn nobody_is_refused_while_by_counting_an_address_is_free() {
    let _watchdog = watchdog("nobody_is_refused_while_by_counting_an_address_is_free");
    for_all_kinds(|policy, search| {
        for (threads, each) in [(2, 1), (3, 1), (4, 1), (6, 1), (4, 16), (5, 13), (3, 171)] {
            let pool = plain_pool((threads * each) as u32, policy, search);
            never_refused(&pool, threads, each, 12_000 / (each + 3));
        }
        // Two and three levels, and the free slots where their hints meet: in one chunk, in one node,
        // under different nodes.
        for (slots, free) in [
            (9000, [3, 4, 5]),
            (9000, [3, 600, 8999]),
            (140_000, [130_000, 9000, 1]),
        ] {
            let pool = nearly_full(slots, &free, policy, search);
            let steps = if search == Search::Tree { 2000 } else { 60 };
            never_refused(&pool, free.len(), 1, steps);
        }
    });
}

fn never_refused(pool: &Pool4, threads: usize, each: usize, rounds: usize) {
    let of = format!("{pool:?}, {threads} threads with {each} each");
    let before = Before::of(pool);
    disturbed(threads, |thread| {
        let mut dice = Dice::new(thread);
        let mut held = Vec::new();
        for _ in 0..rounds * effort() {
            for _ in 0..=dice.below(each) {
                if held.len() < each {
                    let given = pool.allocate();
                    held.push(given.unwrap_or_else(|error| panic!("{of}: {error}")));
                }
            }
            dice.dawdle();
            for _ in 0..=dice.below(each) {
                if !held.is_empty() {
                    let addr = held.swap_remove(dice.below(held.len()));
                    pool.release(addr).expect("it is held");
                }
            }
        }
        for addr in held {
            pool.release(addr).expect("it is held");
        }
    });
    assert_eq!(pool.stats().failures.exhausted, 0, "{of}");
    before.expect_again(pool, &of);
}
