//! What `--bench scaling` writes: one flat record for each cell of its tables.

use serde::Serialize;

/// Which thread releases an address that a thread allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Releases {
    /// The thread that allocated it, at once.
    Own,
    /// The next thread of a ring, which receives it through a bounded queue.
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
    /// Whether the record is about throughput or about latency.
    pub bench: Measure,
    /// The name of the contestant; `hand-over alone` passes addresses through the queues and has no pool.
    pub contestant: String,
    /// Whether this is hostbits.
    pub ours: bool,
    /// Prefix length: 24 or 16. The network is empty but for what the threads hold.
    pub size: u8,
    /// Which thread releases the addresses.
    pub releases: Releases,
    /// The number of threads at work.
    pub threads: usize,
    /// The number of hardware threads of the machine: more threads than this take turns.
    pub cores: usize,
    /// Pairs per second of all threads together, in the least disturbed round.
    pub pairs_per_second: Option<f64>,
    /// Wall-clock time divided by the number of pairs of all threads, in nanoseconds.
    pub ns_per_pair: Option<f64>,
    /// The throughput as a multiple of that of one thread.
    pub speedup: Option<f64>,
    /// Median nanoseconds of one call, including the cost of the clock.
    pub p50: Option<u64>,
    /// The 99th percentile; see `p50`.
    pub p99: Option<u64>,
    /// The 99.9th percentile; see `p50`.
    pub p999: Option<u64>,
    /// The 99.99th percentile; see `p50`.
    pub p9999: Option<u64>,
    /// Nanoseconds of the slowest call, including the cost of the clock.
    pub max: Option<u64>,
    /// Median nanoseconds between two readings of the clock with nothing in between.
    pub clock_ns: u64,
}
