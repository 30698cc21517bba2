//! `hostbits set`: several pools as one, described in a TOML file.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the arguments |
//! | `plan` | plan, apply |
//! | `next` | the stateless form |
//! | `change` | allocate, release |
//! | `look` | show, list, check |
//! | the folder `reconcile` | check --from, reconcile, seed, reclaim |

pub(super) mod args;
mod change;
mod look;
mod next;
mod plan;

use crate::files::reconcile::{self, reclaim, seed};
use args::SetCommand;
use hostbits_ops::Failure;
use std::process::ExitCode;

/// Runs the command.
pub(super) fn run(command: &SetCommand) -> Result<ExitCode, Failure> {
    match command {
        SetCommand::Plan(args) => return plan::plan(args),
        SetCommand::Apply(args) => plan::apply(args),
        SetCommand::Next(args) => next::run(args),
        SetCommand::Allocate(args) => change::allocate(args),
        SetCommand::Release(args) => return change::release(args),
        SetCommand::Show(args) => return look::show(args),
        SetCommand::List(args) => look::list(args),
        SetCommand::Check(args) => return look::check(args),
        SetCommand::Reconcile(args) => return reconcile::run::dispatch(args),
        SetCommand::Seed(args) => seed::run(args),
        SetCommand::Reclaim(args) => reclaim::run(args),
    }
    .map(|()| ExitCode::SUCCESS)
}
