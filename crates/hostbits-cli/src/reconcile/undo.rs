//! `reconcile undo` and `reconcile close`.

use super::apply::file_id;
use super::args::UndoArgs;
use super::plan_file::PlanFile;
use super::sight::{lower_barrier, sync};
use crate::args::Format;
use crate::failure::{EXIT_DRIFT, Failure};
use crate::output::{print, print_json};
use crate::pool::{Cause, FileArgs};
use hostbits::{Plan, Pool, ReconcilerError, Undone};
use serde::Serialize;
use std::process::ExitCode;

/// The answer of `undo` as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(flatten)]
    undone: &'a Undone,
}

/// The answer of `close` as JSON.
#[derive(Serialize)]
struct Closed<'a> {
    file: &'a str,
    is_barrier_up: bool,
}

/// Takes back, and answers 1 if not everything could be.
pub(super) fn run(args: &UndoArgs) -> Result<ExitCode, Failure> {
    let mut kept = PlanFile::load(&args.plan).map_err(Failure::Plan)?;
    let file = kept.pool_file(args.pool.as_deref(), args.format);
    let pool = file.open()?;
    let undone = match kept.freed.take() {
        Some(plan) => undo(&file, &pool, plan)?,
        None => Undone::default(),
    };
    sync(&file, &pool)?;
    kept.save(&args.plan).map_err(Failure::Plan)?;
    let name = file.name();
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
            writeln!(out, "{name}: {taken_back} taken back, {not_free} not free")
        })?,
        Format::Json => print_json(&Answer {
            file: &name,
            undone: &undone,
        })?,
    }
    Ok(match undone.not_free {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_DRIFT),
    })
}

/// Taking back does no harm in a later session of the file either, so the plan becomes one of today.
fn undo(file: &FileArgs, pool: &Pool, mut plan: Plan) -> Result<Undone, Failure> {
    let refuse = |error| file.refuse(Cause::Reconciler(error));
    let mut reconciler = pool.reconciler().map_err(refuse)?;
    let today = {
        let pass = reconciler.begin().map_err(refuse)?;
        let identity = pass.finish(0).map(|today| today.pool);
        identity.map_err(|error| file.refuse(Cause::Pass(error)))?
    };
    let id_today = today.file.as_ref().map(|file| &*file.id);
    if file_id(&plan) != id_today {
        return Err(refuse(ReconcilerError::OtherPool));
    }
    plan.pool = today;
    let undone = reconciler.undo(&plan);
    undone.map_err(|error| file.refuse(Cause::Undo(error)))
}

/// Lowers the barrier.
pub(super) fn close(file: &FileArgs) -> Result<(), Failure> {
    let pool = file.open()?;
    lower_barrier(file, &pool)?;
    let name = file.name();
    match file.format {
        Format::Plain => print(|out| writeln!(out, "{name}: the barrier is down")),
        Format::Json => print_json(&Closed {
            file: &name,
            is_barrier_up: false,
        }),
    }
}
