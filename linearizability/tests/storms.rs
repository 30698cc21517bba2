//! 1,250,000 calls by real threads, with every history checked: 250,000 calls for each policy, and for sets.

mod common;

use common::watchdog;
use hostbits::Policy;
use linearizability::arena::TERRAINS;
use linearizability::effort;
use linearizability::season::Season;
use linearizability::sets::SetStorm;
use std::time::Instant;

const CALLS: u64 = 250_000;

fn play(policy: Policy) {
    let _dog = watchdog();
    let begin = Instant::now();
    let season = Season {
        terrains: &TERRAINS,
        policy,
        seed: 1,
        calls: CALLS * effort(),
        brief: false,
    };
    let tally = season.run().unwrap_or_else(|failure| panic!("{failure}"));
    println!("{policy}, {:?}: {tally}", begin.elapsed());
    assert!(tally.calls >= season.calls, "{} calls", tally.calls);
    let missing = tally.missing(&[policy]);
    assert!(missing.is_empty(), "never came up: {missing:?}");
}

/// No result is false, and every lower address was seen taken.
#[test]
fn lowest_is_linearizable() {
    play(Policy::Lowest);
}

/// No result is false, and every higher address was seen taken.
#[test]
fn highest_is_linearizable() {
    play(Policy::Highest);
}

/// No result is false when all threads follow one cursor.
#[test]
fn next_is_linearizable() {
    play(Policy::Next);
}

/// No result is false when each thread looks somewhere else.
#[test]
fn spread_is_linearizable() {
    play(Policy::Spread);
}

/// No result is false wherever the search begins.
#[test]
fn random_is_linearizable() {
    play(Policy::Random(7));
}

/// No result is false when several pools form one set, members are added during the game, and pairs fail.
#[test]
fn sets_are_linearizable() {
    let _dog = watchdog();
    let begin = Instant::now();
    let storm = SetStorm {
        seed: 1,
        calls: CALLS * effort(),
    };
    let tally = storm.run().unwrap_or_else(|failure| panic!("{failure}"));
    println!("sets, {:?}: {tally}", begin.elapsed());
    assert!(tally.calls >= storm.calls, "{} calls", tally.calls);
    assert!(
        tally.explained().overlaps > 100,
        "hardly anything overlapped"
    );
}
