//! The other protocol: claims in flight and releases under watch, on words without a tree.
//!
//! A word has one slot. A batch is all or nothing and may give back what it took; a search looks at
//! the words one after another. The specification keeps a set of slots that are free for all to see;
//! what a batch holds stays in it until the batch has all it wants. Whoever answers "nothing free",
//! "too few free" or "taken" must have had an instant inside its call at which the set said so.

use crate::search::Machine;

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// Nobody looks at the flights.
    FlightsIgnored,
    /// A flight begins after its first claim.
    FlightBegunLate,
    /// A flight ends before it has given everything back.
    FlightEndedEarly,
    /// A flight is looked at before the words, and not again after them.
    FlightsReadOnce,
    /// A search is content with one look at the words.
    Unwatched,
    /// A watch begins after the look at the words that it should have covered.
    WatchBegunLate,
    /// A release looks for watchers before it stores.
    WatchersReadEarly,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Claims the lowest free slot.
    Allocate,
    /// Claims a slot of all words by search and proof.
    Search,
    Exact(u8),
    Batch(u8),
    Release(u8),
    /// Releases what this thread's operation number so-and-so got.
    ReleaseResult(u8),
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) words: u8,
    pub(crate) taken: u8,
    pub(crate) threads: &'static [&'static [Op]],
}

use Op::{Allocate as A, Batch as B, Exact as E, Release as R, ReleaseResult as G, Search as S};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "3 words, 2 free: b3 | a",
        words: 3,
        taken: 0b100,
        threads: &[&[B(3)], &[A]],
    },
    Program {
        name: "2 words, 1 free: b2 | e0 | s",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2)], &[E(0)], &[S]],
    },
    Program {
        name: "2 words, 2 free: b2 | b2",
        words: 2,
        taken: 0,
        threads: &[&[B(2)], &[B(2)]],
    },
    Program {
        name: "2 words: the free slot moves three times | s",
        words: 2,
        taken: 0b01,
        threads: &[&[R(0), E(1), G(1), E(0), G(3), E(1)], &[S]],
    },
    Program {
        name: "2 words: the free slot moves three times | a",
        words: 2,
        taken: 0b01,
        threads: &[&[R(0), E(1), G(1), E(0), G(3), E(1)], &[A]],
    },
    Program {
        name: "2 words, 1 free: b2 | r1,a | s",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2)], &[R(1), A], &[S]],
    },
];

/// How often a batch tries again beside others before it gives up; the product never does.
const BATCH_TRIES: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Takes the word `at` on behalf of an allocate, a search or a batch, if it is free.
    Take {
        at: u8,
    },
    Raise,
    FreedBefore,
    FlightsBefore,
    /// Looks at word `at`; a search takes it if it is free.
    Look {
        at: u8,
    },
    FlightsAfter,
    FreedAfter,
    Lower {
        verdict: Verdict,
    },
    Exact {
        slot: u8,
    },
    BeginFlight,
    EndFlight {
        verdict: Verdict,
    },
    Watchers {
        slot: u8,
    },
    Free {
        slot: u8,
    },
    AddFreed {
        slot: u8,
    },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Verdict {
    NoneFree,
    Again,
    InFlight,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op_index: u8,
    step: Step,
    /// By operation: the slots it got.
    results: Vec<u8>,
    /// What this operation holds so far.
    held: u8,
    /// A batch is giving back.
    rolling_back: Option<Verdict>,
    in_flight: bool,
    tries: u8,
    watching: bool,
    freed_before: u8,
    flights_before: (u8, u8),
    disturbed: bool,
    /// What a release saw, where it looked early.
    watched: bool,
    /// Fewest slots for all to see at any instant of this call; and whether the exact one was not.
    fewest: u8,
    was_taken: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    free: u8,
    /// Claims in flight, and claims ever begun.
    flights: (u8, u8),
    watchers: u8,
    freed: u8,
    threads: Vec<Thread>,
    /// The specification.
    known_free: u8,
    /// By slot: threads whose release of it has not finished.
    releasing: [u8; 3],
}

pub(crate) struct Flights<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
}

impl Flights<'_> {
    fn op(&self, state: &State, thread: usize) -> Option<Op> {
        let op_index = usize::from(state.threads[thread].op_index);
        self.program.threads[thread].get(op_index).copied()
    }

    fn begin(&self, state: &mut State, thread: usize) {
        let known_free = state.known_free;
        loop {
            let op = self.op(state, thread);
            let current = &mut state.threads[thread];
            current.held = 0;
            current.tries = 0;
            current.rolling_back = None;
            current.fewest = known_free.count_ones() as u8;
            current.was_taken = false;
            current.step = match op {
                None => Step::Done,
                Some(Op::Allocate | Op::Search) => Step::Take { at: 0 },
                Some(Op::Exact(slot)) => {
                    current.was_taken = known_free >> slot & 1 == 0;
                    Step::Exact { slot }
                }
                Some(Op::Batch(_)) if self.variant == Variant::FlightBegunLate => {
                    Step::Take { at: 0 }
                }
                Some(Op::Batch(_)) => Step::BeginFlight,
                Some(Op::Release(slot)) => self.begin_release(slot),
                Some(Op::ReleaseResult(of)) => {
                    let got = current.results[usize::from(of)];
                    if got == 0 {
                        current.op_index += 1;
                        current.results.push(0);
                        continue;
                    }
                    self.begin_release(got.trailing_zeros() as u8)
                }
            };
            return;
        }
    }

    fn begin_release(&self, slot: u8) -> Step {
        if self.variant == Variant::WatchersReadEarly {
            Step::Watchers { slot }
        } else {
            Step::Free { slot }
        }
    }

    fn finish(&self, state: &mut State, thread: usize, got: u8) {
        let current = &mut state.threads[thread];
        current.op_index += 1;
        current.results.push(got);
        self.begin(state, thread);
    }

    /// The claim is final: the slots are nobody else's from here on.
    fn own(state: &mut State, slots: u8) {
        state.known_free &= !slots;
        for slot in 0..state.releasing.len() {
            if slots >> slot & 1 == 1 {
                state.releasing[slot] = 0;
            }
        }
    }

    /// After a take: has the operation all it wants?
    fn took(&self, state: &mut State, thread: usize, slot: u8) {
        state.free &= !(1 << slot);
        state.threads[thread].held |= 1 << slot;
        let held = state.threads[thread].held;
        match self.op(state, thread) {
            Some(Op::Batch(wanted)) if held.count_ones() < u32::from(wanted) => {
                let late = self.variant == Variant::FlightBegunLate;
                state.threads[thread].step = if late && !state.threads[thread].in_flight {
                    Step::BeginFlight
                } else {
                    self.take_on(slot + 1)
                };
            }
            Some(Op::Batch(_)) => {
                Self::own(state, held);
                state.threads[thread].step = Step::EndFlight {
                    verdict: Verdict::Again,
                };
            }
            _ => {
                Self::own(state, held);
                if state.threads[thread].watching {
                    state.threads[thread].step = Step::Lower {
                        verdict: Verdict::Again,
                    };
                } else {
                    self.finish(state, thread, held);
                }
            }
        }
    }

    fn take_on(&self, at: u8) -> Step {
        if at < self.program.words {
            Step::Take { at }
        } else if self.variant == Variant::WatchBegunLate {
            Step::FreedBefore
        } else {
            Step::Raise
        }
    }

    fn verdict_reached(
        &self,
        state: &mut State,
        thread: usize,
        verdict: Verdict,
    ) -> Result<(), &'static str> {
        let op = self.op(state, thread);
        let current = &mut state.threads[thread];
        match (op, verdict) {
            // A search that found something comes here to lower its watch.
            (Some(Op::Search | Op::Allocate), _) if current.held != 0 => {
                let held = current.held;
                self.finish(state, thread, held);
            }
            (Some(Op::Batch(_)), Verdict::NoneFree | Verdict::InFlight) => {
                current.rolling_back = Some(verdict);
                if self.variant == Variant::FlightEndedEarly {
                    current.step = Step::EndFlight { verdict };
                } else {
                    self.roll_back(state, thread);
                }
            }
            (_, Verdict::NoneFree) => {
                if current.fewest != 0 {
                    return Err("false exhausted");
                }
                self.finish(state, thread, 0);
            }
            (_, Verdict::Again | Verdict::InFlight) => current.step = Step::Take { at: 0 },
        }
        Ok(())
    }

    /// The next slot to give back, or the end of the flight.
    fn roll_back(&self, state: &mut State, thread: usize) {
        let current = &mut state.threads[thread];
        current.step = if current.held != 0 {
            self.begin_release(current.held.trailing_zeros() as u8)
        } else {
            Step::EndFlight {
                verdict: current.rolling_back.unwrap_or(Verdict::Again),
            }
        };
    }

    fn batch_ended(
        &self,
        state: &mut State,
        thread: usize,
        verdict: Verdict,
    ) -> Result<(), &'static str> {
        let Some(Op::Batch(wanted)) = self.op(state, thread) else {
            unreachable!("only batches fly");
        };
        let current = &mut state.threads[thread];
        match (current.rolling_back, verdict) {
            (None, _) => {
                let held = current.held;
                self.finish(state, thread, held);
            }
            (Some(_), Verdict::NoneFree) => {
                if current.fewest >= wanted {
                    return Err("false exhausted for a batch");
                }
                self.finish(state, thread, 0);
            }
            (Some(_), _) if current.tries + 1 < BATCH_TRIES => {
                current.tries += 1;
                current.rolling_back = None;
                current.step = Step::BeginFlight;
            }
            (Some(_), _) => self.finish(state, thread, 0),
        }
        Ok(())
    }

    fn released(&self, state: &mut State, thread: usize, slot: u8) -> Result<(), &'static str> {
        if state.releasing[usize::from(slot)] >> thread & 1 == 1 {
            state.releasing[usize::from(slot)] &= !(1 << thread);
            state.known_free |= 1 << slot;
        }
        if state.threads[thread].rolling_back.is_some() {
            if state.threads[thread].held == 0 && !state.threads[thread].in_flight {
                // The flight ended early; this was the last to be given back.
                let verdict = state.threads[thread].rolling_back.unwrap_or(Verdict::Again);
                return self.batch_ended(state, thread, verdict);
            }
            self.roll_back(state, thread);
        } else {
            self.finish(state, thread, 0);
        }
        Ok(())
    }

    fn one_step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let own_flights = u8::from(state.threads[thread].in_flight);
        let current = &mut state.threads[thread];
        match current.step {
            Step::Take { at } => {
                if state.free >> at & 1 == 1 {
                    self.took(state, thread, at);
                } else {
                    current.step = self.take_on(at + 1);
                }
            }
            Step::Raise => {
                state.watchers += 1;
                current.watching = true;
                current.step = match self.variant {
                    Variant::WatchBegunLate => Step::FlightsAfter,
                    _ => Step::FreedBefore,
                };
            }
            Step::FreedBefore => {
                current.freed_before = state.freed;
                current.step = Step::FlightsBefore;
            }
            Step::FlightsBefore => {
                current.flights_before = state.flights;
                current.disturbed = state.flights.0 != own_flights;
                current.step = Step::Look { at: 0 };
            }
            Step::Look { at } if state.free >> at & 1 == 1 => {
                if matches!(self.op(state, thread), Some(Op::Search)) {
                    self.took(state, thread, at);
                } else if state.threads[thread].watching {
                    state.threads[thread].step = Step::Lower {
                        verdict: Verdict::Again,
                    };
                } else {
                    state.threads[thread].step = Step::Take { at: 0 };
                }
            }
            Step::Look { at } => {
                current.step = if at + 1 < self.program.words {
                    Step::Look { at: at + 1 }
                } else if self.variant == Variant::WatchBegunLate {
                    Step::Raise
                } else {
                    Step::FlightsAfter
                };
            }
            Step::FlightsAfter => {
                current.disturbed |= match self.variant {
                    Variant::FlightsReadOnce => false,
                    _ => state.flights != current.flights_before,
                };
                current.disturbed &= self.variant != Variant::FlightsIgnored;
                current.step = Step::FreedAfter;
            }
            Step::FreedAfter => {
                let moved = state.freed != current.freed_before;
                let verdict = match (current.disturbed, moved) {
                    (true, _) => Verdict::InFlight,
                    (false, true) if self.variant != Variant::Unwatched => Verdict::Again,
                    (false, _) => Verdict::NoneFree,
                };
                current.step = Step::Lower { verdict };
            }
            Step::Lower { verdict } => {
                state.watchers -= 1;
                current.watching = false;
                // What no longer matters would only multiply the states.
                current.freed_before = 0;
                current.flights_before = (0, 0);
                current.disturbed = false;
                return self.verdict_reached(state, thread, verdict);
            }
            Step::Exact { slot } => {
                // The code reads the flights before and after each attempt; in one step with it here,
                // because what the two readings are for is tried by the searches.
                if state.free >> slot & 1 == 1 {
                    state.free &= !(1 << slot);
                    Self::own(state, 1 << slot);
                    self.finish(state, thread, 1 << slot);
                } else if state.flights.0 != 0 && self.variant != Variant::FlightsIgnored {
                    // In flight: the same again.
                } else if !current.was_taken {
                    return Err("false \"taken\"");
                } else {
                    self.finish(state, thread, 0);
                }
            }
            Step::BeginFlight => {
                state.flights.0 += 1;
                state.flights.1 += 1;
                current.in_flight = true;
                current.step = Step::Take { at: 0 };
            }
            Step::EndFlight { verdict } => {
                if current.in_flight {
                    state.flights.0 -= 1;
                    current.in_flight = false;
                }
                if current.rolling_back.is_some() && current.held != 0 {
                    self.roll_back(state, thread);
                } else {
                    return self.batch_ended(state, thread, verdict);
                }
            }
            Step::Watchers { slot } => {
                current.watched = state.watchers != 0;
                let early = self.variant == Variant::WatchersReadEarly;
                if early {
                    current.step = Step::Free { slot };
                } else if current.watched {
                    current.step = Step::AddFreed { slot };
                } else {
                    return self.released(state, thread, slot);
                }
            }
            Step::Free { slot } => {
                state.free |= 1 << slot;
                if current.rolling_back.is_some() {
                    current.held &= !(1 << slot);
                } else {
                    state.releasing[usize::from(slot)] |= 1 << thread;
                }
                if self.variant != Variant::WatchersReadEarly {
                    current.step = Step::Watchers { slot };
                } else if current.watched {
                    current.step = Step::AddFreed { slot };
                } else {
                    return self.released(state, thread, slot);
                }
            }
            Step::AddFreed { slot } => {
                state.freed += 1;
                return self.released(state, thread, slot);
            }
            Step::Done => unreachable!("a thread that is done takes no step"),
        }
        Ok(())
    }
}

impl Machine for Flights<'_> {
    type State = State;

    fn start(&self) -> State {
        let free = ((1 << self.program.words) - 1) & !self.program.taken;
        let thread = Thread {
            op_index: 0,
            step: Step::Done,
            results: Vec::new(),
            held: 0,
            rolling_back: None,
            in_flight: false,
            tries: 0,
            watching: false,
            freed_before: 0,
            flights_before: (0, 0),
            disturbed: false,
            watched: false,
            fewest: 0,
            was_taken: false,
        };
        let mut state = State {
            free,
            flights: (0, 0),
            watchers: 0,
            freed: 0,
            threads: vec![thread; self.program.threads.len()],
            known_free: free,
            releasing: [0; 3],
        };
        for thread in 0..state.threads.len() {
            self.begin(&mut state, thread);
        }
        state
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        state.threads[thread].step != Step::Done
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        self.one_step(state, thread)?;
        // Every call in progress sees this instant.
        let (known_free, count) = (state.known_free, state.known_free.count_ones() as u8);
        for other in 0..state.threads.len() {
            let op = self.op(state, other);
            let call = &mut state.threads[other];
            match op {
                Some(Op::Exact(slot)) => call.was_taken |= known_free >> slot & 1 == 0,
                Some(Op::Allocate | Op::Search | Op::Batch(_)) => {
                    call.fewest = call.fewest.min(count);
                }
                _ => call.fewest = 0,
            }
        }
        Ok(())
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        (state.free != state.known_free).then(|| {
            let (free, known_free) = (state.free, state.known_free);
            format!("free slots {free:#b}, but {known_free:#b} by the specification")
        })
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let current = &state.threads[thread];
        format!("operation {}: {:?}", current.op_index, current.step)
    }
}
