//! Layouts that are mistakes unless they are asked for: ranges that overlap, reservations that reach beyond, nothing.

use super::*;

fn over(ranges: &[(u8, u8)]) -> Builder<Ipv4Net> {
    Pool::over(ranges.iter().map(|&(first, last)| host(first)..=host(last)))
}

/// Whatever overlaps is one range, and what only touches stays as it was.
#[test]
fn ranges_that_overlap_are_merged_on_request() {
    for (ranges, merged) in [
        (&[(10, 20), (15, 30)][..], &[(10, 30)][..]),
        (&[(15, 30), (10, 20), (40, 50)], &[(10, 30), (40, 50)]),
        (&[(10, 50), (20, 30), (25, 40)], &[(10, 50)]),
        (&[(10, 20), (10, 20)], &[(10, 20)]),
        (&[(10, 20), (20, 20), (21, 30)], &[(10, 30)]),
    ] {
        assert_eq!(over(ranges).build().unwrap_err().code(), "bad-range");
        let pool = over(ranges).merge_ranges(true).build().unwrap();
        assert_eq!(
            pool.info().ranges,
            over(merged).build().unwrap().info().ranges
        );
        assert_eq!(drain(&pool).len() as u64, pool.capacity());
    }
    let backwards = over(&[(20, 10)]).merge_ranges(true);
    assert_eq!(backwards.build().unwrap_err().code(), "bad-range");
    let outside = Pool::builder(v4("10.0.0.0/24"))
        .range(ten(250)..=ten(260))
        .merge_ranges(true);
    assert_eq!(outside.build().unwrap_err().code(), "bad-range");
}

/// Ranges are in the order of their addresses; a set uses pools in the order in which they are given.
#[test]
fn the_order_of_ranges_is_that_of_addresses_and_that_of_members_is_given() {
    let pool = over(&[(40, 41), (10, 11)]).build().unwrap();
    assert_eq!(drain(&pool), [10, 11, 40, 41].map(host));
    let members = [over(&[(40, 41)]), over(&[(10, 11)])].map(|builder| builder.build().unwrap());
    let set = hostbits::PoolSet::new(members).unwrap();
    let given: Vec<_> = std::iter::from_fn(|| set.allocate().ok()).collect();
    assert_eq!(given, [40, 41, 10, 11].map(host));
}

/// What lies outside of the network, of its ranges or of its family is left out; what is inside is reserved.
#[test]
fn reservations_are_clipped_on_request() {
    let builder = Pool::builder(net("10.0.0.0/24"))
        .reserve(ip("10.0.0.200")..=ip("10.0.1.9"), "across")
        .reserve(ip("10.0.9.0")..=ip("10.0.9.9"), "beside")
        .reserve(ip("2001:db8::1")..=ip("2001:db8::9"), "of the other family");
    assert_eq!(builder.build().unwrap_err().code(), "bad-range");
    let pool = builder.clone().clip_reservations(true).build().unwrap();
    let labels: Vec<_> = pool
        .info()
        .reservations
        .into_iter()
        .map(|of| of.label)
        .collect();
    assert_eq!(labels, ["network", "gateway", "across", "broadcast"]);
    assert_eq!(pool.last(), Some(ip("10.0.0.199")));
    let backwards = builder
        .reserve(ip("10.0.0.9")..=ip("10.0.0.3"), "x")
        .clip_reservations(true);
    assert_eq!(backwards.build().unwrap_err().code(), "bad-range");
    let of_both = Pool::builder(net("10.0.0.0/24"))
        .reserve(ip("10.0.0.9")..=ip("2001:db8::9"), "a slip")
        .clip_reservations(true);
    assert_eq!(of_both.build().unwrap_err().code(), "bad-range");
    let ranges = over(&[(10, 20)])
        .reserve(host(1)..=host(5), "below")
        .clip_reservations(true);
    assert_eq!(ranges.build().unwrap().capacity(), 11);
}

fn judge_nothing<N: Network>(builder: Builder<N>) {
    assert_eq!(builder.build().unwrap_err().code(), "empty");
    let pool = builder.allow_empty(true).build().unwrap();
    assert_eq!(
        (pool.capacity(), pool.available(), pool.allocated()),
        (0, 0, 0)
    );
    assert_eq!((pool.first(), pool.last()), (None, None));
    assert_eq!(pool.allocate().unwrap_err().code(), "exhausted");
    assert_eq!(pool.allocate_many(1).unwrap_err().code(), "exhausted");
    assert_eq!(pool.iter().count(), 0);
    assert_eq!(pool.adopt(["192.0.2.7", "2001:db8::7"]).unwrap().taken, 0);
    assert_eq!(pool.to_heap().capacity(), 0);
    assert!(pool.local().allocate().is_err());
}

/// No ranges, or no slot: a pool that has nothing, if that is wanted.
#[test]
fn a_pool_of_nothing_is_built_on_request() {
    judge_nothing(Pool::<Ipv4Net>::over([]));
    judge_nothing(Pool::<Ipv6Net>::over([]));
    judge_nothing(Pool::<IpNet>::over([]));
    judge_nothing(Pool::<Ipv6Net>::over([]).unit(64));
    judge_nothing(
        Pool::<Ipv4Net>::over([])
            .search(Search::Linear)
            .policy(Policy::Next),
    );
    judge_nothing(Pool::builder(v4("10.0.0.0/24")).at_most(0));
    judge_nothing(
        Pool::builder(v6("2001:db8::/64"))
            .at_most(0)
            .reserve_edges(false),
    );
    let first = Pool::<Ipv4Net>::over([]).gateway(Gateway::First);
    let pool = first.allow_empty(true).build().unwrap();
    assert_eq!(pool.gateway(), None, "0.0.0.0 is no gateway");
    // Of what is there, nothing changes.
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .allow_empty(true)
        .build()
        .unwrap();
    assert_eq!(pool.info(), slash24().info());
    let mut nothing = Pool::<Ipv4Net>::over([]).allow_empty(true).build().unwrap();
    let member = Pool::<Ipv4Net>::over([]).allow_empty(true).build().unwrap();
    let set = hostbits::PoolSet::new([member, slash24()]).unwrap();
    assert_eq!(set.allocate(), Ok(host(2)));
    assert!(
        over(&[(10, 20)]).grow(&mut nothing).is_err(),
        "its slot is not of the other"
    );
}
