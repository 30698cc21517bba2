//! Addresses that travel from thread to thread, and guards.

use super::*;

/// One thread allocates, another releases, over a channel: nothing is lost on the way, and what the
/// first wrote the next holder reads.
#[test]
fn an_address_may_be_released_by_another_thread() {
    let _watchdog = watchdog("an_address_may_be_released_by_another_thread");
    for_all_kinds(|policy, search| {
        for slots in [1, 3, 70] {
            let pool = plain_pool(slots, policy, search);
            let before = Before::of(&pool);
            let ledger = Ledger::new(slots.into());
            std::thread::scope(|scope| {
                for pair in 0..2 {
                    let (give, take): (Sender<Ipv4Addr>, Receiver<_>) = channel();
                    let (pool, ledger) = (&pool, &ledger);
                    scope.spawn(move || {
                        let mut dice = Dice::new(pair);
                        for _ in 0..1500 * effort() {
                            if let Ok(addr) = pool.allocate() {
                                ledger.take(pool.slot_of(addr).expect("in the pool"), pair);
                                give.send(addr).expect("the other one listens");
                            } else {
                                std::thread::yield_now();
                            }
                            dice.dawdle();
                        }
                    });
                    scope.spawn(move || {
                        for addr in take {
                            ledger.give_back(pool.slot_of(addr).expect("in the pool"), pair);
                            pool.release(addr).expect("it is held");
                        }
                    });
                }
            });
            assert_eq!(pool.stats().allocations.any, pool.stats().releases);
            assert_eq!(pool.stats().release_errors, 0);
            before.expect_again(&pool, &format!("{pool:?}"));
        }
    });
}

/// Guards across threads, borrowed and owned, dropped here or there, some by a thread that panics:
/// each gives its address back exactly once.
#[test]
fn guards_give_back_once_wherever_they_are_dropped() {
    let _watchdog = watchdog("guards_give_back_once_wherever_they_are_dropped");
    for_all_kinds(|policy, search| {
        let pool = Arc::new(plain_pool(70, policy, search));
        let before = Before::of(&pool);
        let ledger = Ledger::new(70);
        let (give, take) = channel::<GuardArc<Ipv4Net>>();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (pool, ledger, give) = (&pool, &ledger, give.clone());
                scope.spawn(move || {
                    let mut dice = Dice::new(thread);
                    for round in 0..400 * effort() {
                        let Ok(guard) = pool.guard() else { continue };
                        let slot = pool.slot_of(guard.addr()).expect("in the pool");
                        ledger.take(slot, thread);
                        dice.dawdle();
                        ledger.give_back(slot, thread);
                        if round % 50 == 0 {
                            let died = catch_unwind(AssertUnwindSafe(|| {
                                let _held = guard;
                                // Not `panic!`: its message would only be noise.
                                std::panic::resume_unwind(Box::new("on purpose"));
                            }));
                            assert!(died.is_err());
                        }
                        if let Ok(owned) = pool.guard_arc() {
                            give.send(owned).expect("the other one listens");
                        }
                    }
                });
            }
            drop(give);
            scope.spawn(|| take.into_iter().for_each(drop));
        });
        assert_eq!(
            Arc::strong_count(&pool),
            1,
            "every guard let go of the pool"
        );
        assert_eq!(pool.stats().release_errors, 0);
        assert_eq!(pool.allocated(), 0);
        before.expect_again(&pool, &format!("{pool:?}"));
    });
}

/// A thread that dies with a guard in its hands gives the address back, and no other thread dies with it.
#[test]
fn a_thread_that_panics_returns_its_address() {
    let pool = Arc::new(plain_pool(1, Policy::Lowest, Search::Tree));
    for _ in 0..50 {
        let held = pool.guard_arc().expect("it came back every time");
        let thread = std::thread::spawn(move || {
            let _held = held;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(thread.join().is_err());
    }
    assert_eq!(pool.allocated(), 0);
    std::thread::scope(|scope| {
        let borrowed = pool.guard().expect("it came back every time");
        let thread = scope.spawn(move || {
            let _held = borrowed;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(thread.join().is_err());
    });
    assert_eq!(pool.allocate(), Ok(addr(0)));
}
