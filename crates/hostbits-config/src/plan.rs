//! What a configuration would change: steps and refusals.

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

/// The changes that a configuration would make to the existing pool files. Plain data.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Plan {
    /// The steps, including members that stay as they are, in the order of the configuration.
    pub steps: Vec<Step>,
    /// The changes that are refused. Nothing is applied as long as there is one.
    pub refusals: Vec<Refusal>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// The name of the set or of the pair.
    pub set: String,
    /// The member, by its network or its first and last address; `None` if the step is about the set.
    pub member: Option<String>,
    /// The pool file of the member.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub file: Option<PathBuf>,
    /// What the step does.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: StepKind,
    /// The position of the member: the index of its set, and its index there.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) at: Option<(usize, usize)>,
}

/// What a step does. Counts are absent for a member in memory, whose allocations are unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "step", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum StepKind {
    /// A pool file is created, with all addresses free.
    Create {
        /// How many addresses it can hand out.
        capacity: u64,
    },
    /// A pool file grows, or reserves other addresses, none of which is held; no address changes.
    Grow {
        /// How many more addresses it can hand out.
        added: u64,
        /// Number of slots, all of them free, that are no longer handed out.
        reserved: u64,
        /// Whether a larger file replaces it.
        needs_more_room: bool,
        /// How many addresses are allocated; they stay allocated.
        allocated: u64,
    },
    /// The pool file already matches its description.
    Keep {
        /// How many addresses are allocated.
        allocated: u64,
    },
    /// A member is added to the set.
    Add,
    /// A member is removed from the set. Its pool file is not deleted.
    Remove,
    /// The member is drained: no new addresses are handed out from it.
    Drain {
        /// How many addresses are still allocated.
        stragglers: Option<u64>,
    },
    /// The member is no longer drained.
    Resume,
    /// A range is cordoned: no new addresses are handed out from it.
    Cordon {
        /// The first and last address of the range, as text.
        range: String,
        /// How many of its addresses are still allocated.
        stragglers: Option<u64>,
    },
    /// A range is no longer cordoned.
    Uncordon {
        /// The first and last address of the range, as text.
        range: String,
    },
    /// Another setting has a new value, which takes effect when a program reads the configuration.
    Change {
        /// The name of the setting.
        what: String,
        /// The old value; `None` if the setting is new.
        from: Option<String>,
        /// The new value; `None` if the setting was removed.
        to: Option<String>,
    },
}

/// A change that is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Refusal {
    /// The name of the set.
    pub set: String,
    /// The member, by its network or its first and last address.
    pub member: String,
    /// The pool file of the member.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub file: Option<PathBuf>,
    /// The line of the member; `None` if only the old configuration contains it.
    pub line: Option<usize>,
    /// The reason, as a stable code.
    pub code: RefusalKind,
    /// The reason, as a sentence that says what to do instead.
    pub message: String,
}

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The pool was created for another network.
    NetworkChanged,
    /// Addresses would stay, but their slots in the file would belong to other addresses.
    WouldRenumber,
    /// Addresses that may be held could no longer be handed out.
    WouldShrink,
    /// The prefixes that are handed out have another length.
    UnitChanged,
    /// The policy of a pool file cannot be changed.
    PolicyChanged,
    /// The durability of a pool file cannot be changed.
    DurabilityChanged,
    /// A plain pool does not become one of leases by itself, and a cooldown cannot be changed.
    LeasesChanged,
    /// Addresses of the removed member are allocated.
    StillHeld,
    /// The removed member was not drained.
    NotDrained,
    /// The member has another file, which does not contain its allocations.
    FileMoved,
    /// Two members use the same file, through a link.
    SharedFile,
    /// The file is missing, but `min_session` says that it existed.
    FileMissing,
}

/// Writes a path as text, even if it is not valid UTF-8.
#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.collect_str(&path.display()),
        None => serializer.serialize_none(),
    }
}

/// Why no plan can be made: a pool file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlanError {
    /// The path of the pool file.
    pub path: PathBuf,
    /// The line of its member, in the configuration that names it.
    pub line: usize,
    /// Why the file cannot be used.
    pub error: OpenError,
}

impl Plan {
    /// Compares a configuration with the pool files that it names, and with an older configuration if there is one.
    /// Changes nothing, and can be called while other processes use the files.
    ///
    /// Without an older configuration, members that were removed go unnoticed.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if a file exists but cannot be used.
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

    /// Returns whether applying the plan would change a pool file.
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
                            "there is no {0}, and min_session = {min} says that it existed: put its backup \
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

    /// Adds the drains and cordons of the configuration.
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

    /// Finds members that use the same file through links to its folder.
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
                        message: format!("the member of line {line} already uses this file"),
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

/// Inspects a file; returns `None` if it does not exist.
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

/// Returns what growing the file would do, according to the library.
fn growth(member: &MemberConfig, view: &file::View) -> Result<Growth, GrowthError> {
    let error = match growth_by_library(member) {
        Ok(growth) => return Ok(growth),
        Err(error) => error,
    };
    let in_the_way = error.in_the_way();
    let code = match &error {
        _ if in_the_way.is_some() => RefusalKind::WouldShrink,
        OpenError::ModeMismatch { .. } => RefusalKind::DurabilityChanged,
        OpenError::GeometryMismatch { mismatches }
            if mismatches
                .iter()
                .any(|it| ["leases", "cooldown"].contains(&it.field)) =>
        {
            RefusalKind::LeasesChanged
        }
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
    if code == RefusalKind::LeasesChanged {
        let hint = match view.cooldown {
            None => {
                "hostbits pool convert FILE --leases makes it one of leases; there is no way back"
            }
            Some(_) => "put the line back",
        };
        return Err(GrowthError::Refused(code, format!("{error}; {hint}")));
    }
    let hint = match (view.snapshot.allocated(), in_the_way) {
        (held, Some(addr)) => format!(
            "{held} addresses of it are allocated, and {addr} is one: release it, or reclaim it if it is quarantined, \
             or put the line back"
        ),
        (0, None) => {
            "none of its addresses is allocated: remove the file, and apply again".to_owned()
        }
        (held, None) => format!(
            "{held} addresses of it are allocated: put the line back, drain the member and add another one"
        ),
    };
    Err(GrowthError::Refused(code, format!("{error}; {hint}")))
}

pub(crate) fn growth_by_library(member: &MemberConfig) -> Result<Growth, OpenError> {
    if let Some((builder, path)) = member.lease_builder::<IpNet>() {
        return builder.growth(path);
    }
    // `IpNet` takes addresses of both families, and the caller has checked that there is a file.
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

    /// Returns whether the step creates a pool file, or grows one.
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
    /// Returns a stable name in kebab case, for logs and JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::NetworkChanged => "network-changed",
            Self::WouldRenumber => "would-renumber",
            Self::WouldShrink => "would-shrink",
            Self::UnitChanged => "unit-changed",
            Self::PolicyChanged => "policy-changed",
            Self::DurabilityChanged => "durability-changed",
            Self::LeasesChanged => "leases-changed",
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
