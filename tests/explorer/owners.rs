//! The sixth protocol, the owners of leases: get or allocate, tags and homes (`docs/design/leases.md`).
//!
//! Tokens are bits of one word here, without a tree; records, sweeps, stalls and deaths are as in `leases.rs`. There
//! are two owners. An owner has a home of some slots, and a lock, which remembers where it has a lease outside. A call
//! for an owner holds the lock from its look to its tag. It looks there and at home. It takes an own lease for longer,
//! an own resting address without a token, or an own free address with its token; and else claims any token, at home
//! if there is one.
//!
//! The tag of an owner is written mixed with the generation, which is a pair here.
//!
//! The specification:
//!
//! * No owner has two live leases that calls for it have returned.
//! * Such a lease is found by every look at its slot.
//! * What a call takes for a lease of its owner was taken for that owner, in that very generation.
//! * One holder, rest and tokens are as in `leases.rs`. An owner's own cooling address need not rest for it.

mod programs;
mod state;
mod steps;

pub(crate) use programs::PROGRAMS;

use crate::leases::Kind;
use crate::search::Machine;
use state::{Lease, OPS, OWNERS, Record, SLOTS, State, Step, Tag, Thread, Truth};

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// The tag is not mixed with the generation.
    TagWithoutGeneration,
    /// A tag that was not exchanged is tried again without a look at the generation.
    GenerationNotReread,
    /// The lock is given back before the tag is written.
    UnlockedBeforeTag,
    /// The look comes before the lock.
    LookedBeforeLock,
    /// A cooling address goes to any owner.
    RetakenByOthers,
    /// An own cooling address is stored.
    RetakeStores,
    /// A look that saw an own resting address does not look again when its exchange fails.
    RetakenOnce,
    /// The record of an own free address is not loaded again when its token is claimed.
    RecordFirst,
    /// A lease outside is not remembered.
    OutsideForgotten,
    /// A lease outside is remembered when the lock has been given back.
    RememberedUnlocked,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Allocate {
        offer: u8,
    },
    AllocateFor {
        owner: u8,
        offer: u8,
    },
    /// What this thread's operation number so-and-so got.
    Release(u8),
    /// The lease of the slot when the program begins.
    ReleaseFirst(u8),
    Sweep,
    OwnedBy(u8),
    /// A pass that ends the lease of this slot, and its undo.
    PassAndUndo(u8),
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// By slot. What is Free has its token.
    pub(crate) slots: &'static [(Record, Tag)],
    /// By owner: the slots of its home, its lock, and the slot of its lease outside.
    pub(crate) homes: [u8; OWNERS],
    pub(crate) locks: [u8; OWNERS],
    pub(crate) outside: [Option<u8>; OWNERS],
    pub(crate) cooldown: u8,
    pub(crate) last_tick: u8,
    pub(crate) deaths: u8,
    pub(crate) threads: &'static [&'static [Op]],
}

pub(crate) struct Owners<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
}

/// A step was taken, or a promise was broken.
type Taken = Result<(), &'static str>;

impl Owners<'_> {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn slots(&self) -> u8 {
        self.program.slots.len() as u8
    }

    fn home(&self, owner: u8) -> u8 {
        self.program.homes[usize::from(owner)]
    }

    fn lock(&self, owner: u8) -> usize {
        usize::from(self.program.locks[usize::from(owner)])
    }

    fn op(&self, state: &State, thread: usize) -> Option<Op> {
        let op_index = usize::from(state.threads[thread].op_index);
        self.program.threads[thread].get(op_index).copied()
    }

    /// The owner of the operation, if it has one.
    fn owner(&self, state: &State, thread: usize) -> Option<u8> {
        match self.op(state, thread) {
            Some(Op::AllocateFor { owner, .. } | Op::OwnedBy(owner)) => Some(owner),
            _ => None,
        }
    }

    fn lease(&self, state: &State, thread: usize) -> Option<Lease> {
        match self.op(state, thread) {
            Some(Op::Release(of)) => state.threads[thread].leases[usize::from(of)],
            Some(Op::ReleaseFirst(slot)) => Some(Lease {
                slot,
                generation: 1,
            }),
            _ => None,
        }
    }

    /// Sets up the operation at `op_index`, or `Done`.
    fn set_up(&self, state: &mut State, thread: usize) {
        let op = self.op(state, thread);
        let has_nothing = matches!(op, Some(Op::Release(_))) && self.lease(state, thread).is_none();
        let it = &mut state.threads[thread];
        match op {
            None => {
                *it = Thread {
                    op_index: OPS as u8,
                    ..Thread::NEW
                }
            }
            Some(_) if has_nothing => self.finish(state, thread),
            Some(_) => it.step = Step::Clock,
        }
    }

    fn finish(&self, state: &mut State, thread: usize) {
        let is_for = matches!(self.op(state, thread), Some(Op::AllocateFor { .. }));
        let owner = self.owner(state, thread);
        let it = &mut state.threads[thread];
        if let (Some(lease), true) = (it.lease, is_for) {
            let at = usize::from(lease.slot);
            let truth = &mut state.truths[at];
            if truth.is_live && state.records[at].generation == lease.generation {
                truth.answered = owner;
            }
        }
        it.leases[usize::from(it.op_index)] = it.lease;
        *it = Thread {
            op_index: it.op_index + 1,
            leases: it.leases,
            ..Thread::NEW
        };
        self.set_up(state, thread);
    }

    fn die(&self, state: &mut State, thread: usize) {
        let step = state.threads[thread].step;
        if state.deaths == 0 || matches!(step, Step::Clock | Step::Done) {
            return;
        }
        state.deaths -= 1;
        state.threads[thread] = Thread {
            op_index: OPS as u8,
            ..Thread::NEW
        };
        for lock in &mut state.locks {
            *lock = lock.filter(|&it| usize::from(it) != thread);
        }
    }

    /// What every state must keep to.
    fn check(&self, state: &State) -> Taken {
        for owner in 0..OWNERS as u8 {
            let is_its = |truth: &&Truth| truth.answered == Some(owner);
            if state.truths.iter().filter(is_its).count() > 1 {
                return Err("an owner has two leases");
            }
        }
        Ok(())
    }
}

impl Machine for Owners<'_> {
    type State = State;

    fn start(&self) -> State {
        let program = self.program;
        let (first, _) = program.slots[0];
        let truth = Truth {
            is_live: false,
            rest: 0,
            owners: [None; state::GENERATIONS],
            answered: None,
        };
        let mut state = State {
            clock: 1,
            deaths: program.deaths,
            tokens: 0,
            records: [first; SLOTS],
            tags: [Tag::NONE; SLOTS],
            locks: [None; OWNERS],
            outside: program.outside,
            threads: vec![Thread::NEW; program.threads.len()],
            truths: [truth; SLOTS],
        };
        for (slot, &(record, tag)) in program.slots.iter().enumerate() {
            state.records[slot] = record;
            state.tags[slot] = tag;
            let truth = &mut state.truths[slot];
            truth.is_live = record.is_held();
            if record.tagged {
                truth.owners[usize::from(record.generation)] = Some(tag.owner);
                truth.answered = record.is_held().then_some(tag.owner);
            }
            if record.kind == Kind::Free {
                state.tokens |= 1 << slot;
            } else {
                truth.rest = record.due(program.cooldown);
            }
        }
        if self.is(Variant::TagWithoutGeneration) {
            for tag in &mut state.tags {
                tag.generation = 0;
            }
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
        match state.threads[thread].step {
            Step::Done => false,
            Step::Lock => {
                let owner = self.owner(state, thread).expect("an owner waits");
                state.locks[self.lock(owner)].is_none()
            }
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Taken {
        let threads = self.thread_count();
        if thread < threads {
            self.one_step(state, thread)?;
        } else if thread > threads {
            self.die(state, thread - threads - 1);
        } else if state.clock < self.program.last_tick {
            state.clock += 1;
        }
        self.check(state)
    }

    /// The clock goes on, or a thread dies.
    fn accident_count(&self, state: &State) -> usize {
        match state.deaths {
            0 => 1,
            _ => 1 + self.thread_count(),
        }
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let waits = |it: &Thread| it.step != Step::Done;
        if let Some(thread) = state.threads.iter().position(waits) {
            return Some(format!("thread {thread} waits for ever"));
        }
        let is_wrong = |&slot: &u8| {
            let is_free = state.records[usize::from(slot)].kind == Kind::Free;
            is_free != (state.tokens >> slot & 1 == 1)
        };
        let slot = (0..self.slots()).find(is_wrong)?;
        (state.deaths == self.program.deaths).then(|| format!("slot {slot} has lost its token"))
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
