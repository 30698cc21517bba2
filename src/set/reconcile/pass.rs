//! One pass over all members, from the barriers to the plan.

use super::plan::{MemberPlan, Plan};
use crate::network::Network;
use crate::pool::BlockSays;
use crate::pool::reconcile::check_whole;
use crate::reconcile::{self, PassError};
use crate::set::list::{Route, Router};
use crate::set::{MemberId, PoolSet};
use crate::users::{Record, Unreadable};

/// A pass over a set that has begun: give it the whole list, then finish it.
///
/// If it is dropped, nothing changes.
#[must_use = "a pass without a list finds nothing"]
pub struct Pass<'r, 's, N: Network> {
    router: Router<'s, N>,
    /// The passes by number of the member; `None` for removed ones.
    members: Vec<Option<MemberPass<'r, 's, N>>>,
    unreadable: Unreadable,
    grace_ms: u64,
    is_incomplete: bool,
}

/// One member's share of the pass.
struct MemberPass<'r, 's, N: Network> {
    pass: reconcile::Pass<'r, 's, N>,
    entries: u64,
}

impl<'r, 's, N: Network> Pass<'r, 's, N> {
    /// Combines passes that have all begun.
    pub(super) fn new(
        set: &'s PoolSet<N>,
        options: &reconcile::Options,
        passes: Vec<Option<reconcile::Pass<'r, 's, N>>>,
    ) -> Self {
        let member = |pass| MemberPass { pass, entries: 0 };
        Self {
            router: Router::up_to(set, passes.len()),
            unreadable: options.unreadable,
            members: passes.into_iter().map(|pass| pass.map(member)).collect(),
            grace_ms: options.grace_ms(),
            is_incomplete: false,
        }
    }

    /// Reads a list, or a part of it. If the iterator panics, the pass makes no plan. Each entry is for the member that
    /// contains its address; a block may be for several members, and counts once.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([
    ///     Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?,
    ///     Pool::new("10.0.4.0/22".parse()?)?,
    /// ])?;
    /// let mut reconciler = set.reconciler()?;
    /// let mut pass = reconciler.begin()?;
    /// pass.read(["10.0.0.2", "10.0.5.9"]);
    /// pass.read([("10.9.9.9", "bob")]);
    /// let plan = pass.finish(3)?;
    /// assert_eq!((plan.entries.missing, plan.entries.out_of_range), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&mut self, users: impl IntoIterator<Item = impl Record>) {
        // Until the end is reached; see `try_read`.
        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);
        for user in users {
            self.read_one(&user);
        }
        self.is_incomplete = was_incomplete;
    }

    /// Reads a list that may fail. After an error, the pass makes no plan.
    ///
    /// # Errors
    ///
    /// Returns the first error of the list.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let mut reconciler = set.reconciler()?;
    /// let mut pass = reconciler.begin()?;
    /// assert!(pass.try_read([Ok("10.0.0.2"), Err("the database went away")]).is_err());
    /// assert_eq!(pass.finish(1).unwrap_err().code(), "incomplete");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_read<E>(
        &mut self,
        users: impl IntoIterator<Item = Result<impl Record, E>>,
    ) -> Result<(), E> {
        // Until the end is reached: a list that panics has not been read completely either.
        let was_incomplete = std::mem::replace(&mut self.is_incomplete, true);
        for user in users {
            self.read_one(&user?);
        }
        self.is_incomplete = was_incomplete;
        Ok(())
    }

    fn read_one(&mut self, user: &impl Record) {
        let route = self.router.route(user);
        let position = self.router.position();
        match route {
            Route::None => {}
            Route::One(index) => {
                if let Some(member) = &mut self.members[index] {
                    member.pass.read_as(position, user);
                    member.entries += 1;
                }
            }
            Route::Several(members) => {
                let parts = members.into_iter().filter_map(|index| {
                    let member = self.members[index].as_mut()?;
                    Some(member.pass.read_part(position, user))
                });
                let says = parts.reduce(BlockSays::and);
                self.router.count_several(says, user);
            }
        }
    }

    /// Returns how many entries have been read.
    pub fn entries(&self) -> u64 {
        self.router.position()
    }

    /// Makes the plan, after the list has been read to its end. `entries` is how many entries the list should have; see
    /// [`reconcile::Pass::finish`].
    ///
    /// # Errors
    ///
    /// Returns a [`PassError`]. Nothing was changed, and the pass counts for no sighting, in any member.
    ///
    /// ```
    /// # use hostbits::{Pool, PoolSet};
    /// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
    /// let mut reconciler = set.reconciler()?;
    /// let mut pass = reconciler.begin()?;
    /// pass.read(["10.0.0.2"]);
    /// assert_eq!(pass.finish(2).unwrap_err().code(), "count-mismatch");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(self, entries: u64) -> Result<Plan, PassError> {
        check_whole(self.is_incomplete, entries, self.entries())?;
        let mut passes = self.members.iter().flatten();
        passes.try_for_each(|member| member.pass.check_gate())?;
        Ok(self.plan())
    }

    fn plan(self) -> Plan {
        let mut members = self.members.iter().flatten();
        let is_unclear = self.router.is_unclear(self.unreadable)
            || members.any(|member| member.pass.is_unclear());
        let members = self.members.into_iter().zip(0..);
        let members = members.filter_map(|(member, index)| {
            let MemberPass { pass, entries } = member?;
            // An entry that one member cannot read may be for any of them.
            let plan = pass.plan_share(entries, is_unclear);
            Some(MemberPlan {
                id: MemberId(index),
                name: self.router.name_of(index as usize),
                plan,
            })
        });
        let members: Vec<_> = members.collect();
        let (entries, problems) = self.router.joined_plans(&members);
        Plan::new(self.grace_ms, entries, is_unclear, members, problems)
    }
}
