//! Locals: what they hand out, what they take back, what they cost the others.

#[path = "support/storm.rs"]
mod storm;

use hostbits::{Gateway, Policy, Pool, ReleaseError, StatsLevel, Status};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use storm::{Dice, Ledger, Pool4, effort, for_all_kinds, plain_pool, together, watchdog};

const POLICIES: [Policy; Policy::ALL.len()] = Policy::ALL;

fn pool_with(policy: Policy, stats: StatsLevel) -> Pool4 {
    Pool::builder("10.0.0.0/24".parse::<Ipv4Net>().unwrap())
        .reserve_edges(false)
        .gateway(Gateway::None)
        .policy(policy)
        .stats(stats)
        .build()
        .unwrap()
}

fn addr(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn drain(allocate: impl FnMut() -> Option<Ipv4Addr>) -> BTreeSet<Ipv4Addr> {
    let mut seen = BTreeSet::new();
    for addr in std::iter::from_fn(allocate) {
        assert!(seen.insert(addr), "{addr} handed out twice");
    }
    seen
}

/// A local hands out the whole pool, each address once, and then says "exhausted".
#[test]
fn a_local_hands_out_everything_once() {
    for policy in POLICIES {
        for stats in [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full] {
            let pool = pool_with(policy, stats);
            let mut local = pool.local();
            assert_eq!(drain(|| local.allocate().ok()).len(), 256);
            assert_eq!((local.reserved(), pool.allocated()), (0, 256));
            let refused = local.allocate().unwrap_err();
            assert_eq!(refused, pool.allocate().unwrap_err());
        }
    }
}

/// The word is the policy's choice, and goes out lowest first.
#[test]
fn the_word_is_where_the_policy_looks() {
    let pool = pool_with(Policy::Lowest, StatsLevel::Counts);
    for host in [0, 2, 5] {
        pool.allocate_exact(Ipv4Addr::new(10, 0, 0, host)).unwrap();
    }
    let mut local = pool.local();
    let hosts = [1, 3, 4, 6].map(|host| Ipv4Addr::new(10, 0, 0, host));
    assert_eq!([(); 4].map(|()| local.allocate().unwrap()), hosts);

    let pool = pool_with(Policy::Next, StatsLevel::Counts);
    for _ in 0..100 {
        pool.allocate().unwrap();
    }
    assert_eq!(
        pool.local().allocate().unwrap(),
        Ipv4Addr::new(10, 0, 0, 100)
    );
    // The cursor stands behind the word.
    assert_eq!(pool.allocate().unwrap(), Ipv4Addr::new(10, 0, 0, 128));
}

/// A word that a reserved address divides goes out lowest first, whichever side is larger, and takes back both sides.
#[test]
fn a_divided_word_goes_out_lowest_first() {
    for gateway in [1, 10, 31, 32, 50, 62] {
        let gateway = Ipv4Addr::new(10, 0, 0, gateway);
        let pool = Pool::builder("10.0.0.0/26".parse::<Ipv4Net>().unwrap())
            .gateway(Gateway::At(gateway.into()))
            .build()
            .unwrap();
        let mut local = pool.local();
        let all: Vec<_> = std::iter::from_fn(|| local.allocate().ok()).collect();
        assert_eq!(all.len(), 61);
        assert!(all.is_sorted(), "{gateway}: {all:?}");
        let some: Vec<_> = all.into_iter().step_by(3).collect();
        for &addr in some.iter().rev() {
            local.release(addr).unwrap();
            assert!(local.release(addr).is_err(), "{gateway}: {addr}");
        }
        let again: Vec<_> = std::iter::from_fn(|| local.allocate().ok()).collect();
        assert_eq!(again, some, "{gateway}");
    }
}

/// While it lives, what it has reserved is taken for all others, in every view of the pool.
#[test]
fn what_is_reserved_counts_as_allocated_for_others() {
    for stats in [StatsLevel::Off, StatsLevel::Counts] {
        let pool = pool_with(Policy::Lowest, stats);
        let mut local = pool.local();
        assert_eq!(pool.allocated(), 0, "nothing before the first allocation");
        let held = local.allocate().unwrap();
        assert_eq!((local.reserved(), pool.allocated()), (63, 64));
        assert_eq!(pool.iter().count(), 64);
        let neighbour = Ipv4Addr::new(10, 0, 0, 1);
        assert!(matches!(pool.status(neighbour), Status::Allocated { .. }));
        assert!(pool.allocate_exact(neighbour).is_err());
        drop(local);
        assert_eq!(pool.allocated(), 1);
        assert!(pool.iter().eq([held]));
    }
}

/// Whether a local may hand out again at once what was released: not where the policy promises otherwise.
fn reuses(policy: Policy) -> bool {
    match policy {
        Policy::Lowest | Policy::Highest | Policy::Spread => true,
        Policy::Next | Policy::Random(_) => false,
        other => panic!("what does {other} promise?"),
    }
}

/// Lowest, highest and spread hand a released address out again; next and random, which promise otherwise, do not.
#[test]
fn a_released_address_comes_back_only_where_the_policy_allows_it() {
    for policy in POLICIES {
        let comes_back = reuses(policy);
        let pool = pool_with(policy, StatsLevel::Counts);
        let mut local = pool.local();
        let first = local.allocate().unwrap();
        local.release(first).unwrap();
        assert_eq!(local.allocate().unwrap() == first, comes_back, "{policy}");
    }
}

/// Under highest, locals take the highest words first, each from its lowest bit on, and the highest word that has
/// something when they go on.
#[test]
fn locals_of_a_pool_from_above_take_the_highest_words() {
    let pool = pool_with(Policy::Highest, StatsLevel::Counts);
    let octets = |local: &mut hostbits::Local<'_, _>, count| -> Vec<u8> {
        let addrs = (0..count).map(|_| local.allocate().unwrap());
        addrs.map(|addr: Ipv4Addr| addr.octets()[3]).collect()
    };
    let (mut first, mut second) = (pool.local(), pool.local());
    assert_eq!(octets(&mut first, 64), (192..=255).collect::<Vec<_>>());
    assert_eq!(octets(&mut second, 3), [128, 129, 130]);
    pool.release(Ipv4Addr::new(10, 0, 0, 200)).unwrap();
    assert_eq!(octets(&mut first, 1), [200]);
    assert_eq!(octets(&mut first, 1), [64]);
    assert_eq!(pool.allocate().unwrap(), Ipv4Addr::new(10, 0, 0, 63));
}

/// An address may be released here, whichever thread allocated it; and what was allocated here, anywhere.
#[test]
fn addresses_may_be_released_anywhere() {
    for policy in POLICIES {
        let pool = pool_with(policy, StatsLevel::Counts);
        let shared = pool.allocate().unwrap();
        let mut local = pool.local();
        let own = local.allocate().unwrap();
        let far: Vec<_> = (0..100).map(|_| local.allocate().unwrap()).collect();
        local.release(shared).unwrap();
        pool.release(own).unwrap();
        for addr in far {
            local.release(addr).unwrap();
        }
        drop(local);
        assert_eq!(pool.allocated(), 0);
        assert_eq!(drain(|| pool.allocate().ok()).len(), 256, "nothing is lost");
    }
}

/// A local with little left takes back addresses of any word, past the pool, but no more than sixteen; each
/// once.
#[test]
fn a_local_with_little_left_takes_what_is_released() {
    for policy in POLICIES {
        let takes = reuses(policy);
        for stats in [StatsLevel::Counts, StatsLevel::Full] {
            let pool = pool_with(policy, stats);
            while pool.allocate().is_ok() {}
            let mut local = pool.local();
            let released: Vec<Ipv4Addr> = (0..20u8)
                .map(|index| Ipv4Addr::new(10, 0, 0, index * 12 + 3))
                .collect();
            for &addr in &released {
                local.release(addr).unwrap();
                assert!(
                    local.release(addr).is_err(),
                    "{addr} is free now, for somebody"
                );
            }
            let kept = if takes { 16 } else { 0 };
            assert_eq!(local.reserved(), kept, "{policy}");
            assert_eq!(pool.available(), u64::from(20 - kept));

            let again = drain(|| local.allocate().ok());
            assert_eq!(again, released.iter().copied().collect(), "{policy}");
            local.release(released[0]).unwrap();
            local.release(released[19]).unwrap();
            assert!(local.release(released[0]).is_err());
            drop(local);
            assert_eq!(pool.available(), 2);
            let free = drain(|| pool.allocate().ok());
            assert_eq!(free, [released[0], released[19]].into());
            let stats = pool.stats();
            assert_eq!((stats.releases, stats.release_errors), (22, 21));
        }
    }
}

/// A double release is an error and changes nothing, whichever way the first one went.
#[test]
fn a_double_release_is_an_error() {
    for policy in POLICIES {
        let pool = pool_with(policy, StatsLevel::Counts);
        let mut local = pool.local();
        let not_allocated = |addr: Ipv4Addr| Err(ReleaseError::NotAllocated { addr: addr.into() });

        let first = local.allocate().unwrap();
        local.release(first).unwrap();
        assert_eq!(local.release(first), not_allocated(first));

        let second = local.allocate().unwrap();
        pool.release(second).unwrap();
        assert_eq!(local.release(second), not_allocated(second));
        assert_eq!(pool.stats().release_errors, 2);

        drop(local);
        assert_eq!(pool.allocated(), 0);
        assert_eq!(drain(|| pool.allocate().ok()).len(), 256, "each once");
    }
}

/// Reserved addresses and strangers are refused as the pool refuses them.
#[test]
fn a_local_refuses_what_the_pool_refuses() {
    let pool = Pool::new("10.0.0.0/24".parse::<Ipv4Net>().unwrap()).unwrap();
    let mut local = pool.local();
    local.allocate().unwrap();
    for text in ["10.0.0.0", "10.0.0.1", "10.0.0.255", "192.0.2.1"] {
        let addr = addr(text);
        assert_eq!(local.release(addr), pool.release(addr), "{text}");
    }
}

/// Counted when the local takes its next word or is dropped; what is allocated is right all the time.
#[test]
fn statistics_come_with_the_next_word_or_the_end() {
    let pool = pool_with(Policy::Lowest, StatsLevel::Full);
    let mut local = pool.local();
    let addrs: Vec<_> = (0..10).map(|_| local.allocate().unwrap()).collect();
    local.release(addrs[0]).unwrap();
    assert!(pool.stats().last_allocation.is_some(), "noted at once");
    assert_eq!(pool.allocated(), 64);
    drop(local);
    let stats = pool.stats();
    assert_eq!((stats.allocations.any, stats.releases), (10, 1));
    assert_eq!(pool.allocated(), 9);
}

/// Its thread's panic takes nothing from the others; and a local that outlives a panic goes on.
#[test]
fn a_panic_loses_nothing() {
    let pool = Arc::new(pool_with(Policy::Lowest, StatsLevel::Counts));
    let mut local = pool.local_arc();
    let worker = std::thread::spawn(move || {
        let held = local.allocate().unwrap();
        std::panic::panic_any(held);
    });
    let held = *worker.join().unwrap_err().downcast::<Ipv4Addr>().unwrap();
    assert!(pool.iter().eq([held]), "only what was handed out");

    let mut local = pool.local();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let addr = local.allocate().unwrap();
        std::panic::panic_any(addr);
    }));
    let lost = *outcome.unwrap_err().downcast::<Ipv4Addr>().unwrap();
    local.release(lost).unwrap();
    assert_eq!(local.allocate(), Ok(lost));
    drop(local);
    assert_eq!(pool.allocated(), 2);
}

/// Units other than addresses, several ranges, and IPv6.
#[test]
fn locals_of_prefixes_and_ranges() {
    let net: ipnet::Ipv6Net = "2001:db8::/40".parse().unwrap();
    let pool = Pool::builder(net).unit(56).build().unwrap();
    let mut local = pool.local();
    let prefix = local.allocate().unwrap();
    let inside: std::net::Ipv6Addr = (u128::from(prefix) + 1).into();
    assert_eq!(local.release(inside), pool.release(inside), "names no unit");
    local.release(prefix).unwrap();

    let ranges = [
        addr("10.0.0.250")..=addr("10.0.1.5"),
        addr("10.0.9.0")..=addr("10.0.9.9"),
    ];
    let pool = Pool::<Ipv4Net>::over(ranges).build().unwrap();
    let mut local = pool.local();
    let all = drain(|| local.allocate().ok());
    assert_eq!(all.len(), 22);
    for &addr in &all {
        local.release(addr).unwrap();
    }
    drop(local);
    assert_eq!(pool.allocated(), 0);
}

/// Threads with locals, and threads without, on pools where everything collides: no address is shared, and at
/// the end nothing is lost.
#[test]
fn threads_with_and_without_locals_share_nothing() {
    let _watchdog = watchdog("threads_with_and_without_locals_share_nothing");
    for_all_kinds(|policy, search| {
        for (slots, steps) in [(3, 2000), (70, 2000), (4096, 4000)] {
            let pool = plain_pool(slots, policy, search);
            let ledger = Ledger::new(u64::from(slots));
            let held = together(4, |thread| {
                let mut dice = Dice::new(thread);
                let mut local = (thread % 2 == 0).then(|| pool.local());
                let mut mine: Vec<Ipv4Addr> = Vec::new();
                for _ in 0..steps * effort() {
                    if !mine.is_empty() && dice.below(2) == 0 {
                        let addr = mine.swap_remove(dice.below(mine.len()));
                        ledger.give_back(pool.slot_of(addr).unwrap(), thread);
                        match &mut local {
                            Some(local) if dice.below(8) > 0 => local.release(addr).unwrap(),
                            _ => pool.release(addr).unwrap(),
                        }
                        continue;
                    }
                    if dice.below(200) == 0 && local.is_some() {
                        local = Some(pool.local());
                    }
                    let got = match &mut local {
                        Some(local) => local.allocate(),
                        None => pool.allocate(),
                    };
                    if let Ok(addr) = got {
                        ledger.take(pool.slot_of(addr).unwrap(), thread);
                        mine.push(addr);
                    }
                }
                mine.len() as u64
            });
            assert_eq!(pool.allocated(), held.iter().sum::<u64>());
            let free = drain(|| pool.allocate().ok()).len() as u64;
            assert_eq!(free + held.iter().sum::<u64>(), u64::from(slots));
        }
    });
}

/// When a local goes on to another word, what it has handed out of the last one is counted.
#[test]
fn what_was_handed_out_of_every_word_is_counted() {
    let pool = pool_with(Policy::Lowest, StatsLevel::Counts);
    let mut local = pool.local();
    for _ in 0..150 {
        local.allocate().unwrap();
    }
    drop(local);
    assert_eq!(pool.stats().allocations.any, 150);
}
