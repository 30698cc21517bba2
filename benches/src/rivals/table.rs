//! Prints records as tables.

use super::field::Row;
use super::record::{Bench, Outcome, RivalRecord};

/// Prints the records of one size: a line for each contestant, a column for each of `rows`.
pub fn print_table(title: &str, rows: &[Row], records: &[RivalRecord]) {
    println!("\n{title}");
    for (order, service) in [("lowest", "lowest first"), ("any", "any address")] {
        print!("  {service:<32}");
        rows.iter().for_each(|row| print!("{:>19}", heading(row)));
        println!();
        for name in names(records, order) {
            print!("  {name:<32}");
            for row in rows {
                let of_row =
                    |record: &&RivalRecord| record.contestant == name && is_of(record, row);
                let cell = records.iter().find(of_row).map(cell);
                print!("{:>19}", cell.unwrap_or_default());
            }
            println!();
        }
    }
    print_notes(records);
}

/// Prints which contestants are faster than hostbits at the same service, in how many rows, and where most.
pub fn print_winners(records: &[RivalRecord]) {
    println!("\nRivals that beat everything of ours at the same service");
    print_faster(records, |record| record.times_best);
    println!("\nRivals that beat the shared pool, statistics off; for any address, local() aside");
    print_faster(records, |record| record.times_ours);
}

fn print_faster(records: &[RivalRecord], times: fn(&RivalRecord) -> Option<f64>) {
    let all = ["lowest", "any"].map(|order| names(records, order));
    for name in all.concat() {
        let rows: Vec<(&RivalRecord, f64)> = records
            .iter()
            .filter(|record| record.contestant == name && !record.ours)
            .filter_map(|record| Some((record, times(record)?)))
            .collect();
        let wins = rows.iter().filter(|(_, times)| *times < 1.0);
        if let Some((most, times)) = wins.clone().min_by(|a, b| f64::total_cmp(&a.1, &b.1)) {
            let place = format!("/{}, {}", most.size, heading(&row_of(most)));
            println!(
                "  {name:<32}{:>3} of {} rows, at most x{} in {place}",
                wins.count(),
                rows.len(),
                figure(*times)
            );
        }
    }
}

fn row_of(record: &RivalRecord) -> Row {
    Row {
        bench: record.bench,
        fill: record.fill,
        threads: record.threads,
    }
}

/// Prints the memory of each contestant and what it cannot do. No contestant survives a restart.
pub fn print_abilities(records: &[RivalRecord]) {
    println!(
        "\n{:<34}{:>12}{:>12}  cannot",
        "", "B/slot /16", "B/slot /8"
    );
    for order in ["lowest", "any"] {
        for name in names(records, order) {
            let bytes = |size| {
                let mut same = records.iter().filter(|record| record.contestant == name);
                let found = same.find(|record| record.size == size);
                found.map_or(String::new(), |record| {
                    format!("{:.2}", record.bytes_per_slot)
                })
            };
            let record = records.iter().find(|record| record.contestant == name);
            let cannot = record.map_or("", |record| &record.cannot);
            println!("  {name:<32}{:>12}{:>12}  {cannot}", bytes(16), bytes(8));
        }
    }
}

fn names<'a>(records: &'a [RivalRecord], order: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for record in records.iter().filter(|record| record.order == order) {
        if !names.contains(&record.contestant.as_str()) {
            names.push(&record.contestant);
        }
    }
    names
}

fn is_of(record: &RivalRecord, row: &Row) -> bool {
    (record.bench, record.fill, record.threads) == (row.bench, row.fill, row.threads)
}

fn heading(row: &Row) -> String {
    match row.bench {
        Bench::Pair => format!("{} %", row.fill),
        Bench::FullRandom => "full, 1 random".to_owned(),
        Bench::FullBurst => "full, 16 random".to_owned(),
        Bench::Users => "1000 users".to_owned(),
        Bench::AllCores => format!("{} %, {} threads", row.fill, row.threads),
    }
}

/// Formats a time, and its ratio to the shared pool of the same service. A star marks a contestant that beats
/// everything of ours, a plus one that beats only the shared pool.
fn cell(record: &RivalRecord) -> String {
    let Some(ns) = record.ns_per_pair else {
        return match record.outcome {
            Outcome::Cannot => "cannot".to_owned(),
            Outcome::Disturbed => "cores busy".to_owned(),
            Outcome::NotRun | Outcome::Measured => "not run".to_owned(),
        };
    };
    let times = record.times_ours.unwrap_or(f64::NAN);
    let mark = match (record.beats_ours, times < 1.0 && !record.ours) {
        (true, _) => "*",
        (false, true) => "+",
        (false, false) => " ",
    };
    format!("{} x{}{mark}", time(ns), figure(times))
}

fn time(ns: f64) -> String {
    match ns {
        ..1e4 => format!("{} ns", figure(ns)),
        ..1e7 => format!("{} us", figure(ns / 1e3)),
        _ => format!("{} ms", figure(ns / 1e6)),
    }
}

/// Formats a number with at least three digits.
fn figure(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Prints why there is no figure, once for each contestant.
fn print_notes(records: &[RivalRecord]) {
    let without = records.iter().filter(|record| record.ns_per_pair.is_none());
    let mut last = "";
    for record in without.filter(|record| !record.note.is_empty()) {
        if last != record.note {
            println!(
                "  {}, {}: {}",
                record.contestant,
                heading(&row_of(record)),
                record.note
            );
        }
        last = &record.note;
    }
}
