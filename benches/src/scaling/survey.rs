//! Measures all contestants in networks of one size, and makes records of the results.

use super::record::{Measure, Releases, ScalingRecord};
use super::runner::{Runner, runners};
use crate::latency::{Latency, clock_ns};
use hdrhistogram::Histogram;
use std::time::Duration;

/// How long to measure, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The time that a round on one thread should take.
    pub round: Duration,
    /// The number of rounds.
    pub rounds: usize,
    /// The number of pairs that each thread runs while single calls are timed.
    pub timed_pairs: u64,
}

impl Effort {
    /// Enough effort for figures that can be published.
    pub const REAL: Self = Self {
        round: Duration::from_millis(4),
        rounds: 21,
        timed_pairs: 200_000,
    };

    /// Just enough effort to see that everything runs.
    pub const SMOKE: Self = Self {
        round: Duration::from_micros(50),
        rounds: 1,
        timed_pairs: 500,
    };
}

/// All contestants in networks of one size.
pub struct Survey {
    prefix_len: u8,
    effort: Effort,
    cores: usize,
    clock_ns: u64,
    runners: Vec<Box<dyn Runner>>,
}

impl Survey {
    /// Builds all contestants for 10.0.0.0/`prefix_len`.
    pub fn new(prefix_len: u8, effort: Effort, cores: usize) -> Self {
        Self {
            prefix_len,
            effort,
            cores,
            clock_ns: clock_ns(),
            runners: runners(prefix_len),
        }
    }

    /// Measures throughput and then single calls, with each number of `threads`. The first is 1.
    pub fn measure(&self, releases: Releases, threads: &[usize]) -> Vec<ScalingRecord> {
        let mut records = self.throughput(releases, threads);
        for runner in &self.runners {
            for &threads in threads {
                records.extend(self.latency(&**runner, releases, threads));
            }
        }
        records
    }

    /// Measures in alternating rounds, so that a busy machine slows all contestants. The middle round counts: in the
    /// fastest one, the threads happened not to meet.
    fn throughput(&self, releases: Releases, threads: &[usize]) -> Vec<ScalingRecord> {
        let mut cells: Vec<Cell<'_>> = Vec::new();
        for runner in &self.runners {
            let pairs = self.pairs_of_a_round(&**runner, releases);
            cells.extend(
                threads
                    .iter()
                    .map(|&threads| Cell::new(&**runner, threads, pairs)),
            );
        }
        for _ in 0..self.effort.rounds {
            cells.iter_mut().for_each(|cell| cell.round(releases));
        }
        let mut one_thread_ns = f64::NAN;
        let record = |cell: Cell<'_>| {
            let mut record = self.blank(cell.runner, Measure::Throughput, releases, cell.threads);
            let threads = cell.threads;
            let ns = cell.median_ns();
            if threads == 1 {
                one_thread_ns = ns;
            }
            record.ns_per_pair = Some(ns);
            record.pairs_per_second = Some(1e9 / ns);
            record.speedup = Some(one_thread_ns / ns);
            record
        };
        cells.into_iter().map(record).collect()
    }

    fn pairs_of_a_round(&self, runner: &dyn Runner, releases: Releases) -> u64 {
        let mut pairs = 16;
        while runner.throughput(releases, 1, pairs) * 2 < self.effort.round {
            pairs *= 2;
        }
        pairs
    }

    fn latency(
        &self,
        runner: &dyn Runner,
        releases: Releases,
        threads: usize,
    ) -> [ScalingRecord; 2] {
        let Latency { allocate, release } =
            runner.latency(releases, threads, self.effort.timed_pairs);
        let of_calls = |measure, calls| {
            let record = self.blank(runner, measure, releases, threads);
            with_percentiles(record, &calls)
        };
        [
            of_calls(Measure::LatencyAllocate, allocate),
            of_calls(Measure::LatencyRelease, release),
        ]
    }

    fn blank(
        &self,
        runner: &dyn Runner,
        bench: Measure,
        releases: Releases,
        threads: usize,
    ) -> ScalingRecord {
        ScalingRecord {
            bench,
            contestant: runner.profile().name.to_owned(),
            ours: runner.profile().ours,
            size: self.prefix_len,
            releases,
            threads,
            cores: self.cores,
            pairs_per_second: None,
            ns_per_pair: None,
            speedup: None,
            p50: None,
            p99: None,
            p999: None,
            p9999: None,
            max: None,
            clock_ns: self.clock_ns,
        }
    }
}

fn with_percentiles(mut record: ScalingRecord, calls: &Histogram<u64>) -> ScalingRecord {
    record.p50 = Some(calls.value_at_quantile(0.5));
    record.p99 = Some(calls.value_at_quantile(0.99));
    record.p999 = Some(calls.value_at_quantile(0.999));
    record.p9999 = Some(calls.value_at_quantile(0.9999));
    record.max = Some(calls.max());
    record
}

/// One contestant with one number of threads.
struct Cell<'a> {
    runner: &'a dyn Runner,
    threads: usize,
    /// The number of pairs that each thread runs.
    pairs: u64,
    rounds_ns: Vec<f64>,
}

impl<'a> Cell<'a> {
    fn new(runner: &'a dyn Runner, threads: usize, pairs: u64) -> Self {
        Self {
            runner,
            threads,
            pairs,
            rounds_ns: Vec::new(),
        }
    }

    fn round(&mut self, releases: Releases) {
        let elapsed = self.runner.throughput(releases, self.threads, self.pairs);
        let all_pairs = self.pairs * self.threads as u64;
        self.rounds_ns
            .push(crate::per_operation(elapsed, all_pairs));
    }

    fn median_ns(mut self) -> f64 {
        self.rounds_ns.sort_by(f64::total_cmp);
        self.rounds_ns[self.rounds_ns.len() / 2]
    }
}
