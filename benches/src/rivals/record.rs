//! What `--bench rivals` writes: one flat record for each cell of its tables.

use serde::Serialize;

/// What was done in the timed loop. One pair is one address taken and one given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bench {
    /// Allocate, and release the same address, at the given fill.
    Pair,
    /// On a full pool: release a random address and allocate it again.
    FullRandom,
    /// On a full pool: release 16 random addresses and allocate 16 again.
    FullBurst,
    /// Allocate and release on a network of which 1,000 users have an address each.
    Users,
    /// Like `Pair`, on all cores at once. `ns_per_pair` is the wall clock over all pairs.
    AllCores,
}

/// Whether there is a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Measured.
    Measured,
    /// It would have taken too long; the note says how long.
    NotRun,
    /// It does not do this job; the note says why.
    Cannot,
}

/// One contestant in one row of a table; `target/rivals.json` is an array of these.
#[derive(Clone, Debug, Serialize)]
pub struct RivalRecord {
    /// What was timed.
    pub bench: Bench,
    /// Who, for example `hostbits lowest, stats off` or `Mutex<Vec> stack`.
    pub contestant: String,
    /// Whether this is hostbits.
    pub ours: bool,
    /// `lowest` or `any`: the service, hence whom to compare with.
    pub order: String,
    /// Prefix length: 24, 22, 16 or 8.
    pub size: u8,
    /// Share of the slots that are taken while the pairs run, in per cent.
    pub fill: f64,
    /// The same as a number of slots.
    pub taken: u64,
    /// Threads at work.
    pub threads: usize,
    /// Whether there is a figure.
    pub outcome: Outcome,
    /// Nanoseconds per pair; null if not measured. Of one thread in the least disturbed round, of
    /// several threads in the middle one: see [`Figure`](super::Figure).
    pub ns_per_pair: Option<f64>,
    /// The same as a rate: all threads together.
    pub pairs_per_second: Option<f64>,
    /// Its time over that of the shared pool of hostbits with statistics off at the same service: above
    /// 1, we are faster.
    pub times_ours: Option<f64>,
    /// The same against hostbits as it comes, with statistics counted.
    pub times_ours_counting: Option<f64>,
    /// The same against the fastest of ours: for any address, a `local()` counts.
    pub times_best: Option<f64>,
    /// A rival that is faster than everything of ours at the same service.
    pub beats_ours: bool,
    /// Bytes it holds for each slot of the full network, as computed from its layout.
    pub bytes_per_slot: f64,
    /// What it cannot do at all, separated by `; `.
    pub cannot: String,
    /// Why there is no figure, or what to know about it; empty if nothing.
    pub note: String,
}
