//! What one process leaves to the next: the plan, and what is needed to go on with it.

use super::values::ListName;
use crate::args::{AmbiguousChoice, Format};
use crate::pool::FileArgs;
use crate::users::printable;
use hostbits::Plan;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The form of the file.
const VERSION: u32 = 1;

/// The file, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlanFile {
    version: u32,
    /// Where the pool and the lists are, as whole paths.
    pool: String,
    lists: Vec<String>,
    pub(super) ambiguous: AmbiguousChoice,
    /// How many addresses may be freed, once.
    pub(super) max_free: Option<u64>,
    /// The longest list since something was freed: the measure of one that has shrunk. A list that stays
    /// short is otherwise the measure of itself when what it lacks is ripe.
    pub(super) longest_list: u64,
    /// The latest plan, with its orphans.
    pub(super) plan: Plan,
    /// The plan by which something was freed, for `undo`. Written before anything is freed.
    pub(super) freed: Option<Plan>,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) struct PlanFailure {
    file: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Read(io::Error),
    Write(io::Error),
    Parse(serde_json::Error),
    Version(u32),
    List(String),
}

impl PlanFailure {
    fn of(path: &Path, kind: Kind) -> Self {
        Self {
            file: printable(&path.display().to_string()),
            kind,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self.kind {
            Kind::Read(_) => "unreadable",
            Kind::Write(_) => "unwritable",
            Kind::Parse(_) | Kind::Version(_) | Kind::List(_) => "bad-plan",
        }
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for PlanFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        match &self.kind {
            Kind::Read(error) => write!(f, "cannot read {file}: {error}"),
            Kind::Write(error) => write!(f, "cannot write {file}: {error}"),
            Kind::Parse(error) => write!(f, "{file} is no plan: {error}"),
            Kind::Version(version) => {
                write!(
                    f,
                    "{file} is a plan of version {version}, which is not known here"
                )
            }
            Kind::List(text) => write!(f, "{file} names {text:?}, which is no list"),
        }
    }
}

/// The number of the form, before anything else is believed.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl PlanFile {
    /// A plan that nobody has applied. `None` if a path is no text: JSON has no place for it.
    pub(super) fn new(
        file: &FileArgs,
        lists: &[ListName],
        ambiguous: AmbiguousChoice,
        max_free: Option<u64>,
        plan: Plan,
    ) -> Option<Self> {
        let pool = std::path::absolute(&file.path).ok()?;
        let lists = lists.iter().map(ListName::absolute);
        Some(Self {
            version: VERSION,
            pool: pool.to_str()?.to_owned(),
            lists: lists.collect::<Option<_>>()?,
            ambiguous,
            max_free,
            longest_list: plan.listed,
            plan,
            freed: None,
        })
    }

    pub(super) fn load(path: &Path) -> Result<Self, PlanFailure> {
        let fail = |kind| PlanFailure::of(path, kind);
        let text = fs::read_to_string(path).map_err(|error| fail(Kind::Read(error)))?;
        let parse = |error| fail(Kind::Parse(error));
        let Versioned { version } = serde_json::from_str(&text).map_err(parse)?;
        if version != VERSION {
            return Err(fail(Kind::Version(version)));
        }
        serde_json::from_str(&text).map_err(parse)
    }

    /// Writes it whole, in the place of what is there: whoever reads it finds one or the other.
    pub(super) fn save(&self, path: &Path) -> Result<(), PlanFailure> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(name);
        let written = self.write(&beside).and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&beside);
            PlanFailure::of(path, Kind::Write(error))
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)?;
        // To the disk, before anything is freed by it.
        out.into_inner()?.sync_all()
    }

    /// The pool that is meant.
    pub(super) fn pool_file(&self, other: Option<&Path>, format: Format) -> FileArgs {
        FileArgs {
            path: other.unwrap_or(Path::new(&self.pool)).to_owned(),
            format,
        }
    }

    /// The lists that are meant.
    pub(super) fn lists(&self, path: &Path) -> Result<Vec<ListName>, PlanFailure> {
        let read = |text: &String| {
            let bad = |_| PlanFailure::of(path, Kind::List(text.clone()));
            ListName::read(text.as_ref()).map_err(bad)
        };
        self.lists.iter().map(read).collect()
    }

    /// The plan to go on from, with the measure of a list that has shrunk.
    pub(super) fn to_go_on(&self) -> Plan {
        let mut plan = self.plan.clone();
        plan.listed = self.longest_list;
        plan
    }
}
