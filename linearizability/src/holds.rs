//! Holders of addresses over time: which thread certainly or possibly held which address, and when.
//!
//! ```text
//!        claim                          release
//!   |--------------|              |----------------|
//!   invoked  responded        invoked         responded
//!                  |== certain ===|
//!   |================== possible ==================|
//! ```
//!
//! Both times include their ends. A hold that was never released lasts for ever. Where the preceding or following hold
//! of the same address leaves no choice, the possible time is shortened: a release has taken effect before the next
//! claim returned, and a claim takes effect after the last release was invoked.

use crate::ground::Ground;
use crate::history::{Answer, History};
use crate::timeline::union;
use crate::violation::Violation;
use crate::{Addr, Stamp};

/// One address of the ground, held by one thread.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The index of the address.
    pub index: usize,
    /// The thread that held it.
    pub thread: usize,
    /// Invocation and response of the claim.
    pub claimed: (Stamp, Stamp),
    /// Invocation and response of the release.
    pub released: (Stamp, Stamp),
    possible: (Stamp, Stamp),
}

const NEVER: Stamp = Stamp::MAX;

impl Hold {
    /// Returns the time during which the address was held for sure.
    pub fn certain(&self) -> (Stamp, Stamp) {
        (self.claimed.1, self.released.0)
    }

    /// Returns the time outside of which the address was not held by this thread.
    pub fn possible(&self) -> (Stamp, Stamp) {
        self.possible
    }

    /// Returns whether the address was not released.
    pub fn is_open(&self) -> bool {
        self.released.0 == NEVER
    }
}

/// All holds of a history, by address and then by time.
#[derive(Debug)]
pub struct Holds {
    holds: Vec<Hold>,
    /// The position where the holds of each address begin.
    starts: Vec<usize>,
    /// The times at which each address was possibly held: disjoint and ascending.
    possible: Vec<Vec<(Stamp, Stamp)>>,
}

impl Holds {
    /// Derives the holds from the logs of all threads.
    ///
    /// # Errors
    ///
    /// If a result contradicts what the thread itself holds, or an address has two holders.
    pub fn of(history: &History, ground: &Ground) -> Result<Self, Violation> {
        let mut holds = Vec::new();
        for thread in 0..history.logs.len() {
            follow(thread, history, ground, &mut holds)?;
        }
        holds.sort_unstable_by_key(|hold: &Hold| (hold.index, hold.certain()));
        expect_one_holder_each(&holds, ground)?;
        cut_by_neighbours(&mut holds);
        let from = |index| holds.partition_point(|hold: &Hold| hold.index < index);
        let starts: Vec<_> = (0..=ground.count()).map(from).collect();
        let possible = |bounds: &[usize]| {
            let holds = &holds[bounds[0]..bounds[1]];
            union(holds.iter().map(Hold::possible)).collect()
        };
        let possible = starts.windows(2).map(possible).collect();
        Ok(Self {
            holds,
            starts,
            possible,
        })
    }

    /// Returns all holds.
    pub fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.holds.iter()
    }

    /// Returns the holds of one address, ordered by time.
    pub fn of_index(&self, index: usize) -> &[Hold] {
        &self.holds[self.starts[index]..self.starts[index + 1]]
    }

    /// Returns whether the address was possibly held at some instant of `from..=to`.
    pub fn possibly_within(&self, index: usize, from: Stamp, to: Stamp) -> bool {
        let possible = &self.possible[index];
        let next = possible.partition_point(|&(_, end)| end < from);
        possible.get(next).is_some_and(|&(start, _)| start <= to)
    }

    /// Returns whether the address was certainly held from before `from` until after `to`.
    pub fn certainly_throughout(&self, index: usize, from: Stamp, to: Stamp) -> bool {
        let holds = self.of_index(index);
        let after = holds.partition_point(|hold| hold.certain().0 < from);
        holds[..after]
            .last()
            .is_some_and(|hold| hold.certain().1 > to)
    }
}

fn expect_one_holder_each(holds: &[Hold], ground: &Ground) -> Result<(), Violation> {
    for pair in holds.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        // Sorted by their beginnings, so if any two overlap, then two neighbours do.
        if first.index == second.index && second.certain().0 < first.certain().1 {
            return Err(Violation::TwoHolders {
                addr: ground.addrs()[first.index],
                holds: Box::new([first, second]),
            });
        }
    }
    Ok(())
}

/// Shortens the possible times. The certain times of one address are disjoint, so their order is the order of the
/// holds.
fn cut_by_neighbours(holds: &mut [Hold]) {
    for at in 1..holds.len() {
        let (first, second) = (holds[at - 1], holds[at]);
        if first.index == second.index {
            holds[at - 1].possible.1 = first.possible.1.min(second.claimed.1);
            holds[at].possible.0 = second.possible.0.max(first.released.0);
        }
    }
}

fn follow(
    thread: usize,
    history: &History,
    ground: &Ground,
    holds: &mut Vec<Hold>,
) -> Result<(), Violation> {
    // The open hold of the thread, for each address.
    let mut held: Vec<Option<usize>> = vec![None; ground.count()];
    for (event, addrs) in history.logs[thread].iter() {
        let span = (event.invoked, event.responded);
        match event.answer {
            Answer::Claimed | Answer::Fewer => {
                for &addr in addrs {
                    let index = ground.index_of(addr).ok_or(Violation::NotOfTheGround {
                        addr,
                        thread,
                        span,
                    })?;
                    // A second claim of an address that the thread holds leaves the first hold open: two holders.
                    held[index] = Some(holds.len());
                    holds.push(Hold {
                        index,
                        thread,
                        claimed: span,
                        released: (NEVER, NEVER),
                        possible: (span.0, NEVER),
                    });
                }
            }
            Answer::Released => {
                for &addr in addrs {
                    let hold = held_by(&mut held, ground, addr);
                    let hold = hold.ok_or(Violation::ReleasedUnheld { addr, thread, span })?;
                    holds[hold].released = span;
                    holds[hold].possible.1 = span.1;
                }
            }
            Answer::NotAllocated => {
                if let Some(&addr) = addrs
                    .iter()
                    .find(|&&addr| held_by(&mut held, ground, addr).is_some())
                {
                    return Err(Violation::ReleaseRefused { addr, thread, span });
                }
            }
            Answer::Exhausted | Answer::AlreadyAllocated | Answer::Reserved => {}
        }
    }
    Ok(())
}

fn held_by(held: &mut [Option<usize>], ground: &Ground, addr: Addr) -> Option<usize> {
    held[ground.index_of(addr)?].take()
}
