//! Facts one by one: those of `info`, typed.

use super::*;

/// Pools of every kind: of a network, of ranges, with units, with nothing left, of either family.
fn judge<N: Network>(pool: &Pool<N>) {
    let info = pool.info();
    let addr = |addr: N::Addr| -> IpAddr { addr.into() };
    let net: Option<IpNet> = pool.network().map(Into::into);
    assert_eq!(net, info.network, "{info}");
    assert_eq!(pool.prefix_len(), info.prefix_len, "{info}");
    assert_eq!(pool.gateway().map(addr), info.gateway, "{info}");
    assert_eq!(pool.first().map(addr), info.first_usable, "{info}");
    assert_eq!(pool.last().map(addr), info.last_usable, "{info}");
}

/// One by one or all together, and whatever is allocated: the same facts.
#[test]
fn facts_are_those_of_info() {
    let pool = slash24();
    judge(&pool);
    let _ = drain(&pool);
    judge(&pool);
    for net in ["10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32", "0.0.0.0/4"] {
        judge(&Pool::new(v4(net)).unwrap());
    }
    judge(&Pool::new(net("2001:db8::/112")).unwrap());
    judge(&Pool::builder(v6("2001:db8::/40")).unit(56).build().unwrap());
    judge(
        &Pool::<Ipv4Net>::over([host(7)..=host(9), host(20)..=host(30)])
            .build()
            .unwrap(),
    );
    let all = Pool::builder(v4("10.0.0.0/30")).reserve(host(0)..=host(3), "all");
    judge(&all.build().unwrap());
}

#[test]
fn facts_of_a_pool_that_hands_out_nothing() {
    let all = Pool::builder(v4("10.0.0.0/30")).reserve(host(0)..=host(3), "all");
    let pool = all.build().unwrap();
    assert_eq!((pool.first(), pool.last()), (None, None));
    assert_eq!(pool.network(), Some(v4("10.0.0.0/30")));
    assert!(pool.contains(host(2)) && !pool.is_allocated(host(2)));
}

/// Reserved addresses are of the pool, and have no holder.
#[test]
fn what_a_pool_contains_and_what_is_allocated() {
    let pool = Pool::builder(v4("10.0.0.0/24"))
        .range(host(10)..=host(20))
        .range(host(30)..=host(40))
        .reserve(host(12)..=host(13), "printers")
        .build()
        .unwrap();
    let mut held = HashSet::new();
    for addr in [host(11), host(20), host(30)] {
        pool.allocate_exact(addr).unwrap();
        held.insert(addr);
    }
    for last in 0..=255 {
        let is_inside = (10..=20).contains(&last) || (30..=40).contains(&last);
        let addr = host(last);
        assert_eq!(pool.contains(addr), is_inside, "{addr}");
        assert_eq!(pool.is_allocated(addr), held.contains(&addr), "{addr}");
    }
    pool.release(host(20)).unwrap();
    assert!(!pool.is_allocated(host(20)));
}

/// An address inside a unit is of it; one of the other family is of nothing.
#[test]
fn units_and_the_other_family() {
    let pool = Pool::builder(net("10.0.0.0/24")).unit(28).build().unwrap();
    let unit = pool.allocate().unwrap();
    assert_eq!(unit, ip("10.0.0.0"));
    assert!(pool.is_allocated(ip("10.0.0.9")) && !pool.is_allocated(ip("10.0.0.16")));
    assert_eq!(pool.last(), Some(ip("10.0.0.255")));
    for other in ["2001:db8::1", "::"] {
        assert!(!pool.contains(ip(other)) && !pool.is_allocated(ip(other)));
    }
}
