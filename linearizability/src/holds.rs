//! Who held what, and when: certainly, and possibly.
//!
//! ```text
//!        claim                          release
//!   |--------------|              |----------------|
//!   invoked  responded        invoked         responded
//!                  |== certain ===|
//!   |================== possible ==================|
//! ```
//!
//! Both include their ends. A hold that was never given back lasts for ever. The possible time is cut
//! where the neighbours in the hands of the same address leave no choice: a release has taken effect
//! before the next claim returned, and a claim not before the last release was invoked.

use crate::ground::Ground;
use crate::history::{Answer, History};
use crate::timeline::union;
use crate::violation::Violation;
use crate::{Addr, Stamp};

/// An address of the ground in one thread's hands.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The index of the address.
    pub index: usize,
    /// Who.
    pub thread: usize,
    /// Invocation and response of the claim.
    pub claimed: (Stamp, Stamp),
    /// Invocation and response of the release.
    pub released: (Stamp, Stamp),
    possible: (Stamp, Stamp),
}

const NEVER: Stamp = Stamp::MAX;

impl Hold {
    /// The time of which nobody can say that the address was not held.
    pub fn certain(&self) -> (Stamp, Stamp) {
        (self.claimed.1, self.released.0)
    }

    /// The time outside of which it was not.
    pub fn possible(&self) -> (Stamp, Stamp) {
        self.possible
    }

    /// Whether it was not given back.
    pub fn is_open(&self) -> bool {
        self.released.0 == NEVER
    }
}

/// All holds of a history, by address and then by time.
#[derive(Debug)]
pub struct Holds {
    holds: Vec<Hold>,
    /// Where the holds of each address begin.
    starts: Vec<usize>,
    /// When each address was possibly held: disjoint, ascending.
    possible: Vec<Vec<(Stamp, Stamp)>>,
}

impl Holds {
    /// Follows every thread through its log.
    ///
    /// # Errors
    ///
    /// An answer that contradicts what the thread itself holds, or two holders of one address.
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

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.holds.iter()
    }

    /// The holds of one address, by time.
    pub fn of_index(&self, index: usize) -> &[Hold] {
        &self.holds[self.starts[index]..self.starts[index + 1]]
    }

    /// Whether the address was possibly held at some instant of `from..=to`.
    pub fn possibly_within(&self, index: usize, from: Stamp, to: Stamp) -> bool {
        let possible = &self.possible[index];
        let next = possible.partition_point(|&(_, end)| end < from);
        possible.get(next).is_some_and(|&(start, _)| start <= to)
    }

    /// Whether the address was certainly held from before `from` until after `to`.
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

/// The certain times of one address are disjoint, so their order is the order of the holds.
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
    // By address: the thread's open hold.
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
                    // A second claim of what the thread holds leaves the first hold open: two holders.
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
