//! `show`, `list`, `check`: the pool files are read, without a lock, and nothing is written.

use super::args::LookArgs;
use super::failure::Cause;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::pool::{EXIT_FILE, EXIT_REFUSED, Problem, has_damage, problems, verdict, write_map};
use hostbits::{FileView, Member, NetworkInfo};
use hostbits_config::{MemberConfig, OpenError, Plan, SetConfig, Step, StepKind};
use hostbits_ops::printable;
use hostbits_ops::{Map, net_of};
use ipnet::IpNet;
use serde::Serialize;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

/// What `show` tells, as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    sets: Vec<ShownSet<'a>>,
}

#[derive(Serialize)]
struct ShownSet<'a> {
    set: &'a str,
    capacity: u64,
    allocated: u64,
    /// Free, and neither drained nor cordoned.
    available: u64,
    members: Vec<ShownMember>,
    ranges: Vec<ShownRange<'a>>,
}

#[derive(Serialize)]
struct ShownMember {
    member: String,
    pool_file: String,
    info: NetworkInfo,
    allocated: u64,
    quarantined: u64,
    processes: u32,
    drained: bool,
    cordons: Vec<Part>,
    band: Option<Part>,
    map: Map,
}

/// A part of a member, and how many of its addresses are allocated.
#[derive(Serialize)]
struct Part {
    first: IpAddr,
    last: IpAddr,
    allocated: u64,
}

#[derive(Serialize)]
struct ShownRange<'a> {
    range: &'a str,
    exclusive: bool,
    capacity: u64,
    #[serde(flatten)]
    part: Part,
}

/// What `list` tells, as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    file: &'a str,
    sets: Vec<ListedSet<'a>>,
}

#[derive(Serialize)]
struct ListedSet<'a> {
    set: &'a str,
    addresses: Vec<IpNet>,
}

/// What `check` tells, as JSON.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    is_good: bool,
    members: Vec<CheckedMember<'a>>,
    /// What apply would do, and refuse.
    plan: &'a Plan,
}

#[derive(Serialize)]
struct CheckedMember<'a> {
    set: &'a str,
    member: String,
    pool_file: String,
    is_good: bool,
    problems: Vec<Problem<'a>>,
    allocated: u64,
    quarantined: u64,
}

/// A member with what its file held.
struct Seen<'c> {
    set: &'c SetConfig,
    member: &'c MemberConfig,
    view: FileView,
}

impl Seen<'_> {
    fn pool_file(&self) -> String {
        pool_file(self.member)
    }
}

fn pool_file(member: &MemberConfig) -> String {
    let path = member.file.as_ref().map(|file| file.path.display());
    path.map_or_else(String::new, |path| printable(&path.to_string()))
}

/// Reads the files of a set.
fn see<'c>(args: &LookArgs, set: &'c SetConfig) -> Result<Vec<Seen<'c>>, Failure> {
    let refuse = |member: &MemberConfig, error| {
        let error = OpenError::of_file(member, error);
        args.config.refuse(Cause::Open(error))
    };
    let seen = set.members.iter().filter_map(|member| {
        let path = &member.file.as_ref()?.path;
        Some(match hostbits::read_file(path) {
            Ok(view) => Ok(Seen { set, member, view }),
            Err(error) => Err(refuse(member, error)),
        })
    });
    seen.collect()
}

pub(super) fn show(args: &LookArgs) -> Result<(), Failure> {
    let config = args.config.read()?;
    let sets = args.sets(&config)?.into_iter();
    let sets = sets.map(|set| {
        let seen = see(args, set)?;
        let shown = shown_set(set, &seen);
        shown.map_err(|error| args.config.refuse_open(error))
    });
    let shown = Shown {
        file: &args.config.name(),
        sets: sets.collect::<Result<_, Failure>>()?,
    };
    match args.config.format {
        Format::Plain => print(|out| shown.sets.iter().try_for_each(|set| write_set(out, set))),
        Format::Json => print_json(&shown),
    }
}

/// The set over copies of its pools: drains, cordons, bands and ranges are counted by the library.
fn shown_set<'c>(set: &'c SetConfig, seen: &[Seen<'c>]) -> Result<ShownSet<'c>, OpenError> {
    let mut views = seen.iter().map(|it| &it.view);
    let open = set.over(|_| Ok(views.next().expect("each member was read").to_pool()))?;
    let ranges = set.ranges.iter().zip(&open.ranges);
    let ranges = ranges.map(|(range, open)| ShownRange {
        range: &range.name,
        exclusive: range.exclusive,
        capacity: open.pool.capacity(),
        part: Part {
            first: *range.span.start(),
            last: *range.span.end(),
            allocated: open.pool.allocated(),
        },
    });
    let members = seen.iter().zip(open.set.members());
    Ok(ShownSet {
        set: &set.name,
        capacity: open.set.capacity(),
        allocated: open.set.allocated(),
        available: open.set.available(),
        ranges: ranges.collect(),
        members: members
            .map(|(seen, member)| shown_member(seen, &member))
            .collect(),
    })
}

fn shown_member(seen: &Seen<'_>, member: &Member<'_, IpNet>) -> ShownMember {
    let (view, pool) = (&seen.view, member.pool());
    let part = |(first, last): (IpAddr, IpAddr)| Part {
        first,
        last,
        allocated: pool.count_in(first..=last),
    };
    let cordons = seen.member.cordons.iter();
    ShownMember {
        member: seen.member.to_string(),
        pool_file: seen.pool_file(),
        allocated: view.snapshot.allocated(),
        quarantined: view.quarantined,
        processes: view.health.processes,
        drained: member.is_drained(),
        cordons: cordons.map(|it| part((*it.start(), *it.end()))).collect(),
        band: member.band().map(part),
        map: Map::of(pool, &view.info),
        info: view.info.clone(),
    }
}

fn write_set(out: &mut dyn Write, set: &ShownSet<'_>) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} of {} allocated, {} to be had",
        set.set, set.allocated, set.capacity, set.available
    )?;
    for member in &set.members {
        writeln!(out)?;
        write_member(out, member)?;
    }
    for range in &set.ranges {
        let exclusive = if range.exclusive { ", exclusive" } else { "" };
        writeln!(
            out,
            "\nrange {}: {}{exclusive}, {} of {} allocated",
            range.range,
            range.part.span(),
            range.part.allocated,
            range.capacity
        )?;
    }
    writeln!(out)
}

fn write_member(out: &mut dyn Write, member: &ShownMember) -> io::Result<()> {
    let drained = if member.drained { ", drained" } else { "" };
    writeln!(
        out,
        "{} in {}: {} of {} allocated{drained}",
        member.member, member.pool_file, member.allocated, member.info.capacity
    )?;
    if member.quarantined != 0 {
        writeln!(out, "  {} of them quarantined", member.quarantined)?;
    }
    if let Some(band) = &member.band {
        writeln!(out, "  band {}: {} allocated", band.span(), band.allocated)?;
    }
    for cordon in &member.cordons {
        writeln!(
            out,
            "  cordon {}: {} still allocated",
            cordon.span(),
            cordon.allocated
        )?;
    }
    write_map(&member.map, out)
}

impl Part {
    fn span(&self) -> String {
        match self.first == self.last {
            true => self.first.to_string(),
            false => format!("{} to {}", self.first, self.last),
        }
    }
}

pub(super) fn list(args: &LookArgs) -> Result<(), Failure> {
    let config = args.config.read()?;
    let mut sets = Vec::new();
    for set in args.sets(&config)? {
        let addresses = see(args, set)?.into_iter().flat_map(|seen| {
            let unit = seen.view.info.unit;
            let nets = seen.view.snapshot.iter().map(|addr| net_of(addr, unit));
            nets.collect::<Vec<_>>()
        });
        sets.push(ListedSet {
            set: &set.name,
            addresses: addresses.collect(),
        });
    }
    match args.config.format {
        Format::Plain => print(|out| {
            let mut nets = sets.iter().flat_map(|set| &set.addresses);
            nets.try_for_each(|net| writeln!(out, "{net}"))
        }),
        Format::Json => print_json(&Listed {
            file: &args.config.name(),
            sets,
        }),
    }
}

/// Exit code 8 if there is damage, 9 if a file is not what the configuration describes and cannot become it.
pub(super) fn check(args: &LookArgs) -> Result<ExitCode, Failure> {
    let mut config = args.config.read()?;
    args.sets(&config)?;
    // Files of other sets may be damaged, or not there.
    let is_asked_for = |name: &str| args.set.as_deref().is_none_or(|set| set == name);
    config.sets.retain(|set| is_asked_for(&set.name));
    let mut seen = Vec::new();
    for set in &config.sets {
        seen.extend(see(args, set)?);
    }
    let plan = Plan::of(&config, None);
    let plan = plan.map_err(|error| args.config.refuse(Cause::Plan(error)))?;
    let is_good = !seen.iter().any(|it| has_damage(&it.view));
    match args.config.format {
        Format::Plain => print(|out| write_checked(out, &seen, &plan))?,
        Format::Json => print_json(&Checked {
            file: &args.config.name(),
            is_good,
            members: seen.iter().map(checked).collect(),
            plan: &plan,
        })?,
    }
    Ok(match (is_good, plan.refusals.is_empty()) {
        (false, _) => ExitCode::from(EXIT_FILE),
        (true, false) => ExitCode::from(EXIT_REFUSED),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn checked<'a>(seen: &'a Seen<'_>) -> CheckedMember<'a> {
    CheckedMember {
        set: &seen.set.name,
        member: seen.member.to_string(),
        pool_file: seen.pool_file(),
        is_good: !has_damage(&seen.view),
        problems: problems(&seen.view),
        allocated: seen.view.snapshot.allocated(),
        quarantined: seen.view.quarantined,
    }
}

fn write_checked(out: &mut dyn Write, seen: &[Seen<'_>], plan: &Plan) -> io::Result<()> {
    for it in seen {
        let file = it.pool_file();
        for problem in problems(&it.view) {
            writeln!(out, "{file}: {}: {}", problem.kind(), problem.message)?;
        }
        let verdict = verdict(&it.view);
        writeln!(
            out,
            "{file}: {verdict}; {} taken, {} of them quarantined",
            it.view.snapshot.allocated(),
            it.view.quarantined
        )?;
    }
    let would_change = |step: &&Step| matches!(step.kind, StepKind::Grow { .. });
    for step in plan.steps.iter().filter(would_change) {
        writeln!(out, "not yet applied: {}", printable(&step.to_string()))?;
    }
    let mut refusals = plan.refusals.iter();
    refusals.try_for_each(|it| writeln!(out, "refused: {}", printable(&it.to_string())))
}
