//! The pass over a pool of leases, beside holders, sweeps, other passes and undos (`docs/design/leases.md`).
//!
//! One address. A pass marks its record if it is Leased, reads the list, and ends the lease by an exchange from exactly
//! the marked word if the list does not name it. Whatever renews or adopts a lease takes the mark away. Passes take
//! turns, and have numbers: a plan is void when another pass has begun. There is no barrier, no grace, and one sighting.
//!
//! Holders write their record before they renew, and delete it before they release.

use crate::search::{Machine, Outcome, explore};

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Correct,
    /// What was Leased and is not listed is ended, whatever the record says by now.
    ApplyIgnoresWord,
    /// Offers are marked and ended, too.
    ApplyEndsOffers,
    /// The list is read before the records are marked.
    ListFirst,
    /// Records are not marked: a renewal for ever leaves the word as the pass has seen it.
    NoMark,
    /// Adopting a lease that is held already leaves the mark.
    AdoptLeavesMark,
    /// A plan is applied although another pass has begun.
    NumberIgnored,
    /// An undo brings back the lease of the plan, whichever lease has ended since.
    UndoIgnoresGeneration,
    /// An undo brings back what is Cooling, also if its holder ended it.
    UndoIgnoresWhoEnded,
    /// An undo stores.
    UndoStores,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    /// Takes the address if it is free, writes the record, renews for ever.
    Join,
    /// The same for an owner, who gets a lease again that is held already, or rests.
    JoinAgain,
    /// Deletes the record, and releases.
    Leave,
    /// Deletes the record, and forgets the lease.
    Lose,
    /// Writes the record by hand, and adopts the list.
    Adopt,
    /// The time of an offer or of a rest has come.
    Sweep,
    Pass,
    /// Undoes the last pass of this thread.
    Undo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Free,
    Offered,
    Leased,
    Cooling,
}

/// The first word of a record. A mark says of a lease that a pass has seen it, and of a rest that a pass has begun it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Word {
    kind: Kind,
    marked: bool,
    generation: u8,
}

const fn word(kind: Kind, generation: u8) -> Word {
    Word {
        kind,
        marked: false,
        generation,
    }
}

impl Word {
    fn marked(self) -> Self {
        Self {
            marked: true,
            ..self
        }
    }

    fn is_held(self) -> bool {
        matches!(self.kind, Kind::Offered | Kind::Leased)
    }
}

struct Program {
    name: &'static str,
    /// The record at first. A lease has a record in the list if the first thread begins by leaving, or losing it.
    first: Word,
    threads: &'static [&'static [Op]],
    /// The first lease has no holder, and must have ended.
    finds_leak: bool,
}

const LEAK: Word = word(Kind::Leased, 1);
const FREE: Word = word(Kind::Free, 1);

use Op::{Adopt, Join, JoinAgain, Leave, Lose, Pass, Sweep, Undo};

const PROGRAMS: &[Program] = &[
    Program {
        name: "a leak | a join | its time",
        first: LEAK,
        threads: &[&[Join, Leave], &[Pass], &[Sweep]],
        finds_leak: true,
    },
    Program {
        name: "a holder leaves | a join | a pass | a sweep",
        first: LEAK,
        threads: &[&[Leave], &[Join, Leave], &[Pass], &[Sweep]],
        finds_leak: false,
    },
    Program {
        name: "joins | two passes | a sweep",
        first: FREE,
        threads: &[&[Join, Leave, Join], &[Pass, Pass], &[Sweep, Sweep]],
        finds_leak: false,
    },
    Program {
        name: "an owner comes back | two passes",
        first: LEAK,
        threads: &[&[JoinAgain, Leave], &[Pass], &[Pass]],
        finds_leak: false,
    },
    Program {
        name: "an owner leaves and comes back | a pass and its undo | a sweep",
        first: LEAK,
        threads: &[&[Leave, JoinAgain, Leave], &[Pass, Undo], &[Sweep]],
        finds_leak: false,
    },
    Program {
        name: "a leak is given to a user by hand | a pass",
        first: LEAK,
        threads: &[&[Adopt, Leave], &[Pass], &[Sweep]],
        finds_leak: false,
    },
    Program {
        name: "a holder leaves | a pass and its undo | a pass",
        first: LEAK,
        threads: &[&[Leave], &[Pass, Undo], &[Pass]],
        finds_leak: false,
    },
    Program {
        name: "a leak, its undo late | a join is lost | a pass | sweeps",
        first: LEAK,
        threads: &[&[Pass, Undo], &[Join, Lose], &[Pass], &[Sweep, Sweep]],
        finds_leak: false,
    },
    Program {
        name: "undone twice | a join | a sweep",
        first: LEAK,
        threads: &[&[Pass, Undo, Undo], &[Join], &[Sweep]],
        finds_leak: false,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Start,
    /// With the word that was read.
    Exchange(Word),
    Write,
    Renew,
    RenewFrom(Word),
    Withdraw,
    Release,
    ReleaseFrom(Word),
    // Of a pass.
    Look,
    Mark(Word),
    Read,
    Apply,
    End(Word),
    Done,
}

/// What a pass knows. It is the plan, when the list has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Plan {
    number: u8,
    /// The word that was seen or marked.
    leased: Option<Word>,
    is_listed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op_index: u8,
    step: Step,
    /// The generation of the lease that it has.
    lease: u8,
    plan: Plan,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    word: Word,
    is_listed: bool,
    /// The number of the last pass, and which thread has the turn.
    number: u8,
    turn: Option<usize>,
    threads: Vec<Thread>,
    /// The truth: the lease whose record was written before it was renewed.
    live: Option<u8>,
    /// The truth: the lease that a pass has ended, and that has had no successor.
    ended: Option<u8>,
}

struct Passes<'p> {
    program: &'p Program,
    variant: Variant,
}

impl Passes<'_> {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn op(&self, thread: usize, of: &Thread) -> Option<Op> {
        self.program.threads[thread]
            .get(usize::from(of.op_index))
            .copied()
    }

    /// What a pass marks.
    fn is_committed(&self, word: Word) -> bool {
        word.kind == Kind::Leased || word.kind == Kind::Offered && self.is(Variant::ApplyEndsOffers)
    }

    fn step_holder(
        &self,
        state: &mut State,
        it: &mut Thread,
        op: Op,
    ) -> Result<Step, &'static str> {
        Ok(match (op, it.step) {
            (Join | JoinAgain, Step::Start) => {
                let gets_again = op == JoinAgain && state.word.kind == Kind::Leased;
                let takes_back = op == JoinAgain && state.word.kind == Kind::Cooling;
                match state.word.kind {
                    Kind::Free => Step::Exchange(state.word),
                    _ if gets_again || takes_back => Step::Exchange(state.word),
                    _ => Step::Done,
                }
            }
            (Join | JoinAgain, Step::Exchange(seen)) if state.word == seen => {
                if seen.is_held() {
                    // Only what changes is written: the mark goes.
                    state.word.marked = false;
                } else {
                    state.take(Kind::Offered);
                }
                it.lease = state.word.generation;
                Step::Write
            }
            (Adopt, Step::Start) => {
                state.is_listed = true;
                Step::Look
            }
            (Adopt, Step::Look) => {
                let seen = state.word;
                let stays = seen.kind == Kind::Leased
                    && (!seen.marked || self.is(Variant::AdoptLeavesMark));
                if stays {
                    it.lease = seen.generation;
                    state.live = Some(it.lease);
                    Step::Done
                } else {
                    Step::Exchange(seen)
                }
            }
            (Adopt, Step::Exchange(seen)) if state.word == seen => {
                match seen.is_held() {
                    true => state.word = word(Kind::Leased, seen.generation),
                    false => state.take(Kind::Leased),
                }
                it.lease = state.word.generation;
                state.live = Some(it.lease);
                Step::Done
            }
            (Adopt, Step::Exchange(_)) => Step::Look,
            (Join | JoinAgain, Step::Exchange(_)) => Step::Start,
            (_, Step::Write) => {
                state.is_listed = true;
                Step::Renew
            }
            (_, Step::Renew) if state.word.is_held() && state.word.generation == it.lease => {
                Step::RenewFrom(state.word)
            }
            (_, Step::Renew) => Step::Withdraw,
            (_, Step::RenewFrom(seen)) if state.word == seen => {
                state.word = word(Kind::Leased, it.lease);
                state.live = Some(it.lease);
                Step::Done
            }
            (_, Step::RenewFrom(_)) => Step::Renew,
            (_, Step::Withdraw) => {
                // Another holder of the address may have written its own record meanwhile.
                state.is_listed = state.live.is_some();
                it.lease = 0;
                Step::Done
            }
            (Leave | Lose, Step::Start) if it.lease == 0 => Step::Done,
            (Leave | Lose, Step::Start) => {
                (state.is_listed, state.live) = (false, None);
                if op == Leave {
                    Step::Release
                } else {
                    Step::Done
                }
            }
            (_, Step::Release) if state.word.is_held() && state.word.generation == it.lease => {
                Step::ReleaseFrom(state.word)
            }
            (_, Step::Release) => Step::Done,
            (_, Step::ReleaseFrom(seen)) if state.word == seen => {
                state.word = word(Kind::Cooling, it.lease);
                Step::Done
            }
            (_, Step::ReleaseFrom(_)) => Step::Release,
            (_, Step::Start) if matches!(state.word.kind, Kind::Offered | Kind::Cooling) => {
                Step::Exchange(state.word)
            }
            (_, Step::Exchange(seen)) if state.word == seen => {
                state.word = word(Kind::Free, seen.generation);
                state.ended = None;
                Step::Done
            }
            _ => Step::Done,
        })
    }

    fn step_pass(
        &self,
        state: &mut State,
        it: &mut Thread,
        thread: usize,
    ) -> Result<Step, &'static str> {
        Ok(match it.step {
            Step::Start if self.is(Variant::ListFirst) => {
                it.plan.is_listed = state.is_listed;
                Step::Look
            }
            Step::Start | Step::Look if state.turn != Some(thread) => {
                state.turn = Some(thread);
                state.number += 1;
                it.plan.number = state.number;
                it.plan.leased = None;
                Step::Look
            }
            Step::Look
                if self.is_committed(state.word)
                    && !state.word.marked
                    && !self.is(Variant::NoMark) =>
            {
                Step::Mark(state.word)
            }
            Step::Mark(seen) if state.word == seen => {
                state.word.marked = true;
                it.plan.leased = Some(state.word);
                self.marked(state)
            }
            Step::Mark(_) => Step::Look,
            Step::Look => {
                it.plan.leased = self.is_committed(state.word).then_some(state.word);
                self.marked(state)
            }
            Step::Read => {
                it.plan.is_listed = state.is_listed;
                Step::Apply
            }
            Step::Apply => {
                let is_latest = it.plan.number == state.number || self.is(Variant::NumberIgnored);
                match it.plan.leased {
                    Some(seen) if is_latest && !it.plan.is_listed => {
                        state.turn = Some(thread);
                        Step::End(seen)
                    }
                    _ => Step::Done,
                }
            }
            Step::End(seen) => {
                if state.word == seen || self.is(Variant::ApplyIgnoresWord) {
                    if state.live == Some(state.word.generation) && state.word.is_held() {
                        return Err("a lease ends whose record was written before it was renewed");
                    }
                    if state.word.kind == Kind::Offered {
                        return Err("an offer ends that its holder can still commit");
                    }
                    state.ended = Some(state.word.generation);
                    state.word = word(Kind::Cooling, state.word.generation).marked();
                }
                state.turn = None;
                Step::Done
            }
            other => other,
        })
    }

    /// The records are marked: the turn is over.
    fn marked(&self, state: &mut State) -> Step {
        state.turn = None;
        match self.is(Variant::ListFirst) {
            true => Step::Apply,
            false => Step::Read,
        }
    }

    fn step_undo(
        &self,
        state: &mut State,
        it: &Thread,
        thread: usize,
    ) -> Result<Step, &'static str> {
        let Some(planned) = it.plan.leased.filter(|_| !it.plan.is_listed) else {
            return Ok(Step::Done);
        };
        let fits = |word: Word| {
            word.kind == Kind::Cooling
                && (word.marked || self.is(Variant::UndoIgnoresWhoEnded))
                && (word.generation == planned.generation
                    || self.is(Variant::UndoIgnoresGeneration))
        };
        Ok(match it.step {
            Step::Start => {
                state.turn = Some(thread);
                Step::Look
            }
            Step::Look if fits(state.word) => Step::Exchange(state.word),
            Step::Exchange(seen) if state.word != seen && !self.is(Variant::UndoStores) => {
                Step::Look
            }
            Step::Exchange(_) => {
                if state.word.generation > planned.generation {
                    return Err("a generation comes back");
                }
                if state.ended != Some(planned.generation) {
                    return Err("an undo brings back what no pass has ended");
                }
                state.word = word(Kind::Leased, planned.generation);
                (state.ended, state.turn) = (None, None);
                Step::Done
            }
            _ => {
                state.turn = None;
                Step::Done
            }
        })
    }

    /// Whether the thread's next step needs the turn that passes and undos take.
    fn needs_turn(&self, thread: usize, of: &Thread) -> bool {
        match (self.op(thread, of), of.step) {
            (Some(Pass), Step::Start) => !self.is(Variant::ListFirst),
            (Some(Pass), Step::Look | Step::Apply) => true,
            (Some(Undo), Step::Start) => true,
            _ => false,
        }
    }
}

impl State {
    /// Makes an owner.
    fn take(&mut self, kind: Kind) {
        self.word = word(kind, self.word.generation + 1);
        self.ended = None;
    }
}

impl Machine for Passes<'_> {
    type State = State;

    fn start(&self) -> State {
        let first_has_it = matches!(self.program.threads[0].first(), Some(Leave | Lose));
        let thread = |index: usize| Thread {
            op_index: 0,
            step: Step::Start,
            lease: u8::from(first_has_it && index == 0),
            plan: Plan::default(),
        };
        State {
            word: self.program.first,
            is_listed: first_has_it,
            number: 0,
            turn: None,
            threads: (0..self.program.threads.len()).map(thread).collect(),
            live: first_has_it.then_some(1),
            ended: None,
        }
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        let of = &state.threads[thread];
        let waits = self.needs_turn(thread, of) && state.turn.is_some_and(|other| other != thread);
        self.op(thread, of).is_some() && !waits
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let mut it = state.threads[thread];
        let Some(op) = self.op(thread, &it) else {
            return Ok(());
        };
        it.step = match op {
            Pass => self.step_pass(state, &mut it, thread)?,
            Undo => self.step_undo(state, &it, thread)?,
            _ => self.step_holder(state, &mut it, op)?,
        };
        if it.step == Step::Done {
            it.op_index += 1;
            it.step = Step::Start;
        }
        state.threads[thread] = it;
        Ok(())
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let is_leased =
            |generation| state.word.kind == Kind::Leased && state.word.generation == generation;
        if state.live.is_some_and(|live| !is_leased(live)) {
            return Some("a live lease has ended".into());
        }
        (self.program.finds_leak && is_leased(1)).then(|| "a leak was not found".into())
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let of = &state.threads[thread];
        format!("{:?}: {:?}", self.op(thread, of), of.step)
    }
}

fn check(program: &Program, variant: Variant) -> Outcome {
    let outcome = explore(&Passes { program, variant }, 4_000_000);
    println!("{variant:?}, {}: {outcome}", program.name);
    outcome
}

fn assert_caught(variant: Variant) {
    let caught = PROGRAMS
        .iter()
        .any(|program| matches!(check(program, variant), Outcome::Wrong { .. }));
    assert!(caught, "no program finds out that {variant:?} is wrong");
}

/// One pass finds a leak, ends no lease whose record was written before it was renewed, and an undo brings back what a
/// pass has ended, and nothing else.
#[test]
fn a_pass_over_leases_is_exact_in_every_interleaving() {
    for program in PROGRAMS {
        let outcome = check(program, Variant::Correct);
        assert!(
            matches!(outcome, Outcome::Right { .. }),
            "{}: {outcome}",
            program.name
        );
    }
}

/// Only leases end, and only those that were not touched since the list was read.
#[test]
fn a_pass_over_leases_compares_the_word() {
    assert_caught(Variant::ApplyIgnoresWord);
    assert_caught(Variant::ApplyEndsOffers);
}

/// What was committed between the list and the snapshot is not listed, and is held.
#[test]
fn the_snapshot_of_leases_comes_before_the_list() {
    assert_caught(Variant::ListFirst);
}

/// An owner gets the lease again that it had, writes its record, and renews for ever what is for ever: without marks the
/// word is what it was.
#[test]
fn a_renewal_that_changes_nothing_is_seen() {
    assert_caught(Variant::NoMark);
    assert_caught(Variant::AdoptLeavesMark);
}

/// Another pass has marked again what was renewed since the list of this one.
#[test]
fn a_plan_for_leases_is_void_when_another_pass_has_begun() {
    assert_caught(Variant::NumberIgnored);
}

/// An undo brings back no lease that its holder has released, and none from before another holder.
#[test]
fn an_undo_of_leases_compares_the_word() {
    assert_caught(Variant::UndoIgnoresGeneration);
    assert_caught(Variant::UndoIgnoresWhoEnded);
    assert_caught(Variant::UndoStores);
}
