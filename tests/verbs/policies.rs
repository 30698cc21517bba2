//! The addresses that the policies choose.

use super::*;

/// `Lowest` is exactly the lowest free address, whatever was released before.
#[test]
fn lowest_is_always_the_lowest_free_address() {
    for search in SEARCHES {
        let pool = Pool::builder(v4("10.0.0.0/20"))
            .search(search)
            .build()
            .unwrap();
        let mut free: BTreeSet<_> = (2..4095).map(ten).collect();
        let mut held = Vec::new();
        let mut numbers = Numbers(1);
        for step in 0..20_000 {
            if held.is_empty() || numbers.below(5) < 3 {
                let given = pool.allocate().ok();
                assert_eq!(given, free.pop_first(), "{search:?}, step {step}");
                held.extend(given);
            } else {
                let addr = held.swap_remove(numbers.below(held.len() as u64) as usize);
                pool.release(addr).unwrap();
                free.insert(addr);
            }
        }
    }
}

/// `Highest` is exactly the highest free address, whatever was released before; a batch, and a part, too.
#[test]
fn highest_is_always_the_highest_free_address() {
    for search in SEARCHES {
        let pool = Pool::builder(v4("10.0.0.0/20"))
            .policy(Policy::Highest)
            .search(search)
            .build()
            .unwrap();
        let mut free: BTreeSet<_> = (2..4095).map(ten).collect();
        let mut held = Vec::new();
        let mut numbers = Numbers(1);
        for step in 0..20_000 {
            let given = match numbers.below(10) {
                _ if held.is_empty() => vec![pool.allocate().unwrap()],
                0..5 => pool.allocate().into_iter().collect(),
                5 => {
                    let count = numbers.below(free.len().min(150) as u64 + 1);
                    pool.allocate_many(count as usize).unwrap()
                }
                6 => {
                    let mut addrs = vec![ten(0); numbers.below(70) as usize];
                    let taken = pool.allocate_into(&mut addrs);
                    addrs.truncate(taken);
                    addrs
                }
                7 => {
                    let (a, b) = (numbers.below(4096) as u32, numbers.below(4096) as u32);
                    let (first, last) = (ten(a.min(b)), ten(a.max(b)));
                    let given = pool.allocate_in(first..=last).ok();
                    let expected = free.range(first..=last).next_back().copied();
                    assert_eq!(
                        given, expected,
                        "{search:?}, step {step}: {first} to {last}"
                    );
                    held.extend(given.inspect(|addr| assert!(free.remove(addr))));
                    continue;
                }
                _ => {
                    for _ in 0..numbers.below(40).min(held.len() as u64) {
                        let index = numbers.below(held.len() as u64) as usize;
                        let addr = held.swap_remove(index);
                        pool.release(addr).unwrap();
                        free.insert(addr);
                    }
                    continue;
                }
            };
            for &addr in &given {
                assert_eq!(Some(addr), free.pop_last(), "{search:?}, step {step}");
            }
            held.extend(given);
        }
    }
}

/// `Next` goes round: no address is handed out again before all others were.
#[test]
fn next_wraps_with_the_longest_reuse_distance() {
    for search in SEARCHES {
        for (network, capacity) in [
            ("10.0.0.0/24", 253),
            ("10.0.0.0/21", 2045),
            ("10.0.0.0/29", 5),
        ] {
            let pool = Pool::builder(v4(network))
                .policy(Policy::Next)
                .search(search)
                .build()
                .unwrap();
            for round in 0..3 {
                for index in 0..capacity {
                    let addr = pool.allocate().unwrap();
                    assert_eq!(addr, ten(index + 2), "{network} {search:?}, round {round}");
                    pool.release(addr).unwrap();
                }
            }
        }
    }
}

/// The same where the last address of the pool is the last slot of its last word, so that the position is in none.
#[test]
fn next_wraps_behind_the_last_word() {
    for search in SEARCHES {
        for (network, capacity) in [
            ("10.0.0.0/26", 64),
            ("10.0.0.0/23", 512),
            ("10.0.0.0/20", 4096),
        ] {
            let pool = Pool::builder(v4(network))
                .reserve_edges(false)
                .policy(Policy::Next)
                .search(search)
                .build()
                .unwrap();
            for round in 0..2 {
                for index in 0..capacity {
                    let addr = pool.allocate().unwrap();
                    assert_eq!(addr, ten(index), "{network} {search:?}, round {round}");
                    pool.release(addr).unwrap();
                }
            }
            let last = ten(capacity - 1);
            pool.allocate_exact(ten(0)).unwrap();
            assert_eq!(pool.allocate_in(last..=last), Ok(last));
            assert_eq!(
                pool.allocate(),
                Ok(ten(1)),
                "around the end, over what is taken"
            );
        }
    }
}

/// The next free address after the last one given, over what is taken, against a plain scan.
#[test]
fn next_continues_after_the_last_address_given() {
    for search in SEARCHES {
        let pool = Pool::builder(v4("10.0.0.0/22"))
            .policy(Policy::Next)
            .search(search)
            .build()
            .unwrap();
        let mut free = [true; 1024];
        for reserved in [0, 1, 1023] {
            free[reserved] = false;
        }
        let (mut cursor, mut numbers) = (0, Numbers(2));
        let mut held = Vec::new();
        for step in 0..10_000 {
            if numbers.below(100) < 55 {
                let order = (cursor..1024).chain(0..cursor);
                let expected = order.into_iter().find(|&index| free[index]);
                assert_eq!(
                    pool.allocate().ok(),
                    expected.map(|index| ten(index as u32)),
                    "step {step}"
                );
                if let Some(index) = expected {
                    (cursor, free[index]) = (index + 1, false);
                    held.push(index);
                }
            } else if !held.is_empty() {
                let index = held.swap_remove(numbers.below(held.len() as u64) as usize);
                pool.release(ten(index as u32)).unwrap();
                free[index] = true;
            }
        }
    }
}

/// The same seed gives the same addresses, another seed others, and no order shows through.
#[test]
fn random_is_reproducible_with_its_seed_and_with_no_other() {
    for search in SEARCHES {
        let given = |seed| {
            let pool = Pool::builder(v4("10.0.0.0/20"))
                .policy(Policy::Random(seed))
                .search(search)
                .build()
                .unwrap();
            let mut given: Vec<_> = (0..500).map(|_| pool.allocate().unwrap()).collect();
            pool.release(given[3]).unwrap();
            given.extend(drain(&pool));
            given
        };
        let first = given(1);
        assert_eq!(first, given(1));
        let others: Vec<_> = (2..6).map(given).collect();
        for other in &others {
            let same = first
                .iter()
                .zip(other)
                .take(500)
                .filter(|(one, other)| one == other)
                .count();
            assert!(same < 10, "{same} of 500 are the same");
        }
        let ascending = first[..500]
            .windows(2)
            .filter(|pair| pair[0] < pair[1])
            .count();
        assert!((150..350).contains(&ascending), "{ascending} of 499 ascend");
        assert!(first.iter().collect::<HashSet<_>>().len() == 4093);
    }
}

/// Which slots a random policy draws, by the hash of the standard library.
#[allow(deprecated)]
fn drawn(seed: u64, draw: u64, attempt: u64, first: u32, last: u32) -> u32 {
    use std::hash::{Hasher, SipHasher};
    let mut hasher = SipHasher::new_with_keys(seed, u64::from_be_bytes(*b"hostbits"));
    hasher.write(&draw.to_le_bytes());
    hasher.write(&attempt.to_le_bytes());
    let len = u128::from(last - first) + 1;
    first + ((u128::from(hasher.finish()) * len) >> 64) as u32
}

/// A stored seed draws the same slots in every release, at every fill and with every verb: the first of four that is
/// free, or else the next free one after the first. A refused call draws, too.
#[test]
fn random_takes_what_its_seed_draws() {
    let last_slot = 1023;
    for search in SEARCHES {
        for seed in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let pool = Pool::builder(v4("10.0.0.0/22"))
                .policy(Policy::Random(seed))
                .search(search)
                .build()
                .unwrap();
            let mut free: BTreeSet<u32> = (2..last_slot).collect();
            let (mut draws, mut refused, mut numbers) = (0, 0, Numbers(seed ^ 5));
            let mut held = Vec::new();
            let mut take = |free: &mut BTreeSet<u32>, first: u32, last: u32| {
                let draw = |attempt| drawn(seed, draws, attempt, first, last);
                let lucky = (0..4).map(draw).find(|slot| free.contains(slot));
                let next = || {
                    free.range(draw(0)..=last)
                        .chain(free.range(first..=last))
                        .next()
                };
                let slot = lucky.or_else(|| next().copied());
                draws += 1;
                slot.inspect(|slot| assert!(free.remove(slot)))
            };
            for step in 0..6000 {
                let given: Vec<_> = match numbers.below(20) {
                    0..9 => {
                        let expected = take(&mut free, 0, last_slot);
                        assert_eq!(pool.allocate().ok(), expected.map(ten), "step {step}");
                        refused += u32::from(expected.is_none());
                        expected.into_iter().collect()
                    }
                    9 | 10 => {
                        let first = numbers.below(1000) as u32;
                        let last = first + numbers.below(24) as u32;
                        let expected = take(&mut free, first, last);
                        let given = pool.allocate_in(ten(first)..=ten(last));
                        assert_eq!(given.ok(), expected.map(ten), "step {step}");
                        expected.into_iter().collect()
                    }
                    11 => {
                        let mut addrs = [ten(0); 9];
                        let count = 1 + numbers.below(9) as usize;
                        let taken = pool.allocate_into(&mut addrs[..count]);
                        let expected: Vec<_> = std::iter::from_fn(|| take(&mut free, 0, last_slot))
                            .take(count)
                            .collect();
                        assert_eq!(
                            addrs[..taken],
                            expected.iter().map(|&slot| ten(slot)).collect::<Vec<_>>()[..]
                        );
                        expected
                    }
                    _ if step % 1500 < 900 => continue,
                    _ => {
                        for _ in 0..numbers.below(3).min(held.len() as u64) {
                            let index = numbers.below(held.len() as u64) as usize;
                            let slot = held.swap_remove(index);
                            pool.release(ten(slot)).unwrap();
                            free.insert(slot);
                        }
                        continue;
                    }
                };
                held.extend(given);
            }
            assert!(
                draws > 2000 && refused > 100,
                "{draws} draws, {refused} refused"
            );
        }
    }
}

/// The two searches differ in cost only: the same calls give the same addresses.
#[test]
fn tree_and_linear_search_give_the_same_addresses() {
    for policy in POLICIES {
        let pools = SEARCHES.map(|search| {
            Pool::builder(v4("10.0.0.0/20"))
                .policy(policy)
                .search(search)
                .build()
                .unwrap()
        });
        let mut numbers = Numbers(3);
        for step in 0..3000 {
            let (verb, index) = (numbers.below(8), numbers.below(4100) as u32);
            let outcome = |pool: &Pool<Ipv4Net>| match verb {
                0 => format!("{:?}", pool.allocate()),
                1 => format!("{:?}", pool.allocate_preferring(ten(index))),
                2 => format!("{:?}", pool.allocate_exact(ten(index))),
                3 => format!("{:?}", pool.allocate_in(ten(index)..=ten(index + 100))),
                4 => format!("{:?}", pool.allocate_many(index as usize % 70)),
                5 => format!("{:?}", pool.allocate_block(32 - index as u8 % 5)),
                _ => format!("{:?}", pool.release(ten(index))),
            };
            let [tree, linear] = pools.each_ref().map(outcome);
            assert_eq!(tree, linear, "{policy:?}, step {step}, verb {verb}");
        }
        assert!(taken(&pools[0]) == taken(&pools[1]));
    }
}
