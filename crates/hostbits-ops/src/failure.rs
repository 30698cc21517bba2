//! The ways in which a call can fail: for each a message, a JSON object and a row of the table.

use crate::files_failure::FilesFailure;
use crate::lists::read::{ReadList, ReadToEnd};
use crate::lists::refused::RefusedList;
use crate::report::{Found, Sighted};
use crate::text::printable;
use crate::trouble::{Case, Kind, Place, Row, Words};
use hostbits::{AllocateError, BuildError, users::AdoptError};
use hostbits_lists::ListError;
use serde::{Serialize, Serializer};
use std::error::Error;
use std::fmt;
use std::io;

/// Why a call failed. [`row`](Self::row) has the code, the exit code and whether to try again.
#[derive(Debug)]
pub enum Failure {
    /// The network and the options do not fit together.
    Build(BuildError),
    /// The list of users cannot be read to its end.
    Unreadable(ListError),
    /// Entries of the list cannot be read.
    Refused(Box<RefusedList>),
    /// Too few addresses are free.
    Exhausted {
        /// The library's error.
        error: AllocateError,
        /// Number of free addresses.
        free: u64,
        /// Number of requested addresses.
        wanted: u64,
        /// What was read of the list of users.
        list: Box<ReadList>,
    },
    /// The output cannot be written.
    Output(io::Error),
    /// The arguments contradict each other.
    Usage(String),
    /// A pool file, a plan or a configuration cannot be used, or not in the requested way.
    Files(Box<FilesFailure>),
}

/// A failure as JSON: the object that the page "The JSON of the command line" describes.
#[derive(Debug, Serialize)]
pub struct FailureReport<'a> {
    error: Described<'a>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    /// The set and the member, if the failure concerns a pool file of a set.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(flatten)]
    list: Option<&'a ReadList>,
    #[serde(flatten)]
    found: Option<Found<'a>>,
}

/// The error as the library serializes it, or in the same form.
#[derive(Debug)]
struct Described<'a>(&'a Failure);

impl Failure {
    /// Returns the failure for a list that the library refused.
    pub(crate) fn refused(error: AdoptError, read: ReadToEnd) -> Self {
        Self::Refused(Box::new(RefusedList::new(error, read)))
    }

    fn place(&self) -> Place {
        match self {
            Self::Build(error) => Place::new(Kind::Network, error.code(), Case::Any),
            Self::Unreadable(error) => Place::new(Kind::List, error.code(), Case::Any),
            Self::Refused(_) => Place::new(Kind::List, "unclear", Case::Any),
            Self::Exhausted { error, .. } => Place::new(Kind::Allocate, error.code(), Case::Any),
            Self::Output(_) => Place::new(Kind::Output, "output", Case::Any),
            Self::Usage(_) => Place::new(Kind::Usage, "usage", Case::Any),
            Self::Files(failure) => failure.place(),
        }
    }

    /// Returns the failure's row of the table.
    pub fn row(&self) -> &'static Row {
        self.place().row
    }

    /// Returns what to do next, if anything. The hint names commands and options of the command line.
    pub fn hint(&self) -> Option<String> {
        let Place { row, case } = self.place();
        row.hint(case, &self.words())
    }

    fn words(&self) -> Words {
        match self {
            Self::Build(BuildError::HostBitsSet {
                given,
                network,
                last,
            }) => Words {
                network: network.to_string(),
                given: given.addr().to_string(),
                last: last.to_string(),
                ..Words::default()
            },
            Self::Refused(list) => Words {
                number: list.unparseable(),
                ..Words::default()
            },
            Self::Files(failure) => failure.words(),
            Self::Build(_)
            | Self::Unreadable(_)
            | Self::Exhausted { .. }
            | Self::Output(_)
            | Self::Usage(_) => Words::default(),
        }
    }

    /// Returns the failure as one JSON object.
    pub fn report(&self) -> FailureReport<'_> {
        let files = self.files();
        let (set, member) = files.map_or((None, None), FilesFailure::set_and_member);
        FailureReport {
            error: Described(self),
            message: self.to_string(),
            file: files.and_then(FilesFailure::file),
            set,
            member,
            list: self.list(),
            found: self.sighted().map(|(_, sighted)| sighted.found_by_pass()),
        }
    }

    fn list(&self) -> Option<&ReadList> {
        match self {
            Self::Exhausted { list, .. } => Some(list),
            Self::Refused(list) => Some(list.list()),
            Self::Files(failure) => failure.list(),
            Self::Build(_) | Self::Unreadable(_) | Self::Output(_) | Self::Usage(_) => None,
        }
    }

    fn files(&self) -> Option<&FilesFailure> {
        match self {
            Self::Files(failure) => Some(failure),
            Self::Build(_)
            | Self::Unreadable(_)
            | Self::Refused(_)
            | Self::Exhausted { .. }
            | Self::Output(_)
            | Self::Usage(_) => None,
        }
    }

    /// Returns the findings of a pass whose plan was not applied because of a fuse, and the name of the pool or set.
    pub fn sighted(&self) -> Option<(String, &Sighted)> {
        self.files()?.sighted()
    }
}

impl From<FilesFailure> for Failure {
    fn from(failure: FilesFailure) -> Self {
        Self::Files(Box::new(failure))
    }
}

impl Serialize for Described<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Unreadable {
            code: &'static str,
            file: String,
            after_line: u64,
        }
        match self.0 {
            Failure::Build(error) => error.serialize(serializer),
            Failure::Exhausted { error, .. } => error.serialize(serializer),
            Failure::Unreadable(error) => Unreadable {
                code: error.code(),
                file: printable(error.file()),
                after_line: error.line(),
            }
            .serialize(serializer),
            Failure::Files(failure) => failure.serialize(serializer),
            Failure::Refused(_) | Failure::Output(_) | Failure::Usage(_) => {
                self.0.row().serialize(serializer)
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
            Self::Refused(list) => list.fmt(f),
            Self::Exhausted {
                error,
                free,
                wanted,
                ..
            } => write!(f, "{error}: {free} free, {wanted} asked for"),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
            Self::Usage(text) => f.write_str(text),
            Self::Files(failure) => failure.fmt(f),
        }
    }
}

impl Error for Failure {}
