//! What a pass over a set found, and the effects of applying it.

use crate::pool::reconcile::Facts;
use crate::reconcile::{self, EntryCounts, SlotCounts};
use crate::set::MemberId;
use crate::users::Problem;

/// What a pass over a set found, and what to do about it. Plain data, which can be stored in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Plan {
    /// When all barriers were up, in milliseconds since 1970.
    pub began_ms: u64,
    /// When the list had been read, in milliseconds since 1970.
    pub finished_ms: u64,
    /// The `grace` by which orphans were judged, in milliseconds.
    pub grace_ms: u64,
    /// The entries of the whole list, by result: each is in exactly one count. `out_of_range` counts addresses that are
    /// in no member.
    pub entries: EntryCounts,
    /// The addresses of all members, by result.
    pub slots: SlotCounts,
    /// How many addresses of the members are listed.
    pub listed: u64,
    /// How many addresses the longest earlier lists contained, summed over the members; see
    /// [`reconcile::Plan::listed_before`].
    pub listed_before: Option<u64>,
    /// Whether the list is unclear because of an entry. It is then unclear for every member.
    pub is_unclear: bool,
    /// The plans of the members.
    pub members: Vec<MemberPlan>,
    /// The first 100 entries that deserve attention, in list order.
    pub problems: Vec<Problem>,
}

/// What a pass over a set found in one member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MemberPlan {
    /// The member. In another process, it may have another number; `plan.pool` identifies the pool.
    pub id: MemberId,
    /// Its network, or its first and last address.
    pub name: String,
    /// The plan that the member's own pass would have made from its part of the list. `entries` counts the entries that
    /// were for this member; if it is the only member, it counts all of them.
    pub plan: reconcile::Plan,
}

/// The effect of applying a plan for a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "it says whether two may hold one address"]
#[non_exhaustive]
pub struct Applied {
    /// The effects in all members together.
    pub total: reconcile::Applied,
    /// The effects in each member of the plan, in the order of the plan.
    pub members: Vec<reconcile::Applied>,
}

/// The effect of undoing a plan for a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "it says what could not be taken back"]
#[non_exhaustive]
pub struct Undone {
    /// The effects in all members together.
    pub total: reconcile::Undone,
    /// The effects in each member of the plan, in the order of the plan.
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
            // All barriers were up at the latest of these times, and the list was read before the earliest of those.
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

    /// Returns whether all pools and the list agree; see [`reconcile::Plan::is_in_order`].
    pub fn is_in_order(&self) -> bool {
        !self.slots.have_drift() && !self.entries.has_odd()
    }

    /// Returns the facts that the rules check, for the list as a whole.
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
