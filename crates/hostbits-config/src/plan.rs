//! What a configuration would do to what there is: steps, and what is refused.

use crate::compare::{self, Doubt};
use crate::model::{Config, MemberConfig, SetConfig, written};
use crate::values::AddrSpan;
use hostbits::file::{self, Growth, OpenError};
use ipnet::IpNet;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What would be done, told before it is done. Plain data.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Plan {
    /// What would be done, and what stays, in the order of the configuration.
    pub steps: Vec<Step>,
    /// Why it is not done. Nothing is applied as long as there is one.
    pub refusals: Vec<Refusal>,
}

/// One thing that would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// The set, or the pair.
    pub set: String,
    /// The member, by its network or its first and last address; `None` for what is of the set.
    pub member: Option<String>,
    /// The pool file of the member.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub file: Option<PathBuf>,
    /// What.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: StepKind,
    /// Where the member is: the set, and its number there.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) at: Option<(usize, usize)>,
}

/// What would be done. Of a member in memory, nobody knows who holds what: it has no counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "step", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum StepKind {
    /// A pool file is created, all of it free.
    Create {
        /// How many addresses it can hand out.
        capacity: u64,
    },
    /// A pool file grows, or reserves other addresses, which nobody holds; no address changes.
    Grow {
        /// How many more addresses it can hand out.
        added: u64,
        /// How many, all of them free, it hands out no more.
        reserved: u64,
        /// A larger file takes its name.
        needs_more_room: bool,
        /// How many are allocated, and stay so.
        allocated: u64,
    },
    /// The pool file is as it is described.
    Keep {
        /// How many are allocated.
        allocated: u64,
    },
    /// The set has a member more.
    Add,
    /// The set has a member less. Its pool file stays where it is.
    Remove,
    /// Nothing new is handed out from the member.
    Drain {
        /// How many are still allocated.
        stragglers: Option<u64>,
    },
    /// The member is no longer drained.
    Resume,
    /// Nothing new is handed out from a range.
    Cordon {
        /// The range.
        range: String,
        /// How many of it are still allocated.
        stragglers: Option<u64>,
    },
    /// A range is no longer cordoned.
    Uncordon {
        /// The range.
        range: String,
    },
    /// Something else has another value, which holds for whoever reads the configuration.
    Change {
        /// What.
        what: String,
        /// Before; `None` if it was not there.
        from: Option<String>,
        /// From now on; `None` if it is no longer there.
        to: Option<String>,
    },
}

/// Something that is not done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Refusal {
    /// The set.
    pub set: String,
    /// The member.
    pub member: String,
    /// Its pool file.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub file: Option<PathBuf>,
    /// The line of the member; `None` if only the old configuration has it.
    pub line: Option<usize>,
    /// Why.
    pub code: RefusalKind,
    /// Why, as a sentence that says what to do instead.
    pub message: String,
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The pool was of another network.
    NetworkChanged,
    /// Addresses would stay, but what the file calls their place would be another one's.
    WouldRenumber,
    /// Addresses could no longer be handed out, and somebody may hold them.
    WouldShrink,
    /// The prefixes that are handed out have another length.
    UnitChanged,
    /// A pool file keeps its policy.
    PolicyChanged,
    /// A pool file keeps its durability.
    DurabilityChanged,
    /// Addresses of the removed member are allocated.
    StillHeld,
    /// The removed member was not drained.
    NotDrained,
    /// Another file would not know who holds what.
    FileMoved,
    /// Two members are in one file, by way of a link.
    SharedFile,
    /// There is no file, and `min_session` says that there was one.
    FileMissing,
}

/// As text, whatever bytes the path is of: a folder need not be UTF-8.
#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.collect_str(&path.display()),
        None => serializer.serialize_none(),
    }
}

/// Why nothing can be planned: a pool file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlanError {
    /// Which.
    pub path: PathBuf,
    /// The line of its member, in the configuration that names it.
    pub line: usize,
    /// Why not.
    pub error: OpenError,
}

impl Plan {
    /// Compares a configuration with the pool files that it names, and with an older configuration if there
    /// is one. Reads, and changes nothing.
    ///
    /// Without the older one, a member that is no longer mentioned is not missed.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if a file is there and cannot be used.
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("hostbits-doc-plan-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let file = folder.join("a.toml");
    /// use hostbits_config::{Config, Plan};
    ///
    /// std::fs::write(&file, "[[sets.a.members]]\nnetwork = '10.0.0.0/24'\nfile = 'a.pool'")?;
    /// let config = Config::read(&file)?;
    /// let plan = Plan::of(&config, None)?;
    /// assert_eq!(plan.steps[0].to_string(), "a: 10.0.0.0/24: create, capacity 253");
    /// Plan::apply(&config, None)?;
    /// assert_eq!(Plan::of(&config, None)?.steps[0].to_string(), "a: 10.0.0.0/24: keep, 0 allocated");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(config: &Config, old: Option<&Config>) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for (set_index, set) in config.sets.iter().enumerate() {
            for (index, member) in set.members.iter().enumerate() {
                let at = (set_index, index);
                plan.member(set, member, at, old.is_none())?;
            }
        }
        plan.links(config);
        if let Some(old) = old {
            compare::with_old(&mut plan, config, old)?;
        }
        Ok(plan)
    }

    /// Whether applying it would change a pool file.
    pub fn changes_files(&self) -> bool {
        self.steps.iter().any(Step::changes_a_file)
    }

    fn member(
        &mut self,
        set: &SetConfig,
        member: &MemberConfig,
        at: (usize, usize),
        tell_closed: bool,
    ) -> Result<(), PlanError> {
        let mut step = Step::of(set, member, at);
        let view = match &member.file {
            Some(file) => view(&file.path, member.line)?,
            None => None,
        };
        if let Some(file) = &member.file {
            step.kind = match &view {
                None if file.min_session != 0 => {
                    let min = file.min_session;
                    self.refusals.push(Refusal {
                        code: RefusalKind::FileMissing,
                        message: format!(
                            "there is no {0}, and min_session = {min} says that there was one: put its backup \
                             back (hostbits pool restore BACKUP {0} --min-session {min}), or leave min_session \
                             out if nobody holds an address of it",
                            file.path.display()
                        ),
                        ..Refusal::of(set, member)
                    });
                    return Ok(());
                }
                None => {
                    let capacity = member.info.capacity;
                    StepKind::Create { capacity }
                }
                Some(view) => match growth(member, view) {
                    Ok(growth) => of_growth(growth, view),
                    Err(GrowthError::Refused(code, message)) => {
                        self.refusals.push(Refusal {
                            code,
                            message,
                            ..Refusal::of(set, member)
                        });
                        return Ok(());
                    }
                    Err(GrowthError::File(error)) => {
                        return Err(PlanError {
                            path: file.path.clone(),
                            line: member.line,
                            error,
                        });
                    }
                },
            };
            self.steps.push(step);
        }
        if tell_closed {
            self.closed(set, member, at, view.as_ref());
        }
        Ok(())
    }

    /// What the configuration closes.
    pub(crate) fn closed(
        &mut self,
        set: &SetConfig,
        member: &MemberConfig,
        at: (usize, usize),
        view: Option<&file::View>,
    ) {
        let step = Step::of(set, member, at);
        if member.drained {
            let stragglers = view.map(|view| view.snapshot.allocated());
            let kind = StepKind::Drain { stragglers };
            self.steps.push(Step {
                kind,
                ..step.clone()
            });
        }
        for cordon in &member.cordons {
            let kind = cordoned(cordon, view);
            self.steps.push(Step {
                kind,
                ..step.clone()
            });
        }
    }

    /// Members of one file, by way of links to its folder.
    fn links(&mut self, config: &Config) {
        let mut lines = HashMap::new();
        for set in &config.sets {
            for member in &set.members {
                let path = member
                    .file
                    .as_ref()
                    .map(|file| fs::canonicalize(&file.path));
                let Some(Ok(path)) = path else { continue };
                if let Some(line) = lines.insert(path, member.line) {
                    self.refusals.push(Refusal {
                        code: RefusalKind::SharedFile,
                        message: format!("the member of line {line} is in this file already"),
                        ..Refusal::of(set, member)
                    });
                }
            }
        }
    }
}

pub(crate) fn cordoned(cordon: &AddrSpan, view: Option<&file::View>) -> StepKind {
    let count = |view: &file::View| {
        let addrs = view.snapshot.iter();
        addrs.filter(|addr| cordon.contains(addr)).count() as u64
    };
    StepKind::Cordon {
        range: written(cordon),
        stragglers: view.map(count),
    }
}

/// What is in a file; `None` if there is none.
pub(crate) fn view(path: &Path, line: usize) -> Result<Option<file::View>, PlanError> {
    match file::read(path) {
        Ok(view) => Ok(Some(view)),
        Err(OpenError::NotFound) => Ok(None),
        Err(error) => Err(PlanError {
            path: path.to_owned(),
            line,
            error,
        }),
    }
}

fn of_growth(growth: Growth, view: &file::View) -> StepKind {
    let allocated = view.snapshot.allocated();
    match growth.is_needed {
        false => StepKind::Keep { allocated },
        true => StepKind::Grow {
            added: growth.added,
            reserved: growth.reserved,
            needs_more_room: growth.needs_more_room,
            allocated,
        },
    }
}

enum GrowthError {
    Refused(RefusalKind, String),
    File(OpenError),
}

/// What growing the file would do, as the library judges it.
fn growth(member: &MemberConfig, view: &file::View) -> Result<Growth, GrowthError> {
    let error = match growth_by_library(member) {
        Ok(growth) => return Ok(growth),
        Err(error) => error,
    };
    let in_the_way = error.in_the_way();
    let code = match &error {
        _ if in_the_way.is_some() => RefusalKind::WouldShrink,
        OpenError::ModeMismatch { .. } => RefusalKind::DurabilityChanged,
        OpenError::GeometryMismatch { .. } => match compare::doubt(&view.info, &member.info) {
            Some(Doubt::Unit) => RefusalKind::UnitChanged,
            Some(Doubt::Elsewhere) => RefusalKind::NetworkChanged,
            Some(Doubt::Smaller) => RefusalKind::WouldShrink,
            None if view.info.policy.to_string() != member.info.policy.to_string() => {
                RefusalKind::PolicyChanged
            }
            None => RefusalKind::WouldRenumber,
        },
        _ => return Err(GrowthError::File(error)),
    };
    let hint = match (view.snapshot.allocated(), in_the_way) {
        (held, Some(addr)) => format!(
            "{held} addresses of it are allocated, and {addr} is one: release it, or reclaim it if it is quarantined, \
             or put the line back"
        ),
        (0, None) => "nobody holds an address of it: remove the file, and apply again".to_owned(),
        (held, None) => format!(
            "{held} addresses of it are allocated: put the line back, drain the member and add another one"
        ),
    };
    Err(GrowthError::Refused(code, format!("{error}; {hint}")))
}

pub(crate) fn growth_by_library(member: &MemberConfig) -> Result<Growth, OpenError> {
    // Every address is one of the family of both, and whoever asks has looked for the file.
    let (mut builder, path) = member.file_builder::<IpNet>().ok_or(OpenError::NotFound)?;
    if let Some(slots) = member.file.as_ref().and_then(|file| file.capacity) {
        builder = builder.capacity(slots);
    }
    builder.growth(path)
}

impl Step {
    pub(crate) fn of(set: &SetConfig, member: &MemberConfig, at: (usize, usize)) -> Self {
        Self {
            set: set.name.clone(),
            member: Some(member.to_string()),
            file: member.file.as_ref().map(|file| file.path.clone()),
            kind: StepKind::Add,
            at: Some(at),
        }
    }

    /// Whether it creates a pool file, or lets one grow.
    pub fn changes_a_file(&self) -> bool {
        match self.kind {
            StepKind::Create { .. } | StepKind::Grow { .. } => true,
            StepKind::Keep { .. }
            | StepKind::Add
            | StepKind::Remove
            | StepKind::Drain { .. }
            | StepKind::Resume
            | StepKind::Cordon { .. }
            | StepKind::Uncordon { .. }
            | StepKind::Change { .. } => false,
        }
    }
}

impl Refusal {
    pub(crate) fn of(set: &SetConfig, member: &MemberConfig) -> Self {
        Self {
            set: set.name.clone(),
            member: member.to_string(),
            file: member.file.as_ref().map(|file| file.path.clone()),
            line: Some(member.line),
            code: RefusalKind::WouldRenumber,
            message: String::new(),
        }
    }
}

impl RefusalKind {
    /// A stable name for logs and JSON: kebab case.
    pub fn code(self) -> &'static str {
        match self {
            Self::NetworkChanged => "network-changed",
            Self::WouldRenumber => "would-renumber",
            Self::WouldShrink => "would-shrink",
            Self::UnitChanged => "unit-changed",
            Self::PolicyChanged => "policy-changed",
            Self::DurabilityChanged => "durability-changed",
            Self::StillHeld => "still-held",
            Self::NotDrained => "not-drained",
            Self::FileMoved => "file-moved",
            Self::SharedFile => "shared-file",
            Self::FileMissing => "file-missing",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.set)?;
        if let Some(member) = &self.member {
            write!(f, "{member}: ")?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let still = |stragglers: &Option<u64>| {
            stragglers.map_or_else(String::new, |count| format!(", {count} still allocated"))
        };
        match self {
            Self::Create { capacity } => write!(f, "create, capacity {capacity}"),
            Self::Grow {
                added,
                reserved,
                needs_more_room,
                allocated,
            } => {
                write!(f, "grow by {added}")?;
                if *reserved != 0 {
                    write!(f, ", reserve {reserved} more")?;
                }
                write!(f, ", {allocated} allocated")?;
                f.write_str(if *needs_more_room {
                    ", a larger file"
                } else {
                    ""
                })
            }
            Self::Keep { allocated } => write!(f, "keep, {allocated} allocated"),
            Self::Add => f.write_str("add"),
            Self::Remove => f.write_str("remove"),
            Self::Drain { stragglers } => write!(f, "drain{}", still(stragglers)),
            Self::Resume => f.write_str("resume"),
            Self::Cordon { range, stragglers } => {
                write!(f, "cordon {range}{}", still(stragglers))
            }
            Self::Uncordon { range } => write!(f, "uncordon {range}"),
            Self::Change { what, from, to } => {
                let or_none = |value: &Option<String>| value.clone().unwrap_or("none".to_owned());
                write!(f, "{what}: {} becomes {}", or_none(from), or_none(to))
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}: {}", self.set, self.member, self.message)
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, error } = self;
        write!(
            f,
            "{}, of the member of line {line}: {error}",
            path.display()
        )
    }
}

impl Error for PlanError {}
