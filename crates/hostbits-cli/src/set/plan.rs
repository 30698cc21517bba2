//! `plan` and `apply`.

use super::args::PlanArgs;
use super::failure::{Cause, SetFailure};
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::pool::EXIT_REFUSED;
use hostbits_config::{Config, Plan};
use hostbits_ops::printable;
use serde::Serialize;
use std::process::ExitCode;

/// A plan as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    /// Whether it was done.
    applied: bool,
    changes_files: bool,
    #[serde(flatten)]
    plan: &'a Plan,
}

/// What there is to be done: on standard output, also if some of it is refused.
pub(super) fn plan(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let (config, old) = read(args)?;
    let plan = Plan::of(&config, old.as_ref());
    let plan = plan.map_err(|error| args.config.refuse(Cause::Plan(error)))?;
    print_plan(args, &plan, false)?;
    Ok(match plan.refusals.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_REFUSED),
    })
}

pub(super) fn apply(args: &PlanArgs) -> Result<(), Failure> {
    let (config, old) = read(args)?;
    let done = Plan::apply(&config, old.as_ref());
    let done = done.map_err(|error| args.config.refuse(Cause::Apply(Box::new(error))))?;
    print_plan(args, &done.plan, true)
}

fn read(args: &PlanArgs) -> Result<(Config, Option<Config>), Failure> {
    let config = args.config.read()?;
    let old = args.now.as_ref().map(|path| {
        let of_old = |error| {
            Failure::Set(Box::new(SetFailure {
                file: printable(&path.display().to_string()),
                cause: Cause::Config(error),
            }))
        };
        Config::read(path).map_err(of_old)
    });
    Ok((config, old.transpose()?))
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
    print(|out| {
        for step in &plan.steps {
            writeln!(out, "{}", printable(&step.to_string()))?;
        }
        for refusal in &plan.refusals {
            writeln!(out, "refused: {}", printable(&refusal.to_string()))?;
        }
        match (plan.refusals.is_empty(), applied, plan.changes_files()) {
            (false, ..) => writeln!(out, "nothing will be done until nothing is refused"),
            (true, true, _) => writeln!(out, "done"),
            (true, false, true) => writeln!(out, "apply would change pool files"),
            (true, false, false) => writeln!(out, "apply would change no pool file"),
        }
    })
}
