//! The rows of `ratios`, and what each must not exceed: the one table by which the bench judges.

use crate::machine::Kind;

/// A row of `ratios`, with its limits.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the row.
    pub name: &'static str,
    /// The limit for the ratio to the reference where locked instructions are cheap.
    zen: Option<f64>,
    /// The same where they are dear.
    intel: Option<f64>,
    /// The limit for the ratio to the floor, on every machine.
    pub of_floor: Option<f64>,
}

impl Target {
    /// Returns the limit for the ratio to the reference.
    pub fn limit(&self, kind: Kind) -> Option<f64> {
        match kind {
            Kind::Zen => self.zen,
            Kind::Intel => self.intel,
        }
    }

    const fn of_floor(mut self, limit: f64) -> Self {
        self.of_floor = Some(limit);
        self
    }
}

/// All rows. The first limit is for `Kind::Zen`, the second for `Kind::Intel`.
pub const TARGETS: &[Target] = &[
    target("lowest_empty/24/off", 1.9, 1.4).of_floor(1.1),
    target("lowest_empty/16/off", 1.9, 1.4).of_floor(1.1),
    target("lowest_empty/8/off", 1.9, 1.4).of_floor(1.1),
    target("lowest_empty/24/counts", 2.4, 1.7),
    target("lowest_empty/16/counts", 2.4, 1.7),
    target("lowest_empty/8/counts", 2.4, 1.7),
    figure("mid/16/off"),
    figure("held/16/off"),
    target("spread/24/off", 2.1, 1.5),
    target("spread/16/off", 2.1, 1.5),
    target("spread/8/off", 2.1, 1.5),
    target("next/16/off", 2.1, 1.6),
    target("random/16/off", 6.0, 4.0),
    target("exact/16/off", 1.75, 1.35),
    target("local/24/off", 0.65, 0.25),
    target("local/16/off", 0.65, 0.25),
    target("local/8/off", 0.65, 0.25),
    target("local/16/counts", 0.65, 0.25),
    target("local_held/24/off", 0.65, 0.35),
    target("local_held/16/off", 0.65, 0.35),
    target("local_held/8/off", 0.65, 0.35),
    target("exhausted/24/off", 0.75, 0.35),
    target("exhausted/16/off", 0.75, 0.35),
    target("exhausted/8/off", 0.75, 0.35),
    target("exhausted/16/counts", 0.9, 0.45),
    figure("exhausted_after_batch/16/off"),
    target("full_random/24/off", 3.0, 2.0),
    target("full_random/16/off", 7.0, 5.5),
    target("full_random/8/off", 13.0, 10.0),
    both("spread_full_random/24/off", 4.0),
    both("spread_full_random/16/off", 9.0),
    both("spread_full_random/8/off", 16.0),
    both("local_full_random/16/off", 2.0),
    both("local_full_random/16/counts", 2.0),
    target("nearly_full/16/off", 7.5, 6.0),
    target("nearly_full/8/off", 12.0, 8.0),
    both("fill/8", 3.0),
    both("into1/16", 2.0),
    both("into8/16", 0.8),
    both("into64/16", 0.12),
    both("into512/16", 0.12),
    both("set/1/off", 1.4),
    both("set/16/off", 1.4),
    both("set/256/off", 1.4),
    both("set/1/counts", 1.4),
    both("set/16/counts", 1.4),
    both("set/256/counts", 1.4),
    both("set_turns/1/off", 1.4),
    both("set_turns/16/off", 1.4),
    both("set_turns/256/off", 1.4),
    both("set_turns/1/counts", 1.4),
    both("set_turns/16/counts", 1.4),
    both("set_turns/256/counts", 1.4),
    both("set_most/1/off", 1.4),
    both("set_most/16/off", 1.4),
    both("set_most/256/off", 1.4),
    both("set_most/1/counts", 1.4),
    both("set_most/16/counts", 1.4),
    both("set_most/256/counts", 1.4),
    both("barrier/24/off", 1.02),
    both("barrier/16/off", 1.02),
    both("barrier/8/off", 1.02),
    both("barrier/16/counts", 1.02),
    both("barrier_spread/16/off", 1.02),
    both("barrier_exact/16/off", 1.02),
    both("mapped/24/off", 1.1),
    both("mapped/16/off", 1.1),
    both("mapped/8/off", 1.1),
    both("mapped/16/counts", 1.1),
    both("mapped_shared/24/off", 1.3),
    both("mapped_shared/16/off", 1.3),
    both("mapped_shared/8/off", 1.3),
    both("lease/24/off", 2.0),
    both("lease/16/off", 2.0),
    both("lease_commit/16/off", 2.3),
    both("lease_owner/16/off", 3.0),
    both("lease_release/16/off", 0.6),
    figure("lease_exhausted/16/off"),
    figure("lease_sweep/16/off"),
    figure("lease_sweep/8/off"),
    both("open/8", 2.0),
    both("strict64/16", 0.2),
    both("adopt_text/8", 1.5),
    both("adopt_owners/8", 2.5),
    both("pass_owners/8", 2.5),
    figure("shuffled_text/8"),
    figure("shuffled_owners/8"),
];

const fn target(name: &'static str, zen: f64, intel: f64) -> Target {
    Target {
        name,
        zen: Some(zen),
        intel: Some(intel),
        of_floor: None,
    }
}

/// Makes a row with the same limit on every machine.
const fn both(name: &'static str, limit: f64) -> Target {
    target(name, limit, limit)
}

/// Makes a row without a limit.
const fn figure(name: &'static str) -> Target {
    Target {
        name,
        zen: None,
        intel: None,
        of_floor: None,
    }
}
