//! `create`, `allocate`, `release`, `sync`, `grow`.

use super::args::{AllocateArgs, CreateArgs, GrowArgs, ReleaseArgs};
use super::leases;
use crate::args::PoolArgs;
use crate::files::asked::read_asked;
use crate::files::confirm::confirm;
use crate::files::granted::print_granted;
use crate::files::released::print_released;
use crate::files::target::FileArgs;
use crate::output::{Format, note, print_json};
use crate::screen::Screen;
use hostbits::{Durability, NetworkInfo};
use hostbits_ops::files::{self, LeaseSpec, Made, PoolSpec, Wanted};
use hostbits_ops::{Failure, printable};
use serde::Serialize;
use std::net::IpAddr;
use std::process::ExitCode;

/// A file that was created or has grown, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    info: NetworkInfo,
    durability: Durability,
    session: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cooldown_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Synced<'a> {
    file: &'a str,
    durability: Durability,
}

pub(super) fn create(args: &CreateArgs) -> Result<(), Failure> {
    let spec = PoolSpec {
        leases: args.leases.then_some(LeaseSpec {
            cooldown: args.cooldown,
        }),
        ..spec(&args.pool, args.capacity)
    };
    let made = files::create(&args.file.file(), spec, args.durability.into())?;
    print_made(&args.file, "created", made)
}

pub(super) fn grow(args: &GrowArgs) -> Result<(), Failure> {
    let made = files::grow(&args.file.file(), spec(&args.pool, args.capacity))?;
    print_made(&args.file, "holds", made)
}

fn spec(pool: &PoolArgs, capacity: Option<u64>) -> PoolSpec {
    PoolSpec {
        builder: pool.builder(),
        is_seeded: pool.policy.is_seeded,
        capacity,
        leases: None,
    }
}

fn print_made(file: &FileArgs, verb: &str, made: Made) -> Result<(), Failure> {
    let name = file.name();
    let Made {
        info,
        durability,
        session,
        cooldown,
        reopened,
    } = made;
    let cooldown_seconds = cooldown.map(|it| it.as_secs());
    match file.format {
        Format::Plain => {
            for of in &reopened {
                let (span, label) = (span(of.first, of.last), printable(&of.label));
                note(&format!(
                    "{name}: {span} ({label}) was reserved, and can be handed out now"
                ));
            }
            confirm(|out| {
                write!(out, "{name}: {verb} {info}, durability {durability}")?;
                match cooldown_seconds {
                    Some(seconds) => writeln!(out, ", leases with a cooldown of {seconds}s"),
                    None => writeln!(out),
                }
            })
        }
        Format::Json => print_json(&Answer {
            file: &name,
            info,
            durability,
            session,
            cooldown_seconds,
        }),
    }
}

fn span(first: IpAddr, last: IpAddr) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    }
}

/// Allocates addresses, and prints them once they are as durable as the file promises.
pub(super) fn allocate(args: &AllocateArgs) -> Result<(), Failure> {
    if let Some(grant) = leases::grant(args)? {
        return leases::allocate(args, grant);
    }
    let (file, format) = (args.file.file(), args.file.format);
    let nets = files::allocate(&file, wanted(args), &Screen::new(format))?;
    print_granted(format, &file.name(), None, &nets)
        .map_err(|error| files::unprinted(&file, &nets, error))
}

/// Returns which of the mutually exclusive options was given.
fn wanted(args: &AllocateArgs) -> Wanted {
    match (args.ip, args.block, args.near) {
        (Some(named), ..) => Wanted::Exact(named),
        (None, Some(prefix_len), _) => Wanted::Block(prefix_len),
        (None, None, Some(addr)) => Wanted::Near(addr),
        (None, None, None) => Wanted::Any(args.count),
    }
}

/// Releases each address on its own, and returns the exit code of the first that could not be released.
pub(super) fn release(args: &ReleaseArgs) -> Result<ExitCode, Failure> {
    let asked = read_asked(&args.named)?;
    let names_nothing = asked.named.is_empty() && asked.leases.is_empty();
    let is_of_leases = args.unfenced || !asked.leases.is_empty();
    if is_of_leases || names_nothing && args.file.file().holds_leases() {
        return leases::release(args, &asked);
    }
    let released = files::release(&args.file.file(), &asked.named)?;
    print_released(
        args.file.format,
        &args.file.name(),
        None,
        &released,
        &asked.unreadable,
    )
}

pub(super) fn sync(file: &FileArgs) -> Result<(), Failure> {
    let durability = files::sync(&file.file())?;
    let name = file.name();
    match (file.format, durability) {
        (Format::Json, durability) => print_json(&Synced {
            file: &name,
            durability,
        }),
        (Format::Plain, Durability::Process) => confirm(|out| {
            writeln!(
                out,
                "{name}: written; with durability process, none of it is trusted after a crash of the machine"
            )
        }),
        (Format::Plain, _) => confirm(|out| writeln!(out, "{name}: durable")),
    }
}
