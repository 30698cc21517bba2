//! Writes the page: how many mutants of each kind in each room, what caught them, and which survived.

use super::harmless::argument;
use super::operators::Operator;
use super::records::{Fate, Record, Records};
use super::rooms::{Mutant, ROOMS};
use crate::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/design/mutants.md";
const BEGIN: &str = "<!-- from here to the end: by `campaigns/mutants-generated` -->\n";

/// Prints the outcome of the mutants, and writes the page if they are the sample. Returns whether all were tried and
/// every survivor is explained.
pub(super) fn tell<'m>(
    mutants: &[(&'m Mutant, &str)],
    records: &'m Records,
    in_all: usize,
    is_the_sample: bool,
    root: &Path,
) -> Outcome<bool> {
    let found =
        |&(mutant, source): &(&'m Mutant, &str)| Some((mutant, records.of(mutant, source)?));
    let tried: Vec<(&Mutant, &Record)> = mutants.iter().filter_map(found).collect();
    let is_unexplained = |(mutant, record): &&(&Mutant, &Record)| {
        record.fate == Fate::Survived && argument(&mutant.change.name).is_none()
    };
    let unexplained: Vec<_> = tried.iter().filter(is_unexplained).collect();
    for (mutant, _) in &unexplained {
        println!(
            "nothing notices, and nobody says why: {}",
            mutant.change.name
        );
    }
    let is_untried = |(mutant, source): &&(&'m Mutant, &str)| records.of(mutant, source).is_none();
    let untried: Vec<_> = mutants.iter().filter(is_untried).collect();
    let untried: Vec<&Mutant> = untried.into_iter().map(|&(mutant, _)| mutant).collect();
    let text = page(&tried, &untried, in_all);
    println!("\n{text}");
    if !untried.is_empty() {
        println!("{} of {} were not tried", untried.len(), mutants.len());
    }
    if is_the_sample {
        write(root, &text)?;
    }
    Ok(unexplained.is_empty() && untried.is_empty())
}

fn write(root: &Path, text: &str) -> Outcome<()> {
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let by_hand = page.split(BEGIN).next().unwrap_or("");
    fs::write(&path, [by_hand, BEGIN, text].concat()).map_err(|error| format!("{PAGE}: {error}"))
}

fn page(tried: &[(&Mutant, &Record)], untried: &[&Mutant], in_all: usize) -> String {
    let counts = Counts::of(tried.iter().copied());
    let seconds: f64 = tried.iter().map(|(_, record)| record.seconds).sum();
    let mut page = String::new();
    let _ = writeln!(
        page,
        "\nOf {in_all} mutants, {} were drawn, and {} of them have been tried to the end. {} of these do not \
         compile; of the other {}, {} were caught, and {} survived. {:.0} minutes of work, beside the builds.",
        tried.len() + untried.len(),
        tried.len(),
        counts.not_built,
        tried.len() - counts.not_built,
        counts.caught(),
        counts.survived,
        seconds / 60.0
    );
    let explained = |mutant: &&Mutant| argument(&mutant.change.name).is_some();
    let explained = untried.iter().copied().filter(explained);
    if !untried.is_empty() {
        let explained = explained.clone().count();
        let _ = writeln!(
            page,
            "\nOf the {} that have not been tried to the end, {explained} are explained, and {} are open.",
            untried.len(),
            untried.len() - explained
        );
    }
    page.push('\n');
    let rooms: Vec<_> = ROOMS.iter().map(|room| room.name).collect();
    let _ = writeln!(page, "| caught + survived | {} | all |", rooms.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(rooms.len() + 1));
    for operator in Operator::ALL {
        let of_operator = || {
            tried
                .iter()
                .filter(move |(mutant, _)| mutant.change.operator == operator)
        };
        let mut cells = vec![operator.to_string()];
        for room in &rooms {
            let of_both = of_operator().filter(|(mutant, _)| mutant.room.name == *room);
            cells.push(Counts::of(of_both.copied()).to_string());
        }
        cells.push(Counts::of(of_operator().copied()).to_string());
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    let _ = writeln!(page, "\n| caught by | mutants |\n|---|---|");
    for (by, count) in &counts.by {
        let _ = writeln!(page, "| {by} | {count} |");
    }
    let _ = writeln!(page, "\n| survivor | nothing notices, because |\n|---|---|");
    for (mutant, record) in tried {
        if record.fate == Fate::Survived {
            tell_why(&mut page, mutant);
        }
    }
    if explained.clone().next().is_some() {
        page.push_str(
            "\n| explained, and not tried to the end | nothing can notice, because |\n|---|---|\n",
        );
        explained.for_each(|mutant| tell_why(&mut page, mutant));
    }
    page
}

fn tell_why(page: &mut String, mutant: &Mutant) {
    let name = mutant.change.name.replace('|', "\\|");
    let why = argument(&mutant.change.name).unwrap_or("**nobody knows**");
    let _ = writeln!(page, "| `{name}` | {why} |");
}

#[derive(Default)]
struct Counts {
    /// The number of mutants that were caught, by the file of the test.
    by: BTreeMap<String, usize>,
    survived: usize,
    not_built: usize,
}

impl Counts {
    fn of<'t>(tried: impl Iterator<Item = (&'t Mutant, &'t Record)>) -> Self {
        let mut counts = Self::default();
        for (_, record) in tried {
            match &record.fate {
                Fate::Caught(by) => *counts.by.entry(file_of(by)).or_default() += 1,
                Fate::Survived => counts.survived += 1,
                Fate::NotBuilt => counts.not_built += 1,
            }
        }
        counts
    }

    fn caught(&self) -> usize {
        self.by.values().sum()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.caught(), self.survived) {
            (0, 0) => Ok(()),
            (caught, 0) => write!(f, "{caught}"),
            (caught, survived) => write!(f, "{caught} + {survived}"),
        }
    }
}

fn file_of(by: &str) -> String {
    let by = by.split(" (").next().unwrap_or(by);
    let mut parts = by.split("::");
    match (parts.next(), parts.next()) {
        (Some("loom"), Some(file)) => format!("loom::{file}"),
        (Some("unit"), _) => "unit tests".to_owned(),
        (first, _) => first.unwrap_or("").to_owned(),
    }
}
