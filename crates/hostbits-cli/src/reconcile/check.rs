//! `check`: what a pass would find, by reading alone.
//!
//! The file is read before the list and again after it, without a lock and without the barrier: so it needs
//! no right to write, is in nobody's way, and ends nobody's sightings. The pass runs on a copy in memory, in
//! which what has changed in between is done again before the plan is made. So an address that was allocated
//! or released while the list was read is no orphan and not missing. Somebody who is half-way in, or
//! half-way out, looks like an orphan: nothing but the time between sightings can tell.

use super::args::{CheckArgs, refuse_two_inputs};
use super::report::{Found, Lookout};
use super::sight::Subject;
use crate::args::Format;
use crate::failure::{EXIT_DRIFT, Failure};
use crate::output::{print, print_error_text, print_json};
use crate::pool::{Cause, FileArgs};
use hostbits::{FileView, Pool, RecoveryKind, Snapshot};
use ipnet::IpNet;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    is_live: bool,
    quarantined: u64,
    #[serde(flatten)]
    found: Found<'a>,
}

/// Compares, and answers 1 if they differ.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    refuse_two_inputs(&args.lists.from)?;
    let file = &args.file;
    let subject = Subject {
        file,
        sources: args.lists.sources().collect(),
        ambiguous: args.lists.ambiguous,
        entries: args.lists.entries,
    };
    let before = read(file)?;
    let copy = before.to_pool();
    // Nothing is ever ripe: there is nothing to apply here.
    let mut reconciler = copy
        .reconciler_with(subject.options(Duration::MAX))
        .map_err(|error| subject.refuse(error))?;
    let mut after = None;
    let sighted = subject.sight_with(&mut reconciler, None, || {
        let view = read(file)?;
        let changed = do_again(&copy, &before.snapshot, &view.snapshot);
        after = Some(view);
        changed.map_err(|cause| file.refuse(cause))
    })?;
    let view = after.unwrap_or(before);
    let (name, is_live) = (file.name(), view.found == RecoveryKind::Joined);
    let drift = sighted.drift();
    match file.format {
        Format::Plain => {
            print_error_text(&sighted.notes().to_string());
            print(|out| {
                sighted.write(out, &name, Lookout::Check)?;
                if view.quarantined != 0 {
                    writeln!(
                        out,
                        "{} of what is taken is quarantined: hostbits reclaim {name} --from LIST",
                        view.quarantined
                    )?;
                }
                match (drift, is_live) {
                    (0, _) => writeln!(out, "no drift"),
                    (_, true) => writeln!(
                        out,
                        "drift. The pool is open: whoever joins or leaves right now looks like an orphan"
                    ),
                    (_, false) => writeln!(out, "drift"),
                }
            })?;
        }
        Format::Json => print_json(&Answer {
            file: &name,
            is_live,
            quarantined: view.quarantined,
            found: sighted.found(Lookout::Check),
        })?,
    }
    Ok(match drift {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_DRIFT),
    })
}

fn read(file: &FileArgs) -> Result<FileView, Failure> {
    hostbits::read_file(&file.path).map_err(|error| file.refuse_open(error))
}

/// Does to the copy what was done to the file, so that its marks tell which addresses have changed.
fn do_again(copy: &Pool, before: &Snapshot<IpNet>, after: &Snapshot<IpNet>) -> Result<(), Cause> {
    let changes = after.diff(before).map_err(|_| Cause::Replaced)?;
    for &addr in &changes.released {
        // Taken again, for the mark: it is neither an orphan nor anybody's.
        let _ = copy.release(addr);
        let _ = copy.allocate_exact(addr);
    }
    for &addr in &changes.allocated {
        let _ = copy.allocate_exact(addr);
    }
    Ok(())
}
