//! What a plan must say, when it must be refused, and what its application may do: from outside.

use crate::operator::Made;
use crate::reading::Reading;
use crate::world::{Addr, World};
use hostbits::{
    Diff,
    reconcile::{Applied, ApplyError, Plan},
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The addresses of a plan in one state.
pub(crate) fn in_state(plan: &Plan, state: &str) -> BTreeSet<Addr> {
    let ranges = plan.ranges.iter().filter(|range| range.state == state);
    let ends = ranges.filter_map(|range| match (range.first, range.last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some(first.to_bits()..=last.to_bits()),
        _ => None,
    });
    ends.flatten().map(Addr::from_bits).collect()
}

/// The rule that must keep the plan from freeing, by its code.
pub(crate) fn blown(made: &Made, now: u64, allowed: bool) -> Option<&'static str> {
    let (plan, ripe) = (&made.plan, in_state(&made.plan, "ripe").len() as u64);
    let taken = plan.slots.matched + plan.slots.orphan + plan.slots.quarantined;
    let is_half = |before: u64| made.listed * 2 < before;
    let rules = [
        (made.garbage != 0, "unclear"),
        (now > plan.finished_ms + 15 * 60 * 1000, "stale"),
        (!allowed && made.listed == 0, "empty-list"),
        (
            !allowed && made.listed_before.is_some_and(is_half),
            "shrunk",
        ),
        (!allowed && ripe > 16 && ripe * 10 > taken, "too-many"),
    ];
    let first = rules.iter().find(|(is_blown, _)| *is_blown && ripe != 0)?;
    Some(first.1)
}

/// What is wrong with a plan, if nothing was done since it was made.
pub(crate) fn wrong_report(world: &World, plan: &Plan, reading: &Reading) -> Option<String> {
    let (slots, entries, pool) = (&plan.slots, &plan.entries, world.pool());
    let listed: BTreeSet<_> = reading.listed();
    let usable = listed.iter().copied().filter(|&addr| world.is_usable(addr));
    // What was taken when the pass began is matched, even if it has been released since.
    let was_taken: BTreeSet<_> = world.at_begin.iter().flat_map(|then| then.iter()).collect();
    let is_missing = |addr: &Addr| pool.is_available(*addr) && !was_taken.contains(addr);
    let missing: BTreeSet<_> = usable.filter(is_missing).collect();
    let mut owners = BTreeMap::<Addr, BTreeSet<&str>>::new();
    for entry in reading.entries.iter().filter(|entry| !entry.is_garbage) {
        owners.entry(entry.addr).or_default().insert(entry.owner());
    }
    let duplicates = owners
        .iter()
        .filter(|(addr, owners)| world.is_usable(**addr) && owners.len() > 1);
    let mut orphans = in_state(plan, "ripe");
    orphans.extend(in_state(plan, "orphan"));
    let categories = entries.matched
        + entries.missing
        + entries.conflict_taken
        + entries.duplicate
        + entries.repeated
        + entries.reserved_in_use
        + entries.out_of_range
        + entries.wrong_family
        + entries.own
        + entries.blocks
        + entries.routes
        + entries.passed
        + entries.unassigned
        + entries.unparseable;
    let checks = [
        (slots.total == pool.capacity(), "a slot is in no category"),
        (
            entries.total == reading.entries.len() as u64,
            "an entry is not counted",
        ),
        (entries.total == categories, "an entry is in no category"),
        (
            in_state(plan, "missing") == missing,
            "a listed address is free, and not missing",
        ),
        (
            slots.missing == missing.len() as u64,
            "missing addresses are miscounted",
        ),
        (
            entries.unparseable == reading.garbage(),
            "garbage is not reported",
        ),
        (
            (duplicates.count() == 0) == (entries.duplicate == 0),
            "two owners are not reported",
        ),
        (
            plan.finished_ms == world.clock,
            "it does not say when the list had been read",
        ),
        (
            orphans.is_disjoint(&world.in_flight) || world.uses_locals,
            "what was handed out while the pass ran is an orphan",
        ),
        (
            orphans.is_disjoint(&listed),
            "a listed address is an orphan",
        ),
    ];
    let wrong = checks.iter().find(|(is_right, _)| !is_right)?;
    Some(format!("{}: {plan:?}", wrong.1))
}

/// What an application has done to the pool, if nothing else was done since it asked for the time.
pub(crate) fn after_apply(
    world: &mut World,
    plan: &Plan,
    result: &Result<Applied, ApplyError>,
    diff: &Diff<Addr>,
) {
    let done = (diff.released.len() as u64, diff.allocated.len() as u64);
    let said = match result {
        Ok(applied) => (applied.freed, applied.adopted),
        Err(_) => (0, 0),
    };
    if done != said {
        world.blame(format!("{done:?} were freed and taken: {result:?}"));
    }
    let due = world.leaks.due();
    for &addr in &diff.released {
        if world.held.contains_key(&addr) {
            world.loses(addr, "a pass");
        } else if !world.leaks.remove(addr) {
            world.blame(format!("a pass has freed {addr}, which a local has"));
        }
    }
    after_taking(world, diff);
    match result {
        Ok(applied) => {
            world.counts.applied += 1;
            world.counts.freed += applied.freed;
            world.counts.spared += applied.spared;
            world.counts.adopted += applied.adopted;
            world.counts.reported += applied.conflicts;
            world.counts.leaks_due += due.len() as u64;
            if let Some(addr) = due.into_iter().find(|&addr| world.leaks.has(addr)) {
                world.blame(format!(
                    "{addr} is a leak that three passes have not found: {plan:?}"
                ));
            }
        }
        Err(ApplyError::Fuse { .. }) => world.counts.fuses += 1,
        Err(_) => world.counts.superseded += 1,
    }
}

/// What was taken for a list is its user's, if it has one that goes on.
pub(crate) fn after_taking(world: &mut World, diff: &Diff<Addr>) {
    for &addr in &diff.allocated {
        if !world.held.contains_key(&addr) {
            world.leaked(addr);
        } else if !world.lost.remove(&addr) {
            world.blame(format!("{addr} was free and is held"));
        }
    }
}
