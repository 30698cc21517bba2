//! Copies of pool files that nobody takes for the file, and the way back.

use super::builder::PATIENCE;
use super::config::Config;
use super::view::{View, read};
use crate::open_error::OpenError;
use crate::storage::file::{Replaced, Source};
use std::path::Path;

/// Copies a pool file, also while others use it: they go on, and only who opens or closes the file waits.
///
/// The copy is durable when this returns, and never takes the place of another file. It says of itself that it
/// is a backup. So however it is put back, by [`restore`] or by other tools, its words are not believed:
/// what it has as taken stays taken, and what it has as free is quarantined until [`Pool::reclaim`] is told who
/// holds what. What was released since it was made is found by a reconciliation pass.
///
/// Answers what an opening of the copy would find.
///
/// # Errors
///
/// [`OpenError::AlreadyExists`] if there is such a file; as [`read`], where there is nothing to copy;
/// [`OpenError::Busy`] if somebody who opens or closes the file takes more than 10 seconds.
///
/// ```
/// # use hostbits::{Pool, file::{self, RecoveryKind}};
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-backup-{}", std::process::id()));
/// # let copy = path.with_extension("copy");
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
/// pool.allocate()?;
/// let view = file::backup(&path, &copy)?;
/// assert_eq!((view.found, view.quarantined), (RecoveryKind::Backup, 252));
/// # std::fs::remove_file(&path)?;
/// # std::fs::remove_file(&copy)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Pool::reclaim`]: crate::Pool::reclaim
pub fn backup(path: impl AsRef<Path>, copy: impl AsRef<Path>) -> Result<View, OpenError> {
    let source = Source::begin(path.as_ref(), PATIENCE)?;
    Config::parse(&source.config)?;
    source.back_up(copy.as_ref())?;
    read(copy)
}

/// Puts a backup, or any other copy of a pool file, in the place of a pool file that nobody has open, or where
/// there is none.
///
/// Its session is that of the backup, or that of the file that was there, or `min_session`, whichever is most:
/// so what [`Builder::min_session`] asks for is kept by who names it here. Whoever opens the file finds
/// [`RecoveryKind::Backup`], and everything quarantined that was free in the backup: then [`Pool::reclaim`] with
/// a list of who holds what, and a reconciliation pass for what was released since the backup was made.
///
/// Whatever dies meanwhile, the path names the file that was there or the one that was put back. A damaged
/// pool file is replaced; one of another pool or of another version is not, and neither is anything else.
///
/// # Errors
///
/// [`OpenError::InUse`] while anybody has the file open; [`OpenError::GeometryMismatch`] and
/// [`OpenError::ModeMismatch`] if it holds another pool; [`OpenError::UnknownContent`] if a newer version has
/// written it; [`OpenError::BadMagic`] if it is something else. As
/// [`Builder::open`] otherwise. Nothing was changed.
///
/// ```
/// # use hostbits::{Pool, file::{self, OpenError, RecoveryKind}};
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-restore-{}", std::process::id()));
/// # let copy = path.with_extension("copy");
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
/// file::backup(&path, &copy)?;
/// let held = pool.allocate()?;
/// assert!(matches!(file::restore(&copy, &path, 0), Err(OpenError::InUse)));
/// drop(pool);
/// file::restore(&copy, &path, 0)?;
/// let pool = file::open(&path)?;
/// assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Backup);
/// pool.reclaim([held.to_string()])?;
/// assert!(pool.iter().eq([held]));
/// # std::fs::remove_file(&path)?;
/// # std::fs::remove_file(&copy)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Builder::min_session`]: crate::file::Builder::min_session
/// [`Builder::open`]: crate::file::Builder::open
/// [`RecoveryKind::Backup`]: crate::file::RecoveryKind::Backup
/// [`Pool::reclaim`]: crate::Pool::reclaim
pub fn restore(
    backup: impl AsRef<Path>,
    path: impl AsRef<Path>,
    min_session: u64,
) -> Result<View, OpenError> {
    let path = path.as_ref();
    let source = Source::begin(backup.as_ref(), PATIENCE)?;
    let config = Config::parse(&source.config)?;
    if source.is_at(path)? {
        return Err(OpenError::InUse);
    }
    let replaced = Replaced::begin(path, PATIENCE)?;
    let found = replaced.as_ref().and_then(Replaced::found);
    let mut session = source.session().max(min_session);
    if let Some(found) = found {
        check_same(&source, &config, found)?;
        session = session.max(found.session());
    }
    source.restore(path, replaced.as_ref(), session)?;
    read(path)
}

/// Whether the file that is there is of the same pool.
fn check_same(source: &Source, config: &Config, found: &Source) -> Result<(), OpenError> {
    let in_file = Config::parse(&found.config)?;
    let mismatches = in_file.mismatches(config);
    if !mismatches.is_empty() {
        return Err(OpenError::GeometryMismatch { mismatches });
    }
    let (in_file, asked) = (found.durability, source.durability);
    match in_file == asked {
        true => Ok(()),
        false => Err(OpenError::ModeMismatch { in_file, asked }),
    }
}
