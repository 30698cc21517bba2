//! The rules that keep a plan from freeing anything.

use crate::reconcile::{Fuse, Plan};
use std::time::Duration;

/// So few may always be freed.
const ALWAYS: u64 = 16;
/// One of so many of what is taken may be freed.
const SHARE: u64 = 10;
/// How old a plan may be.
const LONGEST_AGE: Duration = Duration::from_secs(15 * 60);

/// The rule that forbids to free what is ripe in a plan, if there is one. `allowed` is the number that the
/// caller has allowed by name, for the rules that are about numbers.
pub(super) fn blown(plan: &Plan, now_ms: u64, allowed: Option<u64>) -> Option<Fuse> {
    let ripe = plan.slots.ripe;
    if ripe == 0 {
        return None;
    }
    if plan.is_unclear {
        return Some(Fuse::Unclear {
            unparseable: plan.entries.unparseable,
            ambiguous: plan.entries.ambiguous,
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

fn by_number(plan: &Plan) -> Option<Fuse> {
    let (ripe, listed) = (plan.slots.ripe, plan.listed);
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
    let limit = ALWAYS.max(plan.slots.taken() / SHARE);
    (ripe > limit).then_some(Fuse::TooMany { ripe, limit })
}
