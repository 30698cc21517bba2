//! The commands of pool files, and of sets of them.
//!
//! | file | what it does |
//! |---|---|
//! | `target` | a pool file, a configuration, a set: as the command line names them |
//! | `pool` | `hostbits pool` |
//! | `set` | `hostbits set` |
//! | `reconcile` | a pool or a set against a list of its users |
//! | `who` | `hostbits who` |
//! | `confirm`, `paint` | confirmations, which `-q` silences; the colours and the width of a terminal |
//! | `asked` | the addresses to release, also from standard input |
//! | `granted`, `released`, `state`, `map` | addresses that were allocated or released, the state of a file, the address space: as text |

mod asked;
mod confirm;
mod granted;
mod map;
mod paint;
mod pool;
mod reconcile;
mod released;
mod set;
mod state;
mod target;
mod values;
mod who;

use crate::output::Format;
use clap::Subcommand;
use hostbits_ops::Failure;
use pool::args::PoolCommand;
use reconcile::args::{CheckArgs, ReclaimArgs, ReconcileArgs, SeedArgs};
use set::args::SetCommand;
use std::process::ExitCode;
use target::FileArgs;

/// The commands of pool files.
#[derive(Debug, Subcommand)]
pub(crate) enum FilesCommand {
    /// Report what an address is and who holds it: in a pool file, in sets, in lists of users; exit code 5 if it is
    /// not held
    Who(who::WhoArgs),
    /// Compare a pool file with the list of its users, and change nothing; exit code 1 if they differ
    ///
    /// The file is read before and after the list, without a lock: read permission is enough, and processes that use
    /// the file are not affected. Addresses that were allocated or released in between are reported separately. An
    /// address that is allocated but not yet listed at that moment looks like an orphan: see hostbits reconcile. To
    /// check the file itself for damage, use hostbits pool check
    Check(CheckArgs),
    /// Repair a pool file from the list of its users: allocate missing addresses, free orphans
    Reconcile(ReconcileArgs<FileArgs>),
    /// Allocate the addresses that a list of users names in a pool file; frees nothing, so it is safe at any time
    ///
    /// If the list cannot be read to its end, the exit code is 2; what was allocated until then stays allocated
    Seed(SeedArgs<FileArgs>),
    /// Free quarantined addresses of a pool file, except those that a list of users names
    ///
    /// Addresses that the list names are allocated, quarantined or not. The list must be complete: it is first read to
    /// its end, and if any entry is unclear, nothing is freed
    Reclaim(ReclaimArgs<FileArgs>),
    /// Keep pools in files, which several processes may use at once
    #[command(subcommand, after_long_help = pool::args::after_help())]
    Pool(PoolCommand),
    /// Use several pools as one, described in a TOML file: sets, dual stack, drains
    #[command(subcommand, after_long_help = set::args::after_help())]
    Set(SetCommand),
}

impl FilesCommand {
    /// Returns the output format.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Who(args) => args.format,
            Self::Check(args) => args.file.format,
            Self::Reconcile(args) => args.format(),
            Self::Seed(args) => args.target.format,
            Self::Reclaim(args) => args.target.format,
            Self::Pool(command) => command.format(),
            Self::Set(command) => command.format(),
        }
    }

    /// Runs the command.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Self::Who(args) => who::run(args),
            Self::Check(args) => reconcile::check::run_pool(args),
            Self::Reconcile(args) => reconcile::run::dispatch(args),
            Self::Seed(args) => reconcile::seed::run(args).map(done),
            Self::Reclaim(args) => reconcile::reclaim::run(args).map(done),
            Self::Pool(command) => pool::run(command),
            Self::Set(command) => set::run(command),
        }
    }
}
