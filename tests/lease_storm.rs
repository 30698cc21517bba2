//! Processes that use one lease file and are killed at any instruction: no address has two holders, no committed lease
//! is lost, and after the offers have ended nothing is taken that the books do not have.
//!
//! `HOSTBITS_KILLS` is the number of kills, by default 60.
#![cfg(all(feature = "mmap", target_os = "linux"))]

#[path = "support/children.rs"]
mod children;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/scratch.rs"]
mod scratch;

use children::{role, setting, spawn};
use hostbits::Client;
use hostbits::lease::{Lease, LeaseBuilder, LeasePool, LeaseStatus, Released, Term};
use ipnet::Ipv4Net;
use ledger::Shared;
use scratch::Scratch;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const SLOTS: usize = 256;
const OWNERS: u64 = 40;
const OFFER: Duration = Duration::from_secs(1);
/// An offer lasts up to two seconds longer.
const ALL_ENDED: Duration = Duration::from_millis(3100);

fn builder() -> LeaseBuilder<Ipv4Net> {
    let net: Ipv4Net = "10.0.0.0/24".parse().unwrap();
    LeasePool::builder(net).cooldown(Duration::ZERO)
}

fn client(number: u64) -> Client {
    Client::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// What holders have written down, in memory that survives them.
struct Books(Shared);

impl Books {
    fn at(path: &Path) -> Self {
        Self(Shared::open(&path.with_extension("books"), 2 * SLOTS + 8))
    }

    /// The latest lease that a caller has written down before it renewed it.
    fn written(&self, addr: Ipv4Addr) -> &AtomicU64 {
        self.0.word(usize::from(addr.octets()[3]))
    }

    /// The lease that is held for ever: set after the renewal, and cleared before the release.
    fn held(&self, addr: Ipv4Addr) -> &AtomicU64 {
        self.0.word(SLOTS + usize::from(addr.octets()[3]))
    }

    fn doubled(&self) -> &AtomicU64 {
        self.0.word(2 * SLOTS)
    }

    fn lost(&self) -> &AtomicU64 {
        self.0.word(2 * SLOTS + 1)
    }

    fn committed(&self) -> &AtomicU64 {
        self.0.word(2 * SLOTS + 2)
    }
}

#[test]
fn child() {
    let Some((_, argument)) = role() else {
        return;
    };
    let path = PathBuf::from(argument);
    let (pool, books) = (builder().open(&path).unwrap(), Books::at(&path));
    std::thread::scope(|scope| {
        for thread in 1..=2 {
            let (pool, books) = (&pool, &books);
            scope.spawn(move || work(pool, books, thread));
        }
    });
}

fn work(pool: &LeasePool<Ipv4Net>, books: &Books, thread: u64) {
    let mut random =
        (u64::from(std::process::id()) << 8 | thread).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut held: Vec<Lease<Ipv4Addr>> = Vec::new();
    loop {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        match random >> 11 & 7 {
            0..=2 if held.len() < 30 => {
                let offered = pool.allocate(OFFER).ok();
                held.extend(offered.and_then(|lease| commit(pool, books, lease)));
            }
            3 if held.len() < 30 => {
                let offered = pool.allocate_many(5, OFFER).unwrap_or_default();
                held.extend(
                    offered
                        .into_iter()
                        .filter_map(|lease| commit(pool, books, lease)),
                );
            }
            // Offered, and never committed.
            4 => drop(pool.allocate_for(client(random >> 20 & 31), OFFER)),
            5 => drop(pool.sweep()),
            _ if held.is_empty() => {}
            _ => {
                let lease = held.swap_remove((random >> 30) as usize % held.len());
                books.held(lease.addr()).store(0, SeqCst);
                if pool.release(&lease).ok() != Some(Released::Ended) {
                    books.lost().fetch_add(1, SeqCst);
                }
            }
        }
    }
}

/// Writes a lease down, and then renews it for ever.
fn commit(
    pool: &LeasePool<Ipv4Net>,
    books: &Books,
    lease: Lease<Ipv4Addr>,
) -> Option<Lease<Ipv4Addr>> {
    books
        .written(lease.addr())
        .fetch_max(lease.generation(), SeqCst);
    // A caller that was stopped for too long has no lease any more.
    pool.renew(&lease, Term::Forever).ok()?;
    let before = books.held(lease.addr()).swap(lease.generation(), SeqCst);
    if before != 0 {
        books.doubled().fetch_add(1, SeqCst);
    }
    books.committed().fetch_add(1, SeqCst);
    Some(lease)
}

/// Kills processes until none of a round is left, and looks at what they have left behind.
#[test]
fn killed_processes_leave_nothing_behind_that_does_not_end() {
    let kills = setting("HOSTBITS_KILLS", 60);
    let scratch = Scratch::in_memory("lease-storm");
    let path = scratch.path("pool");
    drop(builder().create(&path).unwrap());
    let books = Books::at(&path);
    let (mut killed, mut round) = (0, 0u64);
    let started = Instant::now();
    while killed < kills {
        round += 1;
        // In half of the rounds, a process is there all the time; otherwise, the next opener is a first one.
        let witness = round
            .is_multiple_of(2)
            .then(|| builder().open(&path).unwrap());
        killed += storm(&path, (kills / 4).clamp(15, 400), round);
        let pool = witness.unwrap_or_else(|| builder().open(&path).unwrap());
        std::thread::sleep(ALL_ENDED);
        settle(&pool, &books);
        assert_eq!(
            books.doubled().load(SeqCst),
            0,
            "two holders of one address"
        );
        assert_eq!(books.lost().load(SeqCst), 0, "a lease was gone");
        pool.close().unwrap();
    }
    let committed = books.committed().load(SeqCst);
    println!(
        "{killed} kills, {committed} leases, {:?}",
        started.elapsed()
    );
    assert!(committed > killed);
}

fn storm(path: &Path, kills: u64, round: u64) -> u64 {
    let begin = || spawn("work", path.to_str().unwrap());
    let mut workers: Vec<Child> = (0..3).map(|_| begin()).collect();
    let mut random = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for kill in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % 40_000));
        let victim = kill as usize % workers.len();
        workers[victim].kill().unwrap();
        workers[victim].wait().unwrap();
        workers[victim] = begin();
    }
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    kills + 3
}

/// No process is there any more, and all offers have ended.
fn settle(pool: &LeasePool<Ipv4Net>, books: &Books) {
    let _ = pool.sweep();
    let census = pool.census();
    assert_eq!(
        (census.offered, census.cooling, census.quarantined),
        (0, 0, 0)
    );
    for last in 0..=u8::MAX {
        let addr = Ipv4Addr::new(10, 0, 0, last);
        let held = books.held(addr).swap(0, SeqCst);
        match pool.lease_of(addr) {
            Some(lease) => {
                let written = books.written(addr).load(SeqCst);
                assert_eq!(lease.generation(), written, "{addr} is in no book");
                let is_for_ever = matches!(
                    pool.status(addr),
                    LeaseStatus::Leased {
                        remaining: None,
                        ..
                    }
                );
                assert!(is_for_ever, "{addr}");
                assert!(held == 0 || held == lease.generation(), "{addr}");
                assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
            }
            None => assert_eq!(held, 0, "{addr} is free, and held"),
        }
    }
    for owner in 0..OWNERS {
        assert_eq!(pool.owned_by(client(owner)).count(), 0);
    }
    // Nothing is missing: all of it can be had.
    let all = pool.allocate_many(pool.capacity() as usize, OFFER).unwrap();
    for lease in all {
        assert_eq!(pool.release(&lease).unwrap(), Released::Ended);
    }
}
