//! The timed loops, written once and compiled for each rival, so that none pays for a call by pointer.

use super::check::{check_alone, check_together};
use super::{Profile, Rival, Session};
use crate::scaling::{Raced, race_watched};
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The number of addresses that a burst gives back before it takes equally many.
pub const BURST: usize = 16;

/// A rival with its network, whatever its type.
pub trait Contestant: Sync {
    /// Returns what it is and what it can do.
    fn profile(&self) -> &Profile;

    /// Takes addresses until `taken` are taken. Not timed.
    fn fill_to(&mut self, taken: u32);

    /// Allocates an address and releases it.
    fn pairs(&self, operations: u64) -> Duration;

    /// Releases one of `victims` and allocates it again. The pool is full.
    fn random_pairs(&self, victims: &[Ipv4Addr], operations: u64) -> Duration;

    /// Releases [`BURST`] of `victims` and allocates equally many. The pool is full.
    fn bursts(&self, victims: &[Ipv4Addr], operations: u64) -> Duration;

    /// Allocates an address and releases it, on each of `threads` threads. The answers are how many allocations were
    /// refused, although there is a free address for each thread.
    fn pairs_together(&self, threads: usize, operations: u64) -> Raced<u64>;

    /// Returns the bytes that it holds for each slot of the full network.
    fn bytes_per_slot(&self) -> f64;

    /// Returns what one thread finds wrong with it. It must be empty, and is empty afterwards.
    fn faults_alone(&self) -> Vec<String>;

    /// Returns what `threads` threads find wrong with it. It must be empty, and is empty afterwards.
    fn faults_together(&self, threads: usize) -> Vec<String>;
}

/// A rival with its network.
pub struct Entrant<R> {
    rival: R,
    capacity: u32,
    taken: u32,
}

impl<R: Rival> Entrant<R> {
    /// Enters `rival`, whose `capacity` slots are all free.
    pub fn new(rival: R, capacity: u32) -> Self {
        Self {
            rival,
            capacity,
            taken: 0,
        }
    }
}

impl<R: Rival> Contestant for Entrant<R> {
    fn profile(&self) -> &Profile {
        self.rival.profile()
    }

    fn fill_to(&mut self, taken: u32) {
        self.rival.take(taken - self.taken);
        self.taken = taken;
    }

    fn pairs(&self, operations: u64) -> Duration {
        let mut session = self.rival.session();
        // Once in advance, so that a thread that keeps a hint has one.
        pair(&mut session);
        let start = Instant::now();
        for _ in 0..operations {
            pair(&mut session);
        }
        start.elapsed()
    }

    fn random_pairs(&self, victims: &[Ipv4Addr], operations: u64) -> Duration {
        let mut session = self.rival.session();
        let mut victims = victims.iter().cycle();
        let start = Instant::now();
        for _ in 0..operations {
            let victim = *victims.next().expect("a cycle");
            assert!(session.release(victim), "the pool is full");
            assert_eq!(black_box(session.allocate()), Some(victim));
        }
        start.elapsed()
    }

    fn bursts(&self, victims: &[Ipv4Addr], operations: u64) -> Duration {
        let mut session = self.rival.session();
        let mut bursts = victims.chunks_exact(BURST).cycle();
        let start = Instant::now();
        for _ in 0..operations.div_ceil(BURST as u64) {
            for &victim in bursts.next().expect("a cycle") {
                assert!(session.release(victim), "the pool is full");
            }
            for _ in 0..BURST {
                black_box(session.allocate()).expect("as many are free");
            }
        }
        start.elapsed()
    }

    fn pairs_together(&self, threads: usize, operations: u64) -> Raced<u64> {
        let prepare = |_| self.rival.session();
        let work = |mut session| (0..operations).filter(|_| !try_pair(&mut session)).count() as u64;
        race_watched(threads, prepare, work)
    }

    fn bytes_per_slot(&self) -> f64 {
        self.rival.memory_bytes(self.capacity) / f64::from(self.capacity)
    }

    fn faults_alone(&self) -> Vec<String> {
        check_alone(&self.rival, self.capacity)
    }

    fn faults_together(&self, threads: usize) -> Vec<String> {
        check_together(&self.rival, self.capacity, threads)
    }
}

#[inline]
fn pair(session: &mut impl Session) {
    assert!(try_pair(session), "not all are taken");
}

#[inline]
fn try_pair(session: &mut impl Session) -> bool {
    let Some(addr) = session.allocate() else {
        return false;
    };
    assert!(session.release(black_box(addr)), "just allocated");
    true
}
