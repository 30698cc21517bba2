//! Everything as a ratio to two bare atomic read-modify-writes on one hot word, in the same run.
//! Pools in files: as a ratio to the same pool on the heap. Lists: as a ratio to the standard library
//! reading the same texts.
//!
//! `cargo bench -p hostbits-benches --bench ratios` prints the table and writes `target/ratios.json`.
//! Words after `--` choose the rows whose names contain one of them.

use hostbits::{Policy, Pool, StatsLevel};
use hostbits_benches::{
    Pairs, Row, TextList, measure_ratio, per_operation, pool_of, two_rmws, write_json,
};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::time::Instant;

const ROUNDS: usize = 100;
const OPERATIONS: u64 = 50_000;

/// What a row must not exceed.
struct Target {
    name: &'static str,
    limit: f64,
}

const TARGETS: &[Target] = &[
    target("lowest_empty/24/off", 1.6),
    target("lowest_empty/16/off", 1.6),
    target("lowest_empty/8/off", 3.0),
    target("lowest_empty/24/counts", 3.0),
    target("lowest_empty/16/counts", 3.0),
    target("lowest_empty/8/counts", 5.0),
    target("spread/24/off", 1.6),
    target("spread/16/off", 1.6),
    target("spread/8/off", 1.6),
    target("local/24/off", 0.35),
    target("local/16/off", 0.35),
    target("local/8/off", 0.35),
    target("local/16/counts", 0.35),
    target("local_held/24/off", 0.35),
    target("local_held/16/off", 0.35),
    target("local_held/8/off", 0.35),
    target("full_random/24/off", 4.0),
    target("full_random/16/off", 9.0),
    target("full_random/8/off", 16.0),
    target("spread_full_random/24/off", 4.0),
    target("spread_full_random/16/off", 9.0),
    target("spread_full_random/8/off", 16.0),
    target("local_full_random/16/off", 2.0),
    target("local_full_random/16/counts", 2.0),
    target("nearly_full/16/off", 9.0),
    target("nearly_full/8/off", 18.0),
    target("exact/16/off", 2.0),
    target("exhausted/24/off", 0.5),
    target("exhausted/16/off", 0.5),
    target("exhausted/8/off", 0.5),
    target("exhausted/16/counts", 1.0),
    target("mapped/24/off", 1.1),
    target("mapped/16/off", 1.1),
    target("mapped/8/off", 1.1),
    target("mapped/16/counts", 1.1),
    target("mapped_shared/24/off", 1.3),
    target("mapped_shared/16/off", 1.3),
    target("mapped_shared/8/off", 1.3),
    target("adopt_text/8", 1.5),
    target("adopt_owners/8", 2.5),
    target("pass_owners/8", 2.5),
    target("fill/8", 3.0),
    target("into1/16", 3.0),
    target("into8/16", 1.0),
    target("into64/16", 0.15),
    target("into512/16", 0.15),
];

const fn target(name: &'static str, limit: f64) -> Target {
    Target { name, limit }
}

fn main() {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    // `--test` is what `cargo test --benches` passes: run everything once, briefly.
    let (rounds, operations) = if std::env::args().any(|arg| arg == "--test") {
        (1, 1000)
    } else {
        (ROUNDS, OPERATIONS)
    };
    println!(
        "{:<26}{:>10}{:>14}{:>9}{:>9}",
        "row", "ours ns", "2 RMWs ns", "ratio", "target"
    );
    let mut rows = Vec::new();
    for target in TARGETS {
        if !filters.is_empty() && !filters.iter().any(|filter| target.name.contains(filter)) {
            continue;
        }
        let row = Row {
            target: Some(target.limit),
            ..measure(target.name, rounds, operations)
        };
        // One round of a smoke run says nothing about speed.
        let verdict = if rounds == 1 || row.ratio <= target.limit {
            ""
        } else {
            "  missed"
        };
        println!(
            "{:<26}{:>10.2}{:>14.2}{:>9.2}{:>9.2}{verdict}",
            row.name, row.ours_ns, row.reference_ns, row.ratio, target.limit
        );
        rows.push(row);
    }
    write_json("ratios.json", &rows);
}

/// A pool in a file, which a second process may be using, against one on the heap.
fn mapped(name: &str, prefix_len: u8, stats: StatsLevel, rounds: usize, operations: u64) -> Row {
    let heap = Pairs::empty(pool_of(prefix_len, Policy::Lowest, stats));
    let path = std::env::temp_dir().join(format!("hostbits-ratios-{}", std::process::id()));
    let net = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a prefix length");
    let builder = Pool::builder(net).stats(stats);
    let file = Pairs::empty(builder.create(&path).expect("room for a file"));
    let shared = name.starts_with("mapped_shared");
    let _other = shared.then(|| builder.open(&path).expect("the same pool"));
    let row = measure_ratio(
        name,
        rounds,
        || file.allocate_release(operations),
        || heap.allocate_release(operations),
    );
    std::fs::remove_file(&path).expect("the file that was created");
    row
}

fn measure(name: &str, rounds: usize, operations: u64) -> Row {
    let parts: Vec<&str> = name.split('/').collect();
    let prefix_len = parts[1].parse().expect("a prefix length");
    let stats = match parts.get(2) {
        Some(&"off") => StatsLevel::Off,
        _ => StatsLevel::default(),
    };
    let lowest = || pool_of(prefix_len, Policy::Lowest, stats);
    let row =
        |ours: &mut dyn FnMut() -> f64| measure_ratio(name, rounds, ours, || two_rmws(operations));
    match parts[0] {
        "lowest_empty" => {
            let pairs = Pairs::empty(lowest());
            row(&mut || pairs.allocate_release(operations))
        }
        "mapped" | "mapped_shared" => mapped(name, prefix_len, stats, rounds, operations),
        "spread" => {
            let pairs = Pairs::empty(pool_of(prefix_len, Policy::Spread, stats));
            row(&mut || pairs.allocate_release(operations))
        }
        "full_random" => {
            let pairs = Pairs::full(lowest());
            row(&mut || pairs.release_random_allocate(operations))
        }
        "spread_full_random" => {
            let pairs = Pairs::full(pool_of(prefix_len, Policy::Spread, stats));
            row(&mut || pairs.release_random_allocate(operations))
        }
        "local" => {
            let pairs = Pairs::empty(lowest());
            row(&mut || pairs.local(operations))
        }
        "local_full_random" => {
            let pairs = Pairs::full(pool_of(prefix_len, Policy::Spread, stats));
            row(&mut || pairs.local_full_random(operations))
        }
        "local_held" => {
            let pairs = Pairs::empty(lowest());
            row(&mut || pairs.local_held(operations))
        }
        // Of a thousand addresses one is free.
        "nearly_full" => {
            let mut pairs = Pairs::nearly_full(lowest(), 1000);
            row(&mut || pairs.release_allocate_nearly_full(operations))
        }
        "exact" => {
            let pairs = Pairs::empty(lowest());
            row(&mut || pairs.exact(operations))
        }
        "exhausted" => {
            let pairs = Pairs::full(lowest());
            row(&mut || pairs.exhausted(operations))
        }
        "adopt_text" => list(name, rounds, TextList::adopt),
        "adopt_owners" => list(name, rounds, TextList::adopt_owned),
        "pass_owners" => list(name, rounds, TextList::pass_owned),
        "fill" => measure_ratio(
            name,
            rounds.div_ceil(10),
            || fill(prefix_len),
            || two_rmws(operations),
        ),
        other => match other.strip_prefix("into").map(str::parse) {
            Some(Ok(batch)) => row(&mut || allocate_into(prefix_len, batch)),
            _ => unreachable!("no row named {other}"),
        },
    }
}

/// A million entries; a thousandth of them in a smoke run.
fn list(name: &str, rounds: usize, ours: fn(&TextList) -> f64) -> Row {
    let entries = TextList::new(if rounds == 1 { 1000 } else { 1_000_000 });
    measure_ratio(
        name,
        rounds.div_ceil(10),
        || ours(&entries),
        || entries.parse(),
    )
}

/// Fills an empty pool by single allocations; building it is not timed.
fn fill(prefix_len: u8) -> f64 {
    let pool = pool_of(prefix_len, Policy::Lowest, StatsLevel::default());
    let start = Instant::now();
    while pool.allocate().is_ok() {}
    let elapsed = start.elapsed();
    assert_eq!(pool.available(), 0);
    per_operation(elapsed, pool.capacity())
}

/// Fills an empty pool by batches of `batch` addresses.
fn allocate_into(prefix_len: u8, batch: usize) -> f64 {
    let pool = pool_of(prefix_len, Policy::Lowest, StatsLevel::default());
    let mut addrs = vec![Ipv4Addr::UNSPECIFIED; batch];
    let start = Instant::now();
    while pool.allocate_into(&mut addrs) == batch {
        std::hint::black_box(&addrs);
    }
    let elapsed = start.elapsed();
    assert_eq!(pool.available(), 0);
    per_operation(elapsed, pool.capacity())
}
