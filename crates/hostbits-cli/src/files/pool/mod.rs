//! `hostbits pool`: pools in files.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the arguments |
//! | `change` | create, allocate, release, sync, grow: what changes a file |
//! | `leases` | allocate, renew, release, sweep, convert in a pool of leases |
//! | `copies` | backup, restore |
//! | `look` | show, list, check |
//! | `export` | export: the addresses as a list |

pub(super) mod args;
mod change;
mod copies;
mod export;
mod leases;
mod look;

use crate::files::reconcile::{reclaim, seed};
use args::PoolCommand;
use hostbits_ops::Failure;
use std::process::ExitCode;

/// Runs the command.
pub(super) fn run(command: &PoolCommand) -> Result<ExitCode, Failure> {
    match command {
        PoolCommand::Create(args) => change::create(args),
        PoolCommand::Allocate(args) => change::allocate(args),
        PoolCommand::Convert(args) => leases::convert(args),
        PoolCommand::Renew(args) => leases::renew(args),
        PoolCommand::Sweep(file) => leases::sweep(file),
        PoolCommand::Sync(file) => change::sync(file),
        PoolCommand::Grow(args) => change::grow(args),
        PoolCommand::Release(args) => return change::release(args),
        PoolCommand::Reclaim(args) => reclaim::run(args),
        PoolCommand::Backup(args) => copies::backup(args),
        PoolCommand::Restore(args) => copies::restore(args),
        PoolCommand::Show(args) => return look::show(args),
        PoolCommand::Export(args) => export::run(args),
        PoolCommand::Import(args) => seed::run(args),
        PoolCommand::List(file) => look::list(file),
        PoolCommand::Check(file) => return look::check(file),
    }
    .map(|()| ExitCode::SUCCESS)
}
