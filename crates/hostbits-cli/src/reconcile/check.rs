//! `check` and `set check --from`: what a pass would find, by reading alone.
//!
//! The file is read before the list and again after it, without a lock and without the barrier: so it needs
//! no right to write, is in nobody's way, and ends nobody's sightings. The pass runs on a copy in memory, in
//! which what has changed in between is done again before the plan is made. So an address that was allocated
//! or released while the list was read is no orphan and not missing. Somebody who is half-way in, or
//! half-way out, looks like an orphan: nothing but the time between sightings can tell.

use super::args::{CheckArgs, ListArgs, refuse_two_inputs};
use super::report::{Found, Lookout};
use super::sight::Subject;
use super::target::{Named, Target};
use crate::args::Format;
use crate::failure::{EXIT_DRIFT, Failure};
use crate::output::{print, print_error_text, print_json};
use crate::pool::Cause;
use hostbits::{FileView, Pool, RecoveryKind, Snapshot, SnapshotMismatch};
use ipnet::IpNet;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    is_live: bool,
    quarantined: u64,
    #[serde(flatten)]
    found: Found<'a>,
}

/// `hostbits check`.
pub(crate) fn run_pool(args: &CheckArgs) -> Result<ExitCode, Failure> {
    run(&args.file.target()?, &args.lists)
}

/// Compares, and answers 1 if they differ.
pub(crate) fn run(target: &Target, lists: &ListArgs) -> Result<ExitCode, Failure> {
    refuse_two_inputs(&lists.from)?;
    let named = lists.lists();
    let subject = Subject {
        target,
        sources: named.iter().map(|list| &list.source).collect(),
        skip_unreadable: lists.reading.skip_unreadable,
        entries: lists.entries,
    };
    let before = target.read()?;
    let copy = target.copy(&before)?;
    // Nothing is ever ripe: there is nothing to apply here.
    let mut reconciler = copy
        .reconciler_with(subject.options(Duration::MAX))
        .map_err(|error| subject.refuse(error))?;
    let mut after = Vec::new();
    let sighted = subject.sight_with(&mut reconciler, None, || {
        after = target.read()?;
        let views = before.iter().zip(&after);
        for (member, (before, after)) in copy.members().zip(views) {
            let changed = do_again(member.pool(), &before.snapshot, &after.snapshot);
            changed.map_err(|_| target.refuse(Cause::Replaced(member.id())))?;
        }
        Ok(())
    })?;
    let is_live = after.iter().any(is_open);
    let quarantined = after.iter().map(|view| view.quarantined).sum();
    let drift = sighted.drift();
    match target.format() {
        Format::Plain => {
            print_error_text(&sighted.notes().to_string());
            print(|out| {
                sighted.write(out, &target.name(), Lookout::Check)?;
                if quarantined != 0 {
                    let reclaim = target.command("reclaim");
                    writeln!(
                        out,
                        "{quarantined} of what is taken is quarantined: {reclaim} --from LIST"
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
            file: &target.file(),
            set: target.set(),
            is_live,
            quarantined,
            found: sighted.found(Lookout::Check),
        })?,
    }
    Ok(match drift {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_DRIFT),
    })
}

fn is_open(view: &FileView) -> bool {
    view.found == RecoveryKind::Joined
}

/// Does to the copy what was done to the file, so that its marks tell which addresses have changed.
fn do_again(
    copy: &Pool,
    before: &Snapshot<IpNet>,
    after: &Snapshot<IpNet>,
) -> Result<(), SnapshotMismatch> {
    let changes = after.diff(before)?;
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
