//! Get or allocate.

use super::*;

const OFFER: Duration = Duration::from_secs(30);

/// An owner who holds a lease gets it again, renewed; a lease is not made an offer again, and never shortened.
#[test]
fn a_holder_gets_the_same_lease_again() {
    let (pool, clock) = pool(24, 60);
    let alice = at_home(77);
    let status = || format!("{:?}", pool.status(host(77)));
    let lease = pool.allocate_for(alice, OFFER).unwrap();
    assert_eq!(lease.addr(), host(77));
    clock.advance(seconds(10));
    assert_eq!(pool.allocate_for(alice, OFFER), Ok(lease));
    assert!(
        matches!(pool.status(host(77)), LeaseStatus::Offered { remaining, .. } if remaining == seconds(31)),
        "{}",
        status()
    );
    assert_eq!(pool.allocate_for(alice, seconds(1)), Ok(lease));
    assert!(status().contains("31s"), "{}", status());
    let leased = |remaining| {
        let is = matches!(pool.status(host(77)), LeaseStatus::Leased { owner, remaining: left, .. }
            if owner == Some(alice) && left == remaining);
        assert!(is, "{}", status());
    };
    assert_eq!(pool.allocate_for(alice, term(100)), Ok(lease));
    leased(Some(seconds(101)));
    assert_eq!(pool.allocate_for(alice, OFFER), Ok(lease));
    leased(Some(seconds(101)));
    assert_eq!(pool.allocate_for(alice, seconds(200)), Ok(lease));
    leased(Some(seconds(201)));
    assert_eq!(pool.allocate_for(alice, Term::Forever), Ok(lease));
    leased(None);
    assert_eq!(pool.allocate_for(alice, term(1)), Ok(lease));
    leased(None);
    assert_eq!(pool.owned_by(alice).collect::<Vec<_>>(), [lease]);
    assert_eq!(counts(&pool), [252, 0, 1, 0, 0]);
}

/// For a term, a lease is a lease at once, and ends with it.
#[test]
fn an_owner_can_take_a_lease_at_once() {
    let (pool, clock) = pool(24, 0);
    for given in [1, 5, 9, 10, 11, 1000] {
        let lease = pool.allocate_for(at_home(9), term(given)).unwrap();
        let status = pool.status(lease.addr());
        assert!(
            matches!(status, LeaseStatus::Leased { remaining, .. } if remaining == Some(seconds(given + 1))),
            "{status:?}"
        );
        clock.advance(seconds(given));
        assert_eq!(pool.sweep().freed, 0);
        clock.advance(seconds(1));
        assert_eq!(pool.sweep().freed, 1);
    }
}

/// Its own resting address comes back to an owner at once, with a new generation; to other owners it does not.
#[test]
fn an_owner_need_not_wait_for_its_own_rest() {
    let (pool, clock) = pool(30, 60);
    let (alice, bob) = (at_home(2), at_home(3));
    let first = pool.allocate_for(alice, OFFER).unwrap();
    assert_eq!(pool.release(&first), Ok(Released::Ended));
    assert!(matches!(
        pool.status(host(2)),
        LeaseStatus::Cooling { owner, .. } if owner == Some(alice)
    ));
    assert!(pool.allocate_for(bob, OFFER).unwrap_err().is_exhausted());
    assert!(pool.allocate(OFFER).unwrap_err().is_exhausted());
    let second = pool.allocate_for(alice, OFFER).unwrap();
    assert_eq!(second.addr(), first.addr());
    assert_eq!(second.generation(), first.generation() + 1);
    assert_eq!(pool.release(&first), Ok(Released::Stale));
    assert_eq!(pool.allocate_for(alice, OFFER), Ok(second));
    // The rest is over, but unswept.
    assert_eq!(pool.release(&second), Ok(Released::Ended));
    clock.advance(seconds(1000));
    let third = pool.allocate_for(alice, OFFER).unwrap();
    assert_eq!(third.generation(), first.generation() + 2);
    clock.advance(seconds(1000));
    let other = pool.allocate_for(bob, OFFER).unwrap();
    assert_eq!(other.generation(), first.generation() + 3);
    assert!(pool.allocate_for(alice, OFFER).is_err());
}

/// After the rest an owner usually gets the old address again; if another one has it, a different address.
#[test]
fn an_address_sticks_to_its_owner() {
    for cooldown in [0, 60] {
        let (pool, clock) = pool(24, cooldown);
        let (alice, bob) = (at_home(100), at_home(100 ^ 1));
        // Its home is held, so it is a neighbor.
        let home = pool.allocate_exact(host(100), Term::Forever).unwrap();
        let first = pool.allocate_for(alice, OFFER).unwrap();
        assert_eq!(first.addr(), host(101));
        assert_eq!(pool.release(&home), Ok(Released::Ended));
        assert_eq!(pool.release(&first), Ok(Released::Ended));
        clock.advance(seconds(cooldown + 1));
        let _swept = pool.sweep();
        assert!(is_free(&pool, host(100)) && is_free(&pool, host(101)));
        let again = pool.allocate_for(alice, OFFER).unwrap();
        assert_eq!(again.addr(), host(101));
        // The offer ends, and another owner takes the address.
        clock.advance(OFFER + seconds(cooldown + 1));
        let _swept = pool.sweep();
        let other = pool.allocate_for(bob, Term::Forever).unwrap();
        assert_eq!(other.addr(), host(101));
        let elsewhere = pool.allocate_for(alice, OFFER).unwrap();
        assert_eq!(elsewhere.addr(), host(100));
        assert_eq!(pool.lease_of(host(101)), Some(other));
        assert_eq!(pool.owned_by(alice).collect::<Vec<_>>(), [elsewhere]);
        assert_eq!(pool.owned_by(bob).collect::<Vec<_>>(), [other]);
    }
}

/// Owners of whom the lease has ended unseen get a new one, and never that of another.
#[test]
fn a_lease_that_ended_unseen_is_not_found_again() {
    let (pool, clock) = pool(30, 0);
    let (alice, bob) = (at_home(2), at_home(2));
    assert_eq!(alice, bob);
    let first = pool.allocate_for(alice, OFFER).unwrap();
    // Late, and nothing has swept it: it is still the owner's.
    clock.advance(seconds(100));
    assert_eq!(pool.allocate_for(alice, OFFER), Ok(first));
    clock.advance(seconds(100));
    let plain = pool.allocate(OFFER).unwrap();
    assert_eq!(plain.addr(), first.addr());
    assert_eq!(pool.owned_by(alice).count(), 0);
    assert!(pool.allocate_for(alice, OFFER).unwrap_err().is_exhausted());
    assert!(matches!(pool.status(host(2)), LeaseStatus::Offered { .. }));
    pool.renew(&plain, Term::Forever).unwrap();
    assert!(matches!(
        pool.status(host(2)),
        LeaseStatus::Leased { owner: None, .. }
    ));
}

/// In pools of one address, of one word and of two, every owner gets exactly one lease until nothing is free.
#[test]
fn every_owner_gets_one_lease_until_the_pool_is_full() {
    for prefix_len in [30, 29, 27, 26, 25, 24] {
        let (pool, _clock) = pool(prefix_len, 0);
        let owner = |number: u64| Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut leases = BTreeMap::new();
        for number in 0..pool.capacity() {
            let lease = pool.allocate_for(owner(number), Term::Forever).unwrap();
            assert_eq!(leases.insert(lease.addr(), (lease, number)), None);
        }
        for number in 1000..1010 {
            let error = pool.allocate_for(owner(number), OFFER).unwrap_err();
            assert!(error.is_exhausted());
        }
        for (lease, number) in leases.values() {
            assert_eq!(pool.allocate_for(owner(*number), OFFER), Ok(*lease));
            assert_eq!(pool.owned_by(owner(*number)).collect::<Vec<_>>(), [*lease]);
        }
    }
}

/// Owners whose homes are full are placed elsewhere and found there: while they hold the lease, while it rests, and after
/// it, if no other owner has come since.
#[test]
fn owners_whose_homes_are_full_are_found() {
    let (pool, clock) = pool(20, 60);
    let all = pool.allocate_many(4093, Term::Forever).unwrap();
    let one = &all[2000];
    assert_eq!(pool.release(one), Ok(Released::Ended));
    let mut outside = 0;
    for number in 0..3000_u64 {
        let owner = Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        clock.advance(seconds(61));
        let lease = pool.allocate_for(owner, OFFER).unwrap();
        assert_eq!(lease.addr(), one.addr());
        assert_eq!(pool.allocate_for(owner, OFFER), Ok(lease));
        assert_eq!(pool.release(&lease), Ok(Released::Ended));
        let again = pool.allocate_for(owner, OFFER).unwrap();
        assert_eq!(again.generation(), lease.generation() + 1);
        assert_eq!(pool.release(&again), Ok(Released::Ended));
        clock.advance(seconds(61));
        let _swept = pool.sweep();
        let third = pool.allocate_for(owner, OFFER).unwrap();
        assert_eq!(third.generation(), lease.generation() + 2);
        assert_eq!(pool.release(&third), Ok(Released::Ended));
        let home = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) / 64;
        outside += u64::from(home != (u64::from(one.addr().to_bits()) & 4095) / 64);
    }
    assert!(outside > 2000, "{outside}");
}

/// However many threads ask for one owner at the same time, all get the same lease.
#[test]
fn threads_of_one_owner_end_with_one_lease() {
    let _watchdog = watchdog("threads_of_one_owner_end_with_one_lease");
    let (pool, clock) = pool(24, 1);
    for round in 0..300 * effort() as u64 {
        let owner = Client::from_hash((round % 40).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let grant = match round % 3 {
            0 => Grant::Lease(Term::Forever),
            1 => Grant::Lease(term(5)),
            _ => Grant::Offer(seconds(5)),
        };
        let leases = together(3, |_| pool.allocate_for(owner, grant).unwrap());
        assert!(leases.iter().all(|lease| *lease == leases[0]), "{leases:?}");
        assert_eq!(pool.owned_by(owner).collect::<Vec<_>>(), leases[..1]);
        if round % 2 == 0 {
            assert_eq!(pool.release(&leases[0]), Ok(Released::Ended));
        }
        clock.advance(seconds(round % 3));
    }
}

/// An owner comes back for its free address while other threads take and release that address: no address is lost.
#[test]
fn an_owner_that_comes_back_loses_no_address() {
    let _watchdog = watchdog("an_owner_that_comes_back_loses_no_address");
    let (pool, _clock) = pool(30, 0);
    let alice = at_home(2);
    for _ in 0..20 {
        together(3, |thread| {
            for _ in 0..1500 * effort() {
                let lease = match thread {
                    0 => pool.allocate_for(alice, OFFER),
                    _ => pool.allocate(OFFER),
                };
                if let Ok(lease) = lease {
                    assert_eq!(pool.release(&lease), Ok(Released::Ended));
                }
            }
        });
        let last = pool.allocate(OFFER).expect("it is free, and has a token");
        assert_eq!(pool.release(&last), Ok(Released::Ended));
    }
}
