//! The third protocol: a pass over the pool and the users' list, beside those who join and leave.
//!
//! A word has a few slots. Joining is to allocate and then to write the user; leaving is to delete the user
//! and then to release. A pass takes the marks of the time before away, raises the barrier, looks at the
//! word, reads the list, and frees what is taken, not listed and not touched.
//!
//! The callers keep to their contract. With three sightings, whatever was half-way when a pass had read its list is
//! done when the next one begins: that is what `grace` is for. With one sighting, no thread is half-way when the
//! pass begins, and no user is deleted until the list is read. An allocation that has not yet returned is not
//! half-way: the barrier must see to it, however long it takes. Where claims wait for a sync before they return,
//! any number of passes may go by meanwhile.
//!
//! Two sightings are not enough. A holder is half-way twice, when joining and when leaving, and two lists can each
//! meet one of these moments.

use crate::search::Machine;

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// A slot is marked after it was claimed.
    MarkedLate,
    /// A thread that found no pass does not look again after the claim.
    NoSecondLook,
    /// A claim that a whole pass went by returns its slot all the same.
    AnsweredRegardless,
    /// A claim under which a pass began is marked, without a look whether the mark came in time.
    NoThirdLook,
    /// The word is looked at before the barrier is up.
    SnapshotFirst,
    /// The marks of the time before are taken away when the barrier is up.
    ForgottenLate,
    /// What is freed is not looked up among the marks.
    TouchedIgnored,
    /// The marks are looked at before the word that they are about.
    TouchedFirst,
    /// After a plan was applied the number of the barrier is what it was before.
    NumberKept,
    /// A claim that has waited for a sync returns its slot without a look at what went by.
    UnaskedAfterSync,
    /// A claim whose sync has failed is given back without that look.
    GivenBackUnasked,
    /// Two sightings are enough.
    Hasty,
    /// A pass does not ask what was touched since the one before.
    SightingsKept,
    /// The barrier is down between two passes.
    LoweredBetween,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Allocates the lowest free slot, and writes the user.
    Join,
    /// Allocates this slot if it is free, and writes the user.
    JoinAt(u8),
    /// The lowest free slot, with a sync between the claim and the return.
    JoinDurably,
    /// The lowest free slot, but the sync fails: the slot goes back.
    FailToJoin,
    /// Deletes the user of this slot, which the thread holds, and releases it.
    Leave(u8),
    /// Deletes the user of the slot that the thread joined last, and releases it.
    LeaveLast,
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) slots: u8,
    /// Slots that are taken and have no holder.
    pub(crate) leaked: u8,
    pub(crate) threads: &'static [&'static [Op]],
    /// How many passes; each one applies its plan this often.
    pub(crate) passes: u8,
    pub(crate) applies: u8,
    /// How often an orphan must be seen.
    pub(crate) sightings: u8,
}

use Op::{FailToJoin as F, Join as J, JoinAt as E, JoinDurably as D, Leave as L, LeaveLast as G};

const ONE: Program = Program {
    name: "",
    slots: 1,
    leaked: 0,
    threads: &[],
    passes: 1,
    applies: 1,
    sightings: 1,
};

const THREE: Program = Program {
    passes: 3,
    sightings: 3,
    ..ONE
};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "1 slot: j | j, one sighting",
        threads: &[&[J], &[J]],
        ..ONE
    },
    Program {
        name: "1 slot: leave, j | j, one sighting",
        threads: &[&[L(0), J], &[J]],
        ..ONE
    },
    Program {
        name: "2 slots, 1 leaked: j | j, one sighting, applied twice",
        slots: 2,
        leaked: 0b01,
        threads: &[&[J], &[J]],
        applies: 2,
        ..ONE
    },
    Program {
        name: "1 slot, leaked: j | e0, one sighting, two passes, applied twice",
        leaked: 0b1,
        threads: &[&[J], &[E(0)]],
        applies: 2,
        passes: 2,
        ..ONE
    },
    Program {
        name: "1 slot: j | j, three sightings, four passes",
        threads: &[&[J], &[J]],
        passes: 4,
        ..THREE
    },
    Program {
        name: "1 slot: leave | j, three sightings, four passes",
        threads: &[&[L(0)], &[J]],
        passes: 4,
        ..THREE
    },
    Program {
        name: "1 slot: leave, j, leave | j, three sightings",
        threads: &[&[L(0), J, G], &[J]],
        ..THREE
    },
    Program {
        name: "1 slot: j, leave, three sightings, four passes",
        threads: &[&[J, G]],
        passes: 4,
        ..THREE
    },
    Program {
        name: "1 slot, leaked: j | e0, three sightings, applied twice",
        leaked: 0b1,
        threads: &[&[J], &[E(0)]],
        applies: 2,
        ..THREE
    },
    Program {
        name: "1 slot: durably | j, one sighting, two passes",
        threads: &[&[D], &[J]],
        passes: 2,
        ..ONE
    },
    Program {
        name: "2 slots, 1 leaked: durably | j, one sighting, applied twice",
        slots: 2,
        leaked: 0b01,
        threads: &[&[D], &[J]],
        applies: 2,
        ..ONE
    },
    Program {
        name: "1 slot: durably | durably, one sighting, two passes",
        threads: &[&[D], &[D]],
        passes: 2,
        ..ONE
    },
    Program {
        name: "1 slot: durably, leave | j, three sightings, four passes",
        threads: &[&[D, G], &[J]],
        passes: 4,
        ..THREE
    },
    Program {
        name: "1 slot: in vain | j, one sighting, two passes",
        threads: &[&[F], &[J]],
        passes: 2,
        ..ONE
    },
    Program {
        name: "1 slot: in vain | j, three sightings, four passes",
        threads: &[&[F], &[J]],
        passes: 4,
        ..THREE
    },
    Program {
        name: "2 slots, 1 leaked: leave | j, three sightings",
        slots: 2,
        leaked: 0b01,
        threads: &[&[L(1)], &[J]],
        ..THREE
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    Collecting,
    Applying,
}

/// The word that every claim looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Gate {
    count: u8,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Look,
    /// Chooses a slot, and marks it if a pass is running.
    Choose,
    Claim(u8),
    LateMark(u8),
    LookAgain(u8),
    MarkAgain(u8, Gate),
    LookLast(u8, Gate),
    /// Has nothing left to do but to wait for the disk, for as long as it takes.
    Wait(u8),
    GiveBack(u8),
    Write(u8),
    Delete(u8),
    Release(u8),
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op_index: u8,
    step: Step,
    /// The gate that was seen before the claim, or since which the slot is marked.
    before: Gate,
    has_waited: bool,
    /// Slots that were returned by a claim, and not released.
    held: u8,
    last: Option<u8>,
    /// Between a return and the written user, or between a deleted user and the release.
    in_gap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PassStep {
    Forget,
    Raise,
    Look,
    Read,
    Plan,
    RaiseApply,
    /// A step on this slot: the word, the marks, the release.
    Word(u8),
    Marks(u8),
    Free(u8),
    LowerApply,
    Lower,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reconciler {
    step: PassStep,
    pass: u8,
    apply: u8,
    taken: u8,
    listed: u8,
    /// Seen before, and twice before; seen often enough.
    pending: [u8; 2],
    ripe: u8,
    seen_taken: bool,
    seen_touched: bool,
    /// The operations that were half-way when the last list had been read, by thread.
    waits_for: Vec<Option<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    gate: Gate,
    free: u8,
    touched: u8,
    list: u8,
    /// Slots that a claim took and did not return: leaks for the next pass.
    given_up: u8,
    threads: Vec<Thread>,
    reconciler: Reconciler,
}

pub(crate) struct Passes<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
}

type Checked = Result<(), &'static str>;

impl Passes<'_> {
    fn begin(&self, state: &mut State, thread: usize) {
        let of = &mut state.threads[thread];
        loop {
            let op = self.program.threads[thread].get(usize::from(of.op_index));
            of.step = match op {
                None => Step::Done,
                Some(Op::Join | Op::JoinAt(_) | Op::JoinDurably | Op::FailToJoin) => Step::Look,
                Some(&Op::Leave(slot)) => Step::Delete(slot),
                Some(Op::LeaveLast) => match of.last.take() {
                    Some(slot) => Step::Delete(slot),
                    None => {
                        of.op_index += 1;
                        continue;
                    }
                },
            };
            return;
        }
    }

    fn finish(&self, state: &mut State, thread: usize) {
        state.threads[thread].op_index += 1;
        state.threads[thread].in_gap = false;
        self.begin(state, thread);
    }

    fn wanted(&self, state: &State, thread: usize) -> Option<u8> {
        let op_index = usize::from(state.threads[thread].op_index);
        let allowed = match self.program.threads[thread][op_index] {
            Op::JoinAt(slot) => 1 << slot,
            _ => u8::MAX,
        };
        let free = state.free & allowed;
        (free != 0).then(|| free.trailing_zeros() as u8)
    }

    fn op(&self, state: &State, thread: usize) -> Op {
        self.program.threads[thread][usize::from(state.threads[thread].op_index)]
    }

    /// What was claimed was not gone when it was looked at: waits for the sync, or is done.
    fn go_on(&self, state: &mut State, thread: usize, slot: u8) -> Checked {
        let op = self.op(state, thread);
        if state.threads[thread].has_waited {
            if matches!(op, Op::FailToJoin) {
                // From the look on half-way, like a thread whose claim has returned.
                state.threads[thread].in_gap = true;
                state.threads[thread].step = Step::GiveBack(slot);
                return Ok(());
            }
        } else if matches!(op, Op::JoinDurably | Op::FailToJoin) {
            state.threads[thread].step = Step::Wait(slot);
            return Ok(());
        }
        self.answer(state, thread, slot)
    }

    /// The slot may have another holder: it is left as it is.
    fn give_up(&self, state: &mut State, thread: usize, slot: u8) {
        state.given_up |= 1 << slot;
        if state.threads[thread].has_waited && matches!(self.op(state, thread), Op::FailToJoin) {
            self.finish(state, thread);
        } else {
            state.threads[thread].step = Step::Look;
        }
    }

    fn answer(&self, state: &mut State, thread: usize, slot: u8) -> Checked {
        let bit = 1 << slot;
        if state.free & bit != 0 {
            return Err("a slot is answered that the pass has freed");
        }
        if state.threads.iter().any(|other| other.held & bit != 0) {
            return Err("a slot is answered twice");
        }
        let of = &mut state.threads[thread];
        of.held |= bit;
        of.last = Some(slot);
        of.in_gap = true;
        of.step = Step::Write(slot);
        Ok(())
    }

    /// The look after a claim, and after a sync.
    fn look_again(&self, state: &mut State, thread: usize, slot: u8) -> Checked {
        let (before, now) = (state.threads[thread].before, state.gate);
        let has_waited = state.threads[thread].has_waited;
        let unseen = match self.op(state, thread) {
            Op::FailToJoin if has_waited => self.variant == Variant::GivenBackUnasked,
            _ if has_waited => self.variant == Variant::UnaskedAfterSync,
            _ => before.phase == Phase::Idle && self.variant == Variant::NoSecondLook,
        };
        // Of the same pass the mark was made before the claim.
        if unseen || now.count == before.count {
            return self.go_on(state, thread, slot);
        }
        // It has begun, and nothing has been freed since: whatever was freed has changed the count once more.
        let has_just_begun = now.count == before.count + 1 && now.phase != Phase::Applying;
        if has_just_begun {
            state.threads[thread].step = Step::MarkAgain(slot, now);
        } else if self.variant == Variant::AnsweredRegardless {
            return self.go_on(state, thread, slot);
        } else {
            self.give_up(state, thread, slot);
        }
        Ok(())
    }

    fn step_thread(&self, state: &mut State, thread: usize) -> Checked {
        let late = self.variant == Variant::MarkedLate;
        match state.threads[thread].step {
            Step::Look => {
                state.threads[thread].before = state.gate;
                state.threads[thread].has_waited = false;
                state.threads[thread].step = Step::Choose;
            }
            Step::Choose => {
                let Some(slot) = self.wanted(state, thread) else {
                    self.finish(state, thread);
                    return Ok(());
                };
                if state.threads[thread].before.phase != Phase::Idle && !late {
                    state.touched |= 1 << slot;
                }
                state.threads[thread].step = Step::Claim(slot);
            }
            Step::Claim(slot) => {
                let won = state.free >> slot & 1 == 1;
                state.free &= !(1 << slot);
                let passing = state.threads[thread].before.phase != Phase::Idle;
                state.threads[thread].step = match won {
                    true if passing && late => Step::LateMark(slot),
                    true => Step::LookAgain(slot),
                    false => Step::Choose,
                };
            }
            Step::LateMark(slot) => {
                state.touched |= 1 << slot;
                state.threads[thread].step = Step::LookAgain(slot);
            }
            Step::LookAgain(slot) => return self.look_again(state, thread, slot),
            Step::MarkAgain(slot, seen) => {
                state.touched |= 1 << slot;
                if self.variant == Variant::NoThirdLook {
                    return self.go_on(state, thread, slot);
                }
                state.threads[thread].step = Step::LookLast(slot, seen);
            }
            Step::LookLast(slot, seen) => {
                if state.gate == seen {
                    state.threads[thread].before = seen;
                    return self.go_on(state, thread, slot);
                }
                self.give_up(state, thread, slot);
            }
            Step::Wait(slot) => {
                state.threads[thread].has_waited = true;
                state.threads[thread].step = Step::LookAgain(slot);
            }
            Step::GiveBack(slot) => {
                if state
                    .threads
                    .iter()
                    .any(|other| other.held >> slot & 1 == 1)
                {
                    return Err("a live address is given back");
                }
                state.free |= 1 << slot;
                self.finish(state, thread);
            }
            Step::Write(slot) => {
                state.list |= 1 << slot;
                self.finish(state, thread);
            }
            Step::Delete(slot) => {
                state.list &= !(1 << slot);
                state.threads[thread].in_gap = true;
                state.threads[thread].step = Step::Release(slot);
            }
            Step::Release(slot) => {
                state.threads[thread].held &= !(1 << slot);
                state.free |= 1 << slot;
                self.finish(state, thread);
            }
            Step::Done => {}
        }
        Ok(())
    }

    fn step_reconciler(&self, state: &mut State) -> Checked {
        let slots = self.program.slots;
        let reconciler = &mut state.reconciler;
        let all = (1u8 << slots) - 1;
        let next_slot = |slot: u8| {
            if slot + 1 < slots {
                PassStep::Word(slot + 1)
            } else {
                PassStep::LowerApply
            }
        };
        let forgets_late = self.variant == Variant::ForgottenLate;
        let after_raise = match self.variant {
            Variant::SnapshotFirst => PassStep::Read,
            Variant::ForgottenLate => PassStep::Forget,
            _ => PassStep::Look,
        };
        reconciler.step = match reconciler.step {
            PassStep::Raise => {
                state.gate = Gate {
                    count: state.gate.count + 1,
                    phase: Phase::Collecting,
                };
                after_raise
            }
            PassStep::Forget => {
                if self.variant != Variant::SightingsKept {
                    reconciler.pending = reconciler.pending.map(|seen| seen & !state.touched);
                }
                state.touched = 0;
                if forgets_late {
                    PassStep::Look
                } else {
                    PassStep::Raise
                }
            }
            PassStep::Look => {
                reconciler.taken = all & !state.free;
                if self.variant == Variant::SnapshotFirst {
                    PassStep::Forget
                } else {
                    PassStep::Read
                }
            }
            PassStep::Read => {
                reconciler.listed = state.list;
                let half_way = |thread: &Thread| thread.in_gap.then_some(thread.op_index);
                reconciler.waits_for = state.threads.iter().map(half_way).collect();
                PassStep::Plan
            }
            PassStep::Plan => {
                let orphans = reconciler.taken & !reconciler.listed & !state.touched;
                let [once, twice] = reconciler.pending;
                let seen = match self.program.sightings {
                    1 => u8::MAX,
                    _ if self.variant == Variant::Hasty => once,
                    _ => twice,
                };
                reconciler.ripe = orphans & seen;
                reconciler.pending = [orphans, orphans & once];
                PassStep::RaiseApply
            }
            // Nothing can be freed, so no claim need know.
            PassStep::RaiseApply if reconciler.ripe == 0 => self.after_apply(reconciler),
            PassStep::RaiseApply => {
                state.gate.phase = Phase::Applying;
                PassStep::Word(0)
            }
            PassStep::Word(slot) if reconciler.ripe >> slot & 1 == 0 => next_slot(slot),
            PassStep::Word(slot) => {
                reconciler.seen_taken = state.free >> slot & 1 == 0;
                if self.variant == Variant::TouchedFirst {
                    reconciler.seen_touched = state.touched >> slot & 1 == 1;
                    reconciler.seen_taken = true;
                }
                PassStep::Marks(slot)
            }
            PassStep::Marks(slot) => {
                if self.variant == Variant::TouchedFirst {
                    reconciler.seen_taken = state.free >> slot & 1 == 0;
                } else {
                    reconciler.seen_touched = state.touched >> slot & 1 == 1;
                }
                PassStep::Free(slot)
            }
            PassStep::Free(slot) => {
                let spared = reconciler.seen_touched && self.variant != Variant::TouchedIgnored;
                if reconciler.seen_taken && !spared {
                    let is_held = |thread: &Thread| thread.held >> slot & 1 == 1;
                    if state.threads.iter().any(is_held) {
                        return Err("a live address is freed");
                    }
                    state.free |= 1 << slot;
                }
                next_slot(slot)
            }
            PassStep::LowerApply => {
                // Another number; otherwise a thread that saw "collecting" before and after takes both for one pass.
                if self.variant != Variant::NumberKept {
                    state.gate.count += 1;
                }
                state.gate.phase = Phase::Collecting;
                self.after_apply(reconciler)
            }
            PassStep::Lower => {
                state.gate.phase = Phase::Idle;
                if reconciler.pass < self.program.passes {
                    self.first_step()
                } else {
                    PassStep::Done
                }
            }
            PassStep::Done => PassStep::Done,
        };
        // Nothing that a state need not tell apart.
        if !matches!(reconciler.step, PassStep::Marks(_) | PassStep::Free(_)) {
            (reconciler.seen_taken, reconciler.seen_touched) = (false, false);
        }
        Ok(())
    }

    fn after_apply(&self, reconciler: &mut Reconciler) -> PassStep {
        reconciler.apply += 1;
        if reconciler.apply < self.program.applies {
            return PassStep::RaiseApply;
        }
        reconciler.apply = 0;
        reconciler.pass += 1;
        let is_last = reconciler.pass == self.program.passes;
        if is_last || self.variant == Variant::LoweredBetween {
            PassStep::Lower
        } else {
            self.first_step()
        }
    }

    fn first_step(&self) -> PassStep {
        match self.variant {
            Variant::SnapshotFirst => PassStep::Look,
            Variant::ForgottenLate => PassStep::Raise,
            _ => PassStep::Forget,
        }
    }

    /// The step at which a pass begins, for those who keep to the contract: the one that lets it see.
    fn is_beginning(&self, step: PassStep) -> bool {
        match self.variant {
            Variant::SnapshotFirst => step == PassStep::Look,
            _ => step == PassStep::Raise,
        }
    }

    /// Whether the callers' contract lets a pass begin now.
    fn may_begin(&self, state: &State) -> bool {
        let mut threads = state.threads.iter();
        if self.program.sightings == 1 {
            return !threads.any(|thread| thread.in_gap);
        }
        let waits_for = &state.reconciler.waits_for;
        threads
            .zip(waits_for)
            .all(|(thread, op_index)| !(thread.in_gap && *op_index == Some(thread.op_index)))
    }

    fn is_reading(&self, state: &State) -> bool {
        let early = matches!(
            self.variant,
            Variant::SnapshotFirst | Variant::ForgottenLate
        );
        match state.reconciler.step {
            PassStep::Look => self.variant != Variant::SnapshotFirst,
            PassStep::Read => true,
            PassStep::Forget => early,
            PassStep::Raise => self.variant == Variant::SnapshotFirst,
            _ => false,
        }
    }
}

impl Machine for Passes<'_> {
    type State = State;

    fn start(&self) -> State {
        let quiet = Gate {
            count: 0,
            phase: Phase::Idle,
        };
        let mut taken = self.program.leaked;
        let mut list = 0;
        let threads = self.program.threads.iter().map(|ops| {
            let held = match ops.first() {
                Some(Op::Leave(slot)) => 1 << slot,
                _ => 0,
            };
            taken |= held;
            list |= held;
            Thread {
                op_index: 0,
                step: Step::Done,
                before: quiet,
                has_waited: false,
                held,
                last: None,
                in_gap: false,
            }
        });
        let threads: Vec<_> = threads.collect();
        let mut state = State {
            gate: quiet,
            free: ((1u8 << self.program.slots) - 1) & !taken,
            touched: 0,
            list,
            given_up: 0,
            reconciler: Reconciler {
                step: self.first_step(),
                pass: 0,
                apply: 0,
                taken: 0,
                listed: 0,
                pending: [0; 2],
                ripe: 0,
                seen_taken: false,
                seen_touched: false,
                waits_for: vec![None; threads.len()],
            },
            threads,
        };
        for thread in 0..state.threads.len() {
            self.begin(&mut state, thread);
        }
        state
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len() + 1
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        let Some(of) = state.threads.get(thread) else {
            let step = state.reconciler.step;
            return step != PassStep::Done && (!self.is_beginning(step) || self.may_begin(state));
        };
        let deletes = matches!(of.step, Step::Delete(_));
        let may_not = deletes && self.program.sightings == 1 && self.is_reading(state);
        of.step != Step::Done && !may_not
    }

    fn step(&self, state: &mut State, thread: usize) -> Checked {
        if thread < state.threads.len() {
            self.step_thread(state, thread)
        } else {
            self.step_reconciler(state)
        }
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let held = state.threads.iter().fold(0, |held, of| held | of.held);
        if held & state.free != 0 {
            return Some("a held slot is free".into());
        }
        let found = state.free | held | state.given_up;
        (self.program.leaked & !found != 0).then(|| "a leak was not found".into())
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        match state.threads.get(thread) {
            Some(of) => format!("{:?}", of.step),
            None => format!(
                "{:?}, pass {}",
                state.reconciler.step, state.reconciler.pass
            ),
        }
    }

    fn name(&self, thread: usize) -> String {
        if thread < self.program.threads.len() {
            format!("thread {thread}")
        } else {
            "reconciler".into()
        }
    }
}
