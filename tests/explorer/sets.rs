//! The exact "exhausted" of a set of pools: two equal collects of all roots.
//!
//! A pool is one slot and the hint above it, with its version: `summary` has shown that the hint of a pool is never
//! stale in the direction of "full", so it is settled here in one step. The specification keeps a set of pools that
//! have something free for all to see; what a pair gives back stays in it. A call that finds the set exhausted must
//! have had an instant inside its call at which that set was empty.

use crate::search::Machine;

const POOLS: usize = 2;

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// One look at every root is enough.
    OneCollect,
    /// The second collect looks whether the roots are empty, not whether they are the same.
    VersionsIgnored,
    /// No thread waits for those that are in the air.
    FlightsIgnored,
    /// A thread that has waited does not ask what was given back.
    GivenIgnored,
    /// The lanes are read before the collects, and not again after them.
    LanesReadOnce,
    /// A pair takes its first half before its flight begins.
    PairBegunLate,
    /// How many members there are is read once.
    MembersReadOnce,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Claims from any member, or proves that the set had nothing.
    Allocate,
    /// Claims from this pool, if it has something.
    Exact(u8),
    Release(u8),
    /// Takes the hint of a pool down if it has nothing, as every search does that comes by.
    Settle(u8),
    /// The first half of a pair, given back because there was no second.
    FailedPair(u8),
    /// Makes the last pool a member.
    Add,
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// By pool, whether its slot is free at first.
    pub(crate) free: [bool; POOLS],
    pub(crate) members: u8,
    pub(crate) threads: &'static [&'static [Op]],
}

use Op::{Add, Allocate as A, Exact as E, FailedPair as P, Release as R, Settle as S};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "the free slot moves from member to member | a",
        free: [false, true],
        members: 2,
        threads: &[
            &[
                R(0),
                E(1),
                S(1),
                R(1),
                E(0),
                S(0),
                R(0),
                E(1),
                S(1),
                R(1),
                E(0),
                S(0),
                R(0),
                E(1),
                S(1),
            ],
            &[A],
        ],
    },
    Program {
        name: "the free slot moves once | a | a",
        free: [false, true],
        members: 2,
        threads: &[&[R(0), E(1)], &[A], &[A]],
    },
    Program {
        name: "a pair that fails | a",
        free: [true, false],
        members: 2,
        threads: &[&[P(0)], &[A]],
    },
    Program {
        name: "pairs that fail one after the other | a | the hint goes",
        free: [true, false],
        members: 2,
        threads: &[&[P(0), P(0)], &[A], &[S(0)]],
    },
    Program {
        name: "two pairs that fail | a",
        free: [true, true],
        members: 2,
        threads: &[&[P(0), P(1)], &[E(1), A]],
    },
    Program {
        name: "a member is added, then the other one is taken | a",
        free: [true, true],
        members: 1,
        threads: &[&[Add, E(0)], &[A]],
    },
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Root {
    maybe: bool,
    version: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Pool {
    free: bool,
    root: Root,
    lane: Lane,
}

/// The model has one lane for each pool: no two pairs fail in one pool at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Lane {
    in_air: bool,
    begun: u8,
    given: u8,
}

impl Pool {
    fn settle(&mut self) {
        if self.root.maybe && !self.free {
            self.root.maybe = false;
            self.root.version += 1;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    ReadMembers,
    /// A search takes the slot of this pool, or settles its hint.
    Take(u8),
    GivenBefore(u8),
    RootBefore(u8),
    RootAfter(u8),
    MembersAfter,
    /// Reads whether a thread is in the air in this pool.
    Air(u8),
    /// Until he has landed.
    Wait(u8),
    Exact(u8),
    Settle(u8),
    Free(u8),
    Publish(u8),
    BeginFlight(u8),
    TakeHalf(u8),
    EndFlight(u8),
    /// The pool was published when it was built: only its number is new.
    CountMember,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op_index: u8,
    step: Step,
    members: u8,
    lanes: [Lane; POOLS],
    /// What was given back since before the first collect.
    given: u8,
    roots: [Root; POOLS],
    /// A pair holds its first half.
    has_half: bool,
    /// Whether at some instant of this call nothing was free for all to see.
    was_empty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pools: [Pool; POOLS],
    members: u8,
    threads: Vec<Thread>,
    /// The specification: members with something free.
    known_free: u8,
    /// The threads that are releasing the slot of this pool, and have not finished.
    releasing: [u8; POOLS],
}

pub(crate) struct Sets<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
}

impl Sets<'_> {
    fn op(&self, state: &State, thread: usize) -> Option<Op> {
        let op_index = usize::from(state.threads[thread].op_index);
        self.program.threads[thread].get(op_index).copied()
    }

    fn begin(&self, state: &mut State, thread: usize) {
        let op = self.op(state, thread);
        let is_empty = state.known_free == 0;
        let current = &mut state.threads[thread];
        current.was_empty = is_empty;
        current.has_half = false;
        current.step = match op {
            None => Step::Done,
            Some(Op::Allocate) => Step::ReadMembers,
            Some(Op::Exact(pool)) => Step::Exact(pool),
            Some(Op::Release(pool)) => Step::Free(pool),
            Some(Op::Settle(pool)) => Step::Settle(pool),
            Some(Op::FailedPair(pool)) if self.variant == Variant::PairBegunLate => {
                Step::TakeHalf(pool)
            }
            Some(Op::FailedPair(pool)) => Step::BeginFlight(pool),
            Some(Op::Add) => Step::CountMember,
        };
    }

    fn finish(&self, state: &mut State, thread: usize) {
        state.threads[thread].op_index += 1;
        self.begin(state, thread);
    }

    /// Takes the slot for good.
    fn own(state: &mut State, pool: u8) {
        state.pools[usize::from(pool)].free = false;
        state.known_free &= !(1 << pool);
        state.releasing[usize::from(pool)] = 0;
        Self::note_emptiness(state);
    }

    fn note_emptiness(state: &mut State) {
        if state.known_free == 0 {
            for thread in &mut state.threads {
                thread.was_empty = true;
            }
        }
    }

    fn next_pool(&self, of: u8, members: u8, step: fn(u8) -> Step, then: Step) -> Step {
        if of + 1 < members { step(of + 1) } else { then }
    }

    fn told_exhausted(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if !state.threads[thread].was_empty {
            return Err("false exhausted");
        }
        self.finish(state, thread);
        Ok(())
    }

    /// A step of the proof. `None`: it holds so far.
    fn look_again(&self, state: &State, thread: usize, step: Step) -> Option<Step> {
        let current = &state.threads[thread];
        let again = Some(Step::ReadMembers);
        match step {
            Step::RootAfter(pool) => {
                let index = usize::from(pool);
                let root = state.pools[index].root;
                let is_same = match self.variant {
                    Variant::VersionsIgnored => root.maybe == current.roots[index].maybe,
                    _ => root == current.roots[index],
                };
                if is_same { None } else { again }
            }
            Step::MembersAfter => {
                let is_same = state.members == current.members;
                let is_believed = is_same || self.variant == Variant::MembersReadOnce;
                if is_believed { None } else { again }
            }
            _ => None,
        }
    }
}

impl Machine for Sets<'_> {
    type State = State;

    fn start(&self) -> State {
        let pools = self.program.free.map(|free| Pool {
            free,
            root: Root {
                maybe: free,
                version: 0,
            },
            lane: Lane::default(),
        });
        let members = self.program.members;
        let is_free = |pool: &u8| self.program.free[usize::from(*pool)];
        let known_free = (0..members)
            .filter(is_free)
            .fold(0, |set, pool| set | 1 << pool);
        let thread = Thread {
            op_index: 0,
            step: Step::Done,
            members: 0,
            lanes: [Lane::default(); POOLS],
            given: 0,
            roots: [Root::default(); POOLS],
            has_half: false,
            was_empty: false,
        };
        let mut state = State {
            pools,
            members,
            threads: vec![thread; self.program.threads.len()],
            known_free,
            releasing: [0; POOLS],
        };
        for thread in 0..self.thread_count() {
            self.begin(&mut state, thread);
        }
        state
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        let current = &state.threads[thread];
        match current.step {
            Step::Done => false,
            Step::Wait(pool) => {
                let (now, seen) = (
                    state.pools[usize::from(pool)].lane,
                    current.lanes[usize::from(pool)],
                );
                !seen.in_air || !now.in_air || now.begun != seen.begun
            }
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let step = state.threads[thread].step;
        if let Some(again) = self.look_again(state, thread, step) {
            state.threads[thread].step = again;
            return Ok(());
        }
        let members = state.threads[thread].members;
        let next = match step {
            Step::ReadMembers => {
                state.threads[thread].members = state.members;
                Step::Take(0)
            }
            Step::Take(pool) => {
                let it = &mut state.pools[usize::from(pool)];
                if it.free && it.root.maybe {
                    Self::own(state, pool);
                    self.finish(state, thread);
                    return Ok(());
                }
                it.settle();
                self.next_pool(pool, members, Step::Take, Step::GivenBefore(0))
            }
            Step::GivenBefore(pool) => {
                let lane = state.pools[usize::from(pool)].lane;
                let current = &mut state.threads[thread];
                current.lanes[usize::from(pool)] = lane;
                current.given = 0;
                Step::RootBefore(pool)
            }
            Step::RootBefore(pool) => {
                let root = state.pools[usize::from(pool)].root;
                state.threads[thread].roots[usize::from(pool)] = root;
                let then = match self.variant {
                    Variant::OneCollect => Step::MembersAfter,
                    _ => Step::RootAfter(0),
                };
                if root.maybe {
                    Step::ReadMembers
                } else {
                    self.next_pool(pool, members, Step::GivenBefore, then)
                }
            }
            Step::RootAfter(pool) => {
                self.next_pool(pool, members, Step::RootAfter, Step::MembersAfter)
            }
            Step::MembersAfter => Step::Air(0),
            Step::Air(pool) => {
                let lane = state.pools[usize::from(pool)].lane;
                let current = &mut state.threads[thread];
                let before = current.lanes[usize::from(pool)];
                let is_waited_for = match self.variant {
                    Variant::FlightsIgnored => false,
                    Variant::LanesReadOnce => before.in_air,
                    _ => lane.in_air,
                };
                // What a lane says before it has landed is not what it has given back.
                current.lanes[usize::from(pool)] = Lane {
                    in_air: is_waited_for,
                    begun: lane.begun,
                    given: before.given,
                };
                Step::Wait(pool)
            }
            Step::Wait(pool) => {
                let lane = state.pools[usize::from(pool)].lane;
                let current = &mut state.threads[thread];
                current.given += lane.given - current.lanes[usize::from(pool)].given;
                let is_none = current.given == 0 || self.variant == Variant::GivenIgnored;
                if pool + 1 < members {
                    Step::Air(pool + 1)
                } else if is_none {
                    return self.told_exhausted(state, thread);
                } else {
                    Step::ReadMembers
                }
            }
            Step::Exact(pool) => {
                if state.pools[usize::from(pool)].free {
                    Self::own(state, pool);
                }
                self.finish(state, thread);
                return Ok(());
            }
            Step::Settle(pool) => {
                state.pools[usize::from(pool)].settle();
                self.finish(state, thread);
                return Ok(());
            }
            Step::Free(pool) => {
                state.pools[usize::from(pool)].free = true;
                if !state.threads[thread].has_half {
                    state.releasing[usize::from(pool)] |= 1 << thread;
                }
                Step::Publish(pool)
            }
            Step::Publish(pool) => {
                state.pools[usize::from(pool)].root.maybe = true;
                if state.threads[thread].has_half {
                    Step::EndFlight(pool)
                } else {
                    // The release ends here, unless another thread has taken the slot meanwhile.
                    if state.releasing[usize::from(pool)] >> thread & 1 == 1 {
                        state.releasing[usize::from(pool)] = 0;
                        state.known_free |= 1 << pool;
                    }
                    self.finish(state, thread);
                    return Ok(());
                }
            }
            Step::BeginFlight(pool) => {
                let lane = &mut state.pools[usize::from(pool)].lane;
                (lane.in_air, lane.begun) = (true, lane.begun + 1);
                if state.threads[thread].has_half {
                    Step::Free(pool)
                } else {
                    Step::TakeHalf(pool)
                }
            }
            Step::TakeHalf(pool) => {
                let it = &mut state.pools[usize::from(pool)];
                let late = self.variant == Variant::PairBegunLate;
                if it.free {
                    it.free = false;
                    state.threads[thread].has_half = true;
                    if late {
                        Step::BeginFlight(pool)
                    } else {
                        Step::Free(pool)
                    }
                } else if late {
                    self.finish(state, thread);
                    return Ok(());
                } else {
                    Step::EndFlight(pool)
                }
            }
            Step::EndFlight(pool) => {
                let gives_back = state.threads[thread].has_half;
                let lane = &mut state.pools[usize::from(pool)].lane;
                lane.in_air = false;
                lane.given += u8::from(gives_back);
                self.finish(state, thread);
                return Ok(());
            }
            Step::CountMember => {
                let pool = state.members;
                state.members += 1;
                if state.pools[usize::from(pool)].free {
                    state.known_free |= 1 << pool;
                }
                self.finish(state, thread);
                return Ok(());
            }
            Step::Done => return Ok(()),
        };
        state.threads[thread].step = next;
        Ok(())
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let waits = |thread: &Thread| thread.step != Step::Done;
        if let Some(thread) = state.threads.iter().position(waits) {
            return Some(format!("thread {thread} waits for ever"));
        }
        let lost = |pool: &Pool| pool.free && !pool.root.maybe;
        let lost = state.pools.iter().position(lost)?;
        Some(format!("pool {lost} has something that nobody can see"))
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        format!("{:?}", state.threads[thread].step)
    }
}
