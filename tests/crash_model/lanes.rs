//! Claims in flight whose process dies, and lanes that change hands.
//!
//! Property: no caller waits for ever because of a dead owner; the flight of a living owner is in the air
//! until it lands; "exhausted" is returned only if at some instant of the call nothing was free but what
//! the dead took with them.
//!
//! One lane, which its owners use one after another; the kernel knows whether its lock is held. An owner
//! claims all slots and always gives back what it got. Waiters have nothing but a refusal in hand.

use crate::search::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// A dead lane is cleared by a plain store.
    PlainStore,
    /// A lane in flight is cleared without asking for the lock.
    LockNotAsked,
    /// No process clears a dead lane.
    NeverCleared,
    /// A new owner counts its flights from the beginning.
    CountBeginsAgain,
    /// A flight does not count as begun.
    BegunNotCounted,
    /// A new owner leaves the flights of the dead one as they are.
    TakenAsFound,
    /// A new owner clears the lane before it has the lock.
    ClearedBeforeLocked,
    /// The lane is read before the look at the words, and not again after it.
    ReadOnce,
    /// What the dead may have given back counts as nothing.
    DeadGaveNothing,
    /// No caller asks what was given back.
    GivenIgnored,
    /// What a lane said before the question is believed when its lock has no holder: its owner may have
    /// landed and left meanwhile.
    DeadTakenForEmpty,
}

pub(crate) struct Lanes {
    pub(crate) variant: Variant,
    /// Owners, one after another; each has one flight.
    pub(crate) owners: usize,
    pub(crate) waiters: usize,
    pub(crate) kills: u8,
    pub(crate) slots: u8,
    /// Whether owners give up the lane when their flight has ended, or keep it as long as they live.
    pub(crate) leaves: bool,
}

/// In the air, flights ever begun, slots given back.
type Lane = (u8, u8, u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    LockLane,
    LoadLane,
    ResetLane {
        seen: Lane,
    },
    Begin,
    Take {
        slot: u8,
    },
    GiveBack {
        slot: u8,
    },
    End,
    Unlock,
    Claim {
        slot: u8,
    },
    LaneBefore,
    Look {
        slot: u8,
        before: Lane,
    },
    LaneAfter {
        before: Lane,
    },
    /// Until the flight that was seen is no longer in the air, or the lock of its lane is free. `given`: what
    /// had been given back before the look.
    Wait {
        seen: Lane,
        given: u8,
    },
    LaneAgain {
        seen: Lane,
        given: u8,
    },
    AskLock {
        now: Lane,
        seen: Lane,
        given: u8,
    },
    Clear {
        now: Lane,
        seen: Lane,
        given: u8,
    },
    Judge {
        lane: Lane,
        given: u8,
    },
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    free: u8,
    lane: Lane,
    lock: Option<u8>,
    threads: Vec<At>,
    /// By owner: the slots of its flight, and how many of them it has given back.
    holds: Vec<u8>,
    gave: Vec<u8>,
    flying: Option<u8>,
    /// The specification: the slots that no owner holds for good.
    known_free: u8,
    kills: u8,
}

impl Lanes {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    /// What a dead flight counts as given back.
    fn perhaps(&self, lane: Lane) -> u8 {
        u8::from(lane.0 != 0 && !self.is(Variant::DeadGaveNothing))
    }

    fn is_still(lane: Lane, seen: Lane) -> bool {
        lane.0 != 0 && lane.1 == seen.1
    }

    fn own(state: &mut State, slot: u8) {
        state.free &= !(1 << slot);
        state.known_free &= !(1 << slot);
    }

    fn alive(&self, state: &State) -> Vec<usize> {
        let idle = |at: At| matches!(at, At::LockLane | At::Over);
        (0..self.owners)
            .filter(|&owner| !idle(state.threads[owner]) || state.lock == Some(owner as u8))
            .collect()
    }

    fn after_look(&self, slot: u8, before: Lane) -> At {
        if slot < self.slots {
            At::Look { slot, before }
        } else {
            At::LaneAfter { before }
        }
    }

    fn give_back(held: u8) -> At {
        if held == 0 {
            At::End
        } else {
            At::GiveBack {
                slot: held.trailing_zeros() as u8,
            }
        }
    }

    fn first_owner_step(&self) -> At {
        if self.is(Variant::ClearedBeforeLocked) {
            At::LoadLane
        } else {
            At::LockLane
        }
    }
}

impl Machine for Lanes {
    type State = State;

    fn start(&self) -> State {
        let mut threads = vec![self.first_owner_step(); self.owners];
        threads.extend(vec![At::Claim { slot: 0 }; self.waiters]);
        let all = (1 << self.slots) - 1;
        State {
            free: all,
            lane: (0, 0, 0),
            lock: None,
            threads,
            holds: vec![0; self.owners],
            gave: vec![0; self.owners],
            flying: None,
            known_free: all,
            kills: self.kills,
        }
    }

    fn thread_count(&self) -> usize {
        self.owners + self.waiters
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        match state.threads[thread] {
            At::LockLane => state.lock.is_none(),
            At::Wait { seen, .. } => {
                let is_asked = state.lock.is_none() || self.is(Variant::LockNotAsked);
                let asks_again = is_asked && !self.is(Variant::NeverCleared);
                !Self::is_still(state.lane, seen) || asks_again
            }
            At::Over => false,
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if let Some(victim) = thread.checked_sub(self.thread_count()) {
            let owner = self.alive(state)[victim];
            state.kills -= 1;
            // What it took goes with it.
            state.known_free &= !state.holds[owner];
            state.holds[owner] = 0;
            if state.flying == Some(owner as u8) {
                state.flying = None;
            }
            if state.lock == Some(owner as u8) {
                state.lock = None;
            }
            state.threads[owner] = At::Over;
            return Ok(());
        }
        let early = self.is(Variant::ClearedBeforeLocked);
        state.threads[thread] = match state.threads[thread] {
            At::LockLane => {
                state.lock = Some(thread as u8);
                if early { At::Begin } else { At::LoadLane }
            }
            At::LoadLane => At::ResetLane { seen: state.lane },
            At::ResetLane { seen } => {
                state.lane = match self.variant {
                    Variant::CountBeginsAgain => (0, 0, 0),
                    Variant::TakenAsFound => seen,
                    // It is unknown what the dead one gave back: perhaps something.
                    _ => (0, seen.1, seen.2 + self.perhaps(seen)),
                };
                if early { At::LockLane } else { At::Begin }
            }
            At::Begin => {
                state.lane.0 += 1;
                state.lane.1 += u8::from(!self.is(Variant::BegunNotCounted));
                state.flying = Some(thread as u8);
                At::Take { slot: 0 }
            }
            At::Take { slot } => {
                if state.free >> slot & 1 == 1 {
                    state.free &= !(1 << slot);
                    state.holds[thread] |= 1 << slot;
                }
                if slot + 1 < self.slots {
                    At::Take { slot: slot + 1 }
                } else {
                    Self::give_back(state.holds[thread])
                }
            }
            At::GiveBack { slot } => {
                state.free |= 1 << slot;
                state.holds[thread] &= !(1 << slot);
                state.gave[thread] += 1;
                Self::give_back(state.holds[thread])
            }
            At::End => {
                state.flying = None;
                if state.lane.0 == 0 {
                    return Err("the flight of a living owner was cleared");
                }
                state.lane.0 -= 1;
                state.lane.2 += state.gave[thread];
                state.gave[thread] = 0;
                if self.leaves { At::Unlock } else { At::Over }
            }
            At::Unlock => {
                state.lock = None;
                At::Over
            }
            At::Claim { slot } if state.free >> slot & 1 == 1 => {
                Self::own(state, slot);
                At::Over
            }
            At::Claim { slot } if slot + 1 < self.slots => At::Claim { slot: slot + 1 },
            At::Claim { .. } => At::LaneBefore,
            At::LaneBefore => At::Look {
                slot: 0,
                before: state.lane,
            },
            At::Look { slot, .. } if state.free >> slot & 1 == 1 => At::Claim { slot: 0 },
            At::Look { slot, before } => self.after_look(slot + 1, before),
            At::LaneAfter { before } => {
                let given = before.2;
                match state.lane {
                    _ if self.is(Variant::ReadOnce) && before.0 == 0 => At::Judge {
                        lane: before,
                        given,
                    },
                    lane @ (0, ..) => At::Judge { lane, given },
                    seen => At::Wait { seen, given },
                }
            }
            At::Wait { seen, given } => At::LaneAgain { seen, given },
            At::LaneAgain { seen, given } => match state.lane {
                lane if !Self::is_still(lane, seen) => At::Judge { lane, given },
                now if self.is(Variant::LockNotAsked) => At::Clear { now, seen, given },
                now => At::AskLock { now, seen, given },
            },
            At::AskLock { seen, given, .. }
                if state.lock.is_some() || self.is(Variant::NeverCleared) =>
            {
                At::Wait { seen, given }
            }
            At::AskLock { now, given, .. } if self.is(Variant::DeadTakenForEmpty) => {
                At::Judge { lane: now, given }
            }
            At::AskLock { now, seen, given } => At::Clear { now, seen, given },
            At::Clear { now, seen, given } => {
                if state.lane == now || self.is(Variant::PlainStore) {
                    state.lane = (0, now.1, now.2 + self.perhaps(now));
                }
                At::LaneAgain { seen, given }
            }
            At::Judge { lane, given } => {
                if lane.2 != given && !self.is(Variant::GivenIgnored) {
                    At::Claim { slot: 0 }
                } else if state.known_free != 0 {
                    return Err("false exhausted");
                } else {
                    At::Over
                }
            }
            At::Over => unreachable!("a thread that is over takes no step"),
        };
        if state.flying.is_some() && state.lane.0 == 0 {
            return Err("the flight of a living owner was cleared");
        }
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        if state.kills > 0 {
            self.alive(state).len()
        } else {
            0
        }
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        // An owner that finds no lane is refused; the model lets it wait.
        let stuck = |at: At| !matches!(at, At::Over | At::LockLane);
        let waits = state.threads.iter().position(|&at| stuck(at))?;
        Some(format!("{} waits for ever", self.name(waits)))
    }

    fn name(&self, thread: usize) -> String {
        if thread < self.owners {
            format!("owner {thread}")
        } else if thread < self.thread_count() {
            format!("waiter {}", thread - self.owners)
        } else {
            "accident".to_owned()
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let State {
            free, lane, lock, ..
        } = state;
        let lock = lock.map_or("free".to_owned(), |owner| format!("owner {owner}"));
        let step = match thread.checked_sub(self.thread_count()) {
            None => format!("{:?}", state.threads[thread]),
            Some(victim) => format!("kill -9 of owner {}", self.alive(state)[victim]),
        };
        format!("{step} (F {free:02b} lane {lane:?} lock {lock})")
    }
}
