//! Failures from the field that one thread can show, each with what happened.

mod common;

use common::{POLICIES, SEARCHES, ip, net, ten, unchanged, v4};
use hostbits::{AllocateError, BuildError, Gateway, Policy, Pool};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// 6 (libnetwork 2106): ten blocks `0xfffeffff` and six `0x0fffffff`, searched from 16 on, gave an
/// address that was in use, because the search began again in the wrong block.
#[test]
fn libnetwork_2106_a_search_from_the_middle_returned_a_used_address() {
    let words = [0xfffe_ffff_u32; 10].into_iter().chain([0x0fff_ffff; 6]);
    // libnetwork counts from the highest bit of each block.
    let used: BTreeSet<u32> = (0..)
        .zip(words)
        .flat_map(|(block, word)| {
            (0..32)
                .filter(move |bit| word << bit >> 31 == 1)
                .map(move |bit| block * 32 + bit)
        })
        .collect();
    let free: Vec<u32> = (0..512).filter(|slot| !used.contains(slot)).collect();
    assert_eq!((used.len(), free[0]), (10 * 31 + 6 * 28, 15));
    for search in SEARCHES {
        for policy in POLICIES {
            let build = || {
                let builder = Pool::builder(v4("10.0.0.0/23")).reserve_edges(false);
                let pool = builder.policy(policy).search(search).build().unwrap();
                used.iter()
                    .for_each(|&slot| pool.allocate_exact(ten(slot)).unwrap());
                pool
            };
            let pool = build();
            let given: BTreeSet<_> =
                std::iter::from_fn(|| pool.allocate_in(ten(16)..=ten(511)).ok()).collect();
            assert!(
                given
                    .iter()
                    .copied()
                    .eq(free[1..].iter().map(|&slot| ten(slot))),
                "{policy:?} {search:?}"
            );
            assert_eq!(pool.allocate(), Ok(ten(15)), "{policy:?} {search:?}");
            assert!(pool.allocate().is_err(), "{policy:?} {search:?}");
            if policy == Policy::Next {
                let pool = build();
                assert_eq!(pool.allocate_in(ten(16)..=ten(511)), Ok(ten(free[1])));
                let order: Vec<_> = common::drain(&pool);
                let expected = free[2..].iter().chain(&free[..1]).map(|&slot| ten(slot));
                assert!(
                    order.into_iter().eq(expected),
                    "{search:?}: on from there, then round to the start"
                );
            }
        }
    }
}

/// 15 (headscale 3244): an address was freed behind the cursor of the sequential strategy, the
/// cursor ran to the end, and the pool reported itself full while that address was free.
#[test]
fn headscale_3244_an_address_freed_behind_the_cursor_was_never_found_again() {
    for search in SEARCHES {
        for (network, capacity) in [("10.0.0.0/24", 253), ("10.0.0.0/20", 4093)] {
            let pool = Pool::builder(v4(network))
                .policy(Policy::Next)
                .search(search)
                .build()
                .unwrap();
            let all = common::drain(&pool);
            assert_eq!(all.len(), capacity);
            for freed in [all[0], all[capacity / 2], all[capacity - 1], all[1]] {
                pool.release(freed).unwrap();
                assert_eq!(pool.allocate(), Ok(freed), "{network} {search:?}");
                assert!(pool.allocate().is_err(), "{network} {search:?}");
            }
        }
        let pool = Pool::builder(v4("10.0.0.0/29"))
            .policy(Policy::Next)
            .search(search)
            .build()
            .unwrap();
        let first = pool.allocate().unwrap();
        pool.release(first).unwrap();
        let rest: Vec<_> = common::drain(&pool);
        assert_eq!(
            rest,
            [3, 4, 5, 6, 2].map(ten),
            "the freed one comes last, and it comes"
        );
    }
}

/// 16 (headscale 2036, host-local, accel-ppp): 10.0.0.5/24 meant the network to one, "start at .5" to another and
/// "the gateway is .5" to the third; every guess was wrong for some.
#[test]
fn host_bits_had_three_meanings_and_each_is_now_written_in_its_own_way() {
    let written = net("10.0.0.5/24");
    for refused in [
        Pool::new(written),
        Pool::builder(written).at_most(9).build(),
        Pool::builder(written)
            .range(ip("10.0.0.9")..=ip("10.0.0.9"))
            .build(),
    ] {
        assert!(matches!(refused, Err(BuildError::HostBitsSet { .. })));
    }
    let whole = Pool::new(written.trunc()).unwrap();
    let started = Pool::builder(written.trunc())
        .range(written.addr()..=written.broadcast())
        .build()
        .unwrap();
    let interface = Pool::interface(written).build().unwrap();
    for (what, pool, gateway, capacity, first) in [
        ("the network", whole, Some("10.0.0.1"), 253, "10.0.0.2"),
        ("start there", started, Some("10.0.0.1"), 250, "10.0.0.5"),
        ("the gateway", interface, Some("10.0.0.5"), 253, "10.0.0.1"),
    ] {
        assert_eq!(pool.info().gateway, gateway.map(ip), "{what}");
        assert_eq!(
            (pool.capacity(), pool.allocate()),
            (capacity, Ok(ip(first))),
            "{what}"
        );
    }
}

/// 17: the small networks, where "first usable", "gateway" and "broadcast" fall together and
/// allocators handed out the gateway, or nothing, or looped.
#[test]
fn the_smallest_networks_handed_out_their_gateway_or_nothing() {
    let at = |text: &str| Gateway::At(ip(text));
    let rows: [(&str, Gateway, Option<&str>, &[&str]); 30] = [
        (
            "10.0.0.4/30",
            Gateway::Auto,
            Some("10.0.0.5"),
            &["10.0.0.6"],
        ),
        (
            "10.0.0.4/30",
            Gateway::First,
            Some("10.0.0.5"),
            &["10.0.0.6"],
        ),
        (
            "10.0.0.4/30",
            Gateway::Last,
            Some("10.0.0.6"),
            &["10.0.0.5"],
        ),
        (
            "10.0.0.4/30",
            at("10.0.0.6"),
            Some("10.0.0.6"),
            &["10.0.0.5"],
        ),
        (
            "10.0.0.4/30",
            Gateway::None,
            None,
            &["10.0.0.5", "10.0.0.6"],
        ),
        (
            "10.0.0.4/31",
            Gateway::Auto,
            None,
            &["10.0.0.4", "10.0.0.5"],
        ),
        (
            "10.0.0.4/31",
            Gateway::First,
            Some("10.0.0.4"),
            &["10.0.0.5"],
        ),
        (
            "10.0.0.4/31",
            Gateway::Last,
            Some("10.0.0.5"),
            &["10.0.0.4"],
        ),
        (
            "10.0.0.4/31",
            at("10.0.0.4"),
            Some("10.0.0.4"),
            &["10.0.0.5"],
        ),
        (
            "10.0.0.4/31",
            Gateway::None,
            None,
            &["10.0.0.4", "10.0.0.5"],
        ),
        ("10.0.0.4/32", Gateway::Auto, None, &["10.0.0.4"]),
        ("10.0.0.4/32", Gateway::First, Some("10.0.0.4"), &[]),
        ("10.0.0.4/32", Gateway::Last, Some("10.0.0.4"), &[]),
        ("10.0.0.4/32", at("10.0.0.4"), Some("10.0.0.4"), &[]),
        ("10.0.0.4/32", Gateway::None, None, &["10.0.0.4"]),
        (
            "2001:db8::4/126",
            Gateway::Auto,
            Some("2001:db8::5"),
            &["2001:db8::6", "2001:db8::7"],
        ),
        (
            "2001:db8::4/126",
            Gateway::First,
            Some("2001:db8::5"),
            &["2001:db8::6", "2001:db8::7"],
        ),
        (
            "2001:db8::4/126",
            Gateway::Last,
            Some("2001:db8::7"),
            &["2001:db8::5", "2001:db8::6"],
        ),
        (
            "2001:db8::4/126",
            at("2001:db8::6"),
            Some("2001:db8::6"),
            &["2001:db8::5", "2001:db8::7"],
        ),
        (
            "2001:db8::4/126",
            Gateway::None,
            None,
            &["2001:db8::5", "2001:db8::6", "2001:db8::7"],
        ),
        (
            "2001:db8::4/127",
            Gateway::Auto,
            None,
            &["2001:db8::4", "2001:db8::5"],
        ),
        (
            "2001:db8::4/127",
            Gateway::First,
            Some("2001:db8::4"),
            &["2001:db8::5"],
        ),
        (
            "2001:db8::4/127",
            Gateway::Last,
            Some("2001:db8::5"),
            &["2001:db8::4"],
        ),
        (
            "2001:db8::4/127",
            at("2001:db8::5"),
            Some("2001:db8::5"),
            &["2001:db8::4"],
        ),
        (
            "2001:db8::4/127",
            Gateway::None,
            None,
            &["2001:db8::4", "2001:db8::5"],
        ),
        ("2001:db8::4/128", Gateway::Auto, None, &["2001:db8::4"]),
        ("2001:db8::4/128", Gateway::First, Some("2001:db8::4"), &[]),
        ("2001:db8::4/128", Gateway::Last, Some("2001:db8::4"), &[]),
        (
            "2001:db8::4/128",
            at("2001:db8::4"),
            Some("2001:db8::4"),
            &[],
        ),
        ("2001:db8::4/128", Gateway::None, None, &["2001:db8::4"]),
    ];
    for (network, gateway, expected_gateway, allocatable) in rows {
        let allocatable: Vec<_> = allocatable.iter().map(|addr| ip(addr)).collect();
        for (policy, search) in POLICIES
            .into_iter()
            .flat_map(|policy| SEARCHES.map(|search| (policy, search)))
        {
            let what = format!("{network} {gateway:?} {policy:?} {search:?}");
            let pool = Pool::builder(net(network))
                .gateway(gateway)
                .policy(policy)
                .search(search)
                .build()
                .unwrap();
            assert_eq!(pool.info().gateway, expected_gateway.map(ip), "{what}");
            for round in 0..3 {
                let mut given = common::drain(&pool);
                let error = pool.allocate().unwrap_err();
                assert!(
                    matches!(error, AllocateError::Exhausted { capacity, .. } if capacity == allocatable.len() as u64),
                    "{what}"
                );
                given.sort();
                assert_eq!(given, allocatable, "{what}, round {round}");
                assert_eq!(
                    pool.release_many(&given).released,
                    given.len() as u64,
                    "{what}"
                );
            }
        }
    }
}

/// 18 (go-ipam, moby): releasing the network, the broadcast or the gateway address freed it, and the
/// next caller was given it.
#[test]
fn go_ipam_and_moby_released_the_network_the_broadcast_and_the_gateway() {
    let pools: [(&str, Gateway, &[&str]); 6] = [
        (
            "10.0.0.0/24",
            Gateway::Auto,
            &["10.0.0.0", "10.0.0.1", "10.0.0.255"],
        ),
        (
            "10.0.0.0/24",
            Gateway::Last,
            &["10.0.0.0", "10.0.0.254", "10.0.0.255"],
        ),
        (
            "10.0.0.0/30",
            Gateway::Auto,
            &["10.0.0.0", "10.0.0.1", "10.0.0.3"],
        ),
        ("10.0.0.0/31", Gateway::First, &["10.0.0.0"]),
        (
            "2001:db8::/120",
            Gateway::Auto,
            &["2001:db8::", "2001:db8::1"],
        ),
        (
            "2001:db8::/120",
            Gateway::Last,
            &["2001:db8::", "2001:db8::ff"],
        ),
    ];
    for (network, gateway, reserved) in pools {
        for policy in POLICIES {
            let pool = Pool::builder(net(network))
                .gateway(gateway)
                .policy(policy)
                .build()
                .unwrap();
            let reserved: Vec<IpAddr> = reserved.iter().map(|addr| ip(addr)).collect();
            let release_each_way = |when: &str| {
                for &addr in &reserved {
                    let what = format!("{network} {gateway:?} {policy:?} {when}: {addr}");
                    let one = unchanged(&pool, &what, || pool.release(addr)).unwrap_err();
                    let many = unchanged(&pool, &what, || pool.release_many(&[addr]));
                    let block = unchanged(&pool, &what, || pool.release_block(IpNet::from(addr)))
                        .unwrap_err();
                    assert_eq!(
                        (one.code(), many.reserved, block.code()),
                        ("reserved", 1, "reserved"),
                        "{what}"
                    );
                }
            };
            release_each_way("empty");
            let given = common::drain(&pool);
            release_each_way("full");
            assert!(
                given.iter().all(|addr| !reserved.contains(addr)),
                "{network} {policy:?}"
            );
            assert!(
                pool.allocate().is_err(),
                "{network} {policy:?}: nothing was freed"
            );
        }
    }
    let pool: Pool<Ipv4Net> = Pool::new(v4("10.0.0.0/24")).unwrap();
    assert_eq!(
        pool.release_block(v4("10.0.0.0/24")).unwrap_err().code(),
        "reserved"
    );
}
