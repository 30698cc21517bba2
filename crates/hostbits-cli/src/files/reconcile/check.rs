//! `check` and `set check --from`: report what a pass would find, and change nothing.

use super::args::{CheckArgs, ListArgs};
use crate::files::target::Named;
use crate::found::{ListNotes, write_found};
use crate::output::{Format, note, print, print_json};
use crate::screen::Screen;
use hostbits_ops::files::{self, Target};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, Found, Lookout};
use serde::Serialize;
use std::process::ExitCode;

/// The result as JSON.
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
    run(&args.file.target()?, &args.lists, args.file.format)
}

/// Compares the pool with the lists; the exit code is 1 if they differ.
pub(crate) fn run(target: &Target, lists: &ListArgs, format: Format) -> Result<ExitCode, Failure> {
    let checked = files::check(target, &lists.lists()?, &Screen::new(format))?;
    let (sighted, quarantined) = (&checked.sighted, checked.quarantined);
    let drift = sighted.drift();
    match format {
        Format::Plain => {
            note(&ListNotes(sighted).to_string());
            print(|out| {
                write_found(out, sighted, &target.name(), Lookout::Check)?;
                if quarantined != 0 {
                    let reclaim = reclaim_command(target);
                    writeln!(
                        out,
                        "{quarantined} of what is taken is quarantined: {reclaim} --from LIST"
                    )?;
                }
                match (drift, checked.is_live) {
                    (0, _) => writeln!(out, "no drift"),
                    (_, true) => writeln!(
                        out,
                        "drift. The pool is open: a user who joins or leaves right now looks like an orphan"
                    ),
                    (_, false) => writeln!(out, "drift"),
                }
            })?;
        }
        Format::Json => print_json(&Answer {
            file: &target.file(),
            set: target.set(),
            is_live: checked.is_live,
            quarantined,
            found: sighted.found(Lookout::Check),
        })?,
    }
    Ok(match drift {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(Exit::Drift.code()),
    })
}

fn reclaim_command(target: &Target) -> String {
    let file = target.file();
    match target.set() {
        None => format!("hostbits reclaim {file}"),
        Some(set) => format!("hostbits set reclaim {file} {set}"),
    }
}
