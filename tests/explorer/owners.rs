//! The sixth protocol, the owners of leases: get or allocate, tags, homes and counters (`docs/design/leases.md`).
//!
//! Tokens are bits of one word here, without a tree; records, sweeps, stalls and deaths are as in `leases.rs`. There
//! are two owners. An owner has a home of some slots, a lock, and a counter of leases outside the homes of all owners
//! that share it. Owners that share a counter share a lock. A call for an owner holds the lock from its look to its
//! tag: it looks at home, then, if the counter is not 0, everywhere else; takes an own lease for longer or an own
//! cooling address without a token; and else claims a token at home or, once it has raised the counter, anywhere. A
//! look at everything outside that found no own lease stores how many it has seen of this counter: nothing else
//! lowers it.
//!
//! The tag of an owner is written mixed with the generation, which is a pair here. What is left of an earlier
//! generation reads as any owner.
//!
//! The specification:
//!
//! * No owner has two live leases that calls for it have returned.
//! * Such a lease is found by every look at its slot.
//! * What a call takes for a lease of its owner was taken for that owner, in that very generation.
//! * A counter is at no moment lower than the number of leases outside, live or cooling, that owners with this counter
//!   have tagged.
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
    /// The counter is raised when the record has been taken.
    RaisedAfterTake,
    /// A cooling address goes to any owner.
    RetakenByOthers,
    /// An own cooling address is stored.
    RetakeStores,
    /// The counter is not looked at.
    CounterIgnored,
    /// Owners with the same counter have different locks.
    FinerLocks,
    /// The taker of a record counts its former owner out.
    LoweredByTaker,
    /// The same, and records say that they are tagged only when they are. Not a mistake, but one more exchange.
    LoweredByTakerTaggedLast,
    /// The counter says only whether there is any. Not a mistake.
    FlagForCounter,
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
    /// By owner: the slots of its home, its lock, its counter.
    pub(crate) homes: [u8; OWNERS],
    pub(crate) locks: [u8; OWNERS],
    pub(crate) counters: [u8; OWNERS],
    /// By counter: how many live outside when the program begins.
    pub(crate) outside: [u8; OWNERS],
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

    fn lowers_by_taker(&self) -> bool {
        self.is(Variant::LoweredByTaker) || self.is(Variant::LoweredByTakerTaggedLast)
    }

    fn slots(&self) -> u8 {
        self.program.slots.len() as u8
    }

    fn home(&self, owner: u8) -> u8 {
        self.program.homes[usize::from(owner)]
    }

    fn counter(&self, owner: u8) -> usize {
        usize::from(self.program.counters[usize::from(owner)])
    }

    fn lock(&self, owner: u8) -> usize {
        match self.is(Variant::FinerLocks) {
            true => usize::from(owner),
            false => usize::from(self.program.locks[usize::from(owner)]),
        }
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

    /// Slots outside that an owner with this counter may still come back to.
    fn live_outside(&self, state: &State, counter: usize) -> u8 {
        let lives_outside = |&slot: &u8| {
            let record = state.records[usize::from(slot)];
            let tag = state.tags[usize::from(slot)];
            let is_known = usize::from(tag.owner) < OWNERS && tag == self.tag(tag.owner, record);
            is_known
                && (record.is_held() || record.rests())
                && self.home(tag.owner) >> slot & 1 == 0
                && self.counter(tag.owner) == counter
        };
        (0..self.slots()).filter(lives_outside).count() as u8
    }

    /// What every state must keep to.
    fn check(&self, state: &State) -> Taken {
        for counter in 0..OWNERS {
            let live = match self.is(Variant::FlagForCounter) {
                true => self.live_outside(state, counter).min(1),
                false => self.live_outside(state, counter),
            };
            if !self.is(Variant::TagWithoutGeneration) && state.counters[counter] < live {
                return Err("a counter is too low");
            }
        }
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
            counters: program.outside,
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
