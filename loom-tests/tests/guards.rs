//! Guards of pools and of sets: dropped on another thread, beside other allocations, and from drained members.
#![cfg(loom)]

use hostbits::{Gateway, GuardArc, Pool, PoolSet, StatsLevel};
use ipnet::Ipv4Net;
use loom::thread;
use loom_tests::{Payload, explore, race};
use std::net::Ipv4Addr;
use std::sync::Arc;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 0);

fn pool(first: Ipv4Addr, last: Ipv4Addr) -> Pool<Ipv4Net> {
    let builder = Pool::over([first..=last]).gateway(Gateway::None);
    builder.stats(StatsLevel::Off).build().unwrap()
}

/// A pool of one address.
fn one(addr: Ipv4Addr) -> Pool<Ipv4Net> {
    pool(addr, addr)
}

struct Net {
    pool: Arc<Pool<Ipv4Net>>,
    payload: Payload,
}

fn net() -> Net {
    Net {
        pool: Arc::new(one(A)),
        payload: Payload::new(),
    }
}

/// One address, two guards: the second holder gets it after everything the first one did with it, and in the end it is
/// free.
#[test]
fn a_guard_passes_its_address_on() {
    fn guard(net: &Net) -> bool {
        let guard = net.pool.guard();
        guard.inspect(|_| net.payload.touch()).is_ok()
    }
    fn guard_arc(net: &Net) -> bool {
        let guard = net.pool.guard_arc();
        guard.inspect(|_| net.payload.touch()).is_ok()
    }
    let second: [fn(&Net) -> bool; 2] = [guard, guard_arc];
    for other in second {
        race("", None, net, [guard, other], |net, got| {
            assert!(got[0] || got[1], "it was free before both");
            assert_eq!(net.pool.allocate(), Ok(A), "it is lost");
            net.payload.touch();
        });
    }
}

/// A guard that another thread drops gives its address back once, visibly to all threads.
#[test]
fn a_guard_that_is_dropped_elsewhere_gives_its_address_back_once() {
    for swapped in [false, true] {
        explore(&format!("swapped: {swapped}"), None, move || {
            let net = Arc::new(net());
            let guard: GuardArc<Ipv4Net> = net.pool.guard_arc().unwrap();
            net.payload.touch();
            let drop_it = move || drop(guard);
            let take = {
                let net = Arc::clone(&net);
                move || {
                    let taken = net.pool.allocate().is_ok();
                    if taken {
                        net.payload.touch();
                    }
                    taken
                }
            };
            let taken = if swapped {
                let other = thread::spawn(drop_it);
                let taken = take();
                other.join().unwrap();
                taken
            } else {
                let other = thread::spawn(take);
                drop_it();
                other.join().unwrap()
            };
            assert_eq!(net.pool.allocate().is_ok(), !taken, "taken: {taken}");
        });
    }
}

/// An address that was kept stays with its thread, whatever the other guard does.
#[test]
fn what_was_kept_is_nobody_elses() {
    fn keep(net: &Net) -> bool {
        net.pool.guard().is_ok_and(|guard| guard.keep() == A)
    }
    fn look(net: &Net) -> bool {
        drop(net.pool.guard());
        false
    }
    race("keep and drop", Some(6), net, [keep, look], |net, got| {
        assert_eq!(net.pool.allocate().is_err(), got[0]);
    });
    race("keep twice", Some(6), net, [keep, keep], |net, got| {
        assert!(got[0] != got[1], "{got:?}");
        assert!(net.pool.allocate().is_err());
    });
}

/// A guard of a set gives its address back to the right member, drained or not, and the set notices.
#[test]
fn a_guard_of_a_set_gives_back_whatever_becomes_of_the_member() {
    type Set = PoolSet<Ipv4Net>;
    let world = || -> Set {
        let members = [one(A), one(B)];
        PoolSet::builder().room(2).members(members).build().unwrap()
    };
    fn use_one(set: &Set) -> Option<Ipv4Addr> {
        set.guard().ok().map(|guard| guard.addr())
    }
    fn drain(set: &Set) -> Option<Ipv4Addr> {
        set.drain(set.member_of(A).unwrap().id()).unwrap();
        None
    }
    race("drain", Some(4), world, [use_one, drain], |set, got| {
        assert!(got[0].is_some(), "one was free all the time");
        assert_eq!(set.allocated(), 0, "{got:?}");
        assert_eq!((set.allocate(), set.allocate().is_ok()), (Ok(B), false));
    });
    // The other thread may have found the first member empty; the set must try it again once it has a free address.
    let world = || -> Set {
        let last = Ipv4Addr::from_bits(B.to_bits() + 1);
        let members = [one(A), pool(B, last)];
        PoolSet::builder().room(2).members(members).build().unwrap()
    };
    fn keep_one(set: &Set) -> Option<Ipv4Addr> {
        set.guard().ok().map(|guard| guard.keep())
    }
    race("keep", Some(4), world, [use_one, keep_one], |set, got| {
        assert!(got[0].is_some() && got[1].is_some(), "{got:?}");
        assert_eq!(set.allocated(), 1);
        let next = if got[1] == Some(A) { B } else { A };
        assert_eq!(set.allocate(), Ok(next), "{got:?}");
    });
}
