//! What the specification knows, and what it refuses.

use super::state::{Kind, Lease, NEVER, Record, State, Step, Truth};
use super::{Leases, Op, Taken, Variant};

impl Leases<'_> {
    /// The slot as the program begins.
    pub(super) fn set_first(&self, state: &mut State, slot: u8, record: Record) {
        let at = usize::from(slot);
        state.records[at] = record;
        let moment = |tick: u8| tick.saturating_mul(self.program.moments);
        state.truths[at] = Truth {
            leases: record.generation,
            live: if record.is_held() {
                record.generation
            } else {
                0
            },
            until: moment(record.until),
            rest: match record.kind {
                Kind::Free => 0,
                _ => moment(record.due(self.program.cooldown)),
            },
            due_from: record.due(self.program.cooldown),
            ..Truth::default()
        };
        if record.kind == Kind::Free {
            state.words[usize::from(slot / self.program.slots_per_word)] |=
                1 << (slot % self.program.slots_per_word);
            state.root.maybe |= 1 << (slot / self.program.slots_per_word);
            state.known |= 1 << slot;
        }
    }

    /// The moment until which a term lasts that begins with the call.
    pub(super) fn promised(&self, state: &State, thread: usize, term: u8) -> u8 {
        let moments = term.saturating_mul(self.program.moments);
        state.threads[thread].begun.saturating_add(moments)
    }

    /// Any exchange of a record: the slot is owed to no call any more, and has a new time.
    pub(super) fn write(&self, state: &mut State, slot: u8, record: Record) {
        state.records[usize::from(slot)] = record;
        for it in &mut state.threads {
            it.owed &= !(1 << slot);
        }
        let due = record.due(self.program.cooldown);
        state.truths[usize::from(slot)].due_from = match due {
            NEVER => NEVER,
            due => due.max(self.tick(state) + 1),
        };
    }

    pub(super) fn note_take(
        &self,
        state: &mut State,
        thread: usize,
        slot: u8,
        record: Record,
        promised: u8,
    ) -> Result<Lease, &'static str> {
        self.write(state, slot, record);
        let truth = &mut state.truths[usize::from(slot)];
        if truth.live != 0 {
            return Err("an address has two holders");
        }
        if state.clock < truth.rest {
            return Err("an address is handed out before it has rested");
        }
        truth.leases += 1;
        truth.live = truth.leases;
        truth.withdrawn = 0;
        truth.until = promised;
        let lease = Lease {
            slot,
            generation: record.generation,
            serial: truth.leases,
        };
        state.threads[thread].dropped = 0;
        Ok(lease)
    }

    /// A sweep has made the slot Free.
    pub(super) fn note_sweep(&self, state: &mut State, slot: u8, freed: Record) -> Taken {
        self.write(state, slot, freed);
        let clock = state.clock;
        let cooldown = self.program.cooldown * self.program.moments;
        let truth = &mut state.truths[usize::from(slot)];
        if truth.live != 0 {
            if clock < truth.until {
                return Err("a lease ends before its time");
            }
            truth.rest = truth.until.saturating_add(cooldown);
            truth.gone = truth.live;
        }
        truth.live = 0;
        truth.withdrawn = 0;
        Ok(())
    }

    /// The holder of this very lease has released it.
    pub(super) fn note_release(
        &self,
        state: &mut State,
        thread: usize,
        lease: Lease,
        record: Record,
    ) -> Taken {
        let rest = self.promised(state, thread, self.program.cooldown);
        self.write(state, lease.slot, record);
        let truth = &mut state.truths[usize::from(lease.slot)];
        if truth.live != lease.serial {
            return Err("a release ends what is not its lease");
        }
        truth.live = 0;
        truth.gone = lease.serial;
        truth.rest = rest;
        Ok(())
    }

    pub(super) fn note_renewal(
        &self,
        state: &mut State,
        lease: Lease,
        record: Record,
        promised: u8,
    ) -> Taken {
        if record.until < state.records[usize::from(lease.slot)].until {
            return Err("a renewal makes a lease shorter");
        }
        self.write(state, lease.slot, record);
        let truth = &mut state.truths[usize::from(lease.slot)];
        if truth.live != lease.serial {
            return Err("a renewal revives what has ended");
        }
        truth.until = truth.until.max(promised);
        Ok(())
    }

    /// The caller is answered that its lease has ended.
    pub(super) fn note_ended(&self, state: &mut State, lease: Lease) -> Taken {
        let truth = &mut state.truths[usize::from(lease.slot)];
        if truth.live == lease.serial {
            return Err("a lease that lives is answered as ended");
        }
        truth.gone = truth.gone.max(lease.serial);
        Ok(())
    }

    pub(super) fn note_pass(
        &self,
        state: &mut State,
        thread: usize,
        slot: u8,
        record: Record,
    ) -> Taken {
        let Some(Op::Pass(window)) = self.op(state, thread) else {
            unreachable!("a pass notes");
        };
        let rest = self.promised(state, thread, window);
        self.write(state, slot, record);
        let truth = &mut state.truths[usize::from(slot)];
        if truth.live == 0 {
            return Err("a pass ends what has ended");
        }
        truth.withdrawn = truth.live;
        truth.live = 0;
        truth.rest = rest;
        Ok(())
    }

    pub(super) fn note_undo(&self, state: &mut State, slot: u8, record: Record) -> Taken {
        self.write(state, slot, record);
        let truth = &mut state.truths[usize::from(slot)];
        if truth.live != 0 || truth.withdrawn != record.generation {
            return Err("an undo revives what it has not ended");
        }
        if truth.gone == truth.withdrawn {
            return Err("an undo revives a lease whose caller knows that it has ended");
        }
        truth.live = truth.withdrawn;
        truth.withdrawn = 0;
        Ok(())
    }

    /// A batch gives back a lease that was never answered.
    pub(super) fn note_roll_back(&self, state: &mut State, slot: u8, record: Record) -> Taken {
        self.write(state, slot, record);
        let truth = &mut state.truths[usize::from(slot)];
        if truth.live != record.generation {
            return Err("a batch gives back what is not its own");
        }
        truth.live = 0;
        truth.gone = record.generation;
        Ok(())
    }

    /// A call that wanted all has them all, at this instant.
    pub(super) fn note_all(&self, state: &State, thread: usize) -> Taken {
        let seen = &state.threads[thread].seen;
        let has = |slot: u8| seen[usize::from(slot)] == Some(state.records[usize::from(slot)]);
        match (0..self.slots()).all(has) {
            true => Ok(()),
            false => Err("all were asked for, and one of them has gone"),
        }
    }

    /// Slots that a call can have at this instant: all calls that gave their tokens have finished.
    fn available(&self, state: &State) -> u8 {
        (0..self.slots())
            .filter(|&slot| {
                state.known >> slot & 1 == 1 && state.records[usize::from(slot)].kind == Kind::Free
            })
            .fold(0, |mask, slot| mask | 1 << slot)
    }

    /// The slots that the operation is content with; none, if it cannot be refused.
    pub(super) fn wanted(&self, state: &State, thread: usize) -> u8 {
        match self.op(state, thread) {
            Some(Op::Allocate { .. } | Op::Many { .. }) => u8::MAX,
            Some(Op::Exact { slot, .. }) => 1 << slot,
            _ => 0,
        }
    }

    /// What every call in progress sees of this instant.
    pub(super) fn note_instant(&self, state: &mut State) {
        let available = self.available(state);
        for thread in 0..self.program.threads.len() {
            let wanted = self.wanted(state, thread);
            let it = &mut state.threads[thread];
            if wanted != 0
                && available & wanted == 0
                && !matches!(it.step, Step::Clock | Step::Done)
            {
                it.saw_none = true;
                it.saw_instant |= it.owed == 0;
            }
        }
    }

    /// What is due as a call begins.
    pub(super) fn owed(&self, state: &State) -> u8 {
        (0..self.slots())
            .filter(|&slot| state.truths[usize::from(slot)].due_from <= self.tick(state))
            .fold(0, |mask, slot| mask | 1 << slot)
    }

    /// A call that found nothing is refused.
    pub(super) fn note_refusal(&self, state: &State, thread: usize) -> Taken {
        let it = &state.threads[thread];
        if it.owed != 0 {
            return Err("refused, and what was due has not been offered");
        }
        if !it.saw_none {
            return Err("refused, and a token was there all the time");
        }
        if self.wants_one_instant && !it.saw_instant {
            return Err("refused, without an instant at which all was offered and none was there");
        }
        Ok(())
    }

    /// A slot that is Free without a token in sight, or a token of a slot that is not Free.
    pub(super) fn lost_token(&self, state: &State, is_repaired: bool) -> Option<String> {
        (0..self.slots()).find_map(|slot| {
            let record = state.records[usize::from(slot)];
            let is_free = record.kind == Kind::Free;
            if is_repaired && !is_free && record.until != NEVER {
                return Some(format!("slot {slot} is {record:?} after all time"));
            }
            let has_token = self.has_token(state, slot);
            if is_free && !(has_token && self.is_in_sight(state, slot)) {
                return Some(format!(
                    "slot {slot} is {record:?}, without a token in sight"
                ));
            }
            let is_too_many = has_token && !is_free && !self.program.is_shared;
            is_too_many.then(|| format!("slot {slot} is {record:?}, with a token"))
        })
    }

    /// After so many worthless tokens a call goes round for ever.
    pub(super) fn note_dropped(&self, state: &mut State, thread: usize) -> Taken {
        state.threads[thread].dropped += 1;
        if state.threads[thread].dropped > 5 {
            return Err("a call finds the same worthless token again and again");
        }
        Ok(())
    }

    pub(super) fn searches_once(&self) -> bool {
        self.is(Variant::NoSecondSearch) || self.is(Variant::LostRaceCounts)
    }
}
