//! A quarantined address that its holder releases, or that a list names, while others free the quarantine.
//!
//! Property: an address that is held is not free. The holder may be listed or not, as long as the list
//! has every holder whose release has not made its first store. Who is adopted holds it when that is over,
//! whatever the lists of reclaims have that were read before.
//!
//! One address, in Q and perhaps held since before the power cut; every step is one atomic access.

use crate::search::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// A release sets F before it clears Q.
    FreeBeforeQuarantine,
    /// Reclaim sets F before it clears Q.
    ReclaimFreesFirst,
    /// Reclaim looks at Q and clears it in two steps.
    LookThenClear,
    /// Reclaim sets F whether or not it was the one that cleared Q.
    LoserFrees,
    /// What is adopted stays in Q.
    AdoptedStaysSuspect,
    /// An adopt does not wait for a reclaim that has taken its address out of Q.
    AdoptDoesNotWait,
    /// It waits before it clears Q.
    AdoptWaitsFirst,
    /// Not a mistake of the pool: the list is read when the record is gone and the release yet to begin.
    ListReadInTheGap,
}

pub(crate) struct Reclaim {
    pub(crate) variant: Variant,
    /// Whether the suspect has a holder, who releases it.
    pub(crate) has_holder: bool,
    /// Whether the suspect is named by a list that is adopted.
    pub(crate) is_adopted: bool,
    pub(crate) reclaimers: usize,
    pub(crate) allocators: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    DeleteRecord,
    ReleaseQuarantine,
    ReleaseFree,
    ReadList,
    TakeQuarantine {
        listed: bool,
    },
    ClearQuarantine,
    SetFree,
    Allocate,
    WriteRecord,
    AdoptQuarantine,
    /// For reclaims in flight.
    AdoptWait,
    AdoptTake,
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    free: bool,
    quarantined: bool,
    /// The record of the first holder.
    recorded: bool,
    held: bool,
    threads: Vec<At>,
}

impl Reclaim {
    fn release_begins(&self) -> At {
        match self.variant {
            Variant::FreeBeforeQuarantine => At::ReleaseFree,
            _ => At::ReleaseQuarantine,
        }
    }

    fn adopt_begins(&self) -> At {
        match self.variant {
            Variant::AdoptedStaysSuspect => At::AdoptWait,
            Variant::AdoptWaitsFirst => At::AdoptWait,
            _ => At::AdoptQuarantine,
        }
    }

    /// The record goes with the first store of the release.
    fn first_store(state: &mut State) {
        if state.recorded {
            state.recorded = false;
            state.held = false;
        }
    }
}

impl Machine for Reclaim {
    type State = State;

    /// Thread 0 is the holder.
    fn start(&self) -> State {
        let release = match self.variant {
            _ if !self.has_holder => At::Over,
            Variant::ListReadInTheGap => At::DeleteRecord,
            _ => self.release_begins(),
        };
        let mut threads = vec![release];
        threads.extend(vec![At::ReadList; self.reclaimers]);
        threads.extend(vec![At::Allocate; self.allocators]);
        threads.extend(self.is_adopted.then_some(At::WriteRecord));
        State {
            free: false,
            quarantined: true,
            recorded: self.has_holder,
            held: self.has_holder,
            threads,
        }
    }

    fn thread_count(&self) -> usize {
        1 + self.reclaimers + self.allocators + usize::from(self.is_adopted)
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        match state.threads[thread] {
            At::AdoptWait => !state.threads.contains(&At::SetFree),
            at => at != At::Over,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let two_steps = self.variant == Variant::LookThenClear;
        state.threads[thread] = match state.threads[thread] {
            At::DeleteRecord => {
                state.recorded = false;
                state.held = false;
                self.release_begins()
            }
            At::ReleaseQuarantine => {
                Self::first_store(state);
                state.quarantined = false;
                match self.variant {
                    Variant::FreeBeforeQuarantine => At::Over,
                    _ => At::ReleaseFree,
                }
            }
            At::ReleaseFree => {
                Self::first_store(state);
                state.free = true;
                match self.variant {
                    Variant::FreeBeforeQuarantine => At::ReleaseQuarantine,
                    _ => At::Over,
                }
            }
            At::ReadList => At::TakeQuarantine {
                listed: state.recorded,
            },
            // Its list names the address, too.
            At::TakeQuarantine { listed: true } if self.is_adopted => self.adopt_begins(),
            At::TakeQuarantine { listed: true } => At::Over,
            At::TakeQuarantine { listed: false } if self.variant == Variant::ReclaimFreesFirst => {
                if state.quarantined {
                    At::SetFree
                } else {
                    At::Over
                }
            }
            At::TakeQuarantine { listed: false } => {
                let had_it = state.quarantined;
                state.quarantined &= two_steps;
                match had_it || self.variant == Variant::LoserFrees {
                    true if two_steps => At::ClearQuarantine,
                    true => At::SetFree,
                    false => At::Over,
                }
            }
            At::ClearQuarantine => {
                state.quarantined = false;
                if two_steps { At::SetFree } else { At::Over }
            }
            At::SetFree => {
                state.free = true;
                match self.variant {
                    Variant::ReclaimFreesFirst => At::ClearQuarantine,
                    _ => At::Over,
                }
            }
            At::Allocate => {
                if state.free {
                    state.free = false;
                    state.held = true;
                }
                At::Over
            }
            At::WriteRecord => {
                state.recorded = true;
                self.adopt_begins()
            }
            At::AdoptQuarantine => {
                state.quarantined = false;
                match self.variant {
                    Variant::AdoptDoesNotWait | Variant::AdoptWaitsFirst => At::AdoptTake,
                    _ => At::AdoptWait,
                }
            }
            At::AdoptWait if self.variant == Variant::AdoptWaitsFirst => At::AdoptQuarantine,
            At::AdoptWait => At::AdoptTake,
            At::AdoptTake => {
                // Or the address was handed out before, and stays with its holder.
                state.free = false;
                state.held = true;
                At::Over
            }
            At::Over => unreachable!("a thread that is over takes no step"),
        };
        if state.free && state.held {
            return Err("a held address is free");
        }
        Ok(())
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        (!state.free && !state.held && !state.quarantined).then(|| "the address is lost".to_owned())
    }

    fn name(&self, thread: usize) -> String {
        match thread {
            0 => "holder".to_owned(),
            _ if thread <= self.reclaimers => format!("reclaim {thread}"),
            _ if thread <= self.reclaimers + self.allocators => {
                format!("allocator {}", thread - self.reclaimers)
            }
            _ => "adopt".to_owned(),
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let (free, quarantined) = (u8::from(state.free), u8::from(state.quarantined));
        format!("{:?} (F {free} Q {quarantined})", state.threads[thread])
    }
}
