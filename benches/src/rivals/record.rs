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
    /// Allocate and release on a network in which 1,000 users have one address each.
    Users,
    /// Like `Pair`, on all cores at once. `ns_per_pair` is the wall clock over all pairs.
    AllCores,
}

/// Whether a contestant has a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured.
    Measured,
    /// It would have taken too long; the note says how long.
    NotRun,
    /// It does not do this job; the note says why.
    Cannot,
    /// Its threads did not have the cores for themselves; the note says how often they had.
    Disturbed,
}

/// One contestant in one row of a table; `target/rivals.json` is an array of these.
#[derive(Clone, Debug, Serialize)]
pub struct RivalRecord {
    /// What was timed.
    pub bench: Bench,
    /// The name of the contestant, for example `hostbits lowest, stats off` or `Mutex<Vec> stack`.
    pub contestant: String,
    /// Whether this is hostbits.
    pub ours: bool,
    /// The service, `lowest` or `any`: contestants are compared only at the same one.
    pub order: String,
    /// Prefix length: 24, 22, 16 or 8.
    pub size: u8,
    /// Share of the slots that are taken while the pairs run, in per cent.
    pub fill: f64,
    /// The number of slots that are taken while the pairs run.
    pub taken: u64,
    /// The number of threads at work.
    pub threads: usize,
    /// Whether a contestant has a figure.
    pub outcome: Outcome,
    /// Nanoseconds per pair; null if not measured. With one thread in the least disturbed round, with
    /// several threads in the middle one: see [`Figure`](super::Figure).
    pub ns_per_pair: Option<f64>,
    /// Pairs per second of all threads together; null if not measured.
    pub pairs_per_second: Option<f64>,
    /// Its time divided by that of the shared pool of hostbits with statistics off, at the same service: above
    /// 1, we are faster.
    pub times_ours: Option<f64>,
    /// Its time divided by that of hostbits with its default statistics.
    pub times_ours_counting: Option<f64>,
    /// Its time divided by that of the fastest of ours, which for any address includes a `local()`.
    pub times_best: Option<f64>,
    /// Whether it is a rival that is faster than everything of ours at the same service.
    pub beats_ours: bool,
    /// Bytes it holds for each slot of the full network, as computed from its layout.
    pub bytes_per_slot: f64,
    /// What it cannot do at all, separated by `; `.
    pub cannot: String,
    /// Why there is no figure, or a remark about the figure; empty if there is nothing to say.
    pub note: String,
}
