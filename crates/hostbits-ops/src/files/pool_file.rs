//! A pool file by its path.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::pool_failure::{Cause, PoolFailure};
use crate::files_failure::FilesFailure;
use crate::text::printable_path;
use hostbits::{
    Pool,
    file::{self, OpenError},
    lease::LeasePool,
};
use std::path::{Path, PathBuf};

/// A pool file by its path.
#[derive(Clone, Debug)]
pub struct PoolFile {
    /// The path of the file.
    pub path: PathBuf,
    /// A file whose session number is below this one is refused: an older copy was put back.
    pub min_session: u64,
}

impl PoolFile {
    /// Returns the name by which messages refer to the file.
    pub fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// Opens the file. For `using` only.
    pub(crate) fn open(&self) -> Result<Pool, Failure> {
        hostbits::file::open_since(&self.path, self.min_session)
            .map_err(|error| self.refuse_open(error))
    }

    /// Opens the file of a lease pool. For `using` only.
    pub(crate) fn open_leases(&self) -> Result<LeasePool, Failure> {
        hostbits::lease::open_since(&self.path, self.min_session)
            .map_err(|error| self.refuse_open(error))
    }

    /// Returns whether the file is that of a lease pool. One that cannot be read is not.
    pub fn holds_leases(&self) -> bool {
        let view = hostbits::file::read(&self.path);
        view.is_ok_and(|view| view.cooldown.is_some())
    }

    /// Fails if what was read is the file of a lease pool: for calls to which what rests or is offered means nothing.
    pub(crate) fn refuse_leases(&self, view: &file::View) -> Result<(), Failure> {
        match view.cooldown {
            None => Ok(()),
            Some(_) => Err(self.refuse(Cause::HoldsLeases)),
        }
    }

    /// Opens the file, runs `work`, and closes it.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let unclosed = |_, _, error| self.refuse(Cause::Sync(error));
        using(self.open()?, work, unclosed)
    }

    /// Reads the file, without a lock and without changes; read permission is enough.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is not a pool file, or its session number is too low.
    pub fn read(&self) -> Result<file::View, Failure> {
        let view = hostbits::file::read(&self.path).and_then(|view| {
            view.check_session(self.min_session)?;
            Ok(view)
        });
        view.map_err(|error| self.refuse_open(error))
    }

    /// Returns another file with the same requirements.
    pub(crate) fn at(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// Returns a failure of this file.
    pub(crate) fn refuse(&self, cause: Cause) -> Failure {
        FilesFailure::Pool(PoolFailure {
            file: self.name(),
            set: None,
            member: None,
            pool_file: None,
            cause,
        })
        .into()
    }

    /// Returns the failure of an open. An invalid pool is not a problem of the file.
    pub(crate) fn refuse_open(&self, error: OpenError) -> Failure {
        match error {
            OpenError::Build(error) => Failure::Build(error),
            error => self.refuse(Cause::of_open(error)),
        }
    }
}
