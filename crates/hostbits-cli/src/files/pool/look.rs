//! `show`, `list`, `check`: read the file without a lock, and write nothing. So they work with read permission alone,
//! and do not affect other processes.

use super::args::ShowArgs;
use crate::files::map::write_map;
use crate::files::paint;
use crate::files::state::{kind, verdict};
use crate::files::target::FileArgs;
use crate::info;
use crate::output::{Format, Utc, print, print_json};
use crate::screen::processes;
use hostbits::{
    Durability, NetworkInfo,
    file::{self, Health, RecoveryKind},
    lease::Census,
};
use hostbits_ops::files::{Problem, has_damage, problems};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, Map, Used, net_of};
use serde::{Serialize, Serializer};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// The result of `show`, as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    info: &'a NetworkInfo,
    room: u64,
    created_unix: u64,
    found: RecoveryKind,
    quarantined_by: Option<RecoveryKind>,
    problems: Vec<Problem<'a>>,
    health: &'a Health,
    in_flight: &'a [u32],
    allocated: u64,
    available: u64,
    used_percent: Used,
    #[serde(skip_serializing_if = "Option::is_none")]
    cooldown_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    census: Option<Census>,
    map: &'a Map,
}

/// The result of `list`, as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    file: &'a str,
    addresses: Addresses<'a>,
    quarantined: Quarantined<'a>,
}

/// A pool's allocated addresses, written as they are found: there may be billions.
struct Addresses<'a>(&'a file::View);

/// The quarantined ones of the allocated addresses, written as they are found.
struct Quarantined<'a>(&'a file::View);

/// The result of `check`, as JSON.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    is_good: bool,
    problems: Vec<Problem<'a>>,
    durability: Durability,
    session: Option<u64>,
    found: RecoveryKind,
    quarantined_by: Option<RecoveryKind>,
    is_settled: bool,
    is_left_in_order: bool,
    in_flight: &'a [u32],
    room: u64,
    created_unix: u64,
    allocated: u64,
    quarantined: u64,
}

pub(super) fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let file = &args.file;
    let view = file.file().read()?;
    let (name, info) = (file.name(), &view.info);
    let map = Map::fitting(&view.to_pool(), info, paint::columns(file.format));
    let allocated = view.snapshot.allocated();
    let available = info.capacity - allocated;
    let used = Used::of(allocated, available);
    let shown = Shown {
        file: &name,
        info,
        room: view.capacity,
        created_unix: unix_seconds(view.created),
        found: view.found,
        quarantined_by: view.quarantined_by,
        problems: problems(&view),
        health: &view.health,
        in_flight: &view.in_flight,
        allocated,
        available,
        used_percent: used,
        cooldown_seconds: view.cooldown.map(|it| it.as_secs()),
        census: view.census,
        map: &map,
    };
    match file.format {
        Format::Plain => print(|out| write_shown(out, &shown))?,
        Format::Json => print_json(&shown)?,
    }
    Ok(args.limit.exit_code([used]))
}

fn write_shown(out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
    row(out, "file", &shown.file)?;
    info::write_plain(out, shown.info)?;
    row(out, "room", &format_args!("{} slots", shown.room))?;
    row(out, "created", &Utc(shown.created_unix))?;
    row(out, "found", &story(shown.found))?;
    for problem in &shown.problems {
        row(out, kind(problem), problem.problem)?;
    }
    let health = shown.health;
    row(out, "durable", &health.durability)?;
    row(out, "session", &health.session)?;
    row(out, "processes", &health.processes)?;
    if !shown.in_flight.is_empty() {
        row(out, "in flight", &in_flight(shown.in_flight))?;
    }
    let suspects = suspects(health.quarantined, shown.quarantined_by);
    row(out, "suspects", &suspects)?;
    if let Some(errno) = health.poison {
        row(out, "poison", &io::Error::from_raw_os_error(errno))?;
    }
    row(out, "taken", &shown.allocated)?;
    row(out, "free", &shown.available)?;
    row(out, "used", &paint::used(shown.used_percent))?;
    if let Some(census) = shown.census {
        let Census {
            offered,
            leased,
            cooling,
            ..
        } = census;
        let text = format!("{offered} offered, {leased} leased, {cooling} cooling");
        row(out, "leases", &text)?;
    }
    if let Some(seconds) = shown.cooldown_seconds {
        row(out, "cooldown", &format_args!("{seconds}s"))?;
    }
    writeln!(out)?;
    write_map(out, shown.map)
}

pub(super) fn list(file: &FileArgs) -> Result<(), Failure> {
    let view = file.file().read()?;
    match file.format {
        Format::Plain => print(|out| {
            let unit = view.info.unit;
            let mut quarantined = view.quarantined_addresses().peekable();
            let mut addrs = view.snapshot.iter();
            addrs.try_for_each(|addr| {
                let net = net_of(addr, unit);
                // Both are ascending, and every quarantined address is taken.
                match quarantined.next_if_eq(&addr) {
                    None => writeln!(out, "{net}"),
                    Some(_) => writeln!(out, "{net}  quarantined"),
                }
            })
        }),
        Format::Json => print_json(&Listed {
            file: &file.name(),
            addresses: Addresses(&view),
            quarantined: Quarantined(&view),
        }),
    }
}

impl Serialize for Addresses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.0.info.unit;
        serializer.collect_seq(self.0.snapshot.iter().map(|addr| net_of(addr, unit)))
    }
}

impl Serialize for Quarantined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.0.info.unit;
        let addrs = self.0.quarantined_addresses();
        serializer.collect_seq(addrs.map(|addr| net_of(addr, unit)))
    }
}

/// Describes what opening the file would find.
fn story(found: RecoveryKind) -> String {
    let sentence = found.sentence();
    let quarantines = match found {
        RecoveryKind::MachineCrash => "; the next open quarantines what cannot be trusted",
        _ if found.quarantines() => "; the next open quarantines what was free",
        _ => "",
    };
    format!("{found}: {sentence}{quarantines}")
}

/// Describes whose claims are in flight.
fn in_flight(pids: &[u32]) -> String {
    let whose = processes(pids);
    format!("a claim of {whose}: a call that would return \"nothing is free\" waits for it")
}

/// Describes the number of suspects, and the reason for them.
fn suspects(count: u64, reason: Option<RecoveryKind>) -> String {
    match reason {
        None => format!("{count} quarantined"),
        Some(reason) => format!("{count} quarantined: {}", reason.sentence()),
    }
}

/// Checks the file; the exit code is 8 if there is damage, even if the file could be opened despite it.
pub(super) fn check(file: &FileArgs) -> Result<ExitCode, Failure> {
    let view = file.file().read()?;
    let name = file.name();
    let is_good = !has_damage(&view);
    match file.format {
        Format::Plain => print(|out| write_checked(out, &name, &view))?,
        Format::Json => print_json(&checked(&name, &view, is_good))?,
    }
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(Exit::File.code()),
    })
}

fn checked<'a>(file: &'a str, view: &'a file::View, is_good: bool) -> Checked<'a> {
    Checked {
        file,
        is_good,
        problems: problems(view),
        durability: view.durability,
        session: view.session,
        found: view.found,
        quarantined_by: view.quarantined_by,
        is_settled: view.is_settled,
        is_left_in_order: view.is_left_in_order,
        in_flight: &view.in_flight,
        room: view.capacity,
        created_unix: unix_seconds(view.created),
        allocated: view.snapshot.allocated(),
        quarantined: view.quarantined,
    }
}

fn write_checked(out: &mut dyn Write, file: &str, view: &file::View) -> io::Result<()> {
    for problem in problems(view) {
        writeln!(out, "{file}: {}: {}", kind(&problem), problem.message)?;
    }
    if !view.in_flight.is_empty() {
        writeln!(
            out,
            "{file}: note: in flight: {}",
            in_flight(&view.in_flight)
        )?;
    }
    let verdict = verdict(view);
    let (taken, quarantined) = (view.snapshot.allocated(), view.quarantined);
    let story = story(view.found);
    write!(
        out,
        "{file}: {verdict}; {story}; {taken} taken, {quarantined} of them quarantined"
    )?;
    match view.quarantined_by {
        // Already printed.
        Some(reason) if reason != view.found => writeln!(out, ": {}", reason.sentence()),
        _ => writeln!(out),
    }
}

fn row(out: &mut dyn Write, name: &str, value: &dyn Display) -> io::Result<()> {
    writeln!(out, "{name:<10}{value}")
}

fn unix_seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}
