//! Lease pools on the heap, by every public verb: life, times, owners, and the answers to whatever is wrong.
//!
//! | file | what it tries |
//! |---|---|
//! | `life` | offer, commit, end, rest; what former holders are answered |
//! | `time` | terms are rounded up, and errors of the clock prolong |
//! | `verbs` | exact, preferred, in a range, batches: beside what is due |
//! | `owners` | get or allocate |
//! | `lists` | lists of users become leases |
//! | `looks` | status, counts, pictures, statistics |
//! | `layouts` | policies, families, units, ranges, reservations |
//! | `text` | leases as text and in JSON |
//! | `random` | every verb in any order, against a table of records |
//! | `storms` | threads, with a table of holders |
//!
//! `HOSTBITS_CASES=20` makes `random` try 20 times as much, `HOSTBITS_ROUNDS=20` the threads.

#[path = "../common/mod.rs"]
mod common;
mod layouts;
mod life;
mod lists;
mod looks;
mod owners;
mod random;
#[path = "../support/storm.rs"]
mod storm;
mod storms;
mod text;
mod time;
mod verbs;

use common::{Numbers, POLICIES, SEARCHES, a4, a6, host, ip, net, ten, v4, v6};
use hostbits::lease::{
    BadTerm, Census, Grant, Lease, LeaseBuilder, LeasePool, LeaseStatus, ManualClock, OfferError,
    ParseLeaseError, ParseLeaseProblem, Released, RenewError, Swept, Term,
};
use hostbits::users::{AdoptError, Unreadable};
use hostbits::{BuildError, Client, Gateway, Network, Pool, ReleaseError, StatsLevel};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use storm::{Dice, effort, together, watchdog};

type Pool4 = LeasePool<Ipv4Net>;
type Lease4 = Lease<Ipv4Addr>;

/// The bits of a generation that are the record's; those above are the epoch.
const RECORD: u64 = u32::MAX as u64;
/// The longest term.
const FOUR_YEARS: u64 = 4 * 365 * 24 * 60 * 60;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn term(count: u64) -> Term {
    Term::For(seconds(count))
}

/// A client whose home is this address of 10.0.0.0/24, of which 253 can be handed out, from 10.0.0.2 on.
fn at_home(last: u8) -> Client {
    let place = u128::from(last.saturating_sub(2));
    Client::from_hash(((place << 64) / 253) as u64 + (1 << 50))
}

/// A pool of 10.0.0.0/`prefix_len`, with a clock that stands still.
fn pool(prefix_len: u8, cooldown: u64) -> (Pool4, ManualClock) {
    let clock = ManualClock::new();
    let net = Ipv4Net::new(ten(0), prefix_len).unwrap();
    let builder = LeasePool::builder(net).cooldown(seconds(cooldown));
    (builder.clock(&clock).build().unwrap(), clock)
}

/// What of a pool can be seen, to be compared with itself: counts, and the status of every address of a /24.
fn seen(pool: &Pool4) -> (Census, Vec<String>) {
    let status = |last| format!("{:?}", pool.status(host(last)));
    (pool.census(), (0..=255).map(status).collect())
}

/// Runs `call`, and asserts that nothing that can be seen changes.
#[track_caller]
fn changes_nothing<T>(pool: &Pool4, call: impl FnOnce() -> T) -> T {
    let before = seen(pool);
    let answer = call();
    assert_eq!(seen(pool), before);
    answer
}

fn is_free(pool: &Pool4, addr: Ipv4Addr) -> bool {
    matches!(pool.status(addr), LeaseStatus::Free)
}

/// Free, offered, leased, cooling and quarantined.
fn counts(pool: &Pool4) -> [u64; 5] {
    let census = pool.census();
    [
        census.free,
        census.offered,
        census.leased,
        census.cooling,
        census.quarantined,
    ]
}

#[test]
fn pools_go_to_any_thread() {
    fn of_pool<T: Send + Sync + std::fmt::Debug + 'static>() {}
    fn of_data<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    of_pool::<LeasePool<Ipv4Net>>();
    of_pool::<LeasePool<Ipv6Net>>();
    of_pool::<LeasePool>();
    of_data::<Lease<IpAddr>>();
    of_data::<LeaseBuilder<IpNet>>();
    of_data::<ManualClock>();
    of_data::<(Swept, Census, Released, Term, Grant, BadTerm)>();
    of_data::<(OfferError, RenewError, ParseLeaseError)>();
}
