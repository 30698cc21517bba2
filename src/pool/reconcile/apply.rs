//! Frees ripe orphans, takes missing addresses, and undoes plans.

use super::fuse::{Facts, blown};
use super::reconciler::Reconciler;
use crate::network::Network;
use crate::plan::{Applied, ApplyError, Plan, PlanRange, Undone};
use crate::pool::Pool;
use crate::slot::{Slot, bits_within, slots_in, words_within};
use crate::stats::Event;
use std::sync::atomic::Ordering;

impl<N: Network> Pool<N> {
    /// Returns whether a gate in phase "applying" belongs to a live reconciler. In doubt, yes.
    pub(in crate::pool) fn is_anybody_freeing(&self) -> bool {
        // Relaxed: it was stored before the gate changed, which the caller has seen.
        self.is_freeing.load(Ordering::Relaxed)
            || self
                .words
                .file()
                .is_some_and(|file| file.is_reconciled_elsewhere())
    }
}

impl<N: Network> Reconciler<'_, N> {
    /// Applies the latest plan: frees each ripe orphan that is still taken and untouched, and takes each missing
    /// address that is still free.
    ///
    /// Each step is a single instruction, and can be repeated. If the process dies halfway, or an error occurs, the
    /// pool is consistent, and the plan can be applied again.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Fuse`] if a safety rule forbids to free: the list is empty, has less than half as many addresses
    /// as the longest one since something was freed, or has unreadable entries; more than 16 addresses and more than a
    /// tenth of the taken ones would be freed; or the plan is older than 15 minutes. Otherwise, the plan is not the
    /// latest of this pool, or the pool is poisoned. Nothing was changed.
    ///
    /// ```
    /// # use hostbits::{Pool, reconcile};
    /// # use std::time::Duration;
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate_many(100)?;
    /// let options = reconcile::Options::new().grace(Duration::ZERO);
    /// let mut reconciler = pool.reconciler_with(options)?;
    /// let plan = reconciler.begin()?.finish(0)?;
    /// assert_eq!(reconciler.apply(&plan).unwrap_err().code(), "empty-list");
    /// assert_eq!(pool.allocated(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&mut self, plan: &Plan) -> Result<Applied, ApplyError> {
        self.apply_if(plan, None)
    }

    /// Applies like [`apply`](Self::apply), but allows up to `most` addresses to be freed, regardless of how many are
    /// taken or listed. The other rules still apply.
    ///
    /// # Errors
    ///
    /// The errors of [`apply`](Self::apply), and [`ApplyError::Fuse`] if more addresses would be freed.
    ///
    /// ```
    /// # use hostbits::{Pool, reconcile};
    /// # use std::time::Duration;
    /// # let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// # pool.allocate_many(100)?;
    /// # let options = reconcile::Options::new().grace(Duration::ZERO);
    /// # let mut reconciler = pool.reconciler_with(options)?;
    /// let plan = reconciler.begin()?.finish(0)?;
    /// assert!(reconciler.apply_at_most(&plan, 99).is_err());
    /// assert_eq!(reconciler.apply_at_most(&plan, 100)?.freed, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply_at_most(&mut self, plan: &Plan, most: u64) -> Result<Applied, ApplyError> {
        self.apply_if(plan, Some(most))
    }

    fn apply_if(&mut self, plan: &Plan, allowed: Option<u64>) -> Result<Applied, ApplyError> {
        self.check_latest(plan)?;
        if let Some(fuse) = blown(&Facts::of(plan), self.now_ms(), allowed) {
            return Err(fuse.into());
        }
        Ok(self.apply_checked(plan))
    }

    /// Checks that a plan is the latest one of this pool, and that the barrier has been up since.
    pub(crate) fn check_latest(&self, plan: &Plan) -> Result<(), ApplyError> {
        self.check(plan)?;
        let is_ours = |gate| self.pool.words.gate_again().is_as(gate);
        if self.accepts != Some(plan.number) || !self.gate.is_some_and(is_ours) {
            return Err(ApplyError::Superseded);
        }
        Ok(())
    }

    /// Applies a plan that is the latest one, and that no rule forbids.
    pub(crate) fn apply_checked(&mut self, plan: &Plan) -> Applied {
        let mut applied = Applied::default();
        self.free_ripe(plan, &mut applied);
        if applied.freed != 0 {
            self.listed_before = Some(plan.listed);
        }
        self.adopt_missing(plan, &mut applied);
        applied
    }

    /// Takes the addresses that were ripe in a plan again if they are free, and reports those that are not: they were
    /// never freed, or were allocated again since.
    ///
    /// # Errors
    ///
    /// The plan belongs to another pool, or the pool is poisoned. Nothing was changed.
    ///
    /// ```
    /// # use hostbits::{Pool, reconcile};
    /// # use std::time::Duration;
    /// # let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// # let options = reconcile::Options::new().grace(Duration::ZERO);
    /// # let mut reconciler = pool.reconciler_with(options)?;
    /// pool.allocate_many(3)?;
    /// let plan = reconciler.begin()?.finish(0)?;
    /// reconciler.apply_at_most(&plan, 3)?;
    /// let other = pool.allocate()?;
    /// let undone = reconciler.undo(&plan)?;
    /// assert_eq!((undone.taken_back, undone.not_free), (2, 1));
    /// assert_eq!(undone.not_free_addrs, [other]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn undo(&mut self, plan: &Plan) -> Result<Undone, ApplyError> {
        self.check(plan)?;
        Ok(self.undo_checked(plan))
    }

    /// Undoes a plan that belongs to this pool.
    pub(crate) fn undo_checked(&mut self, plan: &Plan) -> Undone {
        let mut undone = Undone::default();
        for slot in self.slots_in_state(plan, Plan::RIPE) {
            if self.pool.take_exact(slot) {
                undone.taken_back += 1;
            } else {
                undone.not_free += 1;
                if undone.not_free_addrs.len() < Undone::MOST_NAMED {
                    let addr = self.pool.geometry.addr_of(slot).into();
                    undone.not_free_addrs.push(addr);
                }
            }
        }
        self.pool.note_adopted(undone.taken_back);
        undone
    }

    /// Checks that a plan belongs to this pool, and that the pool can be changed.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), ApplyError> {
        if plan.version != Plan::VERSION {
            return Err(ApplyError::Version {
                version: plan.version,
            });
        }
        if plan.pool != self.pool.plan_identity() {
            return Err(ApplyError::OtherPool);
        }
        match self.pool.words.file().and_then(|file| file.refusal()) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    fn free_ripe(&mut self, plan: &Plan, applied: &mut Applied) {
        let ripe = self.ranges_in_state(plan, Plan::RIPE);
        if ripe.is_empty() {
            // Other threads need not know: a claim that waits for its sync may still be returned afterwards.
            return;
        }
        let words = &self.pool.words;
        // Relaxed: it comes before the gate, whose change is a Release. A thread that sees us apply sees this.
        self.pool.is_freeing.store(true, Ordering::Relaxed);
        words.gate_word().apply();
        for (first, last) in ripe {
            for word_index in words_within(first, last) {
                let ripe = bits_within(word_index, first, last);
                let freed = self.free_untouched(word_index, ripe);
                applied.freed += freed;
                applied.spared += u64::from(ripe.count_ones()) - freed;
            }
        }
        // A new number: a thread that has seen "collecting" before must not take this for the same phase.
        self.gate = Some(words.gate_word().collect());
        // Relaxed: a thread that sees this too soon checks the gate again as well.
        self.pool.is_freeing.store(false, Ordering::Relaxed);
        self.pool.counters.count(Event::Released, applied.freed);
    }

    /// Frees the slots of a word that are taken and untouched, and returns how many.
    fn free_untouched(&self, word_index: usize, ripe: u64) -> u64 {
        // The word first, then its marks: a slot that was claimed since was marked before, and is spared. In the other
        // order, a claim and its mark would fit in between.
        let taken = ripe & !self.pool.bitmap().free_in(word_index);
        let untouched = taken & !self.pool.words.touched_or_new().bits(word_index);
        if untouched == 0 {
            return 0;
        }
        let free_before = self.pool.bitmap().release_bits(word_index, untouched);
        u64::from((untouched & !free_before).count_ones())
    }

    fn adopt_missing(&mut self, plan: &Plan, applied: &mut Applied) {
        for slot in self.slots_in_state(plan, Plan::MISSING) {
            if self.pool.take_exact(slot) {
                applied.adopted += 1;
            } else {
                applied.conflicts += 1;
            }
        }
        self.pool.note_adopted(applied.adopted);
    }

    fn slots_in_state(&self, plan: &Plan, state: &str) -> impl Iterator<Item = Slot> + use<N> {
        let ranges = self.ranges_in_state(plan, state).into_iter();
        ranges.flat_map(|(first, last)| {
            let words = words_within(first, last);
            words.flat_map(move |word| slots_in(word, bits_within(word, first, last)))
        })
    }

    fn ranges_in_state(&self, plan: &Plan, state: &str) -> Vec<(Slot, Slot)> {
        let is_in = |range: &&PlanRange| range.state == state;
        let ranges = plan.ranges.iter().filter(is_in);
        let slots = ranges.filter_map(|range| self.pool.slots_of_range(range));
        let usable = slots.flat_map(|(first, last)| self.pool.geometry.runs_within(first, last));
        usable.map(|run| (run.first, run.last)).collect()
    }
}
