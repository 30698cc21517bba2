//! Why a pass was not begun, a plan not made, or not applied.

use crate::error::Refusal;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why there is no reconciler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ReconcilerError {
    /// Somebody else reconciles this pool, here or in another process.
    Busy,
    /// A sync of the pool file has failed: close it in every process.
    #[non_exhaustive]
    Poisoned {
        /// The number of the error.
        errno: i32,
    },
    /// This process is a fork of the one that opened the pool: it must open the file itself.
    Forked,
    /// The lock of the file cannot be had.
    #[non_exhaustive]
    Lock {
        /// The number of the error.
        errno: i32,
    },
    /// The plan to go on from is of another pool.
    OtherPool,
    /// The plan to go on from is not the latest: its sightings are worth nothing any more.
    Superseded,
}

impl ReconcilerError {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Poisoned { .. } => "poisoned",
            Self::Forked => "forked",
            Self::Lock { .. } => "lock",
            Self::OtherPool => "other-pool",
            Self::Superseded => "superseded",
        }
    }
}

impl From<Refusal> for ReconcilerError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Forked => Self::Forked,
            Refusal::Poisoned { errno } | Refusal::SyncFailed { errno } => Self::Poisoned { errno },
        }
    }
}

impl fmt::Display for ReconcilerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("somebody else reconciles this pool: wait, and try again"),
            Self::Poisoned { errno } => Refusal::Poisoned { errno: *errno }.fmt(f),
            Self::Forked => Refusal::Forked.fmt(f),
            Self::Lock { errno } => write!(f, "the lock of the file cannot be had: error {errno}"),
            Self::OtherPool => f.write_str("the plan is of another pool"),
            Self::Superseded => {
                f.write_str("the pool has gone on since the plan was made: begin with a new pass")
            }
        }
    }
}

impl Error for ReconcilerError {}

/// Why a pass has no plan. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum PassError {
    /// The list was not read to its end: an error came in between.
    Incomplete,
    /// The list should have another number of entries: something is missing, or was added while it was read.
    #[non_exhaustive]
    CountMismatch {
        /// How many there should be.
        announced: u64,
        /// How many there were.
        read: u64,
    },
    /// Somebody else has begun a pass meanwhile.
    Superseded,
}

impl PassError {
    /// A stable name for logs, JSON and exit codes: kebab case.
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
                "the list has {read} entries, and should have {announced}: read it again, in the order of a key"
            ),
            Self::Superseded => f.write_str("somebody else has begun a pass meanwhile"),
        }
    }
}

impl Error for PassError {}

/// A rule that keeps a plan from freeing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Fuse {
    /// The list names no address of the pool, and some are taken.
    #[non_exhaustive]
    EmptyList {
        /// How many would be freed.
        ripe: u64,
    },
    /// The list has less than half of the addresses that the longest one had since something was freed.
    #[non_exhaustive]
    Shrunk {
        /// How many addresses are listed.
        listed: u64,
        /// How many were.
        before: u64,
        /// How many would be freed.
        ripe: u64,
    },
    /// More would be freed than 16, and than a tenth of what is taken.
    #[non_exhaustive]
    TooMany {
        /// How many would be freed.
        ripe: u64,
        /// How many may be.
        limit: u64,
    },
    /// Entries cannot be read, so the list proves nothing about what it does not name.
    #[non_exhaustive]
    Unclear {
        /// How many.
        unparseable: u64,
    },
    /// The plan is too old.
    #[non_exhaustive]
    Stale {
        /// How old.
        age: Duration,
    },
}

impl Fuse {
    /// A stable name for logs, JSON and exit codes: kebab case.
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
    /// What has blown, and which number allows it: that of all pools that the list is of, if there are several.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>, all: Option<u64>) -> fmt::Result {
        let allow = |f: &mut fmt::Formatter<'_>, ripe: &u64| {
            let number = all.as_ref().unwrap_or(ripe);
            write!(f, "; if that is right, allow the number: {number}")
        };
        match self {
            Self::EmptyList { ripe } => {
                f.write_str("the list names no address of the pool")?;
                allow(f, ripe)
            }
            Self::Shrunk {
                listed,
                before,
                ripe,
            } => {
                write!(
                    f,
                    "the list names {listed} addresses, and named {before} before"
                )?;
                allow(f, ripe)
            }
            Self::TooMany { ripe, limit } => {
                write!(
                    f,
                    "{ripe} addresses would be freed, and at most {limit} may be"
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

/// Why a plan was not applied. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ApplyError {
    /// The plan is of another pool.
    OtherPool,
    /// Another pass has begun since, or the barrier has been down.
    Superseded,
    /// The form of the plan is not known here.
    #[non_exhaustive]
    Version {
        /// The one that the plan has.
        version: u32,
    },
    /// A sync of the pool file has failed: close it in every process.
    #[non_exhaustive]
    Poisoned {
        /// The number of the error.
        errno: i32,
    },
    /// This process is a fork of the one that opened the pool: it must open the file itself.
    Forked,
    /// A rule keeps it from freeing anything.
    #[non_exhaustive]
    #[cfg_attr(feature = "serde", serde(untagged))]
    Fuse {
        /// Which one.
        #[cfg_attr(feature = "serde", serde(flatten))]
        fuse: Fuse,
    },
}

impl ApplyError {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherPool => "other-pool",
            Self::Superseded => "superseded",
            Self::Version { .. } => "version",
            Self::Poisoned { .. } => "poisoned",
            Self::Forked => "forked",
            Self::Fuse { fuse } => fuse.code(),
        }
    }
}

impl From<Refusal> for ApplyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Forked => Self::Forked,
            Refusal::Poisoned { errno } | Refusal::SyncFailed { errno } => Self::Poisoned { errno },
        }
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
            Self::OtherPool => f.write_str("the plan is of another pool"),
            Self::Superseded => {
                f.write_str("the pool has gone on since the plan was made: begin with a new pass")
            }
            Self::Version { version } => write!(f, "plans of version {version} are not known here"),
            Self::Poisoned { errno } => Refusal::Poisoned { errno: *errno }.fmt(f),
            Self::Forked => Refusal::Forked.fmt(f),
            Self::Fuse { fuse } => fuse.fmt(f),
        }
    }
}

impl Error for ApplyError {}
