//! Applies the plan of a pass: ends leases, and takes that back.

use super::pass::Latest;
use super::pool::LeasePool;
use super::time::{LONGEST, Tick, whole_seconds};
use super::word::{State, Word};
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::plan::{Applied, ApplyError, Plan, PlanRange, Undone};
use crate::pool::reconcile::{Facts, blown};
use crate::slot::Slot;
use crate::stats::Event;
use std::time::Duration;

impl<N: Network> LeasePool<N> {
    /// Applies the plan of the latest pass: ends each ripe lease that was not renewed, adopted or released since the pass
    /// began. Takes nothing: [`adopt`](Self::adopt) leases what is missing.
    ///
    /// The addresses rest for `undo_window`, and at least for the cooldown. Until then, [`undo`](Self::undo) takes it
    /// back, and only their own owners can get them. A window of more than four years counts as four years.
    ///
    /// Each step is one exchange, from exactly the word that the pass has seen. A plan can be applied again, and stored
    /// in between.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Fuse`] if a safety rule forbids to end anything; the rules are those of
    /// [`Reconciler::apply`](crate::reconcile::Reconciler::apply). [`ApplyError::Superseded`] if another pass has begun
    /// since. Otherwise, the plan is of another pool. Nothing was changed.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Released, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let (alice, lost) = (pool.allocate(Term::Forever)?, pool.allocate(Term::Forever)?);
    /// let mut pass = pool.pass()?;
    /// pass.read([alice]);
    /// let plan = pass.finish(1)?;
    /// assert_eq!(pool.apply(&plan, Duration::from_secs(3600))?.freed, 1);
    /// assert_eq!(pool.lease_of(lost.addr()), None);
    ///
    /// assert_eq!(pool.undo(&plan)?.taken_back, 1);
    /// assert_eq!(pool.lease_of(lost.addr()), Some(lost));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&self, plan: &Plan, undo_window: Duration) -> Result<Applied, ApplyError> {
        self.apply_if(plan, undo_window, None)
    }

    /// Applies like [`apply`](Self::apply), but allows up to `most` leases to be ended, regardless of how many there are
    /// or are listed. The other rules still apply.
    ///
    /// # Errors
    ///
    /// The errors of [`apply`](Self::apply), and [`ApplyError::Fuse`] if more leases would be ended.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate_many(100, Term::Forever)?;
    /// let (plan, hour) = (pool.pass()?.finish(0)?, Duration::from_secs(3600));
    /// assert_eq!(pool.apply(&plan, hour).unwrap_err().code(), "empty-list");
    /// assert!(pool.apply_at_most(&plan, hour, 99).is_err());
    /// assert_eq!(pool.apply_at_most(&plan, hour, 100)?.freed, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply_at_most(
        &self,
        plan: &Plan,
        undo_window: Duration,
        most: u64,
    ) -> Result<Applied, ApplyError> {
        self.apply_if(plan, undo_window, Some(most))
    }

    fn apply_if(
        &self,
        plan: &Plan,
        undo_window: Duration,
        allowed: Option<u64>,
    ) -> Result<Applied, ApplyError> {
        self.check_plan(plan)?;
        // No other pass can begin, and mark again what was renewed.
        let mut latest = self.passes.turn();
        if latest.number != plan.number {
            return Err(ApplyError::Superseded);
        }
        if let Some(fuse) = blown(&Facts::of(plan), self.now_ms(), allowed) {
            return Err(fuse.into());
        }
        Ok(self.apply_checked(plan, undo_window, &mut latest))
    }

    fn apply_checked(&self, plan: &Plan, undo_window: Duration, latest: &mut Latest) -> Applied {
        let window = whole_seconds(undo_window).min(LONGEST) as u32;
        // At least a second: an address that does not rest could not be taken back.
        let rest = self.cooldown.max(window).max(1);
        let mut applied = Applied::default();
        for (slot, range) in self.ripe_slots(plan) {
            *match self.end_unlisted(slot, range, rest) {
                true => &mut applied.freed,
                false => &mut applied.spared,
            } += 1;
        }
        if applied.freed != 0 {
            latest.listed_before = Some(plan.listed);
        }
        self.count(Event::Released, applied.freed);
        applied
    }

    /// Ends a lease, if its word is the one that the pass has seen. Returns whether it was.
    fn end_unlisted(&self, slot: Slot, range: &PlanRange, rest: u32) -> bool {
        let word = self.records.load(slot);
        let is_as_seen = word.state() == State::Leased
            && word.is_marked()
            && Some(self.generation_of(word)) == range.generation;
        is_as_seen && {
            let until = self.end_of_rest(word, rest);
            let ended = word.changed(State::Cooling, until).marked();
            self.records.exchange(slot, word, ended).is_ok()
        }
    }

    /// Takes back what a pass has ended: the ripe leases of a plan that still rest hold again, as long as they did
    /// before. Reports those that do not.
    ///
    /// A lease that its holder has released is not taken back, nor one whose address has had another holder since. The
    /// next pass will end it again if it still is not listed.
    ///
    /// # Errors
    ///
    /// The plan belongs to another pool, and nothing was changed; or the file cannot make it durable.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let leases = pool.allocate_many(3, Term::Forever)?;
    /// let plan = pool.pass()?.finish(0)?;
    /// pool.apply_at_most(&plan, Duration::from_secs(3600), 3)?;
    /// pool.adopt(Default::default(), [leases[1].addr()], |_| None)?; // It has another holder now.
    /// let undone = pool.undo(&plan)?;
    /// assert_eq!((undone.taken_back, undone.not_free), (2, 1));
    /// assert_eq!(undone.not_free_addrs, [leases[1].addr()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn undo(&self, plan: &Plan) -> Result<Undone, ApplyError> {
        self.check_plan(plan)?;
        let _turn = self.passes.turn();
        let mut undone = Undone::default();
        for (slot, range) in self.ripe_slots(plan) {
            if self.undo_slot(slot, range) {
                undone.taken_back += 1;
            } else {
                undone.not_free += 1;
                if undone.not_free_addrs.len() < Undone::MOST_NAMED {
                    let addr = self.pool.geometry().addr_of(slot).into();
                    undone.not_free_addrs.push(addr);
                }
            }
        }
        self.wait_until_durable()?;
        self.count_allocated(Event::Adopted, undone.taken_back);
        Ok(undone)
    }

    /// Makes a lease of a rest, if a pass has begun it. Returns whether it did.
    fn undo_slot(&self, slot: Slot, range: &PlanRange) -> bool {
        let word = self.records.load(slot);
        let is_ended_by_pass = word.state() == State::Cooling
            && word.is_marked()
            && Some(self.generation_of(word)) == range.generation;
        is_ended_by_pass && {
            let leased = word.changed(State::Leased, until_again(word, range));
            self.records.exchange(slot, word, leased).is_ok()
        }
    }

    fn check_plan(&self, plan: &Plan) -> Result<(), ApplyError> {
        if plan.version != Plan::VERSION {
            return Err(ApplyError::Version {
                version: plan.version,
            });
        }
        if plan.pool != self.pool.plan_identity() {
            return Err(ApplyError::OtherPool);
        }
        match self.refusal() {
            // A child of the process that opened the file sees no records.
            Some(FileRefusal::Forked) => Err(FileRefusal::Forked.into()),
            _ => Ok(()),
        }
    }

    fn ripe_slots<'p>(&'p self, plan: &'p Plan) -> impl Iterator<Item = (Slot, &'p PlanRange)> {
        let ripe = plan.ranges.iter().filter(|range| range.state == Plan::RIPE);
        ripe.flat_map(|range| {
            let ends = self.pool.slots_of_range(range).into_iter();
            let runs = ends.flat_map(|(first, last)| self.pool.geometry().runs_within(first, last));
            runs.flat_map(|run| run.first..=run.last)
                .map(move |slot| (slot, range))
        })
    }
}

/// Returns when a lease ends that holds again: as before, but not before the end of its rest.
fn until_again(word: Word, range: &PlanRange) -> Tick {
    let Some(until) = range.until else {
        return Tick::NEVER;
    };
    let last = u64::from(Tick::NEVER.number()) - 1;
    Tick::of_number(until.min(last) as u32).max(word.until())
}
