//! What one process stores for the next: the plan, and what is needed to continue with it.

use crate::failure::Failure;
use crate::files::plan_failure::{Fault, PlanFailure};
use crate::files::target::Target;
use crate::files_failure::FilesFailure;
use crate::lists::name::ListName;
use hostbits::set;
use hostbits_lists::Query;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The version of the file format.
const VERSION: u32 = 3;

/// The file, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlanFile {
    version: u32,
    /// The absolute path of the pool file, or of the configuration of the set.
    file: String,
    /// The name of the set, if the plan is for one.
    set: Option<String>,
    lists: Vec<String>,
    /// The filter of each list, if it has one.
    filters: Vec<Option<String>>,
    /// The states whose entries each list leaves out. Absent in older plans.
    #[serde(default)]
    without: Vec<Vec<String>>,
    pub(crate) skip_unreadable: u64,
    /// Number of addresses that may be freed, once.
    pub(crate) max_free: Option<u64>,
    /// For each pool, the longest list since something was freed, against which a shrunken list is measured. Otherwise,
    /// a list that stays short would be measured against itself when its missing entries are due.
    longest_lists: BTreeMap<String, u64>,
    /// The latest plan, with its orphans.
    pub(crate) plan: set::Plan,
    /// The plan by which something was freed, for `undo`. Written before anything is freed.
    pub(crate) freed: Option<set::Plan>,
}

fn refuse(path: &Path, fault: Fault) -> Failure {
    FilesFailure::Plan(PlanFailure::of(path, fault)).into()
}

/// The version, which is checked before anything else.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl PlanFile {
    /// Returns a plan that has not been applied. `None` if a path is not UTF-8: JSON cannot represent it.
    pub(crate) fn new(
        target: &Target,
        lists: &[ListName],
        skip_unreadable: u64,
        max_free: Option<u64>,
        plan: set::Plan,
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

    /// Replaces the plan by a later one.
    pub(crate) fn goes_on_as(&mut self, plan: set::Plan) {
        self.plan = plan;
        self.note_lists();
    }

    fn note_lists(&mut self) {
        for member in &self.plan.members {
            let longest = self.longest_lists.entry(member.name.clone()).or_default();
            *longest = member.plan.listed.max(*longest);
        }
    }

    /// Records what the latest plan freed; the number that allowed it is used up.
    pub(crate) fn note_freed(&mut self, applied: &set::Applied) {
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

    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let fail = |fault| refuse(path, fault);
        let text = fs::read_to_string(path).map_err(|error| fail(Fault::Read(error)))?;
        let parse = |error| fail(Fault::Parse(error));
        let Versioned { version } = serde_json::from_str(&text).map_err(parse)?;
        if version != VERSION {
            return Err(fail(Fault::Version(version)));
        }
        serde_json::from_str(&text).map_err(parse)
    }

    /// Writes the file atomically: a reader finds either the old or the new contents.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(name);
        let written = self.write(&beside).and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&beside);
            refuse(path, Fault::Write(error))
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)?;
        // Synced before anything is freed by it.
        out.into_inner()?.sync_all()
    }

    /// Returns the pool or set that the plan is for.
    pub(crate) fn target(&self, other: Option<&Path>) -> Result<Target, Failure> {
        let path = other.unwrap_or(Path::new(&self.file));
        Target::kept(path, self.set.as_deref())
    }

    /// Returns the lists of the plan.
    pub(crate) fn lists(&self, path: &Path) -> Result<Vec<ListName>, Failure> {
        let read = |(at, text): (usize, &String)| {
            let bad = || refuse(path, Fault::List(text.clone()));
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

    /// Returns the plan to continue from, with the lengths against which lists are measured.
    pub(crate) fn to_go_on(&self) -> set::Plan {
        let mut plan = self.plan.clone();
        for member in &mut plan.members {
            if let Some(&longest) = self.longest_lists.get(&member.name) {
                member.plan.listed = longest;
            }
        }
        plan
    }
}
