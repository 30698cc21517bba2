//! The measured figures as tables, and the documents that show them.
//!
//! A document marks where a table goes; this tool writes what is between the marks:
//!
//! ```text
//! <!-- numbers: scaling-16 -->
//! <!-- /numbers -->
//! ```

use crate::data::{Data, Instructions, Machine, Measured, Ratio, Rival, Scaling};
use crate::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// The documents that show figures, from the root of the repository.
pub(crate) const DOCUMENTS: [&str; 3] = [
    "README.md",
    "docs/design/performance.md",
    "docs/design/pictures.md",
];

const BEGIN: &str = "<!-- numbers: ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- /numbers -->";

/// Between the figures of two machines in one cell.
const BESIDE: &str = " · ";

/// The sizes that the summary has columns for.
const SIZES: [u8; 3] = [24, 16, 8];

/// The rows of the summary: the text, and the name of the bench's row before and after its size.
const SUMMARY: [(&str, &str, &str); 9] = [
    ("lowest first, statistics off", "lowest_empty", "/off"),
    (
        "lowest first, statistics counted (the default)",
        "lowest_empty",
        "/counts",
    ),
    ("spread over threads, statistics off", "spread", "/off"),
    ("next, statistics off", "next", "/off"),
    ("random, statistics off", "random", "/off"),
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
    let machines = &data.machines;
    Some(match table {
        "machines" => all_machines(machines),
        "pictured" => machine(data.newest()),
        "summary" => summary(machines),
        "ratios" => ratios(machines),
        "winners" => winners(machines),
        "scaling-16" => scaling(machines, 16),
        "scaling-24" => scaling(machines, 24),
        "instructions" => instructions(&data.instructions),
        _ => return None,
    })
}

/// Describes all machines, and says so if they ran different versions.
fn all_machines(machines: &[Measured]) -> String {
    let mut lines: String = machines.iter().map(machine).collect();
    let of_first = |of: &Measured| of.machine.commit == machines[0].machine.commit;
    if !machines.iter().all(of_first) {
        lines += "\nThe machines ran different versions of hostbits: part of a difference between them is the version's.\n";
    }
    lines
}

fn machine(of: &Measured) -> String {
    let Machine {
        processor,
        hardware_threads,
        compiler,
        date,
        commit,
    } = &of.machine;
    let reference = of.ratios.iter().map(|row| row.reference_ns);
    format!(
        "* {processor}: {hardware_threads} hardware threads of a virtual machine, {compiler}, {date}, hostbits at `{commit}`. \
         Two bare read-modify-writes take {:.1} ns there.\n",
        reference.fold(f64::INFINITY, f64::min),
    )
}

/// Returns the names of the machines, as their figures stand in one cell.
fn names(machines: &[Measured]) -> String {
    let names = machines.iter().map(|of| of.machine.name());
    names.collect::<Vec<_>>().join(BESIDE)
}

/// Returns the figures of all machines in one cell, which is empty if there is none.
fn beside(machines: &[Measured], figure: impl Fn(&Measured) -> Option<String>) -> String {
    let figures: Vec<Option<String>> = machines.iter().map(figure).collect();
    if figures.iter().all(Option::is_none) {
        return String::new();
    }
    let shown = figures.into_iter().map(|it| it.unwrap_or("–".to_owned()));
    shown.collect::<Vec<_>>().join(BESIDE)
}

/// Returns the keys of all machines, those of the first one first, each once.
fn union<'a, T: 'a, K: PartialEq>(
    machines: &'a [Measured],
    rows: impl Fn(&'a Measured) -> &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Vec<K> {
    let mut keys = Vec::new();
    for row in machines.iter().flat_map(rows) {
        let key = key(row);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn row<'a>(of: &'a Measured, name: &str) -> Option<&'a Ratio> {
    of.ratios.iter().find(|row| row.name == name)
}

fn summary(machines: &[Measured]) -> String {
    let mut lines = header(&[&names(machines), "/24", "/16", "/8"]);
    for (what, first, last) in SUMMARY {
        let cells = SIZES.map(|size| {
            let name = format!("{first}/{size}{last}");
            beside(machines, |of| Some(figure(row(of, &name)?.ratio)))
        });
        line(&mut lines, what, &cells);
    }
    lines
}

fn ratios(machines: &[Measured]) -> String {
    let columns = |of: &Measured| {
        let name = of.machine.name();
        [
            format!("{name}: ns"),
            "ratio".into(),
            "target".into(),
            "of floor".into(),
        ]
    };
    let mut titles = vec!["row".to_owned()];
    titles.extend(machines.iter().flat_map(columns));
    let mut lines = header(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for name in union(machines, |of| &of.ratios, |row| &row.name) {
        let cells: Vec<String> = machines
            .iter()
            .flat_map(|of| row(of, name).map(ratio).unwrap_or_default())
            .collect();
        line(&mut lines, &format!("`{name}`"), &cells);
    }
    lines
}

/// Returns the cells of a row on one machine. A target that is missed says so.
fn ratio(row: &Ratio) -> [String; 4] {
    let missed = |ratio: f64, target: Option<f64>| match target {
        Some(target) if ratio > target => " (missed)",
        _ => "",
    };
    let target = row.target.map_or(String::new(), |target| {
        target.to_string() + missed(row.ratio, row.target)
    });
    let of_floor = row.floor_ratio.map_or(String::new(), |ratio| {
        let target = row.floor_target;
        let limit = target.map_or(String::new(), |target| format!(", target {target}"));
        figure(ratio) + &limit + missed(ratio, target)
    });
    [figure(row.ours_ns), figure(row.ratio), target, of_floor]
}

/// Returns every row in which a rival is faster than everything of ours at the same service on one of the machines.
fn winners(machines: &[Measured]) -> String {
    let names = names(machines);
    let mut lines = header(&[
        "rival",
        "service",
        "where",
        &format!("ns per pair, {names}"),
        "over the best of ours",
    ]);
    let rows = union(
        machines,
        |of| &of.rivals,
        |rival| (!rival.ours).then(|| (&rival.contestant, &rival.order, place(rival))),
    );
    for (contestant, order, place_of) in rows.into_iter().flatten() {
        let found = |of: &'_ Measured| {
            let mut rivals = of.rivals.iter();
            let same = |rival: &&Rival| rival.contestant == *contestant && place(rival) == place_of;
            let rival = rivals.find(same)?;
            rival.ns_per_pair.zip(rival.times_best)
        };
        if !machines
            .iter()
            .filter_map(found)
            .any(|(_, times)| times < 1.0)
        {
            continue;
        }
        let cells = [
            order.clone(),
            place_of.clone(),
            beside(machines, |of| Some(figure(found(of)?.0))),
            beside(machines, |of| Some(format!("{:.2}", found(of)?.1))),
        ];
        line(&mut lines, &format!("`{contestant}`"), &cells);
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
fn scaling(machines: &[Measured], size: u8) -> String {
    let is_shown = |record: &Scaling| record.size == size && record.bench == "throughput";
    let shown = |of: &Measured, contestant: &str, releases: &str, threads: usize| {
        let mut records = of.scaling.iter().filter(|record| is_shown(record));
        let found = records.find(|record| {
            record.contestant == contestant
                && (record.releases.as_str(), record.threads) == (releases, threads)
        });
        found?.pairs_per_second.map(|pairs| figure(pairs / 1e6))
    };
    let of_size = |record: &'_ Scaling| is_shown(record).then_some(record.threads);
    let counts = union(machines, |of| &of.scaling, of_size);
    let mut counts: Vec<usize> = counts.into_iter().flatten().collect();
    counts.sort_unstable();
    let columns: Vec<(&str, usize)> = ["own", "foreign"]
        .iter()
        .flat_map(|releases| counts.iter().map(move |threads| (*releases, *threads)))
        .collect();
    let mut titles = vec![format!(
        "million pairs a second, /{size}, {}",
        names(machines)
    )];
    titles.extend(
        columns
            .iter()
            .map(|(releases, threads)| format!("{releases}, {threads}")),
    );
    let mut lines = header(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    let contestants = union(
        machines,
        |of| &of.scaling,
        |record| is_shown(record).then_some(&record.contestant),
    );
    for contestant in contestants.into_iter().flatten() {
        let cells: Vec<String> = columns
            .iter()
            .map(|&(releases, threads)| {
                beside(machines, |of| shown(of, contestant, releases, threads))
            })
            .collect();
        line(&mut lines, &format!("`{contestant}`"), &cells);
    }
    lines
}

fn instructions(table: &[Instructions]) -> String {
    let mut lines = header(&["operation", "instructions", "budget", ""]);
    for of in table {
        let budget = of.budget.map_or(String::new(), |budget| budget.to_string());
        let missed = of.missed.as_ref().map(|why| format!("missed: {why}"));
        let cells = [of.count.to_string(), budget, missed.unwrap_or_default()];
        line(&mut lines, &format!("`{}`", of.operation), &cells);
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
