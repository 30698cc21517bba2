//! Allocation in a part of the pool.

use super::*;

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
            let mut given: Vec<_> =
                std::iter::from_fn(|| pool.allocate_in(ten(first)..=ten(last)).ok()).collect();
            if policy == Policy::Highest {
                given.reverse();
            }
            if matches!(policy, Policy::Lowest | Policy::Highest | Policy::Next) {
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
