//! Every variant of every error: how to provoke it, what it says, its code, and that nothing has
//! changed.

mod common;

use common::{host, ip, net, ten, unchanged, v4, v6};
use hostbits::{
    AllocateError, AllocateExactError, BuildError, Gateway, NextFreeError, Policy, Pool,
    RangeProblem, ReleaseError, SnapshotMismatch, StatsLevel, next_free,
};
use ipnet::{IpNet, Ipv4Net};
use std::error::Error;
use std::fmt::Debug;

/// What every error of the crate is.
fn assert_error<E: Error + Clone + PartialEq + Debug + Send + Sync + 'static>(error: &E) {
    assert!(error.source().is_none());
    let message = error.to_string();
    assert!(!message.ends_with('.'), "{message}");
    assert!(!message.starts_with(char::is_uppercase), "{message}");
    let boxed: Box<dyn Error + Send + Sync> = Box::new(error.clone());
    assert_eq!(boxed.to_string(), message);
    assert_eq!(boxed.downcast_ref::<E>(), Some(error));
}

fn is_kebab_case(code: &str) -> bool {
    !code.is_empty()
        && code
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// No pool is built of what does not fit together; the message names the value and the way out.
#[test]
fn build_errors_name_the_value_and_the_way_out() {
    let range = |first, last| ip(first)..=ip(last);
    let of = |text| Pool::builder(net(text));
    type Case = (
        Result<Pool<IpNet>, BuildError>,
        BuildError,
        &'static str,
        &'static str,
    );
    let cases: [Case; 21] = [
        (
            Pool::new(net("10.0.0.5/24")),
            BuildError::HostBitsSet {
                given: net("10.0.0.5/24"),
                network: net("10.0.0.0/24"),
                last: ip("10.0.0.255"),
            },
            "host-bits-set",
            "10.0.0.5/24 has host bits set: write 10.0.0.0/24 for the whole network, or 10.0.0.0/24 with the range 10.0.0.5 to 10.0.0.255",
        ),
        (
            Pool::new(net("::ffff:10.0.0.0/120")),
            BuildError::MappedPrefix {
                network: net("::ffff:10.0.0.0/120"),
            },
            "mapped-prefix",
            "::ffff:10.0.0.0/120 is a prefix of IPv4-mapped addresses: write it as an IPv4 network",
        ),
        (
            Pool::new(net("2001:db8::/64")),
            BuildError::TooLarge {
                slots: 1 << 64,
                max: 1 << 32,
            },
            "too-large",
            "2^64 slots are more than the 2^32 a pool can have: choose a range, a shorter unit, or fewer slots",
        ),
        (
            Pool::new(net("::/0")),
            BuildError::TooLarge {
                slots: u128::MAX,
                max: 1 << 32,
            },
            "too-large",
            "2^128 slots are more than the 2^32 a pool can have: choose a range, a shorter unit, or fewer slots",
        ),
        (
            of("2001:db8::/64")
                .range(range("2001:db8::", "2001:db8::1:0:0:4"))
                .build(),
            BuildError::TooLarge {
                slots: (1 << 48) + 5,
                max: 1 << 32,
            },
            "too-large",
            "281474976710661 slots are more than the 2^32 a pool can have: choose a range, a shorter unit, or fewer slots",
        ),
        (
            of("10.0.0.0/24")
                .gateway(Gateway::At(ip("10.0.1.1")))
                .build(),
            BuildError::GatewayOutside {
                gateway: ip("10.0.1.1"),
                network: Some(net("10.0.0.0/24")),
            },
            "gateway-outside",
            "gateway 10.0.1.1 is outside 10.0.0.0/24",
        ),
        (
            of("2001:db8::/120")
                .gateway(Gateway::At(ip("10.0.0.1")))
                .build(),
            BuildError::GatewayOutside {
                gateway: ip("10.0.0.1"),
                network: Some(net("2001:db8::/120")),
            },
            "gateway-outside",
            "gateway 10.0.0.1 is outside 2001:db8::/120",
        ),
        (
            Pool::over([range("10.0.0.1", "10.0.0.9")])
                .gateway(Gateway::At(ip("::1")))
                .build(),
            BuildError::GatewayOutside {
                gateway: ip("::1"),
                network: None,
            },
            "gateway-outside",
            "gateway ::1 is not of the pool's address family",
        ),
        (
            of("10.0.0.0/24")
                .gateway(Gateway::At(ip("10.0.0.0")))
                .build(),
            BuildError::GatewayReserved {
                gateway: ip("10.0.0.0"),
                label: "network",
            },
            "gateway-reserved",
            "gateway 10.0.0.0 is the network address of its network",
        ),
        (
            of("10.0.0.0/24")
                .gateway(Gateway::At(ip("10.0.0.255")))
                .build(),
            BuildError::GatewayReserved {
                gateway: ip("10.0.0.255"),
                label: "broadcast",
            },
            "gateway-reserved",
            "gateway 10.0.0.255 is the broadcast address of its network",
        ),
        (
            of("2001:db8::/120")
                .gateway(Gateway::At(ip("2001:db8::")))
                .build(),
            BuildError::GatewayReserved {
                gateway: ip("2001:db8::"),
                label: "subnet-router anycast",
            },
            "gateway-reserved",
            "gateway 2001:db8:: is the subnet-router anycast address of its network",
        ),
        (
            of("10.0.0.0/24")
                .range(range("10.0.0.9", "10.0.0.5"))
                .build(),
            BuildError::BadRange {
                first: ip("10.0.0.9"),
                last: ip("10.0.0.5"),
                reason: RangeProblem::Backwards,
            },
            "bad-range",
            "range 10.0.0.9 to 10.0.0.5 ends before it begins",
        ),
        (
            of("10.0.0.0/24")
                .range(range("10.0.0.9", "10.0.1.5"))
                .build(),
            BuildError::BadRange {
                first: ip("10.0.0.9"),
                last: ip("10.0.1.5"),
                reason: RangeProblem::Outside,
            },
            "bad-range",
            "range 10.0.0.9 to 10.0.1.5 is not inside the pool's network or ranges",
        ),
        (
            of("10.0.0.0/24")
                .range(range("10.0.0.1", "10.0.0.5"))
                .range(range("10.0.0.4", "10.0.0.9"))
                .build(),
            BuildError::BadRange {
                first: ip("10.0.0.4"),
                last: ip("10.0.0.9"),
                reason: RangeProblem::Overlaps,
            },
            "bad-range",
            "range 10.0.0.4 to 10.0.0.9 overlaps another range of the pool",
        ),
        (
            of("10.0.0.0/24")
                .unit(28)
                .range(range("10.0.0.1", "10.0.0.15"))
                .build(),
            BuildError::BadRange {
                first: ip("10.0.0.1"),
                last: ip("10.0.0.15"),
                reason: RangeProblem::Misaligned,
            },
            "bad-range",
            "range 10.0.0.1 to 10.0.0.15 is not aligned to the units of the pool",
        ),
        (
            of("10.0.0.0/24")
                .reserve(range("10.0.1.1", "10.0.1.2"), "x")
                .build(),
            BuildError::BadRange {
                first: ip("10.0.1.1"),
                last: ip("10.0.1.2"),
                reason: RangeProblem::Outside,
            },
            "bad-range",
            "range 10.0.1.1 to 10.0.1.2 is not inside the pool's network or ranges",
        ),
        (
            of("10.0.0.0/24").unit(20).build(),
            BuildError::BadUnit {
                unit: 20,
                shortest: 24,
                longest: 32,
            },
            "bad-unit",
            "a unit of /20 does not fit: it must be /24 to /32",
        ),
        (
            of("2001:db8::/40").unit(129).build(),
            BuildError::BadUnit {
                unit: 129,
                shortest: 40,
                longest: 128,
            },
            "bad-unit",
            "a unit of /129 does not fit: it must be /40 to /128",
        ),
        (
            Pool::over([]).build(),
            BuildError::Empty,
            "empty",
            "a pool needs at least one slot: give it a network or a range, and room",
        ),
        (
            of("10.0.0.0/24").at_most(0).build(),
            BuildError::Empty,
            "empty",
            "a pool needs at least one slot: give it a network or a range, and room",
        ),
        (
            Pool::interface(net("10.0.0.255/24")).build(),
            BuildError::GatewayReserved {
                gateway: ip("10.0.0.255"),
                label: "broadcast",
            },
            "gateway-reserved",
            "gateway 10.0.0.255 is the broadcast address of its network",
        ),
    ];
    for (built, expected, code, message) in cases {
        let error = built.unwrap_err();
        assert_eq!(error, expected);
        assert_eq!((error.code(), &*error.to_string()), (code, message));
        assert!(is_kebab_case(error.code()), "{code}");
        assert_error(&error);
    }
}

type Allocating = fn(&Pool<Ipv4Net>) -> Result<(), AllocateError>;

/// 10.0.0.0/28 with everything taken but .5, .6 and .9: not enough for what is asked.
fn nearly_full(policy: Policy) -> Pool<Ipv4Net> {
    let pool = Pool::builder(v4("10.0.0.0/28"))
        .policy(policy)
        .build()
        .unwrap();
    let _ = common::drain(&pool);
    for free in [5, 6, 9] {
        pool.release(host(free)).unwrap();
    }
    pool
}

/// A refused allocation takes nothing, whichever verb was refused.
#[test]
fn a_refused_allocation_changes_nothing() {
    let cases: [(&str, Allocating, &str, &str); 11] = [
        (
            "many",
            |pool| pool.allocate_many(4).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "too many",
            |pool| pool.allocate_many(usize::MAX).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "block",
            |pool| pool.allocate_block(30).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "pair",
            |pool| pool.allocate_block(31).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "the whole",
            |pool| pool.allocate_block(28).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "shorter than the network",
            |pool| pool.allocate_block(27).map(drop),
            "bad-block",
            "a block of /27 does not fit: it must be /28 to /32",
        ),
        (
            "longer than an address",
            |pool| pool.allocate_block(33).map(drop),
            "bad-block",
            "a block of /33 does not fit: it must be /28 to /32",
        ),
        (
            "full part",
            |pool| pool.allocate_in(host(10)..=host(20)).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "reserved part",
            |pool| pool.allocate_in(host(0)..=host(1)).map(drop),
            "exhausted",
            "exhausted: too few of the pool's 13 addresses are free",
        ),
        (
            "elsewhere",
            |pool| pool.allocate_in(host(16)..=host(20)).map(drop),
            "out-of-range",
            "range 10.0.0.16 to 10.0.0.20 has no address of the pool",
        ),
        (
            "backwards",
            |pool| pool.allocate_in(host(9)..=host(5)).map(drop),
            "out-of-range",
            "range 10.0.0.9 to 10.0.0.5 has no address of the pool",
        ),
    ];
    for policy in common::POLICIES {
        let pool = nearly_full(policy);
        // .6 alone: no aligned pair is left either.
        pool.allocate_exact(host(5)).unwrap();
        for (what, call, code, message) in cases {
            let error = unchanged(&pool, what, || call(&pool)).unwrap_err();
            assert_eq!(
                (error.code(), &*error.to_string()),
                (code, message),
                "{what} {policy:?}"
            );
            assert!(is_kebab_case(error.code()));
            assert_error(&error);
        }
    }
}

/// Every verb that takes any address says `Exhausted` on a full pool, with the pool's capacity.
#[test]
fn a_full_pool_is_exhausted_for_every_verb() {
    let verbs: [(&str, Allocating); 8] = [
        ("allocate", |pool| pool.allocate().map(drop)),
        ("allocate_net", |pool| pool.allocate_net().map(drop)),
        ("preferring", |pool| {
            pool.allocate_preferring(host(5)).map(drop)
        }),
        ("preferring outside", |pool| {
            pool.allocate_preferring(ten(999)).map(drop)
        }),
        ("many", |pool| pool.allocate_many(1).map(drop)),
        ("block", |pool| pool.allocate_block(32).map(drop)),
        ("in", |pool| pool.allocate_in(host(0)..=host(15)).map(drop)),
        ("guard", |pool| pool.guard().map(drop)),
    ];
    for (policy, search) in common::POLICIES
        .into_iter()
        .flat_map(|policy| common::SEARCHES.map(|search| (policy, search)))
    {
        let pool = Pool::builder(v4("10.0.0.0/28"))
            .policy(policy)
            .search(search)
            .build()
            .unwrap();
        assert_eq!(common::drain(&pool).len(), 13);
        for (what, verb) in verbs {
            let error = unchanged(&pool, what, || verb(&pool)).unwrap_err();
            assert!(
                matches!(error, AllocateError::Exhausted { capacity: 13, .. }),
                "{what} {policy:?}"
            );
        }
        assert_eq!(
            unchanged(&pool, "into", || pool.allocate_into(&mut [host(0); 2])),
            0
        );
    }
}

/// Errors echo the address as it was given.
#[test]
fn exact_allocations_say_why_not() {
    let pool = Pool::builder(net("10.0.0.0/24"))
        .reserve(ip("10.0.0.50")..=ip("10.0.0.59"), "printers")
        .build()
        .unwrap();
    pool.allocate_exact(ip("10.0.0.7")).unwrap();
    let units = Pool::builder(net("10.0.0.0/24")).unit(28).build().unwrap();
    for (pool, addr, code, message) in [
        (
            &pool,
            "10.0.0.7",
            "already-allocated",
            "10.0.0.7 is already allocated",
        ),
        (
            &pool,
            "::ffff:10.0.0.7",
            "already-allocated",
            "::ffff:10.0.0.7 is already allocated",
        ),
        (&pool, "10.0.0.0", "reserved", "10.0.0.0 is reserved"),
        (&pool, "10.0.0.1", "reserved", "10.0.0.1 is reserved"),
        (&pool, "10.0.0.255", "reserved", "10.0.0.255 is reserved"),
        (&pool, "10.0.0.55", "reserved", "10.0.0.55 is reserved"),
        (
            &pool,
            "10.0.1.0",
            "out-of-range",
            "10.0.1.0 is not an address of the pool",
        ),
        (
            &pool,
            "9.255.255.255",
            "out-of-range",
            "9.255.255.255 is not an address of the pool",
        ),
        (
            &pool,
            "255.255.255.255",
            "out-of-range",
            "255.255.255.255 is not an address of the pool",
        ),
        (
            &pool,
            "::a00:7",
            "out-of-range",
            "::a00:7 is not an address of the pool",
        ),
        (
            &pool,
            "2001:db8::7",
            "out-of-range",
            "2001:db8::7 is not an address of the pool",
        ),
        (
            &units,
            "10.0.0.17",
            "misaligned",
            "10.0.0.17 is inside 10.0.0.16/28: name it by 10.0.0.16",
        ),
        (
            &units,
            "10.0.1.1",
            "out-of-range",
            "10.0.1.1 is not an address of the pool",
        ),
    ] {
        let error = unchanged(pool, addr, || pool.allocate_exact(ip(addr))).unwrap_err();
        assert_eq!((error.code(), &*error.to_string()), (code, message));
        assert!(is_kebab_case(error.code()));
        assert_error(&error);
        let same = match error.code() {
            "already-allocated" => {
                matches!(error, AllocateExactError::AlreadyAllocated { addr: of, .. } if of == ip(addr))
            }
            "reserved" => error == AllocateExactError::Reserved { addr: ip(addr) },
            "out-of-range" => error == AllocateExactError::OutOfRange { addr: ip(addr) },
            _ => {
                error
                    == AllocateExactError::Misaligned {
                        addr: ip(addr),
                        unit: net("10.0.0.16/28"),
                    }
            }
        };
        assert!(same, "{error:?}");
    }
}

/// Network, broadcast, gateway, reserved, outside, other family, twice: refused, and nothing changes.
#[test]
fn releases_say_why_not_and_change_nothing() {
    let pool = Pool::builder(net("10.0.0.0/24"))
        .reserve(ip("10.0.0.50")..=ip("10.0.0.59"), "printers")
        .build()
        .unwrap();
    assert_eq!(pool.allocate_many(10).unwrap().len(), 10);
    pool.allocate_exact(ip("10.0.0.99")).unwrap();
    pool.release(ip("10.0.0.99")).unwrap();
    let v6 = Pool::new(net("2001:db8::/120")).unwrap();
    let _ = common::drain(&v6);
    let units = Pool::builder(net("10.0.0.0/24")).unit(28).build().unwrap();
    let _ = common::drain(&units);
    for (pool, addr, code, message) in [
        (&pool, "10.0.0.0", "reserved", "10.0.0.0 is reserved"),
        (&pool, "10.0.0.255", "reserved", "10.0.0.255 is reserved"),
        (&pool, "10.0.0.1", "reserved", "10.0.0.1 is reserved"),
        (&pool, "10.0.0.50", "reserved", "10.0.0.50 is reserved"),
        (
            &pool,
            "10.0.0.99",
            "not-allocated",
            "10.0.0.99 is not allocated",
        ),
        (
            &pool,
            "10.0.0.254",
            "not-allocated",
            "10.0.0.254 is not allocated",
        ),
        (
            &pool,
            "10.0.1.0",
            "out-of-range",
            "10.0.1.0 is not an address of the pool",
        ),
        (
            &pool,
            "9.255.255.255",
            "out-of-range",
            "9.255.255.255 is not an address of the pool",
        ),
        (
            &pool,
            "2001:db8::5",
            "out-of-range",
            "2001:db8::5 is not an address of the pool",
        ),
        (&v6, "2001:db8::", "reserved", "2001:db8:: is reserved"),
        (&v6, "2001:db8::1", "reserved", "2001:db8::1 is reserved"),
        (
            &v6,
            "2001:db8::100",
            "out-of-range",
            "2001:db8::100 is not an address of the pool",
        ),
        (
            &v6,
            "10.0.0.5",
            "out-of-range",
            "10.0.0.5 is not an address of the pool",
        ),
        (
            &v6,
            "::ffff:10.0.0.5",
            "out-of-range",
            "::ffff:10.0.0.5 is not an address of the pool",
        ),
        (
            &units,
            "10.0.0.31",
            "misaligned",
            "10.0.0.31 is inside 10.0.0.16/28: name it by 10.0.0.16",
        ),
    ] {
        let errors = pool.stats().release_errors;
        let error = unchanged(pool, addr, || pool.release(ip(addr))).unwrap_err();
        assert_eq!((error.code(), &*error.to_string()), (code, message));
        assert_eq!(pool.stats().release_errors, errors + 1);
        assert!(is_kebab_case(error.code()));
        assert_error(&error);
        let same = match error.code() {
            "reserved" => error == ReleaseError::Reserved { addr: ip(addr) },
            "not-allocated" => error == ReleaseError::NotAllocated { addr: ip(addr) },
            "out-of-range" => error == ReleaseError::OutOfRange { addr: ip(addr) },
            _ => {
                error
                    == ReleaseError::Misaligned {
                        addr: ip(addr),
                        unit: net("10.0.0.16/28"),
                    }
            }
        };
        assert!(same, "{error:?}");
    }
}

/// The second release of the same address is refused, at every level of statistics.
#[test]
fn a_double_release_changes_nothing() {
    for level in [StatsLevel::Off, StatsLevel::Counts, StatsLevel::Full] {
        let pool = Pool::builder(v4("10.0.0.0/24"))
            .stats(level)
            .build()
            .unwrap();
        let addr = pool.allocate().unwrap();
        let other = pool.allocate().unwrap();
        pool.release(addr).unwrap();
        for _ in 0..3 {
            let error = unchanged(&pool, "double release", || pool.release(addr)).unwrap_err();
            assert_eq!(error, ReleaseError::NotAllocated { addr: addr.into() });
        }
        assert!(pool.iter().eq([other]));
        assert_eq!((pool.allocated(), pool.available()), (1, 252));
    }
}

/// An IPv4 unit is named as IPv4, even if the address came as IPv4-mapped.
#[test]
fn a_mapped_address_inside_a_unit_is_told_the_unit_it_is_in() {
    let pool = Pool::builder(net("10.0.0.0/24")).unit(28).build().unwrap();
    let addr = ip("::ffff:10.0.0.17");
    let unit = net("10.0.0.16/28");
    assert_eq!(pool.slot_of(addr), Some(1));
    let error = pool.allocate_exact(addr).unwrap_err();
    assert!(
        matches!(error, AllocateExactError::Misaligned { unit: told, .. } if told == unit),
        "{error}"
    );
    let error = pool.release(addr).unwrap_err();
    assert!(
        matches!(error, ReleaseError::Misaligned { unit: told, .. } if told == unit),
        "{error}"
    );
}

/// Blocks that cannot be released are left exactly as they were.
#[test]
fn blocks_say_why_they_are_not_released() {
    let pool = Pool::builder(net("10.0.0.0/22"))
        .reserve(ip("10.0.1.77")..=ip("10.0.1.77"), "x")
        .build()
        .unwrap();
    let _ = common::drain(&pool);
    pool.release(ip("10.0.2.200")).unwrap();
    pool.release(ip("10.0.2.201")).unwrap();
    let units = Pool::builder(net("10.0.0.0/24")).unit(28).build().unwrap();
    let _ = common::drain(&units);
    let routed = Pool::builder(net("10.0.0.0/24"))
        .reserve_edges(false)
        .build()
        .unwrap();
    let _ = common::drain(&routed);
    for (pool, block, code, message) in [
        (
            &pool,
            "10.0.2.192/28",
            "not-allocated",
            "10.0.2.200 is not allocated",
        ),
        (
            &pool,
            "10.0.2.0/24",
            "not-allocated",
            "10.0.2.200 is not allocated",
        ),
        (
            &pool,
            "10.0.2.128/25",
            "not-allocated",
            "10.0.2.200 is not allocated",
        ),
        (
            &pool,
            "10.0.2.201/32",
            "not-allocated",
            "10.0.2.201 is not allocated",
        ),
        (&pool, "10.0.1.64/26", "reserved", "10.0.1.77 is reserved"),
        (&pool, "10.0.1.77/32", "reserved", "10.0.1.77 is reserved"),
        (&pool, "10.0.0.0/30", "reserved", "10.0.0.0 is reserved"),
        (&pool, "10.0.3.128/25", "reserved", "10.0.3.255 is reserved"),
        (
            &pool,
            "10.0.4.0/24",
            "out-of-range",
            "10.0.4.0 is not an address of the pool",
        ),
        (
            &pool,
            "2001:db8::/120",
            "out-of-range",
            "2001:db8:: is not an address of the pool",
        ),
        (
            &pool,
            "10.0.2.17/28",
            "misaligned",
            "10.0.2.17 is inside 10.0.2.16/28: name it by 10.0.2.16",
        ),
        (
            &units,
            "10.0.0.16/30",
            "misaligned",
            "10.0.0.16 is inside 10.0.0.16/28: name it by 10.0.0.16",
        ),
        (
            &routed,
            "10.0.0.0/23",
            "out-of-range",
            "10.0.0.0 is not an address of the pool",
        ),
        (
            &routed,
            "0.0.0.0/0",
            "out-of-range",
            "0.0.0.0 is not an address of the pool",
        ),
        (
            &routed,
            "::/0",
            "out-of-range",
            ":: is not an address of the pool",
        ),
    ] {
        let error = unchanged(pool, block, || pool.release_block(net(block))).unwrap_err();
        assert_eq!(
            (error.code(), &*error.to_string()),
            (code, message),
            "{block}"
        );
        assert_error(&error);
    }
}

/// The stateless form has the errors of a pool's network, and one of its own.
#[test]
fn next_free_says_why_not() {
    let none: [&str; 0] = [];
    let error = next_free(net("10.0.0.5/24"), none).unwrap_err();
    let of_network = Pool::new(net("10.0.0.5/24")).unwrap_err();
    assert!(matches!(&error, NextFreeError::Network { error, .. } if *error == of_network));
    assert_eq!(
        (error.code(), error.to_string()),
        ("host-bits-set", of_network.to_string())
    );
    assert_error(&error);
    let error = next_free(v6("::ffff:10.0.0.0/120"), none).unwrap_err();
    assert_eq!(error.code(), "mapped-prefix");
    let error = next_free(v4("10.0.0.0/30"), ["10.0.0.2"]).unwrap_err();
    assert!(matches!(
        error,
        NextFreeError::Exhausted { capacity: 1, .. }
    ));
    assert_eq!(
        (error.code(), &*error.to_string()),
        (
            "exhausted",
            "exhausted: all 1 addresses are held by listed users"
        )
    );
    assert_error(&error);
}

/// Snapshots of different layouts cannot be compared; those of equal pools can.
#[test]
fn snapshots_of_different_layouts_do_not_compare() {
    let pool = Pool::new(v4("10.0.0.0/24")).unwrap();
    let others = [
        Pool::new(v4("10.0.1.0/24")),
        Pool::new(v4("10.0.0.0/25")),
        Pool::builder(v4("10.0.0.0/24"))
            .gateway(Gateway::Last)
            .build(),
        Pool::builder(v4("10.0.0.0/24"))
            .reserve_edges(false)
            .build(),
        Pool::builder(v4("10.0.0.0/24")).unit(25).build(),
        Pool::builder(v4("10.0.0.0/24"))
            .range(host(9)..=host(19))
            .build(),
        Pool::builder(v4("10.0.0.0/24"))
            .reserve(host(9)..=host(19), "x")
            .build(),
    ];
    for other in others {
        let error = pool
            .snapshot()
            .diff(&other.unwrap().snapshot())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the snapshots are of pools with different layouts"
        );
        assert_error::<SnapshotMismatch>(&error);
    }
    let same = Pool::builder(v4("10.0.0.0/24"))
        .policy(Policy::Next)
        .stats(StatsLevel::Off)
        .build()
        .unwrap();
    assert!(pool.snapshot().diff(&same.snapshot()).is_ok());
}

/// Also one that is written as an IPv4 network inside IPv6: blocks are not translated.
#[test]
fn a_block_of_the_other_family_is_out_of_range() {
    let net: IpNet = "10.0.0.0/24".parse().unwrap();
    let pool = Pool::new(net).unwrap();
    for block in ["::ffff:10.0.0.0/124", "::ffff:10.0.0.0/28", "fd00::/124"] {
        let error = pool.release_block(block.parse().unwrap()).unwrap_err();
        assert_eq!(error.code(), "out-of-range", "{block}");
    }
}
