//! The life of an address, and what former holders are answered.

use super::*;

/// An offer is confirmed by its first renewal, and from then on lasts as long as the renewal says.
#[test]
fn the_first_renewal_commits_an_offer() {
    let (pool, clock) = pool(24, 60);
    let lease = pool.allocate(seconds(30)).unwrap();
    assert_eq!(lease.addr(), host(2));
    let status = pool.status(host(2));
    assert!(
        matches!(status, LeaseStatus::Offered { generation, remaining, .. }
            if generation == lease.generation() && remaining == seconds(31)),
        "{status:?}"
    );
    pool.renew(&lease, term(3600)).unwrap();
    clock.advance(seconds(1000));
    assert_eq!(pool.sweep().freed, 0);
    let status = pool.status(host(2));
    assert!(
        matches!(status, LeaseStatus::Leased { generation, owner: None, remaining, .. }
            if generation == lease.generation() && remaining == Some(seconds(2601))),
        "{status:?}"
    );
    pool.renew(&lease, Term::Forever).unwrap();
    clock.advance(seconds(FOUR_YEARS));
    assert_eq!(pool.sweep(), pool.sweep());
    assert_eq!(pool.sweep().next_in, None);
    let status = pool.status(host(2));
    assert!(
        matches!(
            status,
            LeaseStatus::Leased {
                remaining: None,
                ..
            }
        ),
        "{status:?}"
    );
    assert_eq!(pool.release(&lease), Ok(Released::Ended));
}

/// An offer that was never confirmed ends by itself: at its time, and the address is free one cooldown later.
#[test]
fn an_offer_that_is_not_confirmed_ends_by_itself() {
    let (pool, clock) = pool(24, 60);
    let lost = pool.allocate(seconds(30)).unwrap();
    clock.advance(seconds(90));
    assert_eq!(
        (pool.sweep().freed, pool.sweep().next_in),
        (0, Some(seconds(1)))
    );
    assert_eq!(pool.lease_of(lost.addr()), Some(lost));
    clock.advance(seconds(1));
    assert_eq!((pool.sweep().freed, pool.sweep().next_in), (1, None));
    assert!(is_free(&pool, lost.addr()));
    assert_eq!(counts(&pool), [253, 0, 0, 0, 0]);
}

/// A committed lease ends in the same way, and so does one that was leased at once.
#[test]
fn a_lease_that_is_not_renewed_ends_by_itself() {
    let (pool, clock) = pool(30, 5);
    let at_once = pool.allocate(term(10)).unwrap();
    assert!(matches!(
        pool.status(at_once.addr()),
        LeaseStatus::Leased { .. }
    ));
    clock.advance(seconds(15));
    assert!(pool.allocate(seconds(1)).is_err());
    clock.advance(seconds(1));
    let next = pool.allocate(seconds(1)).unwrap();
    assert_eq!(next.addr(), at_once.addr());
    assert_eq!(next.generation(), at_once.generation() + 1);
}

/// A released address rests for the cooldown: it is handed out to no other caller, and then it is.
#[test]
fn a_released_address_rests() {
    let (pool, clock) = pool(30, 60);
    let first = pool.allocate(Term::Forever).unwrap();
    assert_eq!(pool.release(&first), Ok(Released::Ended));
    let status = pool.status(first.addr());
    assert!(
        matches!(status, LeaseStatus::Cooling { generation, owner: None, remaining, .. }
            if generation == first.generation() && remaining == seconds(61)),
        "{status:?}"
    );
    assert_eq!(counts(&pool), [0, 0, 0, 1, 0]);
    for _ in 0..61 {
        assert!(pool.allocate(seconds(1)).unwrap_err().is_exhausted());
        clock.advance(seconds(1));
    }
    assert_eq!(pool.allocate(seconds(1)).unwrap().addr(), first.addr());
}

/// Without a cooldown a released address is free at once, and one that ends by itself at its time.
#[test]
fn without_a_cooldown_nothing_rests() {
    let (pool, clock) = pool(30, 0);
    let first = pool.allocate(seconds(1)).unwrap();
    assert_eq!(pool.release(&first), Ok(Released::Ended));
    assert!(is_free(&pool, first.addr()));
    let second = pool.allocate(seconds(1)).unwrap();
    clock.advance(seconds(1));
    assert!(pool.allocate(seconds(1)).is_err());
    clock.advance(seconds(1));
    let third = pool.allocate(seconds(1)).unwrap();
    assert_eq!(third.addr(), second.addr());
    assert_eq!(
        [first, second, third].map(|lease| lease.generation() & RECORD),
        [1, 2, 3]
    );
    assert_eq!(pool.cooldown(), Duration::ZERO);
}

/// A release can be repeated; the second one, and a renewal after it, change nothing.
#[test]
fn what_has_ended_cannot_be_ended_or_renewed() {
    let (pool, clock) = pool(24, 60);
    let lease = pool.allocate(Term::Forever).unwrap();
    assert_eq!(pool.release(&lease), Ok(Released::Ended));
    clock.advance(seconds(30));
    changes_nothing(&pool, || {
        assert_eq!(pool.release(&lease), Ok(Released::AlreadyEnded));
        let addr = IpAddr::V4(lease.addr());
        let error = pool.renew(&lease, Term::Forever).unwrap_err();
        assert!(matches!(error, RenewError::Ended { addr: named } if named == addr));
        assert_eq!(error.code(), "ended");
    });
    // The second release has not begun the rest anew.
    clock.advance(seconds(31));
    assert_eq!(pool.sweep().freed, 1);
    changes_nothing(&pool, || {
        assert_eq!(pool.release(&lease), Ok(Released::AlreadyEnded));
        assert_eq!(pool.renew(&lease, term(1)).unwrap_err().code(), "ended");
    });
}

/// A former holder can neither release nor renew the address of the next one.
#[test]
fn a_former_holder_changes_nothing() {
    for forever in [false, true] {
        let (pool, clock) = pool(24, 0);
        let old = pool.allocate_exact(host(9), seconds(10)).unwrap();
        clock.advance(seconds(11));
        let grant = if forever {
            Grant::Lease(Term::Forever)
        } else {
            Grant::Offer(seconds(10))
        };
        let new = pool.allocate_exact(host(9), grant).unwrap();
        changes_nothing(&pool, || {
            assert_eq!(pool.release(&old), Ok(Released::Stale));
            for term in [term(1), term(1000), Term::Forever] {
                let error = pool.renew(&old, term).unwrap_err();
                assert!(matches!(error, RenewError::Stale { addr } if addr == ip("10.0.0.9")));
                assert_eq!(error.code(), "stale");
            }
        });
        assert_eq!(pool.lease_of(host(9)), Some(new));
        pool.renew(&new, term(1)).unwrap();
        assert_eq!(pool.release(&new), Ok(Released::Ended));
        assert_eq!(pool.release(&old), Ok(Released::Stale));
    }
}

/// A lease of an earlier epoch, of a later generation, or of another pool, is stale, and changes nothing.
#[test]
fn a_lease_of_another_pool_is_stale() {
    let (one, _) = pool(24, 60);
    let mine = one.allocate(Term::Forever).unwrap();
    // Epochs are random. Two are the same once in two million times, and five never.
    let foreign = (0..5).map(|_| pool(24, 60).0.allocate(Term::Forever).unwrap());
    let foreign: Vec<_> = foreign.filter(|lease| *lease != mine).collect();
    let foreign = *foreign.first().expect("another epoch");
    assert_eq!(foreign.addr(), mine.addr());
    assert_eq!(foreign.generation() & RECORD, mine.generation() & RECORD);
    let with = |generation| Lease::from_parts(mine.addr(), generation).unwrap();
    let others = [
        foreign,
        with(mine.generation() ^ 1 << 52),
        with(mine.generation() ^ 1 << 32),
        with(mine.generation() + 1),
        with(mine.generation() - 1),
        with(mine.generation() & RECORD),
        with((1 << 53) - 1),
    ];
    changes_nothing(&one, || {
        for other in others {
            assert_eq!(one.release(&other), Ok(Released::Stale), "{other}");
            let error = one.renew(&other, Term::Forever).unwrap_err();
            assert_eq!(error.code(), "stale", "{other}");
        }
    });
    assert_eq!(one.release(&mine), Ok(Released::Ended));
    for other in others {
        assert_eq!(one.release(&other), Ok(Released::Stale), "{other}");
    }
}

/// The record decides, not the clock: after its time a lease can be renewed and released until a sweep frees it.
#[test]
fn a_late_renewal_counts_until_the_address_is_free() {
    for cooldown in [0, 7] {
        let (pool, clock) = pool(24, cooldown);
        let [late, later, latest] = [(); 3].map(|()| pool.allocate(seconds(10)).unwrap());
        clock.advance(seconds(1000));
        let status = pool.status(late.addr());
        assert!(
            matches!(
                status,
                LeaseStatus::Offered {
                    remaining: Duration::ZERO,
                    ..
                }
            ),
            "{status:?}"
        );
        assert_eq!(pool.lease_of(late.addr()), Some(late));
        assert_eq!(pool.iter().count(), 3);
        pool.renew(&late, term(10)).unwrap();
        assert_eq!(pool.release(&later), Ok(Released::Ended));
        assert_eq!(pool.sweep().freed, 1);
        assert_eq!(pool.renew(&latest, term(10)).unwrap_err().code(), "ended");
        assert_eq!(pool.release(&latest), Ok(Released::AlreadyEnded));
        assert_eq!(pool.lease_of(late.addr()), Some(late));
        assert_eq!(counts(&pool)[2..4], [1, u64::from(cooldown != 0)]);
    }
}

/// A renewal never shortens a lease.
#[test]
fn a_renewal_never_shortens() {
    let remaining = |pool: &Pool4| match pool.status(host(2)) {
        LeaseStatus::Leased { remaining, .. } => remaining,
        status => panic!("{status:?}"),
    };
    let (pool, clock) = pool(24, 60);
    let lease = pool.allocate(seconds(500)).unwrap();
    pool.renew(&lease, term(1)).unwrap();
    assert_eq!(remaining(&pool), Some(seconds(501)));
    clock.advance(seconds(400));
    pool.renew(&lease, term(100)).unwrap();
    assert_eq!(remaining(&pool), Some(seconds(101)));
    pool.renew(&lease, term(101)).unwrap();
    assert_eq!(remaining(&pool), Some(seconds(102)));
    pool.renew(&lease, Term::Forever).unwrap();
    pool.renew(&lease, term(1)).unwrap();
    assert_eq!(remaining(&pool), None);
}
