//! Failures of a stored plan.

use crate::text::printable_path;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a plan cannot be used.
#[derive(Debug)]
pub struct PlanFailure {
    file: String,
    fault: Fault,
}

#[derive(Debug)]
pub(crate) enum Fault {
    Read(io::Error),
    Write(io::Error),
    Parse(serde_json::Error),
    Version(u32),
    List(String),
}

impl PlanFailure {
    pub(crate) fn of(path: &Path, fault: Fault) -> Self {
        Self {
            file: printable_path(path),
            fault,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self.fault {
            Fault::Read(_) => "unreadable",
            Fault::Write(_) => "unwritable",
            Fault::Parse(_) | Fault::Version(_) | Fault::List(_) => "bad-plan",
        }
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for PlanFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        match &self.fault {
            Fault::Read(error) => write!(f, "cannot read {file}: {error}"),
            Fault::Write(error) => write!(f, "cannot write {file}: {error}"),
            Fault::Parse(error) => write!(f, "{file} is no plan: {error}"),
            Fault::Version(version) => {
                write!(
                    f,
                    "{file} is a plan of version {version}, which is not known here"
                )
            }
            Fault::List(text) => write!(f, "{file} names {text:?}, which is no list"),
        }
    }
}
