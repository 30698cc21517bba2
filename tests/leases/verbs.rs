//! Exact, preferred, in a range, batches: beside slots that are due, and with addresses that are not to be had.

use super::*;

fn next_in(error: &OfferError) -> Option<Duration> {
    match error {
        OfferError::Exhausted { next_in, .. } | OfferError::NotFree { next_in, .. } => *next_in,
        error => panic!("{error:?}"),
    }
}

/// `allocate_exact` takes that address, or says when it is free again.
#[test]
fn exact_says_when_the_address_is_free() {
    let (pool, clock) = pool(24, 60);
    let want = |grant| pool.allocate_exact(host(9), grant);
    let lease = want(Grant::Lease(Term::Forever)).unwrap();
    assert_eq!(lease.addr(), host(9));
    changes_nothing(&pool, || {
        let error = want(Grant::Offer(seconds(1))).unwrap_err();
        assert_eq!((error.code(), next_in(&error)), ("not-free", None));
        assert!(matches!(error, OfferError::NotFree { addr, .. } if addr == ip("10.0.0.9")));
    });
    assert_eq!(pool.release(&lease), Ok(Released::Ended));
    changes_nothing(&pool, || {
        let error = want(Grant::Offer(seconds(1))).unwrap_err();
        assert_eq!(next_in(&error), Some(seconds(61)));
    });
    clock.advance(seconds(61));
    let offered = want(Grant::Offer(seconds(10))).unwrap();
    assert_eq!(offered.generation(), lease.generation() + 1);
    clock.advance(seconds(70));
    assert_eq!(
        next_in(&want(Grant::Offer(seconds(1))).unwrap_err()),
        Some(seconds(1))
    );
    clock.advance(seconds(1));
    let again = want(Grant::Offer(seconds(10))).unwrap();
    assert_eq!(again.generation(), lease.generation() + 2);
}

/// An exact allocation frees its own address if it is due, and no other one.
#[test]
fn exact_frees_no_other_address() {
    let (pool, clock) = pool(24, 0);
    for addr in [8, 9, 10].map(host) {
        pool.allocate_exact(addr, seconds(1)).unwrap();
    }
    clock.advance(seconds(2));
    pool.allocate_exact(host(9), seconds(1)).unwrap();
    assert_eq!(counts(&pool), [250, 3, 0, 0, 0]);
    assert!(!is_free(&pool, host(8)) && !is_free(&pool, host(10)));
}

/// As long as something is free, an allocation frees nothing that is due.
#[test]
fn what_is_due_stays_while_others_are_free() {
    let (pool, clock) = pool(29, 0);
    let late = pool.allocate(seconds(1)).unwrap();
    clock.advance(seconds(100));
    for _ in 0..4 {
        pool.allocate(Term::Forever).unwrap();
    }
    pool.renew(&late, term(1)).unwrap();
    assert!(pool.allocate(Term::Forever).is_err());
    clock.advance(seconds(2));
    assert_eq!(pool.allocate(Term::Forever).unwrap().addr(), late.addr());
}

/// Addresses that cannot be named: of the other family, outside, reserved, within a unit.
#[test]
fn what_cannot_be_named_is_refused() {
    let refused = |pool: &LeasePool, addr: &str, code: &str| {
        let addr = ip(addr);
        assert_eq!(
            pool.allocate_exact(addr, Term::Forever).unwrap_err().code(),
            code,
            "{addr}"
        );
        let lease = Lease::from_parts(addr, 7).unwrap();
        let error = pool.renew(&lease, Term::Forever).unwrap_err();
        assert_eq!(error.code(), code, "{addr}");
        let error = pool.release(&lease).unwrap_err();
        assert_eq!(error.code(), code, "{addr}");
        assert_eq!(pool.lease_of(addr), None);
        // For a preference it is no error.
        let instead = pool.allocate_preferring(addr, seconds(1)).unwrap();
        assert_eq!(pool.release(&instead), Ok(Released::Ended));
    };
    let v4_pool = LeasePool::new(net("10.0.0.0/24")).unwrap();
    let v6_pool = LeasePool::new(net("2001:db8::/120")).unwrap();
    for addr in ["2001:db8::5", "9.255.255.255", "10.0.1.0"] {
        refused(&v4_pool, addr, "out-of-range");
        assert!(matches!(v4_pool.status(ip(addr)), LeaseStatus::OutOfRange));
    }
    // An IPv4-mapped address is the IPv4 address, as in a plain pool.
    let mapped = ip("::ffff:10.0.0.5");
    let lease = v4_pool.allocate_exact(mapped, seconds(1)).unwrap();
    assert_eq!(
        (lease.addr(), v4_pool.lease_of(mapped)),
        (ip("10.0.0.5"), Some(lease))
    );
    let by_mapped = Lease::from_parts(mapped, lease.generation()).unwrap();
    assert_eq!(v4_pool.release(&by_mapped), Ok(Released::Ended));
    for addr in ["10.0.0.5", "2001:db8::100"] {
        refused(&v6_pool, addr, "out-of-range");
    }
    for addr in ["10.0.0.0", "10.0.0.1", "10.0.0.255"] {
        refused(&v4_pool, addr, "reserved");
    }
    assert!(matches!(
        v4_pool.status(ip("10.0.0.1")),
        LeaseStatus::Reserved {
            label: "gateway",
            ..
        }
    ));
    let units = Pool::builder(net("10.0.0.0/24"))
        .unit(28)
        .leases()
        .cooldown(Duration::ZERO)
        .build()
        .unwrap();
    refused(&units, "10.0.0.17", "misaligned");
    let error = units
        .allocate_exact(ip("10.0.0.17"), Term::Forever)
        .unwrap_err();
    assert!(matches!(error, OfferError::Misaligned { unit, .. } if unit == net("10.0.0.16/28")));
    let lease = units
        .allocate_exact(ip("10.0.0.16"), Term::Forever)
        .unwrap();
    // A look takes any address of a unit.
    assert_eq!(units.lease_of(ip("10.0.0.31")), Some(lease));
    let error = v4_pool
        .release(&Lease::from_parts(ip("10.0.1.0"), 7).unwrap())
        .unwrap_err();
    assert_eq!(
        error,
        ReleaseError::OutOfRange {
            addr: ip("10.0.1.0")
        }
    );
}

/// A preferred address is taken if it is free or due; otherwise any other one is.
#[test]
fn a_preferred_address_is_taken_if_it_can_be() {
    let (pool, clock) = pool(24, 60);
    let wanted = pool.allocate_preferring(host(99), seconds(10)).unwrap();
    assert_eq!(wanted.addr(), host(99));
    let prefer = || pool.allocate_preferring(host(99), seconds(10)).unwrap();
    assert_eq!(prefer().addr(), host(2));
    assert_eq!(pool.release(&wanted), Ok(Released::Ended));
    assert_eq!(prefer().addr(), host(3));
    clock.advance(seconds(61));
    assert_eq!(prefer().addr(), host(99));
    clock.advance(seconds(70));
    assert_eq!(prefer().addr(), host(4));
    clock.advance(seconds(1));
    assert_eq!(prefer().addr(), host(99));
    let units = Pool::builder(v4("10.0.0.0/24"))
        .unit(28)
        .leases()
        .build()
        .unwrap();
    let within = units.allocate_preferring(host(35), seconds(1)).unwrap();
    assert_eq!(within.addr(), host(32));
}

/// A range gives every one of its addresses and no other, frees what is due in it and nothing else, and says when its
/// next address is free.
#[test]
fn a_range_is_used_up_and_no_more() {
    let (pool, clock) = pool(24, 0);
    let range = || host(10)..=host(12);
    let outside = pool.allocate_exact(host(13), seconds(1)).unwrap();
    let long = pool.allocate_in(range(), seconds(50)).unwrap();
    pool.allocate_in(range(), Term::Forever).unwrap();
    let short = pool.allocate_in(range(), seconds(20)).unwrap();
    assert_eq!(
        [long, short].map(|lease| lease.addr()),
        [host(10), host(12)]
    );
    let error = pool.allocate_in(range(), seconds(1)).unwrap_err();
    assert_eq!(next_in(&error), Some(seconds(21)));
    // In the same second: what a renewal has changed is known at once.
    pool.renew(&short, term(100)).unwrap();
    let error = pool.allocate_in(range(), seconds(1)).unwrap_err();
    assert_eq!(next_in(&error), Some(seconds(51)));
    clock.advance(seconds(51));
    let next = pool.allocate_in(range(), seconds(1)).unwrap();
    assert_eq!(next.addr(), host(10));
    assert_eq!(pool.lease_of(host(13)), Some(outside));
    let whole = pool.allocate_in(host(250)..=a4("11.0.0.0"), seconds(1));
    assert_eq!(whole.unwrap().addr(), host(250));
    for (first, last) in [
        (a4("10.0.1.0"), a4("10.0.2.0")),
        (a4("9.0.0.0"), a4("9.9.9.9")),
        (host(9), host(8)),
    ] {
        changes_nothing(&pool, || {
            let error = pool.allocate_in(first..=last, seconds(1)).unwrap_err();
            assert_eq!(error.code(), "out-of-range");
            assert!(matches!(error, OfferError::OutOfRange { first: a, last: b }
                    if a == IpAddr::V4(first) && b == IpAddr::V4(last)));
        });
    }
}

/// A batch is all or nothing; what is due counts, and what it refuses it leaves as it was.
#[test]
fn a_batch_is_all_or_nothing() {
    let (pool, clock) = pool(28, 0);
    assert_eq!(pool.capacity(), 13);
    assert_eq!(pool.allocate_many(0, seconds(1)), Ok(Vec::new()));
    let first = pool.allocate_many(5, seconds(10)).unwrap();
    let addrs: BTreeSet<_> = first.iter().map(Lease::addr).collect();
    assert_eq!(addrs.len(), 5);
    let second = pool.allocate_many(3, Term::Forever).unwrap();
    assert_eq!(second.len(), 3);
    changes_nothing(&pool, || {
        for count in [6, 13, 14, 1000, usize::MAX] {
            let error = pool.allocate_many(count, seconds(1)).unwrap_err();
            assert_eq!(next_in(&error), Some(seconds(11)));
            assert!(matches!(error, OfferError::Exhausted { capacity: 13, .. }));
        }
    });
    clock.advance(seconds(11));
    let error = pool.allocate_many(11, seconds(1)).unwrap_err();
    assert_eq!(next_in(&error), None);
    assert_eq!(counts(&pool), [10, 0, 3, 0, 0]);
    let all = pool.allocate_many(10, term(5)).unwrap();
    assert_eq!(counts(&pool), [0, 0, 13, 0, 0]);
    for lease in all.iter().chain(&second) {
        assert_eq!(pool.lease_of(lease.addr()), Some(*lease));
    }
}

/// A full pool refuses, and says when the next address is free. In a later second it looks again.
#[test]
fn a_full_pool_says_when_it_goes_on() {
    let (pool, clock) = pool(29, 7);
    let error = |pool: &Pool4| pool.allocate(seconds(1)).unwrap_err();
    let long = pool.allocate_many(4, term(100)).unwrap();
    let short = pool.allocate(seconds(10)).unwrap();
    assert_eq!(next_in(&error(&pool)), Some(seconds(18)));
    clock.advance(seconds(1));
    assert_eq!(next_in(&error(&pool)), Some(seconds(17)));
    pool.renew(&short, Term::Forever).unwrap();
    clock.advance(seconds(1));
    assert_eq!(next_in(&error(&pool)), Some(seconds(106)));
    for lease in &long {
        pool.renew(lease, Term::Forever).unwrap();
    }
    clock.advance(seconds(1));
    let never = error(&pool);
    assert_eq!(next_in(&never), None);
    assert_eq!(
        never.to_string(),
        "exhausted: too few of the pool's 5 addresses are free; the next one is free when it is released"
    );
    assert!(matches!(never, OfferError::Exhausted { capacity: 5, .. }));
    assert_eq!(pool.release(&short), Ok(Released::Ended));
    clock.advance(seconds(7));
    assert_eq!(next_in(&error(&pool)), Some(seconds(1)));
    clock.advance(seconds(1));
    assert_eq!(pool.allocate(seconds(1)).unwrap().addr(), short.addr());
}

/// Everything that is due comes back, in pools of several words and wherever it is, to each verb that is refused
/// otherwise.
#[test]
fn whatever_is_due_is_found() {
    for way in 0..4 {
        let (pool, clock) = pool(23, 3);
        pool.allocate_many(509, Term::Forever).unwrap();
        let mut numbers = Numbers(way);
        for round in 0..20 {
            let addr = ten(2 + numbers.below(509) as u32);
            let lease = pool.lease_of(addr).unwrap();
            assert_eq!(pool.release(&lease), Ok(Released::Ended));
            clock.advance(seconds(4));
            let grant = Term::Forever;
            let next = match way {
                0 => pool.allocate(grant),
                1 => pool.allocate_preferring(host(1), grant),
                2 => pool.allocate_for(Client::from_hash(round << 59), grant),
                _ => pool.allocate_many(1, grant).map(|leases| leases[0]),
            };
            assert_eq!(next.unwrap().addr(), addr);
        }
    }
}

/// A sweep frees all that is due, counts it, and says when to come again.
#[test]
fn a_sweep_frees_all_that_is_due() {
    let (pool, clock) = pool(23, 3);
    assert_eq!((pool.sweep().freed, pool.sweep().next_in), (0, None));
    pool.allocate_many(100, seconds(10)).unwrap();
    pool.allocate_many(200, term(20)).unwrap();
    let kept = pool.allocate_many(100, Term::Forever).unwrap();
    for lease in &kept[..50] {
        assert_eq!(pool.release(lease), Ok(Released::Ended));
    }
    let mut swept = Vec::new();
    for _ in 0..25 {
        let Swept { freed, next_in, .. } = pool.sweep();
        swept.push((
            clock.now().as_secs(),
            freed,
            next_in.map(|next| next.as_secs()),
        ));
        clock.advance(seconds(1));
    }
    let events: Vec<_> = swept.iter().filter(|(_, freed, _)| *freed != 0).collect();
    assert_eq!(
        events,
        [&(4, 50, Some(10)), &(14, 100, Some(10)), &(24, 200, None)]
    );
    assert_eq!(counts(&pool), [459, 0, 50, 0, 0]);
}
