//! The results of the benches: the fields of their records that are shown, machine by machine.

use crate::error::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

const RATIOS: &str = "ratios.json";
const RIVALS: &str = "rivals.json";
const SCALING: &str = "scaling.json";
const INSTRUCTIONS: &str = "benches/instructions.txt";

/// All data that is shown.
#[derive(Debug)]
pub(crate) struct Data {
    /// What was measured on each machine, in the order of their names.
    pub(crate) machines: Vec<Measured>,
    /// The instructions of the hot operations.
    pub(crate) instructions: Vec<Instructions>,
}

/// What the benches measured on one machine.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) machine: Machine,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) rivals: Vec<Rival>,
    pub(crate) scaling: Vec<Scaling>,
}

/// Where, when and at which version it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) hardware_threads: usize,
    pub(crate) compiler: String,
    pub(crate) date: String,
    /// The commit of hostbits.
    pub(crate) commit: String,
}

/// What a bench writes.
#[derive(Debug, Deserialize)]
struct Report<T> {
    machine: Machine,
    rows: Vec<T>,
}

/// A line of `benches/instructions.txt`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instructions {
    pub(crate) operation: String,
    pub(crate) count: f64,
    pub(crate) budget: Option<f64>,
    /// Why the budget is not kept, if it is not.
    pub(crate) missed: Option<String>,
}

/// A row of `--bench ratios`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) ours_ns: f64,
    pub(crate) reference_ns: f64,
    pub(crate) ratio: f64,
    pub(crate) target: Option<f64>,
    /// The ratio to the bare instructions of an operation of the same shape.
    pub(crate) floor_ratio: Option<f64>,
    pub(crate) floor_target: Option<f64>,
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
    /// Its threads did not have the cores for themselves.
    Disturbed,
}

impl Outcome {
    /// Returns whether a picture shows the rival, if only as one that was not run.
    pub(crate) fn is_drawn(self) -> bool {
        match self {
            Self::Measured | Self::NotRun => true,
            Self::Cannot | Self::Disturbed => false,
        }
    }
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
    /// Reads the directories of `dir`, one for each machine, and the table of instructions below `root`.
    pub(crate) fn read(dir: &Path, root: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Read {
            path: dir.to_owned(),
            source,
        };
        let mut dirs = Vec::new();
        for entry in fs::read_dir(dir).map_err(unreadable)? {
            dirs.push(entry.map_err(unreadable)?.path());
        }
        dirs.sort();
        let machines: Result<Vec<Measured>, Error> =
            dirs.iter().map(|dir| Measured::read(dir)).collect();
        Ok(Self {
            machines: not_empty(machines?, dir)?,
            instructions: instructions(&root.join(INSTRUCTIONS))?,
        })
    }

    /// Returns what was measured last.
    pub(crate) fn newest(&self) -> &Measured {
        let newest = self.machines.iter().max_by_key(|of| &of.machine.date);
        newest.expect("there is a machine")
    }
}

impl Measured {
    /// Reads the three files of `dir`, which must be of one machine and version.
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let (machine, ratios) = read(&dir.join(RATIOS))?;
        let (of_rivals, rivals) = read(&dir.join(RIVALS))?;
        let (of_scaling, scaling) = read(&dir.join(SCALING))?;
        for (name, of) in [(RIVALS, of_rivals), (SCALING, of_scaling)] {
            if !of.is_same_as(&machine) {
                let path = dir.join(name);
                return Err(Error::Mixed { path });
            }
        }
        Ok(Self {
            machine,
            ratios,
            rivals,
            scaling,
        })
    }
}

impl Machine {
    /// Returns the maker and the line of the processor: `Intel Xeon`.
    pub(crate) fn name(&self) -> String {
        let name = self.processor.split(',').next().unwrap_or_default();
        let words = name.split_whitespace().map(|word| word.split('(').next());
        let words: Vec<&str> = words
            .flatten()
            .filter(|word| *word != "Processor")
            .collect();
        words.join(" ")
    }

    /// Returns the name of its directory: `intel-xeon`.
    fn dir(&self) -> String {
        self.name().to_lowercase().replace(' ', "-")
    }

    /// Returns whether two benches measured the same thing on the same machine, on whatever day.
    fn is_same_as(&self, other: &Self) -> bool {
        (&self.processor, &self.compiler, &self.commit)
            == (&other.processor, &other.compiler, &other.commit)
    }
}

/// Copies the results of the benches from `from` into the directory of their machine in `to`. Copies nothing if one of
/// the files is missing or broken, or if they are not of one machine and version.
pub(crate) fn update(from: &Path, to: &Path) -> Result<(), Error> {
    let to = to.join(Measured::read(from)?.machine.dir());
    create_dir(&to)?;
    for name in [RATIOS, RIVALS, SCALING] {
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

fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<(Machine, Vec<T>), Error> {
    let report: Result<Report<T>, _> = serde_json::from_str(&read_text(path)?);
    let report = report.map_err(|source| Error::Parse {
        path: path.to_owned(),
        source,
    })?;
    Ok((report.machine, not_empty(report.rows, path)?))
}

fn not_empty<T>(items: Vec<T>, path: &Path) -> Result<Vec<T>, Error> {
    match items.is_empty() {
        true => Err(Error::Empty {
            path: path.to_owned(),
        }),
        false => Ok(items),
    }
}

/// Reads the table of `campaigns/instructions`.
fn instructions(path: &Path) -> Result<Vec<Instructions>, Error> {
    let text = read_text(path)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read = lines.map(|line| {
        Instructions::read(line).ok_or_else(|| Error::Line {
            path: path.to_owned(),
            line: line.to_owned(),
        })
    });
    not_empty(read.collect::<Result<_, _>>()?, path)
}

impl Instructions {
    /// Reads `NAME COUNT BUDGET [missed: WHY]`. A budget that is not kept must have a reason, and no other has one.
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, ' ');
        let operation = fields.next()?.to_owned();
        let count: f64 = fields.next()?.parse().ok()?;
        let budget: Option<f64> = match fields.next()? {
            "-" => None,
            budget => Some(budget.parse().ok()?),
        };
        let missed = match fields.next() {
            None => None,
            Some(mark) => Some(mark.strip_prefix("missed: ")?.trim().to_owned()),
        };
        let is_over = budget.is_some_and(|budget| count > budget);
        let is_right = is_over == missed.is_some() && missed.as_deref() != Some("");
        is_right.then_some(Self {
            operation,
            count,
            budget,
            missed,
        })
    }
}
