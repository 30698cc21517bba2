//! Measures everything as a ratio to two bare atomic read-modify-writes on one hot word, and as a ratio to a floor: the
//! bare instructions of an operation of the same shape. Both are measured in the same rounds.
//! Pools in files: as a ratio to the same pool on the heap. `open`: opening a file that was left in order, as a
//! ratio to reading its bytes once; both in memory. `strict64`: writes to the disk per address, with 64 threads;
//! the times beside it are those of an address and of a write. Sets: as a ratio to a single pool.
//! Leases: as a ratio to a plain pool; `lease_release`, `lease_exhausted` and `lease_sweep` (of one record) to the two
//! read-modify-writes.
//! `barrier`: as a ratio to a build without the barrier of a pass. Lists: as a ratio to the standard library
//! reading the same texts.
//!
//! How many nanoseconds two read-modify-writes take decides which column of targets applies: see `src/targets.rs`.
//!
//! `cargo bench -p hostbits-benches --bench ratios` prints the table and writes `target/ratios.json`.
//! Words after `--` choose the rows whose names contain one of them.

use hostbits::{Durability, Policy, Pool, StatsLevel};
use hostbits_benches::{
    Kind, Machine, Pairs, Row, RowName, TARGETS, TextList, barrier, floor, measure_above_floor,
    measure_ratio, per_operation, pool_in_file, pool_of, target_dir, two_rmws, work, write_json,
};
use ipnet::Ipv4Net;
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 100;
const OPERATIONS: u64 = 50_000;

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
    let (kind, two_rmws_ns) = Kind::measure(rounds, operations);
    println!(
        "{}: two read-modify-writes take {two_rmws_ns:.2} ns, so the targets are those of the column {kind}",
        Machine::this().processor
    );
    println!(
        "{:<26}{:>10}{:>14}{:>9}{:>9}  {:<10}{:>8}{:>9}{:>9}",
        "row", "ours ns", "reference ns", "ratio", "target", "floor", "ns", "ratio", "target"
    );
    let mut rows = Vec::new();
    for target in TARGETS {
        if !filters.is_empty() && !filters.iter().any(|filter| target.name.contains(filter)) {
            continue;
        }
        let row = measure(target.name, rounds, operations).judged_by(target, kind);
        // One round of a smoke run shows nothing about speed.
        print_row(&row, rounds != 1 && row.is_missed());
        rows.push(row);
    }
    write_json("ratios.json", &rows);
}

fn print_row(row: &Row, is_missed: bool) {
    let figure = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    println!(
        "{:<26}{:>10.2}{:>14.2}{:>9.2}{:>9}  {:<10}{:>8}{:>9}{:>9}{}",
        row.name,
        row.ours_ns,
        row.reference_ns,
        row.ratio,
        figure(row.target),
        row.floor.unwrap_or_default(),
        figure(row.floor_ns),
        figure(row.floor_ratio),
        figure(row.floor_target),
        if is_missed { "  missed" } else { "" }
    );
}

/// Measures a pool in a file, which a second process may be using, against one on the heap.
fn mapped(name: &str, row: RowName, (rounds, operations): (usize, u64)) -> Row {
    let (prefix_len, stats) = (row.number as u8, row.stats);
    let heap = Pairs::empty(pool_of(prefix_len, Policy::Lowest, stats));
    let (pool, path) = pool_in_file(prefix_len, stats);
    let shared = row.what == "mapped_shared";
    let _other = shared.then(|| hostbits::file::open(&path).expect("the same pool"));
    let file = Pairs::empty(pool);
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
    let (ours_ns, reference_ns) = (
        per_operation(elapsed, addresses),
        per_operation(elapsed, writes),
    );
    Row::new(name, ours_ns, reference_ns, None)
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

fn measure(name: &str, rounds: usize, operations: u64) -> Row {
    let row = RowName::new(name);
    if row.what.starts_with("barrier") {
        return barrier(name, (rounds, operations));
    }
    if row.what.starts_with("mapped") {
        return mapped(name, row, (rounds, operations));
    }
    if let Some(mut work) = work(name) {
        let effort = (rounds, operations);
        // A set is judged by a small pool, and a lease pool by a plain one of its size.
        let prefix_len = match row.is_like_a_plain_pair() {
            true => row.number as u8,
            false => 24,
        };
        let single = Pairs::empty(pool_of(prefix_len, Policy::Lowest, row.stats));
        return measure_above_floor(
            name,
            effort,
            || work(operations),
            || match row.strategy().is_some() || row.is_like_a_plain_pair() {
                true => single.allocate_release(operations),
                false => two_rmws(operations),
            },
            floor(row),
        );
    }
    let prefix_len = row.number as u8;
    match row.what {
        "open" => open(name, prefix_len, rounds),
        "strict64" => strict(name, prefix_len, rounds),
        "adopt_text" => list(name, rounds, TextList::adopt),
        "adopt_owners" => list(name, rounds, TextList::adopt_owned),
        "pass_owners" => list(name, rounds, TextList::pass_owned),
        "shuffled_text" => list(name, rounds, TextList::adopt),
        "shuffled_owners" => list(name, rounds, TextList::adopt_owned),
        "fill" => measure_above_floor(
            name,
            (rounds.div_ceil(10), 1 << (32 - prefix_len)),
            || fill(prefix_len),
            || two_rmws(operations),
            floor(row),
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
