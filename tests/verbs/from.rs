//! `allocate_from`: the first free address from a given one on, and around.

use super::*;

/// Every start of a small pool, at every fill, whatever the policy: what a scan finds.
#[test]
fn allocate_from_is_the_next_free_one_and_then_the_first() {
    every_way(|policy, search| {
        let builder = Pool::builder(v4("10.0.0.0/28"))
            .policy(policy)
            .search(search);
        for start in 0..16 {
            let pool = builder.build().unwrap();
            let usable: Vec<_> = (2..15).map(host).collect();
            let from = host(start);
            let above = usable.iter().filter(|&&addr| addr >= from);
            let around = above.chain(usable.iter().filter(|&&addr| addr < from));
            for &expected in around {
                assert_eq!(
                    pool.allocate_from(from),
                    Ok(expected),
                    "{policy:?} {search:?} {from}"
                );
            }
            let error = pool.allocate_from(from).unwrap_err();
            assert_eq!(error.code(), "exhausted");
        }
    });
}

/// From outside of the pool on: what comes next in the order of addresses, gaps and all.
#[test]
fn allocate_from_an_address_that_the_pool_does_not_have() {
    let pool = || {
        let ranges = [host(10)..=host(11), host(30)..=host(30)];
        Pool::<Ipv4Net>::over(ranges).build().unwrap()
    };
    let (lowest, highest) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    for (from, expected) in [
        (lowest, 10),
        (host(9), 10),
        (host(12), 30),
        (host(31), 10),
        (highest, 10),
    ] {
        assert_eq!(pool().allocate_from(from), Ok(host(expected)), "{from}");
    }
}

/// The slot after the last one is the first one, also where the pool ends with a word, and at the end of the family.
#[test]
fn allocate_from_the_end_of_a_pool() {
    for net in ["10.0.0.0/26", "10.0.0.0/23", "255.255.255.0/24"] {
        let pool = Pool::builder(v4(net)).reserve_edges(false).build().unwrap();
        let last = pool.last().unwrap();
        assert_eq!(pool.allocate_from(last), Ok(last));
        assert_eq!(pool.allocate_from(last), Ok(pool.first().unwrap()));
    }
}

/// From inside a unit on comes the next one; in the last one, the first.
#[test]
fn allocate_from_inside_a_unit() {
    let pool = Pool::builder(net("10.0.0.0/24")).unit(28).build().unwrap();
    assert_eq!(pool.allocate_from(ip("10.0.0.16")), Ok(ip("10.0.0.16")));
    assert_eq!(pool.allocate_from(ip("10.0.0.17")), Ok(ip("10.0.0.32")));
    assert_eq!(pool.allocate_from(ip("10.0.0.241")), Ok(ip("10.0.0.0")));
}

/// An address of the other family comes before nothing: an error, and counted.
#[test]
fn allocate_from_the_other_family_is_out_of_range() {
    let pool = Pool::new(net("10.0.0.0/24")).unwrap();
    let error = pool.allocate_from(ip("2001:db8::1")).unwrap_err();
    assert_eq!(error.code(), "out-of-range");
    assert_eq!(
        (pool.allocated(), pool.stats().failures.out_of_range),
        (0, 1)
    );
}

/// It is not the policy's: where `Next` goes on does not depend on it.
#[test]
fn allocate_from_does_not_move_the_policy() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .policy(Policy::Next)
        .build()
        .unwrap();
    assert_eq!(pool.allocate(), Ok(host(2)));
    assert_eq!(pool.allocate_from(host(100)), Ok(host(100)));
    assert_eq!(pool.allocate(), Ok(host(3)));
}
