//! Failures of a configuration and its files.

use crate::files::pool_failure::{place_of_allocate, place_of_open, some_of};
use crate::lists::read::ReadList;
use crate::text::{printable, printable_path};
use crate::trouble::{Case, Kind, Place, Words};
use hostbits::{AllocateError, AllocateExactError, file::SyncError, set::AllocatePairError};
use hostbits_config::{ApplyError, ConfigError, OpenError, PlanError, Step};
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;
use std::io;
use std::path::Path;

/// A configuration, and why it could not be used as requested.
#[derive(Debug)]
pub struct SetFailure {
    /// The name of the configuration in messages.
    pub(crate) file: String,
    /// The cause.
    pub(crate) cause: Cause,
}

/// Why a configuration could not be used as requested.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The configuration cannot be read, or is invalid.
    Config(ConfigError),
    /// There is no set or range of this name, but there are these.
    Unknown(String, Vec<String>),
    /// A pool file cannot be opened, or is missing.
    Open(OpenError),
    /// A pool file cannot be read.
    Plan(PlanError),
    /// The configuration was not applied, or not completely.
    Apply(Box<ApplyError>),
    /// No address was allocated.
    Allocate {
        error: AllocateError,
        free: u64,
        wanted: u64,
        list: Option<Box<ReadList>>,
    },
    /// More addresses than a range can ever hand out.
    TooMany { capacity: u64, wanted: u64 },
    /// This address was not allocated.
    Exact(AllocateExactError),
    /// No pair was allocated.
    Pair(AllocatePairError),
    /// The set has no key for clients.
    NoKey,
    /// The named range is drained or cordoned.
    Closed(String),
    /// `--ip` names more than one address.
    NotOneAddress(IpNet),
    /// An allocation is not durable.
    Sync(SyncError),
    /// Addresses are allocated, but a disk failed when its file was closed.
    Unclosed {
        set: String,
        nets: Vec<IpNet>,
        error: SyncError,
    },
    /// Addresses are allocated, but cannot be printed.
    Unprinted {
        set: String,
        nets: Vec<IpNet>,
        error: io::Error,
    },
}

impl SetFailure {
    pub(crate) fn place(&self) -> Place {
        match &self.cause {
            Cause::Config(error) => Place::new(Kind::Config, error.code(), Case::Any),
            Cause::Unknown(..) => Place::new(Kind::Config, "unknown-name", Case::Any),
            Cause::Open(OpenError::File { error, .. }) => place_of_open(error, Case::Set),
            Cause::Open(error) => Place::new(Kind::Config, error.code(), Case::Any),
            Cause::Plan(failed) => place_of_open(&failed.error, Case::Any),
            Cause::Apply(error) => match &**error {
                ApplyError::Refused(_) => Place::new(Kind::ConfigApply, "refused", Case::Any),
                ApplyError::File { error, .. } => place_of_open(error, Case::Apply),
                ApplyError::Close { error, .. } => {
                    Place::new(Kind::Sync, error.code(), Case::Apply)
                }
                ApplyError::Plan(failed) => place_of_open(&failed.error, Case::Any),
                // There is no other one, which a test checks.
                _ => Place::new(Kind::ConfigApply, "unfit", Case::Any),
            },
            Cause::Allocate { error, list, .. } => {
                // Nothing that is done to the files helps who did not look at them.
                let case = match list {
                    None => Case::Set,
                    Some(_) => Case::Any,
                };
                place_of_allocate(error, case)
            }
            Cause::TooMany { .. } => Place::new(Kind::Allocate, "exhausted", Case::Any),
            Cause::Exact(error) => Place::new(Kind::Exact, error.code(), Case::Any),
            Cause::Pair(AllocatePairError::V4(error) | AllocatePairError::V6(error)) => {
                place_of_allocate(error, Case::Any)
            }
            Cause::Pair(error) => Place::new(Kind::Allocate, error.code(), Case::Any),
            Cause::NoKey => Place::new(Kind::Config, "no-client-key", Case::Any),
            Cause::Closed(_) => Place::new(Kind::Config, "cordoned", Case::Any),
            Cause::NotOneAddress(_) => Place::new(Kind::Usage, "usage", Case::Any),
            Cause::Sync(error) => Place::new(Kind::Sync, error.code(), Case::Any),
            Cause::Unclosed { error, .. } => Place::new(Kind::Unclosed, error.code(), Case::Set),
            Cause::Unprinted { .. } => Place::new(Kind::Output, "output", Case::Set),
        }
    }

    pub(crate) fn words(&self) -> Words {
        let mut words = Words {
            file: self.file.clone(),
            ..Words::default()
        };
        if let Cause::Unclosed { set, nets, .. } | Cause::Unprinted { set, nets, .. } = &self.cause
        {
            words.set = set.clone();
            words.nets = some_of(nets);
        }
        words
    }

    /// Returns what was read of the list of users.
    pub(crate) fn list(&self) -> Option<&ReadList> {
        let Cause::Allocate { list, .. } = &self.cause else {
            return None;
        };
        list.as_deref()
    }

    /// Returns the error as JSON: an object with a code.
    fn described(&self) -> Value {
        match &self.cause {
            Cause::Config(error @ ConfigError::Unreadable { .. }) => json!({
                "code": error.code(),
                "file": self.file,
                "after_line": 0,
            }),
            Cause::Config(error) => json!({"code": error.code(), "problems": error.problems()}),
            Cause::Unknown(name, known) => {
                json!({"code": "unknown-name", "name": name, "known": known})
            }
            Cause::Open(error) => match error {
                OpenError::File {
                    path, line, error, ..
                } => of_file(path, *line, error),
                OpenError::NoFile { line, .. } | OpenError::Leases { line, .. } => {
                    json!({"code": error.code(), "line": line})
                }
                _ => json!({"code": error.code()}),
            },
            Cause::Plan(failed) => of_file(&failed.path, failed.line, &failed.error),
            Cause::Apply(error) => match &**error {
                ApplyError::Refused(plan) => json!({"code": "refused", "refusals": plan.refusals}),
                ApplyError::File {
                    path,
                    line,
                    error,
                    done,
                    ..
                } => of_step(path, *line, error, done),
                ApplyError::Close {
                    path,
                    line,
                    error,
                    done,
                    ..
                } => of_step(path, *line, error, done),
                ApplyError::Plan(failed) => of_file(&failed.path, failed.line, &failed.error),
                _ => json!({"code": "unfit"}),
            },
            Cause::Allocate { error, .. } => json!(error),
            Cause::TooMany { capacity, .. } => {
                json!({"code": "exhausted", "capacity": capacity, "quarantined": 0})
            }
            Cause::Exact(error) => json!(error),
            Cause::Pair(error) => {
                let (mut described, side) = match error {
                    AllocatePairError::V4(error) => (json!(error), Some("v4")),
                    AllocatePairError::V6(error) => (json!(error), Some("v6")),
                    _ => (json!({"code": error.code()}), None),
                };
                described["side"] = json!(side);
                described
            }
            Cause::NoKey => json!({"code": "no-client-key"}),
            Cause::Closed(range) => json!({"code": "cordoned", "range": range}),
            Cause::NotOneAddress(_) => json!({"code": "usage"}),
            Cause::Sync(error) => json!(error),
            Cause::Unclosed { nets, error, .. } => {
                let mut described = json!(error);
                described["addresses"] = json!(nets);
                described
            }
            Cause::Unprinted { nets, .. } => json!({"code": "output", "addresses": nets}),
        }
    }
}

/// Returns the error of a pool file as the library serializes it, with the file and the line of its member.
fn of_file(path: &Path, line: usize, error: &impl Serialize) -> Value {
    let mut described = json!(error);
    described["pool_file"] = json!(printable_path(path));
    described["line"] = json!(line);
    described
}

/// Returns the error of a step of an apply, with the steps before it.
fn of_step(path: &Path, line: usize, error: &impl Serialize, done: &[Step]) -> Value {
    let mut described = of_file(path, line, error);
    described["done"] = json!(done);
    described
}

impl fmt::Display for SetFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Cause::Config(error) = &self.cause {
            // The error names the file itself, in every line.
            return f.write_str(&lines(&error.to_string()));
        }
        write!(f, "{}: ", self.file)?;
        match &self.cause {
            Cause::Config(error) => error.fmt(f),
            Cause::Unknown(name, known) => {
                write!(f, "there is no {name:?}; there are {}", known.join(", "))
            }
            Cause::Open(error) => f.write_str(&printable(&error.to_string())),
            Cause::Plan(error) => f.write_str(&printable(&error.to_string())),
            Cause::Apply(error) => match &**error {
                ApplyError::Refused(plan) => {
                    f.write_str("refused, and nothing was done")?;
                    plan.refusals.iter().try_for_each(|refusal| {
                        write!(
                            f,
                            "\nerror: {}: {}",
                            self.file,
                            printable(&refusal.to_string())
                        )
                    })
                }
                error => f.write_str(&printable(&error.to_string())),
            },
            Cause::Allocate {
                error: error @ AllocateError::Exhausted { .. },
                free,
                wanted,
                ..
            } => write!(f, "{error}: {free} free, {wanted} asked for"),
            Cause::Allocate { error, .. } => error.fmt(f),
            Cause::TooMany { capacity, wanted } => write!(
                f,
                "exhausted: the range has {capacity} addresses in all, {wanted} asked for"
            ),
            Cause::Exact(error) => error.fmt(f),
            Cause::Pair(error) => error.fmt(f),
            Cause::NoKey => {
                f.write_str("the set has no client_key, which turns names into clients")
            }
            Cause::Closed(range) => write!(f, "the range {range} is drained or cordoned"),
            Cause::NotOneAddress(named) => {
                write!(
                    f,
                    "{named} is not one address of the set: write the address alone"
                )
            }
            Cause::Sync(error) => error.fmt(f),
            Cause::Unclosed { nets, error, .. } => {
                write!(f, "{error}; {} allocated, but not reported", nets.len())
            }
            Cause::Unprinted { nets, error, .. } => write!(
                f,
                "{} allocated, but cannot be written to standard output: {error}",
                nets.len()
            ),
        }
    }
}

/// Makes all lines printable, each an error of its own.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\nerror: ")
}

/// Serialized as the library's errors are: an object with a code.
impl Serialize for SetFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.described().serialize(serializer)
    }
}
