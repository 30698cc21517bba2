//! The operations that `ratios` times and `hot_paths` runs, each by the name of its row.
//!
//! A name is what is done, the prefix length or the number of members, and the statistics: `spread/16/off`. Without
//! the last part, the statistics are those of a pool by default.

use crate::{LeasePairs, Pairs, SetPairs, pool_in_file, pool_of};
use hostbits::{Policy, StatsLevel, set::Strategy};

/// Runs this number of operations, and returns nanoseconds per operation.
pub type Work = Box<dyn FnMut(u64) -> f64>;

/// The parts of a row's name.
#[derive(Clone, Copy, Debug)]
pub struct RowName<'a> {
    /// What is done.
    pub what: &'a str,
    /// A prefix length, or a number of members.
    pub number: u32,
    /// What the pool counts.
    pub stats: StatsLevel,
}

impl<'a> RowName<'a> {
    /// Takes the name of a row apart.
    ///
    /// # Panics
    ///
    /// If the second part is not a number.
    pub fn new(name: &'a str) -> Self {
        let mut parts = name.split('/');
        let what = parts.next().unwrap_or_default();
        let number = parts.next().and_then(|number| number.parse().ok());
        let stats = match parts.next() {
            Some("off") => StatsLevel::Off,
            _ => StatsLevel::default(),
        };
        Self {
            what,
            number: number.expect("a prefix length, or a number of members"),
            stats,
        }
    }

    /// Returns the strategy of a row about sets.
    pub fn strategy(self) -> Option<Strategy> {
        match self.what {
            "set" => Some(Strategy::InOrder),
            "set_turns" => Some(Strategy::RoundRobin),
            "set_most" => Some(Strategy::MostFree),
            _ => None,
        }
    }

    /// Returns whether the row is about lease pools that hold what a plain pair allocates and releases.
    pub fn is_like_a_plain_pair(self) -> bool {
        matches!(self.what, "lease" | "lease_commit" | "lease_owner")
    }

    /// Returns the size of a batch in the name of a row like `into64/16`.
    pub fn batch(self) -> Option<usize> {
        self.what.strip_prefix("into")?.parse().ok()
    }
}

/// Sets up the operation of a row. Returns nothing for a row that is not about operations on one pool or set.
pub fn work(name: &str) -> Option<Work> {
    let row = RowName::new(name);
    if let Some(strategy) = row.strategy() {
        let pairs = SetPairs::with_room_in_the_last(strategy, row.number, row.stats);
        return Some(on(pairs, |pairs, count| pairs.allocate_release(count)));
    }
    let prefix_len = row.number as u8;
    if let Some(work) = lease_work(row) {
        return Some(work);
    }
    if let Some(batch) = row.batch() {
        return Some(Box::new(move |count| {
            crate::workload::allocate_into(prefix_len, batch, count)
        }));
    }
    let empty = |policy| Pairs::empty(pool_of(prefix_len, policy, row.stats));
    let full = |policy| Pairs::full(pool_of(prefix_len, policy, row.stats));
    let (lowest, spread) = (Policy::Lowest, Policy::Spread);
    Some(match row.what {
        "lowest_empty" => on(empty(lowest), |pairs, count| pairs.allocate_release(count)),
        "mapped" => on(mapped(row), |pairs, count| pairs.allocate_release(count)),
        "spread" => on(empty(spread), |pairs, count| pairs.allocate_release(count)),
        "next" => on(empty(Policy::Next), |pairs, count| {
            pairs.allocate_release(count)
        }),
        "random" => on(empty(Policy::Random(1)), |pairs, count| {
            pairs.allocate_release(count)
        }),
        "mid" => on(
            Pairs::filled_from_below(pool_of(prefix_len, lowest, row.stats), 30),
            |pairs, count| pairs.allocate_release(count),
        ),
        "held" => on(empty(lowest), |pairs, count| pairs.held(count)),
        "exact" => on(empty(lowest), |pairs, count| pairs.exact(count)),
        "local" => on(empty(lowest), |pairs, count| pairs.local(count)),
        "local_held" => on(empty(lowest), |pairs, count| pairs.local_held(count)),
        "full_random" => on(full(lowest), |pairs, count| {
            pairs.release_random_allocate(count)
        }),
        "spread_full_random" => on(full(spread), |pairs, count| {
            pairs.release_random_allocate(count)
        }),
        "local_full_random" => on(full(spread), |pairs, count| pairs.local_full_random(count)),
        // One address in a thousand is free.
        "nearly_full" => on(
            Pairs::nearly_full(pool_of(prefix_len, lowest, row.stats), 1000),
            |pairs, count| pairs.release_allocate_nearly_full(count),
        ),
        "exhausted_after_batch" => on(
            Pairs::full_after_a_batch(pool_of(prefix_len, lowest, row.stats)),
            |pairs, count| pairs.exhausted(count),
        ),
        "exhausted" => on(full(lowest), |pairs, count| pairs.exhausted(count)),
        "into64_release_many" => on(empty(lowest), |pairs, count| pairs.batches(count)),
        _ => return None,
    })
}

/// Sets up the operation of a row about lease pools.
fn lease_work(row: RowName) -> Option<Work> {
    let (prefix_len, stats) = (row.number as u8, row.stats);
    let empty = || LeasePairs::empty(prefix_len, stats);
    let full = || LeasePairs::full(prefix_len, stats);
    Some(match row.what {
        "lease" => on(empty(), |pairs, count| pairs.offer_release(count)),
        "lease_commit" => on(empty(), |pairs, count| pairs.offer_commit_release(count)),
        "lease_owner" => on(LeasePairs::half_owned(prefix_len, stats), |pairs, count| {
            pairs.known_owner(count)
        }),
        "lease_exhausted" => on(full(), |pairs, count| pairs.exhausted(count)),
        "lease_sweep" => on(full(), |pairs, count| pairs.sweep(count)),
        "lease_release" => {
            Box::new(move |count| LeasePairs::release_to_cool(prefix_len, stats, count))
        }
        _ => return None,
    })
}

/// Prepares pairs on a pool in a file that no other process can open.
fn mapped(row: RowName) -> Pairs {
    let (pool, path) = pool_in_file(row.number as u8, row.stats);
    std::fs::remove_file(path).expect("the file that was created");
    Pairs::empty(pool)
}

fn on<P: 'static>(mut pairs: P, run: impl Fn(&mut P, u64) -> f64 + 'static) -> Work {
    Box::new(move |count| run(&mut pairs, count))
}
