//! Real threads on tiny pools, explained completely by stateright.

mod common;

use common::watchdog;
use hostbits::Policy;
use linearizability::arena::{POLICIES, TINY};
use linearizability::effort;
use linearizability::season::Season;
use linearizability::tally::Tally;
use std::time::Instant;

const LONG_CALLS: u64 = 150_000;
const BRIEF_CALLS: u64 = 10_000;

/// Wherever a few calls overlap, some order explains all their results together.
#[test]
fn every_overlap_has_an_explanation() {
    let _dog = watchdog();
    let begin = Instant::now();
    for policy in POLICIES {
        let mut tally = play(policy, LONG_CALLS, false);
        tally.merge(&play(policy, BRIEF_CALLS, true));
        println!("{policy}, {:?}: {tally}", begin.elapsed());
        assert!(
            tally.explained().overlaps > 0,
            "no two calls ever overlapped"
        );
    }
}

fn play(policy: Policy, calls: u64, brief: bool) -> Tally {
    let season = Season {
        terrains: &TINY,
        policy,
        seed: 2,
        calls: calls * effort(),
        brief,
    };
    season.run().unwrap_or_else(|failure| panic!("{failure}"))
}
