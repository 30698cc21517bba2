//! `allocate`, `renew`, `release` and `sweep` in a pool of leases.

use super::args::{AllocateArgs, ConvertArgs, ReleaseArgs, RenewArgs};
use crate::files::asked::{ReadAsked, Unreadable};
use crate::files::confirm::confirm;
use crate::files::granted::{leased, print_leases};
use crate::files::target::FileArgs;
use crate::next::Given;
use crate::output::{Format, note, print, print_error_text, print_json};
use hostbits::lease::{Grant, Released, Term};
use hostbits::{Durability, NetworkInfo, ReleaseError};
use hostbits_ops::Failure;
use hostbits_ops::files::{self, LeaseSpec, Owner, ReleasedLease, Unfenced, WantedLease};
use hostbits_ops::trouble::{Exit, Kind, row};
use ipnet::IpNet;
use serde::Serialize;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

/// A renewed lease, as JSON.
#[derive(Serialize)]
struct Renewed<'a> {
    file: &'a str,
    lease: String,
    address: IpAddr,
    generation: u64,
    /// Null for ever.
    seconds: Option<u64>,
}

/// A file that was converted, as JSON.
#[derive(Serialize)]
struct Converted<'a> {
    file: &'a str,
    info: NetworkInfo,
    durability: Durability,
    session: u64,
    cooldown_seconds: u64,
    addresses: Vec<Given>,
}

#[derive(Serialize)]
struct Swept<'a> {
    file: &'a str,
    freed: u64,
    next_in_seconds: Option<u64>,
}

/// The result of a release, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    released: usize,
    already_ended: usize,
    refused: usize,
    addresses: Vec<Outcome<'a>>,
    /// Lines of standard input that name nothing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unreadable: &'a [Unreadable],
}

/// The result for one lease.
#[derive(Serialize)]
struct Outcome<'a> {
    address: IpNet,
    generation: Option<u64>,
    released: bool,
    outcome: Option<Released>,
    error: Option<&'a ReleaseError>,
    message: Option<String>,
}

/// Returns what is asked for, if it is a lease.
pub(super) fn grant(args: &AllocateArgs) -> Result<Option<Grant>, Failure> {
    match (args.time, args.forever, &args.owner) {
        (Some(time), ..) => Ok(Some(Grant::Offer(time))),
        (None, true, _) => Ok(Some(Grant::Lease(Term::Forever))),
        (None, false, None) => Ok(None),
        (None, false, Some(_)) => {
            let text = "--owner needs a time: write --for 30s, for example, or --forever";
            Err(Failure::Usage(text.to_owned()))
        }
    }
}

/// Allocates leases, and prints them once they are as durable as the file promises.
pub(super) fn allocate(args: &AllocateArgs, grant: Grant) -> Result<(), Failure> {
    let (file, format) = (args.file.file(), args.file.format);
    let granted = files::allocate_lease(&file, &wanted(args), grant)?;
    print_leases(format, &file.name(), &granted)
        .map_err(|error| files::unprinted_leases(&file, &granted.leases, error))
}

/// Returns which of the mutually exclusive options was given.
fn wanted(args: &AllocateArgs) -> WantedLease {
    match (&args.owner, args.ip, args.near) {
        (Some(name), ..) => WantedLease::For(Owner {
            name: name.clone(),
            key_file: args.key_file.clone(),
        }),
        (None, Some(named), _) => WantedLease::Exact(named),
        (None, None, Some(addr)) => WantedLease::Near(addr),
        (None, None, None) => WantedLease::Any(args.count),
    }
}

pub(super) fn renew(args: &RenewArgs) -> Result<(), Failure> {
    let (file, lease) = (args.file.file(), args.lease);
    let term = args.time.map_or(Term::Forever, Term::For);
    files::renew(&file, &lease, term)?;
    match args.file.format {
        Format::Plain => confirm(|out| match args.time {
            Some(time) => writeln!(
                out,
                "renewed {lease} for {}",
                humantime::format_duration(time)
            ),
            None => writeln!(out, "renewed {lease} for ever"),
        }),
        Format::Json => print_json(&Renewed {
            file: &file.name(),
            lease: lease.to_string(),
            address: lease.addr(),
            generation: lease.generation(),
            seconds: args.time.map(whole_seconds),
        }),
    }
}

/// Converts the file and prints all its leases. They can be printed again: a file of leases stays as it is.
pub(super) fn convert(args: &ConvertArgs) -> Result<(), Failure> {
    let file = args.file.file();
    let cooldown = args.cooldown;
    let (made, granted) = files::convert(&file, LeaseSpec { cooldown })?;
    let name = file.name();
    let seconds = made.cooldown.map_or(0, whole_seconds);
    match args.file.format {
        Format::Plain => {
            let count = granted.leases.len();
            note(&format!(
                "{name}: a pool of leases with a cooldown of {seconds}s; {count} leased"
            ));
            let mut leases = granted.leases.iter();
            print(|out| leases.try_for_each(|lease| writeln!(out, "{lease}")))
        }
        Format::Json => print_json(&Converted {
            file: &name,
            info: made.info,
            durability: made.durability,
            session: made.session,
            cooldown_seconds: seconds,
            addresses: leased(&granted),
        }),
    }
}

pub(super) fn sweep(args: &FileArgs) -> Result<(), Failure> {
    let file = args.file();
    let swept = files::sweep(&file)?;
    let (name, freed) = (file.name(), swept.freed);
    match args.format {
        Format::Plain => confirm(|out| match swept.next_in {
            Some(next) => writeln!(
                out,
                "{name}: freed {freed}; the next is due in {}s",
                next.as_secs()
            ),
            None => writeln!(out, "{name}: freed {freed}; none is due later"),
        }),
        Format::Json => print_json(&Swept {
            file: &name,
            freed,
            next_in_seconds: swept.next_in.map(whole_seconds),
        }),
    }
}

/// Releases each lease on its own, and returns the exit code of the first that could not be released.
pub(super) fn release(args: &ReleaseArgs, asked: &ReadAsked) -> Result<ExitCode, Failure> {
    if let (false, Some(named)) = (args.unfenced, asked.named.first()) {
        let text = format!(
            "{} has no generation: write its lease, or --unfenced",
            named.addr
        );
        return Err(Failure::Usage(text));
    }
    let unfenced: Vec<_> = asked.named.iter().copied().map(Unfenced).collect();
    let file = args.file.file();
    let outcomes = files::release_leases(&file, &asked.leases, &unfenced)?;
    print_released(args.file.format, &file.name(), &outcomes, &asked.unreadable)?;
    if !asked.unreadable.is_empty() {
        return Ok(ExitCode::from(Exit::Input.code()));
    }
    let exit = outcomes.iter().find_map(exit_of);
    Ok(exit.map_or(ExitCode::SUCCESS, |exit| ExitCode::from(exit.code())))
}

fn exit_of(it: &ReleasedLease) -> Option<Exit> {
    match &it.result {
        Ok(Released::Stale) => Some(Exit::Stale),
        Ok(_) => None,
        Err(error) => Some(row(Kind::Release, error.code()).exit),
    }
}

fn print_released(
    format: Format,
    file: &str,
    outcomes: &[ReleasedLease],
    unreadable: &[Unreadable],
) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let are =
                |outcome: Released| outcomes.iter().filter(move |it| it.result == Ok(outcome));
            let (ended, already_ended) = (Released::Ended, Released::AlreadyEnded);
            print_json(&Answer {
                file,
                released: are(ended).count(),
                already_ended: are(already_ended).count(),
                refused: outcomes.iter().filter_map(exit_of).count(),
                addresses: outcomes.iter().map(Outcome::of).collect(),
                unreadable,
            })
        }
        Format::Plain => {
            for Unreadable { line, message, .. } in unreadable {
                print_error_text(&format!("error: standard input:{line}: {message}"));
            }
            for it in outcomes {
                let Some(message) = message(it) else { continue };
                match exit_of(it) {
                    Some(_) => print_error_text(&format!("error: {file}: {message}")),
                    None => note(&format!("{file}: {message}")),
                }
            }
            confirm(|out| {
                let ended = outcomes
                    .iter()
                    .filter(|it| it.result == Ok(Released::Ended));
                let mut leases = ended.filter_map(|it| it.lease);
                leases.try_for_each(|lease| writeln!(out, "released {lease}"))
            })
        }
    }
}

impl<'a> Outcome<'a> {
    fn of(it: &'a ReleasedLease) -> Self {
        Self {
            address: it.address,
            generation: it.lease.map(|lease| lease.generation()),
            released: it.result == Ok(Released::Ended),
            outcome: it.result.as_ref().ok().copied(),
            error: it.result.as_ref().err(),
            message: message(it),
        }
    }
}

/// Returns what there is to say of a lease that this call has not ended.
fn message(it: &ReleasedLease) -> Option<String> {
    let lease = it
        .lease
        .map_or(it.address.to_string(), |lease| lease.to_string());
    match &it.result {
        Ok(Released::Ended) => None,
        Ok(Released::AlreadyEnded) => Some(format!("{lease} had already ended")),
        Ok(_) => Some(format!(
            "{lease} is stale: the address has had other holders since, or the lease is of another pool"
        )),
        Err(error) => Some(error.to_string()),
    }
}

/// Rounded up, as the pool does.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() != 0)
}
