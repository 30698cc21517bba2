//! The lines that each verb writes, by policy.

use super::{Net, POLICIES, pool_on};
use crate::StatsLevel;
use crate::policy::Policy;
use crate::sync::traced::{Access, Place, record};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The accesses of many calls, by verb.
#[derive(Default)]
struct Calls(BTreeMap<usize, Vec<Vec<Access>>>);

/// The verbs, in the order of the table.
const VERBS: [&str; 11] = [
    "`allocate`",
    "`release`",
    "`allocate_exact`",
    "`allocate_into`, 64",
    "`release_many`, 64",
    "`allocate_many`, 8",
    "`allocate_block`, 16",
    "`release_block`, 16",
    "`allocate` of a full pool",
    "`local`: `allocate`",
    "`local`: `release`",
];

const ROUNDS: usize = 400;

impl Calls {
    fn record<T>(&mut self, verb: &str, act: impl FnOnce() -> T) -> T {
        let row = VERBS.iter().position(|row| *row == verb);
        let (done, accesses) = record(act);
        self.0
            .entry(row.expect("a row"))
            .or_default()
            .push(accesses);
        done
    }

    /// Returns a cell of the table for each verb.
    fn cells(&self, places: &[Place]) -> BTreeMap<usize, String> {
        let cell = |(&row, calls): (&usize, &Vec<_>)| (row, cell(places, calls));
        self.0.iter().map(cell).collect()
    }
}

/// Calls every verb many times, on a /16 that is a third full.
fn calls(pool: &Net) -> Calls {
    let mut calls = Calls::default();
    for _ in 0..pool.capacity() / 3 {
        pool.allocate().unwrap();
    }
    for _ in 0..ROUNDS {
        let addr = calls.record("`allocate`", || pool.allocate()).unwrap();
        calls.record("`release`", || pool.release(addr)).unwrap();
    }
    for round in 0..ROUNDS {
        let addr = Ipv4Addr::from_bits(0x0a00_0000 + 24_000 + round as u32 * 37);
        if pool.is_available(addr) {
            calls
                .record("`allocate_exact`", || pool.allocate_exact(addr))
                .unwrap();
            pool.release(addr).unwrap();
        }
    }
    for _ in 0..ROUNDS {
        let mut addrs = [Ipv4Addr::UNSPECIFIED; 64];
        let taken = calls.record("`allocate_into`, 64", || pool.allocate_into(&mut addrs));
        assert_eq!(taken, 64);
        addrs.sort_unstable();
        let report = calls.record("`release_many`, 64", || pool.release_many(&addrs));
        assert_eq!(report.released, 64);
        let addrs = calls
            .record("`allocate_many`, 8", || pool.allocate_many(8))
            .unwrap();
        assert_eq!(pool.release_many(&addrs).released, 8);
        let block = calls.record("`allocate_block`, 16", || pool.allocate_block(28));
        if let Ok(block) = block {
            calls
                .record("`release_block`, 16", || pool.release_block(block))
                .unwrap();
        }
    }
    calls
}

/// Allocates from a full pool.
fn refusals(calls: &mut Calls, pool: &Net) {
    while pool.allocate().is_ok() {}
    for _ in 0..ROUNDS {
        calls
            .record("`allocate` of a full pool", || pool.allocate())
            .unwrap_err();
    }
}

fn locals(calls: &mut Calls, pool: &Net, places: &mut Vec<Place>) {
    let mut local = pool.local();
    places.extend(pool.locals.places());
    for _ in 0..ROUNDS {
        let addr = calls
            .record("`local`: `allocate`", || local.allocate())
            .unwrap();
        calls
            .record("`local`: `release`", || local.release(addr))
            .unwrap();
    }
}

/// Returns what a call writes, and what some calls write beside that.
fn cell(places: &[Place], calls: &[Vec<Access>]) -> String {
    let name = |address: usize| {
        let inside = |place: &&Place| (place.0..place.1).contains(&address);
        let name = places.iter().find(inside).map(|place| place.2);
        name.unwrap_or_else(|| panic!("{address:#x} is nowhere in {places:?}"))
    };
    let mut kinds: BTreeMap<Vec<(&str, usize)>, usize> = BTreeMap::new();
    // The first call of each verb sets things up.
    for accesses in &calls[1..] {
        let written = accesses.iter().filter(|access| access.writes);
        let lines: BTreeSet<(&str, usize)> = written
            .map(|access| (name(access.address), access.line()))
            .collect();
        let mut counts = BTreeMap::new();
        for (name, _) in lines {
            *counts.entry(name).or_insert(0) += 1;
        }
        *kinds.entry(counts.into_iter().collect()).or_default() += 1;
    }
    let usual = kinds.iter().max_by_key(|kind| kind.1).map(|kind| kind.0);
    let usual = usual.expect("the verb was called");
    let written = |names: &[(&str, usize)]| match names {
        [] => "nothing".to_owned(),
        names => {
            let name = |(name, count): &(&str, usize)| match count {
                1 => (*name).to_owned(),
                count => format!("{count} {name}s"),
            };
            names.iter().map(name).collect::<Vec<_>>().join(", ")
        }
    };
    let known: BTreeSet<&str> = usual.iter().map(|name| name.0).collect();
    let all: BTreeSet<&str> = kinds.keys().flatten().map(|name| name.0).collect();
    let rare: Vec<_> = all.difference(&known).copied().collect();
    match &rare[..] {
        [] => written(usual),
        rare => format!("{} (rarely {})", written(usual), rare.join(", ")),
    }
}

#[test]
fn lines_that_verbs_write() {
    let mut columns = Vec::new();
    for policy in POLICIES {
        let pool = pool_on(8, 16, policy, StatsLevel::Counts);
        let mut calls = calls(&pool);
        let mut places = pool.places();
        locals(&mut calls, &pool, &mut places);
        let mut rows = calls.cells(&places);
        let pool = pool_on(8, 24, policy, StatsLevel::Counts);
        let mut calls = Calls::default();
        refusals(&mut calls, &pool);
        rows.extend(calls.cells(&pool.places()));
        columns.push(rows);
    }
    super::compare("writes", &table(&columns));
}

fn table(columns: &[BTreeMap<usize, String>]) -> String {
    let names: Vec<_> = POLICIES
        .iter()
        .map(|policy: &Policy| policy.name())
        .collect();
    let mut table = format!(
        "| verb | {} |\n|---{}|\n",
        names.join(" | "),
        "|---".repeat(names.len())
    );
    for (row, verb) in VERBS.iter().enumerate() {
        let cells: Vec<_> = columns
            .iter()
            .map(|rows| rows.get(&row).map_or("", String::as_str))
            .collect();
        table += &format!("| {verb} | {} |\n", cells.join(" | "));
    }
    table
}
