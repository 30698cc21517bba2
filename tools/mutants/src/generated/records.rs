//! The outcome of each mutant, one line each, written at once: a run that was stopped continues from there.

use super::rooms::{Mutant, hash};
use crate::Outcome;
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Caught(String),
    Survived,
    /// The mutant does not compile, so there is nothing to catch.
    NotBuilt,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) fate: Fate,
    pub(crate) seconds: f64,
}

pub(crate) struct Records {
    path: PathBuf,
    by_key: HashMap<String, Record>,
    /// The outcome of each mutant in its latest trial, even if its file has changed since.
    latest: HashMap<String, Fate>,
}

impl Records {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let by_key = text.lines().filter_map(parse).collect();
        let name = |(key, record): (String, Record)| {
            let (_, name) = key.split_once('\t')?;
            Some((name.to_owned(), record.fate))
        };
        let latest = text.lines().filter_map(parse).filter_map(name).collect();
        Self {
            path,
            by_key,
            latest,
        }
    }

    /// Returns the outcome of a mutant, if the file that it changes is still the same.
    pub(crate) fn of(&self, mutant: &Mutant, source: &str) -> Option<&Record> {
        self.by_key.get(&key(mutant, source))
    }

    /// Returns the latest outcome of a mutant, even if its file has changed: the check that caught it then may catch it
    /// again.
    pub(crate) fn before(&self, mutant: &Mutant) -> Option<&Fate> {
        self.latest.get(&mutant.change.name.replace('\t', " "))
    }

    pub(crate) fn add(&mut self, mutant: &Mutant, source: &str, record: Record) -> Outcome<()> {
        let key = key(mutant, source);
        let (word, by) = match &record.fate {
            Fate::Caught(by) => ("caught", by.as_str()),
            Fate::Survived => ("survived", ""),
            Fate::NotBuilt => ("not-built", ""),
        };
        let line = format!("{key}\t{word}\t{:.1}\t{by}\n", record.seconds);
        let told = |error| format!("{}: {error}", self.path.display());
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(told)?;
        file.write_all(line.as_bytes()).map_err(told)?;
        self.by_key.insert(key, record);
        Ok(())
    }
}

fn key(mutant: &Mutant, source: &str) -> String {
    format!(
        "{:016x}\t{}",
        hash(source),
        mutant.change.name.replace('\t', " ")
    )
}

/// Reads a line. If several lines are about one mutant, the last one counts; a line that was cut off is ignored.
fn parse(line: &str) -> Option<(String, Record)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [source, name, word, seconds, by] = fields[..] else {
        return None;
    };
    let fate = match word {
        "caught" => Fate::Caught(by.to_owned()),
        "survived" => Fate::Survived,
        "not-built" => Fate::NotBuilt,
        _ => return None,
    };
    let seconds = seconds.parse().ok()?;
    Some((format!("{source}\t{name}"), Record { fate, seconds }))
}
