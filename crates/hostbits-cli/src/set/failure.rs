//! How a configuration and its files can refuse: what they said, and what to do next.

use crate::failure::{EXIT_EXHAUSTED, EXIT_INPUT};
use crate::pool::{EXIT_FILE, EXIT_REFUSED, exit_code_of_allocate, exit_code_of_exact, named};
use hostbits::{AllocateError, AllocateExactError, AllocatePairError, SyncError};
use hostbits_config::{ApplyError, ConfigError, OpenError, PlanError};
use hostbits_ops::{ReadList, printable};
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;
use std::io;

/// A configuration, and why it was not used as asked.
#[derive(Debug)]
pub(crate) struct SetFailure {
    /// What to call the configuration.
    pub(crate) file: String,
    /// Why.
    pub(super) cause: Cause,
}

/// Why a configuration was not used as asked.
#[derive(Debug)]
pub(super) enum Cause {
    /// It cannot be read, or is wrong.
    Config(ConfigError),
    /// There is no set, or range, of this name; there are these.
    Unknown(String, Vec<String>),
    /// A pool file cannot be opened, or there is none.
    Open(OpenError),
    /// A pool file cannot be read.
    Plan(PlanError),
    /// It was not applied, or not to the end.
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
    /// The named range is drained, or under a cordon.
    Closed(String),
    /// `--ip` names more than one address.
    NotOneAddress(IpNet),
    /// An allocation is not durable.
    Sync(SyncError),
    /// Addresses are allocated, and a disk did not take it.
    Unclosed {
        set: String,
        nets: Vec<IpNet>,
        error: SyncError,
    },
    /// Addresses are allocated, and their names cannot be written.
    Unprinted {
        set: String,
        nets: Vec<IpNet>,
        error: io::Error,
    },
}

impl SetFailure {
    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match &self.cause {
            Cause::Open(OpenError::File { .. }) | Cause::Plan(_) => EXIT_FILE,
            Cause::Sync(_) | Cause::Unclosed { .. } => EXIT_FILE,
            Cause::Apply(error) => match &**error {
                ApplyError::Refused(_) => EXIT_REFUSED,
                _ => EXIT_FILE,
            },
            Cause::Allocate { error, .. } => exit_code_of_allocate(error),
            Cause::Exact(error) => exit_code_of_exact(error),
            Cause::Pair(AllocatePairError::V4(error) | AllocatePairError::V6(error)) => {
                exit_code_of_allocate(error)
            }
            Cause::Pair(_) | Cause::TooMany { .. } => EXIT_EXHAUSTED,
            _ => EXIT_INPUT,
        }
    }

    /// What to do next, where the message of the library knows nothing of commands.
    pub(crate) fn hint(&self) -> Option<String> {
        let file = &self.file;
        match &self.cause {
            Cause::Open(OpenError::File { error, .. }) => match error {
                hostbits::OpenError::NotFound => Some(format!("hostbits set apply {file}")),
                hostbits::OpenError::GeometryMismatch { .. }
                | hostbits::OpenError::ModeMismatch { .. } => Some(format!(
                    "hostbits set plan {file} tells what apply would do"
                )),
                _ => None,
            },
            Cause::Open(OpenError::NoFile { .. }) => Some(format!(
                "without files: hostbits set next {file} SET --users LIST"
            )),
            Cause::Apply(error) => match &**error {
                ApplyError::File {
                    error: hostbits::OpenError::InUse,
                    ..
                } => Some("close it everywhere and apply again: the rest is done then".to_owned()),
                _ => None,
            },
            Cause::Allocate {
                error, list: None, ..
            } => match error {
                AllocateError::Exhausted { quarantined: 0, .. } => Some(format!(
                    "hostbits set show {file} tells what is taken; add a member, and apply"
                )),
                AllocateError::Exhausted { .. } => {
                    Some(format!("hostbits set reclaim {file} SET --from LIST"))
                }
                _ => None,
            },
            Cause::NoKey => Some(
                "client_key = \"...\": 32 hexadecimal digits, for example of openssl rand -hex 16"
                    .to_owned(),
            ),
            Cause::Unprinted { set, nets, .. } => Some(format!(
                "hostbits set release {file} {set} {}, if nobody has read them",
                named(nets)
            )),
            Cause::Unclosed { set, nets, .. } => {
                Some(format!("hostbits set release {file} {set} {}", named(nets)))
            }
            _ => None,
        }
    }

    /// What became of the list of users.
    pub(crate) fn list(&self) -> Option<&ReadList> {
        match &self.cause {
            Cause::Allocate { list, .. } => list.as_deref(),
            _ => None,
        }
    }

    /// The error as JSON: an object with a code.
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
                OpenError::NoFile { line, .. } => json!({"code": error.code(), "line": line}),
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
                } => {
                    let mut described = of_file(path, *line, error);
                    described["done"] = json!(done);
                    described
                }
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

/// The error of a pool file as the library writes it, with the file and the line of its member.
fn of_file(path: &std::path::Path, line: usize, error: &hostbits::OpenError) -> Value {
    let mut described = json!(error);
    described["pool_file"] = json!(printable(&path.display().to_string()));
    described["line"] = json!(line);
    described
}

impl fmt::Display for SetFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Cause::Config(error) = &self.cause {
            // It names the file itself, in every line.
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
            Cause::NoKey => f.write_str("the set has no client_key, which makes clients of names"),
            Cause::Closed(range) => write!(f, "the range {range} is drained or cordoned"),
            Cause::NotOneAddress(named) => {
                write!(
                    f,
                    "{named} is not one address of the set: write the address alone"
                )
            }
            Cause::Sync(error) => error.fmt(f),
            Cause::Unclosed { nets, error, .. } => {
                write!(
                    f,
                    "{error}; {} allocated, which nobody was told",
                    nets.len()
                )
            }
            Cause::Unprinted { nets, error, .. } => write!(
                f,
                "{} allocated, and cannot be written to standard output: {error}",
                nets.len()
            ),
        }
    }
}

/// All lines printable, each an error of its own.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\nerror: ")
}

/// As the library writes its errors: an object with a code.
impl Serialize for SetFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.described().serialize(serializer)
    }
}
