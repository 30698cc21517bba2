//! Owners of leases beside other threads, and where a lease is remembered.

use hostbits::lease::{LeasePool, Released, RenewError, Term};
use hostbits::{Client, users::Unreadable};
use ipnet::Ipv4Net;
use std::time::Duration;

fn pool(net: &str) -> LeasePool<Ipv4Net> {
    let builder = LeasePool::builder(net.parse().unwrap());
    builder.cooldown(Duration::ZERO).build().unwrap()
}

fn alice() -> Client {
    Client::from_hash(0x9e37_79b9_7f4a_7c15)
}

/// An owner sees its old address free, and another thread takes and releases it before the owner claims its token.
#[test]
fn an_old_address_that_changes_hands_meanwhile_is_not_lost() {
    const TURNS: usize = if cfg!(debug_assertions) {
        4_000
    } else {
        20_000
    };
    for _ in 0..20 {
        let pool = pool("10.0.0.0/30");
        std::thread::scope(|scope| {
            let owner = scope.spawn(|| {
                for _ in 0..TURNS {
                    if let Ok(lease) = pool.allocate_for(alice(), Term::Forever) {
                        assert_eq!(pool.release(&lease), Ok(Released::Ended));
                    }
                }
            });
            let other = scope.spawn(|| {
                for _ in 0..TURNS {
                    if let Ok(lease) = pool.allocate(Term::Forever) {
                        assert_eq!(pool.release(&lease), Ok(Released::Ended));
                    }
                }
            });
            owner.join().unwrap();
            other.join().unwrap();
        });
        let all = std::iter::from_fn(|| pool.allocate(Term::Forever).ok());
        assert_eq!(all.count() as u64, pool.capacity());
    }
}

/// Each address in turn is the only free one, so that most leases are outside of the owner's home.
#[test]
fn an_adoption_of_what_another_holds_forgets_no_lease() {
    let pool = pool("10.0.0.0/23");
    let mut held: Vec<_> = std::iter::from_fn(|| pool.allocate(Term::Forever).ok()).collect();
    let other = held.pop().unwrap();
    for lease in held {
        let before = pool.lease_of(lease.addr()).unwrap();
        assert_eq!(pool.release(&before), Ok(Released::Ended));
        let own = pool.allocate_for(alice(), Term::Forever).unwrap();
        assert_eq!(own.addr(), lease.addr());
        let listed = other.addr().to_string();
        let list = [(listed.as_str(), "alice")];
        let adopted = pool.adopt(Unreadable::default(), list, |_| Some(alice()));
        assert_eq!(adopted.unwrap().leases, [other]);
        assert_eq!(pool.allocate_for(alice(), Term::Forever), Ok(own));
        assert_eq!(pool.release(&own), Ok(Released::Ended));
        let next = pool.allocate(Term::Forever).unwrap();
        assert_eq!(next.addr(), lease.addr());
    }
}

/// A holder that is refused after a pass has ended its lease gives it up: an undo does not make it hold again.
#[test]
fn an_undo_leaves_alone_what_its_holder_was_refused() {
    let pool = pool("10.0.0.0/24");
    let leases = pool.allocate_many(3, Term::Forever).unwrap();
    let mut pass = pool.pass().unwrap();
    pass.read(["10.0.0.4"]);
    let plan = pass.finish(1).unwrap();
    let applied = pool.apply(&plan, Duration::from_secs(60)).unwrap();
    assert_eq!(applied.freed, 2);
    assert_eq!(pool.release(&leases[0]), Ok(Released::AlreadyEnded));
    let refused = pool.renew(&leases[1], Term::Forever);
    assert!(matches!(refused, Err(RenewError::Ended { .. })));
    let undone = pool.undo(&plan).unwrap();
    assert_eq!((undone.taken_back, undone.not_free), (0, 2));
    assert_eq!(pool.census().leased, 1);
}
