//! Leases: histories of calls whose answers depend on the time, and storms that record them.
//!
//! Each call has, beside its invocation and its response, the seconds of the pool's clock before and after it: it read the
//! clock in one of them. [`spec`] is a pool that knows time; [`explain`] asks stateright whether some order of the calls
//! explains all answers, as [`complete`](crate::complete) does for plain pools.
//!
//! *Not* checked: what is offered and what is committed, `next_in`, batches and ranges. On one thread, the library's test
//! `leases` checks them against a table.

pub mod spec;
pub mod storm;

use crate::sequential::Patience;
use crate::violation::Span;
use spec::{Records, Step, Unsettled};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

/// The first and the last second that a call can have read on the clock.
pub type Ticks = (u64, u64);

/// An address, as a number from 0 on, and the generation of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which address it is.
    pub at: usize,
    /// How many holders it has had, with this one.
    pub generation: u64,
}

/// A verb with its arguments. Terms are whole seconds; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `allocate`, for this term.
    Any(Option<u64>),
    /// `allocate_exact`, of this address.
    Exact(usize, Option<u64>),
    /// `allocate_for`, for this owner.
    For(u64, Option<u64>),
    /// `renew`.
    Renew(Lease, Option<u64>),
    /// `release`.
    Release(Lease),
    /// `sweep`, of which only the effects are checked.
    Sweep,
}

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This lease.
    Got(Lease),
    /// Nothing was free, or the exact address was not.
    Refused,
    /// The lease was renewed, or ended by this release.
    Done,
    /// The lease had ended before.
    Ended,
    /// The lease is not the last one of its address.
    Stale,
    /// The answer of a sweep.
    Swept,
}

/// One call of one thread.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The thread.
    pub thread: usize,
    /// Its invocation and its response.
    pub span: Span,
    /// The seconds before and after it.
    pub ticks: Ticks,
    /// The verb.
    pub verb: Verb,
    /// The result.
    pub answer: Answer,
}

impl Call {
    /// Equal stamps overlap.
    fn overlaps(&self, other: &Self) -> bool {
        self.span.0 <= other.span.1 && other.span.0 <= self.span.1
    }

    fn may_sweep(&self) -> bool {
        match self.verb {
            Verb::Any(_) | Verb::Exact(..) | Verb::For(..) | Verb::Sweep => true,
            Verb::Renew(..) | Verb::Release(_) => false,
        }
    }

    /// How many holdings it may have taken and lost again before it answered. `allocate_for` takes an offer, and confirms
    /// it: a thread that stalls in between for longer than the offer lasts begins again.
    fn may_lose(&self, cooldown: u64) -> u64 {
        let Verb::For(_, term) = self.verb else {
            return 0;
        };
        // A lease at once is an offer of ten seconds until it has its owner.
        let offer = term.map_or(10, |term| (term + 1).min(10));
        (self.ticks.1 - self.ticks.0) / (offer + cooldown)
    }

    /// The address that it gives to a holder, or takes from one.
    fn moves(&self) -> Option<usize> {
        match (self.verb, self.answer) {
            (_, Answer::Got(lease)) => Some(lease.at),
            (Verb::Release(lease), Answer::Done) => Some(lease.at),
            _ => None,
        }
    }
}

/// What became of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Some order explains it.
    Explained,
    /// None does.
    Unexplained,
    /// None was found in time, and one may exist.
    GivenUp,
}

/// Looks for an order of the calls that explains all answers, in a pool of so many addresses and this cooldown.
///
/// # Panics
///
/// If the calls of one thread overlap.
pub fn explain(calls: &[Call], count: usize, cooldown: u64, patience: u64) -> Judgement {
    let patience = Patience::new(patience);
    let mut moments = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        if call.verb == Verb::Sweep {
            continue;
        }
        moments.push((call.span.0, false, index));
        moments.push((call.span.1, true, index));
    }
    // Among equal stamps, beginnings come first, so that those calls overlap.
    moments.sort_unstable();
    let records = Records::new(count, cooldown, patience.clone());
    let mut tester = LinearizabilityTester::new(records);
    for (_, is_end, index) in moments {
        let call = &calls[index];
        let told = match is_end {
            false => tester.on_invoke(call.thread, step_of(calls, index, cooldown)),
            true => tester.on_return(call.thread, call.answer),
        };
        told.expect("the calls of one thread follow each other");
    }
    match tester.serialized_history() {
        Some(_) => Judgement::Explained,
        None if patience.is_over() => Judgement::GivenUp,
        None => Judgement::Unexplained,
    }
}

fn step_of(calls: &[Call], index: usize, cooldown: u64) -> Step {
    let call = &calls[index];
    let beside = |other: &&Call| other.thread != call.thread && other.overlaps(call);
    let others = || calls.iter().filter(beside);
    let moved = others()
        .filter_map(Call::moves)
        .fold(0, |bits, at| bits | 1 << at);
    let until_now = calls.iter().filter(|other| other.span.0 <= call.span.1);
    Step {
        verb: call.verb,
        ticks: call.ticks,
        unsettled: Unsettled {
            moving: match others().any(|other| other.may_lose(cooldown) != 0) {
                true => u64::MAX,
                false => moved,
            },
            is_swept: others().any(Call::may_sweep),
            lost: until_now.map(|other| other.may_lose(cooldown)).sum(),
        },
    }
}
