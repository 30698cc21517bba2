//! The complete checker: is there an order of all calls that explains all results?
//!
//! stateright's `LinearizabilityTester` tries every order that respects real time, against
//! [`Free`]. Exponential in the calls that overlap, so a long history is cut where none is in progress.
//!
//! Calls that promise no single instant are several steps with the same span, each in its own *lane*, as if by
//! different threads. `allocate_into` claims each address on its own (plus a step that finds nothing, if there are
//! fewer); `release_many`, `release_block` and the drop of a local release each address on its own: another thread can
//! claim one of them from the word before the summary says that the others are free. `allocate_many` and
//! `allocate_block` are one step, and so is taking a word for a local. `allocate_preferring` is a claim of any address,
//! because the preferred one may have been released between its check and the claim.

use crate::ground::Ground;
use crate::history::{Answer, Call, Event, History};
use crate::sequential::{Bits, Free, Patience, Reply, Step};
use crate::{Addr, Stamp};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// A thread and its lane.
type Lane = (usize, usize);

/// An order of steps, with their replies.
pub type Explanation = Vec<(Step, Reply)>;

/// A call of a history: thread, call, addresses.
type Entry<'a> = (usize, &'a Event, &'a [Addr]);

/// The largest ground: the checker stores it in one word.
pub const LARGEST_GROUND: usize = Bits::BITS as usize;

/// A part with more steps is left to the other checker.
const MOST_STEPS: usize = 16;

/// How many steps are tried to explain one part, which takes a fraction of a second.
const PATIENCE: u64 = 5_000;

/// How much of a history was explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// The number of parts in which several calls overlap.
    pub overlaps: u64,
    /// The number of calls in those parts.
    pub overlapping_calls: u64,
    /// The number of calls that overlap no other call.
    pub lone_calls: u64,
    /// The number of calls in parts that are too long.
    pub skipped_calls: u64,
    /// The number of calls in parts that were given up: there were too many orders, and none was found in time.
    pub given_up_calls: u64,
}

/// Returns an order that explains a whole history, if there is one.
///
/// # Panics
///
/// If the ground has more than [`LARGEST_GROUND`] addresses, or the calls of one thread overlap.
pub fn explain(history: &History, ground: &Ground) -> Option<Explanation> {
    let entries: Vec<_> = history.iter().collect();
    let free = Free::new(everything(ground), Patience::new(u64::MAX));
    explain_from(free, &entries, ground)
}

/// Explains a history of any length part by part.
///
/// It is cut wherever no call is in progress. The state of the pool is known there, whatever the order before was,
/// because addresses that are held are not free. So the history has an explanation if and only if every part has one
/// from the state at its beginning.
///
/// # Errors
///
/// Returns the beginning and the end of the first part without an explanation.
///
/// # Panics
///
/// Explains a history as [`explain`] does.
pub fn explain_in_parts(history: &History, ground: &Ground) -> Result<Explained, (Stamp, Stamp)> {
    let mut entries: Vec<Entry<'_>> = history.iter().collect();
    entries.sort_by_key(|(_, event, _)| event.invoked);
    let mut free = everything(ground);
    let mut explained = Explained::default();
    let mut rest = entries.as_slice();
    while !rest.is_empty() {
        let (part, end) = first_part(rest);
        rest = &rest[part.len()..];
        match judge(free, part, ground) {
            Judgement::Alone => explained.lone_calls += 1,
            Judgement::TooLong => explained.skipped_calls += part.len() as u64,
            Judgement::GivenUp => explained.given_up_calls += part.len() as u64,
            Judgement::Explained => {
                explained.overlaps += 1;
                explained.overlapping_calls += part.len() as u64;
            }
            Judgement::Unexplained => return Err((part[0].1.invoked, end)),
        }
        free = after(free, part, ground);
    }
    Ok(explained)
}

/// The outcome for one part.
enum Judgement {
    Alone,
    Explained,
    Unexplained,
    TooLong,
    GivenUp,
}

fn judge(free: Bits, part: &[Entry<'_>], ground: &Ground) -> Judgement {
    let patience = Patience::new(PATIENCE);
    let mut pool = Free::new(free, patience.clone());
    let step_count: usize = part
        .iter()
        .map(|(_, event, addrs)| weight(event, addrs))
        .sum();
    let (is_explained, if_so) = match part {
        [(_, event, addrs)] => {
            let steps = steps_of(event, addrs, ground);
            (pool.is_valid_history(steps), Judgement::Alone)
        }
        _ if step_count > MOST_STEPS => return Judgement::TooLong,
        _ => {
            let explanation = explain_from(pool, part, ground);
            (explanation.is_some(), Judgement::Explained)
        }
    };
    if is_explained {
        if_so
    } else if patience.is_over() {
        Judgement::GivenUp
    } else {
        Judgement::Unexplained
    }
}

/// Returns how much a call adds to the length of a part.
fn weight(event: &Event, addrs: &[Addr]) -> usize {
    match event.call {
        Call::Local => 1,
        _ => addrs.len().max(1),
    }
}

fn everything(ground: &Ground) -> Bits {
    let count = ground.count();
    assert!((1..=LARGEST_GROUND).contains(&count), "{count} addresses");
    Bits::MAX >> (LARGEST_GROUND - count)
}

/// Returns the calls up to the first instant at which none is in progress, and that instant.
fn first_part<'a, 'b>(entries: &'b [Entry<'a>]) -> (&'b [Entry<'a>], Stamp) {
    let mut end = 0;
    let mut count = 0;
    for (_, event, _) in entries {
        // Equal stamps overlap.
        if count != 0 && event.invoked > end {
            break;
        }
        end = end.max(event.responded);
        count += 1;
    }
    (&entries[..count], end)
}

fn after(free: Bits, part: &[Entry<'_>], ground: &Ground) -> Bits {
    let steps = part
        .iter()
        .flat_map(|(_, event, addrs)| steps_of(event, addrs, ground));
    // An address may change hands several times; the number of changes counts.
    let changes = steps.fold(0, |changes, (_, reply)| match reply {
        Reply::Done(bits) => changes ^ bits,
        Reply::Refused => changes,
    });
    free ^ changes
}

fn explain_from(free: Free, entries: &[Entry<'_>], ground: &Ground) -> Option<Explanation> {
    let mut moments = Vec::new();
    for &(thread, event, addrs) in entries {
        let steps = steps_of(event, addrs, ground);
        for (lane, (step, reply)) in steps.into_iter().enumerate() {
            moments.push(Moment::begin((thread, lane), event, step));
            moments.push(Moment::end((thread, lane), event, reply));
        }
    }
    // Among equal stamps, beginnings come first, so that those calls overlap.
    moments.sort_by_key(|moment| (moment.at, matches!(moment.what, What::Ends(_))));
    let mut tester = LinearizabilityTester::new(free);
    for moment in moments {
        let told = match moment.what {
            What::Begins(step) => tester.on_invoke(moment.lane, step),
            What::Ends(reply) => tester.on_return(moment.lane, reply),
        };
        told.expect("the calls of one thread follow each other");
    }
    tester.serialized_history()
}

struct Moment {
    at: Stamp,
    lane: Lane,
    what: What,
}

enum What {
    Begins(Step),
    Ends(Reply),
}

impl Moment {
    fn begin(lane: Lane, event: &Event, step: Step) -> Self {
        let (at, what) = (event.invoked, What::Begins(step));
        Self { at, lane, what }
    }

    fn end(lane: Lane, event: &Event, reply: Reply) -> Self {
        let (at, what) = (event.responded, What::Ends(reply));
        Self { at, lane, what }
    }
}

/// Returns a call as steps of the sequential object. An address outside the ground has no bit.
fn steps_of(event: &Event, addrs: &[Addr], ground: &Ground) -> Vec<(Step, Reply)> {
    let bit = |addr: Addr| ground.index_of(addr).map_or(0, |index| 1 << index);
    let taken = || Reply::Done(addrs.iter().fold(0, |bits, &addr| bits | bit(addr)));
    let reply = match event.answer {
        Answer::Claimed => taken(),
        _ => Reply::Refused,
    };
    let given_back = |addr: &Addr| match event.answer {
        Answer::Released => (Step::Release(bit(*addr)), Reply::Done(bit(*addr))),
        _ => (Step::Release(bit(*addr)), Reply::Refused),
    };
    let bits_of_block = |first: Addr, prefix_len: u8| {
        let addrs = first..=first + ((1 << (32 - prefix_len)) - 1);
        addrs.fold(0, |bits, addr| bits | bit(addr))
    };
    let everything = everything(ground);
    if event.answer == Answer::Reserved {
        return Vec::new();
    }
    match event.call {
        Call::Allocate
        | Call::AllocateNet
        | Call::Guard
        | Call::GuardArc
        | Call::Preferring(_)
        | Call::From(_) => {
            vec![(Step::Any(everything), reply)]
        }
        Call::Exact(addr) | Call::Adopt(addr) => vec![(Step::Exact(bit(addr)), reply)],
        Call::In(first, last) => {
            let within = (ground.index_from(first)..)
                .take(ground.count_in(first, last))
                .fold(0, |bits, index| bits | 1 << index);
            vec![(Step::Any(within), reply)]
        }
        Call::Many(count) => vec![(Step::Many(count), reply)],
        Call::Block(prefix_len) => {
            let order = u32::from(32 - prefix_len);
            let blocks = ground.blocks(order).into_iter();
            let blocks = blocks.map(|first| bits_of_block(first, prefix_len));
            vec![(Step::Block(blocks.collect()), reply)]
        }
        Call::BlockExact(first, prefix_len) => {
            let this = vec![bits_of_block(first, prefix_len)];
            vec![(Step::Block(this), reply)]
        }
        Call::Into(_) => {
            let claim = |&addr: &Addr| (Step::Any(everything), Reply::Done(bit(addr)));
            let nothing = (Step::Any(everything), Reply::Refused);
            let missing = (event.answer == Answer::Fewer).then_some(nothing);
            addrs.iter().map(claim).chain(missing).collect()
        }
        Call::Local => vec![(Step::Several(everything), reply)],
        Call::Release
        | Call::LocalRelease
        | Call::LocalDrop
        | Call::Drop
        | Call::ReleaseMany
        | Call::ReleaseBlock => addrs.iter().map(given_back).collect(),
    }
}
