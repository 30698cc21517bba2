//! Measures everything as a ratio to two bare atomic read-modify-writes on one hot word, in the same run.
//! Pools in files: as a ratio to the same pool on the heap. `open`: opening a file that was left in order, as a
//! ratio to reading its bytes once; both in memory. `strict64`: writes to the disk per address, with 64 threads;
//! the times beside it are those of an address and of a write. Sets: as a ratio to a single pool.
//! `barrier`: as a ratio to a build without the barrier of a pass. Lists: as a ratio to the standard library
//! reading the same texts.
//!
//! `cargo bench -p hostbits-benches --bench ratios` prints the table and writes `target/ratios.json`.
//! Words after `--` choose the rows whose names contain one of them.

use hostbits::{Durability, Policy, Pool, StatsLevel};
use hostbits_benches::{
    Pairs, Row, RowName, TextList, barrier, measure_ratio, per_operation, pool_of, target_dir,
    two_rmws, work, write_json,
};
use ipnet::Ipv4Net;
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 100;
const OPERATIONS: u64 = 50_000;

/// The ratio that a row must not exceed.
struct Target {
    name: &'static str,
    limit: Option<f64>,
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
    target("barrier/24/off", 1.02),
    target("barrier/16/off", 1.02),
    target("barrier/8/off", 1.02),
    target("barrier/16/counts", 1.02),
    target("barrier_spread/16/off", 1.02),
    target("barrier_exact/16/off", 1.02),
    target("mapped/24/off", 1.1),
    target("mapped/16/off", 1.1),
    target("mapped/8/off", 1.1),
    target("mapped/16/counts", 1.1),
    target("mapped_shared/24/off", 1.3),
    target("mapped_shared/16/off", 1.3),
    target("mapped_shared/8/off", 1.3),
    target("open/8", 2.0),
    target("strict64/16", 0.2),
    target("set/1/off", 1.5),
    target("set/16/off", 1.5),
    target("set/256/off", 1.5),
    target("set/1/counts", 1.5),
    target("set/16/counts", 1.5),
    target("set/256/counts", 1.5),
    target("set_turns/1/off", 1.5),
    target("set_turns/16/off", 1.5),
    target("set_turns/256/off", 1.5),
    target("set_turns/1/counts", 1.5),
    target("set_turns/16/counts", 1.5),
    target("set_turns/256/counts", 1.5),
    target("set_most/1/off", 3.0),
    target("set_most/16/off", 3.0),
    target("set_most/256/off", 3.0),
    target("set_most/1/counts", 3.0),
    target("set_most/16/counts", 3.0),
    target("set_most/256/counts", 3.0),
    target("adopt_text/8", 1.5),
    target("adopt_owners/8", 2.5),
    target("pass_owners/8", 2.5),
    figure("shuffled_text/8"),
    figure("shuffled_owners/8"),
    target("fill/8", 3.0),
    target("into1/16", 3.0),
    target("into8/16", 1.0),
    target("into64/16", 0.15),
    target("into512/16", 0.15),
];

const fn target(name: &'static str, limit: f64) -> Target {
    Target {
        name,
        limit: Some(limit),
    }
}

/// Makes the target of a row that has no limit.
const fn figure(name: &'static str) -> Target {
    Target { name, limit: None }
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
            target: target.limit,
            ..measure(target.name, rounds, operations)
        };
        // One round of a smoke run shows nothing about speed.
        let is_missed = target.limit.is_some_and(|limit| row.ratio > limit);
        let verdict = if rounds != 1 && is_missed {
            "  missed"
        } else {
            ""
        };
        let limit = target
            .limit
            .map_or(String::new(), |limit| format!("{limit:.2}"));
        println!(
            "{:<26}{:>10.2}{:>14.2}{:>9.2}{limit:>9}{verdict}",
            row.name, row.ours_ns, row.reference_ns, row.ratio
        );
        rows.push(row);
    }
    write_json("ratios.json", &rows);
}

/// Measures a pool in a file, which a second process may be using, against one on the heap.
fn mapped(name: &str, prefix_len: u8, stats: StatsLevel, rounds: usize, operations: u64) -> Row {
    let heap = Pairs::empty(pool_of(prefix_len, Policy::Lowest, stats));
    let path = std::env::temp_dir().join(format!("hostbits-ratios-{}", std::process::id()));
    let builder = Pool::builder(network(prefix_len)).stats(stats);
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

/// Measures opening a file in memory against reading its bytes.
fn open(name: &str, prefix_len: u8, rounds: usize) -> Row {
    let path = Path::new("/dev/shm").join(format!("hostbits-open-{}", std::process::id()));
    let builder = Pool::builder(network(prefix_len));
    let capacity = builder.create(&path).expect("room for a file").capacity();
    let mut bytes = std::fs::read(&path).expect("the file");
    let row = measure_ratio(
        name,
        rounds,
        || {
            let start = Instant::now();
            let pool = builder.open(&path).expect("a file");
            let elapsed = start.elapsed();
            assert_eq!(pool.available(), capacity);
            per_operation(elapsed, 1)
        },
        || {
            let start = Instant::now();
            let mut file = std::fs::File::open(&path).expect("a file");
            file.read_exact(&mut bytes).expect("its bytes");
            per_operation(start.elapsed(), 1)
        },
    );
    std::fs::remove_file(&path).expect("the file that was created");
    row
}

/// Measures 64 threads that wait for the disk at the same time.
fn strict(name: &str, prefix_len: u8, rounds: usize) -> Row {
    const THREADS: u64 = 64;
    let path = target_dir().join(format!("hostbits-strict-{}", std::process::id()));
    let builder = Pool::builder(network(prefix_len)).durability(Durability::Strict);
    let pool = builder.create(&path).expect("a disk");
    let each = if rounds == 1 { 10 } else { 200 };
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..each {
                    pool.allocate().expect("it is large");
                }
            });
        }
    });
    let elapsed = start.elapsed();
    let (addresses, writes) = (THREADS * each, pool.health().expect("a file").syncs);
    assert_eq!(pool.allocated(), addresses);
    std::fs::remove_file(&path).expect("the file that was created");
    Row {
        name: name.to_owned(),
        ours_ns: per_operation(elapsed, addresses),
        reference_ns: per_operation(elapsed, writes),
        ratio: writes as f64 / addresses as f64,
        target: None,
    }
}

fn network(prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), prefix_len).expect("a prefix length")
}

/// Measures the library against a build of it that does not look at the barrier.
fn barrier(name: &str, (rounds, operations): (usize, u64)) -> Row {
    let mut with = barrier::with(name);
    let mut without = barrier::without(name);
    measure_ratio(name, rounds, || with(operations), || without(operations))
}

/// Measures operations on a set against the same on a single pool.
fn set(name: &str, stats: StatsLevel, (rounds, operations): (usize, u64)) -> Row {
    let mut pairs = work(name).expect("sets are operations");
    let single = Pairs::empty(pool_of(24, Policy::Lowest, stats));
    measure_ratio(
        name,
        rounds,
        || pairs(operations),
        || single.allocate_release(operations),
    )
}

fn measure(name: &str, rounds: usize, operations: u64) -> Row {
    let row = RowName::new(name);
    if row.what.starts_with("barrier") {
        return barrier(name, (rounds, operations));
    }
    if row.strategy().is_some() {
        return set(name, row.stats, (rounds, operations));
    }
    if let Some(mut work) = work(name) {
        return measure_ratio(name, rounds, || work(operations), || two_rmws(operations));
    }
    let prefix_len = row.number as u8;
    match row.what {
        "mapped" | "mapped_shared" => mapped(name, prefix_len, row.stats, rounds, operations),
        "open" => open(name, prefix_len, rounds),
        "strict64" => strict(name, prefix_len, rounds),
        "adopt_text" => list(name, rounds, TextList::adopt),
        "adopt_owners" => list(name, rounds, TextList::adopt_owned),
        "pass_owners" => list(name, rounds, TextList::pass_owned),
        "shuffled_text" => list(name, rounds, TextList::adopt),
        "shuffled_owners" => list(name, rounds, TextList::adopt_owned),
        "fill" => measure_ratio(
            name,
            rounds.div_ceil(10),
            || fill(prefix_len),
            || two_rmws(operations),
        ),
        other => unreachable!("no row named {other}"),
    }
}

/// Returns the number of entries: a million, or a thousandth of that in a smoke run.
fn list(name: &str, rounds: usize, ours: fn(&TextList) -> f64) -> Row {
    let entries = TextList::new(
        if rounds == 1 { 1000 } else { 1_000_000 },
        !name.starts_with("shuffled"),
    );
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
