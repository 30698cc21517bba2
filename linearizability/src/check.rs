//! The checker for histories of any length.
//!
//! Each rule is a condition that every linearizable history meets. Let each call take effect at one instant between its
//! invocation and its response (a call that releases several addresses may release each at its own instant). Whatever
//! those instants are, a hold then covers its certain time and lies within its possible time; see
//! [`holds`](crate::holds). This gives the following rules:
//! 1. **One holder.** The certain times of two holds of one address do not overlap. (This rule is also sufficient:
//!    claims can then take effect at the end of their calls and releases at the beginning, and the holds are disjoint.)
//! 2. **Only what was free.** An address that is handed out was free at the beginning, or was released since.
//! 3. **Releases.** Programs release only what they hold, or what no other thread can get. So the holder's release
//!    succeeds, no other release does, and no call returns "not allocated" for an address that was certainly held from
//!    before the call until after it.
//! 4. **"Already allocated"**: the address was held at some instant of the call, so one of its possible times overlaps
//!    the call.
//! 5. **"Exhausted"**: at some instant of the call fewer than `n` addresses were free, so more than `capacity - n` were
//!    possibly held at that instant. For a part of the pool, the whole part was possibly held; for a block, some
//!    address of every aligned block that can be allocated at all. If `allocate_into` takes fewer than requested, the
//!    whole pool was possibly held, including the caller's own addresses.
//! 6. **Lowest first**, or highest first, where the policy promises it: the call saw every lower (or higher) address
//!    taken at some moment, so one of its possible times overlaps the call. The moments may differ from address to
//!    address.
//! 7. **Preference**: if another address was returned, the preferred one was taken at some moment.
//! 8. **Nothing lost.** A thread that allocates alone until nothing is free gets every address that is not held.
//!
//! In these rules, a failed claim holds nothing, although a batch takes addresses before it returns them: no call may
//! report "exhausted" or "already allocated" because of it. Rules 6 and 7 do not promise this, since such a bit was
//! indeed seen taken; they are not applied to calls that overlap a batch or a large block. Calls that share a single
//! stamp count as overlapping.
//!
//! *Not* checked: whether one choice of instants explains all results together (see [`complete`](crate::complete)),
//! hints (`is_available`, `status`, listings), and counters.

use crate::Addr;
use crate::ground::Ground;
use crate::history::{Answer, Call, Event, History};
use crate::holds::{Hold, Holds};
use crate::timeline::{Timeline, union};
use crate::violation::Violation;
use hostbits::Policy;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Number of the nearest addresses before the given one that are checked.
const LOOKED_AT: usize = 128;

/// How many results each rule was applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rule 1 and 2.
    pub holds: u64,
    /// Rule 4.
    pub already_allocated: u64,
    /// Rule 5.
    pub exhausted: u64,
    /// Rule 6.
    pub lowest: u64,
    /// Rule 6, of `allocate_from`.
    pub from: u64,
    /// Rule 7.
    pub preferred: u64,
}

/// The end of a pool, or of a part of it, that a policy allocates from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The lowest free address first.
    Lowest,
    /// The highest free address first.
    Highest,
}

impl Edge {
    /// Returns what a policy promises.
    ///
    /// # Panics
    ///
    /// If this is not known for the policy.
    pub fn of(policy: Policy) -> Option<Self> {
        match policy {
            Policy::Lowest => Some(Self::Lowest),
            Policy::Highest => Some(Self::Highest),
            Policy::Next | Policy::Spread | Policy::Random(_) => None,
            other => panic!("what does {other} promise?"),
        }
    }
}

/// Checks the history of a pool in which `ground` was free at the beginning.
///
/// `edge` is the end of the pool that rule 6 checks, if the policy promises an order.
///
/// # Errors
///
/// Returns the first violation.
pub fn check(history: &History, ground: &Ground, edge: Option<Edge>) -> Result<Checked, Violation> {
    let holds = Holds::of(history, ground)?;
    if history.drained {
        expect_nothing_lost(&holds, ground)?;
    }
    let mut checker = Checker {
        ground,
        flights: flights(history),
        edge,
        exhausted: BTreeMap::new(),
        checked: Checked {
            holds: holds.iter().count() as u64,
            ..Checked::default()
        },
        holds,
    };
    for (thread, event, addrs) in history.iter() {
        checker.visit(thread, event, addrs)?;
    }
    checker.check_exhausted()?;
    Ok(checker.checked)
}

fn expect_nothing_lost(holds: &Holds, ground: &Ground) -> Result<(), Violation> {
    let lost = (0..ground.count()).find(|&index| !holds.of_index(index).iter().any(Hold::is_open));
    lost.map_or(Ok(()), |index| {
        let addr = ground.addrs()[index];
        Err(Violation::Lost { addr })
    })
}

/// Returns the times at which addresses may have been held only temporarily: disjoint and ascending.
fn flights(history: &History) -> Vec<(u64, u64)> {
    let mut flights: Vec<_> = history
        .iter()
        .filter(|(_, event, _)| event.call.may_be_a_flight())
        .map(|(_, event, _)| (event.invoked, event.responded))
        .collect();
    flights.sort_unstable();
    union(flights).collect()
}

/// Where a call that found too little was looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Pool,
    Part(Addr, Addr),
    /// Aligned blocks of 2^n addresses.
    Blocks(u32),
}

/// A call that found too little.
#[derive(Clone, Copy, Debug)]
struct Exhausted {
    thread: usize,
    span: (u64, u64),
    wanted: u32,
}

struct Checker<'a> {
    ground: &'a Ground,
    holds: Holds,
    flights: Vec<(u64, u64)>,
    edge: Option<Edge>,
    exhausted: BTreeMap<Scope, Vec<Exhausted>>,
    checked: Checked,
}

impl Checker<'_> {
    fn visit(&mut self, thread: usize, event: &Event, addrs: &[Addr]) -> Result<(), Violation> {
        match (event.answer, event.call) {
            (Answer::Exhausted | Answer::Fewer, call) => self.note_exhausted(thread, event, call),
            (Answer::AlreadyAllocated, Call::Exact(addr) | Call::Adopt(addr)) => {
                self.check_taken(thread, event, addr)?;
            }
            (Answer::AlreadyAllocated, Call::BlockExact(first, prefix_len)) => {
                self.check_block_taken(thread, event, first, prefix_len)?;
            }
            (Answer::NotAllocated, _) => self.check_not_allocated(thread, event, addrs)?,
            (Answer::Reserved, Call::Exact(addr)) => self.check_reserved(thread, event, addr)?,
            (Answer::Reserved, _) => {
                let mut addrs = addrs.iter();
                addrs.try_for_each(|&addr| self.check_reserved(thread, event, addr))?;
            }
            (
                Answer::Claimed,
                Call::Allocate | Call::AllocateNet | Call::Guard | Call::GuardArc,
            ) => {
                self.check_edge(thread, event, addrs[0], (0, Addr::MAX))?;
            }
            (Answer::Claimed, Call::In(first, last)) => {
                self.check_edge(thread, event, addrs[0], (first, last))?;
            }
            (Answer::Claimed, Call::From(start)) => {
                self.check_from(thread, event, start, addrs[0])?;
            }
            (Answer::Claimed, Call::Preferring(preferred)) => {
                self.check_preferred(thread, event, preferred, addrs[0])?;
            }
            _ => {}
        }
        Ok(())
    }

    fn note_exhausted(&mut self, thread: usize, event: &Event, call: Call) {
        let (scope, wanted) = match call {
            Call::Many(count) => (Scope::Pool, count),
            Call::In(first, last) => (Scope::Part(first, last), 1),
            Call::Block(prefix_len) => (Scope::Blocks(u32::from(32 - prefix_len)), 1),
            _ => (Scope::Pool, 1),
        };
        self.exhausted.entry(scope).or_default().push(Exhausted {
            thread,
            span: (event.invoked, event.responded),
            wanted,
        });
    }

    fn check_taken(&mut self, thread: usize, event: &Event, addr: Addr) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        let was_taken = match self.ground.index_of(addr) {
            Some(index) => self.holds.possibly_within(index, span.0, span.1),
            // Held throughout, outside the game.
            None => true,
        };
        self.checked.already_allocated += 1;
        expect(
            was_taken,
            Violation::FalseAlreadyAllocated { addr, thread, span },
        )
    }

    /// Some address of it.
    fn check_block_taken(
        &mut self,
        thread: usize,
        event: &Event,
        first: Addr,
        prefix_len: u8,
    ) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        let mut addrs = first..=first + ((1 << (32 - prefix_len)) - 1);
        let was_taken = addrs.any(|addr| {
            let index = self.ground.index_of(addr);
            index.is_none_or(|index| self.holds.possibly_within(index, span.0, span.1))
        });
        self.checked.already_allocated += 1;
        let addr = first;
        expect(
            was_taken,
            Violation::FalseAlreadyAllocated { addr, thread, span },
        )
    }

    fn check_not_allocated(
        &self,
        thread: usize,
        event: &Event,
        addrs: &[Addr],
    ) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        // Of several addresses, the result does not say which one it is about.
        let &[addr] = addrs else {
            return Ok(());
        };
        let was_held = self
            .ground
            .index_of(addr)
            .is_none_or(|index| self.holds.certainly_throughout(index, span.0, span.1));
        expect(
            !was_held,
            Violation::FalseNotAllocated { addr, thread, span },
        )
    }

    fn check_reserved(&self, thread: usize, event: &Event, addr: Addr) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        expect(
            self.ground.index_of(addr).is_none(),
            Violation::FalseReserved { addr, thread, span },
        )
    }

    fn check_edge(
        &mut self,
        thread: usize,
        event: &Event,
        given: Addr,
        (first, last): (Addr, Addr),
    ) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        let Some(edge) = self.edge.filter(|_| !self.overlaps_flight(span)) else {
            return Ok(());
        };
        let end = self.ground.index_from(given);
        let before = match edge {
            Edge::Lowest => {
                let first = self.ground.index_from(first);
                first.max(end.saturating_sub(LOOKED_AT))..end
            }
            Edge::Highest => {
                let last = match last.checked_add(1) {
                    Some(beyond) => self.ground.index_from(beyond),
                    None => self.ground.addrs().len(),
                };
                end + 1..last.min(end + 1 + LOOKED_AT)
            }
        };
        self.checked.lowest += 1;
        self.expect_seen_taken(before, given, thread, span)
    }

    /// The addresses between the one that was named and the given one, around the end if need be.
    fn check_from(
        &mut self,
        thread: usize,
        event: &Event,
        start: Addr,
        given: Addr,
    ) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        if self.overlaps_flight(span) {
            return Ok(());
        }
        let (first, end) = (self.ground.index_from(start), self.ground.index_from(given));
        let passed: Vec<_> = match first <= end {
            true => (first..end).collect(),
            false => (first..self.ground.count()).chain(0..end).collect(),
        };
        let nearest = passed.into_iter().rev().take(LOOKED_AT);
        self.checked.from += 1;
        self.expect_seen_taken(nearest, given, thread, span)
    }

    /// Each of them may have been held at some instant of the call.
    fn expect_seen_taken(
        &self,
        indices: impl IntoIterator<Item = usize>,
        given: Addr,
        thread: usize,
        span: (u64, u64),
    ) -> Result<(), Violation> {
        let is_free = |&index: &usize| !self.holds.possibly_within(index, span.0, span.1);
        let free = indices.into_iter().find(is_free);
        free.map_or(Ok(()), |index| {
            Err(Violation::PassedOver {
                free: self.ground.addrs()[index],
                given,
                thread,
                span,
            })
        })
    }

    fn check_preferred(
        &mut self,
        thread: usize,
        event: &Event,
        preferred: Addr,
        given: Addr,
    ) -> Result<(), Violation> {
        let span = (event.invoked, event.responded);
        if preferred == given || self.overlaps_flight(span) {
            return Ok(());
        }
        let was_taken = self
            .ground
            .index_of(preferred)
            .is_none_or(|index| self.holds.possibly_within(index, span.0, span.1));
        self.checked.preferred += 1;
        expect(
            was_taken,
            Violation::PreferenceIgnored {
                preferred,
                given,
                thread,
                span,
            },
        )
    }

    fn overlaps_flight(&self, (from, to): (u64, u64)) -> bool {
        let next = self.flights.partition_point(|&(_, end)| end < from);
        self.flights
            .get(next)
            .is_some_and(|&(start, _)| start <= to)
    }

    fn check_exhausted(&mut self) -> Result<(), Violation> {
        for (&scope, answers) in &self.exhausted {
            let (timeline, total) = self.taken_over_time(scope);
            for answer in answers {
                let (from, to) = answer.span;
                let needed = total - i64::from(answer.wanted) + 1;
                let most = timeline.most_within(from, to);
                expect(
                    most >= needed,
                    Violation::FalseExhausted {
                        scope: scope_in_words(scope, answer.wanted),
                        most,
                        needed,
                        thread: answer.thread,
                        span: answer.span,
                    },
                )?;
            }
            self.checked.exhausted += answers.len() as u64;
        }
        Ok(())
    }

    /// Returns how much was possibly taken over time, and how much there is to take: addresses or blocks.
    fn taken_over_time(&self, scope: Scope) -> (Timeline, i64) {
        let (ground, addr_of) = (self.ground, |hold: &Hold| self.ground.addrs()[hold.index]);
        let blocks = match scope {
            Scope::Blocks(order) => ground.blocks(order),
            _ => Vec::new(),
        };
        let key_of = |hold: &Hold| match scope {
            Scope::Pool => Some(hold.index as u32),
            Scope::Part(first, last) => (first..=last)
                .contains(&addr_of(hold))
                .then_some(hold.index as u32),
            Scope::Blocks(order) => {
                let block = addr_of(hold) >> order << order;
                blocks.binary_search(&block).ok().map(|index| index as u32)
            }
        };
        let interval = |hold: &Hold| {
            let (start, end) = hold.possible();
            key_of(hold).map(|key| (key, start, end))
        };
        let total = match scope {
            Scope::Pool => ground.count(),
            Scope::Part(first, last) => ground.count_in(first, last),
            Scope::Blocks(_) => blocks.len(),
        };
        let timeline = Timeline::new(self.holds.iter().filter_map(interval).collect());
        (timeline, total as i64)
    }
}

fn expect(holds: bool, violation: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(violation) }
}

fn scope_in_words(scope: Scope, wanted: u32) -> String {
    match scope {
        Scope::Pool if wanted == 1 => "any address".to_owned(),
        Scope::Pool => format!("{wanted} addresses"),
        Scope::Part(first, last) => {
            let (first, last) = (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last));
            format!("an address of {first} to {last}")
        }
        Scope::Blocks(order) => format!("a block of {} addresses", 1u64 << order),
    }
}
