//! What a pass over a set found, and what became of it.

use crate::pool::reconcile::Facts;
use crate::reconcile::{self, EntryCounts, SlotCounts};
use crate::set::MemberId;
use crate::users::Problem;

/// What a pass over a set found, and what is to be done about it. Plain data: it can be kept in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Plan {
    /// When all barriers were up, in milliseconds since 1970.
    pub began_ms: u64,
    /// When the list had been read.
    pub finished_ms: u64,
    /// The `grace` that the orphans were judged by.
    pub grace_ms: u64,
    /// What became of the entries of the whole list: each is in exactly one count. `out_of_range` are the
    /// addresses that no member has.
    pub entries: EntryCounts,
    /// What became of the addresses of all members.
    pub slots: SlotCounts,
    /// How many addresses of the members are listed.
    pub listed: u64,
    /// How many the longest lists before this one had, added up over the members: see
    /// [`reconcile::Plan::listed_before`].
    pub listed_before: Option<u64>,
    /// Whether an entry leaves open what the list says. Then it does for every member.
    pub is_unclear: bool,
    /// What there is to do in each member.
    pub members: Vec<MemberPlan>,
    /// The first 100 entries that deserve a look, in the order of the list.
    pub problems: Vec<Problem>,
}

/// What a pass over a set found in one member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MemberPlan {
    /// The member. Another process may give it another number: `plan.pool` says for sure which pool it is.
    pub id: MemberId,
    /// Its network, or its first and last address.
    pub name: String,
    /// The plan that its own pass would have made of its own part of the list. `entries` has those that
    /// were for this member; the only member of a set has all of them.
    pub plan: reconcile::Plan,
}

/// What applying a plan of a set did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Applied {
    /// In all members.
    pub total: reconcile::Applied,
    /// In each member of the plan, in its order.
    pub members: Vec<reconcile::Applied>,
}

/// What undoing a plan of a set did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Undone {
    /// In all members.
    pub total: reconcile::Undone,
    /// In each member of the plan, in its order.
    pub members: Vec<reconcile::Undone>,
}

impl Plan {
    pub(super) fn new(
        grace_ms: u64,
        entries: EntryCounts,
        is_unclear: bool,
        members: Vec<MemberPlan>,
        problems: Vec<Problem>,
    ) -> Self {
        let plans = || members.iter().map(|member| &member.plan);
        let mut slots = SlotCounts::default();
        plans().for_each(|plan| slots.add(&plan.slots));
        Self {
            // All were up at the last of these, and the list was read before the first of those.
            began_ms: plans().map(|plan| plan.began_ms).max().unwrap_or(0),
            finished_ms: plans().map(|plan| plan.finished_ms).min().unwrap_or(0),
            grace_ms,
            entries,
            slots,
            listed: plans().map(|plan| plan.listed).sum(),
            listed_before: plans()
                .filter_map(|plan| plan.listed_before)
                .reduce(|a, b| a + b),
            is_unclear,
            members,
            problems,
        }
    }

    /// Whether all pools and the list say the same: see [`reconcile::Plan::is_in_order`].
    pub fn is_in_order(&self) -> bool {
        !self.slots.have_drift() && !self.entries.has_odd()
    }

    /// What the rules look at, of the list as a whole.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            ripe: self.slots.ripe,
            taken: self.slots.taken(),
            listed: self.listed,
            listed_before: self.listed_before,
            finished_ms: self.finished_ms,
            is_unclear: self.is_unclear,
            unparseable: self.entries.unparseable,
        }
    }
}
