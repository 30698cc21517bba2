//! Leases: one holder at a time, and no token is lost, while others release, renew and sweep.
#![cfg(loom)]

use hostbits::lease::{Lease, LeaseStatus, Released, Term};
use loom_tests::leases::{FIRST, Held, LATER, Net, SECOND, net};
use loom_tests::race;
use std::time::Duration;

fn allocate(net: &Net) -> Held {
    net.allocate()
}

fn release_first(net: &Net) -> Held {
    net.release(net.first())
}

fn settle<const N: usize>(net: &Net, held: [Held; N]) {
    net.settle(&held);
}

/// Without a cooldown, the token brings what the last holder did to the next one.
#[test]
fn an_address_passes_from_holder_to_holder() {
    fn allocate_and_release(net: &Net) -> Held {
        net.release(net.allocate()?)
    }
    let taken = || net(1, 0).leased();
    race("held", Some(5), taken, [release_first, allocate], settle);
    let free = || net(1, 0);
    race(
        "free",
        Some(4),
        free,
        [allocate_and_release, allocate],
        settle,
    );
}

/// With a cooldown, the record does: between the release and the token there is only a sweep, by any thread.
#[test]
fn an_address_that_rests_passes_from_holder_to_holder() {
    fn release_and_rest(net: &Net) -> Held {
        net.release(net.first());
        net.clock.advance(LATER);
        None
    }
    fn sweep(net: &Net) -> Held {
        net.sweep();
        None
    }
    let taken = || net(1, 60).leased();
    race("two", None, taken, [release_and_rest, allocate], settle);
    let roles = [release_and_rest, allocate, sweep];
    race("three", Some(3), taken, roles, settle);
}

/// A release and a renewal by a former holder change nothing, before and after the next one has the address.
#[test]
fn what_a_former_holder_does_changes_nothing() {
    fn release_too_often(net: &Net) -> Held {
        let lease = net.first();
        net.release(lease);
        assert_ne!(net.pool.release(&lease), Ok(Released::Ended));
        assert!(net.pool.renew(&lease, Term::Forever).is_err());
        None
    }
    let taken = || net(1, 0).leased();
    race("", Some(4), taken, [release_too_often, allocate], settle);
}

/// Two releases of one lease: one ends it. A renewal at the same time does not bring it back.
#[test]
fn a_lease_ends_once() {
    fn release(net: &Net) -> bool {
        net.pool.release(&net.first()) == Ok(Released::Ended)
    }
    fn renew(net: &Net) -> bool {
        net.pool.renew(&net.first(), Term::Forever).is_ok()
    }
    let taken = || net(1, 0).leased();
    race("twice", None, taken, [release, release], |net, ended| {
        assert!(ended[0] != ended[1], "{ended:?}");
        net.settle(&[]);
    });
    let offered = || net(1, 0).due(1);
    race("renewed", None, offered, [release, renew], |net, done| {
        assert!(done[0], "the holder released it");
        net.settle(&[]);
    });
}

/// A lease whose time has passed is renewed, or it is swept, and never both.
#[test]
fn a_renewal_and_a_sweep_exclude_each_other() {
    fn renew(net: &Net) -> Held {
        let lease = net.first();
        net.pool.renew(&lease, Term::Forever).ok().map(|()| lease)
    }
    fn sweep(net: &Net) -> Held {
        let lease = net.first();
        (net.sweep() == 1).then_some(lease)
    }
    let offered = || net(1, 0).due(1);
    race(
        "sweep",
        None,
        offered,
        [renew, sweep],
        |net, [renewed, swept]| {
            assert!(renewed.is_some() != swept.is_some());
            net.settle(&[renewed]);
        },
    );
    race("allocate", None, offered, [renew, allocate], |net, held| {
        assert!(held[0].is_some() != held[1].is_some(), "{held:?}");
        net.settle(&held);
    });
}

/// Two renewals at the same time: the later end counts.
#[test]
fn a_renewal_never_shortens_a_lease() {
    fn renew(net: &Net, seconds: u64) {
        let term = Term::For(Duration::from_secs(seconds));
        net.pool.renew(&net.first(), term).unwrap();
    }
    let roles: [fn(&Net); 2] = [|net| renew(net, 10), |net| renew(net, 500)];
    race(
        "",
        None,
        || net(1, 0).due(1),
        roles,
        |net, _| {
            let LeaseStatus::Leased { remaining, .. } = net.pool.status(FIRST) else {
                panic!("it was renewed");
            };
            assert!(remaining >= Some(Duration::from_secs(500)), "{remaining:?}");
        },
    );
}

/// What a sweep frees has its token when it can be taken, and is not lost where a claimer was there before.
#[test]
fn what_a_sweep_frees_is_not_lost() {
    fn sweep(net: &Net) -> Held {
        net.sweep();
        None
    }
    fn sweep_and_allocate(net: &Net) -> Held {
        net.sweep();
        net.allocate()
    }
    let due = || net(1, 0).due(1);
    race("sweep", Some(5), due, [sweep, allocate], settle);
    race("both", Some(3), due, [sweep_and_allocate, allocate], settle);
    race("exact", Some(4), due, [sweep, allocate_first], settle);
}

fn allocate_first(net: &Net) -> Held {
    let lease = net.pool.allocate_exact(FIRST, Term::Forever).ok()?;
    net.touch(lease);
    Some(lease)
}

/// A refusal rests on a round that was known before its search: what a sweep gives back between the search and a round
/// that finds nothing more is not overlooked.
///
/// The sweep is about to give at most one token at a time. So of two addresses there is always one.
#[test]
fn no_call_is_refused_where_a_sweep_has_freed_enough() {
    fn sweep_and_raise_the_round(net: &Net) -> Held {
        net.sweep();
        net.pool.look_as_if_refused_before();
        None
    }
    let due = || net(2, 0).due(2);
    let roles = [sweep_and_raise_the_round, Net::must_allocate];
    race("", Some(3), due, roles, settle);
}

/// A batch that fails has kept nothing, and no other call is refused because of it.
#[test]
fn a_batch_that_fails_takes_nothing_from_others() {
    fn two(net: &Net) -> Held {
        assert!(net.pool.allocate_many(2, Term::Forever).is_err());
        None
    }
    let taken = || net(2, 0).leased();
    race(
        "",
        Some(3),
        taken,
        [two, Net::must_allocate],
        |net, held| {
            net.settle(&[net.lease, held[1]]);
        },
    );
    // The batch finds a token of an address that is held, goes on with the other one, and gives that one back.
    let too_many = || {
        let net = net(2, 0).leased();
        net.pool.repair(FIRST);
        net
    };
    race(
        "roll-back",
        Some(3),
        too_many,
        [two, allocate],
        |net, held| {
            net.settle(&[net.lease, held[1]]);
        },
    );
}

/// A token too many costs its claimer one look, and makes no second holder.
#[test]
fn a_token_too_many_makes_no_holder() {
    let too_many = || {
        let net = net(2, 0).leased();
        net.pool.repair(FIRST);
        net
    };
    race(
        "held",
        Some(4),
        too_many,
        [allocate, allocate],
        |net, held| {
            let both = held.iter().flatten().map(Lease::addr).collect::<Vec<_>>();
            assert_eq!(both, [SECOND]);
            net.settle(&[net.lease, held[0], held[1]]);
        },
    );
    race(
        "released",
        Some(4),
        too_many,
        [release_first, Net::must_allocate],
        settle,
    );
    fn repair_and_allocate(net: &Net) -> Held {
        net.pool.repair(FIRST);
        net.allocate()
    }
    let free = || net(1, 0);
    race(
        "free",
        Some(5),
        free,
        [repair_and_allocate, allocate],
        settle,
    );
}
