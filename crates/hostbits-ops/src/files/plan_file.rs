//! What one process leaves to the next: the plan, and what is needed to go on with it.

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

/// The form of the file.
const VERSION: u32 = 3;

/// The file, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlanFile {
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
    pub(crate) skip_unreadable: u64,
    /// How many addresses may be freed, once.
    pub(crate) max_free: Option<u64>,
    /// By pool, the longest list since something was freed: the measure of one that has shrunk. A list that
    /// stays short is otherwise the measure of itself when what it lacks is ripe.
    longest_lists: BTreeMap<String, u64>,
    /// The latest plan, with its orphans.
    pub(crate) plan: set::Plan,
    /// The plan by which something was freed, for `undo`. Written before anything is freed.
    pub(crate) freed: Option<set::Plan>,
}

fn refuse(path: &Path, fault: Fault) -> Failure {
    FilesFailure::Plan(PlanFailure::of(path, fault)).into()
}

/// The number of the form, before anything else is believed.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl PlanFile {
    /// A plan that nobody has applied. `None` if a path is no text: JSON has no place for it.
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

    /// A later plan takes the place of the one before.
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

    /// Takes note of what the latest plan has freed: the number that allowed it is spent.
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

    /// Writes it whole, in the place of what is there: whoever reads it finds one or the other.
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
        // To the disk, before anything is freed by it.
        out.into_inner()?.sync_all()
    }

    /// The pool that is meant, or the set.
    pub(crate) fn target(&self, other: Option<&Path>) -> Result<Target, Failure> {
        let path = other.unwrap_or(Path::new(&self.file));
        Target::kept(path, self.set.as_deref())
    }

    /// The lists that are meant.
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

    /// The plan to go on from, with the measures of lists that have shrunk.
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
