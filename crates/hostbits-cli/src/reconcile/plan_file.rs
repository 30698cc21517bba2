//! What one process leaves to the next: the plan, and what is needed to go on with it.

use super::target::Target;
use crate::args::Format;
use crate::failure::Failure;
use hostbits::{SetApplied, SetPlan};
use hostbits_lists::Query;
use hostbits_ops::{ListName, printable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The form of the file.
const VERSION: u32 = 3;

/// The file, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlanFile {
    version: u32,
    /// Where the pool, or the configuration of the set, and the lists are, as whole paths.
    file: String,
    /// The name of the set, if it is one.
    set: Option<String>,
    lists: Vec<String>,
    /// The filter of each list, if it has one.
    filters: Vec<Option<String>>,
    /// The states of which each list leaves out the entries. Plans of before there were any have none.
    #[serde(default)]
    without: Vec<Vec<String>>,
    pub(super) skip_unreadable: u64,
    /// How many addresses may be freed, once.
    pub(super) max_free: Option<u64>,
    /// By pool, the longest list since something was freed: the measure of one that has shrunk. A list that
    /// stays short is otherwise the measure of itself when what it lacks is ripe.
    longest_lists: BTreeMap<String, u64>,
    /// The latest plan, with its orphans.
    pub(super) plan: SetPlan,
    /// The plan by which something was freed, for `undo`. Written before anything is freed.
    pub(super) freed: Option<SetPlan>,
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
        target: &Target,
        lists: &[ListName],
        skip_unreadable: u64,
        max_free: Option<u64>,
        plan: SetPlan,
    ) -> Option<Self> {
        let file = std::path::absolute(target.path()).ok()?;
        let whole = lists.iter().map(ListName::absolute);
        let mut kept = Self {
            version: VERSION,
            file: file.to_str()?.to_owned(),
            set: target.set().map(str::to_owned),
            lists: whole.collect::<Option<_>>()?,
            filters: lists
                .iter()
                .map(|list| list.filter().map(str::to_owned))
                .collect(),
            without: lists
                .iter()
                .map(|list| list.source.without.clone())
                .collect(),
            skip_unreadable,
            max_free,
            longest_lists: BTreeMap::new(),
            plan,
            freed: None,
        };
        kept.note_lists();
        Some(kept)
    }

    /// A later plan takes the place of the one before.
    pub(super) fn goes_on_as(&mut self, plan: SetPlan) {
        self.plan = plan;
        self.note_lists();
    }

    fn note_lists(&mut self) {
        for member in &self.plan.members {
            let longest = self.longest_lists.entry(member.name.clone()).or_default();
            *longest = member.plan.listed.max(*longest);
        }
    }

    /// Takes note of what the latest plan has freed: the number that allowed it is spent.
    pub(super) fn note_freed(&mut self, applied: &SetApplied) {
        if applied.total.freed == 0 {
            return;
        }
        self.max_free = None;
        for (member, applied) in self.plan.members.iter().zip(&applied.members) {
            if applied.freed != 0 {
                let listed = member.plan.listed;
                self.longest_lists.insert(member.name.clone(), listed);
            }
        }
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

    /// The pool that is meant, or the set.
    pub(super) fn target(&self, other: Option<&Path>, format: Format) -> Result<Target, Failure> {
        let path = other.unwrap_or(Path::new(&self.file));
        Target::kept(path, self.set.as_deref(), format)
    }

    /// The lists that are meant.
    pub(super) fn lists(&self, path: &Path) -> Result<Vec<ListName>, PlanFailure> {
        let read = |(at, text): (usize, &String)| {
            let bad = || PlanFailure::of(path, Kind::List(text.clone()));
            let list = ListName::read(text.as_ref()).map_err(|_| bad())?;
            let list = match self.filters.get(at).cloned().flatten() {
                None => list,
                Some(filter) => {
                    let query = Query::new(&filter).map_err(|_| bad())?;
                    list.filtered(query).ok_or_else(bad)?
                }
            };
            let states = self.without.get(at).map(Vec::as_slice);
            list.without(states.unwrap_or_default()).ok_or_else(bad)
        };
        self.lists.iter().enumerate().map(read).collect()
    }

    /// The plan to go on from, with the measures of lists that have shrunk.
    pub(super) fn to_go_on(&self) -> SetPlan {
        let mut plan = self.plan.clone();
        for member in &mut plan.members {
            if let Some(&longest) = self.longest_lists.get(&member.name) {
                member.plan.listed = longest;
            }
        }
        plan
    }
}
