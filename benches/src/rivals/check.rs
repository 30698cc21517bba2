//! Checks that a contestant does the job at all. Faults are returned as sentences: they are data.

use super::addresses::{addr_of, slot_of};
use super::{Order, Rival, Session};
use crate::scaling::race;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many addresses each thread takes and gives back.
const TURNS: usize = 20_000;

/// Checks an empty `rival` of `capacity` slots from one thread, and leaves it empty.
pub fn check_alone<R: Rival>(rival: &R, capacity: u32) -> Vec<String> {
    let mut check = Alone {
        session: rival.session(),
        lowest_first: rival.profile().order == Order::LowestFirst,
        faults: Vec::new(),
    };
    let all: Vec<u32> = (0..capacity).collect();
    let every_third: Vec<u32> = (0..capacity).step_by(3).collect();
    check.fills(&all);
    check.releases(&every_third);
    check.fills(&every_third);
    if rival.profile().exact_claim {
        check.claims_exactly(capacity / 2);
    }
    check.releases(&all);
    if rival.profile().notices_double_release && check.session.release(addr_of(capacity / 2)) {
        check.fault("a second release passes for a first".to_owned());
    }
    check.faults
}

struct Alone<S> {
    session: S,
    lowest_first: bool,
    faults: Vec<String>,
}

impl<S: Session> Alone<S> {
    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Checks that each of `free` comes once and then nothing. They are ascending, and nothing else is free.
    fn fills(&mut self, free: &[u32]) {
        let mut got: Vec<u32> = Vec::with_capacity(free.len());
        // One more than there are, so that a rival with too many to give shows it, and stops.
        while got.len() <= free.len()
            && let Some(addr) = self.session.allocate()
        {
            got.push(slot_of(addr));
        }
        if self.lowest_first && !got.is_sorted() {
            self.fault("what comes is not the lowest free".to_owned());
        }
        got.sort_unstable();
        if got != free {
            self.fault(format!(
                "{} were free, {} came, or others",
                free.len(),
                got.len()
            ));
        }
        if self.session.allocate().is_some() {
            self.fault("something comes out of a full pool".to_owned());
        }
    }

    fn releases(&mut self, taken: &[u32]) {
        for &slot in taken {
            if !self.session.release(addr_of(slot)) {
                self.fault(format!("{} cannot be released", addr_of(slot)));
            }
        }
    }

    /// Checks releases on a pool that is full before and after.
    fn claims_exactly(&mut self, slot: u32) {
        let addr = addr_of(slot);
        if self.session.allocate_exact(addr) != Some(false) {
            self.fault("an exact claim of a taken address succeeds".to_owned());
        }
        self.releases(&[slot]);
        if self.session.allocate_exact(addr) != Some(true) {
            self.fault("an exact claim of a free address fails".to_owned());
        }
    }
}

/// Checks an empty `rival` of `capacity` slots from several threads, and leaves it empty.
///
/// Each thread holds so few that there is always something free: "exhausted" would be wrong.
pub fn check_together<R: Rival>(rival: &R, capacity: u32, threads: usize) -> Vec<String> {
    let held: Vec<AtomicBool> = (0..capacity).map(|_| AtomicBool::new(false)).collect();
    let most = (capacity as usize / threads / 2).min(100);
    let (_, outcomes) = race(
        threads,
        |_| rival.session(),
        |session| churn(session, &held, most),
    );
    let shared: usize = outcomes.iter().map(|outcome| outcome.shared).sum();
    let refused: usize = outcomes.iter().map(|outcome| outcome.refused).sum();
    let mut faults = Vec::new();
    if shared != 0 {
        faults.push(format!("{shared} times two threads had the same address"));
    }
    if refused != 0 && rival.profile().exhausted_is_exact {
        faults.push(format!("{refused} times \"exhausted\" while half was free"));
    }
    faults.extend(check_alone(rival, capacity));
    faults
}

#[derive(Default)]
struct Outcome {
    shared: usize,
    refused: usize,
}

fn churn(mut session: impl Session, held: &[AtomicBool], most: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut mine: Vec<Ipv4Addr> = Vec::with_capacity(most);
    let flag_of = |addr| &held[slot_of(addr) as usize];
    for turn in 0..TURNS {
        if mine.len() == most {
            let addr = mine.swap_remove(turn % most);
            flag_of(addr).store(false, Ordering::SeqCst);
            session.release(addr);
        }
        match session.allocate() {
            Some(addr) if flag_of(addr).swap(true, Ordering::SeqCst) => outcome.shared += 1,
            Some(addr) => mine.push(addr),
            None => outcome.refused += 1,
        }
    }
    for addr in mine {
        flag_of(addr).store(false, Ordering::SeqCst);
        session.release(addr);
    }
    outcome
}
