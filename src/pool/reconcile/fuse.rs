//! The safety rules that keep a plan from freeing anything.

use crate::plan::{Fuse, Plan};
use std::time::Duration;

/// How many addresses may always be freed.
const ALWAYS: u64 = 16;
/// The share of taken addresses that may be freed: one in this many.
const SHARE: u64 = 10;
/// The maximum age of a plan.
const LONGEST_AGE: Duration = Duration::from_secs(15 * 60);

/// The facts that the rules check, of a plan or of all plans for one list.
pub(crate) struct Facts {
    /// How many addresses would be freed.
    pub(crate) ripe: u64,
    pub(crate) taken: u64,
    /// How many addresses are listed.
    pub(crate) listed: u64,
    pub(crate) listed_before: Option<u64>,
    /// When the list had been read, in milliseconds since 1970.
    pub(crate) finished_ms: u64,
    pub(crate) is_unclear: bool,
    /// How many entries of the list cannot be read.
    pub(crate) unparseable: u64,
}

impl Facts {
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            ripe: plan.slots.ripe,
            taken: plan.slots.taken(),
            listed: plan.listed,
            listed_before: plan.listed_before,
            finished_ms: plan.finished_ms,
            is_unclear: plan.is_unclear,
            unparseable: plan.entries.unparseable,
        }
    }
}

/// Returns the rule that forbids to free the ripe addresses, if there is one. `allowed` is the number that the caller
/// has explicitly allowed, for the rules that are about numbers.
pub(crate) fn blown(plan: &Facts, now_ms: u64, allowed: Option<u64>) -> Option<Fuse> {
    let ripe = plan.ripe;
    if ripe == 0 {
        return None;
    }
    if plan.is_unclear {
        return Some(Fuse::Unclear {
            unparseable: plan.unparseable,
        });
    }
    let age = Duration::from_millis(now_ms.saturating_sub(plan.finished_ms));
    if age > LONGEST_AGE {
        return Some(Fuse::Stale { age });
    }
    match allowed {
        Some(allowed) if ripe <= allowed => None,
        Some(limit) => Some(Fuse::TooMany { ripe, limit }),
        None => by_number(plan),
    }
}

fn by_number(plan: &Facts) -> Option<Fuse> {
    let (ripe, listed) = (plan.ripe, plan.listed);
    if listed == 0 {
        return Some(Fuse::EmptyList { ripe });
    }
    if let Some(before) = plan
        .listed_before
        .filter(|&before| listed < before.div_ceil(2))
    {
        return Some(Fuse::Shrunk {
            listed,
            before,
            ripe,
        });
    }
    let limit = ALWAYS.max(plan.taken / SHARE);
    (ripe > limit).then_some(Fuse::TooMany { ripe, limit })
}
