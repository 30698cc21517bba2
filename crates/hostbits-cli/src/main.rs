//! The `hostbits` command: the next free address of a network, facts about a network, pools in files, and sets of
//! them.
//!
//! `args` and `values` are what the caller may say, `users` reads the list, `next`, `info`, `pool`, `reconcile` and
//! `set` are the commands, `failure` is how all of it can go wrong. Which address is free is decided in the
//! library alone.

mod args;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod closing;
mod failure;
mod info;
mod lists;
mod next;
mod notes;
mod output;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod pool;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod reconcile;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod set;
mod values;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod waiting;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::report_usage(&error),
    };
    let found = |()| ExitCode::SUCCESS;
    let (format, outcome) = match &cli.command {
        Command::Next(args) => (args.format, next::run(args).map(found)),
        Command::Info(args) => (args.format, info::run(args).map(found)),
        #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
        Command::Check(args) => (args.file.format, reconcile::check_pool(args)),
        #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
        Command::Reconcile(args) => (args.format(), reconcile::reconcile(args)),
        #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
        Command::Seed(args) => (args.target.format, reconcile::seed(args).map(found)),
        #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
        Command::Reclaim(args) => (args.target.format, pool::reclaim(args).map(found)),
        #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
        Command::Pool(command) => (command.format(), pool::run(command)),
        #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
        Command::Set(command) => (command.format(), set::run(command)),
    };
    outcome.unwrap_or_else(|failure| Failure::report(&failure, format))
}
