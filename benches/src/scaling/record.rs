//! What `--bench scaling` writes: one flat record for each cell of its tables.

use serde::Serialize;

/// Who gives back what a thread took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Releases {
    /// The thread that took it, at once.
    Own,
    /// The next thread of a ring, which gets it through a bounded queue.
    Foreign,
}

/// What a record of the scaling bench is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Pairs per second; the percentiles are null.
    Throughput,
    /// Time of single `allocate` calls; the rates are null.
    LatencyAllocate,
    /// Time of single `release` calls; the rates are null.
    LatencyRelease,
}

/// One contestant with one number of threads; `target/scaling.json` is an array of these.
#[derive(Clone, Debug, Serialize)]
pub struct ScalingRecord {
    /// Throughput or latency.
    pub bench: Measure,
    /// Who; `hand-over alone` passes addresses through the queues and has no pool at all.
    pub contestant: String,
    /// Whether this is hostbits.
    pub ours: bool,
    /// Prefix length: 24 or 16. The network is empty but for what the threads hold.
    pub size: u8,
    /// Who gives back.
    pub releases: Releases,
    /// Threads at work.
    pub threads: usize,
    /// Hardware threads of the machine: more threads than this take turns.
    pub cores: usize,
    /// Pairs per second of all threads together, in the least disturbed round.
    pub pairs_per_second: Option<f64>,
    /// Wall clock over all pairs of all threads.
    pub ns_per_pair: Option<f64>,
    /// Throughput over that of one thread.
    pub speedup: Option<f64>,
    /// Median nanoseconds of one call, including the cost of the clock.
    pub p50: Option<u64>,
    /// The 99th percentile; see `p50`.
    pub p99: Option<u64>,
    /// The 99.9th percentile; see `p50`.
    pub p999: Option<u64>,
    /// The 99.99th percentile; see `p50`.
    pub p9999: Option<u64>,
    /// The slowest call.
    pub max: Option<u64>,
    /// What two readings of the clock with nothing between them say, in the median.
    pub clock_ns: u64,
}
