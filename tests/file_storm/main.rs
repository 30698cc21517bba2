//! A storm over pool files: processes of several threads allocate and release by every verb, and are killed,
//! stopped and forked at random, beside passes, in every durability. A ledger outside the pools says who holds
//! what: nothing is handed out twice, nothing is lost, and no call takes longer than a bound.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "../support/children.rs"]
mod children;
#[path = "../support/ledger.rs"]
mod ledger;
#[path = "../support/scratch.rs"]
mod scratch;
#[path = "../support/storm.rs"]
mod storm;

mod board;
mod disk;
mod driver;
mod fork;
mod passes;
mod slow;
mod worker;

use board::{BOUND, Kind, Mistake};
use children::{role, setting};
use driver::{Plan, Storm, Tally};
use hostbits::Durability;
use std::sync::Mutex;
use std::time::Duration;

/// What a process does that another one began.
#[test]
fn child() {
    let Some((role, argument)) = role() else {
        return;
    };
    match role.as_str() {
        "storm" => driver::child(&argument),
        other => panic!("no role {other}"),
    }
}

/// One storm at a time: each has more to do than there are processors.
static ONE: Mutex<()> = Mutex::new(());

const DURABILITIES: [Durability; Durability::ALL.len()] = Durability::ALL;

/// Returns the kinds of storms: `HOSTBITS_STORM` names a kind, or `all`.
fn kinds() -> Vec<Kind> {
    let name = std::env::var("HOSTBITS_STORM").unwrap_or("all".to_owned());
    let is_chosen = |kind: &Kind| name == "all" || kind.name() == name;
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(is_chosen).collect();
    assert!(!kinds.is_empty(), "no storm {name}");
    kinds
}

/// All kinds of storms, in every durability, in memory and on a file system. `HOSTBITS_FAULTS`: how
/// many faults in all. `HOSTBITS_SEED`: another storm; of the same seed, the same faults in the same order, at
/// other instructions.
#[test]
fn nothing_is_doubled_or_lost_and_nobody_waits_for_long() {
    let _one = ONE.lock().unwrap_or_else(|error| error.into_inner());
    let faults = setting("HOSTBITS_FAULTS", 150);
    let seed = setting("HOSTBITS_SEED", 13);
    let mut plans = Vec::new();
    for kind in kinds() {
        for durability in DURABILITIES {
            // Syncs that no call waits for may be as slow as they like.
            if kind != Kind::Slow || durability == Durability::Strict {
                plans.push((kind, durability));
            }
        }
    }
    let (share, mut total) = (faults.div_ceil(plans.len() as u64), Tally::default());
    for (number, (kind, durability)) in plans.into_iter().enumerate() {
        let plan = Plan {
            kind,
            durability,
            faults: share,
            seed: seed * 1000 + number as u64,
            // Where nothing outlives the machine there is no `Strict`.
            in_memory: durability == Durability::Process,
            mistake: Mistake::None,
            bound: BOUND,
        };
        match Storm::run(plan) {
            Ok(tally) => {
                println!("{} {durability:?}: {tally}", kind.name());
                total.add(&tally);
            }
            Err(wrong) => panic!("{wrong}"),
        }
    }
    println!("all: {total}; 0 doubled, 0 lost, bound {BOUND:?}");
    assert!(total.faults() >= faults && total.calls > faults);
}

/// The checker itself: what is done wrong on purpose is noticed.
#[test]
fn what_is_done_wrong_is_noticed() {
    let _one = ONE.lock().unwrap_or_else(|error| error.into_inner());
    // A process that has an address too soon may be found out by the new holder, or by the one that lost it.
    let expected: fn(Mistake) -> &'static [&'static str] = |mistake| match mistake {
        Mistake::None => &[],
        Mistake::ReleasesEarly => &["doubled:"],
        Mistake::Forgets => &["lost:"],
        Mistake::Steals | Mistake::Hurries => &["freed:", "doubled:"],
        Mistake::Hangs => &["waits:"],
    };
    for mistake in Mistake::ALL {
        let plan = Plan {
            kind: if mistake == Mistake::Hurries {
                Kind::Passes
            } else {
                Kind::Mixed
            },
            durability: Durability::Process,
            faults: 200,
            seed: 1,
            in_memory: true,
            mistake,
            bound: Duration::from_secs(1),
        };
        let wrong = Storm::run(plan).expect_err("a mistake that is not noticed");
        println!("{mistake:?}: {}", wrong.lines().next().unwrap());
        let is_named = |name: &&str| wrong.starts_with(name);
        assert!(
            expected(mistake).iter().any(is_named),
            "{mistake:?}: {wrong}"
        );
    }
}
