//! Measures throughput and the slowest calls as threads are added, up to twice as many as there are cores.
//!
//! `cargo bench -p hostbits-benches --bench scaling` prints tables and writes `target/scaling.json`.
//! `-- --test` runs everything briefly. Single calls are timed in a pass of their own.

use hostbits_benches::scaling::{Effort, Measure, Releases, ScalingRecord, Survey};
use hostbits_benches::write_json;
use std::num::NonZero;
use std::thread::available_parallelism;

const SIZES: [u8; 2] = [16, 24];

/// The least throughput of two threads in a /16, as a multiple of that of one thread.
const TARGETS: [(&str, f64); 2] = [("hostbits spread", 1.9), ("hostbits lowest", 0.7)];

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--test");
    let effort = if smoke { Effort::SMOKE } else { Effort::REAL };
    let cores = available_parallelism().map_or(1, NonZero::get);
    let threads = thread_counts(cores);
    println!("{cores} cores; more threads take turns");
    let mut records = Vec::new();
    for prefix_len in SIZES {
        let survey = Survey::new(prefix_len, effort, cores);
        for releases in [Releases::Own, Releases::Foreign] {
            let more = survey.measure(releases, &threads);
            print_throughput(&more, &threads);
            print_latency(&more);
            records.extend(more);
        }
    }
    if !smoke {
        print_targets(&records);
    }
    write_json("scaling.json", &records);
}

/// Returns the numbers of threads: 1, 2, 4 and so on, the number of cores, and twice that.
fn thread_counts(cores: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
    let mut counts: Vec<usize> = doubling.take_while(|&threads| threads < cores).collect();
    counts.extend([cores, cores * 2]);
    counts
}

fn title(record: &ScalingRecord, what: &str) -> String {
    let releases = match record.releases {
        Releases::Own => "each thread releases what it took",
        Releases::Foreign => "each thread releases what another took",
    };
    format!("/{}, {releases}: {what}", record.size)
}

fn print_throughput(records: &[ScalingRecord], threads: &[usize]) {
    println!(
        "\n{}",
        title(&records[0], "million pairs a second (x that of one thread)")
    );
    print!("  {:<30}", "threads");
    threads.iter().for_each(|threads| print!("{threads:>18}"));
    let throughput = |record: &&ScalingRecord| record.bench == Measure::Throughput;
    for record in records.iter().filter(throughput) {
        if record.threads == 1 {
            print!("\n  {:<30}", record.contestant);
        }
        let millions = record.pairs_per_second.unwrap_or(f64::NAN) / 1e6;
        let speedup = record.speedup.unwrap_or(f64::NAN);
        print!("{millions:>10.1} (x{speedup:>4.2})");
    }
    println!();
}

fn print_latency(records: &[ScalingRecord]) {
    let clock = format!(
        "ns of single calls, {} ns of them the clock",
        records[0].clock_ns
    );
    println!("\n{}", title(&records[0], &clock));
    println!(
        "  {:<30}{:>8}{:>10}{:>8}{:>8}{:>8}{:>10}{:>12}",
        "", "threads", "call", "p50", "p99", "p99.9", "p99.99", "max"
    );
    for record in records {
        let call = match record.bench {
            Measure::Throughput => continue,
            Measure::LatencyAllocate => "allocate",
            Measure::LatencyRelease => "release",
        };
        let [p50, p99, p999, p9999, max] = [
            record.p50,
            record.p99,
            record.p999,
            record.p9999,
            record.max,
        ]
        .map(Option::unwrap_or_default);
        println!(
            "  {:<30}{:>8}{call:>10}{p50:>8}{p99:>8}{p999:>8}{p9999:>10}{max:>12}",
            record.contestant, record.threads
        );
    }
}

fn print_targets(records: &[ScalingRecord]) {
    println!("\nTwo threads against one, /16, own releases");
    for (policy, target) in TARGETS {
        let of_policy = |record: &&ScalingRecord| {
            record.contestant.starts_with(policy) && (record.size, record.threads) == (16, 2)
        };
        let own = |record: &&ScalingRecord| {
            record.bench == Measure::Throughput && record.releases == Releases::Own
        };
        for record in records.iter().filter(of_policy).filter(own) {
            let speedup = record.speedup.unwrap_or(f64::NAN);
            let verdict = if speedup >= target { "" } else { "  missed" };
            println!(
                "  {:<30}x{speedup:.2} (target {target}){verdict}",
                record.contestant
            );
        }
    }
}
