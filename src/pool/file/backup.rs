//! Backups of pool files that cannot be mistaken for the file, and restoring them.

use super::builder::{Content, PATIENCE};
use super::config::Config;
use super::view::{View, read};
use crate::open_error::OpenError;
use crate::storage::file::{Replaced, Source};
use std::path::Path;

/// Copies a pool file, also while processes use it. They continue; only opening and closing the file waits.
///
/// The copy is durable when this returns, and never replaces another file. It is marked as a backup. So however it is
/// restored, with [`restore`] or with other tools, its words are not trusted: addresses that are taken in it stay
/// taken, and those that are free in it are quarantined until [`Pool::reclaim`] gets a list of users. A reconciliation
/// pass finds the addresses that were released since the backup was made.
///
/// Returns what opening the copy would find.
///
/// # Errors
///
/// [`OpenError::AlreadyExists`] if the copy already exists; [`OpenError::Busy`] if another process takes more than 10
/// seconds to open or close the file; otherwise the errors of [`read`].
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

/// Replaces a pool file that is not open anywhere with a backup, or with any other copy of a pool file. The pool file
/// may also be missing.
///
/// Its session becomes that of the backup, that of the replaced file, or `min_session`, whichever is highest: pass the
/// value that you use for [`Builder::min_session`]. The next open finds [`RecoveryKind::Backup`], with every address
/// quarantined that was free in the backup. Then call [`Pool::reclaim`] with a list of users, and run a reconciliation
/// pass for addresses that were released since the backup was made.
///
/// If the process or the machine crashes meanwhile, the path names either the old file or the restored one. A damaged
/// pool file is replaced; a file of another pool or of another version is not, and neither is anything else.
///
/// # Errors
///
/// [`OpenError::InUse`] while any process has the file open; [`OpenError::GeometryMismatch`] and
/// [`OpenError::ModeMismatch`] if it holds another pool; [`OpenError::UnknownContent`] if a newer version has written
/// it; [`OpenError::BadMagic`] if it is not a pool file; otherwise the errors of [`Builder::open`]. Nothing was
/// changed.
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
/// assert_eq!(pool.reclaim([held.to_string()])?.held, 1);
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

/// Checks that the existing file holds the same pool.
fn check_same(source: &Source, config: &Config, found: &Source) -> Result<(), OpenError> {
    let in_file = Config::parse(&found.config)?;
    let mut mismatches = in_file.mismatches(config);
    mismatches.extend(Content::of(source.cooldown()).mismatch(found.cooldown()));
    if !mismatches.is_empty() {
        return Err(OpenError::GeometryMismatch { mismatches });
    }
    let (in_file, asked) = (found.durability, source.durability);
    match in_file == asked {
        true => Ok(()),
        false => Err(OpenError::ModeMismatch { in_file, asked }),
    }
}
