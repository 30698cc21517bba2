//! Compares hostbits with other designs at the same service: lowest first, or any address.
//!
//! `cargo bench -p hostbits-benches --bench rivals` prints tables and writes `target/rivals.json`.
//! `-- --test` runs everything briefly, except the /8. All contestants of a column run in alternating
//! rounds. With one thread the least disturbed round counts, with several threads the middle one. A contestant
//! that needs more than 50 ms for a pair is not run again.

use hostbits_benches::rivals::{
    Bench, Field, Limits, RivalRecord, Row, entries, print_abilities, print_table, print_winners,
};
use hostbits_benches::write_json;
use std::num::NonZero;
use std::thread::available_parallelism;

const SIZES: [u8; 3] = [24, 16, 8];
const FILLS: [f64; 5] = [0.0, 50.0, 90.0, 99.0, 99.9];

/// The number of users in the system that hostbits replaces; `TARGET` says how many times as fast hostbits must be.
const USERS: f64 = 1000.0;
const TARGET: f64 = 100.0;

/// Below full and with one thread, the best of ours may take this many times as long as a rival of the same service.
const LEVEL: f64 = 1.05;

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--test");
    let limits = if smoke { Limits::SMOKE } else { Limits::REAL };
    let cores = available_parallelism().map_or(1, NonZero::get);
    check(cores);
    println!(
        "Time of one pair (x its time over that of the shared pool, statistics off, same service)"
    );
    println!(
        "* faster than everything of ours   + faster than the shared pool, slower than local()"
    );
    let mut records = Vec::new();
    // Filling a /8 a dozen times is not done briefly.
    let sizes = if smoke { &SIZES[..2] } else { &SIZES };
    for &prefix_len in sizes {
        measure(&fills(), prefix_len, limits, &mut records);
    }
    for prefix_len in [22, 16] {
        measure(&[users(prefix_len)], prefix_len, limits, &mut records);
    }
    for prefix_len in [24, 16] {
        measure(&together(cores), prefix_len, limits, &mut records);
    }
    print_abilities(&records);
    print_winners(&records);
    if !smoke {
        print_target(&records);
        print_not_level(&records);
    }
    write_json("rivals.json", &records);
}

/// Checks that each contestant does the job before it is measured.
fn check(threads: usize) {
    for entry in entries() {
        let contestant = entry.build(24);
        let mut faults = contestant.faults_alone();
        faults.extend(contestant.faults_together(threads.max(2)));
        let name = contestant.profile().name;
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
}

fn fills() -> Vec<Row> {
    let mut rows: Vec<Row> = FILLS.map(|fill| Row::alone(Bench::Pair, fill)).into();
    rows.push(Row::alone(Bench::FullRandom, 100.0));
    rows.push(Row::alone(Bench::FullBurst, 100.0));
    rows
}

fn users(prefix_len: u8) -> Row {
    let capacity = 2f64.powi(32 - i32::from(prefix_len));
    Row::alone(Bench::Users, USERS / capacity * 100.0)
}

fn together(threads: usize) -> Vec<Row> {
    let row = |fill| Row {
        bench: Bench::AllCores,
        fill,
        threads,
    };
    vec![row(0.0), row(90.0)]
}

fn measure(rows: &[Row], prefix_len: u8, limits: Limits, records: &mut Vec<RivalRecord>) {
    let mut field = Field::new(prefix_len, limits);
    let first = records.len();
    for &row in rows {
        let more = field.measure(row, records);
        records.extend(more);
    }
    print_table(&format!("/{prefix_len}"), rows, &records[first..]);
}

fn print_target(records: &[RivalRecord]) {
    let original = |record: &&RivalRecord| {
        record.bench == Bench::Users && record.contestant == "the original design"
    };
    println!(
        "\nThe original design with 1,000 users: its time over ours as we come (target {TARGET})"
    );
    for record in records.iter().filter(original) {
        let times = record.times_ours_counting.unwrap_or(f64::NAN);
        let verdict = if times >= TARGET { "" } else { "  missed" };
        println!("  /{:<4}x{times:.0}{verdict}", record.size);
    }
}

fn print_not_level(records: &[RivalRecord]) {
    let is_judged = |record: &&RivalRecord| {
        !record.ours && record.threads == 1 && [Bench::Pair, Bench::Users].contains(&record.bench)
    };
    println!(
        "\nOne thread, below full: rivals that the best of ours is not level with (target x{LEVEL})"
    );
    for record in records.iter().filter(is_judged) {
        let times = record.times_best.map_or(0.0, |times| 1.0 / times);
        if times > LEVEL {
            println!(
                "  {:<32}/{}, {:.1} %: ours takes x{times:.2}  missed",
                record.contestant, record.size, record.fill
            );
        }
    }
}
