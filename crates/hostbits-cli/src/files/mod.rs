//! The commands of pool files, and of sets of them.
//!
//! | file | what it does |
//! |---|---|
//! | `target` | a pool file, a configuration, a set: as they are named |
//! | `pool` | `hostbits pool` |
//! | `set` | `hostbits set` |
//! | `reconcile` | a pool or a set against a list of its users |
//! | `who` | `hostbits who` |
//! | `confirm`, `paint` | what was done, unless with -q; the colours and the width of a terminal |
//! | `asked` | what is to be released, also from standard input |
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
    /// Say what an address is and whose: in a pool file, in sets, in lists of users; exit code 5 if nobody has it
    Who(who::WhoArgs),
    /// Compare a pool file with the list of its users, and change nothing; exit code 1 if they differ
    ///
    /// The file is read before the list and after it, without a lock: a right to read it is enough, and
    /// whoever uses it does not notice. What was allocated or released meanwhile is told apart. Who is half-way
    /// in or out at the time, allocated and not yet listed, looks like an orphan: see hostbits reconcile.
    /// For damage in the file itself there is hostbits pool check
    Check(CheckArgs),
    /// Repair a pool file by the list of its users: take what is missing, free what nobody holds
    Reconcile(ReconcileArgs<FileArgs>),
    /// Take what a list of users names in a pool file; nothing is freed, so it may be done at any time
    ///
    /// A list that cannot be read to its end is exit code 2; what was read until then is taken, and stays
    Seed(SeedArgs<FileArgs>),
    /// Free what is quarantined in a pool file, except what a list of users names
    ///
    /// What the list names is taken, whether or not it was quarantined. The list must have everybody:
    /// it is read to its end first, and if anything in it is unclear, nothing is freed
    Reclaim(ReclaimArgs<FileArgs>),
    /// Keep pools in files, which several processes may use at once
    #[command(subcommand, after_long_help = pool::args::after_help())]
    Pool(PoolCommand),
    /// Use several pools as one, described in a TOML file: sets, dual stack, drains
    #[command(subcommand, after_long_help = set::args::after_help())]
    Set(SetCommand),
}

impl FilesCommand {
    /// How to print.
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

    /// Does what was asked for.
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
