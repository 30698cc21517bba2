//! Locals: words of the pool that belong to one thread.
#![cfg(loom)]

use hostbits::{Gateway, Policy, Pool, StatsLevel};
use ipnet::Ipv4Net;
use loom::cell::UnsafeCell;
use loom::thread;
use loom_tests::explore;
use std::net::Ipv4Addr;
use std::sync::Arc;

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
    fn new(policy: Policy) -> Self {
        let net: Ipv4Net = "10.0.0.0/30".parse().unwrap();
        let pool = Pool::builder(net)
            .gateway(Gateway::None)
            .policy(policy)
            .stats(StatsLevel::Off)
            .build()
            .unwrap();
        let payloads = [UnsafeCell::new(()), UnsafeCell::new(())];
        Self { pool, payloads }
    }

    /// Writes the payload, as only the holder may.
    fn touch(&self, addr: Ipv4Addr) -> Ipv4Addr {
        self.payloads[usize::from(addr.octets()[3] - 1)].with_mut(|_| ());
        addr
    }

    fn allocate(&self) -> Option<Ipv4Addr> {
        self.pool.allocate().ok().map(|addr| self.touch(addr))
    }
}

type Held = Vec<Ipv4Addr>;
type Role = fn(&Net) -> Held;

/// Runs the roles in both orders; afterwards, every address is held once or free, and none is reserved by a local.
fn race(policy: Policy, roles: [Role; 2]) {
    let world = move || Net::new(policy);
    loom_tests::race(
        &format!("{policy:?}"),
        Some(6),
        world,
        roles,
        settle_accounts,
    );
}

fn settle_accounts(net: &Net, held: [Held; 2]) {
    let mut addrs = held.concat();
    addrs.extend(std::iter::from_fn(|| net.allocate()));
    addrs.sort();
    let all: [Ipv4Addr; 2] = ["10.0.0.1", "10.0.0.2"].map(|addr| addr.parse().unwrap());
    assert_eq!(addrs, all);
}

/// Keeps one address of a local and drops the local with the rest.
fn keep_one(net: &Net) -> Held {
    let mut local = net.pool.local();
    let addr = local.allocate().ok().map(|addr| net.touch(addr));
    addr.into_iter().collect()
}

fn must_keep_one(net: &Net) -> Held {
    let held = keep_one(net);
    assert_eq!(held.len(), 1, "two addresses, two claims");
    held
}

/// Allocates and releases through a local, twice.
fn use_twice(net: &Net) -> Held {
    let mut local = net.pool.local();
    for _ in 0..2 {
        if let Ok(addr) = local.allocate() {
            net.touch(addr);
            local.release(addr).unwrap();
        }
    }
    vec![]
}

fn allocate_one(net: &Net) -> Held {
    net.allocate().into_iter().collect()
}

/// The addresses of a dropped local are available to other threads, once.
#[test]
fn a_local_dropped_while_another_thread_allocates_loses_nothing() {
    for policy in [
        Policy::Lowest,
        Policy::Highest,
        Policy::Next,
        Policy::Spread,
    ] {
        race(policy, [must_keep_one, allocate_one]);
    }
}

/// Two locals never share an address, and give back what they have.
#[test]
fn two_locals_share_no_address() {
    race(Policy::Lowest, [keep_one, keep_one]);
    race(Policy::Lowest, [use_twice, keep_one]);
    race(Policy::Next, [use_twice, keep_one]);
}

/// Everything that the previous holder did happens before the next holder gets an address through a local.
#[test]
fn a_local_passes_addresses_on() {
    race(Policy::Lowest, [use_twice, use_twice]);
    race(Policy::Spread, [use_twice, allocate_one]);
}

/// The same for an address that a local takes when it has no address left.
#[test]
fn a_local_with_nothing_left_passes_on_what_is_released() {
    fn release_into_a_local(net: &Net) -> Held {
        let Some(addr) = net.allocate() else {
            return vec![];
        };
        let mut local = net.pool.local();
        local.release(net.touch(addr)).unwrap();
        assert_eq!(local.allocate(), Ok(addr), "it has nothing else");
        local.release(net.touch(addr)).unwrap();
        vec![]
    }
    race(Policy::Lowest, [release_into_a_local, use_twice]);
    race(Policy::Spread, [release_into_a_local, allocate_one]);
}

/// A local that stays alive reports "exhausted" only if the pool had no free address at some instant.
#[test]
fn a_local_sees_what_its_thread_released() {
    fn release_and_reserve(net: &Net) -> Held {
        let Some(first) = net.allocate() else {
            return vec![];
        };
        net.touch(first);
        net.pool.release(first).unwrap();
        let mut local = net.pool.local();
        let addr = local.allocate().ok().map(|addr| net.touch(addr));
        assert!(addr.is_some(), "two addresses, two claims");
        addr.into_iter().collect()
    }
    race(Policy::Lowest, [release_and_reserve, allocate_one]);
}

/// An address that another thread releases into the pool, while the local has its word, is not lost.
#[test]
fn an_address_of_the_local_released_by_another_thread_is_there_for_all() {
    explore("", Some(4), || {
        let net = Arc::new(Net::new(Policy::Lowest));
        let mut local = net.pool.local();
        let addr = net.touch(local.allocate().unwrap());
        let other = {
            let net = Arc::clone(&net);
            thread::spawn(move || {
                net.touch(addr);
                net.pool.release(addr).unwrap();
            })
        };
        let second = net.touch(local.allocate().unwrap());
        let third = local.allocate();
        if let Ok(third) = third {
            assert_eq!(net.touch(third), addr);
        }
        other.join().unwrap();
        assert_ne!(second, addr);
        assert_eq!(third.is_err(), net.allocate().is_some());
    });
}
