//! The `hostbits` command: the next free address of a network, and facts about a network.
//!
//! `args` and `values` are what the caller may say, `users` reads the list, `next` and `info` are the
//! two commands, `failure` is how all of it can go wrong. Which address is free is decided in the
//! library alone.

mod args;
mod failure;
mod info;
mod next;
mod output;
mod users;
mod values;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::report_usage(&error),
    };
    let (format, outcome) = match &cli.command {
        Command::Next(args) => (args.format, next::run(args)),
        Command::Info(args) => (args.format, info::run(args)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Failure::report(&failure, format),
    }
}
