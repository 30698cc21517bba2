//! Users, a pool, their list and an operator, in random interleavings of joins, leaves, crashes and passes.
//!
//! The library is the real one; everything around it is simulated, with a clock of its own. While the callers keep
//! their contract, no held address is ever freed or handed out again, and a leak is freed by the third pass at the
//! latest, if the passes are `grace` apart, no caller touches it and the list does not name it. The second test
//! prints what each violation of the contract costs, and where it is reported.
//!
//! `HOSTBITS_SEEDS` schedules are run, 3,000 if it does not say, from `HOSTBITS_SEED` on.
//!
//! | file | what it knows |
//! |---|---|
//! | `rules` | the contract, and the ways to break it |
//! | `world` | the clock, who holds what, and what must not be |
//! | `client` | those who join and leave |
//! | `list` | the users' list, with its past |
//! | `home` | heap and file, and what a restart does |
//! | `leaks` | when a leak must have been found |
//! | `reading` | pages, replicas, lists that fail |
//! | `operator` | passes, and what is done with plans |
//! | `books` | what a plan must say and do, from outside |
//! | `schedule` | one random life of all of them |
//! | `ledger` | who holds what, with real threads |
//! | `threads` | the same with real threads, in short |
//! | `set_threads` | the same over a set of pools and one of the other family |
#![cfg(all(feature = "mmap", target_os = "linux"))]

mod books;
mod client;
mod home;
mod leaks;
mod ledger;
mod list;
mod operator;
mod random;
mod reading;
mod rules;
mod schedule;
#[path = "../support/scratch.rs"]
mod scratch;
mod set_threads;
mod threads;
mod world;

use hostbits::{Pool, reconcile};
use random::Random;
use rules::{Rules, Violation};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use world::Counts;

fn setting(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The seeds to run.
fn seeds(otherwise: u64) -> std::ops::Range<u64> {
    let first = setting("HOSTBITS_SEED", 1);
    first..first + setting("HOSTBITS_SEEDS", otherwise)
}

/// Nothing that is held is freed, and every leak is found.
#[test]
fn passes_free_nothing_that_is_held_and_find_every_leak() {
    let mut counts = Counts::default();
    for seed in seeds(3_000) {
        let rules = Rules::kept(&mut Random::new(!seed));
        match schedule::run(seed, rules) {
            Ok(more) => counts.add(&more),
            Err(fault) => panic!("seed {seed}, {rules:?}: {fault}"),
        }
    }
    println!("{counts:#?}");
    assert_eq!((counts.lost, counts.doubled), (0, 0));
    let did = [
        counts.restarts,
        counts.files,
        counts.no_plan,
        counts.fuses,
        counts.superseded,
        counts.freed,
        counts.spared,
        counts.adopted,
        counts.taken_back,
        counts.leaks_due,
    ];
    assert!(
        did.iter().all(|&count| count > counts.schedules / 100),
        "too little was tried"
    );
}

/// Prints what each violation of the contract costs, and where it is reported.
#[test]
fn violations_are_reported_where_they_can_be_seen() {
    println!(
        "{:<22} schedules  passes  freed  held and freed  given twice  reported  fuses",
        "violation"
    );
    for violation in Violation::ALL {
        let mut counts = Counts::default();
        for seed in seeds(400) {
            let rules = Rules::broken(&mut Random::new(!seed), violation);
            match schedule::run(seed, rules) {
                Ok(more) => counts.add(&more),
                Err(fault) => panic!("seed {seed}, {rules:?}: {fault}"),
            }
        }
        println!(
            "{:<22} {:>9} {:>7} {:>6} {:>15} {:>12} {:>9} {:>6}",
            format!("{violation:?}"),
            counts.schedules,
            counts.passes,
            counts.freed,
            counts.lost,
            counts.doubled,
            counts.reported,
            counts.fuses,
        );
        assert!(
            counts.reported + counts.fuses > 0,
            "nobody is told of {violation:?}"
        );
        assert!(
            !violation.is_harmless() || counts.lost + counts.doubled == 0,
            "{violation:?}: {counts:#?}"
        );
    }
}

/// With real threads: no held address is freed or handed out again, and nothing stays lost.
#[test]
fn threads_beside_passes_keep_what_they_hold() {
    let (mut freed, mut passes) = (0, 0);
    let rounds = setting("HOSTBITS_ROUNDS", 8);
    for seed in 0..rounds {
        let (more_freed, more_passes) = threads::run(seed);
        freed += more_freed;
        passes += more_passes;
    }
    println!("{rounds} rounds of threads: {passes} passes, {freed} leaks freed");
    assert!(freed > rounds, "too little was lost and found");
}

/// The same over members: single addresses, batches and pairs that are half-way, drains beside the passes.
#[test]
fn threads_over_a_set_beside_passes_keep_what_they_hold() {
    let (mut freed, mut passes) = (0, 0);
    let rounds = setting("HOSTBITS_ROUNDS", 8);
    for seed in 0..rounds {
        let (more_freed, more_passes) = set_threads::run(seed);
        freed += more_freed;
        passes += more_passes;
    }
    println!("{rounds} rounds of threads over sets: {passes} passes, {freed} leaks freed");
    assert!(freed > rounds, "too little was lost and found");
}

/// Gap and lag are each shorter than 600, and together longer: three lists in a row can miss a holder.
#[test]
fn grace_must_be_longer_than_gap_and_lag_together() {
    let freed_of_a_holder = |grace: u64| {
        let net = "10.0.0.0/24".parse::<ipnet::Ipv4Net>().unwrap();
        let pool = Pool::new(net).unwrap();
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let options = reconcile::Options::new()
            .grace(Duration::from_secs(grace))
            .clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Relaxed)));
        let mut reconciler = pool.reconciler_with(options).unwrap();
        let (held, other) = (pool.allocate().unwrap(), pool.allocate().unwrap());
        // Written at 599, deleted at 650, released at 1,249; each time as the list that is read has it.
        let reads = [(0, 0), (600, 1), (1_200, 1_200)];
        let mut freed = 0;
        for (at, as_it_was_at) in reads {
            now.store(at, Relaxed);
            let mut pass = reconciler.begin().unwrap();
            let has_it = (599..650).contains(&as_it_was_at);
            pass.read([other].into_iter().chain(has_it.then_some(held)));
            let plan = pass.finish(1 + u64::from(has_it)).unwrap();
            freed += reconciler.apply(&plan).unwrap().freed;
        }
        pool.release(held).is_err().then_some(freed)
    };
    assert_eq!(freed_of_a_holder(600), Some(1), "each of 599 is not enough");
    assert_eq!(freed_of_a_holder(1_199), None);
}
