//! `reconcile undo` and `reconcile close`.

use super::args::UndoArgs;
use super::plan_file::PlanFile;
use super::target::Target;
use crate::args::Format;
use crate::failure::{EXIT_DRIFT, Failure};
use crate::output::{print, print_json};
use crate::pool::Cause;
use hostbits::{PoolSet, SetPlan, Undone};
use ipnet::IpNet;
use serde::Serialize;
use std::process::ExitCode;

/// The answer of `undo` as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    #[serde(flatten)]
    undone: &'a Undone,
}

/// The answer of `close` as JSON.
#[derive(Serialize)]
struct Closed<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    is_barrier_up: bool,
}

/// Takes back, and answers 1 if not everything could be.
pub(super) fn run(args: &UndoArgs) -> Result<ExitCode, Failure> {
    let mut kept = PlanFile::load(&args.plan).map_err(Failure::Plan)?;
    let target = kept.target(args.pool.as_deref(), args.format)?;
    let undone = target.with(|set| {
        let undone = match kept.freed.take() {
            Some(plan) => undo(&target, set, plan)?,
            None => Undone::default(),
        };
        target.sync(set)?;
        Ok(undone)
    })?;
    kept.save(&args.plan).map_err(Failure::Plan)?;
    match args.format {
        Format::Plain => print(|out| {
            let (taken_back, not_free) = (undone.taken_back, undone.not_free);
            let mut addrs = undone.not_free_addrs.iter();
            addrs.try_for_each(|addr| {
                writeln!(
                    out,
                    "{addr} is taken: never freed, or somebody has got it since"
                )
            })?;
            let name = target.name();
            writeln!(out, "{name}: {taken_back} taken back, {not_free} not free")
        })?,
        Format::Json => print_json(&Answer {
            file: &target.file(),
            set: target.set(),
            undone: &undone,
        })?,
    }
    Ok(match undone.not_free {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_DRIFT),
    })
}

/// Taking back does no harm in a later session of a file either, so the plan becomes one of today.
fn undo(target: &Target, set: &PoolSet<IpNet>, mut plan: SetPlan) -> Result<Undone, Failure> {
    let refuse = |error| target.refuse(Cause::Reconciler(error));
    let mut reconciler = set.reconciler().map_err(refuse)?;
    let today = {
        let pass = reconciler.begin().map_err(refuse)?;
        pass.finish(0)
            .map_err(|error| target.refuse(Cause::Pass(error)))?
    };
    for member in &mut plan.members {
        let id = file_id(&member.plan);
        let mut members = today.members.iter();
        if let Some(today) = members.find(|today| file_id(&today.plan) == id) {
            member.plan.pool = today.plan.pool.clone();
        }
    }
    let undone = reconciler.undo(&plan);
    let undone = undone.map_err(|error| target.refuse(Cause::Undo(error)))?;
    Ok(undone.total)
}

/// Which file, whatever session of it.
pub(super) fn file_id(plan: &hostbits::Plan) -> Option<&str> {
    plan.pool.file.as_ref().map(|file| &*file.id)
}

/// Lowers the barriers.
pub(super) fn close(target: &Target) -> Result<(), Failure> {
    target.with(|set| target.lower_barriers(set))?;
    match target.format() {
        Format::Plain => print(|out| {
            let name = target.name();
            match target.set() {
                None => writeln!(out, "{name}: the barrier is down"),
                Some(_) => writeln!(out, "{name}: the barriers are down"),
            }
        }),
        Format::Json => print_json(&Closed {
            file: &target.file(),
            set: target.set(),
            is_barrier_up: false,
        }),
    }
}
