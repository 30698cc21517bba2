//! Counters: a thread has a number to itself and adds without a locked instruction; others share; a thread that has
//! ended hands its number on with its memory.
#![cfg(loom)]

use hostbits::model::Tally;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom_tests::{explore, race};
use std::sync::Arc;

/// The addresses of the cells of two threads that live at the same time.
const ONE: u64 = 0x1000;
const OTHER: u64 = 0x2000;

/// Takes a number, and adds twice.
fn add_twice<const N: usize>(tally: &Tally<N>, address: u64) -> usize {
    let number = tally.number_of(address);
    tally.add(number);
    tally.add(number);
    number
}

/// Two threads, and a number for each: they have none in common, and nothing is lost.
#[test]
fn two_threads_have_no_number_in_common() {
    race(
        "two numbers",
        None,
        Tally::<2>::new,
        [
            |tally: &Tally<2>| add_twice(tally, ONE),
            |tally: &Tally<2>| add_twice(tally, OTHER),
        ],
        |tally, numbers| {
            assert_ne!(numbers[0], numbers[1]);
            assert_eq!(tally.sum(), 4);
        },
    );
}

/// Three threads and one number: one has it, the others share what is left, and nothing is lost.
#[test]
fn threads_without_a_number_lose_nothing() {
    explore("one number", Some(3), || {
        let tally = Arc::new(Tally::<1>::new());
        let others = [OTHER, OTHER + 8].map(|address| {
            let tally = Arc::clone(&tally);
            loom::thread::spawn(move || add_twice(&tally, address))
        });
        let own = add_twice(&tally, ONE);
        let numbers = others.map(|other| other.join().unwrap());
        let owners = numbers.iter().chain([&own]).filter(|&&number| number == 0);
        assert_eq!(owners.count(), 1);
        assert_eq!(tally.sum(), 6);
    });
}

/// A signal handler takes the number that its own thread is about to take: they have the same one, and no more.
#[test]
fn a_thread_takes_one_number_whoever_asks_first() {
    race(
        "the same address",
        None,
        Tally::<2>::new,
        [|tally: &Tally<2>| tally.number_of(ONE); 2],
        |tally, numbers| {
            assert_eq!(numbers, [0, 0]);
            assert_eq!(tally.number_of(OTHER), 1, "it is still there");
        },
    );
}

/// Runs a thread that ends, one that gets its memory, and one that reads twice meanwhile. `ended` and `begins` are the
/// orderings of the system between the end of one thread and the beginning of the other.
fn hand_over(label: &str, ended: Ordering, begins: Ordering) {
    explore(label, None, move || {
        let world = Arc::new((Tally::<1>::new(), AtomicBool::new(false)));
        let first = {
            let world = Arc::clone(&world);
            loom::thread::spawn(move || {
                let number = add_twice(&world.0, ONE);
                world.1.store(true, ended);
                number
            })
        };
        let next = {
            let world = Arc::clone(&world);
            loom::thread::spawn(move || {
                let is_its_memory = world.1.load(begins);
                is_its_memory.then(|| add_twice(&world.0, ONE))
            })
        };
        let reads = [world.0.sum(), world.0.sum()];
        assert!(reads[0] <= reads[1], "a count never falls");
        let first = first.join().unwrap();
        let next = next.join().unwrap();
        assert_eq!(first, 0);
        assert!(next.is_none_or(|number| number == 0), "the same number");
        assert_eq!(world.0.sum(), if next.is_some() { 4 } else { 2 });
    });
}

/// The next thread in the same memory has the same number, and adds to what the previous one has left.
#[test]
fn a_number_is_handed_on_with_the_memory() {
    hand_over("handed on", Ordering::Release, Ordering::Acquire);
}

/// What is needed of the system for that: without an order between the end of a thread and the next use of its memory,
/// counts are lost.
#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn without_the_order_of_the_system_counts_are_lost() {
    hand_over("without order", Ordering::Relaxed, Ordering::Relaxed);
}
