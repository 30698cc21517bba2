//! The calls, step by step.

use super::state::{Lease, Record, State, Step, Tag};
use super::{Op, Owners, Taken, Variant};
use crate::leases::Kind;

impl Owners<'_> {
    /// What the claimer of this generation writes for this owner.
    pub(super) fn tag(&self, owner: u8, record: Record) -> Tag {
        Tag {
            owner,
            generation: match self.is(Variant::TagWithoutGeneration) {
                true => 0,
                false => record.generation,
            },
        }
    }

    pub(super) fn one_step(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].step {
            Step::Clock => {
                let lease = self.lease(state, thread);
                state.threads[thread].now = state.clock;
                state.threads[thread].step =
                    match self.op(state, thread).expect("an operation begins") {
                        Op::AllocateFor { .. } if self.is(Variant::LookedBeforeLock) => {
                            return self.look_from(state, thread, 0);
                        }
                        Op::AllocateFor { .. } => Step::Lock,
                        Op::Allocate { .. } => Step::Claim,
                        Op::Release(_) | Op::ReleaseFirst(_) => Step::Own {
                            slot: lease.expect("it has one").slot,
                        },
                        Op::Sweep => Step::Scan { slot: 0 },
                        Op::OwnedBy(_) => Step::Look { slot: 0 },
                        Op::PassAndUndo(slot) => Step::Snapshot { slot },
                    };
                Ok(())
            }
            Step::Lock => {
                let owner = self.owner(state, thread).expect("an owner waits");
                state.locks[self.lock(owner)] = Some(thread as u8);
                if state.threads[thread].has_looked {
                    state.threads[thread].step = Step::Claim;
                    return Ok(());
                }
                self.look_from(state, thread, 0)
            }
            Step::Unlock => {
                let owner = self.owner(state, thread).expect("it has the lock");
                if !self.is(Variant::OutsideForgotten) && !self.is(Variant::RememberedUnlocked) {
                    self.remember(state, thread);
                }
                state.locks[self.lock(owner)] = None;
                let it = &mut state.threads[thread];
                if let (Variant::UnlockedBeforeTag, true, Some(before)) =
                    (self.variant, it.has_looked && it.lease.is_some(), it.before)
                {
                    it.step = Step::Tag { before };
                    return Ok(());
                }
                if self.is(Variant::RememberedUnlocked) {
                    it.step = Step::Remember;
                    return Ok(());
                }
                self.finish(state, thread);
                Ok(())
            }
            Step::Remember => {
                self.remember(state, thread);
                self.finish(state, thread);
                Ok(())
            }
            Step::Look { .. } | Step::Owner { .. } | Step::Extend { .. } | Step::Retake { .. } => {
                self.look_step(state, thread)
            }
            Step::ClaimOwn { .. }
            | Step::Claim
            | Step::Record { .. }
            | Step::Before { .. }
            | Step::Take { .. } => self.take_step(state, thread),
            Step::Tag { .. } | Step::LoadTag | Step::CheckGeneration { .. } => {
                self.tag_step(state, thread);
                Ok(())
            }
            Step::Own { .. } | Step::Release { .. } => {
                self.own_step(state, thread);
                Ok(())
            }
            Step::Scan { .. } | Step::Free { .. } | Step::Give { .. } => {
                self.scan_step(state, thread);
                Ok(())
            }
            Step::Snapshot { .. } | Step::Apply { .. } | Step::Undo { .. } => {
                self.pass_step(state, thread)
            }
            Step::Done => unreachable!("a thread that is done takes no step"),
        }
    }

    /// Under the lock: where a lease is that is not at home.
    fn remember(&self, state: &mut State, thread: usize) {
        let owner = self.owner(state, thread).expect("it has the lock");
        let lease = state.threads[thread].lease;
        if let Some(lease) = lease.filter(|it| self.home(owner) >> it.slot & 1 == 0) {
            state.outside[usize::from(owner)] = Some(lease.slot);
        }
    }

    /// Where a lease of an owner is looked for.
    fn places(&self, state: &State, thread: usize) -> Vec<u8> {
        let all = 0..self.slots();
        match self.op(state, thread) {
            Some(Op::AllocateFor { owner, .. }) => {
                let outside = state.outside[usize::from(owner)].into_iter();
                let home = all.filter(|slot| self.home(owner) >> slot & 1 == 1);
                outside.chain(home).collect()
            }
            _ => all.collect(),
        }
    }

    /// Looks for a lease of the owner, from this place on.
    fn look_from(&self, state: &mut State, thread: usize, place: u8) -> Taken {
        let places = self.places(state, thread);
        let is_all = matches!(self.op(state, thread), Some(Op::OwnedBy(_)));
        let it = &mut state.threads[thread];
        it.place = place;
        if let Some(&slot) = places.get(usize::from(place)) {
            it.step = Step::Look { slot };
            return Ok(());
        }
        if is_all {
            self.finish(state, thread);
            return Ok(());
        }
        it.place = 0;
        it.has_looked = true;
        it.step = match it.had.take() {
            _ if self.is(Variant::LookedBeforeLock) => Step::Lock,
            Some((slot, seen)) if seen.rests() => Step::Retake { slot, seen },
            Some((slot, seen)) => Step::ClaimOwn { slot, seen },
            None => Step::Claim,
        };
        Ok(())
    }

    fn look_on(&self, state: &mut State, thread: usize) -> Taken {
        let place = state.threads[thread].place + 1;
        self.look_from(state, thread, place)
    }

    fn look_step(&self, state: &mut State, thread: usize) -> Taken {
        let owner = self.owner(state, thread).expect("an owner looks");
        let now = state.threads[thread].now;
        let op = self.op(state, thread);
        match state.threads[thread].step {
            Step::Look { slot } => {
                let seen = state.records[usize::from(slot)];
                let lives = seen.is_held() || seen.rests();
                let truth = &state.truths[usize::from(slot)];
                if truth.answered == Some(owner) && !(seen.tagged && lives) {
                    return Err("a lease that its owner knows is not found");
                }
                if !seen.tagged {
                    return self.look_on(state, thread);
                }
                state.threads[thread].step = Step::Owner { slot, seen };
            }
            Step::Owner { slot, seen } => {
                let tag = state.tags[usize::from(slot)];
                let is_its = tag == self.tag(owner, seen);
                if is_its {
                    let truth = &state.truths[usize::from(slot)];
                    if truth.owners[usize::from(seen.generation)] != Some(owner) {
                        return Err("an owner is given the lease of another");
                    }
                } else if state.truths[usize::from(slot)].answered == Some(owner)
                    && state.records[usize::from(slot)].generation == seen.generation
                {
                    return Err("a lease that its owner knows is not found");
                }
                if let Some(Op::OwnedBy(_)) = op {
                    return self.look_on(state, thread);
                }
                let is_any = self.is(Variant::RetakenByOthers);
                let it = &mut state.threads[thread];
                if is_its && seen.is_held() {
                    it.step = Step::Extend { slot, seen };
                    return Ok(());
                }
                // A resting one before a free one: no other owner can get that.
                if seen.rests() && (is_its || is_any) {
                    it.before = Some(tag);
                    it.had = Some((slot, seen));
                } else if seen.kind == Kind::Free && is_its && it.had.is_none() {
                    it.had = Some((slot, seen));
                }
                return self.look_on(state, thread);
            }
            Step::Extend { slot, seen } => {
                if state.records[usize::from(slot)] != seen {
                    state.threads[thread].had = None;
                    return self.look_from(state, thread, 0);
                }
                let Some(Op::AllocateFor { offer, .. }) = op else {
                    unreachable!("{op:?} extends nothing");
                };
                let record = &mut state.records[usize::from(slot)];
                record.until = record.until.max(now.saturating_add(offer));
                state.truths[usize::from(slot)].rest =
                    record.until.saturating_add(self.program.cooldown);
                let generation = seen.generation;
                let it = &mut state.threads[thread];
                it.lease = Some(Lease { slot, generation });
                it.step = Step::Unlock;
                if self.is(Variant::LookedBeforeLock) {
                    self.finish(state, thread);
                }
            }
            Step::Retake { slot, seen } => {
                let has_changed = state.records[usize::from(slot)] != seen;
                if has_changed && self.is(Variant::RetakenOnce) {
                    state.threads[thread].step = Step::Claim;
                    return Ok(());
                }
                if has_changed && !self.is(Variant::RetakeStores) {
                    return self.look_from(state, thread, 0);
                }
                self.take(state, thread, slot, seen)?;
                let before = state.threads[thread].before.expect("it was loaded");
                self.begin_tag(state, thread, before);
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        Ok(())
    }

    fn take_step(&self, state: &mut State, thread: usize) -> Taken {
        let owner = self.owner(state, thread);
        match state.threads[thread].step {
            Step::ClaimOwn { slot, seen } => {
                let has_token = state.tokens >> slot & 1 == 1;
                state.tokens &= !(1 << slot);
                state.threads[thread].step = match has_token {
                    true if self.is(Variant::RecordFirst) => Step::Before { slot, seen },
                    true => Step::Record { slot },
                    false => Step::Claim,
                };
            }
            Step::Claim => {
                let it = &mut state.threads[thread];
                let mask = match owner {
                    Some(owner) if !it.anywhere => self.home(owner),
                    _ => u8::MAX,
                };
                let tokens = state.tokens & mask;
                if tokens != 0 {
                    let slot = tokens.trailing_zeros() as u8;
                    state.tokens &= !(1 << slot);
                    it.step = Step::Record { slot };
                } else if owner.is_none() {
                    self.finish(state, thread);
                } else if it.anywhere {
                    it.step = Step::Unlock;
                } else {
                    it.anywhere = true;
                }
            }
            Step::Record { slot } => {
                let seen = state.records[usize::from(slot)];
                state.threads[thread].before = None;
                state.threads[thread].step = match seen.kind {
                    Kind::Free if owner.is_some() => Step::Before { slot, seen },
                    Kind::Free => Step::Take {
                        slot,
                        seen,
                        before: Tag::NONE,
                    },
                    _ => Step::Claim,
                };
            }
            Step::Before { slot, seen } => {
                let before = state.tags[usize::from(slot)];
                state.threads[thread].step = Step::Take { slot, seen, before };
            }
            Step::Take { slot, seen, before } => {
                if state.records[usize::from(slot)] == seen {
                    self.take(state, thread, slot, seen)?;
                    self.begin_tag(state, thread, before);
                } else {
                    // The thread that made it Free again has given a token since.
                    state.threads[thread].step = Step::Claim;
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        Ok(())
    }

    fn take(&self, state: &mut State, thread: usize, slot: u8, seen: Record) -> Taken {
        let op = self.op(state, thread);
        let Some(Op::Allocate { offer } | Op::AllocateFor { offer, .. }) = op else {
            unreachable!("{op:?} takes nothing");
        };
        let owner = self.owner(state, thread);
        let until = state.threads[thread].now.saturating_add(offer);
        let generation = seen.generation + 1;
        let record = Record {
            kind: Kind::Offered,
            until,
            generation,
            tagged: owner.is_some(),
        };
        let truth = &mut state.truths[usize::from(slot)];
        if truth.is_live {
            return Err("an address has two holders");
        }
        let is_own = owner.is_some() && truth.owners[usize::from(seen.generation)] == owner;
        if state.clock < truth.rest && !is_own {
            return Err("an address is handed out before it has rested");
        }
        truth.is_live = true;
        truth.answered = None;
        truth.rest = until.saturating_add(self.program.cooldown);
        truth.owners[usize::from(generation)] = owner;
        state.records[usize::from(slot)] = record;
        state.threads[thread].lease = Some(Lease { slot, generation });
        Ok(())
    }

    fn begin_tag(&self, state: &mut State, thread: usize, before: Tag) {
        if self.owner(state, thread).is_none() {
            self.finish(state, thread);
            return;
        }
        let it = &mut state.threads[thread];
        it.before = Some(before);
        it.step = match self.is(Variant::UnlockedBeforeTag) {
            true => Step::Unlock,
            false => Step::Tag { before },
        };
    }

    fn tag_step(&self, state: &mut State, thread: usize) {
        let owner = self.owner(state, thread).expect("an owner is written");
        let lease = state.threads[thread].lease.expect("it has taken");
        let at = usize::from(lease.slot);
        state.threads[thread].step = match state.threads[thread].step {
            Step::Tag { before } if state.tags[at] == before => {
                state.tags[at] = Tag {
                    owner,
                    generation: match self.is(Variant::TagWithoutGeneration) {
                        true => 0,
                        false => lease.generation,
                    },
                };
                self.tagged(state, thread);
                return;
            }
            Step::Tag { .. } => Step::LoadTag,
            Step::LoadTag => match (state.tags[at], self.is(Variant::GenerationNotReread)) {
                (before, true) => Step::Tag { before },
                (before, false) => Step::CheckGeneration { before },
            },
            Step::CheckGeneration { before } => {
                if state.records[at].generation != lease.generation {
                    self.tagged(state, thread);
                    return;
                }
                Step::Tag { before }
            }
            other => unreachable!("{other:?} is of another kind"),
        };
    }

    /// The tag is written, or the lease has ended.
    fn tagged(&self, state: &mut State, thread: usize) {
        if self.is(Variant::UnlockedBeforeTag) {
            self.finish(state, thread);
        } else {
            state.threads[thread].step = Step::Unlock;
        }
    }

    fn own_step(&self, state: &mut State, thread: usize) {
        let lease = self.lease(state, thread).expect("it has one");
        let now = state.threads[thread].now;
        let at = usize::from(lease.slot);
        match state.threads[thread].step {
            Step::Own { slot } => {
                let seen = state.records[at];
                if seen.is_held() && seen.generation == lease.generation {
                    state.threads[thread].step = Step::Release { slot, seen };
                } else {
                    self.finish(state, thread);
                }
            }
            Step::Release { slot, seen } => {
                if state.records[at] != seen {
                    state.threads[thread].step = Step::Own { slot };
                    return;
                }
                let until = now + self.program.cooldown;
                let has_cooldown = self.program.cooldown != 0;
                state.records[at].kind = match has_cooldown {
                    true => Kind::Cooling,
                    false => Kind::Free,
                };
                state.records[at].until = until;
                state.truths[at].is_live = false;
                state.truths[at].answered = None;
                state.truths[at].rest = until;
                if has_cooldown {
                    self.finish(state, thread);
                } else {
                    state.threads[thread].step = Step::Give { slot };
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
    }

    fn pass_step(&self, state: &mut State, thread: usize) -> Taken {
        let until = state.threads[thread].now + 1;
        match state.threads[thread].step {
            Step::Snapshot { slot } => {
                let seen = state.records[usize::from(slot)];
                if seen.kind == Kind::Leased {
                    state.threads[thread].step = Step::Apply { slot, seen };
                    return Ok(());
                }
            }
            Step::Apply { slot, seen } => {
                let record = &mut state.records[usize::from(slot)];
                if *record == seen {
                    record.kind = Kind::Withdrawn;
                    record.until = until;
                    let written = *record;
                    let truth = &mut state.truths[usize::from(slot)];
                    truth.is_live = false;
                    truth.answered = None;
                    truth.rest = until;
                    state.threads[thread].step = Step::Undo {
                        slot,
                        seen,
                        written,
                    };
                    return Ok(());
                }
            }
            Step::Undo {
                slot,
                seen,
                written,
            } => {
                let at = usize::from(slot);
                if state.records[at] == written {
                    state.records[at] = seen;
                    let truth = &mut state.truths[at];
                    if truth.is_live {
                        return Err("an address has two holders");
                    }
                    truth.is_live = true;
                    truth.answered = truth.owners[usize::from(seen.generation)];
                    truth.rest = u8::MAX;
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        }
        self.finish(state, thread);
        Ok(())
    }

    fn scan_step(&self, state: &mut State, thread: usize) {
        let now = state.threads[thread].now;
        let (slot, next) = match state.threads[thread].step {
            Step::Scan { slot } => {
                let seen = state.records[usize::from(slot)];
                match seen.due(self.program.cooldown) <= now {
                    true => (slot, Some(Step::Free { slot, seen })),
                    false => (slot, None),
                }
            }
            Step::Free { slot, seen } if state.records[usize::from(slot)] == seen => {
                state.records[usize::from(slot)].kind = Kind::Free;
                state.records[usize::from(slot)].until = 0;
                state.truths[usize::from(slot)].is_live = false;
                state.truths[usize::from(slot)].answered = None;
                (slot, Some(Step::Give { slot }))
            }
            Step::Free { slot, .. } => (slot, None),
            Step::Give { slot } => {
                state.tokens |= 1 << slot;
                (slot, None)
            }
            other => unreachable!("{other:?} is of another kind"),
        };
        let is_sweep = matches!(self.op(state, thread), Some(Op::Sweep));
        match next {
            Some(step) => state.threads[thread].step = step,
            None if is_sweep && slot + 1 < self.slots() => {
                state.threads[thread].step = Step::Scan { slot: slot + 1 };
            }
            None => self.finish(state, thread),
        }
    }
}
