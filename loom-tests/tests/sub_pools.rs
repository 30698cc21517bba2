//! Sub-pools: the exact "exhausted" of a range, beside the whole pool and beside each other. For sub-pools beside a
//! pass, see
//! `pass`.
#![cfg(loom)]

use hostbits::{Gateway, Policy, Pool, Search, StatsLevel, set::SubPool};
use ipnet::Ipv4Net;
use loom_tests::race;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

type Held = Option<Ipv4Addr>;

const fn addr(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// Two tenants of one pool of three addresses: 0 and 1, and 2.
struct Net {
    pool: Arc<Pool<Ipv4Net>>,
    blue: SubPool<Ipv4Net>,
    green: SubPool<Ipv4Net>,
}

impl Net {
    fn new(search: Search, policy: Policy) -> Self {
        let builder = Pool::over([addr(0)..=addr(2)]).gateway(Gateway::None);
        let pool = builder.stats(StatsLevel::Off).search(search).build();
        let pool = Arc::new(pool.unwrap());
        let tenant = |name: &str, range: RangeInclusive<Ipv4Addr>| {
            SubPool::new(name, Arc::clone(&pool), range, policy).unwrap()
        };
        Self {
            blue: tenant("blue", addr(0)..=addr(1)),
            green: tenant("green", addr(2)..=addr(2)),
            pool,
        }
    }

    /// Creates one tenant whose two addresses are in two words; everything else is taken. The other tenant has none of
    /// them.
    fn over_two_words(search: Search, policy: Policy) -> Self {
        let builder = Pool::over([addr(0)..=addr(127)]).gateway(Gateway::None);
        let pool = builder.stats(StatsLevel::Off).search(search).build();
        let pool = Arc::new(pool.unwrap());
        pool.allocate_many(128).unwrap();
        pool.release(addr(64)).unwrap();
        let tenant = |name: &str, range: RangeInclusive<Ipv4Addr>| {
            SubPool::new(name, Arc::clone(&pool), range, policy).unwrap()
        };
        Self {
            blue: tenant("blue", addr(63)..=addr(64)),
            green: tenant("green", addr(65)..=addr(127)),
            pool,
        }
    }

    fn with_taken(self, taken: Ipv4Addr) -> Self {
        self.pool.allocate_exact(taken).unwrap();
        self
    }
}

const SEARCHES: [Search; 2] = [Search::Tree, Search::Linear];
const POLICIES: [Policy; 3] = [Policy::Lowest, Policy::Next, Policy::Spread];

fn blue(net: &Net) -> Held {
    net.blue.allocate().ok()
}

/// The one free address of a range moves within it: a tenant never reports "exhausted".
#[test]
fn a_tenant_is_not_fooled_by_an_address_that_moves_within_the_range() {
    /// Three moves fool a search that looks twice.
    fn shuttle(net: &Net) -> Held {
        let (mut held, mut free) = (addr(63), addr(64));
        for _ in 0..3 {
            net.blue.release(held).unwrap();
            net.blue.allocate_exact(free).ok()?;
            (held, free) = (free, held);
        }
        Some(held)
    }
    for search in SEARCHES {
        for policy in POLICIES {
            let world = move || Net::over_two_words(search, policy);
            let label = format!("{search:?}, {policy:?}");
            race(&label, Some(3), world, [shuttle, blue], |net, held| {
                assert!(held[1].is_some(), "an address was free all the time");
                assert_ne!(held[0], held[1]);
                let held = held.iter().flatten().count() as u64;
                assert_eq!((net.blue.allocated(), net.green.available()), (held, 0));
            });
        }
    }
}

/// Addresses outside the range do not belong to the tenant, and moves there lead to no wrong result.
#[test]
fn a_tenant_gets_nothing_from_outside() {
    fn around_the_tenant(net: &Net) -> Held {
        let outside = net.green.allocate().ok();
        net.pool.release(addr(0)).unwrap();
        outside
    }
    let world = || {
        let net = Net::new(Search::Tree, Policy::Lowest);
        net.with_taken(addr(0)).with_taken(addr(1))
    };
    let roles: [fn(&Net) -> Held; 2] = [around_the_tenant, blue];
    race("", Some(5), world, roles, |net, held| {
        assert_eq!(held[0], Some(addr(2)));
        assert!(held[1].is_none_or(|got| got == addr(0)), "{held:?}");
        assert_eq!(net.blue.allocate().is_ok(), held[1].is_none(), "it is lost");
    });
}

/// The last address of a range goes to one holder: among two tenants, and among a tenant and the whole pool.
#[test]
fn the_last_address_of_a_range_has_exactly_one_winner() {
    fn whole(net: &Net) -> Held {
        net.pool.allocate().ok()
    }
    let world = || Net::new(Search::Tree, Policy::Lowest).with_taken(addr(0));
    race("two of it", Some(6), world, [blue, blue], |_, held| {
        assert!(held[0].is_some() != held[1].is_some(), "{held:?}");
    });
    let world = || {
        let net = Net::new(Search::Tree, Policy::Lowest);
        net.with_taken(addr(0)).with_taken(addr(2))
    };
    race("and the pool", Some(6), world, [blue, whole], |_, held| {
        assert!(held[0].is_some() != held[1].is_some(), "{held:?}");
    });
}

/// A batch over the whole pool that fails makes no allocation of a tenant fail.
#[test]
fn a_batch_of_the_pool_that_fails_takes_nothing_from_a_tenant() {
    fn too_many(net: &Net) -> Held {
        assert!(net.pool.allocate_many(3).is_err(), "there are two");
        None
    }
    let world = || Net::new(Search::Tree, Policy::Lowest).with_taken(addr(0));
    race("", Some(4), world, [too_many, blue], |net, held| {
        assert_eq!(held, [None, Some(addr(1))]);
        assert_eq!(net.pool.allocated(), 2);
    });
}
