//! Transfers of cache lines on a machine with many processors, each with an unbounded cache: a line that another
//! processor has written, or that is written and another one has, is moved once.
//!
//! One operation after another, each by a processor that is drawn: no exchange is lost, and no one waits. The numbers are
//! those of transfers, not of time.

use super::{Net, pool_on};
use crate::StatsLevel;
use crate::policy::Policy;
use crate::sync::pretend_index;
use crate::sync::traced::{Access, record};
use std::collections::{BTreeMap, BTreeSet};

/// Which processors have each line.
#[derive(Default)]
struct Machine {
    holders: BTreeMap<usize, BTreeSet<usize>>,
    transfers: u64,
}

impl Machine {
    /// An access by a processor. A line that none has yet is not moved from another one.
    fn access(&mut self, processor: usize, access: Access) {
        let holders = self.holders.entry(access.line()).or_default();
        let has_it = match access.writes {
            true => holders.len() == 1 && holders.contains(&processor),
            false => holders.contains(&processor),
        };
        if !has_it && !holders.is_empty() {
            self.transfers += 1;
        }
        if access.writes {
            holders.clear();
        }
        holders.insert(processor);
    }
}

/// Draws numbers below a bound, the same ones every time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}

const OPERATIONS_EACH: usize = 60;

/// Runs operations of a processor, each a call of `act`, which are recorded; returns transfers per pair of them.
fn transfers(processors: usize, mut act: impl FnMut(usize)) -> f64 {
    let mut machine = Machine::default();
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let operations = processors * OPERATIONS_EACH;
    for operation in 0..2 * operations {
        if operation == operations {
            // The first half was the warm-up.
            machine.transfers = 0;
        }
        let processor = draws.below(processors);
        pretend_index(processor);
        let ((), accesses) = record(|| act(processor));
        for access in accesses {
            machine.access(processor, access);
        }
    }
    machine.transfers as f64 * 2.0 / operations as f64
}

/// Each processor allocates an address, and releases it the next time.
fn shared(processors: usize, pool: &Net) -> f64 {
    let mut held = vec![None; processors];
    transfers(processors, |processor| match held[processor].take() {
        Some(addr) => pool.release(addr).expect("it is held"),
        None => held[processor] = pool.allocate().ok(),
    })
}

/// As `shared`, with batches of eight.
fn batches(processors: usize, pool: &Net) -> f64 {
    let mut held: Vec<Option<Vec<_>>> = vec![None; processors];
    transfers(processors, |processor| match held[processor].take() {
        Some(addrs) => assert_eq!(pool.release_many(&addrs).released, 8),
        None => held[processor] = pool.allocate_many(8).ok(),
    })
}

/// As `shared`, with a local for each processor.
fn with_locals(processors: usize, pool: &Net) -> f64 {
    let mut locals: Vec<_> = (0..processors).map(|_| pool.local()).collect();
    let mut held = vec![None; processors];
    transfers(processors, |processor| match held[processor].take() {
        Some(addr) => locals[processor].release(addr).expect("it is held"),
        None => held[processor] = locals[processor].allocate().ok(),
    })
}

const PROCESSORS: [usize; 7] = [2, 4, 8, 16, 32, 64, 128];

#[test]
fn transfers_on_many_processors() {
    const OFF: StatsLevel = StatsLevel::Off;
    const COUNTS: StatsLevel = StatsLevel::Counts;
    let rows = [
        ("lowest, off", 16, Policy::Lowest, OFF),
        ("lowest, counted", 16, Policy::Lowest, COUNTS),
        ("highest, off", 16, Policy::Highest, OFF),
        ("next, off", 16, Policy::Next, OFF),
        ("random, off", 16, Policy::Random(7), OFF),
        ("spread, off", 24, Policy::Spread, OFF),
        ("spread, off", 16, Policy::Spread, OFF),
        ("spread, counted", 16, Policy::Spread, COUNTS),
        ("spread, counted", 12, Policy::Spread, COUNTS),
    ];
    let mut table = String::from("| transfers per pair |");
    table.extend(PROCESSORS.map(|count| format!(" {count} |")));
    table += &format!("\n|---{}|\n", "|---".repeat(PROCESSORS.len()));
    for (name, prefix_len, policy, level) in rows {
        let row = PROCESSORS.map(|count| shared(count, &pool_on(count, prefix_len, policy, level)));
        table += &line(&format!("{name}, /{prefix_len}"), row);
    }
    let row = PROCESSORS.map(|count| with_locals(count, &pool_on(count, 16, Policy::Lowest, OFF)));
    table += &line("`local()`, /16", row);
    let row = PROCESSORS.map(|count| batches(count, &pool_on(count, 12, Policy::Spread, COUNTS)));
    table += &line("`allocate_many` of 8, spread, counted, /12", row);
    super::compare("transfers", &table);
}

fn line(name: &str, row: [f64; PROCESSORS.len()]) -> String {
    let cells = row.map(|transfers| format!(" {transfers:.2} |"));
    format!("| {name} |{}\n", cells.concat())
}

/// The machine by hand: who has a line, and what moves it.
#[test]
fn a_line_moves_when_another_one_has_it() {
    let mut machine = Machine::default();
    let mut moved = |processor, writes| {
        let before = machine.transfers;
        machine.access(processor, Access { address: 1, writes });
        machine.transfers - before
    };
    assert_eq!(
        [moved(0, true), moved(0, true), moved(0, false)],
        [0, 0, 0],
        "its own"
    );
    assert_eq!([moved(1, false), moved(1, false)], [1, 0], "read once");
    assert_eq!(
        [moved(0, false), moved(0, true), moved(0, true)],
        [0, 1, 0],
        "taken from readers"
    );
    assert_eq!([moved(1, true), moved(0, true)], [1, 1], "back and forth");
}
