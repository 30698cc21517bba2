//! How a run can fail: a message, a JSON object and an exit code for each way.

use crate::args::Format;
use crate::notes::RefusedList;
use crate::output::print_error_text;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
use crate::pool::PoolFailure;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
use crate::reconcile::{Found, PlanFailure};
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
use crate::set::SetFailure;
use hostbits::{AdoptError, AllocateError, BuildError};
use hostbits_lists::ListError;
use hostbits_ops::{ReadList, ReadToEnd, printable};
use serde::Serialize;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// Pool and list differ, or entries of the list cannot be read.
pub(crate) const EXIT_DRIFT: u8 = 1;
/// Wrong usage or unreadable input.
pub(crate) const EXIT_INPUT: u8 = 2;
/// Too few addresses are free.
pub(crate) const EXIT_EXHAUSTED: u8 = 3;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
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
        /// What became of the users file.
        list: Box<ReadList>,
    },
    /// The answer cannot be written.
    Output(io::Error),
    /// Options that do not go together.
    Usage(String),
    /// A plan cannot be read or kept.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Plan(PlanFailure),
    /// A pool file cannot be used, or not as asked.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Pool(Box<PoolFailure>),
    /// A configuration of sets cannot be used, or not as asked.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Set(Box<SetFailure>),
}

/// A failure as JSON.
#[derive(Serialize)]
struct Report<'a> {
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
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    #[serde(flatten)]
    found: Option<Found<'a>>,
}

/// The errors of the library as it writes them, and those of this command in the same manner.
#[derive(Serialize)]
#[serde(untagged)]
enum Described<'a> {
    Build(&'a BuildError),
    Allocate(&'a AllocateError),
    Unreadable {
        code: &'static str,
        file: String,
        after_line: u64,
    },
    Plain {
        code: &'static str,
    },
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Pool(&'a PoolFailure),
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Set(&'a SetFailure),
}

impl Failure {
    /// Of a list that the library has refused.
    pub(crate) fn refused(error: AdoptError, read: ReadToEnd) -> Self {
        let adopted = match error {
            AdoptError::Unreadable { adopted } => *adopted,
            // There is no other reason yet.
            _ => Default::default(),
        };
        Self::Refused(Box::new(RefusedList::new(adopted, read)))
    }

    /// Says what went wrong on standard error, and answers the exit code.
    pub(crate) fn report(&self, format: Format) -> ExitCode {
        match format {
            Format::Plain => {
                if let Self::Refused(list) = self {
                    print_error_text(list.notes().trim_end());
                }
                #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
                if let Self::Pool(failure) = self
                    && let Err(unprinted) = failure.print_found()
                {
                    print_error_text(&format!("error: {unprinted}"));
                }
                print_error_text(&format!("error: {self}"));
                if let Some(hint) = self.hint() {
                    print_error_text(&format!("hint: {hint}"));
                }
            }
            Format::Json => print_report(&Report {
                error: self.described(),
                message: self.to_string(),
                file: self.file(),
                set: self.set_and_member().0,
                member: self.set_and_member().1,
                list: self.list(),
                #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
                found: self.found(),
            }),
        }
        ExitCode::from(match self {
            Self::Exhausted { .. } => EXIT_EXHAUSTED,
            Self::Refused(_) => EXIT_DRIFT,
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => failure.exit_code(),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Set(failure) => failure.exit_code(),
            _ => EXIT_INPUT,
        })
    }

    /// Which options to turn to, where the message of the library knows nothing of options.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(list) => Some(list.hint()),
            Self::Build(BuildError::TooLarge { .. }) => Some(
                "--range A-B takes a part, --unit N hands out prefixes of N bits, \
                 --at-most N takes the first N slots"
                    .to_owned(),
            ),
            Self::Build(BuildError::HostBitsSet {
                given,
                network,
                last,
            }) => Some(format!(
                "write {network}, or {network} --range {}-{last}",
                given.addr()
            )),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => failure.hint(),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Set(failure) => failure.hint(),
            _ => None,
        }
    }

    fn described(&self) -> Described<'_> {
        match self {
            Self::Build(error) => Described::Build(error),
            Self::Exhausted { error, .. } => Described::Allocate(error),
            Self::Unreadable(error) => Described::Unreadable {
                code: error.code(),
                file: printable(error.file()),
                after_line: error.line(),
            },
            Self::Refused(_) => Described::Plain { code: "unclear" },
            Self::Output(_) => Described::Plain { code: "output" },
            Self::Usage(_) => Described::Plain { code: "usage" },
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Plan(failure) => Described::Plain {
                code: failure.code(),
            },
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => Described::Pool(failure),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Set(failure) => Described::Set(failure),
        }
    }

    fn file(&self) -> Option<&str> {
        match self {
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => Some(&failure.file),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Plan(failure) => Some(failure.file()),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Set(failure) => Some(&failure.file),
            _ => None,
        }
    }

    /// The set whose pool files were used, and the member that refused.
    fn set_and_member(&self) -> (Option<&str>, Option<&str>) {
        match self {
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => (failure.set.as_deref(), failure.member.as_deref()),
            _ => (None, None),
        }
    }

    fn list(&self) -> Option<&ReadList> {
        match self {
            Self::Exhausted { list, .. } => Some(list),
            Self::Refused(list) => Some(list.list()),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => failure.list(),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Set(failure) => failure.list(),
            _ => None,
        }
    }

    /// What a pass has found whose plan was not applied.
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    fn found(&self) -> Option<Found<'_>> {
        match self {
            Self::Pool(failure) => failure.found(),
            _ => None,
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
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Plan(failure) => failure.fmt(f),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Pool(failure) => failure.fmt(f),
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            Self::Set(failure) => failure.fmt(f),
        }
    }
}

/// Prints the help or the version, or says what is wrong with the command line.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader who has seen enough, as in `| head -1`, is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if json_is_asked_for() {
        let text = error.to_string();
        print_report(&Report {
            error: Described::Plain { code: "usage" },
            message: text
                .strip_prefix("error: ")
                .unwrap_or(&text)
                .trim_end()
                .to_owned(),
            file: None,
            set: None,
            member: None,
            list: None,
            #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
            found: None,
        });
    } else {
        let _ = error.print();
    }
    ExitCode::from(EXIT_INPUT)
}

/// Whether the words of a command line that does not parse ask for JSON.
fn json_is_asked_for() -> bool {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    words.iter().any(|word| word == "--format=json")
        || words
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == "json")
}

fn print_report(report: &Report<'_>) {
    match serde_json::to_string(report) {
        Ok(json) => print_error_text(&json),
        Err(error) => print_error_text(&format!("error: {} ({error})", report.message)),
    }
}
