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

/// A comparison of pools and rows.
pub(crate) struct Audit<'a> {
    folder: &'a Path,
    pairs: Pairs,
}

impl<'a> Audit<'a> {
    fn new(folder: &'a Path) -> Self {
        let pairs = Pairs::open(folder, COOLDOWN).expect("the pools");
        Self { folder, pairs }
    }

    /// Checks, when all clients have gone, that a server which was not killed leases nothing that no row names. Commands
    /// whose answer is not read may still be under way for a moment.
    pub(crate) fn while_it_lives(folder: &'a Path) {
        let audit = Self::new(folder);
        let patience = Instant::now() + TERM;
        while Instant::now() < patience && !audit.taken(is_leased).is_subset(&audit.named()) {
            sleep(CLOCK);
        }
        audit.assert_named(&audit.taken(is_leased));
    }

    /// Checks what must be so as soon as a server has started: what is leased is what the rows name.
    pub(crate) fn after_start(folder: &'a Path) -> Self {
        let audit = Self::new(folder);
        let named = audit.named();
        let renewed = audit.taken(|status| is_leased(status) && has_time_left(status));
        let lost: Vec<_> = named.difference(&renewed).collect();
        assert!(lost.is_empty(), "named by rows and not renewed: {lost:?}");
        audit.assert_named(&audit.taken(is_leased));
        audit
    }

    /// Checks what must be so when the offers have ended that were made before a kill.
    pub(crate) fn after_offers(&self, killed: Instant) {
        let before = self.taken(|_| true).len();
        wait_until(killed + OFFER + LONGER);
        self.assert_named(&self.taken(has_time_left));
        wait_until(killed + OFFER + LONGER + COOLDOWN);
        self.sweep();
        let taken = self.taken(|_| true);
        self.assert_named(&taken);
        let (after, named) = (taken.len(), self.named().len());
        println!("  {before} leases and offers; later, {after}, of {named} in rows");
    }

    /// Waits until every lease has ended, and takes all addresses.
    pub(crate) fn all_can_be_had(&self) {
        wait_until(Instant::now() + TERM + LONGER + COOLDOWN);
        self.sweep();
        assert_eq!(self.taken(|_| true), BTreeSet::new());
        let (v4, v6) = (all(&self.pairs.v4), all(&self.pairs.v6));
        println!("at the end, {v4} and {v6} addresses can be had");
    }

    fn sweep(&self) {
        let _ = (self.pairs.v4.sweep(), self.pairs.v6.sweep());
    }

    fn assert_named(&self, taken: &BTreeSet<String>) {
        let named = self.named();
        let leaked: Vec<_> = taken.difference(&named).collect();
        assert!(leaked.is_empty(), "taken, and named by no row: {leaked:?}");
    }

    /// The leases in the rows, as text.
    fn named(&self) -> BTreeSet<String> {
        let rows = rows::read(&self.folder.join(ROWS)).expect("the rows");
        let held = rows.values().filter_map(|row| match row {
            Row::Held(pair) => Some([pair.v4.to_string(), pair.v6.to_string()]),
            Row::StruckOut(_) => None,
        });
        held.flatten().collect()
    }

    /// The leases in the pools whose state counts, as text.
    fn taken(&self, counts: fn(&LeaseStatus<'_>) -> bool) -> BTreeSet<String> {
        let v4 = taken_of(&self.pairs.v4, counts);
        v4.chain(taken_of(&self.pairs.v6, counts)).collect()
    }
}

fn all<N: Network>(pool: &LeasePool<N>) -> usize {
    let leases = pool.allocate_many(pool.capacity() as usize, Term::Forever);
    leases.expect("all addresses").len()
}

fn wait_until(time: Instant) {
    sleep((time + CLOCK).saturating_duration_since(Instant::now()));
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
    matches!(status, LeaseStatus::Leased { .. })
}

fn has_time_left(status: &LeaseStatus<'_>) -> bool {
    match status {
        LeaseStatus::Offered { remaining, .. } => *remaining > Duration::ZERO,
        LeaseStatus::Leased { remaining, .. } => *remaining != Some(Duration::ZERO),
        _ => false,
    }
}
