//! `hostbits pool`: pools in files.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | what may be said |
//! | `change` | create, allocate, sync, grow: what changes a file |
//! | `backup` | backup, restore |
//! | `release` | each address for itself |
//! | `reclaim` | the quarantine against a list of users |
//! | `look` | show, list, check |
//! | `map` | the address space in characters |
//! | `failure` | how a file can refuse |
//!
//! A command opens the file, does one thing, leaves, and says what it has done: see `closing`. The library sees to
//! it that others may have the file open all the while.

mod args;
mod backup;
mod change;
mod failure;
mod look;
mod map;
mod reclaim;
mod release;

pub(crate) use args::{AFTER_HELP, FileArgs, PoolCommand, ReclaimArgs};
pub(crate) use change::needs_sync;
pub(crate) use failure::{
    Cause, EXIT_FILE, EXIT_REFUSED, PoolFailure, exit_code_of_allocate, exit_code_of_exact,
    exit_code_of_release, named,
};
pub(crate) use look::{Problem, has_damage, problems, verdict};
pub(crate) use map::write_map;
pub(crate) use reclaim::run as reclaim;
pub(crate) use release::{Done, Outcome};

use crate::closing::using;
use crate::failure::Failure;
use hostbits::{FileView, OpenError, Pool};
use hostbits_ops::printable;
use std::path::Path;
use std::process::ExitCode;

/// Does what was asked for.
pub(crate) fn run(command: &PoolCommand) -> Result<ExitCode, Failure> {
    match command {
        PoolCommand::Create(args) => change::create(args),
        PoolCommand::Allocate(args) => change::allocate(args),
        PoolCommand::Sync(file) => change::sync(file),
        PoolCommand::Grow(args) => change::grow(args),
        PoolCommand::Release(args) => return release::run(args),
        PoolCommand::Reclaim(args) => reclaim::run(args),
        PoolCommand::Backup(args) => backup::backup(args),
        PoolCommand::Restore(args) => backup::restore(args),
        PoolCommand::Show(file) => look::show(file),
        PoolCommand::List(file) => look::list(file),
        PoolCommand::Check(file) => return look::check(file),
    }
    .map(|()| ExitCode::SUCCESS)
}

impl FileArgs {
    /// What to call the file.
    pub(crate) fn name(&self) -> String {
        printable(&self.path.display().to_string())
    }

    /// Joins those who have it open. For `using` alone.
    pub(crate) fn open(&self) -> Result<Pool, Failure> {
        hostbits::open_file_since(&self.path, self.least_session())
            .map_err(|error| self.refuse_open(error))
    }

    /// Joins those who have it open, does something, and leaves.
    fn with<T>(&self, work: impl FnOnce(&Pool) -> Result<T, Failure>) -> Result<T, Failure> {
        let unclosed = |_, _, error| self.refuse(Cause::Sync(error));
        using(self.open()?, work, unclosed)
    }

    /// Looks at it, and leaves it alone.
    pub(crate) fn read(&self) -> Result<FileView, Failure> {
        let view = hostbits::read_file(&self.path).and_then(|view| {
            view.check_session(self.least_session())?;
            Ok(view)
        });
        view.map_err(|error| self.refuse_open(error))
    }

    /// What `--min-session` says.
    pub(super) fn least_session(&self) -> u64 {
        self.min_session.unwrap_or(0)
    }

    /// The same for another file.
    pub(super) fn at(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// A failure of this file.
    pub(crate) fn refuse(&self, cause: Cause) -> Failure {
        Failure::Pool(Box::new(PoolFailure {
            file: self.name(),
            set: None,
            member: None,
            pool_file: None,
            cause,
        }))
    }

    /// A pool that cannot be is no matter of the file.
    pub(crate) fn refuse_open(&self, error: OpenError) -> Failure {
        match error {
            OpenError::Build(error) => Failure::Build(error),
            error => self.refuse(Cause::Open(error)),
        }
    }
}
