//! Policies, families, units, ranges and reservations: as in a plain pool.

use super::*;

/// A lease pool hands out in the order of a plain pool, with every policy and search.
#[test]
fn the_order_is_that_of_a_plain_pool() {
    for policy in POLICIES {
        for search in SEARCHES {
            let builder = Pool::builder(v4("10.0.0.0/22"))
                .range(host(3)..=host(150))
                .range(a4("10.0.2.33")..=a4("10.0.3.255"))
                .reserve(host(70)..=host(80), "printers")
                .gateway(Gateway::Last)
                .policy(policy)
                .search(search);
            let plain = builder.build().unwrap();
            let leases = builder.leases().cooldown(Duration::ZERO).build().unwrap();
            assert_eq!(leases.capacity(), plain.capacity());
            assert_eq!(leases.info().policy, policy);
            let mut held = Vec::new();
            let mut numbers = Numbers(3);
            loop {
                let addr = plain.allocate().ok();
                let lease = leases.allocate(Term::Forever).ok();
                assert_eq!(
                    lease.map(|lease| lease.addr()),
                    addr,
                    "{policy:?} {search:?}"
                );
                let Some(lease) = lease else { break };
                held.push(lease);
                if numbers.below(3) == 0 {
                    let at = numbers.below(held.len() as u64) as usize;
                    let gone: Lease4 = held.swap_remove(at);
                    plain.release(gone.addr()).unwrap();
                    assert_eq!(leases.release(&gone), Ok(Released::Ended));
                }
            }
            assert_eq!(held.len() as u64, plain.capacity());
        }
    }
}

/// What a lease pool hands out in all is what a plain pool does, for every policy, also what ended by itself.
#[test]
fn everything_usable_is_handed_out_and_comes_back() {
    for policy in POLICIES {
        for unit in [32, 30] {
            let clock = ManualClock::new();
            let builder = Pool::builder(v4("10.0.0.0/24"))
                .unit(unit)
                .policy(policy)
                .reserve(host(64)..=host(79), "lab");
            let plain = builder.build().unwrap();
            let leases = builder.leases().clock(&clock).build().unwrap();
            let expected: BTreeSet<_> = common::drain(&plain).into_iter().collect();
            for _ in 0..3 {
                let given = std::iter::from_fn(|| leases.allocate(seconds(5)).ok());
                let given: BTreeSet<_> = given.map(|lease| lease.addr()).collect();
                assert_eq!(given, expected, "{policy:?}");
                clock.advance(seconds(66));
            }
        }
    }
}

/// Generic code works for the three kinds of network.
#[test]
fn the_three_kinds_of_network_behave_alike() {
    fn life<N: Network>(net: N) -> Vec<IpAddr> {
        let clock = ManualClock::new();
        let pool = LeasePool::builder(net).clock(&clock).build().unwrap();
        let first = pool.allocate(seconds(10)).unwrap();
        pool.renew(&first, term(10)).unwrap();
        let second = pool.allocate_preferring(first.addr(), seconds(10)).unwrap();
        assert_eq!(pool.release(&first).unwrap(), Released::Ended);
        let owner = Client::from_hash(0);
        let third = pool.allocate_for(owner, Term::Forever).unwrap();
        assert_eq!(pool.allocate_for(owner, Term::Forever).unwrap(), third);
        clock.advance(seconds(71));
        assert_eq!(pool.sweep().freed, 2);
        let fourth = pool.allocate_exact(first.addr(), seconds(1)).unwrap();
        assert_eq!(pool.release(&first).unwrap(), Released::Stale);
        let range = first.addr()..=third.addr();
        let fifth = pool.allocate_in(range, seconds(1)).unwrap();
        assert_eq!(pool.iter().count(), 3);
        [first, second, third, fourth, fifth]
            .map(|lease| lease.addr().into())
            .to_vec()
    }
    let v4_addrs = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.2", "10.0.0.3"].map(ip);
    assert_eq!(life(v4("10.0.0.0/24")), v4_addrs);
    assert_eq!(life(net("10.0.0.0/24")), v4_addrs);
    let v6_addrs = [
        "2001:db8::2",
        "2001:db8::3",
        "2001:db8::4",
        "2001:db8::2",
        "2001:db8::3",
    ];
    assert_eq!(life(v6("2001:db8::/120")), v6_addrs.map(ip));
    assert_eq!(life(net("2001:db8::/120")), v6_addrs.map(ip));
}

/// A pool of delegated prefixes: a lease has the first address of its unit.
#[test]
fn units_are_leased_by_their_first_address() {
    let pool = Pool::builder(v6("2001:db8::/40"))
        .unit(56)
        .leases()
        .cooldown(Duration::ZERO)
        .build()
        .unwrap();
    let lease = pool.allocate(Term::Forever).unwrap();
    let next = pool.allocate(Term::Forever).unwrap();
    assert_eq!(next.addr().to_bits() - lease.addr().to_bits(), 1 << 72);
    assert_eq!(pool.release(&lease), Ok(Released::Ended));
    let within = a6("2001:db8:0:ff::1");
    let lease = pool.allocate_preferring(within, Term::Forever).unwrap();
    assert_eq!(lease.addr(), a6("2001:db8::"));
}

/// What a plain pool refuses to build is refused here, too.
#[test]
fn what_cannot_be_built_is_refused() {
    let error = LeasePool::new(v4("10.0.0.1/24")).unwrap_err();
    assert_eq!(error, Pool::new(v4("10.0.0.1/24")).unwrap_err());
    assert!(LeasePool::new(v6("2001:db8::/64")).is_err());
}
