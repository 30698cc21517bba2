//! `hostbits who`: what an address is, and who holds it.

use crate::files::target::LEASES;
use crate::files::values;
use crate::help::COMMON;
use crate::lists::{Reading, list_name};
use crate::output::{Format, print, print_json};
use crate::screen::Screen;
use clap::{ArgGroup, Args};
use hostbits_ops::files::{
    self, Answer, ConfigFile, Holder, LeaseSeen, Owner, Place, PoolFile, State, Where,
};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, ListName, printable};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  hostbits who 10.0.0.77 --pool vpn.pool
  hostbits who 10.0.0.77 --pool vpn.pool --users users.csv
  hostbits who 10.0.0.77 --set sets.toml --users kea:/var/lib/kea/kea-leases4.csv
  wg show all dump | hostbits who 10.0.0.77 --users wg-dump:-
  hostbits who --owner alice --key-file owners.key --pool vpn.pool

Exit codes:
  0  the address is in use: it is held, offered or quarantined, or a list names it; the owner has a lease
  1  entries of the list cannot be read, and any of them might name the address
  2  wrong usage or unreadable input
  5  the address is not in use: it is free, cooling, reserved, the gateway, or in no pool, and no list names it; the
     owner has no lease
  8  a pool file is missing, damaged, or belongs to another pool";

/// The arguments of `who`.
#[derive(Args, Debug)]
#[command(
    after_long_help = AFTER_HELP,
    group = ArgGroup::new("where").required(true).multiple(true).args(["pool", "set", "users"])
)]
pub(crate) struct WhoArgs {
    /// The address
    #[arg(value_name = "ADDR", value_parser = values::addr, required_unless_present = "owner")]
    addr: Option<IpAddr>,

    /// Look in this pool file
    #[arg(long, value_name = "POOL", conflicts_with = "set")]
    pool: Option<PathBuf>,

    /// Look in the pool files of all sets of this configuration
    #[arg(long, value_name = "CONFIG")]
    set: Option<PathBuf>,

    /// Look in this list: FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is standard input; repeatable
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    users: Vec<ListName>,

    /// Look for the leases of this owner instead: NAME as it was given to `hostbits pool allocate`
    #[arg(long, value_name = "NAME", requires = "pool", conflicts_with_all = ["addr", "set", "users"], help_heading = LEASES)]
    owner: Option<String>,

    /// Make the numbers of owners with the key in FILE: 32 hexadecimal digits
    #[arg(long, value_name = "FILE", requires = "owner", conflicts_with = "addr", help_heading = LEASES)]
    key_file: Option<PathBuf>,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,

    /// How the lists are read.
    #[command(flatten)]
    reading: Reading,
}

/// Looks the address up and prints the result; the exit code tells whether it is held.
pub(super) fn run(args: &WhoArgs) -> Result<ExitCode, Failure> {
    let Some(addr) = args.addr else {
        return run_for_owner(args);
    };
    let answer = files::who(
        addr,
        &place(args),
        &args.reading.of(&args.users),
        args.reading.skip_unreadable,
        &Screen::new(args.format),
    )?;
    match args.format {
        Format::Plain => print(|out| write_answer(out, args, &answer))?,
        Format::Json => print_json(&answer)?,
    }
    let exit = answer.exit();
    Ok(exit.map_or(ExitCode::SUCCESS, |exit| ExitCode::from(exit.code())))
}

/// The leases of an owner, as JSON.
#[derive(Serialize)]
struct OfOwner<'a> {
    file: &'a str,
    owner: &'a str,
    leases: Vec<OneOfOwner<'a>>,
}

#[derive(Serialize)]
struct OneOfOwner<'a> {
    lease: &'a str,
    generation: u64,
    state: State,
    remaining_seconds: Option<u64>,
}

/// Prints the leases of an owner; the exit code tells whether there are any.
fn run_for_owner(args: &WhoArgs) -> Result<ExitCode, Failure> {
    let file = pool_file(args.pool.as_ref().map_or(Path::new(""), |path| path));
    let owner = Owner {
        name: args.owner.clone().unwrap_or_default(),
        key_file: args.key_file.clone(),
    };
    let found = files::owned_by(&file, &owner)?;
    match args.format {
        Format::Plain => print(|out| {
            let mut leases = found.leases.iter();
            leases.try_for_each(|seen| match seen.state {
                State::Offered => writeln!(out, "{}  offered: {}", seen.lease, lasts(seen)),
                _ => writeln!(out, "{}  {}", seen.lease, lasts(seen)),
            })
        })?,
        Format::Json => print_json(&OfOwner {
            file: &file.name(),
            owner: &found.owner,
            leases: found.leases.iter().map(OneOfOwner::of).collect(),
        })?,
    }
    Ok(match found.leases.is_empty() {
        true => ExitCode::from(Exit::NotAllocated.code()),
        false => ExitCode::SUCCESS,
    })
}

impl<'a> OneOfOwner<'a> {
    fn of(seen: &'a LeaseSeen) -> Self {
        Self {
            lease: &seen.lease,
            generation: seen.generation,
            state: seen.state,
            remaining_seconds: seen.remaining_seconds,
        }
    }
}

fn pool_file(path: &Path) -> PoolFile {
    PoolFile {
        path: path.to_owned(),
        min_session: 0,
    }
}

fn place(args: &WhoArgs) -> Where {
    match (&args.pool, &args.set) {
        (Some(path), _) => Where::Pool(pool_file(path)),
        (None, Some(path)) => Where::Sets(ConfigFile { path: path.clone() }),
        (None, None) => Where::Nowhere,
    }
}

fn write_answer(out: &mut dyn Write, args: &WhoArgs, answer: &Answer) -> io::Result<()> {
    let address = answer.address;
    let is_in_no_pool = args.pool.is_some() || args.set.is_some();
    match (&*answer.places, is_in_no_pool) {
        ([], true) => writeln!(out, "{address} is outside")?,
        ([], false) if answer.holders.is_empty() => writeln!(out, "{address} is not listed")?,
        ([], false) => writeln!(out, "{address} is listed")?,
        (places, _) => places
            .iter()
            .try_for_each(|place| write_place(out, address, place))?,
    }
    let mut holders = answer.holders.iter();
    holders.try_for_each(|holder| row(out, "listed", &holder_text(holder)))?;
    match answer.unreadable {
        0 => Ok(()),
        count => row(
            out,
            "unclear",
            &format_args!("{count} entries cannot be read"),
        ),
    }
}

fn write_place(out: &mut dyn Write, address: IpAddr, place: &Place) -> io::Result<()> {
    let label = printable(place.label.as_deref().unwrap_or_default());
    match place.state {
        State::Held => writeln!(out, "{address} is held"),
        State::Offered => writeln!(out, "{address} is offered"),
        State::Cooling => writeln!(out, "{address} is cooling"),
        State::Quarantined => writeln!(out, "{address} is quarantined"),
        State::Free => writeln!(out, "{address} is free"),
        State::Gateway => writeln!(out, "{address} is the gateway"),
        State::Reserved => writeln!(out, "{address} is reserved: {label}"),
    }?;
    match &place.member {
        None => row(out, "pool", &place.file)?,
        Some(member) => {
            row(
                out,
                "set",
                &format_args!("{} of {}", member.set, place.file),
            )?;
            let (name, file) = (&member.member, &member.pool_file);
            row(out, "member", &format_args!("{name} in {file}"))?;
            if !member.closed.is_empty() {
                row(out, "closed", &member.closed.join(", "))?;
            }
            let mut ranges = member.ranges.iter();
            ranges.try_for_each(|range| row(out, "range", range))?;
        }
    }
    if let Some(seen) = &place.lease {
        row(out, "lease", &seen.lease)?;
        row(out, "lasts", &lasts(seen))?;
        if let Some(owner) = &seen.owner {
            row(out, "owner", &format_args!("number {owner}"))?;
        }
    }
    match place.unit.prefix_len() == place.unit.max_prefix_len() {
        true => Ok(()),
        false => row(out, "unit", &place.unit),
    }
}

fn lasts(seen: &LeaseSeen) -> String {
    match seen.remaining_seconds {
        Some(seconds) => format!("{seconds}s, unless it is renewed"),
        None => "for ever".to_owned(),
    }
}

/// Formats a holder: `alice: 10.0.0.2 (users.csv:7), expired`.
fn holder_text(holder: &Holder) -> String {
    let Holder {
        entry, file, line, ..
    } = holder;
    let mut text = match &holder.owner {
        Some(owner) => format!("{owner}: {entry} ({file}:{line})"),
        None => format!("{entry} ({file}:{line})"),
    };
    if let Some(state) = &holder.state {
        text += &format!(", {state}");
    }
    text
}

fn row(out: &mut dyn Write, name: &str, value: &dyn Display) -> io::Result<()> {
    writeln!(out, "{name:<10}{value}")
}
