//! A list that is adopted while other threads allocate and release. For adoption beside a pass, see `pass`.
#![cfg(loom)]

use hostbits::{Gateway, Pool, Search, StatsLevel, users::Adopted};
use ipnet::Ipv4Net;
use loom::cell::UnsafeCell;
use loom_tests::race;
use std::net::Ipv4Addr;

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A pool of two addresses, with a payload for each.
struct Net {
    pool: Pool<Ipv4Net>,
    payloads: [UnsafeCell<()>; 2],
}

#[allow(unsafe_code)]
// SAFETY: the payloads are empty and their pointers are never followed; loom is here to check whether accesses to them
// are ordered. The pool is Sync.
unsafe impl Sync for Net {}

impl Net {
    fn new(search: Search) -> Self {
        let net: Ipv4Net = "10.0.0.0/30".parse().unwrap();
        let builder = Pool::builder(net).gateway(Gateway::None);
        let pool = builder.stats(StatsLevel::Off).search(search).build();
        let payloads = [UnsafeCell::new(()), UnsafeCell::new(())];
        Self {
            pool: pool.unwrap(),
            payloads,
        }
    }

    /// Returns the pool with an address that is taken.
    fn with_taken(self, addr: Ipv4Addr) -> Self {
        self.pool.allocate_exact(addr).unwrap();
        self
    }

    /// Writes the payload, as only the holder may.
    fn touch(&self, addr: Ipv4Addr) {
        self.payloads[usize::from(addr.octets()[3] - 1)].with_mut(|_| ());
    }

    fn adopt(&self, addrs: &[Ipv4Addr]) -> Adopted {
        self.pool.adopt(addrs).unwrap()
    }
}

/// A role; returns how many addresses it took.
type Role = fn(&Net) -> u64;

const SEARCHES: [Search; 2] = [Search::Tree, Search::Linear];

fn adopt_both(net: &Net) -> u64 {
    let report = net.adopt(&[FIRST, SECOND]);
    assert_eq!(report.taken + report.already, 2, "{report:?}");
    report.taken
}

/// Two addresses, a list of both, and a thread that wants one: each address is taken by exactly one of them.
#[test]
fn a_list_takes_what_nobody_else_has() {
    fn allocate(net: &Net) -> u64 {
        u64::from(net.pool.allocate().is_ok())
    }
    for search in SEARCHES {
        let roles: [Role; 2] = [adopt_both, allocate];
        let world = move || Net::new(search);
        race(
            &format!("{search:?}"),
            Some(5),
            world,
            roles,
            |net, took| {
                assert_eq!(took[0] + took[1], 2);
                assert!(net.pool.allocate().is_err(), "the list has both");
            },
        );
    }
}

/// If two threads adopt the same list, each address is taken by one of them.
#[test]
fn two_lists_take_each_address_once() {
    let world = || Net::new(Search::Tree);
    race("", Some(5), world, [adopt_both, adopt_both], |net, took| {
        assert_eq!(took[0] + took[1], 2);
        assert!(net.pool.allocate().is_err());
    });
}

/// Everything that the previous holder did happens before the next holder gets the address, through a list and from
/// one.
#[test]
fn a_list_passes_addresses_on() {
    fn adopt_and_release(net: &Net) -> u64 {
        let report = net.adopt(&[FIRST]);
        if report.taken == 1 {
            net.touch(FIRST);
            net.pool.release(FIRST).unwrap();
        }
        0
    }
    fn release_what_is_taken(net: &Net) -> u64 {
        net.touch(FIRST);
        net.pool.release(FIRST).unwrap();
        0
    }
    for search in SEARCHES {
        let roles: [Role; 2] = [adopt_and_release, release_what_is_taken];
        let world = move || Net::new(search).with_taken(FIRST);
        let label = format!("taken, {search:?}");
        race(&label, None, world, roles, |net, _| {
            assert!(net.pool.allocate_exact(FIRST).is_ok(), "it is lost");
        });
        let roles: [Role; 2] = [adopt_and_release, adopt_and_release];
        let label = format!("free, {search:?}");
        race(
            &label,
            Some(5),
            move || Net::new(search),
            roles,
            |net, _| {
                assert_eq!(net.pool.allocate_many(2).map(|addrs| addrs.len()), Ok(2));
            },
        );
    }
}

/// An address that a list takes was free until then, or is released: no other call reports "exhausted" while one is
/// free.
#[test]
fn a_list_makes_nobody_miss_what_is_free() {
    fn release_and_adopt_the_other(net: &Net) -> u64 {
        net.pool.release(FIRST).unwrap();
        net.adopt(&[SECOND]).taken
    }
    fn allocate(net: &Net) -> u64 {
        assert!(net.pool.allocate().is_ok(), "one was free all the time");
        1
    }
    for search in SEARCHES {
        let roles: [Role; 2] = [release_and_adopt_the_other, allocate];
        let world = move || Net::new(search).with_taken(FIRST);
        race(
            &format!("{search:?}"),
            Some(4),
            world,
            roles,
            |net, took| {
                let left = u64::from(net.pool.allocate().is_ok());
                assert_eq!(took[0] + took[1] + left, 2);
            },
        );
    }
}

/// Addresses that a batch takes and gives back are not allocated: a list takes them, and reports that.
#[test]
fn a_list_takes_what_a_batch_gives_back() {
    fn ask_for_too_many(net: &Net) -> u64 {
        assert!(net.pool.allocate_many(2).is_err(), "one is taken");
        0
    }
    fn adopt_first(net: &Net) -> u64 {
        net.adopt(&[FIRST]).taken
    }
    for search in SEARCHES {
        let roles: [Role; 2] = [adopt_first, ask_for_too_many];
        let world = move || Net::new(search).with_taken(SECOND);
        race(
            &format!("{search:?}"),
            Some(4),
            world,
            roles,
            |net, took| {
                assert_eq!(took[0], 1, "nobody else ever held it");
                assert!(net.pool.allocate().is_err(), "the list has it");
            },
        );
    }
}
