//! Holds the reconcilers of all members.

use super::error::ReconcilerError;
use super::pass::Pass;
use super::plan::{MemberPlan, Plan};
use crate::network::Network;
use crate::reconcile::{self, Options, PoolIdentity};
use crate::set::member::Member;
use crate::set::{MemberId, PoolSet};

/// Compares a set of pools with the list of its users, pass by pass, and repairs it: a [`reconcile::Reconciler`] for
/// each member, and one list for all of them.
///
/// It frees the same addresses at the same times as separate reconcilers that each get their own part of the list. In
/// addition, all barriers are up before a pass begins to read, every entry is counted once, and the rules of all
/// members are checked before anything is freed in one of them.
///
/// Drained members and members with cordons are included. A member that is added takes part in the next pass. As long
/// as there is a reconciler, no member can be removed, because [`remove`](PoolSet::remove) needs exclusive access.
///
/// ```
/// use hostbits::{Pool, PoolSet, reconcile};
/// use std::time::Duration;
///
/// let pool = |net: &str| Pool::new(net.parse::<ipnet::Ipv4Net>().unwrap());
/// let set = PoolSet::new([pool("10.0.0.0/30")?, pool("10.0.1.0/24")?])?;
/// let held = set.allocate_many(3)?;
///
/// // No user joins or leaves meanwhile, so the first sighting is enough.
/// let options = reconcile::Options::new().grace(Duration::ZERO);
/// let mut reconciler = set.reconciler_with(options)?;
/// let mut pass = reconciler.begin()?;
/// pass.read(&held[..2]);                     // read the list only now
/// let plan = pass.finish(2)?;                // it has two entries
/// assert_eq!((plan.slots.matched, plan.slots.ripe), (2, 1));
/// assert_eq!(reconciler.apply(&plan)?.total.freed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reconciler<'s, N: Network> {
    pub(super) set: &'s PoolSet<N>,
    pub(super) options: Options,
    /// The reconcilers by number of the member; `None` for removed ones.
    pub(super) reconcilers: Vec<Option<reconcile::Reconciler<'s, N>>>,
    began_anew: Vec<MemberId>,
}

impl<N: Network> PoolSet<N> {
    /// Creates a reconciler for all members, with a [`grace`](Options::grace) of ten minutes.
    ///
    /// # Errors
    ///
    /// Returns a [`ReconcilerError`] with the member that refuses: it is already being reconciled, its pool file is
    /// poisoned, or this process is a fork. Then no member is being reconciled by this call.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let reconciler = set.reconciler()?;
    /// assert_eq!(set.reconciler().unwrap_err().code(), "busy");
    /// # drop(reconciler);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconciler(&self) -> Result<Reconciler<'_, N>, ReconcilerError> {
        self.reconciler_with(Options::default())
    }

    /// Creates a reconciler with options, which apply to every member.
    ///
    /// # Errors
    ///
    /// The same errors as [`reconciler`](Self::reconciler).
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet, reconcile, users::Unreadable};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.0.8/29".parse()?)?,
    /// ])?;
    /// let options = reconcile::Options::new().unreadable(Unreadable::Refuse);
    /// let mut reconciler = set.reconciler_with(options)?;
    /// let mut pass = reconciler.begin()?;
    /// pass.read(["10.0.0.4-10.0.0.11"]);          // a block may span members
    /// let plan = pass.finish(1)?;
    /// assert_eq!((plan.entries.blocks, plan.slots.missing), (1, 3 + 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconciler_with(&self, options: Options) -> Result<Reconciler<'_, N>, ReconcilerError> {
        let mut reconciler = Reconciler {
            set: self,
            options: options.started(),
            reconcilers: Vec::new(),
            began_anew: Vec::new(),
        };
        reconciler.take_new_members()?;
        Ok(reconciler)
    }

    /// Creates a reconciler that continues where [`Reconciler::leave_open`] has stopped, in this process or in another
    /// one, with the sightings of its plan in each member.
    ///
    /// A member whose sightings are void starts anew, while the others continue. This affects a member that the plan
    /// does not contain, a pool file that was closed by every process meanwhile, and a pool that was reconciled
    /// meanwhile; [`began_anew`](Reconciler::began_anew) returns these members. Members of the plan that are no longer
    /// in the set are left alone. The barrier of such a pool stays up, which is harmless, until a reconciler of that
    /// pool has begun a pass and is dropped.
    ///
    /// # Errors
    ///
    /// The same errors as [`reconciler`](Self::reconciler). The plan stays valid.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let mut first = set.reconciler()?;
    /// let plan = first.begin()?.finish(0)?;
    /// let plan = first.leave_open(plan);
    /// let second = set.resume_reconciler(Default::default(), &plan)?;
    /// assert_eq!(second.began_anew(), []);
    /// # drop(second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume_reconciler(
        &self,
        options: Options,
        plan: &Plan,
    ) -> Result<Reconciler<'_, N>, ReconcilerError> {
        // All of them first: continuing uses up the number in the plan, which is still needed if a member refuses.
        let mut reconciler = self.reconciler_with(options)?;
        reconciler.go_on_from(plan);
        Ok(reconciler)
    }
}

impl<'s, N: Network> Reconciler<'s, N> {
    /// Begins a pass: puts the barriers of all members up, and reads their states. Read the list only after this.
    ///
    /// # Errors
    ///
    /// Returns a [`ReconcilerError`] with the member that refuses: its pool file is poisoned, this process is a fork,
    /// or it is a new member that is already being reconciled. There is no pass then, and an earlier plan can no longer
    /// be applied.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let mut reconciler = set.reconciler()?;
    /// drop(reconciler.begin()?);                 // nothing has changed
    /// set.add(Pool::new("10.0.1.0/24".parse()?)?)?;
    /// let mut pass = reconciler.begin()?;        // with the new member
    /// let late = set.allocate()?;                // marked: not an orphan, though no list has it yet
    /// assert_eq!((pass.finish(0)?.slots.orphan), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin(&mut self) -> Result<Pass<'_, 's, N>, ReconcilerError> {
        self.take_new_members()?;
        let (set, options) = (self.set, &self.options);
        let mut passes = Vec::with_capacity(self.reconcilers.len());
        for (index, reconciler) in self.reconcilers.iter_mut().enumerate() {
            passes.push(match reconciler {
                None => None,
                Some(reconciler) => {
                    let pass = reconciler.begin();
                    Some(pass.map_err(|error| refusal(set, index, error))?)
                }
            });
        }
        Ok(Pass::new(set, options, passes))
    }

    /// Stops, and leaves the barriers up for [`resume_reconciler`](PoolSet::resume_reconciler); see
    /// [`reconcile::Reconciler::leave_open`].
    #[must_use = "the pass can be resumed only with the plan"]
    pub fn leave_open(mut self, mut plan: Plan) -> Plan {
        let places = self.places();
        for member in &mut plan.members {
            let place = places.iter().find(|(of, _)| *of == member.plan.pool);
            let reconciler = place.and_then(|&(_, index)| self.reconcilers[index].take());
            if let Some(reconciler) = reconciler {
                reconciler.leave_open_for(&mut member.plan);
            }
        }
        plan
    }

    /// Returns the members that did not continue from the plan of [`resume_reconciler`](PoolSet::resume_reconciler),
    /// because its sightings of them are void.
    pub fn began_anew(&self) -> &[MemberId] {
        &self.began_anew
    }

    /// Adds reconcilers for the members that were added since: for all, or for none.
    fn take_new_members(&mut self) -> Result<(), ReconcilerError> {
        let set = self.set;
        let mut taken = Vec::new();
        for index in self.reconcilers.len()..set.members.len() {
            taken.push(match set.members.get(index) {
                None => None,
                Some(member) => {
                    let reconciler = member.pool.reconciler_with(self.options.clone());
                    Some(reconciler.map_err(|error| refusal(set, index, error))?)
                }
            });
        }
        self.reconcilers.extend(taken);
        Ok(())
    }

    fn go_on_from(&mut self, plan: &Plan) {
        let places = self.places();
        for (identity, index) in places {
            let Some(reconciler) = &mut self.reconcilers[index] else {
                continue;
            };
            let is_same = |member: &&MemberPlan| member.plan.pool == identity;
            let known = plan.members.iter().find(is_same);
            if !known.is_some_and(|member| reconciler.go_on_from(&member.plan)) {
                self.began_anew.push(MemberId(index as u32));
            }
        }
    }

    /// Returns which pool is reconciled at which index.
    pub(super) fn places(&self) -> Vec<(PoolIdentity, usize)> {
        let held = self.reconcilers.iter().enumerate();
        let held =
            held.filter_map(|(index, it)| Some((it.as_ref()?.pool().plan_identity(), index)));
        held.collect()
    }
}

fn refusal<N: Network>(
    set: &PoolSet<N>,
    index: usize,
    error: reconcile::ReconcilerError,
) -> ReconcilerError {
    let member = set.members.get(index);
    ReconcilerError {
        id: MemberId(index as u32),
        member: member.map_or_else(String::new, Member::name),
        error,
    }
}

impl<N: Network> std::fmt::Debug for Reconciler<'_, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconciler")
            .field("options", &self.options)
            .field("members", &self.reconcilers)
            .finish_non_exhaustive()
    }
}
