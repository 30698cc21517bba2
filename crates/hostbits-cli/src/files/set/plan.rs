//! `plan` and `apply`.

use super::args::PlanArgs;
use crate::files::confirm::confirm;
use crate::output::{Format, print, print_json};
use hostbits_config::Plan;
use hostbits_ops::files::{self, ConfigFile};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, printable};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// A plan as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    /// Whether the plan was carried out.
    applied: bool,
    changes_files: bool,
    #[serde(flatten)]
    plan: &'a Plan,
}

/// Prints the plan on standard output, even if some of it is refused.
pub(super) fn plan(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let plan = files::plan_config(&args.config.file(), now(args).as_ref())?;
    print_plan(args, &plan, false)?;
    Ok(match plan.refusals.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(Exit::Refused.code()),
    })
}

pub(super) fn apply(args: &PlanArgs) -> Result<(), Failure> {
    let plan = files::apply_config(&args.config.file(), now(args).as_ref())?;
    print_plan(args, &plan, true)
}

fn now(args: &PlanArgs) -> Option<ConfigFile> {
    let path = args.now.clone()?;
    Some(ConfigFile { path })
}

fn print_plan(args: &PlanArgs, plan: &Plan, applied: bool) -> Result<(), Failure> {
    if args.config.format == Format::Json {
        return print_json(&Answer {
            file: &args.config.name(),
            applied,
            changes_files: plan.changes_files(),
            plan,
        });
    }
    let write = |out: &mut dyn Write| {
        for step in &plan.steps {
            writeln!(out, "{}", printable(&step.to_string()))?;
        }
        for refusal in &plan.refusals {
            writeln!(out, "refused: {}", printable(&refusal.to_string()))?;
        }
        match (plan.refusals.is_empty(), applied, plan.changes_files()) {
            (false, ..) => writeln!(out, "nothing is done while anything is refused"),
            (true, true, _) => writeln!(out, "done"),
            (true, false, true) => writeln!(out, "apply would change pool files"),
            (true, false, false) => writeln!(out, "apply would change no pool file"),
        }
    };
    match applied {
        true => confirm(write),
        false => print(write),
    }
}
