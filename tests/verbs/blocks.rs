//! Blocks: aligned prefixes of the pool.

use super::*;

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

/// Exactly this block or nothing, of every size up to the whole, in a word and in many: as a set says.
#[test]
fn an_exact_block_is_all_or_nothing() {
    for search in SEARCHES {
        let builder = Pool::builder(v4("10.0.0.0/21")).search(search);
        let builder = builder.reserve_edges(false).gateway(Gateway::None);
        for order in 0..=11 {
            let pool = builder.build().unwrap();
            let size = 1u32 << order;
            for first in (0..2048).step_by(size as usize) {
                let block = block(first, order);
                pool.allocate_block_exact(block).unwrap();
                let last = ten(first + size - 1);
                assert!(
                    pool.is_allocated(ten(first)) && pool.is_allocated(last),
                    "{block}"
                );
                let error = unchanged(&pool, "again", || pool.allocate_block_exact(block));
                assert_eq!(
                    error.unwrap_err().to_string(),
                    format!("{} is already allocated", ten(first))
                );
            }
            assert_eq!(pool.available(), 0);
            let victim = block(1024 / size * size, order);
            pool.release_block(victim).unwrap();
            pool.allocate_block_exact(victim).unwrap();
        }
    }
}

/// One address of it is enough, and is named.
#[test]
fn an_exact_block_names_who_is_in_the_way() {
    let pool = Pool::builder(v4("10.0.0.0/22"))
        .reserve(host(70)..=host(70), "x")
        .build()
        .unwrap();
    pool.allocate_exact(ten(900)).unwrap();
    for (text, message) in [
        ("10.0.3.128/26", "10.0.3.132 is already allocated"),
        ("10.0.3.132/30", "10.0.3.132 is already allocated"),
        ("10.0.0.64/28", "10.0.0.70 is reserved"),
        ("10.0.0.0/22", "10.0.0.0 is reserved"),
        ("10.0.4.0/24", "10.0.4.0 is not an address of the pool"),
        ("10.0.0.0/16", "10.0.0.0 is not an address of the pool"),
        (
            "10.0.0.5/28",
            "10.0.0.5 is inside 10.0.0.0/28: name it by 10.0.0.0",
        ),
    ] {
        let error = unchanged(&pool, text, || pool.allocate_block_exact(v4(text)));
        assert_eq!(error.unwrap_err().to_string(), message, "{text}");
    }
    assert_eq!(pool.stats().failures.taken, 2);
    assert_eq!(pool.stats().failures.reserved, 2);
    assert_eq!(pool.stats().failures.out_of_range, 3);
}

/// Units, the other family, and a block over the seam of two ranges.
#[test]
fn exact_blocks_of_units_and_ranges() {
    let units = Pool::builder(net("2001:db8::/48"))
        .unit(56)
        .build()
        .unwrap();
    units
        .allocate_block_exact(net("2001:db8:0:100::/56"))
        .unwrap();
    units
        .allocate_block_exact(net("2001:db8:0:200::/55"))
        .unwrap();
    assert_eq!(units.allocated(), 3);
    let code = |text| units.allocate_block_exact(net(text)).unwrap_err().code();
    assert_eq!(code("2001:db8:0:400::/57"), "misaligned");
    assert_eq!(code("10.0.0.0/24"), "out-of-range");
    assert_eq!(code("2001:db8::/47"), "out-of-range");
    let ranges = Pool::<Ipv4Net>::over([host(0)..=host(30), host(32)..=host(63)])
        .build()
        .unwrap();
    ranges.allocate_block_exact(v4("10.0.0.32/27")).unwrap();
    let error = ranges.allocate_block_exact(v4("10.0.0.0/26")).unwrap_err();
    assert_eq!(error.code(), "out-of-range", "31 is not of it");
}
