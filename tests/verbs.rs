//! Every public verb on one thread, against sets and lists that are dumb on purpose.

mod common;

use common::{
    Numbers, POLICIES, SEARCHES, a4, a6, drain, host, ip, net, taken, ten, unchanged, v4, v6,
};
use hostbits::{
    AllocateError, Allocations, Builder, Failures, Gateway, Guard, GuardArc, Local, LocalArc,
    Network, NetworkInfo, Policy, Pool, ReleaseError, Search, Snapshot, Stats, StatsLevel, Status,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const LEVELS: [StatsLevel; 3] = [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full];

fn slash24() -> Pool<Ipv4Net> {
    Pool::new(v4("10.0.0.0/24")).unwrap()
}

/// Runs `test` for every policy and search.
fn every_way(mut test: impl FnMut(Policy, Search)) {
    for policy in POLICIES {
        for search in SEARCHES {
            test(policy, search);
        }
    }
}

/// Pools, guards and plain data go to any thread and through any unwinding.
#[test]
fn pools_are_send_sync_unwind_safe_and_debug() {
    fn of_pool<T: Send + Sync + UnwindSafe + RefUnwindSafe + Debug + 'static>() {}
    fn of_local<T: Send + UnwindSafe + Debug>() {}
    fn of_data<T: Send + Sync + Clone + Debug + 'static>() {}
    of_pool::<Pool<Ipv4Net>>();
    of_pool::<Pool<Ipv6Net>>();
    of_pool::<Pool<IpNet>>();
    of_pool::<Pool>();
    of_pool::<GuardArc<IpNet>>();
    of_pool::<Guard<'static, Ipv6Net>>();
    of_local::<LocalArc<IpNet>>();
    of_local::<Local<'static, Ipv4Net>>();
    of_data::<Snapshot<Ipv4Net>>();
    of_data::<Builder<IpNet>>();
    of_data::<Stats>();
    of_data::<NetworkInfo>();
}

/// Logs get the info line: neither the bits of 2^24 slots nor the seed of a random pool.
#[test]
fn debug_prints_the_info_line_and_not_the_bits() {
    let pool = slash24();
    let _ = drain(&pool);
    let line = "10.0.0.0/24, 10.0.0.2 to 10.0.0.254, gateway 10.0.0.1, capacity 253";
    assert_eq!(format!("{pool:?}"), format!("Pool({line}, lowest)"));
    assert_eq!(format!("{pool:#?}"), format!("Pool({line}, lowest)"));
    assert_eq!(pool.info().to_string(), format!("{line}, lowest"));
    for (policy, name) in [
        (Policy::Next, "next"),
        (Policy::Spread, "spread"),
        (Policy::Random(424_242), "random"),
    ] {
        let pool = Pool::builder(v4("10.0.0.0/24"))
            .policy(policy)
            .build()
            .unwrap();
        assert_eq!(format!("{pool:?}"), format!("Pool({line}, {name})"));
    }
    let over = Pool::<IpNet>::over([
        ip("10.0.0.7")..=ip("10.0.0.9"),
        ip("10.0.1.0")..=ip("10.0.1.1"),
    ])
    .build()
    .unwrap();
    assert_eq!(
        format!("{over:?}"),
        "Pool(2 ranges, 10.0.0.7 to 10.0.1.1, capacity 5, lowest)"
    );
    let big = Pool::new(v4("10.0.0.0/8")).unwrap();
    assert!(format!("{big:?}").len() < 100 && format!("{:?}", big.snapshot()).len() < 100);
    assert_eq!(
        format!("{:?}", pool.guard().err().map(|error| error.code())),
        "Some(\"exhausted\")"
    );
    pool.release(host(9)).unwrap();
    assert_eq!(format!("{:?}", pool.guard().unwrap()), "Guard(10.0.0.9)");
}

/// What does not change is told in one piece.
#[test]
fn info_tells_the_choices() {
    let pool = Pool::builder(v6("2001:db8::/112"))
        .policy(Policy::Next)
        .search(Search::Linear)
        .stats(StatsLevel::Full)
        .reserve(a6("2001:db8::10")..=a6("2001:db8::1f"), "routers")
        .build()
        .unwrap();
    let info = pool.info();
    assert_eq!(
        (info.policy, info.search, info.stats),
        (Policy::Next, Search::Linear, StatsLevel::Full)
    );
    assert_eq!(
        (info.slots, info.capacity, info.reserved),
        (65_536, 65_518, 18)
    );
    assert_eq!(
        info.netmask,
        Some(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:0"))
    );
    assert_eq!((info.unit, info.prefix_len), (128, Some(112)));
    assert_eq!(info.interface(ip("2001:db8::5")), net("2001:db8::5/112"));
    let over = Pool::<Ipv4Net>::over([host(7)..=host(9)])
        .build()
        .unwrap()
        .info();
    assert_eq!(
        (over.network, over.prefix_len, over.netmask),
        (None, None, None)
    );
    assert_eq!(over.interface(ip("10.0.0.8")), net("10.0.0.8/32"));
    let before = pool.info();
    let _ = drain(&pool);
    assert_eq!(pool.info(), before, "nothing of it changes");
}

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

/// `Next` goes round: nobody gets an address again before everybody else's was given.
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

/// The same claim, as a CIDR of the unit.
#[test]
fn allocate_net_answers_the_unit() {
    assert_eq!(slash24().allocate_net(), Ok(v4("10.0.0.2/32")));
    assert_eq!(
        Pool::new(net("2001:db8::/120")).unwrap().allocate_net(),
        Ok(net("2001:db8::2/128"))
    );
    let pool = Pool::builder(v6("2001:db8::/40")).unit(56).build().unwrap();
    assert_eq!(pool.allocate_net(), Ok(v6("2001:db8::/56")));
    assert_eq!(pool.allocate(), Ok(a6("2001:db8:0:100::")));
    assert_eq!(pool.stats().allocations.any, 2);
}

/// Exactly this one, once; by its number or its IPv4-mapped form.
#[test]
fn allocate_exact_takes_that_address_once() {
    every_way(|policy, search| {
        let pool = Pool::builder(net("10.0.0.0/20"))
            .policy(policy)
            .search(search)
            .build()
            .unwrap();
        for index in [2, 63, 64, 511, 512, 4094, 3] {
            let addr = IpAddr::V4(ten(index));
            assert_eq!(pool.allocate_exact(addr), Ok(()));
            assert!(pool.allocate_exact(addr).is_err());
            assert!(!pool.is_available(addr));
        }
        pool.allocate_exact(ip("::ffff:10.0.0.9")).unwrap();
        assert!(matches!(
            pool.status(ip("10.0.0.9")),
            Status::Allocated { .. }
        ));
        pool.release(ip("::ffff:10.0.0.9")).unwrap();
        assert_eq!(pool.status(ip("10.0.0.9")), Status::Free);
        assert_eq!(pool.allocated(), 7);
        assert_eq!(drain(&pool).len(), 4093 - 7);
    });
}

/// The preferred one if it is free. Anything else means "no preference", never an error.
#[test]
fn allocate_preferring_never_fails_because_of_its_argument() {
    every_way(|policy, search| {
        let pool = Pool::builder(net("10.0.0.0/24"))
            .policy(policy)
            .search(search)
            .build()
            .unwrap();
        for wanted in ["10.0.0.99", "10.0.0.254", "10.0.0.2", "::ffff:10.0.0.77"] {
            assert_eq!(
                pool.allocate_preferring(ip(wanted)),
                Ok(ip(wanted).to_canonical())
            );
        }
        let mut given: HashSet<_> = taken(&pool).into_iter().collect();
        for wanted in [
            "10.0.0.99",
            "10.0.0.0",
            "10.0.0.1",
            "10.0.0.255",
            "10.0.1.0",
            "2001:db8::1",
            "::",
            "0.0.0.0",
            "::ffff:10.0.0.99",
            "::ffff:1.2.3.4",
        ] {
            let addr = pool.allocate_preferring(ip(wanted)).unwrap();
            assert!(
                given.insert(addr) && net("10.0.0.0/24").contains(&addr),
                "{wanted}: {addr}"
            );
        }
        assert_eq!(pool.stats().allocations.preferred, 14);
        assert_eq!(pool.stats().failures, Failures::default());
    });
    let units = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    assert_eq!(
        units.allocate_preferring(host(200)),
        Ok(host(192)),
        "an address inside a unit prefers the unit"
    );
    assert_eq!(units.allocate_preferring(host(193)), Ok(host(0)));
}

/// All or nothing, and the same addresses that as many single calls would give.
#[test]
fn allocate_many_is_all_or_nothing() {
    every_way(|policy, search| {
        let build = || {
            Pool::builder(v4("10.0.0.0/21"))
                .policy(policy)
                .search(search)
                .build()
                .unwrap()
        };
        let (pool, singly) = (build(), build());
        for count in [0, 1, 2, 63, 64, 65, 500, 513] {
            let many = pool.allocate_many(count).unwrap();
            let one_by_one: Vec<_> = (0..count).map(|_| singly.allocate().unwrap()).collect();
            assert_eq!(many.len(), count);
            if policy != Policy::Spread {
                assert_eq!(many, one_by_one, "{policy:?} {search:?} {count}");
            }
        }
        let left = pool.available() as usize;
        assert_eq!(left, 2045 - 1208);
        for count in [left + 1, 2045, 2046, usize::MAX] {
            let error = unchanged(&pool, "too many", || pool.allocate_many(count)).unwrap_err();
            assert!(matches!(
                error,
                AllocateError::Exhausted { capacity: 2045, .. }
            ));
        }
        let rest = pool.allocate_many(left).unwrap();
        assert_eq!(rest.iter().collect::<HashSet<_>>().len(), left);
        assert!(pool.iter().eq((2..2047).map(ten)));
        assert_eq!(pool.allocate_many(0), Ok(vec![]));
        assert!(pool.allocate_many(1).is_err());
    });
}

/// Takes what there is, writes only that much, and says how much.
#[test]
fn allocate_into_takes_what_there_is() {
    every_way(|policy, search| {
        let pool = Pool::builder(v4("10.0.0.0/23"))
            .policy(policy)
            .search(search)
            .build()
            .unwrap();
        assert_eq!(pool.allocate_into(&mut []), 0);
        assert_eq!(pool.allocated(), 0);
        assert_eq!(pool.stats().failures.exhausted, 0);
        let mark = a4("192.0.2.1");
        let mut given = HashSet::new();
        for (len, expected) in [
            (1, 1),
            (100, 100),
            (65, 65),
            (600, 509 - 166),
            (3, 0),
            (0, 0),
        ] {
            let mut addrs = vec![mark; len];
            assert_eq!(
                pool.allocate_into(&mut addrs),
                expected,
                "{policy:?} {search:?}"
            );
            assert!(
                addrs[..expected]
                    .iter()
                    .all(|&addr| given.insert(addr) && addr != mark)
            );
            assert!(addrs[expected..].iter().all(|&addr| addr == mark));
        }
        assert_eq!(given, (2..511).map(ten).collect());
        assert_eq!(pool.stats().failures.exhausted, 2);
        assert_eq!(pool.stats().allocations.batch, 509);
    });
}

/// The aligned blocks of 2^`order` that are free, highest first; indices above `base`.
fn free_blocks(free: &BTreeSet<u32>, end: u32, order: u32) -> Vec<u32> {
    let size = 1 << order;
    (0..end / size)
        .rev()
        .map(|index| index * size)
        .filter(|&first| (first..first + size).all(|index| free.contains(&index)))
        .collect()
}

fn block(first: u32, order: u32) -> Ipv4Net {
    Ipv4Net::new(ten(first), 32 - order as u8).unwrap()
}

/// Every block size in /24, /22 and /20, larger than a word and than a chunk too: from the top
/// downwards, aligned, never over a reserved address, until no such block is left.
#[test]
fn blocks_come_from_the_top_and_never_hold_reserved_addresses() {
    for search in SEARCHES {
        for prefix_len in [24, 22, 20] {
            let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
            let end = 1u32 << (32 - prefix_len);
            let builder = Pool::builder(net).search(search);
            let plain: BTreeSet<_> = (2..end - 1).collect();
            let whole: BTreeSet<_> = (0..end).collect();
            let holes: BTreeSet<_> = (2..end - 1)
                .filter(|index| !(70..=75).contains(index) && *index != end / 2)
                .collect();
            let reserve = builder
                .clone()
                .reserve(ten(70)..=ten(75), "a")
                .reserve(ten(end / 2)..=ten(end / 2), "b");
            for (builder, free) in [
                (builder.clone(), plain),
                (builder.reserve_edges(false), whole),
                (reserve, holes),
            ] {
                let pool = builder.build().unwrap();
                for order in 0..=u32::from(32 - prefix_len) {
                    let blocks = free_blocks(&free, end, order);
                    for &first in &blocks {
                        assert_eq!(
                            pool.allocate_block(32 - order as u8),
                            Ok(block(first, order)),
                            "{net}"
                        );
                    }
                    let error =
                        unchanged(&pool, "one more", || pool.allocate_block(32 - order as u8))
                            .unwrap_err();
                    assert_eq!(error.code(), "exhausted", "{net}, order {order}");
                    assert_eq!(
                        pool.allocated(),
                        (blocks.len() as u64) << order,
                        "{net}, order {order}"
                    );
                    for &first in &blocks {
                        pool.release_block(block(first, order)).unwrap();
                    }
                    assert_eq!(pool.snapshot().allocated(), 0, "{net}, order {order}");
                }
            }
        }
    }
}

/// The one free address in the wrong place: half the pool is free and no block is.
#[test]
fn a_fragmented_pool_has_no_block_and_still_has_singles() {
    for search in SEARCHES {
        for order in 1..=11u32 {
            let pool = Pool::builder(v4("10.0.0.0/20"))
                .reserve_edges(false)
                .search(search)
                .build()
                .unwrap();
            for first in (0..4096).step_by(1 << order) {
                pool.allocate_exact(ten(first + (1 << order) / 2)).unwrap();
            }
            let error =
                unchanged(&pool, "block", || pool.allocate_block(32 - order as u8)).unwrap_err();
            assert_eq!(error.code(), "exhausted", "order {order}");
            let half = pool.allocate_block(33 - order as u8).unwrap();
            assert_eq!(half.prefix_len(), 33 - order as u8);
            assert_eq!(pool.allocate(), Ok(ten(0)), "order {order}");
        }
    }
}

/// Blocks of mixed sizes, singles and releases at random, in a pool of everything and in pools over
/// unaligned ranges, against a plain set.
#[test]
fn blocks_agree_with_a_set_in_any_mixture() {
    let networks: [&[RangeInclusive<u32>]; 5] = [
        &[0..=2047],
        &[5..=1800],
        &[3..=250, 300..=1500, 1502..=1502, 1700..=2046],
        &[100..=163, 2048..=2560],
        &[64..=127, 256..=511, 1024..=2047],
    ];
    for (ranges, search) in networks
        .into_iter()
        .flat_map(|ranges| SEARCHES.map(|search| (ranges, search)))
    {
        let pool = Pool::<Ipv4Net>::over(
            ranges
                .iter()
                .map(|range| ten(*range.start())..=ten(*range.end())),
        );
        let pool = pool.search(search).build().unwrap();
        let mut free: BTreeSet<u32> = ranges.iter().cloned().flatten().collect();
        let mut held: Vec<(u32, u32)> = Vec::new();
        let mut numbers = Numbers(4);
        for step in 0..600 {
            let what = format!("{ranges:?} {search:?}, step {step}");
            match numbers.below(6) {
                0..=2 => {
                    let order = numbers.below(12) as u32;
                    let expected = free_blocks(&free, 4096, order).first().copied();
                    let given = pool.allocate_block(32 - order as u8).ok();
                    assert_eq!(given, expected.map(|first| block(first, order)), "{what}");
                    if let Some(first) = expected {
                        free.retain(|index| !(first..first + (1 << order)).contains(index));
                        held.push((first, order));
                    }
                }
                3 => {
                    let first = free.pop_first();
                    assert_eq!(pool.allocate().ok(), first.map(ten), "{what}");
                    held.extend(first.map(|first| (first, 0)));
                }
                _ if held.is_empty() => {}
                _ => {
                    let (first, order) =
                        held.swap_remove(numbers.below(held.len() as u64) as usize);
                    pool.release_block(block(first, order)).unwrap();
                    free.extend(first..first + (1 << order));
                }
            }
            assert_eq!(pool.available(), free.len() as u64, "{what}");
        }
    }
}

/// Blocks of prefixes: a /48 of a pool that delegates /56 and /64.
#[test]
fn blocks_of_units_are_shorter_prefixes() {
    let pool = Pool::builder(v6("2001:db8::/40")).unit(56).build().unwrap();
    assert_eq!(pool.allocate_block(48), Ok(v6("2001:db8:ff::/48")));
    assert_eq!(pool.allocated(), 256);
    assert_eq!(pool.allocate_block(56), Ok(v6("2001:db8:fe:ff00::/56")));
    assert_eq!(pool.allocate_block(44), Ok(v6("2001:db8:e0::/44")));
    assert_eq!(pool.allocate_block(57).unwrap_err().code(), "bad-block");
    assert_eq!(pool.allocate_block(39).unwrap_err().code(), "bad-block");
    pool.release_block(v6("2001:db8:ff::/48")).unwrap();
    pool.release_block(v6("2001:db8:e0::/44")).unwrap();
    assert!(pool.iter().eq([a6("2001:db8:fe:ff00::")]));
}

/// What a block holds may be given back in parts, and what was taken in parts as a block.
#[test]
fn blocks_and_singles_release_each_other() {
    let pool = Pool::new(v4("10.0.0.0/20")).unwrap();
    let block = pool.allocate_block(22).unwrap();
    for addr in block.network().to_bits()..=block.broadcast().to_bits() {
        pool.release(Ipv4Addr::from_bits(addr)).unwrap();
    }
    assert_eq!(pool.allocated(), 0);
    let _ = drain(&pool);
    for part in [
        "10.0.8.0/22",
        "10.0.4.0/24",
        "10.0.5.64/26",
        "10.0.5.128/27",
        "10.0.5.7/32",
    ] {
        pool.release_block(v4(part)).unwrap();
    }
    assert_eq!(pool.available(), 1024 + 256 + 64 + 32 + 1);
    pool.release_block(v4("10.0.8.0/22")).unwrap_err();
}

/// A block that has one free address, wherever it is, stays as it is.
#[test]
fn a_partly_free_block_is_refused_unchanged() {
    for order in [1, 3, 5, 6, 7, 9, 10, 11] {
        for free in [0, (1 << order) / 2, (1 << order) - 1] {
            let pool = Pool::builder(v4("10.0.0.0/20"))
                .reserve_edges(false)
                .build()
                .unwrap();
            let _ = drain(&pool);
            pool.release(ten(2048 + free)).unwrap();
            let block = block(2048, order);
            let error = unchanged(&pool, "release", || pool.release_block(block)).unwrap_err();
            assert_eq!(
                error,
                ReleaseError::NotAllocated {
                    addr: ten(2048 + free).into()
                },
                "{block}"
            );
            pool.allocate_exact(ten(2048 + free)).unwrap();
            pool.release_block(block).unwrap();
            assert_eq!(pool.available(), 1 << order);
        }
    }
}

/// Nothing is reserved here: a block that reaches beyond a range is out of range, and must not be
/// measured by the slots of the next range.
#[test]
fn a_block_that_leaves_its_range_is_out_of_range() {
    let pool = Pool::<Ipv4Net>::over([host(0)..=host(7), ten(1288)..=ten(1295)])
        .build()
        .unwrap();
    let _ = drain(&pool);
    let error = unchanged(&pool, "release", || pool.release_block(v4("10.0.0.0/28"))).unwrap_err();
    assert_eq!(error.code(), "out-of-range", "{error}");
}

/// "Any aligned block of which every address is allocated" can be released.
#[test]
fn a_block_over_two_adjacent_ranges_is_released() {
    let pool = Pool::<Ipv4Net>::over([host(0)..=host(7), host(8)..=host(15)])
        .build()
        .unwrap();
    let _ = drain(&pool);
    assert_eq!(pool.release_block(v4("10.0.0.0/28")), Ok(()));
    assert_eq!(pool.allocated(), 0);
}

/// A prefix inside the pool whose every address is free is not "no such block".
#[test]
fn a_block_over_two_adjacent_ranges_is_found() {
    let pool = Pool::<Ipv4Net>::over([host(0)..=host(7), host(8)..=host(15)])
        .build()
        .unwrap();
    assert_eq!(pool.allocate_block(28), Ok(v4("10.0.0.0/28")));
}

/// A part of the pool under each policy, drained: exactly the addresses of the part.
#[test]
fn allocate_in_gives_every_address_of_the_part_and_no_other() {
    every_way(|policy, search| {
        for (first, last) in [
            (0, 9),
            (5, 5),
            (60, 70),
            (500, 1100),
            (2000, 5000),
            (0, 5000),
            (511, 512),
        ] {
            let pool = Pool::builder(v4("10.0.0.0/21"))
                .policy(policy)
                .search(search)
                .build()
                .unwrap();
            pool.allocate_exact(ten(5)).unwrap();
            let mut expected: BTreeSet<_> = (first.max(2)..=last.min(2046)).map(ten).collect();
            expected.remove(&ten(5));
            let given: Vec<_> =
                std::iter::from_fn(|| pool.allocate_in(ten(first)..=ten(last)).ok()).collect();
            if matches!(policy, Policy::Lowest | Policy::Next) {
                assert!(given.iter().eq(&expected), "{policy:?} {first} to {last}");
            }
            assert_eq!(given.len(), expected.len());
            assert_eq!(
                given.into_iter().collect::<BTreeSet<_>>(),
                expected,
                "{policy:?} {first} to {last}"
            );
            assert_eq!(pool.stats().failures.exhausted, 1);
        }
    });
}

/// Next goes on after the last address given, if that is in the part, and wraps within the part.
#[test]
fn allocate_in_continues_and_wraps_within_the_part() {
    for search in SEARCHES {
        let pool = Pool::builder(v4("10.0.0.0/24"))
            .policy(Policy::Next)
            .search(search)
            .build()
            .unwrap();
        let part = || host(100)..=host(103);
        for expected in [100, 101, 102, 103, 100, 101] {
            assert_eq!(pool.allocate_in(part()), Ok(host(expected)));
            pool.release(host(expected)).unwrap();
        }
        assert_eq!(
            pool.allocate(),
            Ok(host(102)),
            "the last one given was .101"
        );
        assert_eq!(pool.allocate_in(host(10)..=host(20)), Ok(host(10)));
        assert_eq!(pool.allocate(), Ok(host(11)));
    }
}

/// The part may reach beyond the pool; only one with no address of it is an error of its own.
#[test]
fn allocate_in_clips_the_part_to_the_pool() {
    let pool = Pool::<IpNet>::over([
        ip("10.0.0.10")..=ip("10.0.0.19"),
        ip("10.0.0.40")..=ip("10.0.0.49"),
    ])
    .build()
    .unwrap();
    for (first, last, expected) in [
        ("0.0.0.0", "255.255.255.255", "10.0.0.10"),
        ("10.0.0.15", "10.0.0.45", "10.0.0.15"),
        ("10.0.0.20", "10.0.0.45", "10.0.0.40"),
        ("10.0.0.49", "10.0.0.255", "10.0.0.49"),
        ("::ffff:10.0.0.17", "::ffff:10.0.0.17", "10.0.0.17"),
    ] {
        assert_eq!(
            pool.allocate_in(ip(first)..=ip(last)),
            Ok(ip(expected)),
            "{first} to {last}"
        );
    }
    for (first, last) in [
        ("10.0.0.20", "10.0.0.39"),
        ("10.0.0.50", "10.0.0.99"),
        ("0.0.0.0", "10.0.0.9"),
        ("10.0.0.19", "10.0.0.10"),
        ("2001:db8::1", "2001:db8::9"),
        ("10.0.0.10", "2001:db8::9"),
    ] {
        let error = unchanged(&pool, first, || pool.allocate_in(ip(first)..=ip(last))).unwrap_err();
        assert_eq!(
            error,
            AllocateError::OutOfRange {
                first: ip(first),
                last: ip(last)
            }
        );
    }
    assert_eq!(pool.stats().failures.out_of_range, 6);
}

/// Mixtures of held, free, reserved and foreign addresses, some twice: each is counted once.
#[test]
fn release_many_counts_every_address() {
    let pool = Pool::builder(net("10.0.0.0/23")).build().unwrap();
    let held = pool.allocate_many(300).unwrap();
    let empty = pool.release_many(&[]);
    assert_eq!((empty.released, empty.first_error), (0, None));
    let list = [
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.2",
        "10.0.0.1",
        "10.0.1.250",
        "2001:db8::1",
        "10.0.0.3",
        "10.0.9.9",
        "10.0.0.4",
        "::ffff:10.0.0.5",
        "10.0.0.0",
    ];
    let report = pool.release_many(&list.map(ip));
    assert_eq!(
        (report.released, report.not_allocated, report.reserved),
        (4, 3, 2)
    );
    assert_eq!((report.out_of_range, report.misaligned), (2, 0));
    assert_eq!(
        report.first_error,
        Some(ReleaseError::NotAllocated {
            addr: ip("10.0.0.2")
        })
    );
    assert_eq!((pool.stats().releases, pool.stats().release_errors), (4, 7));
    let rest = pool.release_many(&held);
    assert_eq!((rest.released, rest.not_allocated), (296, 4));
    assert_eq!(pool.snapshot().allocated(), 0);
    let units = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    let _ = drain(&units);
    let report = units.release_many(&[host(16), host(17), host(32)]);
    assert_eq!((report.released, report.misaligned), (2, 1));
    assert_eq!(report.first_error.unwrap().code(), "misaligned");
}

/// Random lists with repetitions, in any order, against a set.
#[test]
fn release_many_agrees_with_a_set() {
    let mut numbers = Numbers(5);
    let pool = Pool::new(v4("10.0.0.0/21")).unwrap();
    for round in 0..50 {
        let mut held: BTreeSet<_> = pool.iter().collect();
        held.extend(pool.allocate_many(numbers.below(200) as usize).unwrap());
        let list: Vec<_> = (0..numbers.below(300))
            .map(|_| ten(2 + numbers.below(600) as u32))
            .collect();
        let released = list.iter().filter(|addr| held.remove(addr)).count() as u64;
        let report = pool.release_many(&list);
        assert_eq!(
            (report.released, report.not_allocated),
            (released, list.len() as u64 - released),
            "round {round}"
        );
        assert!(pool.iter().eq(held.iter().copied()), "round {round}");
        assert_eq!(pool.allocated(), held.len() as u64);
    }
}

/// A guard gives its address back when it goes, on panic too; a kept one does not.
#[test]
fn guards_release_on_drop_and_on_panic() {
    let pool = slash24();
    let guard = pool.guard().unwrap();
    let second = pool.guard().unwrap();
    assert_eq!((guard.addr(), second.addr()), (host(2), host(3)));
    drop(guard);
    assert!(pool.iter().eq([host(3)]));
    let kept = second.keep();
    assert!(pool.iter().eq([kept]));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _held = pool.guard().unwrap();
        assert_eq!(pool.allocated(), 2);
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    assert!(pool.iter().eq([kept]));
    pool.release(kept).unwrap();
    assert_eq!(
        (pool.stats().allocations.any, pool.stats().releases),
        (3, 3)
    );
}

/// An owned guard carries no lifetime and keeps the pool alive.
#[test]
fn owned_guards_outlive_every_other_handle() {
    let pool = Arc::new(slash24());
    let guard = pool.guard_arc().unwrap();
    let watch = Arc::downgrade(&pool);
    drop(pool);
    assert_eq!(watch.upgrade().unwrap().allocated(), 1);
    let moved = std::thread::spawn(move || guard.addr()).join().unwrap();
    assert_eq!(moved, host(2));
    assert!(watch.upgrade().is_none(), "the guard was the last holder");
    let pool = Arc::new(slash24());
    let kept = pool.guard_arc().unwrap().keep();
    assert_eq!(Arc::strong_count(&pool), 1);
    assert!(pool.iter().eq([kept]));
}

/// A release behind the guard's back is an error of the drop, which only the counters can tell.
#[test]
fn a_guard_whose_address_was_released_counts_an_error() {
    let pool = slash24();
    let guard = pool.guard().unwrap();
    pool.release(guard.addr()).unwrap();
    drop(guard);
    assert_eq!((pool.stats().releases, pool.stats().release_errors), (1, 1));
    assert_eq!(pool.allocated(), 0);
}

/// Every address of a /24 and around it, before and after.
#[test]
fn status_and_is_available_agree_with_what_was_done() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .reserve(host(100)..=host(109), "dhcp")
        .build()
        .unwrap();
    for last in [2, 63, 64, 254] {
        pool.allocate_exact(host(last)).unwrap();
    }
    for addr in (0x09ff_fff0..0x0a00_0110).map(Ipv4Addr::from_bits) {
        let own = v4("10.0.0.0/24").contains(&addr);
        let label = match addr.octets()[3] {
            0 => Some("network"),
            1 => Some("gateway"),
            100..=109 => Some("dhcp"),
            255 => Some("broadcast"),
            _ => None,
        };
        let held = [2, 63, 64, 254].contains(&addr.octets()[3]);
        let status = pool.status(addr);
        match (own, label, held) {
            (false, ..) => assert_eq!(status, Status::OutOfRange, "{addr}"),
            (true, Some(_), _) => assert_eq!(status.label(), label, "{addr}"),
            (true, None, true) => assert!(
                matches!(
                    status,
                    Status::Allocated {
                        generation: None,
                        ..
                    }
                ),
                "{addr}"
            ),
            (true, None, false) => assert_eq!(status, Status::Free, "{addr}"),
        }
        assert_eq!(pool.is_available(addr), status == Status::Free, "{addr}");
    }
}

/// Listing, paging and counting against a set, in a network and over ranges.
#[test]
fn listings_and_counts_agree_with_a_set() {
    let over = Pool::over([
        ten(5)..=ten(700),
        ten(701)..=ten(701),
        ten(1500)..=ten(2100),
    ]);
    for builder in [Pool::builder(v4("10.0.0.0/20")), over] {
        let pool = builder.build().unwrap();
        let all: BTreeSet<_> = pool.free_from(Ipv4Addr::UNSPECIFIED).collect();
        assert_eq!(all.len() as u64, pool.capacity());
        let mut numbers = Numbers(6);
        let mut held = BTreeSet::new();
        for _ in 0..400 {
            let addr = ten(numbers.below(4096) as u32);
            if pool.allocate_exact(addr).is_ok() {
                held.insert(addr);
            }
        }
        let free: BTreeSet<_> = all.difference(&held).copied().collect();
        assert!(pool.iter().eq(held.iter().copied()));
        for index in [
            0, 1, 5, 63, 64, 65, 700, 701, 702, 1499, 1500, 2100, 2101, 4000, 4095, 4096, 9999,
        ] {
            let from = ten(index);
            assert!(
                pool.iter_from(from).eq(held.range(from..).copied()),
                "from {from}"
            );
            assert!(
                pool.free_from(from).eq(free.range(from..).copied()),
                "from {from}"
            );
            for last in [index, index + 1, index + 77, index + 3000] {
                let range = from..=ten(last);
                assert_eq!(
                    pool.count_in(range.clone()),
                    held.range(range).count() as u64,
                    "{from} to {last}"
                );
            }
            assert_eq!(
                pool.count_in(from..=ten(0)),
                u64::from(index == 0 && held.contains(&ten(0)))
            );
        }
        assert_eq!(pool.iter_from(Ipv4Addr::UNSPECIFIED).count(), held.len());
        assert_eq!(pool.iter_from(Ipv4Addr::BROADCAST).count(), 0);
        assert_eq!(
            pool.count_in(Ipv4Addr::UNSPECIFIED..=Ipv4Addr::BROADCAST),
            held.len() as u64
        );
        let mut paged = Vec::new();
        let mut from = Some(Ipv4Addr::UNSPECIFIED);
        while let Some(start) = from {
            let page: Vec<_> = pool.iter_from(start).take(7).collect();
            from = page
                .last()
                .map(|last| Ipv4Addr::from_bits(last.to_bits() + 1));
            paged.extend(page);
        }
        assert!(paged.into_iter().eq(held), "pages of seven");
    }
}

/// Addresses compare as numbers: a listing from the middle of a unit begins after that unit, or
/// paging from "the last one, plus one" never ends.
#[test]
fn a_listing_from_inside_a_unit_begins_with_the_next_unit() {
    let pool = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    assert_eq!(pool.allocate_many(3), Ok(vec![host(0), host(16), host(32)]));
    assert_eq!(
        pool.iter_from(host(16)).collect::<Vec<_>>(),
        [host(16), host(32)]
    );
    assert_eq!(pool.iter_from(host(17)).collect::<Vec<_>>(), [host(32)]);
    assert_eq!(pool.free_from(host(49)).next(), Some(host(64)));
}

/// Listings of the other family: an IPv4-mapped address is the IPv4 address, others list nothing.
#[test]
fn listings_of_the_other_family_are_empty() {
    let pool = Pool::new(net("10.0.0.0/24")).unwrap();
    let _ = pool.allocate_many(10).unwrap();
    assert_eq!(pool.iter_from(ip("::ffff:10.0.0.9")).count(), 3);
    assert_eq!(
        pool.iter_from(ip("2001:db8::")).count() + pool.free_from(ip("::")).count(),
        0
    );
    assert_eq!(pool.count_in(ip("::")..=ip("ffff::")), 0);
    assert_eq!(
        (pool.slot_of(ip("::ffff:10.0.0.9")), pool.slot_of(ip("::9"))),
        (Some(9), None)
    );
}

/// Cells of every depth, in slices of every length, against counting one by one.
#[test]
fn fill_counts_the_free_slots_of_every_cell() {
    let over = Pool::over([ten(5)..=ten(700), ten(1500)..=ten(2100)]);
    let units = Pool::builder(v4("10.0.0.0/21")).unit(30);
    for builder in [Pool::builder(v4("10.0.0.0/21")), over, units] {
        let pool = builder.build().unwrap();
        let mut numbers = Numbers(8);
        for _ in 0..300 {
            let _ = pool.allocate_exact(ten(4 * numbers.below(512) as u32));
        }
        let slots = pool.info().slots;
        let free: Vec<u32> = (0..slots as u32)
            .map(|slot| {
                u32::from(
                    pool.addr_of(slot)
                        .is_some_and(|addr| pool.is_available(addr)),
                )
            })
            .collect();
        for depth in (0..=13).chain([31, 32, 33, 64, u32::MAX]) {
            let cell_slots = 1usize.checked_shl(depth.min(32)).unwrap();
            let expected: Vec<u32> = free
                .chunks(cell_slots)
                .map(|cell| cell.iter().sum())
                .collect();
            for len in [0, 1, 3, expected.len(), expected.len() + 5] {
                let mut cells = vec![4242; len];
                assert_eq!(
                    pool.fill(depth, &mut cells),
                    expected.len() as u64,
                    "depth {depth}"
                );
                let filled = len.min(expected.len());
                assert_eq!(
                    cells[..filled],
                    expected[..filled],
                    "depth {depth}, {len} cells"
                );
                assert!(
                    cells[filled..].iter().all(|&cell| cell == 4242),
                    "depth {depth}, {len} cells"
                );
            }
        }
        let mut sum = [0];
        pool.fill(32, &mut sum);
        assert_eq!(u64::from(sum[0]), pool.available());
    }
}

/// What changed between two moments, whoever changed it.
#[test]
fn a_diff_is_the_difference_of_two_sets() {
    let over = Pool::over([ten(5)..=ten(700), ten(1500)..=ten(2100)]);
    for builder in [Pool::builder(v4("10.0.0.0/21")), over] {
        let pool = builder.build().unwrap();
        let mut numbers = Numbers(9);
        let mut older = (pool.snapshot(), BTreeSet::new());
        for round in 0..20 {
            for _ in 0..100 {
                let addr = ten(numbers.below(2200) as u32);
                let _ = pool
                    .allocate_exact(addr)
                    .or_else(|_| pool.release(addr).map_err(drop));
            }
            let newer = (pool.snapshot(), pool.iter().collect::<BTreeSet<_>>());
            assert!(newer.0.iter().eq(newer.1.iter().copied()), "round {round}");
            assert_eq!(newer.0.allocated(), newer.1.len() as u64);
            let diff = newer.0.diff(&older.0).unwrap();
            assert!(
                diff.allocated.iter().eq(newer.1.difference(&older.1)),
                "round {round}"
            );
            assert!(
                diff.released.iter().eq(older.1.difference(&newer.1)),
                "round {round}"
            );
            let back = older.0.diff(&newer.0).unwrap();
            assert_eq!(
                (back.allocated, back.released),
                (diff.released, diff.allocated)
            );
            older = newer;
        }
        let held = older.0.clone();
        assert_eq!(pool.release_many(&taken(&pool)).not_allocated, 0);
        assert_eq!(
            held.allocated(),
            older.1.len() as u64,
            "a snapshot does not change"
        );
    }
}

/// Slot and address name each other; where there are several ranges, in the order of the addresses.
#[test]
fn slots_and_addresses_round_trip() {
    let check = |pool: Pool<IpNet>| {
        let info = pool.info();
        let mut last = None;
        let mut named = 0;
        for slot in 0..info.slots as u32 {
            let Some(addr) = pool.addr_of(slot) else {
                continue;
            };
            assert_eq!(pool.slot_of(addr), Some(slot), "{addr}");
            assert!(last < Some(addr), "{addr} does not come after {last:?}");
            last = Some(addr);
            named += 1;
        }
        assert_eq!(named, info.capacity + info.reserved);
        assert!(
            [info.slots as u32, u32::MAX]
                .into_iter()
                .all(|slot| pool.addr_of(slot).is_none())
        );
        for addr in drain(&pool) {
            assert!(pool.slot_of(addr).is_some(), "{addr}");
        }
    };
    check(Pool::new(net("10.0.0.0/22")).unwrap());
    check(Pool::new(net("2001:db8::/118")).unwrap());
    check(Pool::builder(net("10.0.0.0/20")).unit(28).build().unwrap());
    check(Pool::builder(net("::/0")).at_most(777).build().unwrap());
    check(
        Pool::builder(net("10.0.0.0/16"))
            .range(ip("10.0.7.3")..=ip("10.0.9.200"))
            .range(ip("10.0.0.0")..=ip("10.0.0.2"))
            .build()
            .unwrap(),
    );
    check(
        Pool::over([
            ip("::7")..=ip("::99"),
            ip("ffff::1")..=ip("ffff::444"),
            ip("ffff::445")..=ip("ffff::445"),
        ])
        .build()
        .unwrap(),
    );
    let whole = slash24();
    assert!(
        (0..=255).all(|last| whole.slot_of(host(last)) == Some(last.into())
            && whole.addr_of(last.into()) == Some(host(last)))
    );
    let units = Pool::builder(v4("10.0.0.0/24")).unit(28).build().unwrap();
    assert_eq!(
        (units.slot_of(host(31)), units.addr_of(1)),
        (Some(1), Some(host(16)))
    );
}

/// Capacity is allocated and available, after every verb and at every level of statistics.
#[test]
fn the_gauges_are_exact_at_every_level() {
    for level in LEVELS {
        every_way(|policy, search| {
            let pool = Pool::builder(v4("10.0.0.0/22"))
                .stats(level)
                .policy(policy)
                .search(search)
                .build()
                .unwrap();
            let check = |allocated: u64, what: &str| {
                assert_eq!(
                    (pool.allocated(), pool.available(), pool.capacity()),
                    (allocated, 1021 - allocated, 1021),
                    "{what} {level:?}"
                );
                assert_eq!(pool.snapshot().allocated(), allocated, "{what} {level:?}");
                assert_eq!(pool.iter().count() as u64, allocated, "{what} {level:?}");
            };
            check(0, "new");
            pool.allocate_exact(ten(1000)).unwrap();
            pool.allocate_exact(ten(1000)).unwrap_err();
            check(1, "exact");
            let block = pool.allocate_block(27).unwrap();
            check(33, "block");
            let many = pool.allocate_many(100).unwrap();
            check(133, "many");
            pool.allocate_many(1000).unwrap_err();
            check(133, "too many");
            let mut into = [host(0); 10];
            assert_eq!(pool.allocate_into(&mut into), 10);
            check(143, "into");
            let preferred = pool.allocate_preferring(ten(1000)).unwrap();
            check(144, "preferring");
            let part = pool.allocate_in(ten(500)..=ten(600)).unwrap();
            let net = pool.allocate_net().unwrap();
            check(146, "in and net");
            let guard = pool.guard().unwrap();
            check(147, "guard");
            drop(guard);
            check(146, "guard dropped");
            let users: Vec<_> = pool
                .free_from(ten(700))
                .take(3)
                .chain([preferred])
                .collect();
            assert_eq!(pool.adopt(&users).taken, 3);
            check(149, "adopted");
            pool.release_block(block).unwrap();
            pool.release_block(block).unwrap_err();
            check(117, "block released");
            assert_eq!(pool.release_many(&many).released, 100);
            assert_eq!(pool.release_many(&many).released, 0);
            check(17, "many released");
            for addr in [part, net.addr(), preferred, ten(1000)]
                .into_iter()
                .chain(into)
                .chain(users[..3].iter().copied())
            {
                pool.release(addr).unwrap();
            }
            check(0, "all returned");
        });
    }
}

/// A call and what it adds to the counters, nothing else.
type Counted = (&'static str, fn(&Pool<Ipv4Net>), fn(&mut Stats));

/// Each verb adds to its own counter; a refused one to the reason why.
#[test]
fn every_verb_counts_where_it_belongs() {
    let calls: [Counted; 31] = [
        (
            "allocate",
            |pool| drop(pool.allocate()),
            |stats| stats.allocations.any += 1,
        ),
        (
            "allocate_net",
            |pool| drop(pool.allocate_net()),
            |stats| stats.allocations.any += 1,
        ),
        (
            "allocate_in",
            |pool| drop(pool.allocate_in(host(90)..=host(95))),
            |stats| stats.allocations.any += 1,
        ),
        (
            "guard",
            |pool| assert_eq!(pool.guard().map(Guard::keep), Ok(host(4))),
            |stats| stats.allocations.any += 1,
        ),
        (
            "exact",
            |pool| pool.allocate_exact(host(80)).unwrap(),
            |stats| stats.allocations.exact += 1,
        ),
        (
            "preferring",
            |pool| drop(pool.allocate_preferring(host(81))),
            |stats| stats.allocations.preferred += 1,
        ),
        (
            "preferring taken",
            |pool| drop(pool.allocate_preferring(host(80))),
            |stats| stats.allocations.preferred += 1,
        ),
        (
            "preferring outside",
            |pool| drop(pool.allocate_preferring(ten(999))),
            |stats| stats.allocations.preferred += 1,
        ),
        (
            "many",
            |pool| drop(pool.allocate_many(5)),
            |stats| stats.allocations.batch += 5,
        ),
        ("none", |pool| drop(pool.allocate_many(0)), |_| {}),
        (
            "into",
            |pool| assert_eq!(pool.allocate_into(&mut [host(0); 7]), 7),
            |stats| stats.allocations.batch += 7,
        ),
        (
            "block",
            |pool| drop(pool.allocate_block(28)),
            |stats| stats.allocations.block += 16,
        ),
        (
            "adopt",
            |pool| drop(pool.adopt([host(70), host(71), host(71), host(1)])),
            |stats| stats.allocations.adopted += 2,
        ),
        (
            "adopt again",
            |pool| drop(pool.adopt([host(70), host(71)])),
            |_| {},
        ),
        (
            "expand",
            |pool| drop(pool.adopt_reading(hostbits::Ambiguous::Expand, ["10.0.0.64/30"])),
            |stats| stats.allocations.adopted += 4,
        ),
        (
            "release",
            |pool| pool.release(host(80)).unwrap(),
            |stats| stats.releases += 1,
        ),
        (
            "release again",
            |pool| drop(pool.release(host(80))),
            |stats| stats.release_errors += 1,
        ),
        (
            "release reserved",
            |pool| drop(pool.release(host(0))),
            |stats| stats.release_errors += 1,
        ),
        (
            "release outside",
            |pool| drop(pool.release(ten(999))),
            |stats| stats.release_errors += 1,
        ),
        (
            "release_block",
            |pool| pool.release_block(v4("10.0.0.64/30")).unwrap(),
            |stats| stats.releases += 4,
        ),
        (
            "release_block again",
            |pool| drop(pool.release_block(v4("10.0.0.64/30"))),
            |stats| stats.release_errors += 1,
        ),
        (
            "release_many",
            |pool| {
                assert_eq!(
                    pool.release_many(&[host(70), host(71), host(71), host(1)])
                        .released,
                    2
                )
            },
            |stats| {
                stats.releases += 2;
                stats.release_errors += 2;
            },
        ),
        (
            "exact taken",
            |pool| drop(pool.allocate_exact(host(2))),
            |stats| stats.failures.taken += 1,
        ),
        (
            "exact reserved",
            |pool| drop(pool.allocate_exact(host(255))),
            |stats| stats.failures.reserved += 1,
        ),
        (
            "exact outside",
            |pool| drop(pool.allocate_exact(ten(256))),
            |stats| stats.failures.out_of_range += 1,
        ),
        (
            "in outside",
            |pool| drop(pool.allocate_in(ten(256)..=ten(257))),
            |stats| stats.failures.out_of_range += 1,
        ),
        (
            "in full",
            |pool| drop(pool.allocate_in(host(2)..=host(3))),
            |stats| stats.failures.exhausted += 1,
        ),
        (
            "too many",
            |pool| drop(pool.allocate_many(250)),
            |stats| stats.failures.exhausted += 1,
        ),
        (
            "no block",
            |pool| drop(pool.allocate_block(24)),
            |stats| stats.failures.exhausted += 1,
        ),
        ("bad block", |pool| drop(pool.allocate_block(23)), |_| {}),
        (
            "questions",
            |pool| {
                let _ = (
                    pool.status(host(9)),
                    pool.is_available(host(9)),
                    pool.slot_of(host(9)),
                    pool.info(),
                );
                let _ = (
                    pool.iter().count(),
                    pool.count_in(host(0)..=host(9)),
                    pool.snapshot(),
                );
            },
            |_| {},
        ),
    ];
    for level in LEVELS {
        let pool = Pool::builder(v4("10.0.0.0/24"))
            .stats(level)
            .build()
            .unwrap();
        let mut expected = Stats::default();
        for (what, call, add) in calls {
            call(&pool);
            if level > StatsLevel::Off {
                add(&mut expected);
            }
            let (mut stats, mut total) = (pool.stats(), pool.stats_total());
            (stats.last_allocation, total.last_allocation) = (None, None);
            assert_eq!(stats, expected, "{what} {level:?}");
            assert_eq!(total, expected, "{what} {level:?}");
        }
    }
}

/// A full pool counts one failure per refused call, and a dropped guard one release.
#[test]
fn exhaustion_and_guards_are_counted() {
    let pool = slash24();
    let _ = drain(&pool);
    pool.reset_stats();
    assert!(pool.allocate().is_err() && pool.allocate_net().is_err() && pool.guard().is_err());
    assert!(pool.allocate_preferring(host(9)).is_err() && pool.allocate_block(32).is_err());
    assert_eq!(pool.allocate_into(&mut [host(0); 9]), 0);
    assert_eq!(pool.stats().failures, {
        let mut failures = Failures::default();
        failures.exhausted = 6;
        failures
    });
    pool.release(host(9)).unwrap();
    drop(pool.guard());
    assert_eq!(
        (pool.stats().releases, pool.stats().allocations.total()),
        (2, 1)
    );
}

/// A reset moves the base line: totals and gauges stay.
#[test]
fn a_reset_moves_the_base_line_only() {
    for level in LEVELS {
        let pool = Pool::builder(v4("10.0.0.0/24"))
            .stats(level)
            .build()
            .unwrap();
        let on = u64::from(level > StatsLevel::Off);
        let _ = pool.allocate_many(5).unwrap();
        let total = pool.stats_total();
        pool.reset_stats();
        assert_eq!(pool.stats_total(), total, "{level:?}");
        assert_eq!(
            (pool.stats().allocations, pool.allocated()),
            (Allocations::default(), 5)
        );
        assert_eq!(pool.stats().last_allocation, total.last_allocation);
        pool.release(host(2)).unwrap();
        assert_eq!(
            (pool.stats().releases, pool.stats_total().allocations.batch),
            (on, 5 * on)
        );
        pool.reset_stats();
        pool.reset_stats();
        assert_eq!(
            (pool.stats().releases, pool.stats_total().releases),
            (0, on)
        );
    }
}

/// When the last address was allocated: at level `Full` only, by any verb that takes one.
#[test]
fn the_last_allocation_time_is_kept_at_full_only() {
    for level in LEVELS {
        let pool = Pool::builder(v4("10.0.0.0/24"))
            .stats(level)
            .build()
            .unwrap();
        assert_eq!(pool.stats().last_allocation, None);
        let calls: [fn(&Pool<Ipv4Net>); 6] = [
            |pool| drop(pool.allocate()),
            |pool| pool.allocate_exact(host(99)).unwrap(),
            |pool| drop(pool.allocate_preferring(host(98))),
            |pool| drop(pool.allocate_many(3)),
            |pool| drop(pool.allocate_block(30)),
            |pool| drop(pool.adopt(["10.0.0.97"])),
        ];
        let mut last = None;
        for call in calls {
            std::thread::sleep(Duration::from_millis(2));
            let before = SystemTime::now();
            call(&pool);
            let noted = pool.stats().last_allocation;
            assert_eq!(noted.is_some(), level == StatsLevel::Full);
            assert!(noted.is_none_or(|noted| before <= noted && noted <= SystemTime::now()));
            assert!(noted.is_none() || last < noted);
            last = noted;
        }
        pool.release(host(99)).unwrap();
        pool.allocate_exact(host(98)).unwrap_err();
        assert_eq!(
            pool.stats().last_allocation,
            last,
            "neither a release nor a failure counts"
        );
    }
}

/// About one bit per slot: at most 1.1 bits and 8 KiB, whatever is chosen.
#[test]
fn a_pool_costs_about_one_bit_per_slot() {
    for prefix_len in 8..=32 {
        for (policy, level) in POLICIES
            .into_iter()
            .flat_map(|policy| LEVELS.map(|level| (policy, level)))
        {
            for search in SEARCHES {
                let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
                let info = Pool::builder(net)
                    .policy(policy)
                    .stats(level)
                    .search(search)
                    .build()
                    .unwrap()
                    .info();
                let bound = info.slots as f64 * 1.1 / 8.0 + 8192.0;
                assert!(
                    info.memory_bytes as f64 <= bound,
                    "{net} {policy:?} {level:?}: {} bytes",
                    info.memory_bytes
                );
                assert!(info.memory_bytes as u64 >= info.slots / 8, "{net}");
            }
        }
    }
}

/// The builder can be kept, and builds as many pools as are wanted; they share nothing.
#[test]
fn a_builder_builds_many_pools() {
    let builder = Pool::builder(v4("10.0.0.0/24")).gateway(Gateway::None);
    let (first, second) = (builder.build().unwrap(), builder.build().unwrap());
    assert_eq!(
        (first.allocate(), first.allocate()),
        (Ok(host(1)), Ok(host(2)))
    );
    assert_eq!(second.allocate(), Ok(host(1)));
}

/// Generic code works for the three kinds of network.
#[test]
fn the_three_kinds_of_network_behave_alike() {
    fn life<N: Network>(pool: &Pool<N>) -> Vec<IpAddr> {
        let first = pool.allocate().unwrap();
        let second = pool.allocate_preferring(first).unwrap();
        pool.release(first).unwrap();
        let third = pool.allocate_net().unwrap().into().addr();
        [first, second]
            .map(Into::into)
            .into_iter()
            .chain([third])
            .collect()
    }
    let v4_addrs = ["10.0.0.2", "10.0.0.3", "10.0.0.2"].map(ip);
    assert_eq!(life(&Pool::new(v4("10.0.0.0/24")).unwrap()), v4_addrs);
    assert_eq!(life(&Pool::new(net("10.0.0.0/24")).unwrap()), v4_addrs);
    let v6_addrs = ["2001:db8::2", "2001:db8::3", "2001:db8::2"].map(ip);
    assert_eq!(life(&Pool::new(v6("2001:db8::/120")).unwrap()), v6_addrs);
    assert_eq!(life(&Pool::new(net("2001:db8::/120")).unwrap()), v6_addrs);
    let _: Ipv6Addr = Pool::new(v6("2001:db8::/120")).unwrap().allocate().unwrap();
}
