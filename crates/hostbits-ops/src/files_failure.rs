//! Failures of a pool file, a plan or a configuration.

use crate::files::plan_failure::PlanFailure;
use crate::files::pool_failure::PoolFailure;
use crate::files::set_failure::SetFailure;
use crate::lists::read::ReadList;
use crate::report::Sighted;
use crate::trouble::{Case, Kind, Place, Words};
use serde::{Serialize, Serializer};
use std::fmt;

/// Why a pool file, a plan or a configuration could not be used as requested.
#[derive(Debug)]
pub enum FilesFailure {
    /// A plan cannot be read or stored.
    Plan(PlanFailure),
    /// A pool file cannot be used.
    Pool(PoolFailure),
    /// A configuration of sets cannot be used.
    Set(SetFailure),
}

impl FilesFailure {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Plan(failure) => Place::new(Kind::PlanFile, failure.code(), Case::Any),
            Self::Pool(failure) => failure.place(),
            Self::Set(failure) => failure.place(),
        }
    }

    pub(crate) fn words(&self) -> Words {
        match self {
            Self::Plan(_) => Words::default(),
            Self::Pool(failure) => failure.words(),
            Self::Set(failure) => failure.words(),
        }
    }

    pub(crate) fn file(&self) -> Option<&str> {
        Some(match self {
            Self::Plan(failure) => failure.file(),
            Self::Pool(failure) => &failure.file,
            Self::Set(failure) => &failure.file,
        })
    }

    /// Returns the set whose pool files were used, and the member that failed.
    pub(crate) fn set_and_member(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Pool(failure) => (failure.set.as_deref(), failure.member.as_deref()),
            Self::Plan(_) | Self::Set(_) => (None, None),
        }
    }

    pub(crate) fn list(&self) -> Option<&ReadList> {
        match self {
            Self::Pool(failure) => failure.list(),
            Self::Set(failure) => failure.list(),
            Self::Plan(_) => None,
        }
    }

    pub(crate) fn sighted(&self) -> Option<(String, &Sighted)> {
        match self {
            Self::Pool(failure) => failure.sighted(),
            Self::Plan(_) | Self::Set(_) => None,
        }
    }
}

impl fmt::Display for FilesFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(failure) => failure.fmt(f),
            Self::Pool(failure) => failure.fmt(f),
            Self::Set(failure) => failure.fmt(f),
        }
    }
}

/// Serialized as the library's errors are: an object with a code.
impl Serialize for FilesFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plan(_) => self.place().row.serialize(serializer),
            Self::Pool(failure) => failure.serialize(serializer),
            Self::Set(failure) => failure.serialize(serializer),
        }
    }
}
