//! The calls, step by step.

use super::state::{Kind, MOST, NEVER, Record, State, Step, Then, Thread};
use super::{Leases, Of, Op, Taken, Variant};
use crate::leases::state::Lease;

/// After all that a program does, but not never.
const LONG: u8 = 100;

impl Leases<'_> {
    /// Sets up the operation at `op_index`, or `Done`.
    pub(super) fn set_up(&self, state: &mut State, thread: usize) {
        loop {
            let op = self.op(state, thread);
            let is_idle = match op {
                Some(Op::Renew(of, _) | Op::Release(of)) => self.lease(state, thread, of).is_none(),
                _ => false,
            };
            let it = &mut state.threads[thread];
            if !is_idle {
                it.step = if op.is_some() {
                    Step::Clock
                } else {
                    Step::Done
                };
                if op.is_none() {
                    *it = Thread {
                        op_index: MOST as u8,
                        ..Thread::NEW
                    };
                }
                return;
            }
            *it = it.next();
        }
    }

    fn lease(&self, state: &State, thread: usize, of: Of) -> Option<Lease> {
        match of {
            Of::Op(of) => state.threads[thread].leases[usize::from(of)],
            Of::First(slot) => {
                let generation = self.program.records[usize::from(slot)].generation;
                Some(Lease {
                    slot,
                    generation,
                    serial: generation,
                })
            }
        }
    }

    pub(super) fn finish(&self, state: &mut State, thread: usize, lease: Option<Lease>) {
        let keeps = matches!(self.op(state, thread), Some(Op::Pass(_) | Op::Undo));
        let it = &mut state.threads[thread];
        it.leases[usize::from(it.op_index)] = lease;
        if !keeps {
            it.seen = [None; MOST];
            it.written = [None; MOST];
        }
        *it = it.next();
        self.set_up(state, thread);
    }

    pub(super) fn begin_call(&self, state: &mut State, thread: usize) {
        let owed = self.owed(state);
        let wanted = self.wanted(state, thread);
        let op = self.op(state, thread).expect("an operation begins");
        let next = match op {
            Op::Allocate { .. } | Op::Many { .. } => Step::Round,
            Op::All { .. } => Step::ClaimExact { slot: 0 },
            Op::Exact { slot, .. } => Step::ClaimExact { slot },
            Op::Renew(of, _) | Op::Release(of) => Step::Own {
                slot: self.lease(state, thread, of).expect("it has one").slot,
            },
            Op::Sweep => Step::Scan { slot: 0 },
            Op::Pass(_) => Step::Snapshot { slot: 0 },
            Op::Undo => Step::Undo { slot: 0 },
        };
        let (clock, tick) = (state.clock, self.tick(state));
        let it = &mut state.threads[thread];
        it.begun = clock;
        it.now = tick;
        it.step = next;
        it.owed = owed & wanted;
    }

    /// A token has been claimed, or its record is to be looked at.
    pub(super) fn take_step(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].step {
            Step::ClaimExact { slot } => {
                let before = state.threads[thread].written[usize::from(slot)].take();
                if self.has_token(state, slot) {
                    self.take_token(state, slot);
                    match before {
                        Some(seen) => return self.looked(state, thread, slot, seen),
                        None => state.threads[thread].step = Step::Look { slot },
                    }
                    return Ok(());
                }
                let is_swept = state.threads[thread].swept;
                let is_exact = matches!(self.op(state, thread), Some(Op::Exact { .. }));
                state.threads[thread].step = match before {
                    Some(_) => Step::Root,
                    None if is_exact && is_swept => return self.refuse(state, thread),
                    None if is_exact => Step::Scan { slot },
                    None => Step::RollBack,
                };
                Ok(())
            }
            Step::Look { slot } => {
                let seen = state.records[usize::from(slot)];
                let is_search = self.wanted(state, thread) == u8::MAX;
                if self.is(Variant::RecordFirst) && is_search {
                    state.threads[thread].written[usize::from(slot)] = Some(seen);
                    state.threads[thread].step = Step::ClaimExact { slot };
                    return Ok(());
                }
                self.looked(state, thread, slot, seen)
            }
            Step::Take { slot, seen } => {
                let has_changed = state.records[usize::from(slot)] != seen;
                if has_changed && !self.is(Variant::TakeStores) {
                    state.threads[thread].step = Step::Look { slot };
                    return Ok(());
                }
                self.take(state, thread, slot, seen)
            }
            other => unreachable!("{other:?} is of another kind"),
        }
    }

    fn looked(&self, state: &mut State, thread: usize, slot: u8, seen: Record) -> Taken {
        let op = self.op(state, thread);
        let it = &mut state.threads[thread];
        if seen.kind == Kind::Free {
            it.step = Step::Take { slot, seen };
            return Ok(());
        }
        it.step = match op {
            Some(Op::All { .. }) => Step::RollBack,
            Some(Op::Exact { .. }) => Step::Scan { slot },
            _ if self.is(Variant::TokenGivenBack) => Step::Give {
                slot,
                then: Then::Search,
            },
            _ => Step::Round,
        };
        self.note_dropped(state, thread)
    }

    fn take(&self, state: &mut State, thread: usize, slot: u8, seen: Record) -> Taken {
        let op = self.op(state, thread);
        let Some(
            Op::Allocate { offer }
            | Op::Exact { offer, .. }
            | Op::Many { offer, .. }
            | Op::All { offer },
        ) = op
        else {
            unreachable!("{op:?} takes nothing");
        };
        let until = self.until(state, thread, offer);
        let raise = u8::from(!self.is(Variant::GenerationKept));
        let record = Record::new(Kind::Offered, until, seen.generation + raise);
        let promised = self.promised(state, thread, offer);
        let lease = self.note_take(state, thread, slot, record, promised)?;
        let it = &mut state.threads[thread];
        if matches!(op, Some(Op::Allocate { .. } | Op::Exact { .. })) {
            self.finish(state, thread, Some(lease));
            return Ok(());
        }
        // A batch whose first offer has ended may get the same address again: the new lease replaces the old one.
        let is_again = it.seen[usize::from(slot)].is_some() && self.is(Variant::BatchCountsTakes);
        it.again += u8::from(is_again);
        it.seen[usize::from(slot)] = Some(record);
        let taken = it.seen.iter().flatten().count() as u8 + it.again;
        match op {
            Some(Op::Many { count, .. }) if taken == count && it.again != 0 => {
                return Err("a batch has one address twice");
            }
            Some(Op::Many { count, .. }) if taken == count => self.finish(state, thread, None),
            Some(Op::Many { .. }) => it.step = Step::Round,
            _ if taken == self.slots() => it.step = Step::Commit { slot: 0 },
            _ => it.step = Step::ClaimExact { slot: slot + 1 },
        }
        Ok(())
    }

    /// The tick in which a term ends that begins with the call.
    fn until(&self, state: &State, thread: usize, term: u8) -> u8 {
        let part = match self.is(Variant::TermRoundedDown) {
            true => 0,
            false => self.part(),
        };
        state.threads[thread]
            .now
            .saturating_add(term)
            .saturating_add(part)
    }

    /// The root knows of no token.
    pub(super) fn found_no_token(&self, state: &mut State, thread: usize) -> Taken {
        if state.threads[thread].swept {
            return self.refuse(state, thread);
        }
        state.threads[thread].step = Step::Swept;
        Ok(())
    }

    fn refuse(&self, state: &mut State, thread: usize) -> Taken {
        self.note_refusal(state, thread)?;
        match self.op(state, thread) {
            Some(Op::Many { .. }) => state.threads[thread].step = Step::RollBack,
            _ => self.finish(state, thread, None),
        }
        Ok(())
    }

    /// Everything that was due has been offered.
    fn all_is_swept(&self, state: &mut State, thread: usize) -> Taken {
        match self.op(state, thread) {
            Some(Op::Sweep) => self.finish(state, thread, None),
            _ if self.searches_once() => return self.refuse(state, thread),
            _ => state.threads[thread].step = Step::Round,
        }
        Ok(())
    }

    pub(super) fn swept_step(&self, state: &mut State, thread: usize) -> Taken {
        let now = state.threads[thread].now;
        match state.threads[thread].step {
            Step::Round => {
                let is_swept = state.swept >= now;
                let it = &mut state.threads[thread];
                it.swept = is_swept;
                it.step = Step::Root;
                Ok(())
            }
            Step::Swept if state.swept >= now => self.all_is_swept(state, thread),
            Step::Swept => {
                let it = &mut state.threads[thread];
                it.found = false;
                it.step = match self.is(Variant::RaisedBeforeScan) {
                    true => Step::Raise,
                    false => Step::Scan { slot: 0 },
                };
                Ok(())
            }
            Step::Raise => {
                let tick = match self.is(Variant::RaisedToLaterTick) {
                    true => self.tick(state),
                    false => now,
                };
                state.swept = state.swept.max(tick);
                let is_call = !matches!(self.op(state, thread), Some(Op::Sweep));
                let it = &mut state.threads[thread];
                if is_call && self.is(Variant::RaisedBeforeScan) {
                    it.step = Step::Scan { slot: 0 };
                    return Ok(());
                }
                if it.found && is_call {
                    it.step = Step::Round;
                    return Ok(());
                }
                self.all_is_swept(state, thread)
            }
            other => unreachable!("{other:?} is of another kind"),
        }
    }

    pub(super) fn scan_step(&self, state: &mut State, thread: usize) -> Taken {
        let now = state.threads[thread].now;
        let op = self.op(state, thread);
        let cooldown = match self.is(Variant::ExpiryWithoutCooldown) {
            true => 0,
            false => self.program.cooldown,
        };
        match state.threads[thread].step {
            Step::Scan { slot } => {
                let seen = state.records[usize::from(slot)];
                let it = &mut state.threads[thread];
                if seen.due(cooldown) <= now {
                    it.step = match self.is(Variant::GivenEarly) {
                        true => Step::Give {
                            slot,
                            then: Then::Free(seen),
                        },
                        false => Step::Free { slot, seen },
                    };
                } else if matches!(op, Some(Op::Exact { .. })) {
                    // Free, and no token a moment ago: it may have come since.
                    if seen.kind != Kind::Free || self.searches_once() {
                        return self.refuse(state, thread);
                    }
                    it.swept = true;
                    it.step = Step::ClaimExact { slot };
                } else if seen.kind == Kind::Free && self.program.is_shared {
                    it.step = Step::Repair { slot };
                } else {
                    self.scan_on(state, thread, slot);
                }
            }
            Step::Free { slot, seen } => {
                let has_changed = state.records[usize::from(slot)] != seen;
                if has_changed && !self.is(Variant::SweepStores) {
                    state.threads[thread].found |= self.is(Variant::LostRaceCounts);
                    self.scan_on(state, thread, slot);
                    return Ok(());
                }
                self.note_sweep(state, slot, seen.freed())?;
                let then = Then::ScanOn;
                if self.is(Variant::GivenEarly) {
                    state.threads[thread].found = true;
                    self.scan_on(state, thread, slot);
                } else {
                    state.threads[thread].step = Step::Give { slot, then };
                }
            }
            Step::Repair { slot } => {
                let then = Then::ScanOn;
                if !self.has_token(state, slot) {
                    state.threads[thread].step = Step::Give { slot, then };
                } else if self.is(Variant::RepairsBitsAlone) {
                    self.scan_on(state, thread, slot);
                } else {
                    state.threads[thread].step = Step::Publish { slot, then };
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        Ok(())
    }

    pub(super) fn scan_on(&self, state: &mut State, thread: usize, slot: u8) {
        if let Some(Op::Exact { .. }) = self.op(state, thread) {
            state.threads[thread].found = false;
            state.threads[thread].step = Step::ClaimExact { slot };
            return;
        }
        let is_call = !matches!(self.op(state, thread), Some(Op::Sweep));
        let ends_word =
            (slot + 1).is_multiple_of(self.program.slots_per_word) || slot + 1 == self.slots();
        let it = &mut state.threads[thread];
        it.step = if is_call && ends_word && it.found {
            match self.is(Variant::RaisedThoughFreed) {
                true => Step::Raise,
                false => Step::Round,
            }
        } else if slot + 1 < self.slots() {
            Step::Scan { slot: slot + 1 }
        } else if is_call && self.is(Variant::RaisedBeforeScan) {
            Step::Round
        } else {
            Step::Raise
        };
    }

    fn own(&self, state: &State, thread: usize) -> (Lease, Option<u8>) {
        match self.op(state, thread) {
            Some(Op::Renew(of, term)) => {
                let lease = self.lease(state, thread, of).expect("it has one");
                (lease, Some(term))
            }
            Some(Op::Release(of)) => (self.lease(state, thread, of).expect("it has one"), None),
            other => unreachable!("{other:?} is of another kind"),
        }
    }

    pub(super) fn own_step(&self, state: &mut State, thread: usize) -> Taken {
        let (lease, term) = self.own(state, thread);
        let now = state.threads[thread].now;
        match state.threads[thread].step {
            Step::Own { slot } => {
                let seen = state.records[usize::from(slot)];
                let is_any = self.is(Variant::ReleaseIgnoresGeneration) && term.is_none();
                state.threads[thread].step =
                    if seen.is_lease(lease.generation) || is_any && seen.is_held() {
                        match term {
                            Some(_) => Step::Renew { slot, seen },
                            None => Step::Release { slot, seen },
                        }
                    } else if seen.kind == Kind::Withdrawn && seen.generation == lease.generation {
                        Step::EndForGood { slot, seen }
                    } else {
                        self.note_ended(state, lease)?;
                        self.finish(state, thread, None);
                        return Ok(());
                    };
            }
            Step::EndForGood { slot, seen } => {
                if state.records[usize::from(slot)] != seen {
                    state.threads[thread].step = Step::Own { slot };
                    return Ok(());
                }
                let record = Record::new(Kind::Cooling, seen.until, seen.generation);
                self.write(state, slot, record);
                self.note_ended(state, lease)?;
                self.finish(state, thread, None);
            }
            Step::Renew { slot, seen } => {
                let has_changed = state.records[usize::from(slot)] != seen;
                if has_changed && !self.is(Variant::RenewStores) {
                    state.threads[thread].step = Step::Own { slot };
                    return Ok(());
                }
                let term = term.expect("a renewal");
                let until = self.until(state, thread, term).max(seen.until);
                let record = Record::new(Kind::Leased, until, seen.generation);
                self.note_renewal(state, lease, record, self.promised(state, thread, term))?;
                self.finish(state, thread, None);
            }
            Step::Release { slot, seen } => {
                let has_changed = state.records[usize::from(slot)] != seen;
                if has_changed && !self.is(Variant::ReleaseStores) {
                    state.threads[thread].step = Step::Own { slot };
                    return Ok(());
                }
                let rests = self.program.cooldown != 0 && !self.is(Variant::NoCooldown);
                let record = match rests {
                    true => {
                        let part = match self.is(Variant::RestRoundedDown) {
                            true => 0,
                            false => self.part(),
                        };
                        let until = now + self.program.cooldown + part;
                        Record::new(Kind::Cooling, until, seen.generation)
                    }
                    false => seen.freed(),
                };
                self.note_release(state, thread, lease, record)?;
                if rests {
                    self.finish(state, thread, None);
                } else {
                    let then = Then::Finish;
                    state.threads[thread].step = Step::Give { slot, then };
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        Ok(())
    }

    /// All that a batch has taken is made to last, or goes back.
    pub(super) fn batch_step(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].step {
            Step::Commit { slot } => {
                let seen = state.threads[thread].seen[usize::from(slot)].expect("it was taken");
                if state.records[usize::from(slot)] != seen {
                    state.threads[thread].step = Step::RollBack;
                    return Ok(());
                }
                let lease = Lease {
                    slot,
                    generation: seen.generation,
                    serial: seen.generation,
                };
                let until = match self.is(Variant::TakenForEver) {
                    true => NEVER,
                    false => LONG,
                };
                let record = Record::new(Kind::Leased, until, seen.generation);
                self.note_renewal(state, lease, record, until)?;
                let it = &mut state.threads[thread];
                it.seen[usize::from(slot)] = Some(record);
                if slot + 1 == self.slots() {
                    self.note_all(state, thread)?;
                    self.finish(state, thread, None);
                } else {
                    it.step = Step::Commit { slot: slot + 1 };
                }
            }
            Step::RollBack => {
                let it = &mut state.threads[thread];
                let Some(slot) = it.seen.iter().rposition(Option::is_some) else {
                    self.finish(state, thread, None);
                    return Ok(());
                };
                let seen = it.seen[slot].take().expect("it was found");
                let is_same = state.records[slot] == seen;
                let slot = slot as u8;
                if is_same || self.is(Variant::RollBackStores) {
                    self.note_roll_back(state, slot, seen.freed())?;
                    let then = Then::RollBack;
                    state.threads[thread].step = Step::Give { slot, then };
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        Ok(())
    }

    pub(super) fn pass_step(&self, state: &mut State, thread: usize) -> Taken {
        let now = state.threads[thread].now;
        let last = self.slots() - 1;
        match state.threads[thread].step {
            Step::Snapshot { slot } => {
                let record = state.records[usize::from(slot)];
                let it = &mut state.threads[thread];
                it.seen[usize::from(slot)] = (record.kind == Kind::Leased).then_some(record);
                it.step = match slot {
                    _ if slot < last => Step::Snapshot { slot: slot + 1 },
                    _ => Step::Apply { slot: 0 },
                };
            }
            Step::Apply { slot } => {
                let Some(Op::Pass(window)) = self.op(state, thread) else {
                    unreachable!("a pass applies");
                };
                let at = usize::from(slot);
                let seen = state.threads[thread].seen[at];
                if let Some(seen) = seen.filter(|&seen| seen == state.records[at]) {
                    let kind = match self.is(Variant::PassEndsAsRelease) {
                        true => Kind::Cooling,
                        false => Kind::Withdrawn,
                    };
                    let until = now + window + self.part();
                    let record = Record::new(kind, until, seen.generation);
                    self.note_pass(state, thread, slot, record)?;
                    state.threads[thread].written[at] = Some(record);
                }
                if slot < last {
                    state.threads[thread].step = Step::Apply { slot: slot + 1 };
                } else {
                    self.finish(state, thread, None);
                }
            }
            Step::Undo { slot } => {
                let at = usize::from(slot);
                let it = &state.threads[thread];
                if let (Some(seen), Some(written)) = (it.seen[at], it.written[at]) {
                    let record = state.records[at];
                    let is_any = self.is(Variant::UndoIgnoresGeneration);
                    if record == written || is_any && record.kind == Kind::Withdrawn {
                        self.note_undo(state, slot, seen)?;
                    }
                }
                if slot < last {
                    state.threads[thread].step = Step::Undo { slot: slot + 1 };
                } else {
                    self.finish(state, thread, None);
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        Ok(())
    }
}
