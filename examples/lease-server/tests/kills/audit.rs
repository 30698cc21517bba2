//! Compares the pools with the server's rows, while no client asks for anything.
//!
//! It opens the pool files itself, beside the server: lease files can be open in any number of processes.

use crate::{CLOCK, COOLDOWN, LONGER, OFFER, TERM};
use hostbits::Network;
use hostbits::lease::{LeasePool, LeaseStatus, Term};
use lease_server_example::pair::Pairs;
use lease_server_example::rows::{self, Row};
use lease_server_example::server::ROWS;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Checks that pools and rows agree after a kill, as soon as they must.
pub(crate) fn after_kill(folder: &Path, killed: Instant) {
    let pairs = Pairs::open(folder, COOLDOWN).expect("the pools");
    let named = named_by_rows(folder);
    let leased = taken(&pairs, is_leased);
    let lost: Vec<_> = named.difference(&leased).collect();
    assert!(lost.is_empty(), "named by rows and not leased: {lost:?}");
    let all = taken(&pairs, |_| true).len();
    println!("  audit: {all} taken, {} in rows", named.len());

    wait_until(killed + OFFER + LONGER);
    assert_named(folder, &taken(&pairs, has_time_left));
    wait_until(killed + OFFER + LONGER + COOLDOWN);
    sweep(&pairs);
    assert_named(folder, &taken(&pairs, |_| true));
}

/// Waits until every lease has ended, and takes all addresses.
pub(crate) fn all_can_be_had(folder: &Path) {
    let pairs = Pairs::open(folder, COOLDOWN).expect("the pools");
    wait_until(Instant::now() + TERM + LONGER + COOLDOWN);
    sweep(&pairs);
    assert_eq!(taken(&pairs, |_| true), BTreeSet::new());
    println!(
        "at the end: {} and {} addresses can be had",
        all(&pairs.v4),
        all(&pairs.v6)
    );
}

fn all<N: Network>(pool: &LeasePool<N>) -> usize {
    let leases = pool.allocate_many(pool.capacity() as usize, Term::Forever);
    leases.expect("all addresses").len()
}

fn wait_until(time: Instant) {
    sleep((time + CLOCK).saturating_duration_since(Instant::now()));
}

fn sweep(pairs: &Pairs) {
    let _ = (pairs.v4.sweep(), pairs.v6.sweep());
}

fn assert_named(folder: &Path, taken: &BTreeSet<String>) {
    let named = named_by_rows(folder);
    let leaked: Vec<_> = taken.difference(&named).collect();
    assert!(leaked.is_empty(), "taken, and named by no row: {leaked:?}");
}

/// The leases in the rows, as text.
fn named_by_rows(folder: &Path) -> BTreeSet<String> {
    let rows = rows::read(&folder.join(ROWS)).expect("the rows");
    let held = rows.values().filter_map(|row| match row {
        Row::Held(pair) => Some([pair.v4.to_string(), pair.v6.to_string()]),
        Row::StruckOut(_) => None,
    });
    held.flatten().collect()
}

fn taken(pairs: &Pairs, counts: fn(&LeaseStatus<'_>) -> bool) -> BTreeSet<String> {
    let mut taken: BTreeSet<_> = taken_of(&pairs.v4, counts).collect();
    taken.extend(taken_of(&pairs.v6, counts));
    taken
}

fn taken_of<N: Network>(
    pool: &LeasePool<N>,
    counts: fn(&LeaseStatus<'_>) -> bool,
) -> impl Iterator<Item = String>
where
    N::Addr: Display,
{
    let leases = pool.iter();
    leases
        .filter(move |lease| counts(&pool.status(lease.addr())))
        .map(|lease| lease.to_string())
}

fn is_leased(status: &LeaseStatus<'_>) -> bool {
    matches!(status, LeaseStatus::Leased { .. }) && has_time_left(status)
}

fn has_time_left(status: &LeaseStatus<'_>) -> bool {
    match status {
        LeaseStatus::Offered { remaining, .. } => *remaining > Duration::ZERO,
        LeaseStatus::Leased { remaining, .. } => *remaining != Some(Duration::ZERO),
        _ => false,
    }
}
