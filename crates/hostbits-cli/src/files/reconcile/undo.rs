//! `reconcile undo` and `reconcile close`.

use super::args::UndoArgs;
use crate::files::confirm::confirm;
use crate::files::target::Named;
use crate::output::{Format, print, print_json};
use hostbits::reconcile::Undone;
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, files};
use serde::Serialize;
use std::process::ExitCode;

/// The result of `undo` as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    #[serde(flatten)]
    undone: &'a Undone,
}

/// The result of `close` as JSON.
#[derive(Serialize)]
struct Closed<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    is_barrier_up: bool,
}

/// Allocates freed addresses again; the exit code is 1 if not all of them could be.
pub(super) fn run(args: &UndoArgs) -> Result<ExitCode, Failure> {
    let (target, undone) = files::undo(&args.plan, args.pool.as_deref())?;
    match args.format {
        Format::Plain => print(|out| {
            let (taken_back, not_free) = (undone.taken_back, undone.not_free);
            let mut addrs = undone.not_free_addrs.iter();
            addrs.try_for_each(|addr| {
                writeln!(
                    out,
                    "{addr} is taken: never freed, or allocated again since"
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
        _ => ExitCode::from(Exit::Drift.code()),
    })
}

/// Lowers the barriers.
pub(super) fn close(args: &impl Named) -> Result<(), Failure> {
    let target = args.target()?;
    files::close(&target)?;
    match args.format() {
        Format::Plain => confirm(|out| {
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
