//! The `hostbits` command: the next free address of a network, facts about a network, pools in files, and sets of
//! them.
//!
//! | file | what it does |
//! |---|---|
//! | `cli`, `args`, `values`, `lists`, `help` | the command line |
//! | `next`, `info`, `files`, `shell` | the commands |
//! | `notes`, `found`, `failure` | problems of a list, findings of a pass, failures: as text |
//! | `screen` | progress on a terminal |
//! | `output` | the two standard streams |
//!
//! The work is done in `hostbits-ops`, and the library alone decides which address is free.

mod args;
mod cli;
mod failure;
#[cfg(all(feature = "mmap", target_os = "linux", target_has_atomic = "64"))]
mod files;
#[cfg(not(all(feature = "mmap", target_os = "linux", target_has_atomic = "64")))]
#[path = "no_files.rs"]
mod files;
mod found;
mod help;
mod info;
mod lists;
mod next;
mod notes;
mod output;
mod screen;
mod shell;
mod values;

use clap::Parser;
use cli::{Cli, Command};
use output::Format;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::report_usage(&error),
    };
    output::set_quiet(cli.quiet);
    let found = |()| ExitCode::SUCCESS;
    let (format, outcome) = match &cli.command {
        Command::Next(args) => (args.format, next::run(args).map(found)),
        Command::Info(args) => (args.format, info::run(args).map(found)),
        Command::Files(command) => (command.format(), command.run()),
        Command::Completions(args) => (Format::Plain, shell::completions(args).map(found)),
        Command::Man(args) => (Format::Plain, shell::man(args).map(found)),
    };
    outcome.unwrap_or_else(|failure| failure::report(&failure, format))
}
