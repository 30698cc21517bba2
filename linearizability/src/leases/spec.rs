//! The lease pool as a sequential object that knows time: a record for each address, and the possible answers to each
//! call.
//!
//! When exactly a call read the clock is not known, so a record ends within an interval. And when a sweep frees what is
//! due is not known: a record whose time has passed is held, or free, until an answer says which. So no step has a choice,
//! and the search is for an order alone.
//!
//! What is in motion is not counted, as the library says: a refusal is not wrong because of an address that another call,
//! which is still in progress, takes, releases or sweeps.

use super::{Answer, Lease, Ticks, Verb};
use crate::sequential::Patience;
use stateright::semantics::SequentialSpec;

/// For ever.
const NEVER: u64 = u64::MAX;

/// A call at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it asks for.
    pub verb: Verb,
    /// When it read the clock.
    pub ticks: Ticks,
    /// What other calls do meanwhile.
    pub unsettled: Unsettled,
}

/// What is in motion during a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// The addresses that other calls take or release, as bits.
    pub moving: u64,
    /// Whether another call may be in the middle of a sweep.
    pub is_swept: bool,
    /// How many holdings calls may have taken and lost again until now, which no answer tells of.
    pub lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// It was held or rested, and an answer has shown that a sweep has freed it.
    Swept,
    Held,
    Resting,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    state: State,
    /// The first and the last second in which its time, or its rest, can be over.
    until: Ticks,
    generation: u64,
    owner: Option<u64>,
}

/// The records of a pool.
#[derive(Clone, Debug)]
pub struct Records {
    records: Vec<Record>,
    cooldown: u64,
    patience: Patience,
}

/// Returns when something ends that lasts so long and began within these seconds.
fn end(ticks: Ticks, seconds: Option<u64>) -> Ticks {
    let after = |tick| seconds.map_or(NEVER, |seconds| tick + seconds + 1);
    (after(ticks.0), after(ticks.1))
}

impl Records {
    /// Creates a pool of so many addresses, all of them free.
    pub fn new(count: usize, cooldown: u64, patience: Patience) -> Self {
        let new = Record {
            state: State::Free,
            until: (0, 0),
            generation: 0,
            owner: None,
        };
        Self {
            records: vec![new; count],
            cooldown,
            patience,
        }
    }

    /// Returns in which seconds a sweep may free a record at the earliest, and at the latest must.
    fn due(&self, record: &Record) -> Ticks {
        let rest = if record.state == State::Held {
            self.cooldown
        } else {
            0
        };
        let (first, last) = record.until;
        (first.saturating_add(rest), last.saturating_add(rest))
    }

    fn may_be_free(&self, record: &Record, ticks: Ticks) -> bool {
        match record.state {
            State::Free | State::Swept => true,
            State::Held | State::Resting => ticks.1 >= self.due(record).0,
        }
    }

    /// Returns whether a call that asks for this address may be refused.
    fn may_refuse(&self, at: usize, step: &Step) -> bool {
        let record = &self.records[at];
        match record.state {
            State::Free => step.unsettled.moving & 1 << at != 0,
            State::Swept => step.unsettled.is_swept || step.unsettled.moving & 1 << at != 0,
            State::Held | State::Resting => {
                step.unsettled.is_swept || step.ticks.0 < self.due(record).1
            }
        }
    }

    /// Returns whether an owner surely holds an address, or surely has one that rests.
    fn surely_has(&self, owner: u64, state: State, ticks: Ticks) -> bool {
        self.records.iter().any(|record| {
            let is_such = record.state == state && record.owner == Some(owner);
            is_such && !self.may_be_free(record, ticks)
        })
    }

    fn take(&mut self, lease: Lease, owner: Option<u64>, until: Ticks) {
        self.records[lease.at] = Record {
            state: State::Held,
            until,
            generation: lease.generation,
            owner,
        };
    }

    fn got(&mut self, lease: Lease, owner: Option<u64>, term: Option<u64>, step: &Step) -> bool {
        let ticks = step.ticks;
        let until = end(ticks, term);
        let Some(record) = self.records.get_mut(lease.at) else {
            return false;
        };
        let is_own = owner.is_some() && record.owner == owner;
        if is_own && record.state == State::Held && record.generation == lease.generation {
            record.until = later(record.until, until);
            return true;
        }
        let record = *record;
        let is_back = is_own && record.state == State::Resting;
        let next = record.generation + 1;
        let is_next = (next..=next + step.unsettled.lost).contains(&lease.generation);
        let is_to_be_had = is_back || self.may_be_free(&record, ticks);
        // An owner that holds an address gets that one.
        let is_new = owner.is_none_or(|owner| !self.surely_has(owner, State::Held, ticks));
        self.take(lease, owner, until);
        is_next && is_to_be_had && is_new
    }

    /// A lease that is asked about: the record if it is the last one of its address.
    fn last(&mut self, lease: Lease) -> Option<&mut Record> {
        let record = self.records.get_mut(lease.at)?;
        (record.generation == lease.generation).then_some(record)
    }

    fn renewed(&mut self, lease: Lease, term: Option<u64>, ticks: Ticks) -> bool {
        let until = end(ticks, term);
        match self.last(lease) {
            Some(record) if record.state == State::Held => {
                record.until = later(record.until, until);
                true
            }
            _ => false,
        }
    }

    fn released(&mut self, lease: Lease, ticks: Ticks) -> bool {
        let cooldown = self.cooldown;
        match self.last(lease) {
            Some(record) if record.state == State::Held => {
                let rests = cooldown != 0;
                record.state = if rests { State::Resting } else { State::Free };
                record.until = end(ticks, Some(cooldown));
                true
            }
            _ => false,
        }
    }

    /// The lease had ended: by a release, or because a sweep has freed it.
    fn has_ended(&mut self, lease: Lease, ticks: Ticks) -> bool {
        let Some(&mut record) = self.last(lease) else {
            return false;
        };
        if record.state != State::Held {
            return true;
        }
        let is_due = self.may_be_free(&record, ticks);
        self.records[lease.at].state = State::Swept;
        is_due
    }

    /// The lease has a successor; one that was lost again may be the only one.
    fn is_over(&mut self, lease: Lease, step: &Step) -> bool {
        match self.last(lease) {
            None => true,
            Some(&mut record) => step.unsettled.lost != 0 && self.may_be_free(&record, step.ticks),
        }
    }

    fn refused(&self, step: &Step) -> bool {
        let all_may = || (0..self.records.len()).all(|at| self.may_refuse(at, step));
        match step.verb {
            Verb::Any(_) => all_may(),
            Verb::Exact(at, _) => self.may_refuse(at, step),
            Verb::For(owner, _) => {
                let has = |state| self.surely_has(owner, state, step.ticks);
                all_may() && !has(State::Held) && !has(State::Resting)
            }
            Verb::Renew(..) | Verb::Release(_) | Verb::Sweep => false,
        }
    }

    fn allows(&mut self, step: &Step, answer: Answer) -> bool {
        let ticks = step.ticks;
        match (step.verb, answer) {
            (_, Answer::Refused) => self.refused(step),
            (Verb::Any(term), Answer::Got(lease)) => self.got(lease, None, term, step),
            (Verb::Exact(at, term), Answer::Got(lease)) => {
                lease.at == at && self.got(lease, None, term, step)
            }
            (Verb::For(owner, term), Answer::Got(lease)) => {
                self.got(lease, Some(owner), term, step)
            }
            (Verb::Renew(lease, term), Answer::Done) => self.renewed(lease, term, ticks),
            (Verb::Release(lease), Answer::Done) => self.released(lease, ticks),
            (Verb::Renew(lease, _) | Verb::Release(lease), Answer::Ended) => {
                self.has_ended(lease, ticks)
            }
            (Verb::Renew(lease, _) | Verb::Release(lease), Answer::Stale) => {
                self.is_over(lease, step)
            }
            (Verb::Sweep, Answer::Swept) => true,
            _ => false,
        }
    }
}

fn later(one: Ticks, other: Ticks) -> Ticks {
    (one.0.max(other.0), one.1.max(other.1))
}

impl SequentialSpec for Records {
    type Op = Step;
    type Ret = Answer;

    /// Not used: every call of a history has returned.
    fn invoke(&mut self, _: &Step) -> Answer {
        Answer::Refused
    }

    /// Also false when the patience has run out, which ends the search soon.
    fn is_valid_step(&mut self, step: &Step, answer: &Answer) -> bool {
        !self.patience.is_over() && {
            self.patience.spend();
            self.allows(step, *answer)
        }
    }
}
