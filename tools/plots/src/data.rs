//! The results of the benches: the fields of their records that are drawn.

use crate::error::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

const RATIOS: &str = "ratios.json";
const RIVALS: &str = "rivals.json";
const SCALING: &str = "scaling.json";
const MACHINE: &str = "machine.json";

/// All data that is drawn.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) rivals: Vec<Rival>,
    pub(crate) scaling: Vec<Scaling>,
    pub(crate) machine: Machine,
}

/// Where and when it was measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) hardware_threads: usize,
    pub(crate) compiler: String,
    pub(crate) date: String,
}

/// A row of `--bench ratios`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) ours_ns: f64,
    pub(crate) reference_ns: f64,
    pub(crate) ratio: f64,
    pub(crate) target: Option<f64>,
}

/// A record of `--bench rivals`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rival {
    pub(crate) bench: String,
    pub(crate) contestant: String,
    pub(crate) ours: bool,
    pub(crate) order: String,
    pub(crate) size: u8,
    pub(crate) fill: f64,
    pub(crate) threads: usize,
    pub(crate) outcome: Outcome,
    pub(crate) ns_per_pair: Option<f64>,
    /// Its time divided by that of the fastest of ours at the same service.
    pub(crate) times_best: Option<f64>,
}

/// Whether a rival has a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It has a figure.
    Measured,
    /// It was not run: it would have taken too long.
    NotRun,
    /// It does not do this job.
    Cannot,
}

/// A record of `--bench scaling`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Scaling {
    pub(crate) bench: String,
    pub(crate) contestant: String,
    pub(crate) ours: bool,
    pub(crate) size: u8,
    pub(crate) releases: String,
    pub(crate) threads: usize,
    pub(crate) cores: usize,
    pub(crate) pairs_per_second: Option<f64>,
    pub(crate) p50: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) p999: Option<u64>,
    pub(crate) p9999: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) clock_ns: u64,
}

impl Data {
    /// Reads the three files of `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            ratios: read(&dir.join(RATIOS))?,
            rivals: read(&dir.join(RIVALS))?,
            scaling: read(&dir.join(SCALING))?,
            machine: parse(&dir.join(MACHINE))?,
        })
    }
}

/// Copies the results of the benches from `from` to `to`, and records what machine this is. Copies nothing if
/// one of the files is missing or broken.
pub(crate) fn update(from: &Path, to: &Path) -> Result<(), Error> {
    let machine = serde_json::to_string_pretty(&Machine::this()).expect("plain data");
    let path = from.join(MACHINE);
    fs::write(&path, machine + "\n").map_err(|source| Error::Write { path, source })?;
    Data::read(from)?;
    create_dir(to)?;
    for name in [RATIOS, RIVALS, SCALING, MACHINE] {
        let (source, target) = (from.join(name), to.join(name));
        let copied = fs::copy(source, &target);
        copied.map_err(|source| Error::Write {
            path: target,
            source,
        })?;
    }
    Ok(())
}

/// Makes sure that `dir` exists.
pub(crate) fn create_dir(dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|source| Error::Write {
        path: dir.to_owned(),
        source,
    })
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| Error::Parse {
        path: path.to_owned(),
        source,
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let records: Vec<T> = parse(path)?;
    if records.is_empty() {
        return Err(Error::Empty {
            path: path.to_owned(),
        });
    }
    Ok(records)
}

impl Machine {
    /// Describes the machine that this runs on, with today's date.
    fn this() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let processor = model.map(|name| name.trim_start_matches([' ', '\t', ':']));
        Self {
            processor: processor.unwrap_or("unknown").to_owned(),
            hardware_threads: available_parallelism().map_or(1, NonZero::get),
            compiler: printed_by("rustc", &["--version"]),
            date: printed_by("date", &["-u", "+%F"]),
        }
    }
}

fn printed_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    printed.unwrap_or_else(|_| "unknown".to_owned())
}
