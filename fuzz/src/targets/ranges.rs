//! Several ranges, with a network around them or none, reservations and units of either family.

use super::Target;
use super::judge::judge;
use super::plan::{Plan, WORDS};
use crate::run::Trace;

pub(crate) const TARGET: Target = Target {
    name: "ranges",
    words: WORDS,
    run,
};

/// The most addresses that a run can afford, unless the input names a number.
const AT_MOST: u64 = 65_536;

fn run(input: &[u8], trace: &mut Trace) {
    let mut plan = Plan::read(&String::from_utf8_lossy(input));
    plan.at_most.get_or_insert(AT_MOST);
    judge(&plan, trace);
    // The same ranges without a network. Numbers that were counted from the network stay as they are.
    plan.network = None;
    plan.ranges.reverse();
    judge(&plan, trace);
}
