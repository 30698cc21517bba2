//! Failures that other allocators had in the field, each under the name of what went wrong: those
//! that take more than one thread.
//!
//! `HOSTBITS_ROUNDS=20 cargo test --test field_threads` does 20 times the work.

#[path = "support/storm.rs"]
mod storm;

use hostbits::{ReleaseError, Status};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use storm::{
    Before, Dice, Meeting, Stop, addr, effort, for_all_kinds, nearly_full, plain_pool, together,
    watchdog,
};

/// Field failure 5, Cilium 10066: an endpoint's address was released twice, and between the two releases it had
/// been given to another endpoint, which lost it. With guards the second release cannot be written.
#[test]
fn with_guards_the_second_release_cannot_hit_the_new_owner() {
    let _watchdog = watchdog("with_guards_the_second_release_cannot_hit_the_new_owner");
    for_all_kinds(|policy, search| {
        let pool = plain_pool(1, policy, search);
        let before = Before::of(&pool);
        let (free_again, is_free) = channel();
        let (taken_again, is_taken) = channel();
        std::thread::scope(|scope| {
            let first = pool.guard().expect("an empty pool");
            let contested = first.addr();
            scope.spawn(move || {
                // The first release. It takes the guard: there is nothing left to release again.
                drop(first);
                free_again.send(()).expect("the other one listens");
                is_taken.recv().expect("the other one answers");
            });
            is_free.recv().expect("the first owner lets go");
            let second = pool.guard().expect("it was released");
            assert_eq!(second.addr(), contested, "the only one there is");
            taken_again.send(()).expect("the first owner waits");
            assert!(pool.allocate().is_err(), "the new owner still has it");
            assert!(matches!(pool.status(contested), Status::Allocated { .. }));
        });
        assert_eq!(pool.stats().release_errors, 0);
        before.expect_again(&pool, &format!("{pool:?}"));
    });
}

/// Field failure 5, Cilium 10066, by address: a second release is refused as long as the address
/// is free, and that is all one bit can tell. After the next owner has it, the second release is
/// his loss, as the documentation of `release` says: this is what guards are for.
#[test]
fn by_address_a_late_second_release_takes_it_from_the_new_owner() {
    let pool = plain_pool(1, hostbits::Policy::Lowest, hostbits::Search::Tree);
    let first = pool.allocate().expect("an empty pool");
    pool.release(first).expect("it is held");
    assert!(matches!(
        pool.release(first),
        Err(ReleaseError::NotAllocated { .. })
    ));
    assert_eq!(pool.allocated(), 0, "refused, and nothing changed");

    let second = pool.allocate().expect("it is free");
    assert_eq!(second, first);
    let late = std::thread::scope(|scope| scope.spawn(|| pool.release(first)).join());
    assert_eq!(
        late.expect("no panic"),
        Ok(()),
        "nobody can tell them apart"
    );
    assert_eq!(pool.allocate(), Ok(first), "and now there are two owners");
}

/// Field failure 7, NetBox 2519: parallel requests for the next available address all read the
/// same list and all got the same address. Sixteen callers get sixteen addresses.
#[test]
fn sixteen_parallel_requests_get_sixteen_addresses() {
    let _watchdog = watchdog("sixteen_parallel_requests_get_sixteen_addresses");
    for_all_kinds(|policy, search| {
        for slots in [16, 254] {
            for _ in 0..20 * effort() {
                let pool = plain_pool(slots, policy, search);
                let given = together(16, |_| pool.allocate().expect("there is one for each"));
                let different: BTreeSet<Ipv4Addr> = given.into_iter().collect();
                assert_eq!(different.len(), 16, "{pool:?}");
                assert!(pool.iter().eq(different), "and those are the ones taken");
            }
        }
    });
}

/// Field failure 8, Spiderpool, "IPs == pods": as many pods as addresses, all started at once, deleted and started
/// again. Every pod gets an address, none finds the pool exhausted, and the pool is drained to exactly zero each time.
#[test]
fn as_many_pods_as_addresses_drain_the_pool_to_zero() {
    let _watchdog = watchdog("as_many_pods_as_addresses_drain_the_pool_to_zero");
    for_all_kinds(|policy, search| {
        for (nodes, pods_per_node) in [(8, 1), (4, 16), (4, 128)] {
            let pool = plain_pool((nodes * pods_per_node) as u32, policy, search);
            let before = Before::of(&pool);
            let meeting = Meeting::new(nodes);
            together(nodes, |_| {
                let meeting = meeting.join();
                for _ in 0..8 * effort() {
                    let start = |_| {
                        pool.allocate()
                            .unwrap_or_else(|error| panic!("{pool:?}: {error}"))
                    };
                    let pods: Vec<_> = (0..pods_per_node).map(start).collect();
                    meeting.wait();
                    assert_eq!(pool.available(), 0, "drained to exactly zero");
                    assert!(pool.allocate().is_err(), "and not one more");
                    meeting.wait();
                    for addr in pods {
                        pool.release(addr).expect("it is held");
                    }
                    meeting.wait();
                }
            });
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Field failure 9, FreeRADIUS 3544: the pool skipped rows that others had locked, and reported itself full while
/// the addresses were merely being worked on. One address is free the whole time; all the others are in the middle
/// of something. Every caller gets an address.
#[test]
fn a_pool_whose_other_slots_are_all_in_motion_is_not_full() {
    let _watchdog = watchdog("a_pool_whose_other_slots_are_all_in_motion_is_not_full");
    for_all_kinds(|policy, search| {
        for (slots, busy) in [
            (4, &[0, 1, 2][..]),
            (130, &[0, 64, 129]),
            (9000, &[1, 4500, 8999]),
        ] {
            // The busy ones go round in circles by name, each on a slot of its own; one more is free.
            let free: Vec<u32> = busy.iter().copied().chain([3]).collect();
            let pool = nearly_full(slots, &free, policy, search);
            let before = Before::of(&pool);
            let running = AtomicUsize::new(0);
            let rounds = if slots > 1000 { 300 } else { 2500 } * effort();
            together(busy.len() + 1, |thread| {
                if let Some(&slot) = busy.get(thread) {
                    let mut dice = Dice::new(thread);
                    while running.load(Ordering::SeqCst) == 0 {
                        // Taken by the one who asks, now and then.
                        if pool.allocate_exact(addr(slot)).is_ok() {
                            dice.dawdle();
                            pool.release(addr(slot)).expect("it is held");
                        }
                    }
                    return;
                }
                let _stop = Stop(&running);
                for _ in 0..rounds {
                    let given = pool.allocate();
                    let given = given.unwrap_or_else(|error| panic!("{pool:?}: {error}"));
                    pool.release(given).expect("it is held");
                }
            });
            assert_eq!(pool.stats().failures.exhausted, 0, "{pool:?}");
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}
