//! The other protocol: claims in flight, releases under watch, and what a refusal waits for.
//!
//! A word has one slot, and a hint by which the root knows of it. A batch is all or nothing and may give back what
//! it took. Each thread has a lane: whether it is in the air, how many flights it has begun, how many slots they
//! have given back. A thread that finds nothing reads what the lanes have given back, looks, reads which lanes are
//! in the air, and waits until each of those has landed or flies again.
//!
//! The specification: a flight that succeeds takes each slot when it takes it, one that fails takes nothing. So a call
//! that returns "nothing free", "too few free" or "taken" must have had an instant at which that was true, counting as
//! free what failing flights had at that instant, and what was held by flights whose end is not yet known.

use crate::search::Machine;

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// A flight begins after its first claim.
    FlightBegunLate,
    /// A flight lands before it has given everything back.
    LandedEarly,
    /// The lanes are read before the look, and not again after it.
    LanesReadOnce,
    /// A flight that is in the air since before the look is not waited for.
    WaitsForLater,
    /// No thread waits.
    WaitsForNobody,
    /// A thread that has waited does not ask what was given back.
    GivenIgnored,
    /// What was given back is read after the look for the first time.
    GivenReadLate,
    /// A flight says what it gave back when it has landed.
    GivenCountedLate,
    /// A batch that finds no more waits for others before it gives back what it has.
    WaitsHolding,
    /// An exact claim says what it asks for after its attempt.
    AskedLate,
    /// A thread does not look again whether it is still its slot that is asked for.
    AskedNotReread,
    /// A slot that is asked for is counted after the flight has landed.
    ReturnedLate,
    /// A search is content with one look at the words.
    Unwatched,
    /// A watch begins after the look at the words that it should have covered.
    WatchBegunLate,
    /// A release looks for watchers before it stores.
    WatchersReadEarly,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Claims any slot; "none" by the root.
    Allocate,
    /// Claims a slot of all words by search under watch.
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
        name: "2 words, 1 free: b2 | e0 | a",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2)], &[E(0)], &[A]],
    },
    Program {
        name: "2 words, 1 free: b2,b2 | a",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2), B(2)], &[A]],
    },
    Program {
        name: "2 words, 1 free: b2,b2 | e0 | e0",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2), B(2)], &[E(0)], &[E(0)]],
    },
    Program {
        name: "2 words, 1 free: b2 | e1 | e0",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2)], &[E(1)], &[E(0)]],
    },
    Program {
        name: "2 words, 2 free: b2 | b2",
        words: 2,
        taken: 0,
        threads: &[&[B(2)], &[B(2)]],
    },
    Program {
        name: "3 words, 3 free: b3 | b2",
        words: 3,
        taken: 0,
        threads: &[&[B(3)], &[B(2)]],
    },
    Program {
        name: "2 words: the free slot moves three times | s",
        words: 2,
        taken: 0b01,
        threads: &[&[R(0), E(1), G(1), E(0), G(3), E(1)], &[S]],
    },
    Program {
        name: "2 words, 1 free: b2 | r1,a | s",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2)], &[R(1), A], &[S]],
    },
    Program {
        name: "2 words, 1 free: b2 | r1,e0 | b2",
        words: 2,
        taken: 0b10,
        threads: &[&[B(2)], &[R(1), E(0)], &[B(2)]],
    },
];

/// How often a batch tries again beside others before it gives up; the product never does.
const BATCH_TRIES: u8 = 2;

/// The most threads and words of a program.
const MOST: usize = 3;

/// What was free for all at an instant, and what each flight had then whose end is not known: four bits for
/// each, the free ones first.
type Instant = u16;

fn of_flight(slots: u8, thread: usize) -> Instant {
    Instant::from(slots) << (4 + 4 * thread)
}

/// All that may turn out to have been free.
fn perhaps_free(instant: Instant) -> u8 {
    ((instant | instant >> 4 | instant >> 8 | instant >> 12) & 0xf) as u8
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Takes the word `at` on behalf of an allocate, a search or a batch, if it is free.
    Take {
        at: u8,
    },
    /// Reads what a lane has given back, before the look.
    GivenBefore {
        lane: u8,
    },
    Raise,
    FreedBefore,
    Ask,
    ReturnedBefore,
    Root,
    /// Looks at word `at`; a search takes it if it is free.
    Look {
        at: u8,
    },
    Attempt,
    /// Reads whether a lane is in the air, after the look.
    Air {
        lane: u8,
    },
    /// Until the lane that was in the air has landed, or flies again.
    Wait {
        lane: u8,
    },
    FreedAfter,
    ReturnedAfter,
    AskedAfter,
    Lower {
        is_proved: bool,
    },
    Exact {
        slot: u8,
    },
    Begin,
    Land,
    CountGiven,
    Watchers {
        slot: u8,
    },
    Free {
        slot: u8,
    },
    Publish {
        slot: u8,
    },
    AddFreed {
        slot: u8,
    },
    LookAsked {
        slot: u8,
    },
    AddReturned {
        slot: u8,
    },
    Done,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Lane {
    in_air: bool,
    begun: u8,
    given: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op_index: u8,
    step: Step,
    /// By operation: the slots it got.
    results: Vec<u8>,
    /// What this operation holds so far.
    held: u8,
    /// A batch has failed: what it still has goes back.
    failing: bool,
    in_flight: bool,
    /// How many slots this flight gives back.
    gives: u8,
    tries: u8,
    watching: bool,
    asking: bool,
    given_before: u8,
    given_after: u8,
    /// By lane: the flights begun of one that was in the air.
    seen_in_air: [Option<u8>; MOST],
    counted_before: u8,
    /// What a release saw, where it looked early.
    watched: bool,
    /// Instants of this call, but for those at which as much and more was free.
    instants: Vec<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    free: u8,
    /// What the root knows of.
    hints: u8,
    lanes: [Lane; MOST],
    watchers: u8,
    freed: u8,
    /// The thread that asks, and the slot.
    asked: Option<(u8, u8)>,
    returned: u8,
    threads: Vec<Thread>,
    /// The specification.
    known_free: u8,
    /// By slot: threads whose release of it has not finished.
    releasing: [u8; MOST],
}

pub(crate) struct Flights<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
}

impl Flights<'_> {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn lanes(&self) -> u8 {
        self.program.threads.len() as u8
    }

    fn op(&self, state: &State, thread: usize) -> Option<Op> {
        let op_index = usize::from(state.threads[thread].op_index);
        self.program.threads[thread].get(op_index).copied()
    }

    fn begin(&self, state: &mut State, thread: usize) {
        loop {
            let op = self.op(state, thread);
            let current = &mut state.threads[thread];
            current.held = 0;
            current.tries = 0;
            current.failing = false;
            current.gives = 0;
            current.instants.clear();
            current.step = match op {
                None => Step::Done,
                Some(Op::Allocate | Op::Search) => Step::Take { at: 0 },
                Some(Op::Exact(slot)) => Step::Exact { slot },
                Some(Op::Batch(_)) => self.first_of_batch(),
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

    fn first_of_batch(&self) -> Step {
        if self.is(Variant::FlightBegunLate) {
            Step::Take { at: 0 }
        } else {
            Step::Begin
        }
    }

    fn begin_release(&self, slot: u8) -> Step {
        if self.is(Variant::WatchersReadEarly) {
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

    /// Makes the claim final: no other thread takes the slots from here on.
    fn own(state: &mut State, slots: u8) {
        state.known_free &= !slots;
        for slot in 0..MOST {
            if slots >> slot & 1 == 1 {
                state.releasing[slot] = 0;
            }
        }
    }

    /// A flight has ended in success: it has held each of its slots since it took it.
    fn succeed(state: &mut State, thread: usize) {
        for call in &mut state.threads {
            for instant in &mut call.instants {
                *instant &= !of_flight(0xf, thread);
            }
        }
    }

    /// A flight will give all back: it never took anything.
    fn fail(state: &mut State, thread: usize) {
        state.known_free |= state.threads[thread].held;
        for call in &mut state.threads {
            for instant in &mut call.instants {
                let held = *instant >> (4 + 4 * thread) & 0xf;
                *instant = *instant & !of_flight(0xf, thread) | held;
            }
        }
        let current = &mut state.threads[thread];
        current.failing = true;
        current.gives = current.held.count_ones() as u8;
    }

    /// After a take: has the operation all it wants?
    fn took(&self, state: &mut State, thread: usize, slot: u8) {
        state.free &= !(1 << slot);
        state.hints &= !(1 << slot);
        Self::own(state, 1 << slot);
        let op = self.op(state, thread);
        let current = &mut state.threads[thread];
        current.held |= 1 << slot;
        let held = current.held;
        match op {
            Some(Op::Batch(wanted)) if held.count_ones() < u32::from(wanted) => {
                let late = self.is(Variant::FlightBegunLate);
                state.threads[thread].step = if late && !state.threads[thread].in_flight {
                    Step::Begin
                } else {
                    self.take_on(op, slot + 1)
                };
            }
            Some(Op::Batch(_)) => {
                Self::succeed(state, thread);
                state.threads[thread].step = Step::Land;
            }
            _ if state.threads[thread].watching => {
                state.threads[thread].step = Step::Lower { is_proved: false };
            }
            _ => self.finish(state, thread, held),
        }
    }

    fn take_on(&self, op: Option<Op>, at: u8) -> Step {
        if at < self.program.words {
            Step::Take { at }
        } else if matches!(op, Some(Op::Search)) {
            if self.is(Variant::WatchBegunLate) {
                Step::FreedBefore
            } else {
                Step::Raise
            }
        } else if self.is(Variant::GivenReadLate) {
            Step::Root
        } else {
            Step::GivenBefore { lane: 0 }
        }
    }

    /// What comes after the look: the lanes, read again.
    fn after_look(&self) -> Step {
        if self.is(Variant::LanesReadOnce) {
            return Step::Wait { lane: 0 };
        }
        Step::Air { lane: 0 }
    }

    fn after_waits(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        match self.op(state, thread) {
            Some(Op::Search) => state.threads[thread].step = Step::FreedAfter,
            Some(Op::Exact(_)) => state.threads[thread].step = Step::ReturnedAfter,
            Some(Op::Batch(_)) if state.threads[thread].in_flight => {
                // It has waited while it held what it has: the variant.
                Self::fail(state, thread);
                self.roll_back(state, thread);
            }
            _ => return self.judge(state, thread),
        }
        Ok(())
    }

    /// Whether what others have given back since before the look may have been enough.
    fn judge(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let current = &mut state.threads[thread];
        let given = current.given_after - current.given_before;
        current.given_before = 0;
        current.given_after = 0;
        let wanted = match self.op(state, thread) {
            Some(Op::Batch(wanted)) => wanted,
            _ => 1,
        };
        if given < wanted || self.is(Variant::GivenIgnored) {
            return self.refuse(state, thread);
        }
        let op = self.op(state, thread);
        let current = &mut state.threads[thread];
        current.failing = false;
        if !matches!(op, Some(Op::Batch(_))) {
            current.step = Step::Take { at: 0 };
        } else if current.tries + 1 < BATCH_TRIES {
            current.tries += 1;
            current.step = self.first_of_batch();
        } else {
            self.finish(state, thread, 0);
        }
        Ok(())
    }

    fn refuse(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let current = &state.threads[thread];
        let wanted = match self.op(state, thread) {
            Some(Op::Batch(wanted)) => u32::from(wanted),
            _ => 1,
        };
        let too_few = |&instant: &Instant| perhaps_free(instant).count_ones() < wanted;
        if !current.instants.iter().any(too_few) {
            return Err(match self.op(state, thread) {
                Some(Op::Exact(_)) => "false \"taken\"",
                Some(Op::Batch(_)) => "false exhausted for a batch",
                _ => "false exhausted",
            });
        }
        self.finish(state, thread, 0);
        Ok(())
    }

    /// The next slot to give back, or the end of the flight.
    fn roll_back(&self, state: &mut State, thread: usize) {
        let lands_early = self.is(Variant::LandedEarly) && state.threads[thread].in_flight;
        let current = &mut state.threads[thread];
        current.step = if current.held != 0 && !lands_early {
            self.begin_release(current.held.trailing_zeros() as u8)
        } else {
            Step::Land
        };
    }

    fn landed(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let current = &state.threads[thread];
        if !current.failing {
            let held = current.held;
            self.finish(state, thread, held);
        } else if current.held != 0 {
            self.roll_back(state, thread);
        } else if self.is(Variant::WaitsHolding) {
            return self.judge(state, thread);
        } else {
            state.threads[thread].step = self.after_look();
        }
        Ok(())
    }

    fn released(&self, state: &mut State, thread: usize, slot: u8) -> Result<(), &'static str> {
        if state.releasing[usize::from(slot)] >> thread & 1 == 1 {
            state.releasing[usize::from(slot)] &= !(1 << thread);
            state.known_free |= 1 << slot;
        }
        let current = &state.threads[thread];
        if !current.failing {
            self.finish(state, thread, 0);
        } else if current.in_flight || current.held != 0 {
            self.roll_back(state, thread);
        } else {
            // It had landed early: this was the last slot.
            return self.landed(state, thread);
        }
        Ok(())
    }

    fn after_watchers(
        &self,
        state: &mut State,
        thread: usize,
        slot: u8,
    ) -> Result<(), &'static str> {
        if state.threads[thread].watched {
            state.threads[thread].step = Step::AddFreed { slot };
            return Ok(());
        }
        self.released(state, thread, slot)
    }

    fn one_step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let op = self.op(state, thread);
        let lanes = self.lanes();
        let current = &mut state.threads[thread];
        match current.step {
            Step::Take { at } => {
                if state.free >> at & 1 == 1 && state.hints >> at & 1 == 1 {
                    self.took(state, thread, at);
                } else {
                    current.step = self.take_on(op, at + 1);
                }
            }
            Step::GivenBefore { lane } => {
                let it = state.lanes[usize::from(lane)];
                if lane == 0 {
                    current.given_before = 0;
                }
                current.given_before += it.given;
                current.seen_in_air[usize::from(lane)] =
                    (it.in_air && usize::from(lane) != thread).then_some(it.begun);
                current.step = if lane + 1 < lanes {
                    Step::GivenBefore { lane: lane + 1 }
                } else if self.is(Variant::GivenReadLate) {
                    self.after_look()
                } else {
                    Step::Root
                };
            }
            Step::Root => {
                current.step = if state.hints != 0 {
                    Step::Take { at: 0 }
                } else if self.is(Variant::GivenReadLate) && !matches!(op, Some(Op::Batch(_))) {
                    Step::GivenBefore { lane: 0 }
                } else if !matches!(op, Some(Op::Batch(_))) || self.is(Variant::WaitsHolding) {
                    self.after_look()
                } else {
                    Self::fail(state, thread);
                    self.roll_back(state, thread);
                    return Ok(());
                };
            }
            Step::Raise => {
                state.watchers += 1;
                current.watching = true;
                current.step = match op {
                    Some(Op::Exact(_)) if self.is(Variant::AskedLate) => Step::ReturnedBefore,
                    Some(Op::Exact(_)) => Step::Ask,
                    _ if self.is(Variant::WatchBegunLate) => self.after_look(),
                    _ => Step::FreedBefore,
                };
            }
            Step::FreedBefore => {
                current.counted_before = state.freed;
                current.step = Step::Look { at: 0 };
            }
            Step::Ask => {
                // A thread that asks for another slot is pushed aside; the product lets it go on for a while.
                let Some(Op::Exact(slot)) = op else {
                    unreachable!("only exact claims ask");
                };
                state.asked = Some((thread as u8, slot));
                current.asking = true;
                current.step = if self.is(Variant::AskedLate) {
                    self.after_look()
                } else {
                    Step::ReturnedBefore
                };
            }
            Step::ReturnedBefore => {
                current.counted_before = state.returned;
                current.step = Step::Attempt;
            }
            Step::Attempt => {
                let Some(Op::Exact(slot)) = op else {
                    unreachable!("only exact claims attempt");
                };
                if state.free >> slot & 1 == 1 {
                    self.took(state, thread, slot);
                } else if self.is(Variant::AskedLate) {
                    current.step = Step::Ask;
                } else {
                    current.step = self.after_look();
                }
            }
            Step::Look { at } if state.free >> at & 1 == 1 => self.took(state, thread, at),
            Step::Look { at } => {
                current.step = if at + 1 < self.program.words {
                    Step::Look { at: at + 1 }
                } else if self.is(Variant::WatchBegunLate) {
                    Step::Raise
                } else {
                    self.after_look()
                };
            }
            Step::Air { lane } => {
                let it = state.lanes[usize::from(lane)];
                let before = current.seen_in_air[usize::from(lane)];
                let is_old = self.is(Variant::WaitsForLater) && before == Some(it.begun);
                let is_flying = it.in_air && usize::from(lane) != thread && !is_old;
                current.seen_in_air[usize::from(lane)] = is_flying.then_some(it.begun);
                current.step = if lane + 1 < lanes {
                    Step::Air { lane: lane + 1 }
                } else {
                    Step::Wait { lane: 0 }
                };
            }
            Step::Wait { lane } => {
                // `is_live` has seen to it that this one has landed, or flies again.
                if lane == 0 {
                    current.given_after = 0;
                }
                current.given_after += state.lanes[usize::from(lane)].given;
                current.seen_in_air[usize::from(lane)] = None;
                if lane + 1 < lanes {
                    current.step = Step::Wait { lane: lane + 1 };
                } else {
                    return self.after_waits(state, thread);
                }
            }
            Step::FreedAfter => {
                let is_same = state.freed == current.counted_before;
                current.step = Step::Lower {
                    is_proved: is_same || self.is(Variant::Unwatched),
                };
            }
            Step::ReturnedAfter => {
                let is_same = state.returned == current.counted_before;
                current.step = if !is_same {
                    Step::Lower { is_proved: false }
                } else if self.is(Variant::AskedNotReread) {
                    Step::Lower { is_proved: true }
                } else {
                    Step::AskedAfter
                };
            }
            Step::AskedAfter => {
                let is_ours = state
                    .asked
                    .is_some_and(|(who, _)| usize::from(who) == thread);
                current.step = Step::Lower { is_proved: is_ours };
            }
            Step::Lower { is_proved } => {
                state.watchers -= 1;
                if state
                    .asked
                    .is_some_and(|(who, _)| usize::from(who) == thread)
                {
                    state.asked = None;
                }
                current.watching = false;
                current.asking = false;
                current.counted_before = 0;
                current.given_after = 0;
                current.given_before = 0;
                if current.held != 0 {
                    let held = current.held;
                    self.finish(state, thread, held);
                } else if is_proved {
                    return self.refuse(state, thread);
                } else {
                    current.step = match op {
                        Some(Op::Exact(slot)) => Step::Exact { slot },
                        _ => Step::Take { at: 0 },
                    };
                }
            }
            Step::Exact { slot } => {
                if state.free >> slot & 1 == 1 {
                    self.took(state, thread, slot);
                } else {
                    current.step = Step::Raise;
                }
            }
            Step::Begin => {
                let lane = &mut state.lanes[thread];
                lane.in_air = true;
                lane.begun += 1;
                current.in_flight = true;
                current.step = Step::Take { at: 0 };
            }
            Step::Land => {
                let lane = &mut state.lanes[thread];
                lane.in_air = false;
                current.in_flight = false;
                if self.is(Variant::GivenCountedLate) && current.gives != 0 {
                    current.step = Step::CountGiven;
                    return Ok(());
                }
                lane.given += current.gives;
                current.gives = 0;
                return self.landed(state, thread);
            }
            Step::CountGiven => {
                state.lanes[thread].given += current.gives;
                current.gives = 0;
                return self.landed(state, thread);
            }
            Step::Free { slot } => {
                state.free |= 1 << slot;
                if current.failing {
                    current.held &= !(1 << slot);
                } else {
                    state.releasing[usize::from(slot)] |= 1 << thread;
                }
                current.step = Step::Publish { slot };
            }
            Step::Publish { slot } => {
                if state.free >> slot & 1 == 1 {
                    state.hints |= 1 << slot;
                }
                if self.is(Variant::WatchersReadEarly) {
                    return self.after_watchers(state, thread, slot);
                }
                current.step = Step::Watchers { slot };
            }
            Step::Watchers { slot } => {
                current.watched = state.watchers != 0;
                if self.is(Variant::WatchersReadEarly) {
                    current.step = Step::Free { slot };
                } else {
                    return self.after_watchers(state, thread, slot);
                }
            }
            Step::AddFreed { slot } => {
                state.freed += 1;
                current.watched = false;
                current.step = Step::LookAsked { slot };
            }
            Step::LookAsked { slot } => {
                if state.asked.is_none_or(|(_, asked)| asked != slot) {
                    return self.released(state, thread, slot);
                }
                if self.is(Variant::ReturnedLate) && current.in_flight && current.held == 0 {
                    state.lanes[thread].in_air = false;
                    state.lanes[thread].given += current.gives;
                    current.gives = 0;
                    current.in_flight = false;
                }
                current.step = Step::AddReturned { slot };
            }
            Step::AddReturned { slot } => {
                state.returned += 1;
                return self.released(state, thread, slot);
            }
            Step::Done => unreachable!("a thread that is done takes no step"),
        }
        Ok(())
    }

    /// What is free for all, and what each flight has whose end is not known.
    fn instant(&self, state: &State) -> Instant {
        let flights = state.threads.iter().enumerate().filter(|(index, it)| {
            matches!(self.op(state, *index), Some(Op::Batch(wanted))
                if !it.failing && it.held.count_ones() < u32::from(wanted))
        });
        flights.fold(state.known_free.into(), |instant, (index, it)| {
            instant | of_flight(it.held, index)
        })
    }
}

/// Adds an instant, unless there is one at which no more was free.
fn note(instants: &mut Vec<Instant>, instant: Instant) {
    let includes = |one: Instant, other: Instant| one & other == other;
    if instants.iter().any(|&known| includes(instant, known)) {
        return;
    }
    instants.retain(|&known| !includes(known, instant));
    instants.push(instant);
    instants.sort_unstable();
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
            failing: false,
            in_flight: false,
            gives: 0,
            tries: 0,
            watching: false,
            asking: false,
            given_before: 0,
            given_after: 0,
            seen_in_air: [None; MOST],
            counted_before: 0,
            watched: false,
            instants: Vec::new(),
        };
        let mut state = State {
            free,
            hints: free,
            lanes: [Lane::default(); MOST],
            watchers: 0,
            freed: 0,
            asked: None,
            returned: 0,
            threads: vec![thread; self.program.threads.len()],
            known_free: free,
            releasing: [0; MOST],
        };
        for thread in 0..state.threads.len() {
            self.begin(&mut state, thread);
        }
        self.note_instant(&mut state);
        state
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        let current = &state.threads[thread];
        match current.step {
            Step::Done => false,
            Step::Wait { lane } => {
                let it = state.lanes[usize::from(lane)];
                self.is(Variant::WaitsForNobody)
                    || current.seen_in_air[usize::from(lane)]
                        .is_none_or(|begun| !it.in_air || it.begun != begun)
            }
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        self.one_step(state, thread)?;
        self.note_instant(state);
        Ok(())
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let waits = |it: &Thread| it.step != Step::Done;
        if let Some(thread) = state.threads.iter().position(waits) {
            return Some(format!("thread {thread} waits for ever"));
        }
        (state.free != state.known_free || state.hints != state.free).then(|| {
            let State {
                free,
                hints,
                known_free,
                ..
            } = state;
            format!("free {free:#b}, hints {hints:#b}, but {known_free:#b} by the specification")
        })
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let current = &state.threads[thread];
        format!("operation {}: {:?}", current.op_index, current.step)
    }
}

impl Flights<'_> {
    /// Every call in progress that may be refused sees this instant.
    fn note_instant(&self, state: &mut State) {
        let now = self.instant(state);
        for thread in 0..state.threads.len() {
            let mask = match self.op(state, thread) {
                Some(Op::Exact(slot)) => 0x1111 << slot,
                Some(Op::Allocate | Op::Search | Op::Batch(_)) => 0xffff,
                _ => continue,
            };
            note(&mut state.threads[thread].instants, now & mask);
        }
    }
}
