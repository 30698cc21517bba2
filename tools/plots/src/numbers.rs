//! The measured figures as tables, and the documents that show them.
//!
//! A document marks where a table goes; this tool writes what is between the marks:
//!
//! ```text
//! <!-- numbers: scaling-16 -->
//! <!-- /numbers -->
//! ```

use crate::data::{Data, Ratio, Rival, Scaling};
use crate::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// The documents that show figures, from the root of the repository.
pub(crate) const DOCUMENTS: [&str; 2] = ["README.md", "docs/design/performance.md"];

const BEGIN: &str = "<!-- numbers: ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- /numbers -->";

/// The sizes that the summary has columns for.
const SIZES: [u8; 3] = [24, 16, 8];

/// The rows of the summary: the text, and the name of the bench's row before and after its size.
const SUMMARY: [(&str, &str, &str); 6] = [
    (
        "lowest first, statistics counted (the default)",
        "lowest_empty",
        "/counts",
    ),
    ("spread over threads, statistics off", "spread", "/off"),
    ("a thread's `local()`", "local", "/off"),
    (
        "full: release a random address, allocate the lowest",
        "full_random",
        "/off",
    ),
    (
        "full: the same, through a `local()`",
        "local_full_random",
        "/off",
    ),
    ("full: a refusal", "exhausted", "/off"),
];

/// Returns the document with all its tables written anew.
pub(crate) fn fill(name: &str, document: &str, data: &Data) -> Result<String, Error> {
    let mut filled = String::new();
    let mut rest = document;
    while let Some(begin) = rest.find(BEGIN) {
        let (before, marked) = rest.split_at(begin + BEGIN.len());
        let broken = || Error::Marks {
            document: name.to_owned(),
        };
        let (table, after) = marked.split_once(BEGIN_END).ok_or_else(broken)?;
        let end = after.find(END).ok_or_else(broken)?;
        let lines = lines_of(table, data).ok_or_else(broken)?;
        filled += before;
        let _ = write!(filled, "{table}{BEGIN_END}{lines}");
        rest = &after[end..];
    }
    Ok(filled + rest)
}

/// Fills the documents below `root`.
pub(crate) fn write(root: &Path, data: &Data) -> Result<(), Error> {
    for name in DOCUMENTS {
        let path = root.join(name);
        let read = std::fs::read_to_string(&path);
        let document = read.map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let filled = fill(name, &document, data)?;
        std::fs::write(&path, filled).map_err(|source| Error::Write { path, source })?;
        println!("written: {name}");
    }
    Ok(())
}

fn lines_of(table: &str, data: &Data) -> Option<String> {
    Some(match table {
        "machine" => machine(data),
        "summary" => summary(&data.ratios),
        "ratios" => ratios(&data.ratios),
        "winners" => winners(&data.rivals),
        "scaling-16" => scaling(&data.scaling, 16),
        "scaling-24" => scaling(&data.scaling, 24),
        _ => return None,
    })
}

fn machine(data: &Data) -> String {
    let machine = &data.machine;
    let reference = data.ratios.iter().map(|row| row.reference_ns);
    format!(
        "{}, {} hardware threads of a virtual machine, {}, {}. Two bare read-modify-writes take {:.1} ns there.\n",
        machine.processor,
        machine.hardware_threads,
        machine.compiler,
        machine.date,
        reference.fold(f64::INFINITY, f64::min),
    )
}

fn summary(rows: &[Ratio]) -> String {
    let mut lines = header(&["", "/24", "/16", "/8"]);
    for (what, first, last) in SUMMARY {
        let cells = SIZES.map(|size| {
            let name = format!("{first}/{size}{last}");
            let row = rows.iter().find(|row| row.name == name);
            row.map_or(String::new(), |row| figure(row.ratio))
        });
        line(&mut lines, what, &cells);
    }
    lines
}

fn ratios(rows: &[Ratio]) -> String {
    let mut lines = header(&["row", "ns", "ratio", "target"]);
    for row in rows {
        let missed = row.target.is_some_and(|target| row.ratio > target);
        let target = row
            .target
            .map_or(String::new(), |target| target.to_string());
        let verdict = if missed { " (missed)" } else { "" };
        let cells = [figure(row.ours_ns), figure(row.ratio), target + verdict];
        line(&mut lines, &format!("`{}`", row.name), &cells);
    }
    lines
}

/// Returns every row in which a rival is faster than everything of ours at the same service.
fn winners(rivals: &[Rival]) -> String {
    let mut lines = header(&[
        "rival",
        "service",
        "where",
        "ns per pair",
        "over the best of ours",
    ]);
    for rival in rivals.iter().filter(|rival| !rival.ours) {
        if let (Some(times), Some(ns)) = (rival.times_best, rival.ns_per_pair)
            && times < 1.0
        {
            let cells = [
                rival.order.clone(),
                place(rival),
                figure(ns),
                format!("{times:.2}"),
            ];
            line(&mut lines, &format!("`{}`", rival.contestant), &cells);
        }
    }
    lines
}

fn place(rival: &Rival) -> String {
    let what = match rival.bench.as_str() {
        "full_random" => "full, 1 random".to_owned(),
        "full_burst" => "full, 16 random".to_owned(),
        "users" => "1,000 users".to_owned(),
        _ => format!("{} % full", rival.fill),
    };
    let threads = match rival.threads {
        1 => String::new(),
        threads => format!(", {threads} threads"),
    };
    format!("/{}, {what}{threads}", rival.size)
}

/// Returns million pairs per second by number of threads: own releases, then foreign ones.
fn scaling(records: &[Scaling], size: u8) -> String {
    let of_size = |record: &&Scaling| record.size == size && record.bench == "throughput";
    let records: Vec<&Scaling> = records.iter().filter(of_size).collect();
    let mut threads: Vec<usize> = records.iter().map(|record| record.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let columns = ["own", "foreign"]
        .iter()
        .flat_map(|releases| threads.iter().map(move |threads| (*releases, *threads)));
    let columns: Vec<(&str, usize)> = columns.collect();
    let names = columns
        .iter()
        .map(|(releases, threads)| format!("{releases}, {threads}"));
    let names: Vec<String> = [format!("million pairs a second, /{size}")]
        .into_iter()
        .chain(names)
        .collect();
    let mut lines = header(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut seen = Vec::new();
    for record in &records {
        if seen.contains(&&record.contestant) {
            continue;
        }
        seen.push(&record.contestant);
        let cells: Vec<String> = columns
            .iter()
            .map(|&column| {
                let same = |other: &&&Scaling| {
                    other.contestant == record.contestant
                        && (other.releases.as_str(), other.threads) == column
                };
                let found = records
                    .iter()
                    .find(same)
                    .and_then(|other| other.pairs_per_second);
                found.map_or(String::new(), |pairs| figure(pairs / 1e6))
            })
            .collect();
        line(&mut lines, &format!("`{}`", record.contestant), &cells);
    }
    lines
}

fn header(columns: &[&str]) -> String {
    format!(
        "| {} |\n|{}\n",
        columns.join(" | "),
        "---|".repeat(columns.len())
    )
}

fn line(lines: &mut String, first: &str, cells: &[String]) {
    let _ = writeln!(lines, "| {first} | {} |", cells.join(" | "));
}

/// Formats a number with two decimals if it is small, and with none if it is large.
fn figure(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
