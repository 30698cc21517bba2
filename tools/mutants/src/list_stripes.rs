//! The mutants of counters: who has a stripe to itself, and how the others add.

use crate::checks::Check::{Loom, Test, UnitIn};
use crate::list::{Mutant, edit, mutant, smoke};

const OWNERS: &str = "src/sync/owners.rs";
const COUNT: &str = "src/stats/count.rs";
const TAKES: &str =
    "match owner.compare_exchange(0, address, Ordering::Relaxed, Ordering::Relaxed) {";
const IS_OURS: &str = "seen == address || seen == 0 && take(owner, address)";

pub(crate) const MUTANTS: &[Mutant] = &[
    smoke(mutant(
        "stripes: a number is taken without an exchange",
        &[edit(
            OWNERS,
            TAKES,
            "owner.store(address, Ordering::Relaxed);\n    match Ok::<u64, u64>(0) {",
        )],
        &[Loom("stripes", "two_threads_have_no_number_in_common")],
    )),
    mutant(
        "stripes: a number that has an owner is taken",
        &[edit(OWNERS, IS_OURS, "seen != 0 || take(owner, address)")],
        &[Loom("stripes", "two_threads_have_no_number_in_common")],
    ),
    mutant(
        "stripes: a handler and its thread take two numbers",
        &[edit(
            OWNERS,
            "Err(now) => now == address,",
            "Err(_) => false,",
        )],
        &[Loom(
            "stripes",
            "a_thread_takes_one_number_whoever_asks_first",
        )],
    ),
    mutant(
        "stripes: the next thread in the same memory has another number",
        &[edit(OWNERS, IS_OURS, "seen == 0 && take(owner, address)")],
        &[Loom("stripes", "a_number_is_handed_on_with_the_memory")],
    ),
    mutant(
        "stripes: threads that share one add without a lock",
        &[edit(
            COUNT,
            "self.0.fetch_add(more, Ordering::Relaxed);",
            "self.add_alone(more);",
        )],
        &[Loom("stripes", "threads_without_a_number_lose_nothing")],
    ),
    mutant(
        "stripes: a thread beyond the last has that of another",
        &[edit(
            "src/stripes.rs",
            "self.0.get(thread)",
            "self.0.get(thread % self.0.len().max(1))",
        )],
        &[Loom("stripes", "threads_without_a_number_lose_nothing")],
    ),
    mutant(
        "signal: a handler has the stripe that its thread is adding to",
        &[edit("src/sync.rs", "cell.replace(LENT)", "cell.get()")],
        &[
            UnitIn("src/stats.rs", "stats"),
            Test("signals", "statistics_are_exact_with_handlers"),
        ],
    ),
];
