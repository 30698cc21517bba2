//! Group commit: tickets, leaders, failed syncs, in one process or several.
//!
//! Property: whatever was acknowledged is taken in every image a power cut may leave, and no caller waits
//! for a leader that is gone.
//!
//! Thread `t` allocates and releases address `t`, each in a word and on a page of its own; T is 1.

use crate::disk::{Cell, show};
use crate::search::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    AckBeforeSync,
    /// When a sync returns, all tickets given out by then are done.
    LateTicketsCount,
    /// The ticket is taken before the claim.
    TicketBeforeClaim,
    /// A leader whose sync failed tries again.
    RetryAfterFailure,
    /// The pool is poisoned after the leader has stepped down: the next one syncs again.
    PoisonedLate,
    /// Only the leader learns that the sync failed.
    LeaderAloneFails,
    /// The leader steps down only if the sync succeeded.
    LeaderStays,
    /// Not a mistake of ours: the kernel tells one process of a failed write-back, not all of them.
    ErrorToldOnce,
}

pub(crate) struct Commit {
    pub(crate) variant: Variant,
    /// By thread: its process.
    pub(crate) processes: &'static [usize],
    /// Allocations of each thread.
    pub(crate) rounds: u8,
    pub(crate) failures: u8,
    pub(crate) kills: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Claim,
    Ticket,
    /// Under the mutex of the process: done, failed, wait or lead.
    Enter,
    SyncStarts,
    SyncReturns,
    Poison,
    StepDown {
        failed: bool,
    },
    Release,
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    at: At,
    rounds: u8,
    ticket: u8,
    upto: u8,
    since: [u8; 3],
    /// The running sync has failed.
    fails: bool,
    told: bool,
}

/// What the threads of a process share beside the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Group {
    requested: u8,
    done: u8,
    failed: u8,
    leading: bool,
    /// The next sync reports an error that happened elsewhere.
    told_of_error: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    cells: [Cell; 3],
    groups: [Group; 2],
    poisoned: bool,
    threads: Vec<Thread>,
    held: u8,
    failures: u8,
    kills: u8,
}

enum Accident {
    SyncFails(usize),
    Kill(usize),
    Cut,
}

impl Commit {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn accidents(&self, state: &State) -> Vec<Accident> {
        let mut accidents = Vec::new();
        for (number, thread) in state.threads.iter().enumerate() {
            if state.failures > 0 && thread.at == At::SyncReturns && !thread.fails {
                accidents.push(Accident::SyncFails(number));
            }
        }
        if state.kills > 0 {
            accidents.extend([Accident::Kill(0), Accident::Kill(1)]);
        }
        // Only a cut that shows something is worth a step.
        if (0..3).any(|address| state.held >> address & 1 == 1 && state.cells[address].may_be(1)) {
            accidents.push(Accident::Cut);
        }
        accidents
    }

    fn store(state: &mut State, address: usize, value: u8) {
        state.cells[address].store(value);
        for thread in &mut state.threads {
            if thread.at == At::SyncReturns {
                thread.since[address] |= 1 << value;
            }
        }
    }

    fn acknowledge(state: &mut State, thread: usize) {
        state.held |= 1 << thread;
        let current = &mut state.threads[thread];
        current.rounds -= 1;
        current.at = if current.rounds > 0 {
            At::Release
        } else {
            At::Over
        };
    }

    fn thread_step(&self, state: &mut State, number: usize) {
        let process = self.processes[number];
        let mut thread = state.threads[number].clone();
        thread.at = match thread.at {
            At::Claim if state.poisoned => At::Over,
            At::Claim => {
                Self::store(state, number, 0);
                if self.is(Variant::AckBeforeSync) {
                    Self::acknowledge(state, number);
                    return;
                }
                if self.is(Variant::TicketBeforeClaim) {
                    At::Enter
                } else {
                    At::Ticket
                }
            }
            At::Ticket => {
                state.groups[process].requested += 1;
                thread.ticket = state.groups[process].requested;
                if self.is(Variant::TicketBeforeClaim) {
                    At::Claim
                } else {
                    At::Enter
                }
            }
            At::Enter => {
                let group = &mut state.groups[process];
                if group.done >= thread.ticket && !thread.told {
                    Self::acknowledge(state, number);
                    return;
                } else if thread.told || group.failed >= thread.ticket || state.poisoned {
                    At::Over
                } else {
                    group.leading = true;
                    thread.upto = group.requested;
                    At::SyncStarts
                }
            }
            At::SyncStarts => {
                thread.since = state.cells.map(|cell| cell.sync_started() as u8);
                At::SyncReturns
            }
            At::SyncReturns => {
                let elsewhere = std::mem::take(&mut state.groups[process].told_of_error);
                let own = std::mem::take(&mut thread.fails);
                let since = std::mem::take(&mut thread.since);
                if own {
                    state.cells.iter_mut().for_each(Cell::sync_failed);
                    if !self.is(Variant::ErrorToldOnce) {
                        state.groups[1 - process].told_of_error = true;
                    }
                }
                match (own || elsewhere, self.variant) {
                    (false, _) => {
                        for (cell, since) in state.cells.iter_mut().zip(since) {
                            cell.sync_returned(u128::from(since));
                        }
                        At::StepDown { failed: false }
                    }
                    (true, Variant::RetryAfterFailure) => At::SyncStarts,
                    (true, Variant::PoisonedLate) => At::StepDown { failed: true },
                    (true, _) => At::Poison,
                }
            }
            At::Poison => {
                state.poisoned = true;
                if self.is(Variant::PoisonedLate) {
                    At::Over
                } else {
                    At::StepDown { failed: true }
                }
            }
            At::StepDown { failed } => {
                let group = &mut state.groups[process];
                group.leading = failed && self.is(Variant::LeaderStays);
                let upto = std::mem::take(&mut thread.upto);
                if !failed && self.is(Variant::LateTicketsCount) {
                    group.done = group.requested;
                } else if !failed || self.is(Variant::LeaderAloneFails) {
                    group.done = upto;
                } else {
                    group.failed = upto;
                }
                thread.told = failed && self.is(Variant::LeaderAloneFails);
                if failed && self.is(Variant::PoisonedLate) {
                    At::Poison
                } else {
                    At::Enter
                }
            }
            At::Release => {
                state.held &= !(1 << number);
                Self::store(state, number, 1);
                self.first_step()
            }
            At::Over => unreachable!("a thread that is over takes no step"),
        };
        state.threads[number] = thread;
    }

    fn first_step(&self) -> At {
        if self.is(Variant::TicketBeforeClaim) {
            At::Ticket
        } else {
            At::Claim
        }
    }
}

impl Machine for Commit {
    type State = State;

    fn start(&self) -> State {
        let thread = Thread {
            at: self.first_step(),
            rounds: self.rounds,
            ticket: 0,
            upto: 0,
            since: [0; 3],
            fails: false,
            told: false,
        };
        State {
            cells: [Cell::new(1); 3],
            groups: [Group::default(); 2],
            poisoned: false,
            threads: vec![thread; self.processes.len()],
            held: 0,
            failures: self.failures,
            kills: self.kills,
        }
    }

    fn thread_count(&self) -> usize {
        self.processes.len()
    }

    fn is_live(&self, state: &State, number: usize) -> bool {
        let thread = &state.threads[number];
        let group = &state.groups[self.processes[number]];
        match thread.at {
            At::Enter => {
                let answered = group.done >= thread.ticket || group.failed >= thread.ticket;
                !group.leading || answered || state.poisoned && !self.is(Variant::LeaderStays)
            }
            At::Over => false,
            _ => true,
        }
    }

    fn step(&self, state: &mut State, number: usize) -> Result<(), &'static str> {
        let Some(accident) = number.checked_sub(self.processes.len()) else {
            self.thread_step(state, number);
            return Ok(());
        };
        match self.accidents(state)[accident] {
            Accident::SyncFails(thread) => {
                state.failures -= 1;
                state.threads[thread].fails = true;
            }
            Accident::Kill(process) => {
                state.kills -= 1;
                for number in 0..state.threads.len() {
                    if self.processes[number] == process {
                        let thread = &mut state.threads[number];
                        thread.at = At::Over;
                        thread.since = [0; 3];
                        thread.fails = false;
                    }
                }
                state.groups[process] = Group::default();
            }
            Accident::Cut => return Err("an acknowledged address is free after the cut"),
        }
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        self.accidents(state).len()
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let waits = state
            .threads
            .iter()
            .position(|thread| thread.at != At::Over)?;
        Some(format!("thread {waits} waits for ever"))
    }

    fn name(&self, number: usize) -> String {
        match self.processes.get(number) {
            Some(process) => format!("thread {number} of process {process}"),
            None => "accident".to_owned(),
        }
    }

    fn describe(&self, state: &State, number: usize) -> String {
        let Some(accident) = number.checked_sub(self.processes.len()) else {
            let thread = &state.threads[number];
            return format!(
                "{:?} (F {}, held {:03b})",
                thread.at,
                show(&state.cells),
                state.held
            );
        };
        match self.accidents(state)[accident] {
            Accident::SyncFails(thread) => format!("the sync of thread {thread} fails"),
            Accident::Kill(process) => format!("kill -9 of process {process}"),
            Accident::Cut => "power cut".to_owned(),
        }
    }
}
