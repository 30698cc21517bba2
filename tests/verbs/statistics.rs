//! What the counters say.

use super::*;

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
            let from = pool.allocate_from(ten(900)).unwrap();
            check(147, "from");
            pool.release(from).unwrap();
            let guard = pool.guard().unwrap();
            check(147, "guard");
            drop(guard);
            check(146, "guard dropped");
            let users: Vec<_> = pool
                .free_from(ten(700))
                .take(3)
                .chain([preferred])
                .collect();
            assert_eq!(pool.adopt(&users).unwrap().taken, 3);
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

/// Each verb adds to its own counter; a refused one to the reason why.
#[test]
fn every_verb_counts_where_it_belongs() {
    let calls: [Counted; 35] = [
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
            "from",
            |pool| drop(pool.allocate_from(host(100))),
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
            "exact block",
            |pool| pool.allocate_block_exact(v4("10.0.0.192/28")).unwrap(),
            |stats| stats.allocations.block += 16,
        ),
        (
            "exact block again",
            |pool| drop(pool.allocate_block_exact(v4("10.0.0.200/29"))),
            |stats| stats.failures.taken += 1,
        ),
        (
            "adopt",
            |pool| drop(pool.adopt([host(70), host(71), host(71), host(1)]).unwrap()),
            |stats| stats.allocations.adopted += 2,
        ),
        (
            "adopt again",
            |pool| drop(pool.adopt([host(70), host(71)]).unwrap()),
            |_| {},
        ),
        (
            "expand",
            |pool| drop(pool.adopt(["10.0.0.64/30"]).unwrap()),
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
            "from the outside",
            |pool| {
                pool.allocate_from(ten(999))
                    .map(|addr| assert!(addr < host(100)))
                    .unwrap()
            },
            |stats| stats.allocations.preferred += 1,
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
    assert!(pool.allocate_from(host(9)).is_err());
    assert_eq!(pool.allocate_into(&mut [host(0); 9]), 0);
    assert_eq!(pool.stats().failures, {
        let mut failures = Failures::default();
        failures.exhausted = 7;
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
        let calls: [fn(&Pool<Ipv4Net>); 7] = [
            |pool| drop(pool.allocate()),
            |pool| pool.allocate_exact(host(99)).unwrap(),
            |pool| drop(pool.allocate_preferring(host(98))),
            |pool| drop(pool.allocate_many(3)),
            |pool| drop(pool.allocate_block(30)),
            |pool| pool.allocate_block_exact(v4("10.0.0.64/30")).unwrap(),
            |pool| drop(pool.adopt(["10.0.0.97"]).unwrap()),
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
