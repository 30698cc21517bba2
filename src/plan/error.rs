//! Why a pass did not begin, a plan was not made, or was not applied.

use crate::file_refusal::FileRefusal;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why no reconciler was created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ReconcilerError {
    /// The pool is already being reconciled, in this process or in another one.
    Busy,
    /// The file cannot be locked.
    #[non_exhaustive]
    Lock {
        /// The error number of the operating system.
        errno: i32,
    },
    /// The plan to continue from belongs to another pool.
    OtherPool,
    /// The plan to continue from is not the latest one, so its sightings are no longer valid.
    Superseded,
    /// The pool file cannot be used.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl ReconcilerError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::File(refusal) => refusal.code(),
            Self::Lock { .. } => "lock",
            Self::OtherPool => "other-pool",
            Self::Superseded => "superseded",
        }
    }
}

impl From<FileRefusal> for ReconcilerError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

impl fmt::Display for ReconcilerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("this pool is already being reconciled: wait, and try again"),
            Self::File(refusal) => refusal.fmt(f),
            Self::Lock { errno } => write!(f, "the file cannot be locked: error {errno}"),
            Self::OtherPool => f.write_str("the plan belongs to another pool"),
            Self::Superseded => {
                f.write_str("the pool has changed since the plan was made: begin a new pass")
            }
        }
    }
}

impl Error for ReconcilerError {}

/// Why a pass made no plan. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum PassError {
    /// The list was not read to its end, because of an error.
    Incomplete,
    /// The list has another number of entries than announced: some are missing, or were added while it was read.
    #[non_exhaustive]
    CountMismatch {
        /// The announced number of entries.
        announced: u64,
        /// The number of entries that were read.
        read: u64,
    },
    /// Another pass has begun meanwhile.
    Superseded,
}

impl PassError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::CountMismatch { .. } => "count-mismatch",
            Self::Superseded => "superseded",
        }
    }
}

impl fmt::Display for PassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("the list was not read to its end"),
            Self::CountMismatch { announced, read } => write!(
                f,
                "the list has {read} entries, but should have {announced}: read it again, in the order of a key"
            ),
            Self::Superseded => f.write_str("another pass has begun meanwhile"),
        }
    }
}

impl Error for PassError {}

/// A safety rule that keeps a plan from freeing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Fuse {
    /// The list contains no address of the pool, although some are taken.
    #[non_exhaustive]
    EmptyList {
        /// How many addresses would be freed.
        ripe: u64,
    },
    /// The list contains less than half as many addresses as the longest list since a plan freed something.
    #[non_exhaustive]
    Shrunk {
        /// How many addresses are listed.
        listed: u64,
        /// How many addresses the longest list contained.
        before: u64,
        /// How many addresses would be freed.
        ripe: u64,
    },
    /// More than 16 addresses would be freed, and more than a tenth of the taken ones.
    #[non_exhaustive]
    TooMany {
        /// How many addresses would be freed.
        ripe: u64,
        /// How many addresses may be freed.
        limit: u64,
    },
    /// Some entries cannot be read, so the list proves nothing about addresses that it does not contain.
    #[non_exhaustive]
    Unclear {
        /// How many entries cannot be read.
        unparseable: u64,
    },
    /// The plan is too old.
    #[non_exhaustive]
    Stale {
        /// The age of the plan.
        age: Duration,
    },
}

impl Fuse {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyList { .. } => "empty-list",
            Self::Shrunk { .. } => "shrunk",
            Self::TooMany { .. } => "too-many",
            Self::Unclear { .. } => "unclear",
            Self::Stale { .. } => "stale",
        }
    }
}

impl fmt::Display for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, None)
    }
}

impl Fuse {
    /// Writes which rule applies, and the number that overrides it: the total for all pools of the list, if there are
    /// several.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>, all: Option<u64>) -> fmt::Result {
        let allow = |f: &mut fmt::Formatter<'_>, ripe: &u64| {
            let number = all.as_ref().unwrap_or(ripe);
            write!(f, "; if that is right, allow the number: {number}")
        };
        match self {
            Self::EmptyList { ripe } => {
                f.write_str("the list contains no address of the pool")?;
                allow(f, ripe)
            }
            Self::Shrunk {
                listed,
                before,
                ripe,
            } => {
                write!(
                    f,
                    "the list contains {listed} addresses, and contained {before} before"
                )?;
                allow(f, ripe)
            }
            Self::TooMany { ripe, limit } => {
                write!(
                    f,
                    "{ripe} addresses would be freed, but at most {limit} may be"
                )?;
                allow(f, ripe)
            }
            Self::Unclear { unparseable: 1 } => {
                f.write_str("1 entry of the list cannot be read: correct the list")
            }
            Self::Unclear { unparseable } => write!(
                f,
                "{unparseable} entries of the list cannot be read: correct the list"
            ),
            Self::Stale { age } => write!(
                f,
                "the plan is {} minutes old: begin a new pass",
                age.as_secs() / 60
            ),
        }
    }
}

/// Why a plan was not applied. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ApplyError {
    /// The plan belongs to another pool.
    OtherPool,
    /// Another pass has begun since, or the barrier was taken down.
    Superseded,
    /// The plan has a form that this version does not know.
    #[non_exhaustive]
    Version {
        /// The version of the plan's form.
        version: u32,
    },
    /// The pool file cannot be used.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
    /// A safety rule keeps the plan from freeing anything.
    #[non_exhaustive]
    #[cfg_attr(feature = "serde", serde(untagged))]
    Fuse {
        /// The rule that applies.
        #[cfg_attr(feature = "serde", serde(flatten))]
        fuse: Fuse,
    },
}

impl ApplyError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherPool => "other-pool",
            Self::Superseded => "superseded",
            Self::Version { .. } => "version",
            Self::File(refusal) => refusal.code(),
            Self::Fuse { fuse } => fuse.code(),
        }
    }
}

impl From<FileRefusal> for ApplyError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

impl From<Fuse> for ApplyError {
    fn from(fuse: Fuse) -> Self {
        Self::Fuse { fuse }
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPool => f.write_str("the plan belongs to another pool"),
            Self::Superseded => {
                f.write_str("the pool has changed since the plan was made: begin a new pass")
            }
            Self::Version { version } => {
                write!(f, "plan version {version} is unknown to this version")
            }
            Self::File(refusal) => refusal.fmt(f),
            Self::Fuse { fuse } => fuse.fmt(f),
        }
    }
}

impl Error for ApplyError {}
