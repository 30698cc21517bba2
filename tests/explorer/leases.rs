//! The fifth protocol, leases: bits are tokens, and a record says who holds an address (`docs/design/leases.md`).
//!
//! Words of tokens hang under a root with a hint for each, as in `summary.rs`. Beside them are a record for each slot,
//! the shared word that says which tick was swept, and a clock. The clock goes on at any moment, so every thread may
//! stall between any two of its steps; where a program says so, threads die at any step. Owners are a machine of
//! their own, `owners.rs`.
//!
//! The specification:
//!
//! * A lease lives from the exchange of its taker to the exchange that ends it: that of a release by its holder, of a
//!   pass, of a batch that fails, or of a sweep when its time has passed. Two leases of a slot never live at once. A
//!   release or a renewal changes its own lease or nothing, and is not answered "ended" while that lives.
//! * No lease begins before the cooldown has passed since the last one ended: since the call that released it began,
//!   or since the time that it was promised. An undo revives what its pass has ended, unless a caller knows of the end.
//! * A slot is *available* if its record is Free and its token is in a word by a gift that has finished. It is *owed*
//!   to a call if it was due when the call began, and no exchange of its record has happened since. It is due at its
//!   time; or in the tick after the exchange that wrote that time, if it had passed by then. A call may be refused if
//!   at one instant between its begin and its end nothing was available and nothing owed. Without
//!   `wants_one_instant`, these may be two instants, the second not after the refusal. What an unfinished call has
//!   taken, freed or is about to give is neither available nor owed.
//! * At rest each Free slot has a token in sight, and no other slot has one, but for tokens that repairs gave. If a
//!   thread has died, this is so after one more sweep, and whatever was not leased for ever is Free then.

mod calls;
mod oracle;
mod programs;
mod state;
mod tokens;

pub(crate) use programs::{LARGE, PROGRAMS};

use crate::search::Machine;
pub(crate) use state::Kind;
use state::{MOST, NEVER, Record, Root, State, Step, Thread, Truth};

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// A taker stores its record.
    TakeStores,
    /// A taker leaves the generation as it is.
    GenerationKept,
    /// A release asks for the state alone.
    ReleaseIgnoresGeneration,
    /// A release stores.
    ReleaseStores,
    /// A renewal stores.
    RenewStores,
    /// A sweep stores.
    SweepStores,
    /// A lease is due at its time, without the cooldown.
    ExpiryWithoutCooldown,
    /// A released address is Free at once.
    NoCooldown,
    /// A sweep gives the token before its exchange.
    GivenEarly,
    /// A claimer loads the record before it claims the token.
    RecordFirst,
    /// A claimer whose token was worth nothing gives it back.
    TokenGivenBack,
    /// The shared word is raised before the scan.
    RaisedBeforeScan,
    /// The shared word is raised by a scan that stopped where it had freed something.
    RaisedThoughFreed,
    /// The shared word is raised to the tick at the end of the scan.
    RaisedToLaterTick,
    /// The part of the tick that has passed is not added to a term.
    TermRoundedDown,
    /// It is not added to the cooldown.
    RestRoundedDown,
    /// A call is refused when it knows that all has been swept, though it did not when its search began.
    NoSecondSearch,
    /// Like `NoSecondSearch`, but a sweep that loses a race for a slot has found something.
    LostRaceCounts,
    /// A repair passes over a slot whose bit is set.
    RepairsBitsAlone,
    /// An undo asks for the state alone.
    UndoIgnoresGeneration,
    /// What a pass ends is like what a release ends.
    PassEndsAsRelease,
    /// A batch counts an address twice that it has taken again, when its first offer had ended.
    BatchCountsTakes,
    /// A batch that fails stores what it gives back.
    RollBackStores,
    /// All are taken one by one, and then made to last one by one.
    TakenForEver,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// What this thread's operation number so-and-so got.
    Op(u8),
    /// The lease of the slot when the program begins.
    First(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Allocate {
        offer: u8,
    },
    /// This very slot.
    Exact {
        slot: u8,
        offer: u8,
    },
    /// This many at once, or none.
    Many {
        count: u8,
        offer: u8,
    },
    /// Every slot or none, for ever.
    All {
        offer: u8,
    },
    /// For this many ticks, or until `NEVER`.
    Renew(Of, u8),
    Release(Of),
    /// Looks at all records.
    Sweep,
    /// Ends what is Leased, with this many ticks in which it can be undone.
    Pass(u8),
    /// Undoes the pass before it.
    Undo,
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) slots_per_word: u8,
    /// By slot: its record. What is Free has its token.
    pub(crate) records: &'static [Record],
    pub(crate) cooldown: u8,
    /// The first tick is 1.
    pub(crate) last_tick: u8,
    /// Moments of a tick. If a tick is more than a moment, times are rounded up.
    pub(crate) moments: u8,
    pub(crate) deaths: u8,
    /// Other processes have come: sweeps repair.
    pub(crate) is_shared: bool,
    pub(crate) threads: &'static [&'static [Op]],
}

pub(crate) struct Leases<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
    /// A refusal needs one instant without tokens and without anything due, and not one of each.
    pub(crate) wants_one_instant: bool,
}

/// A step was taken, or a promise was broken.
type Taken = Result<(), &'static str>;

impl Leases<'_> {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn tick(&self, state: &State) -> u8 {
        state.clock / self.program.moments
    }

    /// What is added to times that are written, for the part of the tick that has passed.
    fn part(&self) -> u8 {
        u8::from(self.program.moments > 1)
    }

    fn slots(&self) -> u8 {
        self.program.records.len() as u8
    }

    fn op(&self, state: &State, thread: usize) -> Option<Op> {
        // One more thread than the program has is the repair at the end.
        let ops: &[Op] = match self.program.threads.get(thread) {
            Some(ops) => ops,
            None => &[Op::Sweep],
        };
        ops.get(usize::from(state.threads[thread].op_index))
            .copied()
    }

    /// The death of a thread in the middle of a call.
    fn die(&self, state: &mut State, thread: usize) -> Taken {
        let it = state.threads[thread];
        if state.deaths == 0 || matches!(it.step, Step::Clock | Step::Done) {
            return Ok(());
        }
        let lasts = |record: &Option<Record>| record.is_some_and(|it| it.until == NEVER);
        if matches!(self.op(state, thread), Some(Op::All { .. })) && it.seen.iter().any(lasts) {
            return Err("what a dead thread took is leased for ever");
        }
        state.deaths -= 1;
        state.threads[thread] = Thread {
            op_index: MOST as u8,
            ..Thread::NEW
        };
        Ok(())
    }

    fn one_step(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].step {
            Step::Clock => self.begin_call(state, thread),
            Step::Root | Step::Word { .. } | Step::Claim { .. } => {
                return self.search_step(state, thread);
            }
            Step::Settle { .. } | Step::Phase1 { .. } | Step::Check { .. } => {
                self.settle_step(state, thread);
            }
            Step::Phase2 { .. } => self.settle_step(state, thread),
            Step::Give { .. } | Step::Publish { .. } | Step::SetMaybe { .. } => {
                return self.give_step(state, thread);
            }
            Step::Look { .. } | Step::Take { .. } | Step::ClaimExact { .. } => {
                return self.take_step(state, thread);
            }
            Step::Round | Step::Swept | Step::Raise => return self.swept_step(state, thread),
            Step::Scan { .. } | Step::Free { .. } | Step::Repair { .. } => {
                return self.scan_step(state, thread);
            }
            Step::Own { .. } | Step::Renew { .. } | Step::Release { .. } => {
                return self.own_step(state, thread);
            }
            Step::EndForGood { .. } => return self.own_step(state, thread),
            Step::RollBack | Step::Commit { .. } => return self.batch_step(state, thread),
            Step::Snapshot { .. } | Step::Apply { .. } | Step::Undo { .. } => {
                return self.pass_step(state, thread);
            }
            Step::Done => unreachable!("a thread that is done takes no step"),
        }
        Ok(())
    }

    /// One more thread that sweeps and repairs when all others have ended or died.
    fn repaired(&self, state: &State) -> Result<State, &'static str> {
        let mut state = state.clone();
        state.clock = NEVER - 1;
        let last = state.threads.len();
        state.threads.push(Thread::NEW);
        self.set_up(&mut state, last);
        while state.threads[last].step != Step::Done {
            self.one_step(&mut state, last)?;
        }
        Ok(state)
    }
}

impl Machine for Leases<'_> {
    type State = State;

    fn start(&self) -> State {
        let program = self.program;
        let mut state = State {
            clock: program.moments,
            deaths: program.deaths,
            words: [0; MOST],
            root: Root::default(),
            swept: 0,
            records: [Record::new(Kind::Free, 0, 0); MOST],
            threads: vec![Thread::NEW; program.threads.len()],
            known: 0,
            giving: [0; MOST],
            truths: [Truth::default(); MOST],
        };
        for (slot, &record) in (0..).zip(program.records) {
            self.set_first(&mut state, slot, record);
        }
        for thread in 0..program.threads.len() {
            self.set_up(&mut state, thread);
        }
        state
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        state.threads[thread].step != Step::Done
    }

    fn step(&self, state: &mut State, thread: usize) -> Taken {
        let threads = self.thread_count();
        if thread < threads {
            self.one_step(state, thread)?;
            state.renumber_versions();
        } else if thread > threads {
            self.die(state, thread - threads - 1)?;
        } else if state.clock + 1 < (self.program.last_tick + 1) * self.program.moments {
            state.clock += 1;
        }
        self.note_instant(state);
        Ok(())
    }

    /// The clock goes on, or a thread dies.
    fn accident_count(&self, state: &State) -> usize {
        match state.deaths {
            0 => 1,
            _ => 1 + self.thread_count(),
        }
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        if state.deaths == self.program.deaths {
            return self.lost_token(state, false);
        }
        match self.repaired(state) {
            Ok(state) => self.lost_token(&state, true),
            Err(why) => Some(why.to_owned()),
        }
    }

    fn name(&self, thread: usize) -> String {
        match thread.checked_sub(self.thread_count()) {
            None => format!("thread {thread}"),
            Some(0) => "the clock".to_owned(),
            Some(thread) => format!("death of thread {}", thread - 1),
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        match state.threads.get(thread) {
            Some(it) => format!("operation {}: {:?}", it.op_index, it.step),
            None => format!("at {}", state.clock),
        }
    }
}
