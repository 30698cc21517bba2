//! `show`, `list`, `check`: read the pool files without a lock, and write nothing.

use super::args::{CheckArgs, ShowArgs};
use crate::files::map::write_map;
use crate::files::paint;
use crate::files::reconcile::args::ListArgs;
use crate::files::reconcile::check::run as check_against;
use crate::files::state::{kind, verdict};
use crate::files::target::{LookArgs, Named};
use crate::output::{Format, print, print_json};
use hostbits_config::{Plan, Step, StepKind};
use hostbits_ops::files::{
    self, CheckedSets, ListedSet, Part, Problem, SeenMember, ShownMember, ShownSet, has_damage,
    problems,
};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, Used, printable};
use serde::Serialize;
use std::io::{self, Write};
use std::iter::once;
use std::process::ExitCode;

/// The result of `show`, as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    sets: Vec<ShownSet>,
}

/// The result of `list`, as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    file: &'a str,
    sets: Vec<ListedSet>,
}

/// The result of `check`, as JSON.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    is_good: bool,
    members: Vec<CheckedMember<'a>>,
    /// What `apply` would do, and what it would refuse.
    plan: &'a Plan,
}

#[derive(Serialize)]
struct CheckedMember<'a> {
    set: &'a str,
    member: &'a str,
    pool_file: &'a str,
    is_good: bool,
    problems: Vec<Problem<'a>>,
    allocated: u64,
    quarantined: u64,
}

pub(super) fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let ShowArgs { look, limit } = args;
    let format = look.config.format;
    let columns = paint::columns(format);
    let sets = files::show_sets(&look.config.file(), look.set.as_deref(), columns)?;
    let exit_code = limit.exit_code(sets.iter().flat_map(used_of));
    match format {
        Format::Plain => print(|out| sets.iter().try_for_each(|set| write_set(out, set)))?,
        Format::Json => print_json(&Shown {
            file: &look.config.name(),
            sets,
        })?,
    }
    Ok(exit_code)
}

/// Returns the usage of the set, and of its named ranges that are not exclusive.
fn used_of(set: &ShownSet) -> impl Iterator<Item = Used> {
    let ranges = set.ranges.iter().filter(|range| !range.is_closed);
    once(set.used_percent).chain(ranges.map(|range| range.used_percent))
}

fn write_set(out: &mut dyn Write, set: &ShownSet) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} of {} allocated, {} available, {} used",
        set.set,
        set.allocated,
        set.capacity,
        set.available,
        paint::used(set.used_percent)
    )?;
    for member in &set.members {
        writeln!(out)?;
        write_member(out, member)?;
    }
    for range in &set.ranges {
        let exclusive = if range.exclusive { ", exclusive" } else { "" };
        writeln!(
            out,
            "\nrange {}: {}{exclusive}, {} of {} allocated, {} used",
            range.range,
            span(&range.part),
            range.part.allocated,
            range.capacity,
            paint::used(range.used_percent)
        )?;
    }
    writeln!(out)
}

fn write_member(out: &mut dyn Write, member: &ShownMember) -> io::Result<()> {
    let drained = if member.drained { ", drained" } else { "" };
    writeln!(
        out,
        "{} in {}: {} of {} allocated, {} used{drained}",
        member.member,
        member.pool_file,
        member.allocated,
        member.info.capacity,
        paint::used(member.used_percent)
    )?;
    if member.quarantined != 0 {
        writeln!(out, "  {} of them quarantined", member.quarantined)?;
    }
    if let Some(band) = &member.band {
        writeln!(out, "  band {}: {} allocated", span(band), band.allocated)?;
    }
    for cordon in &member.cordons {
        writeln!(
            out,
            "  cordon {}: {} still allocated",
            span(cordon),
            cordon.allocated
        )?;
    }
    write_map(out, &member.map)
}

fn span(part: &Part) -> String {
    match part.first == part.last {
        true => part.first.to_string(),
        false => format!("{} to {}", part.first, part.last),
    }
}

pub(super) fn list(args: &LookArgs) -> Result<(), Failure> {
    let sets = files::list_sets(&args.config.file(), args.set.as_deref())?;
    match args.config.format {
        Format::Plain => print(|out| {
            sets.iter().try_for_each(|set| {
                let mut quarantined = set.quarantined.iter().peekable();
                // They are in the same order.
                set.addresses
                    .iter()
                    .try_for_each(|net| match quarantined.next_if_eq(&net) {
                        None => writeln!(out, "{net}"),
                        Some(_) => writeln!(out, "{net}  quarantined"),
                    })
            })
        }),
        Format::Json => print_json(&Listed {
            file: &args.config.name(),
            sets,
        }),
    }
}

/// Checks the files, or compares them with a list.
pub(super) fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    if args.from.is_empty() {
        return check_files(&args.look);
    }
    let lists = ListArgs {
        from: args.from.clone(),
        reading: args.reading.clone(),
        entries: args.entries,
    };
    check_against(&args.look.target()?, &lists, args.look.config.format)
}

/// Checks the files; the exit code is 8 if there is damage, and 9 if a file does not match the configuration and cannot
/// be changed to match it.
fn check_files(args: &LookArgs) -> Result<ExitCode, Failure> {
    let CheckedSets { members, plan } =
        files::check_sets(&args.config.file(), args.set.as_deref())?;
    let is_good = !members.iter().any(|it| has_damage(&it.view));
    match args.config.format {
        Format::Plain => print(|out| write_checked(out, &members, &plan))?,
        Format::Json => print_json(&Checked {
            file: &args.config.name(),
            is_good,
            members: members.iter().map(checked).collect(),
            plan: &plan,
        })?,
    }
    Ok(match (is_good, plan.refusals.is_empty()) {
        (false, _) => ExitCode::from(Exit::File.code()),
        (true, false) => ExitCode::from(Exit::Refused.code()),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn checked<'a>(seen: &'a SeenMember) -> CheckedMember<'a> {
    CheckedMember {
        set: &seen.set,
        member: &seen.member,
        pool_file: &seen.pool_file,
        is_good: !has_damage(&seen.view),
        problems: problems(&seen.view),
        allocated: seen.view.snapshot.allocated(),
        quarantined: seen.view.quarantined,
    }
}

fn write_checked(out: &mut dyn Write, seen: &[SeenMember], plan: &Plan) -> io::Result<()> {
    for it in seen {
        let file = &it.pool_file;
        for problem in problems(&it.view) {
            writeln!(out, "{file}: {}: {}", kind(&problem), problem.message)?;
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
