//! Owners of leases: one lease each, and never that of another.
#![cfg(loom)]

use hostbits::Client;
use hostbits::lease::{Lease, LeaseStatus, Term};
use loom_tests::leases::{FIRST, Held, LATER, Net, net};
use loom_tests::race;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Two owners with different locks, where there are two.
const ALICE: Client = Client::from_hash(1);
const CAROL: Client = Client::from_hash(3);
const OFFER: Duration = Duration::from_secs(30);

type Role = fn(&Net) -> Held;

fn lease_for(net: &Net, owner: Client) -> Held {
    let lease = net.pool.allocate_for(owner, Term::Forever).ok()?;
    net.touch(lease);
    Some(lease)
}

fn offer_for(net: &Net, owner: Client) -> Held {
    net.pool.allocate_for(owner, OFFER).ok()
}

fn owned_by(net: &Net, owner: Client) -> Held {
    let mut leases = net.pool.owned_by(owner);
    let lease = leases.next();
    assert_eq!(leases.next(), None, "an owner has one");
    lease
}

/// Two calls for one owner at the same time end with one lease, offered or leased at once.
#[test]
fn two_calls_for_one_owner_end_with_one_lease() {
    fn offer(net: &Net) -> Held {
        offer_for(net, ALICE)
    }
    fn lease(net: &Net) -> Held {
        net.pool.allocate_for(ALICE, Term::Forever).ok()
    }
    let roles: [[Role; 2]; 3] = [[offer, offer], [offer, lease], [lease, lease]];
    for roles in roles {
        race(
            "",
            Some(3),
            || net(2, 0),
            roles,
            |net, held| {
                assert_eq!(held[0], held[1]);
                assert_eq!(owned_by(net, ALICE), held[0]);
                assert_eq!(net.pool.iter().count(), 1);
            },
        );
    }
}

/// The last owner of an address that rests gets it back, or a sweep frees it for all: never both.
#[test]
fn a_resting_address_goes_back_or_is_swept() {
    fn alice(net: &Net) -> Held {
        lease_for(net, ALICE)
    }
    fn carol(net: &Net) -> Held {
        lease_for(net, CAROL)
    }
    fn anyone(net: &Net) -> Held {
        net.allocate()
    }
    fn sweep(net: &Net) -> Held {
        net.sweep();
        None
    }
    let rests_and_is_due = || {
        let mut net = net(1, 60);
        net.lease = lease_for(&net, ALICE);
        net.release(net.first());
        net.clock.advance(LATER);
        net
    };
    let others: [Role; 3] = [carol, anyone, sweep];
    for other in others {
        race(
            "",
            Some(3),
            rests_and_is_due,
            [alice, other],
            |net, held| {
                assert!(held[0].is_none() || held[1].is_none(), "{held:?}");
                net.settle(&held);
            },
        );
    }
}

/// An address that rests is for its last owner alone, who gets it at once.
#[test]
fn a_resting_address_is_for_its_last_owner_alone() {
    fn release(net: &Net) -> Held {
        net.release(net.first())
    }
    fn alice(net: &Net) -> Held {
        net.pool.allocate_for(ALICE, Term::Forever).ok()
    }
    fn carol(net: &Net) -> Held {
        net.pool.allocate_for(CAROL, Term::Forever).ok()
    }
    let leased = || {
        let mut net = net(1, 60);
        net.lease = lease_for(&net, ALICE);
        net
    };
    race("alice", Some(3), leased, [release, alice], |net, held| {
        let held = held[1].expect("it is hers, or rests after her");
        let is_held = net.pool.lease_of(FIRST) == Some(held);
        assert_eq!(
            is_held,
            Some(held) != net.lease,
            "a new one, or the one that ended"
        );
    });
    race("carol", Some(3), leased, [release, carol], |net, held| {
        assert_eq!(held[1], None, "it is not hers");
        assert_eq!(net.pool.lease_of(FIRST), None);
    });
}

/// An owner whose last address is free claims its token, and finds what others did with the address since it looked: they
/// may have had it, and given it back.
#[test]
fn an_owners_free_address_is_not_lost_where_others_had_it_meanwhile() {
    fn alice(net: &Net) -> Held {
        lease_for(net, ALICE)
    }
    fn have_and_release(net: &Net) -> Held {
        net.release(net.allocate()?)
    }
    let was_hers = || {
        let net = net(1, 0);
        net.release(lease_for(&net, ALICE).unwrap());
        net
    };
    race(
        "",
        Some(3),
        was_hers,
        [alice, have_and_release],
        |net, held| {
            net.settle(&held);
        },
    );
}

/// A claimer whose offer ended before it wrote its tag takes nothing from the next owner, not even if that one had the
/// address before, so that the tag that the claimer found is there again but for its generation.
#[test]
fn a_stalled_claimer_leaves_the_tag_of_the_next_owner_alone() {
    fn stall(net: &Net) -> Held {
        offer_for(net, ALICE)
    }
    fn sweep_and_allocate(net: &Net) -> Held {
        net.clock.advance(LATER);
        net.sweep();
        lease_for(net, CAROL)
    }
    let was_carols = || {
        let net = net(2, 0).leased();
        let lease = lease_for(&net, CAROL).unwrap();
        net.release(lease);
        net
    };
    let roles = [stall, sweep_and_allocate];
    race("", Some(3), was_carols, roles, |net, [alice, carol]| {
        assert_eq!(owned_by(net, CAROL), carol);
        if let Some(carol) = carol {
            assert_ne!(owned_by(net, ALICE), Some(carol));
            assert_ne!(alice, Some(carol));
            assert_eq!(net.pool.lease_of(carol.addr()), Some(carol));
            assert_eq!(owner_of(net, carol.addr()), Some((carol, Some(CAROL))));
        }
    });
}

/// Returns the committed lease of an address, and its owner.
fn owner_of(net: &Net, addr: Ipv4Addr) -> Option<(Lease<Ipv4Addr>, Option<Client>)> {
    match net.pool.status(addr) {
        LeaseStatus::Leased {
            generation, owner, ..
        } => Some((Lease::from_parts(addr, generation)?, owner)),
        _ => None,
    }
}

/// A look while an address goes from owner to owner finds the right one, or none.
#[test]
fn no_look_names_the_wrong_owner() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Found {
        Leases(Held, Held),
        Status(Option<(Lease<Ipv4Addr>, Option<Client>)>),
        Owned(Held, Held),
    }
    fn pass_on(net: &Net) -> Found {
        let alice = lease_for(net, ALICE);
        net.release(alice.unwrap());
        Found::Leases(alice, lease_for(net, CAROL))
    }
    fn status(net: &Net) -> Found {
        Found::Status(owner_of(net, FIRST))
    }
    fn owned(net: &Net) -> Found {
        Found::Owned(owned_by(net, ALICE), owned_by(net, CAROL))
    }
    let looks: [fn(&Net) -> Found; 2] = [status, owned];
    for look in looks {
        race(
            "",
            Some(5),
            || net(1, 0),
            [pass_on, look],
            |_, found| {
                let [Found::Leases(alice, carol), found] = found else {
                    panic!("the first role returns its leases");
                };
                match found {
                    Found::Leases(..) | Found::Status(None) => {}
                    // A lease says so only after its tag was written. Then the next owner can have it already.
                    Found::Status(Some((lease, owner))) => {
                        let right = if Some(lease) == alice { ALICE } else { CAROL };
                        assert!(
                            owner.is_none_or(|owner| owner == right),
                            "{lease} {owner:?}"
                        );
                    }
                    Found::Owned(hers, the_others) => {
                        assert!(hers.is_none() || hers == alice, "{hers:?}");
                        assert!(
                            the_others.is_none() || the_others == carol,
                            "{the_others:?}"
                        );
                    }
                }
            },
        );
    }
}
