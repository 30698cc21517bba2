//! Every entry of a list is in exactly one category.

use hostbits::reconcile::EntryCounts;

/// How many entries there are in all categories.
pub(crate) fn sum(of: &EntryCounts) -> u64 {
    of.matched
        + of.missing
        + of.conflict_taken
        + of.offered
        + of.cooling
        + of.duplicate
        + of.repeated
        + of.reserved_in_use
        + of.out_of_range
        + of.wrong_family
        + of.own
        + of.blocks
        + of.routes
        + of.passed
        + of.unassigned
        + of.unparseable
}
