//! A copy that nobody takes for the file, and the way back.

use crate::failure::Failure;
use crate::files::pool_failure::Cause;
use crate::files::pool_file::PoolFile;
use hostbits::file::{self, OpenError};
use std::path::Path;

/// A backup, or what was put back.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// Its session.
    pub session: u64,
    /// What is held for all that is known.
    pub held: u64,
    /// What nobody knows of, until somebody reclaims: an opening finds it quarantined.
    pub quarantined: u64,
}

impl Copied {
    fn of(view: &file::View) -> Self {
        Self {
            session: view.session.unwrap_or(0),
            held: view.snapshot.allocated() - view.quarantined,
            quarantined: view.quarantined,
        }
    }
}

/// Copies the file, also while others use it; never in the place of another file. The copy is on the disk when this
/// returns, and says that it is one.
///
/// # Errors
///
/// The file cannot be read, or there is a file of that name already.
pub fn backup(file: &PoolFile, copy: &Path) -> Result<Copied, Failure> {
    // Also for what is wrong with the file itself, which is not of the copy.
    file.read()?;
    match hostbits::file::backup(&file.path, copy) {
        Ok(view) => Ok(Copied::of(&view)),
        Err(error @ OpenError::AlreadyExists) => Err(file.at(copy).refuse(Cause::Backup(error))),
        Err(error) => Err(file.refuse_open(error)),
    }
}

/// Puts a backup in the place of the file, or where there is none; nobody may have the file open. Its session is never
/// below that of the file.
///
/// # Errors
///
/// The backup is none, or the file is in use, of another pool, or no pool file: then it is left as it is.
pub fn restore(backup: &Path, file: &PoolFile) -> Result<Copied, Failure> {
    // What is wrong with the backup is not of the file.
    let backup = file.at(backup);
    hostbits::file::read(&backup.path).map_err(|error| backup.refuse(Cause::Backup(error)))?;
    let restored = hostbits::file::restore(&backup.path, &file.path, file.min_session);
    let view = restored.map_err(|error| match error {
        error @ (OpenError::GeometryMismatch { .. } | OpenError::BadMagic) => {
            file.refuse(Cause::Restore(error))
        }
        error => file.refuse_open(error),
    })?;
    Ok(Copied::of(&view))
}
