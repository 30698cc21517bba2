//! `to_heap`: a copy that goes on as the pool would.

use super::*;

/// What is held, reserved and chosen is the same, and so is what comes next, whatever the policy.
#[test]
fn a_copy_goes_on_as_the_pool_would() {
    let policies = POLICIES.into_iter().chain([Policy::Random(77)]);
    for policy in policies {
        for (search, level) in SEARCHES
            .into_iter()
            .flat_map(|search| LEVELS.map(|level| (search, level)))
        {
            let pool = Pool::builder(v4("10.0.0.0/23"))
                .policy(policy)
                .search(search)
                .stats(level)
                .reserve(host(40)..=host(60), "printers")
                .build()
                .unwrap();
            let held = pool.allocate_many(100).unwrap();
            let _ = pool.release_many(&held[20..50]);
            pool.allocate_block(28).unwrap();
            let what = format!("{policy:?} {search:?} {level:?}");
            let copy = pool.to_heap();
            assert_eq!(copy.info(), pool.info(), "{what}");
            assert_eq!(copy.allocated(), pool.allocated(), "{what}");
            assert!(copy.iter().eq(pool.iter()), "{what}");
            assert_eq!(copy.status(host(50)).label(), Some("printers"), "{what}");
            assert_eq!(copy.allocate_block(27), pool.allocate_block(27), "{what}");
            for step in 0..50 {
                let (ours, theirs) = (copy.allocate(), pool.allocate());
                // By spread, any that is free.
                if policy != Policy::Spread {
                    assert_eq!(ours, theirs, "{what}, step {step}");
                }
            }
            assert_eq!(drain(&copy).len(), drain(&pool).len(), "{what}");
        }
    }
}

/// Neither knows what becomes of the other.
#[test]
fn a_copy_is_a_pool_of_its_own() {
    let pool = slash24();
    let held = pool.allocate_many(10).unwrap();
    let copy = pool.to_heap();
    assert_eq!(pool.release_many(&held).released, 10);
    assert_eq!((pool.allocated(), copy.allocated()), (0, 10));
    assert_eq!(copy.release_many(&held).released, 10);
    assert_eq!(drain(&copy).len(), 253);
    assert_eq!(pool.allocated(), 0);
    drop(pool);
    assert_eq!(copy.allocated(), 253);
    assert_eq!(copy.to_heap().allocated(), 253);
}

/// What it has when it is made counts as adopted, and nothing else.
#[test]
fn the_statistics_of_a_copy_begin_anew() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .stats(StatsLevel::Full)
        .build()
        .unwrap();
    let held = pool.allocate_many(10).unwrap();
    pool.release(held[0]).unwrap();
    let stats = pool.to_heap().stats();
    let mut expected = Stats::default();
    expected.allocations.adopted = 9;
    assert_eq!(stats, expected);
}

/// Everything reserved, several ranges, units: as any other pool.
#[test]
fn copies_of_odd_pools() {
    let all = Pool::builder(v4("10.0.0.0/30")).reserve(host(0)..=host(3), "all");
    assert!(all.build().unwrap().to_heap().allocate().is_err());
    let ranges = Pool::<Ipv4Net>::over([host(7)..=host(9), ten(900)..=ten(905)])
        .build()
        .unwrap();
    assert_eq!(ranges.allocate_from(ten(900)), Ok(ten(900)));
    let copy = ranges.to_heap();
    assert!(copy.iter().eq([ten(900)]) && copy.capacity() == 9);
    let units = Pool::builder(v6("2001:db8::/48")).unit(56).build().unwrap();
    let unit = units.allocate_net().unwrap();
    let copy = units.to_heap();
    assert_eq!(copy.allocate_net().unwrap(), units.allocate_net().unwrap());
    assert!(copy.is_allocated(unit.addr()));
}
