//! Verbs that look and change nothing.

use super::*;

/// Logs get the info line: neither the bits of 2^24 slots nor the seed of a random pool.
#[test]
fn debug_prints_the_info_line_and_not_the_bits() {
    let pool = slash24();
    let _ = drain(&pool);
    let line = "10.0.0.0/24, 10.0.0.2 to 10.0.0.254, gateway 10.0.0.1, capacity 253";
    assert_eq!(format!("{pool:?}"), format!("Pool({line}, lowest)"));
    assert_eq!(format!("{pool:#?}"), format!("Pool({line}, lowest)"));
    assert_eq!(pool.info().to_string(), format!("{line}, lowest"));
    let seeded = Policy::Random(424_242);
    for policy in Policy::ALL.into_iter().chain([seeded]) {
        let name = policy.name();
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

/// What does not change is reported in one piece.
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

/// What changed between two moments, whichever thread changed it.
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
