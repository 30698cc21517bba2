//! How a call can fail: a message, a JSON object and a row of the table for each way.

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

/// Why there is no answer. [`row`](Self::row) has its code, its exit code and whether to try again.
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
        /// What the library says.
        error: AllocateError,
        /// How many are free.
        free: u64,
        /// How many were asked for.
        wanted: u64,
        /// What became of the list of users.
        list: Box<ReadList>,
    },
    /// The answer cannot be written.
    Output(io::Error),
    /// What was said does not go together.
    Usage(String),
    /// A pool file, a plan or a configuration cannot be used, or not as asked.
    Files(Box<FilesFailure>),
}

/// A failure as JSON: the object of which the page "The JSON of the command line" tells.
#[derive(Debug, Serialize)]
pub struct FailureReport<'a> {
    error: Described<'a>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    /// Of a pool file of a set: the set, and its member.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(flatten)]
    list: Option<&'a ReadList>,
    #[serde(flatten)]
    found: Option<Found<'a>>,
}

/// The error as the library writes it, or in the same manner.
#[derive(Debug)]
struct Described<'a>(&'a Failure);

impl Failure {
    /// Of a list that the library has refused.
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

    /// What the table says of it.
    pub fn row(&self) -> &'static Row {
        self.place().row
    }

    /// What to do next, where there is something to say. It names commands and options of the command line.
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

    /// What there is to say of it as one JSON object.
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

    /// What a pass has found whose plan was not applied because of a fuse, and what to call the pool or the set.
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
