//! The public pool: what its docs promise of two threads.
#![cfg(loom)]

use hostbits::{Gateway, Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use loom::thread;
use loom_tests::explore;
use std::sync::Arc;

fn pool(policy: Policy) -> Pool<Ipv4Net> {
    // Two addresses: .1 and .2.
    let net: Ipv4Net = "10.0.0.0/30".parse().unwrap();
    Pool::builder(net)
        .gateway(Gateway::None)
        .policy(policy)
        .stats(StatsLevel::Off)
        .build()
        .unwrap()
}

/// Two threads, two addresses, any policy: both always get one, and a guard gives it back.
#[test]
fn two_threads_always_share_two_addresses() {
    for policy in [
        Policy::Lowest,
        Policy::Next,
        Policy::Spread,
        Policy::Random(7),
    ] {
        explore(&format!("{policy:?}"), Some(6), move || {
            let pool = Arc::new(pool(policy));
            let other = {
                let pool = Arc::clone(&pool);
                thread::spawn(move || pool.guard().unwrap().keep())
            };
            drop(pool.guard().unwrap());
            let mine = pool.guard().unwrap().keep();
            assert_ne!(other.join().unwrap(), mine);
            assert!(pool.allocate().is_err());
            pool.release(mine).unwrap();
            assert_eq!(pool.allocate(), Ok(mine));
        });
    }
}

/// Two threads, one address: exactly one gets it and the other sees `Exhausted`.
#[test]
fn last_address_has_exactly_one_winner() {
    explore("one free", None, || {
        let pool = Arc::new(pool(Policy::Lowest));
        let held = pool.allocate().unwrap();
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.allocate())
        };
        let mine = pool.allocate();
        let theirs = other.join().unwrap();
        assert!(mine.is_ok() != theirs.is_ok(), "{mine:?}, {theirs:?}");
        assert_ne!(mine.or(theirs), Ok(held));
    });
}

/// An address that is asked for by two threads goes to one of them, whatever else is claimed.
#[test]
fn an_exact_address_has_exactly_one_winner() {
    explore("the same address", None, || {
        let pool = Arc::new(pool(Policy::Lowest));
        let wanted = "10.0.0.2".parse().unwrap();
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.allocate_exact(wanted).is_ok())
        };
        let mine = pool.allocate_exact(wanted).is_ok();
        let lower = pool.allocate().unwrap();
        assert_ne!(lower, wanted);
        assert!(mine != other.join().unwrap());
    });
}
