//! A pool file by its path.

use crate::failure::Failure;
use crate::files::closing::using;
use crate::files::pool_failure::{Cause, PoolFailure};
use crate::files_failure::FilesFailure;
use crate::text::printable_path;
use hostbits::{
    Pool,
    file::{self, OpenError},
};
use std::path::{Path, PathBuf};

/// A pool file by its path.
#[derive(Clone, Debug)]
pub struct PoolFile {
    /// Where it is.
    pub path: PathBuf,
    /// A file whose session is below this one is refused: an older one was put back.
    pub min_session: u64,
}

impl PoolFile {
    /// What to call the file.
    pub fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// Joins those who have it open. For `using` alone.
    pub(crate) fn open(&self) -> Result<Pool, Failure> {
        hostbits::file::open_since(&self.path, self.min_session)
            .map_err(|error| self.refuse_open(error))
    }

    /// Joins those who have it open, does something, and leaves.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let unclosed = |_, _, error| self.refuse(Cause::Sync(error));
        using(self.open()?, work, unclosed)
    }

    /// Reads it, without a lock, and leaves it alone: a right to read it is enough.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no pool file, or its session is too low.
    pub fn read(&self) -> Result<file::View, Failure> {
        let view = hostbits::file::read(&self.path).and_then(|view| {
            view.check_session(self.min_session)?;
            Ok(view)
        });
        view.map_err(|error| self.refuse_open(error))
    }

    /// Another file, of which the same is asked.
    pub(crate) fn at(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// A failure of this file.
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

    /// A pool that cannot be is no matter of the file.
    pub(crate) fn refuse_open(&self, error: OpenError) -> Failure {
        match error {
            OpenError::Build(error) => Failure::Build(error),
            error => self.refuse(Cause::Open(error)),
        }
    }
}
