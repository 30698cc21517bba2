//! Backup and restore: a copy that is never mistaken for the file, and the way back.

use crate::failure::Failure;
use crate::files::pool_failure::Cause;
use crate::files::pool_file::PoolFile;
use hostbits::file::{self, OpenError};
use std::path::Path;

/// The result of a backup or a restore.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// The session number of the copy or the restored file.
    pub session: u64,
    /// Number of addresses that are known to be held.
    pub held: u64,
    /// Number of addresses whose state is unknown until a reclaim: the next open quarantines them.
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

/// Copies the file, even while other processes use it; never replaces another file. When this returns, the copy is on
/// the disk, and marked as a backup.
///
/// # Errors
///
/// Fails if the file cannot be read, or a file of that name already exists.
pub fn backup(file: &PoolFile, copy: &Path) -> Result<Copied, Failure> {
    // This also reports problems of the file itself, which are not problems of the copy.
    file.read()?;
    match hostbits::file::backup(&file.path, copy) {
        Ok(view) => Ok(Copied::of(&view)),
        Err(error @ OpenError::AlreadyExists) => Err(file.at(copy).refuse(Cause::Backup(error))),
        Err(error) => Err(file.refuse_open(error)),
    }
}

/// Puts a backup in the place of the file, or where there is none; no process may have the file open. The session
/// number is never below that of the file.
///
/// # Errors
///
/// Fails if `backup` is not a backup, or the file is in use, holds another pool, or is not a pool file: then it is left
/// alone.
pub fn restore(backup: &Path, file: &PoolFile) -> Result<Copied, Failure> {
    // A problem of the backup is not a problem of the file.
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
