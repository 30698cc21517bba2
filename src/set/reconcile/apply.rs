//! Checks the rules of all members, and then frees ripe orphans and takes missing addresses, member by member.

use super::error::ApplyError;
use super::plan::{Applied, Plan, Undone};
use super::reconciler::Reconciler;
use crate::network::Network;
use crate::pool::reconcile::{Facts, blown};
use crate::reconcile;
use crate::set::MemberId;

impl<'s, N: Network> Reconciler<'s, N> {
    /// Applies the latest plan in every member; see [`reconcile::Reconciler::apply`].
    ///
    /// The rules are checked first: those of each member, and the same rules once more for all members together, as if
    /// they were one pool. If a rule forbids to free, nothing is done anywhere. So a list that lacks one network,
    /// because its file was forgotten, frees nothing in the others either. The set finds freed addresses at once.
    ///
    /// Each step is a single instruction, and can be repeated. If the process dies halfway, the members are consistent.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Fuse`] if a rule forbids to free; [`ApplyError::Member`] if a plan is not the latest one of its
    /// member, or if the member is poisoned or not in the set. Nothing was changed in any member.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet, reconcile};
    /// # use std::time::Duration;
    /// # let pool = |net: &str| Pool::new(net.parse::<ipnet::Ipv4Net>().unwrap());
    /// let set = PoolSet::new([pool("10.0.0.0/29")?, pool("10.0.1.0/24")?])?;
    /// let held = set.allocate_many(8)?;
    /// let options = reconcile::Options::new().grace(Duration::ZERO);
    /// let mut reconciler = set.reconciler_with(options)?;
    /// let mut pass = reconciler.begin()?;
    /// pass.read(&held[..4]);                     // nothing of the second network
    /// let plan = pass.finish(4)?;
    /// let error = reconciler.apply(&plan).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "10.0.1.0/24: the list contains no address of the pool; if that is right, allow the number: 4"
    /// );
    /// assert_eq!(set.allocated(), 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&mut self, plan: &Plan) -> Result<Applied, ApplyError> {
        self.apply_if(plan, None)
    }

    /// Applies like [`apply`](Self::apply), but allows up to `most` addresses to be freed in all members together,
    /// regardless of how many are taken or listed in each. The other rules still apply.
    ///
    /// # Errors
    ///
    /// The errors of [`apply`](Self::apply), and [`ApplyError::Fuse`] if more addresses would be freed.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet, reconcile};
    /// # use std::time::Duration;
    /// # let pool = |net: &str| Pool::new(net.parse::<ipnet::Ipv4Net>().unwrap());
    /// # let set = PoolSet::new([pool("10.0.0.0/29")?, pool("10.0.1.0/24")?])?;
    /// # set.allocate_many(8)?;
    /// # let options = reconcile::Options::new().grace(Duration::ZERO);
    /// # let mut reconciler = set.reconciler_with(options)?;
    /// let plan = reconciler.begin()?.finish(0)?;
    /// assert!(reconciler.apply_at_most(&plan, 7).is_err());
    /// assert_eq!(reconciler.apply_at_most(&plan, 8)?.total.freed, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply_at_most(&mut self, plan: &Plan, most: u64) -> Result<Applied, ApplyError> {
        self.apply_if(plan, Some(most))
    }

    fn apply_if(&mut self, plan: &Plan, allowed: Option<u64>) -> Result<Applied, ApplyError> {
        let places = self.check_members(plan, reconcile::Reconciler::check_latest)?;
        self.check_rules(plan, &places, allowed)?;
        let mut applied = Applied::default();
        for (member, index) in plan.members.iter().zip(places) {
            let done = match &mut self.reconcilers[index] {
                Some(reconciler) => reconciler.apply_checked(&member.plan),
                None => continue,
            };
            self.set.note_freed(index, done.freed);
            self.set.note_adopted(index, done.adopted);
            applied.total.add(&done);
            applied.members.push(done);
        }
        Ok(applied)
    }

    /// Takes the addresses that were ripe in a plan again if they are free, in every member, and reports those that are
    /// not; see [`reconcile::Reconciler::undo`].
    ///
    /// # Errors
    ///
    /// [`ApplyError::Member`] if a plan belongs to a pool that is not a member, or if a member is poisoned. Nothing was
    /// changed in any member.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet, reconcile};
    /// # use std::time::Duration;
    /// # let pool = |net: &str| Pool::new(net.parse::<ipnet::Ipv4Net>().unwrap());
    /// # let set = PoolSet::new([pool("10.0.0.0/29")?, pool("10.0.1.0/24")?])?;
    /// # let options = reconcile::Options::new().grace(Duration::ZERO);
    /// # let mut reconciler = set.reconciler_with(options)?;
    /// set.allocate_many(8)?;
    /// let plan = reconciler.begin()?.finish(0)?;
    /// reconciler.apply_at_most(&plan, 8)?;
    /// let other = set.allocate()?;
    /// let undone = reconciler.undo(&plan)?.total;
    /// assert_eq!((undone.taken_back, undone.not_free), (7, 1));
    /// assert_eq!(undone.not_free_addrs, [other]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn undo(&mut self, plan: &Plan) -> Result<Undone, ApplyError> {
        let places = self.check_members(plan, reconcile::Reconciler::check)?;
        let mut undone = Undone::default();
        for (member, index) in plan.members.iter().zip(places) {
            let done = match &mut self.reconcilers[index] {
                Some(reconciler) => reconciler.undo_checked(&member.plan),
                None => continue,
            };
            self.set.note_adopted(index, done.taken_back);
            undone.total.add(&done);
            undone.members.push(done);
        }
        Ok(undone)
    }

    /// Returns where each member of the plan is reconciled, if `check` accepts all of them.
    fn check_members(
        &self,
        plan: &Plan,
        check: impl Fn(
            &reconcile::Reconciler<'s, N>,
            &reconcile::Plan,
        ) -> Result<(), reconcile::ApplyError>,
    ) -> Result<Vec<usize>, ApplyError> {
        let places = self.places();
        let members = plan.members.iter().map(|member| {
            let refuse = |id, error| ApplyError::Member {
                id,
                member: member.name.clone(),
                error,
            };
            let place = places.iter().find(|(pool, _)| *pool == member.plan.pool);
            let index = place.map(|&(_, index)| index);
            let held = index.and_then(|index| Some((index, self.reconcilers[index].as_ref()?)));
            let (index, reconciler) =
                held.ok_or_else(|| refuse(None, reconcile::ApplyError::OtherPool))?;
            let id = Some(MemberId(index as u32));
            check(reconciler, &member.plan).map_err(|error| refuse(id, error))?;
            Ok(index)
        });
        members.collect()
    }

    /// Checks the rules of every member, and of the list as a whole.
    fn check_rules(
        &self,
        plan: &Plan,
        places: &[usize],
        allowed: Option<u64>,
    ) -> Result<(), ApplyError> {
        let now_ms = self.options.now_ms();
        let whole = plan.facts();
        let ripe = whole.ripe;
        let of_list = |fuse| ApplyError::Fuse {
            id: None,
            member: None,
            fuse,
            ripe,
        };
        // Unreadable entries and the age of the plan are the same for all members. An allowed number is a total.
        if let Some(it) = blown(&whole, now_ms, Some(allowed.unwrap_or(u64::MAX))) {
            return Err(of_list(it));
        }
        if allowed.is_some() {
            return Ok(());
        }
        // Members first, because a specific member is more informative.
        for (member, &index) in plan.members.iter().zip(places) {
            if let Some(fuse) = blown(&Facts::of(&member.plan), now_ms, None) {
                return Err(ApplyError::Fuse {
                    id: Some(MemberId(index as u32)),
                    member: Some(member.name.clone()),
                    fuse,
                    ripe,
                });
            }
        }
        blown(&whole, now_ms, None).map_or(Ok(()), |it| Err(of_list(it)))
    }
}
