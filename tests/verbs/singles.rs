//! Verbs that take or give back single addresses, a few or many.

use super::*;

/// `allocate_net` returns the address as a CIDR of the unit.
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
