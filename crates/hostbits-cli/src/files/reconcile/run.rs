//! `reconcile POOL`: one pass, or as many as are needed; `reconcile apply`.

use super::args::{ApplyArgs, Mode, PassOptions, PlanCommand, ReconcileArgs};
use super::outcome::print_outcome;
use super::{seed, undo};
use crate::files::target::Named;
use crate::output::{Format, note};
use crate::screen::Screen;
use hostbits_ops::Failure;
use hostbits_ops::files::{self, ApplyOptions, Target};
use std::process::ExitCode;
use std::time::Duration;

const DEFAULT_GRACE: Duration = Duration::from_secs(600);

/// `hostbits reconcile` with a pool or a set, or with a verb and a plan.
pub(crate) fn dispatch<T: Named>(args: &ReconcileArgs<T>) -> Result<ExitCode, Failure> {
    let done = |()| ExitCode::SUCCESS;
    match (&args.verb, &args.pass.0) {
        (Some(PlanCommand::Apply(args)), _) => apply(args),
        (Some(PlanCommand::Undo(args)), _) => undo::run(args),
        (Some(PlanCommand::Close(args)), _) => undo::close(args).map(done),
        (None, Some(args)) if args.options.mode == Mode::Adopt => {
            let options = &args.options;
            refuse_freeing(options)?;
            let (target, lists) = (args.target.target()?, &options.lists);
            let format = args.target.format();
            seed::adopt(&target, &lists.from, &lists.reading, format).map(done)
        }
        (None, Some(args)) => run(&args.target.target()?, &args.options, args.target.format()),
        (None, None) => Err(Failure::Usage("name a pool, and --from LIST".to_owned())),
    }
}

/// Refuses options that have no meaning for an adoption.
fn refuse_freeing(args: &PassOptions) -> Result<(), Failure> {
    let given = [
        ("--grace", args.grace.is_some()),
        ("--max-free", args.max_free.is_some()),
        ("--output", args.output.is_some()),
        ("--wait", args.wait),
        ("--entries", args.lists.entries.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Failure::Usage(format!(
            "{option} is for --mode full: adopt frees nothing"
        ))),
        None => Ok(()),
    }
}

fn run(target: &Target, args: &PassOptions, format: Format) -> Result<ExitCode, Failure> {
    let lists = args.lists.lists()?;
    if args.wait && args.lists.from.iter().any(|list| list.is_stdin()) {
        return Err(Failure::Usage(
            "--wait reads the list three times, and standard input can be read once: name a file"
                .to_owned(),
        ));
    }
    let grace = args.grace.unwrap_or(DEFAULT_GRACE);
    if grace.is_zero() && format == Format::Plain {
        note(
            "grace 0: an orphan is freed at first sight. Right only if no user joins or leaves from before this \
             command began until the plan is applied",
        );
    }
    let options = files::PassOptions {
        lists,
        grace,
        max_free: args.max_free,
        output: args.output.clone(),
        wait: args.wait,
    };
    let screen = Screen::of(format, target.name());
    let outcome = files::reconcile(target, &options, &screen)?;
    print_outcome(target, &outcome, format)
}

/// Makes the next sighting of a plan.
fn apply(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let options = ApplyOptions {
        plan: args.plan.clone(),
        pool: args.pool.clone(),
        lists: args.reading.of(&args.from),
        entries: args.entries,
        max_free: args.max_free,
    };
    let (target, outcome) = files::apply(&options, &Screen::new(args.format))?;
    print_outcome(&target, &outcome, args.format)
}
