//! The public pool: what its documentation promises to two threads.
#![cfg(loom)]

use hostbits::{Gateway, Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use loom_tests::race;
use std::net::Ipv4Addr;

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

type Addr = Option<Ipv4Addr>;

fn allocate(pool: &Pool<Ipv4Net>) -> Addr {
    pool.allocate().ok()
}

fn guard_and_keep(pool: &Pool<Ipv4Net>) -> Addr {
    pool.guard().ok().map(|guard| guard.keep())
}

fn guard_drop_and_keep(pool: &Pool<Ipv4Net>) -> Addr {
    drop(pool.guard().expect("two addresses, two threads"));
    guard_and_keep(pool)
}

/// Two threads, two addresses, any policy: both always get one, and a guard gives it back.
#[test]
fn two_threads_always_share_two_addresses() {
    let both_have_one = |pool: &Pool<Ipv4Net>, held: [Addr; 2]| {
        let [Some(first), Some(second)] = held else {
            panic!("two addresses, two threads: {held:?}");
        };
        assert_ne!(first, second);
        assert!(pool.allocate().is_err());
        pool.release(first).unwrap();
        assert_eq!(pool.allocate(), Ok(first));
    };
    for policy in Policy::ALL {
        let roles = [guard_and_keep, guard_drop_and_keep];
        let label = format!("{policy:?}");
        race(&label, Some(6), move || pool(policy), roles, both_have_one);
    }
}

/// Two threads, one address: exactly one gets it and the other sees `Exhausted`.
#[test]
fn last_address_has_exactly_one_winner() {
    let one_left = || {
        let pool = pool(Policy::Lowest);
        pool.allocate().unwrap();
        pool
    };
    race("", None, one_left, [allocate, allocate], |_, held| {
        assert!(held[0].is_some() != held[1].is_some(), "{held:?}");
    });
}

/// An address that two threads ask for goes to one of them, whatever else is claimed.
#[test]
fn an_exact_address_has_exactly_one_winner() {
    fn allocate_exact(pool: &Pool<Ipv4Net>) -> bool {
        pool.allocate_exact("10.0.0.2".parse().unwrap()).is_ok()
    }
    fn allocate_exact_and_lower(pool: &Pool<Ipv4Net>) -> bool {
        let mine = allocate_exact(pool);
        assert_eq!(pool.allocate(), Ok("10.0.0.1".parse().unwrap()));
        mine
    }
    let world = || pool(Policy::Lowest);
    let roles = [allocate_exact, allocate_exact_and_lower];
    race("", None, world, roles, |_, won| assert!(won[0] != won[1]));
}

/// Results of several pools are consistent: each thread releases an address of one full pool and then allocates from
/// the other pool. The thread that does so last finds what the other one released. With highest first, by the summary
/// alone: it begins in no word.
#[test]
fn answers_of_two_pools_have_one_order() {
    type Pools = [Pool<Ipv4Net>; 2];
    /// Returns a pool whose two addresses are taken; with `settled`, the summary says so.
    fn taken(policy: Policy, settled: bool) -> Pool<Ipv4Net> {
        let pool = pool(policy);
        while pool.allocate().is_ok() {}
        if !settled {
            pool.release("10.0.0.2".parse().unwrap()).unwrap();
            pool.allocate().unwrap();
        }
        pool
    }
    fn release_then_ask(of: usize, pools: &Pools) -> bool {
        pools[of].release("10.0.0.1".parse().unwrap()).unwrap();
        pools[1 - of].allocate().is_ok()
    }
    let roles: [fn(&Pools) -> bool; 2] = [
        |pools| release_then_ask(0, pools),
        |pools| release_then_ask(1, pools),
    ];
    for policy in [Policy::Lowest, Policy::Spread, Policy::Highest] {
        for settled in [true, false] {
            let world = move || [taken(policy, settled), taken(policy, settled)];
            let label = format!("{policy:?}, settled: {settled}");
            race(&label, Some(5), world, roles, |_, found| {
                assert!(found[0] || found[1], "both came first");
            });
        }
    }
}

/// The only free address goes from before the start to behind the search for the next one, and the search finds it: that
/// there is nothing is proved of the whole pool, and not of each part by itself.
#[test]
fn the_next_free_address_is_not_missed_while_it_moves() {
    const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    fn next(pool: &Pool<Ipv4Net>) -> Addr {
        let addr = pool.allocate_from(SECOND).ok();
        assert!(addr.is_some(), "at every instant one was free");
        addr
    }
    fn move_over(pool: &Pool<Ipv4Net>) -> Addr {
        pool.release(SECOND).unwrap();
        pool.allocate_exact(FIRST).ok().map(|()| FIRST)
    }
    let second_taken = || {
        let pool = pool(Policy::Lowest);
        pool.allocate_exact(SECOND).unwrap();
        pool
    };
    race("", Some(5), second_taken, [next, move_over], |_, held| {
        assert_ne!(held[0], held[1], "one holder each");
    });
}
