//! Sets of pools: strategies, growth, drains, cordons, bands, sticky clients, delegation.

use hostbits::{
    AllocateError, AllocateExactError, Client, DualStack, Gateway, Policy, Pool, PoolSet,
    ReleaseError, Search, StatsLevel,
    set::{self, AddError, CordonError, MemberError, StaticBand, Strategy, SubPool, TwinPools},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> RangeInclusive<Ipv4Addr> {
    ip(first)..=ip(last)
}

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn pool(text: &str) -> Pool<Ipv4Net> {
    Pool::new(net(text)).unwrap()
}

/// A pool of `count` addresses, 10.0.`index`.1 and up.
fn small(index: u8, count: u8) -> Pool<Ipv4Net> {
    let (first, last) = ([10, 0, index, 1], [10, 0, index, count]);
    Pool::over([first.into()..=last.into()]).build().unwrap()
}

fn set_of(strategy: Strategy, counts: &[u8]) -> PoolSet<Ipv4Net> {
    let pools = counts
        .iter()
        .zip(0..)
        .map(|(&count, index)| small(index, count));
    PoolSet::builder()
        .strategy(strategy)
        .members(pools)
        .build()
        .unwrap()
}

/// Third octets of what the set gives, in order, until it has nothing.
fn drained(set: &PoolSet<Ipv4Net>) -> Vec<u8> {
    std::iter::from_fn(|| set.allocate().ok())
        .map(|addr| addr.octets()[2])
        .collect()
}

#[test]
fn in_order_is_the_first_member_that_has_something() {
    let set = set_of(Strategy::InOrder, &[2, 1, 3]);
    assert_eq!(drained(&set), [0, 0, 1, 2, 2, 2]);
    set.release(ip("10.0.1.1")).unwrap();
    set.release(ip("10.0.0.2")).unwrap();
    assert_eq!(set.allocate(), Ok(ip("10.0.0.2")));
    assert_eq!(set.allocate(), Ok(ip("10.0.1.1")));
    assert!(set.allocate().is_err());
}

#[test]
fn round_robin_goes_on_behind_the_last_member_used() {
    let set = set_of(Strategy::RoundRobin, &[2, 1, 3]);
    assert_eq!(drained(&set), [0, 1, 2, 0, 2, 2]);
    set.release(ip("10.0.0.1")).unwrap();
    set.release(ip("10.0.2.1")).unwrap();
    assert_eq!(drained(&set), [0, 2]);
}

/// Against a count of what is free, with releases and named addresses in between.
#[test]
fn most_free_is_always_a_member_with_most_free() {
    for counts in [
        &[3, 9, 5, 9][..],
        &[200],
        &[7; 16],
        &[1, 2, 3, 4, 5, 6, 7, 8],
    ] {
        let set = set_of(Strategy::MostFree, counts);
        let mut free: Vec<u64> = counts.iter().map(|&count| count.into()).collect();
        let mut held = BTreeSet::new();
        let mut random = 12345u64;
        for _ in 0..3000 {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let choice = random >> 33;
            if choice % 5 < 2 && !held.is_empty() {
                let index = choice as usize / 5 % held.len();
                let addr: Ipv4Addr = *held.iter().nth(index).unwrap();
                assert!(held.remove(&addr));
                set.release(addr).unwrap();
                free[usize::from(addr.octets()[2])] += 1;
            } else if choice % 5 == 2 {
                let member = choice as usize / 5 % counts.len();
                let addr = Ipv4Addr::from([10, 0, member as u8, 1]);
                if set.allocate_exact(addr).is_ok() {
                    held.insert(addr);
                    free[member] -= 1;
                }
            } else {
                let most = *free.iter().max().unwrap();
                let Ok(addr) = set.allocate() else {
                    assert_eq!(most, 0);
                    continue;
                };
                let member = usize::from(addr.octets()[2]);
                assert_eq!(
                    free[member], most,
                    "{counts:?}: member {member} of {free:?}"
                );
                free[member] -= 1;
                assert!(held.insert(addr));
            }
        }
    }
}

/// Whatever takes several addresses in one call is counted, and so is what was taken before the set first looked.
#[test]
fn most_free_counts_what_is_taken_at_once_or_elsewhere() {
    let member_of = |set: &PoolSet<Ipv4Net>| set.allocate().unwrap().octets()[2];
    let set = set_of(Strategy::MostFree, &[20, 16]);
    set.allocate_many(10).unwrap();
    assert_eq!(member_of(&set), 1, "of 10 and 16");
    let set = set_of(Strategy::MostFree, &[12, 4, 9]);
    set.allocate_many(14).unwrap();
    assert_eq!(member_of(&set), 2, "of 0, 2 and 9");
    let set = set_of(Strategy::MostFree, &[20, 16]);
    assert_eq!(set.allocate_into(&mut [ip("0.0.0.0"); 10]), 10);
    assert_eq!(member_of(&set), 1, "of 10 and 16");

    let pools = [small(0, 20), small(1, 16)].map(Arc::new);
    let builder = PoolSet::builder().strategy(Strategy::MostFree);
    let set = builder.members(pools.clone()).build().unwrap();
    pools[0].allocate_many(10).unwrap();
    assert_eq!(member_of(&set), 1, "of 10 and 16");
}

#[test]
fn weights_are_proportions_at_any_time() {
    let set = PoolSet::builder()
        .strategy(Strategy::Weighted)
        .weighted(pool("10.0.0.0/16"), 5)
        .weighted(pool("10.1.0.0/16"), 0)
        .weighted(pool("10.2.0.0/16"), 3)
        .build()
        .unwrap();
    let mut taken = [0u32; 3];
    for count in 1..=800u32 {
        taken[usize::from(set.allocate().unwrap().octets()[1])] += 1;
        let expected = count * 5 / 8;
        assert!(taken[0].abs_diff(expected) <= 3, "{taken:?} of {count}");
    }
    assert_eq!(taken[1], 0, "its weight is 0");
    // What has something is found, whatever its weight.
    let set = PoolSet::builder()
        .strategy(Strategy::Weighted)
        .weighted(small(0, 1), 9)
        .weighted(small(1, 2), 0)
        .build()
        .unwrap();
    let mut all = drained(&set);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 1]);
}

/// Every strategy gives everything once, and finds whatever comes back.
#[test]
fn every_strategy_gives_everything_once() {
    for strategy in [
        Strategy::InOrder,
        Strategy::RoundRobin,
        Strategy::MostFree,
        Strategy::Weighted,
    ] {
        for members in [0, 1, 2, 17, 100] {
            let counts: Vec<u8> = (0..members).map(|index| index % 5 + 1).collect();
            let set = set_of(strategy, &counts);
            let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
            assert_eq!(set.capacity(), total);
            let all: BTreeSet<_> = std::iter::from_fn(|| set.allocate().ok()).collect();
            assert_eq!(all.len() as u64, total, "{strategy:?}, {members} members");
            assert!(set.iter().eq(all.iter().copied()));
            for &addr in &all {
                set.release(addr).unwrap();
                assert_eq!(set.allocate(), Ok(addr), "{strategy:?}");
            }
            let error = set.allocate().unwrap_err();
            assert!(
                matches!(error, AllocateError::Exhausted { capacity, .. } if capacity == total)
            );
        }
    }
}

/// What is given back to the pool itself is found, though the set does not know of it.
#[test]
fn what_comes_back_behind_the_back_of_the_set_is_found() {
    for search in [Search::Tree, Search::Linear] {
        let pools = ["10.0.0.0/29", "10.0.1.0/29"]
            .map(|it| Arc::new(Pool::builder(net(it)).search(search).build().unwrap()));
        let set = PoolSet::new(pools.iter().cloned()).unwrap();
        while set.allocate().is_ok() {}
        for pool in &pools {
            let addr = pool.iter().next().unwrap();
            pool.release(addr).unwrap();
            assert_eq!(set.allocate(), Ok(addr), "{search:?}");
            assert!(set.allocate().is_err());
        }
    }
}

#[test]
fn overlap_is_refused_with_both_networks() {
    let set = PoolSet::new([pool("10.0.0.0/24"), pool("10.0.2.0/24")]).unwrap();
    for (added, first, last) in [
        ("10.0.0.0/24", "10.0.0.0", "10.0.0.255"),
        ("10.0.0.128/25", "10.0.0.128", "10.0.0.255"),
        ("10.0.0.0/16", "10.0.0.0", "10.0.0.255"),
        ("10.0.2.4/30", "10.0.2.4", "10.0.2.7"),
    ] {
        let error = set.add(pool(added)).unwrap_err();
        let AddError::Overlaps {
            first: low,
            last: high,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(
            (low.to_string(), high.to_string()),
            (first.to_owned(), last.to_owned())
        );
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{added} overlaps 10.0.")),
            "{text}"
        );
    }
    // Between two ranges of one member there is room for another one.
    let set = PoolSet::new([Pool::<Ipv4Net>::over([
        range("10.0.0.1", "10.0.0.9"),
        range("10.0.0.20", "10.0.0.29"),
    ])
    .build()
    .unwrap()])
    .unwrap();
    set.add(
        Pool::over([range("10.0.0.10", "10.0.0.19")])
            .build()
            .unwrap(),
    )
    .unwrap();
    let error = set.add(
        Pool::over([range("10.0.0.29", "10.0.0.40")])
            .build()
            .unwrap(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "10.0.0.29 to 10.0.0.40 overlaps 10.0.0.1 to 10.0.0.29, which is in the set: both have \
         10.0.0.29 to 10.0.0.29"
    );
    for last_octet in 1..30 {
        let addr = Ipv4Addr::new(10, 0, 0, last_octet);
        let member = set.member_of(addr).unwrap().id().index();
        assert_eq!(
            member,
            usize::from((10..20).contains(&last_octet)),
            "{addr}"
        );
    }
    // Another set is another domain.
    assert!(PoolSet::new([pool("10.0.0.0/24")]).is_ok());
}

#[test]
fn sets_of_both_families_know_whose_an_address_is() {
    let pools = ["10.0.0.0/30", "2001:db8::/126", "10.0.0.4/30"]
        .map(|it| Pool::new(it.parse::<IpNet>().unwrap()).unwrap());
    let set = PoolSet::new(pools).unwrap();
    let all: Vec<_> = std::iter::from_fn(|| set.allocate().ok()).collect();
    assert_eq!(all.len(), 4);
    let mapped = "::ffff:10.0.0.6".parse().unwrap();
    set.release(mapped).unwrap();
    assert_eq!(set.allocate().unwrap().to_string(), "10.0.0.6");
    for addr in all {
        set.release(addr).unwrap();
    }
    assert_eq!(set.allocated(), 0);
    let outside = "2001:db8:1::".parse().unwrap();
    assert!(matches!(
        set.release(outside),
        Err(ReleaseError::OutOfRange { .. })
    ));
}

/// Members one by one, so that tables are replaced and members beyond the table are found.
#[test]
fn members_are_added_until_there_is_no_room() {
    let set = PoolSet::<Ipv4Net>::builder().room(100).build().unwrap();
    let mut held = Vec::new();
    // Not in the order of their addresses.
    for step in 0..100u32 {
        let index = (step * 37 % 100) as u8;
        assert!(matches!(
            set.allocate(),
            Err(AllocateError::Exhausted { .. })
        ));
        let id = set.add(small(index, 1)).unwrap();
        assert_eq!(id.index(), step as usize);
        let addr = set.allocate().unwrap();
        assert_eq!(addr.octets()[2], index);
        held.push(addr);
        for &addr in &held {
            assert_eq!(
                set.member_of(addr).map(|member| member.pool().capacity()),
                Some(1)
            );
        }
    }
    assert!(matches!(
        set.add(small(200, 1)),
        Err(AddError::NoRoom { room: 100, .. })
    ));
    for addr in held {
        set.release(addr).unwrap();
    }
    assert_eq!(set.allocated(), 0);
}

#[test]
fn a_drained_member_gives_nothing_and_takes_back_everything() {
    let mut set = set_of(Strategy::InOrder, &[3, 3]);
    let held = set.allocate().unwrap();
    let first = set.member_of(held).unwrap().id();
    set.drain(first).unwrap();
    assert!(set.members().next().unwrap().is_drained());
    assert_eq!(drained(&set), [1, 1, 1]);
    assert!(matches!(
        set.allocate_exact(ip("10.0.0.2")),
        Err(AllocateExactError::Cordoned { .. })
    ));
    assert!(set.allocate_preferring(ip("10.0.0.2")).is_err());
    assert!(set.allocate_block(31).is_err());
    let of_drained = set.allocate_block_exact(net("10.0.0.2/32"));
    assert!(matches!(
        of_drained,
        Err(AllocateExactError::Cordoned { .. })
    ));
    assert!(set.allocate_for(Client::from_hash(1)).is_err());
    assert!(set.stragglers().eq([held]));
    assert!(matches!(
        set.remove(first),
        Err(MemberError::NotEmpty { allocated: 1, .. })
    ));
    set.release(held).unwrap();
    assert!(
        set.allocate().is_err(),
        "it was released into a drained member"
    );
    assert_eq!(set.stragglers().count(), 0);
    let pool = set.remove(first).unwrap();
    assert_eq!((pool.allocated(), set.members().count()), (0, 1));
    assert!(set.member_of(held).is_none());
    assert!(matches!(
        set.remove(first),
        Err(MemberError::Unknown { .. })
    ));
    assert!(matches!(set.drain(first), Err(MemberError::Unknown { .. })));
    // The same network again, behind the others, with a number of its own.
    let again = set.add(pool).unwrap();
    assert_eq!(again.index(), 2);
    assert_eq!(set.allocate().unwrap(), held);
}

#[test]
fn a_resumed_member_is_found() {
    for strategy in [Strategy::InOrder, Strategy::RoundRobin, Strategy::MostFree] {
        let set = set_of(strategy, &[2, 2]);
        let ids: Vec<_> = set.members().map(|member| member.id()).collect();
        set.drain(ids[1]).unwrap();
        assert_eq!(drained(&set), [0, 0]);
        set.resume(ids[1]).unwrap();
        assert_eq!(drained(&set), [1, 1], "{strategy:?}");
    }
}

/// A static band and as many cordons as a member can have, which leave more parts than cordons: each address
/// that is not under a cordon is handed out, and then the set is exhausted.
#[test]
fn a_band_and_all_cordons_hide_no_address() {
    let pool = Pool::new(net("10.0.0.0/24")).unwrap();
    let band = StaticBand::Lowest(101);
    let set = PoolSet::builder().banded(pool, band).build().unwrap();
    let cordoned: Vec<_> = (1..=16)
        .map(|index| Ipv4Addr::new(10, 0, 0, 12 * index))
        .collect();
    for &addr in &cordoned {
        set.cordon(addr..=addr).unwrap();
    }
    let mut given = std::collections::BTreeSet::new();
    while let Ok(addr) = set.allocate() {
        assert!(!cordoned.contains(&addr) && given.insert(addr));
    }
    assert_eq!(given.len() as u64, set.capacity() - 16);
    assert!(set.allocate_many(1).is_err());
}

/// If members hand out the highest first, then a batch, and what is left beside a cordon, come from
/// above, member by member.
#[test]
fn members_from_above_give_their_highest_first() {
    let pool = |network| {
        let builder = Pool::builder(net(network)).policy(Policy::Highest);
        builder.gateway(Gateway::None).build().unwrap()
    };
    let set = PoolSet::new([pool("10.0.0.0/29"), pool("10.0.1.0/24")]).unwrap();
    set.cordon(range("10.0.0.6", "10.0.0.6")).unwrap();
    let given: Vec<_> = std::iter::once(set.allocate().unwrap())
        .chain(set.allocate_many(7).unwrap())
        .chain(set.allocate_many(1).unwrap())
        .map(|addr| addr.octets())
        .map(|octets| (octets[2], octets[3]))
        .collect();
    let first = [5, 4, 3, 2, 1].map(|last| (0, last));
    let second = [254, 253, 252, 251].map(|last| (1, last));
    assert_eq!(given, [&first[..], &second[..]].concat());
}

/// A cordon over everything: against a set of what is open.
#[test]
fn nothing_new_comes_from_under_a_cordon() {
    for policy in Policy::ALL {
        let pool = Pool::<Ipv4Net>::over([range("10.0.0.1", "10.0.0.200")])
            .policy(policy)
            .build()
            .unwrap();
        let set = PoolSet::new([pool]).unwrap();
        let cordons = [
            range("10.0.0.10", "10.0.0.19"),
            range("10.0.0.15", "10.0.0.99"),
        ];
        let before: Vec<_> = (0..5).map(|_| set.allocate().unwrap()).collect();
        for cordon in &cordons {
            set.cordon(cordon.clone()).unwrap();
        }
        let is_open = |addr: &Ipv4Addr| !(10..=99).contains(&addr.octets()[3]);
        let open = 110 - before.iter().filter(|addr| is_open(addr)).count() as u64;
        assert_eq!(set.available(), open);
        let after: Vec<_> = std::iter::from_fn(|| set.allocate().ok()).collect();
        assert!(after.iter().all(is_open), "{policy}");
        assert_eq!(after.len() as u64, open);
        let stragglers: BTreeSet<_> = before.iter().copied().filter(|it| !is_open(it)).collect();
        assert!(set.stragglers().eq(stragglers.iter().copied()), "{policy}");
        for addr in stragglers {
            set.release(addr).unwrap();
            assert!(
                set.allocate().is_err(),
                "{policy}: {addr} came back from under a cordon"
            );
        }
        let held: Vec<_> = set.iter().collect();
        set.uncordon(cordons[1].clone()).unwrap();
        assert_eq!(set.available(), 80, "{policy}");
        set.uncordon(cordons[0].clone()).unwrap();
        let rest: BTreeSet<_> = std::iter::from_fn(|| set.allocate().ok()).collect();
        assert_eq!(rest.len(), 90);
        assert!(held.iter().all(|addr| !rest.contains(addr)));
        assert!(set.members().next().unwrap().cordons().is_empty());
    }
}

#[test]
fn cordons_span_members_and_are_lifted_whole() {
    let set = set_of(Strategy::InOrder, &[9, 9, 9]);
    let across = range("10.0.0.5", "10.0.1.4");
    set.cordon(across.clone()).unwrap();
    let cordons: Vec<_> = set.members().map(|member| member.cordons()).collect();
    assert_eq!(cordons[0], [(ip("10.0.0.5"), ip("10.0.0.9"))]);
    assert_eq!(cordons[1], [(ip("10.0.1.1"), ip("10.0.1.4"))]);
    assert!(cordons[2].is_empty());
    let part = range("10.0.0.5", "10.0.0.9");
    set.uncordon(part.clone()).unwrap();
    assert!(matches!(
        set.uncordon(part),
        Err(CordonError::NotCordoned { .. })
    ));
    set.uncordon(across).expect("the other member still has it");
    assert!(matches!(
        set.cordon(range("10.9.0.0", "10.9.0.9")),
        Err(CordonError::OutOfRange { .. })
    ));
    // Too many in the second member: the first one is left as it was.
    for last in 5..9 {
        set.cordon(range("10.0.1.1", &format!("10.0.1.{last}")))
            .unwrap();
    }
    for _ in 0..12 {
        set.cordon(range("10.0.1.9", "10.0.1.9")).unwrap();
    }
    let error = set.cordon(range("10.0.0.1", "10.0.1.1")).unwrap_err();
    assert!(
        matches!(error, CordonError::TooMany { most: 16, .. }),
        "{error}"
    );
    assert!(set.members().next().unwrap().cordons().is_empty());
}

#[test]
fn blocks_keep_off_cordons_and_come_from_any_member() {
    let routed = Pool::builder(net("10.0.1.0/24"))
        .reserve_edges(false)
        .gateway(Gateway::None);
    let set = PoolSet::new([pool("10.0.0.0/28"), routed.build().unwrap()]).unwrap();
    set.cordon(range("10.0.1.130", "10.0.1.130")).unwrap();
    assert_eq!(set.allocate_block(24).unwrap_err().code(), "exhausted");
    assert_eq!(set.allocate_block(26).unwrap(), net("10.0.1.192/26"));
    assert_eq!(set.allocate_block(26).unwrap(), net("10.0.1.64/26"));
    assert_eq!(set.allocate_block(26).unwrap(), net("10.0.1.0/26"));
    assert_eq!(set.allocate_block(26).unwrap_err().code(), "exhausted");
    assert_eq!(set.allocate_block(20).unwrap_err().code(), "bad-block");
    set.release_block(net("10.0.1.192/26")).unwrap();
    assert_eq!(set.allocate_block(27).unwrap(), net("10.0.1.224/27"));
    set.uncordon(range("10.0.1.130", "10.0.1.130")).unwrap();
    assert_eq!(set.allocate_block(26).unwrap(), net("10.0.1.128/26"));
}

/// The table of KEP-3070.
#[test]
fn the_static_band_is_that_of_kubernetes() {
    for (network, first, last) in [
        ("10.96.0.0/24", "10.96.0.1", "10.96.0.16"),
        ("10.96.0.0/20", "10.96.0.1", "10.96.1.0"),
        ("10.96.0.0/16", "10.96.0.1", "10.96.1.0"),
        ("10.96.0.0/27", "10.96.0.1", "10.96.0.16"),
    ] {
        let set = PoolSet::builder()
            .banded(pool(network), StaticBand::Kubernetes)
            .build()
            .unwrap();
        let band = set.members().next().unwrap().band();
        assert_eq!(band, Some((ip(first), ip(last))), "{network}");
    }
    for network in ["10.96.0.0/28", "10.96.0.0/30", "10.96.0.0/32"] {
        let set = PoolSet::builder()
            .banded(pool(network), StaticBand::Kubernetes)
            .build()
            .unwrap();
        assert_eq!(set.members().next().unwrap().band(), None, "{network}");
        assert!(set.allocate().is_ok());
    }
}

#[test]
fn dynamic_allocations_use_the_band_last() {
    for policy in Policy::ALL {
        let builder = Pool::builder(net("10.0.0.0/24"))
            .gateway(Gateway::None)
            .policy(policy);
        let set = PoolSet::builder()
            .banded(builder.build().unwrap(), StaticBand::Lowest(20))
            .build()
            .unwrap();
        set.allocate_exact(ip("10.0.0.7")).unwrap();
        let all: Vec<_> = std::iter::from_fn(|| set.allocate().ok())
            .map(|addr| addr.octets()[3])
            .collect();
        assert_eq!(all.len(), 253);
        let (dynamic, band) = all.split_at(234);
        assert!(dynamic.iter().all(|&octet| octet > 20), "{policy}");
        assert!(band.iter().all(|&octet| octet <= 20), "{policy}");
        set.release(ip("10.0.0.9")).unwrap();
        set.release(ip("10.0.0.200")).unwrap();
        assert_eq!(set.allocate(), Ok(ip("10.0.0.200")), "{policy}");
        assert_eq!(set.allocate(), Ok(ip("10.0.0.9")), "{policy}");
    }
    // The band of one member comes after all of the others.
    let set = PoolSet::builder()
        .banded(small(0, 9), StaticBand::Lowest(6))
        .member(small(1, 4))
        .build()
        .unwrap();
    assert_eq!(drained(&set), [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    set.release(ip("10.0.0.1")).unwrap();
    set.release(ip("10.0.1.1")).unwrap();
    assert_eq!(drained(&set), [1, 0]);
    // For sticky clients, too, though the band is where their place is.
    let set = PoolSet::builder()
        .banded(small(0, 9), StaticBand::Lowest(6))
        .member(small(1, 4))
        .build()
        .unwrap();
    let is_band = |addr: Ipv4Addr| addr.octets()[2] == 0 && addr.octets()[3] <= 6;
    let given: Vec<_> = (0..13)
        .map(|_| is_band(set.allocate_for(Client::from_hash(0)).unwrap()))
        .collect();
    assert_eq!(given, [[false; 7].as_slice(), &[true; 6]].concat());
    // And whatever their place is, as long as there is something else.
    for hash in 0..1000u64 {
        let client = Client::from_hash(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let builder = PoolSet::builder().banded(small(0, 9), StaticBand::Lowest(6));
        let addr = builder.build().unwrap().allocate_for(client).unwrap();
        assert!(!is_band(addr), "{addr}");
    }
    // A band larger than its pool: all of it is band.
    let set = PoolSet::builder()
        .banded(small(0, 3), StaticBand::Lowest(100))
        .build()
        .unwrap();
    assert_eq!(drained(&set).len(), 3);
}

/// From one address to all that there are.
#[test]
fn a_band_ends_where_it_says() {
    for (count, last) in [
        (1, "10.0.0.1"),
        (2, "10.0.0.2"),
        (3, "10.0.0.3"),
        (100, "10.0.0.3"),
    ] {
        let set = PoolSet::builder()
            .banded(small(0, 3), StaticBand::Lowest(count))
            .build()
            .unwrap();
        let band = set.members().next().unwrap().band();
        assert_eq!(band, Some((ip("10.0.0.1"), ip(last))), "{count}");
    }
}

/// Every client comes back to the address it had, on an empty and on a crowded set.
#[test]
fn the_same_client_usually_gets_the_same_address() {
    let set = PoolSet::new([
        pool("10.0.0.0/22"),
        pool("10.0.4.0/22"),
        pool("10.0.8.0/22"),
    ])
    .unwrap();
    let client =
        |index: u64| Client::from_hash(index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31));
    let clients = 2200;
    let mut addrs = BTreeMap::new();
    for index in 0..clients {
        addrs.insert(index, set.allocate_for(client(index)).unwrap());
    }
    let by_member: Vec<u64> = set
        .members()
        .map(|member| member.pool().allocated())
        .collect();
    assert!(by_member.iter().all(|&count| count > 600), "{by_member:?}");
    // One goes and comes back while the others stay.
    for index in 0..clients {
        set.release(addrs[&index]).unwrap();
        assert_eq!(
            set.allocate_for(client(index)),
            Ok(addrs[&index]),
            "client {index}"
        );
    }
    // All go, and come back in another order.
    for addr in addrs.values() {
        set.release(*addr).unwrap();
    }
    let same = (0..clients)
        .rev()
        .filter(|index| set.allocate_for(client(*index)) == Ok(addrs[index]))
        .count();
    assert!(same as u64 > clients / 2, "{same} of {clients}");
    // What a new member takes is a share of the clients; no others move.
    for addr in set.iter().collect::<Vec<_>>() {
        set.release(addr).unwrap();
    }
    let member_of = |index| {
        let addr = set.allocate_for(client(index)).unwrap();
        set.release(addr).unwrap();
        addr.octets()[2] / 4
    };
    let before: Vec<u8> = (0..clients).map(member_of).collect();
    set.add(pool("10.0.12.0/22")).unwrap();
    let after: Vec<u8> = (0..clients).map(member_of).collect();
    let moved: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old != new)
        .collect();
    assert!(
        moved.iter().all(|(_, new)| **new == 3),
        "only the new one takes clients"
    );
    assert!((400..700).contains(&moved.len()), "{} moved", moved.len());
}

#[test]
fn a_client_keeps_off_cordons_and_full_members() {
    let set = set_of(Strategy::InOrder, &[9, 9]);
    let client = Client::from_hash(u64::MAX / 3);
    let addr = set.allocate_for(client).unwrap();
    set.release(addr).unwrap();
    set.cordon(addr..=addr).unwrap();
    let other = set.allocate_for(client).unwrap();
    assert_ne!(other, addr);
    let all = drained(&set).len();
    assert_eq!(
        all, 16,
        "all but the one under the cordon and the one that is held"
    );
    assert!(set.allocate_for(client).is_err());
}

#[test]
fn sub_pools_have_a_policy_and_a_count_of_their_own() {
    let pool = Arc::new(pool("10.0.0.0/24"));
    let red = SubPool::new(
        "red",
        Arc::clone(&pool),
        range("10.0.0.10", "10.0.0.19"),
        Policy::Next,
    )
    .unwrap();
    let blue = SubPool::new(
        "blue",
        Arc::clone(&pool),
        range("10.0.0.250", "10.0.1.9"),
        Policy::Lowest,
    )
    .unwrap();
    assert_eq!(
        (red.name(), red.capacity(), blue.capacity()),
        ("red", 10, 5)
    );
    let first = red.allocate().unwrap();
    red.release(first).unwrap();
    assert_eq!(
        red.allocate(),
        Ok(ip("10.0.0.11")),
        "the next one, not the lowest"
    );
    assert_eq!(blue.allocate(), Ok(ip("10.0.0.250")));
    assert_eq!(blue.allocate(), Ok(ip("10.0.0.251")));
    assert_eq!(
        (red.allocated(), blue.allocated(), pool.allocated()),
        (1, 2, 3)
    );
    assert!(matches!(
        blue.release(ip("10.0.0.11")),
        Err(ReleaseError::OutOfRange { .. })
    ));
    assert!(matches!(
        red.allocate_exact(ip("10.0.0.20")),
        Err(AllocateExactError::OutOfRange { .. })
    ));
    for _ in 0..9 {
        red.allocate().unwrap();
    }
    let error = red.allocate().unwrap_err();
    assert!(
        matches!(error, AllocateError::Exhausted { capacity: 10, .. }),
        "{error}"
    );
    assert_eq!(pool.allocate(), Ok(ip("10.0.0.2")), "the pool has others");
    assert!(SubPool::new("none", pool, range("10.9.0.0", "10.9.0.9"), Policy::Lowest).is_err());
}

/// A tenant has its range alone where the others go through a set that cordons it.
#[test]
fn a_tenant_keeps_its_range_behind_a_cordon() {
    let pool = Arc::new(pool("10.0.0.0/24"));
    let tenant_range = range("10.0.0.2", "10.0.0.9");
    let set = PoolSet::new([Arc::clone(&pool)]).unwrap();
    set.cordon(tenant_range.clone()).unwrap();
    let tenant = SubPool::new("blue", pool, tenant_range, Policy::Lowest).unwrap();
    assert_eq!(set.allocate(), Ok(ip("10.0.0.10")));
    assert_eq!(tenant.allocate(), Ok(ip("10.0.0.2")));
    while set.allocate().is_ok() {}
    assert_eq!(tenant.available(), 7);
    let addr = ip("10.0.0.2");
    tenant.release(addr).unwrap();
    assert!(set.allocate().is_err());
}

/// /56 out of a /40, /30 per tunnel, /28 per host: prefixes, blocks of them, and sets over them.
#[test]
fn sets_of_delegated_prefixes() {
    let v6 = |text: &str| -> Ipv6Net { text.parse().unwrap() };
    let sites = ["2001:db8::/40", "2001:db8:100::/40"]
        .map(|it| Pool::builder(v6(it)).unit(56).build().unwrap());
    let set = PoolSet::builder()
        .strategy(Strategy::RoundRobin)
        .members(sites)
        .build()
        .unwrap();
    assert_eq!(set.capacity(), 2 << 16);
    assert_eq!(set.allocate_net().unwrap(), v6("2001:db8::/56"));
    assert_eq!(set.allocate_net().unwrap(), v6("2001:db8:100::/56"));
    // A block of sixteen of them, from the top of the first member that has one.
    let block = set.allocate_block(52).unwrap();
    assert_eq!(block, v6("2001:db8:ff:f000::/52"));
    assert_eq!(set.allocated(), 18);
    set.release_block(block).unwrap();
    let inside = "2001:db8:0:1::".parse().unwrap();
    assert!(matches!(
        set.release(inside),
        Err(ReleaseError::Misaligned { .. })
    ));
    set.release("2001:db8::".parse().unwrap()).unwrap();
    assert_eq!(set.allocated(), 1);
    // A cordon that touches a unit cordons all of it.
    set.cordon(inside..=inside).unwrap();
    set.release("2001:db8:100::".parse().unwrap()).unwrap();
    assert_eq!(set.allocate_net().unwrap(), v6("2001:db8:0:100::/56"));

    for (unit, second) in [(30, "10.0.0.4/30"), (28, "10.0.0.16/28")] {
        let tunnels = Pool::builder(net("10.0.0.0/24"))
            .unit(unit)
            .build()
            .unwrap();
        let set = PoolSet::new([
            tunnels,
            Pool::builder(net("10.0.1.0/24"))
                .unit(unit)
                .build()
                .unwrap(),
        ])
        .unwrap();
        let nets: Vec<_> = std::iter::from_fn(|| set.allocate_net().ok()).collect();
        assert_eq!((nets.len(), nets[1]), (2 << (unit - 24), net(second)));
        assert!(nets.iter().all(|it| it.prefix_len() == unit));
        set.release(nets[1].addr()).unwrap();
        assert_eq!(set.allocate_net(), Ok(nets[1]));
        assert_eq!(set.allocate_block(unit).unwrap_err().code(), "exhausted");
    }
}

/// A block that is named is of one member, and no cordon touches it.
#[test]
fn an_exact_block_keeps_off_cordons() {
    let set = PoolSet::new([pool("10.0.0.0/24"), pool("10.0.1.0/24")]).unwrap();
    set.cordon(range("10.0.1.130", "10.0.1.130")).unwrap();
    let code = |text| {
        set.allocate_block_exact(net(text))
            .map_err(|error| error.code())
    };
    assert_eq!(code("10.0.1.128/26"), Err("cordoned"));
    assert_eq!(
        code("10.0.1.128/25"),
        Err("reserved"),
        "the broadcast address"
    );
    assert_eq!(code("10.0.1.130/32"), Err("cordoned"));
    assert_eq!(code("10.0.1.64/26"), Ok(()));
    assert_eq!(code("10.0.1.64/27"), Err("already-allocated"));
    assert_eq!(code("10.0.0.0/23"), Err("out-of-range"), "of two members");
    assert_eq!(code("10.0.1.0/26"), Err("reserved"));
    assert_eq!(code("10.9.0.0/26"), Err("out-of-range"));
    set.uncordon(range("10.0.1.130", "10.0.1.130")).unwrap();
    assert_eq!(code("10.0.1.128/26"), Ok(()));
    assert_eq!(set.allocated(), 128);
}

/// Short histories of a set against a plain model of it: members that come, drain and go, cordons, names.
#[test]
fn a_set_agrees_with_a_model_of_it() {
    for seed in 1..=60u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut draw = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut set = set::Builder::members(PoolSet::builder(), [small(0, 20), small(1, 7)])
            .build()
            .unwrap();
        let mut counts = vec![20u8, 7];
        let mut is_drained = vec![false, false];
        let mut is_gone = vec![false, false];
        let mut cordons: Vec<RangeInclusive<Ipv4Addr>> = Vec::new();
        let mut held = BTreeSet::new();
        for _ in 0..400 {
            let ids: Vec<_> = set.members().map(|member| member.id()).collect();
            let is_open = |addr: &Ipv4Addr, is_drained: &[bool], is_gone: &[bool]| {
                let member = usize::from(addr.octets()[2]);
                !is_drained[member]
                    && !is_gone[member]
                    && !cordons.iter().any(|cordon| cordon.contains(addr))
            };
            let all = counts.iter().zip(0u8..).flat_map(|(&count, member)| {
                (1..=count).map(move |octet| Ipv4Addr::new(10, 0, member, octet))
            });
            let free: Vec<_> = all
                .filter(|addr| !held.contains(addr) && is_open(addr, &is_drained, &is_gone))
                .collect();
            assert_eq!(set.available(), free.len() as u64);
            let some_addr = Ipv4Addr::new(10, 0, draw(counts.len() as u64) as u8, draw(22) as u8);
            match draw(20) {
                0..=7 => match set.allocate() {
                    Ok(addr) => {
                        assert_eq!(Some(&addr), free.first(), "seed {seed}");
                        held.insert(addr);
                    }
                    Err(_) => assert!(free.is_empty(), "seed {seed}: {free:?}"),
                },
                8..=9 => {
                    let got = set.allocate_preferring(some_addr);
                    match got {
                        Ok(addr) => {
                            let wanted = if free.contains(&some_addr) {
                                some_addr
                            } else {
                                free[0]
                            };
                            assert_eq!(addr, wanted);
                            held.insert(addr);
                        }
                        Err(_) => assert!(free.is_empty()),
                    }
                }
                10 => {
                    let got = set.allocate_exact(some_addr).is_ok();
                    assert_eq!(got, free.contains(&some_addr), "seed {seed}: {some_addr}");
                    if got {
                        held.insert(some_addr);
                    }
                }
                11 => match set.allocate_for(Client::from_hash(draw(u64::MAX))) {
                    Ok(addr) => assert!(free.contains(&addr) && held.insert(addr)),
                    Err(_) => assert!(free.is_empty()),
                },
                12..=14 => {
                    let addr = held
                        .iter()
                        .nth(draw(held.len().max(1) as u64) as usize)
                        .copied();
                    if let Some(addr) = addr {
                        set.release(addr).unwrap();
                        held.remove(&addr);
                        assert!(set.release(addr).is_err());
                    }
                }
                15 if counts.len() < 9 => {
                    let count = 1 + draw(9) as u8;
                    set.add(small(counts.len() as u8, count)).unwrap();
                    counts.push(count);
                    is_drained.push(false);
                    is_gone.push(false);
                }
                16 => {
                    let last = some_addr.to_bits() + draw(30) as u32;
                    let cordon = some_addr..=Ipv4Addr::from_bits(last);
                    if set.cordon(cordon.clone()).is_ok() {
                        cordons.push(cordon);
                    }
                }
                // Of a member that went since, there is none any more.
                17 if !cordons.is_empty() => {
                    let index = draw(cordons.len() as u64) as usize;
                    if set.uncordon(cordons[index].clone()).is_ok() {
                        cordons.remove(index);
                    }
                }
                18 if !ids.is_empty() => {
                    let id = ids[draw(ids.len() as u64) as usize];
                    let drain = !is_drained[id.index()];
                    if drain {
                        set.drain(id).unwrap()
                    } else {
                        set.resume(id).unwrap()
                    }
                    is_drained[id.index()] = drain;
                }
                19 if !ids.is_empty() => {
                    let id = ids[draw(ids.len() as u64) as usize];
                    let is_empty = held
                        .iter()
                        .all(|addr| usize::from(addr.octets()[2]) != id.index());
                    let is_removable = is_drained[id.index()] && is_empty;
                    assert_eq!(set.remove(id).is_ok(), is_removable);
                    if is_removable {
                        is_gone[id.index()] = true;
                    }
                }
                _ => {}
            }
            assert!(set.iter().eq(held.iter().copied()), "seed {seed}");
        }
    }
}

/// At `StatsLevel::Off`, where the pools do not count.
#[test]
fn strategies_do_without_the_counts_of_the_pools() {
    let uncounted = |it: &str| {
        Pool::builder(net(it))
            .stats(StatsLevel::Off)
            .build()
            .unwrap()
    };
    let set = PoolSet::builder()
        .strategy(Strategy::MostFree)
        .members([uncounted("10.0.0.0/28"), uncounted("10.0.1.0/27")])
        .build()
        .unwrap();
    let octets = drained(&set);
    assert_eq!(octets.len(), 13 + 29);
    assert!(octets[..16].iter().all(|&octet| octet == 1));

    // They count themselves, batches and blocks as well.
    let two = || {
        let pools = [uncounted("10.0.0.0/25"), uncounted("10.0.1.0/25")];
        pools[1].allocate_many(20).unwrap();
        let builder = PoolSet::builder().strategy(Strategy::MostFree);
        builder.members(pools).build().unwrap()
    };
    let set = two();
    assert_eq!(set.allocate_block(27), Ok(net("10.0.0.64/27")));
    assert_eq!(set.allocate().unwrap().octets()[2], 1, "of 93 and 105");
    let set = two();
    assert_eq!(set.allocate_many(30).unwrap().len(), 30);
    assert_eq!(set.allocate().unwrap().octets()[2], 1, "of 95 and 105");
}

fn dual(v4: PoolSet<Ipv4Net>, v6: &str) -> DualStack {
    let v6 = Pool::new(v6.parse::<Ipv6Net>().unwrap()).unwrap();
    DualStack::new(v4, PoolSet::new([v6]).unwrap())
}

/// Both addresses that were named, or none, and why.
#[test]
fn an_exact_pair_is_both_or_none() {
    let v4 = PoolSet::new([pool("10.0.0.0/24"), pool("10.0.1.0/24")]).unwrap();
    let both = dual(v4, "fd00::/120");
    let take = |v4, v6: &str| both.allocate_pair_exact(ip(v4), v6.parse().unwrap());
    take("10.0.1.7", "fd00::7").unwrap();
    both.v4().cordon(range("10.0.0.99", "10.0.0.99")).unwrap();
    for (v4, v6, message) in [
        ("10.0.1.7", "fd00::8", "IPv4: 10.0.1.7 is already allocated"),
        ("10.0.1.8", "fd00::7", "IPv6: fd00::7 is already allocated"),
        ("10.0.1.8", "fd00::1", "IPv6: fd00::1 is reserved"),
        ("10.0.1.1", "fd00::8", "IPv4: 10.0.1.1 is reserved"),
        (
            "10.0.9.1",
            "fd00::8",
            "IPv4: 10.0.9.1 is not an address of the pool",
        ),
        (
            "10.0.1.8",
            "fd01::8",
            "IPv6: fd01::8 is not an address of the pool",
        ),
        (
            "10.0.0.99",
            "fd00::8",
            "IPv4: 10.0.0.99 is cordoned: no new addresses are handed out there",
        ),
    ] {
        assert_eq!(take(v4, v6).unwrap_err().to_string(), message);
        assert_eq!(
            (both.v4().allocated(), both.v6().allocated()),
            (1, 1),
            "{v4} {v6}"
        );
    }
    take("10.0.1.8", "fd00::8").unwrap();
    assert_eq!(both.v4().stats().allocations.exact, 2);
    assert_eq!(both.v6().stats().allocations.exact, 2);
}

/// The same client usually gets the same pair, whatever else is allocated, also where a band or a cordon is.
#[test]
fn the_same_client_usually_gets_the_same_pair() {
    for band in [None, Some(StaticBand::Lowest(9))] {
        let member = set::NewMember::new(pool("10.0.0.0/24"));
        let member = match band {
            Some(band) => member.band(band),
            None => member,
        };
        let v4 = PoolSet::builder().member(member).build().unwrap();
        let both = dual(v4, "fd00::/120");
        let clients: Vec<_> = (0..20u64)
            .map(|index| Client::from_hash(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        let pairs = clients
            .iter()
            .map(|&client| both.allocate_pair_for(client).unwrap());
        let pairs: Vec<_> = pairs.collect();
        let halves = pairs.iter().map(|pair| pair.v4).collect::<BTreeSet<_>>();
        assert_eq!(halves.len(), 20);
        pairs
            .iter()
            .for_each(|&pair| both.release_pair(pair).unwrap());
        let again = clients.iter().zip(&pairs);
        let same = again.filter(|&(&client, &pair)| both.allocate_pair_for(client) == Ok(pair));
        assert!(same.count() >= 18, "{band:?}");
        assert!(both.v4().stats().allocations.preferred > 20);
        while both.allocate_pair().is_ok() {}
        let error = both.allocate_pair_for(clients[0]).unwrap_err();
        assert_eq!(error.code(), "exhausted");
        let (v4, v6) = (both.v4().allocated(), both.v6().allocated());
        assert_eq!(v4, 253.min(v6), "nothing is left half");
    }
}

/// Twins, too: from the place of the client on, around the end, until no index is left.
#[test]
fn a_client_of_twins_gets_the_index_of_its_place() {
    let v6 = Pool::new("fd00::/112".parse::<Ipv6Net>().unwrap()).unwrap();
    let twins = TwinPools::new(pool("10.0.0.0/24"), v6).unwrap();
    let client = Client::from_hash(u64::MAX / 256 * 250);
    let hosts: Vec<_> = std::iter::from_fn(|| twins.allocate_pair_for(client).ok())
        .map(|pair| (pair.v4.octets()[3], pair.v6.segments()[7]))
        .collect();
    let expected: Vec<_> = (249..=254)
        .chain(2..249)
        .map(|host| (host, u16::from(host)))
        .collect();
    assert_eq!(hosts, expected);
    assert_eq!(
        twins.allocate_pair_for(client).unwrap_err().code(),
        "no-common-index"
    );
}

/// What is asked of a set is what is asked of its members, in the order of the addresses, with their ranges between
/// each other's, of both families.
#[test]
fn a_set_answers_the_questions_of_a_pool() {
    let over = |ranges: &[(&str, &str)]| {
        let ends = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
        let ranges = ranges.iter().map(|&(first, last)| ends(first)..=ends(last));
        Pool::<IpNet>::over(ranges).build().unwrap()
    };
    let set = PoolSet::new([
        over(&[("fd00::5", "fd00::9")]),
        over(&[("10.0.0.1", "10.0.0.3"), ("10.0.2.1", "10.0.2.3")]),
        over(&[("10.0.1.1", "10.0.1.3")]),
    ])
    .unwrap();
    let at = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
    let texts = |addrs: Vec<std::net::IpAddr>| -> Vec<String> {
        addrs.iter().map(ToString::to_string).collect()
    };
    let from = |text| set.allocate_from(at(text)).unwrap().to_string();
    assert_eq!(from("10.0.0.3"), "10.0.0.3");
    assert_eq!(from("10.0.0.3"), "10.0.1.1", "of another member");
    assert_eq!(from("10.0.1.9"), "10.0.2.1");
    assert_eq!(from("10.0.9.9"), "fd00::5", "IPv4 before IPv6");
    assert_eq!(from("fd00::9"), "fd00::9");
    assert_eq!(from("fd00::9"), "10.0.0.1", "around");
    let listed = texts(set.iter_from(at("10.0.0.2")).collect());
    assert_eq!(
        listed,
        ["10.0.0.3", "10.0.1.1", "10.0.2.1", "fd00::5", "fd00::9"]
    );
    assert_eq!(set.iter_from(at("fd00::6")).count(), 1);
    set.cordon(at("10.0.1.2")..=at("10.0.1.2")).unwrap();
    let listed = texts(set.free_from(at("10.0.0.3")).take(4).collect());
    assert_eq!(listed, ["10.0.1.3", "10.0.2.2", "10.0.2.3", "fd00::6"]);
    assert_eq!(set.count_in(at("10.0.0.2")..=at("10.0.2.1")), 3);
    assert_eq!(set.count_in(at("::")..=at("ffff::")), 2);
    assert!(set.contains(at("10.0.1.3")) && !set.contains(at("10.0.1.4")));
    assert!(set.is_allocated(at("10.0.1.1")) && !set.is_allocated(at("10.0.1.3")));
    assert!(set.is_available(at("10.0.1.3")) && !set.is_available(at("10.0.1.2")));
    let (member, slot) = set.slot_of(at("10.0.2.2")).unwrap();
    assert_eq!(
        (member.index(), set.addr_of(member, slot)),
        (1, Some(at("10.0.2.2")))
    );
    assert_eq!(set.slot_of(at("10.0.9.9")), None);
    let mut cells = [u32::MAX; 4];
    assert_eq!(set.fill(32, &mut cells), 3);
    assert_eq!(cells, [3, 3, 2, u32::MAX]);
    let snapshots = set.snapshot();
    let taken: Vec<_> = snapshots.iter().map(|(_, of)| of.allocated()).collect();
    assert_eq!(taken, [2, 3, 1]);
    let counted = set.stats().allocations.preferred;
    set.reset_stats();
    assert_eq!((counted, set.stats().allocations.preferred), (6, 0));
    assert_eq!(set.stats_total().allocations.preferred, 6);
    let named = [
        "10.0.0.3", "10.0.1.1", "10.9.9.9", "10.0.2.1", "fd00::9", "fd00::9",
    ]
    .map(at);
    let report = set.release_many(&named);
    assert_eq!(
        (report.released, report.out_of_range, report.not_allocated),
        (4, 1, 1)
    );
    assert_eq!(
        report.first_error.unwrap().to_string(),
        "10.9.9.9 is not an address of the pool"
    );
    assert_eq!(set.allocated(), 2);
}

/// The unit that holds the address begins before it: the next one is of another member.
#[test]
fn the_next_unit_may_be_of_another_member() {
    let unit = |text: &str| {
        Pool::builder(text.parse::<Ipv4Net>().unwrap())
            .unit(28)
            .build()
            .unwrap()
    };
    let set = PoolSet::new([unit("10.0.0.0/27"), unit("10.0.2.0/27")]).unwrap();
    let from = |text| set.allocate_from(ip(text)).unwrap().to_string();
    assert_eq!(from("10.0.0.17"), "10.0.2.0");
    assert_eq!(from("10.0.2.17"), "10.0.0.0");
    assert_eq!(from("10.0.0.1"), "10.0.0.16");
    assert_eq!(from("10.0.0.1"), "10.0.2.16");
    assert!(set.allocate_from(ip("10.0.0.1")).is_err());
}

/// A pair counts once on each side, where its index was asked for.
#[test]
fn both_halves_of_a_pair_are_counted() {
    let v6 = Pool::new("fd00::/112".parse::<Ipv6Net>().unwrap()).unwrap();
    let twins = TwinPools::new(pool("10.0.0.0/24"), v6).unwrap();
    let _pairs = [(); 2].map(|()| twins.allocate_pair().unwrap());
    let counted = [twins.v4().stats(), twins.v6().stats()];
    assert_eq!(counted.map(|of| of.allocations.exact), [2, 2]);
}

/// Nothing is handed out, and yet addresses are free: the error says where, so that the caller
/// does not look for a leak.
#[test]
fn a_refusal_says_how_much_is_free_and_closed() {
    let closed_of = |set: &PoolSet<Ipv4Net>| {
        let error = set.allocate().unwrap_err();
        match &error {
            AllocateError::Exhausted { closed, .. } => (*closed, error.to_string()),
            other => panic!("{other:?}"),
        }
    };
    let set = set_of(Strategy::InOrder, &[3, 5]);
    let first = set.members().next().unwrap().id();
    set.allocate().unwrap();
    set.drain(first).unwrap();
    set.cordon(range("10.0.1.2", "10.0.1.3")).unwrap();
    set.cordon(range("10.0.1.3", "10.0.1.4")).unwrap();
    for _ in 0..2 {
        set.allocate().unwrap();
    }
    let (closed, text) = closed_of(&set);
    assert_eq!(closed, 5);
    assert_eq!(
        text,
        "exhausted: too few of the pool's 8 addresses are free to be handed out; 5 more are free in drained members \
         or under cordons"
    );
    // All at once are as few.
    let many = set.allocate_many(9).unwrap_err();
    assert!(
        matches!(many, AllocateError::Exhausted { closed: 5, .. }),
        "{many:?}"
    );
    set.resume(first).unwrap();
    for _ in 0..2 {
        set.allocate().unwrap();
    }
    assert_eq!(closed_of(&set).0, 3);
    set.uncordon(range("10.0.1.2", "10.0.1.3")).unwrap();
    set.uncordon(range("10.0.1.3", "10.0.1.4")).unwrap();
    set.allocate_many(3).unwrap();
    let (closed, text) = closed_of(&set);
    assert_eq!(closed, 0);
    assert!(!text.contains("drained"), "{text}");
}
