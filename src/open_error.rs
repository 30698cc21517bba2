//! Why a pool file cannot be used. Each message says what was found and what to do next.

use crate::durability::Durability;
use crate::error::BuildError;
use crate::file_refusal::FileRefusal;
use std::error::Error;
use std::fmt;
use std::io;

/// The major version of the format of pool files.
pub(crate) const FORMAT: u32 = 2;

/// Why a pool file was not created or not opened. Nothing was changed, unless a variant says so.
///
/// ```
/// use hostbits::{Pool, file::OpenError};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let error = Pool::builder(net).open("no-such-directory/pool").unwrap_err();
/// assert!(matches!(error, OpenError::NotFound));
/// assert_eq!(error.code(), "not-found");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file.
    NotFound,
    /// The file already exists. Nothing was written to it.
    AlreadyExists,
    /// The path names a directory, a device or a pipe.
    NotRegularFile,
    /// The path names a symbolic link.
    Symlink,
    /// The file belongs to another user, who could change it at any time.
    WrongOwner {
        /// The owner of the file.
        uid: u32,
    },
    /// The group or others may write to the file.
    InsecureMode {
        /// The permission bits of the file.
        mode: u32,
    },
    /// The file has more than one name, or none.
    HardLinked {
        /// The number of its hard links.
        links: u64,
    },
    /// The file system does not share memory and locks with other machines that may use it.
    RemoteFileSystem {
        /// The type of the file system, as `statfs` reports it.
        magic: u64,
    },
    /// The file system is not known to share memory and locks with everything that may use it.
    UnknownFileSystem {
        /// The type of the file system, as `statfs` reports it.
        magic: u64,
    },
    /// The file system assigns new inode numbers, and stores nothing else that identifies a file: after each mount, a
    /// pool would be taken for a copy of itself.
    RenumberingFileSystem {
        /// The type of the file system, as `statfs` reports it.
        magic: u64,
    },
    /// The file system may need space for in-place changes: on a full disk, an allocation would kill the process
    /// (`SIGBUS`).
    CopyOnWrite {
        /// What cannot be ensured.
        why: &'static str,
    },
    /// The file system is in memory, but the durability promises more than that.
    NotDurable {
        /// The requested durability.
        durability: Durability,
    },
    /// The file is not a pool file.
    BadMagic,
    /// The file was written on a machine with the other byte order.
    EndianMismatch,
    /// The file has a format that this version does not know.
    UnsupportedVersion {
        /// The major version of the file's format.
        major: u32,
    },
    /// The file uses features that this version does not know.
    UnsupportedFeatures {
        /// The bits of those features.
        incompat: u64,
    },
    /// The file uses features that allow this version to read it, but not to write it.
    ReadOnlyFeatures {
        /// The bits of those features.
        ro_compat: u64,
    },
    /// The file is intact, but contains something that this version does not know: a policy, a key, or a number. A
    /// newer version has created or changed it.
    UnknownContent {
        /// The unknown content, as the beginning of a sentence.
        what: String,
    },
    /// The file is damaged.
    Corrupt {
        /// What does not fit.
        what: &'static str,
    },
    /// The file holds another pool than the requested one.
    GeometryMismatch {
        /// All differences.
        mismatches: Vec<Mismatch>,
    },
    /// The file was created with another durability.
    ModeMismatch {
        /// The durability of the file.
        in_file: Durability,
        /// The requested durability.
        asked: Durability,
    },
    /// The file is shorter than it must be. Accessing the missing part would kill the process.
    Truncated {
        /// The length of the file in bytes.
        len: u64,
        /// The required length in bytes.
        need: u64,
    },
    /// There is no space for the file. Nothing of it is left behind.
    NoSpace,
    /// The file is older than one that the caller has seen before: it was replaced by an old copy.
    StaleFile {
        /// The session number of the file; 0 if there is no file.
        session: u64,
        /// The minimum session number that was required.
        min: u64,
    },
    /// The file has no room for so many slots, or for so long a configuration, and it contains something from a newer
    /// version, so that this version cannot replace it with a larger file.
    NoRoom,
    /// The file is open elsewhere. It can be grown or replaced only while it is not.
    InUse,
    /// Another process is opening, recovering or closing the file, and did not finish in time.
    Busy,
    /// The maximum number of processes have the file open; each needs its own place in it.
    TooManyProcesses {
        /// The maximum number of processes.
        most: u32,
    },
    /// A write to the disk failed in a process that has the file open. See [`FileRefusal::Poisoned`].
    Poisoned,
    /// The contents of the file could not be made durable, so the file cannot be used.
    SyncFailed {
        /// The error of the system.
        errno: i32,
    },
    /// The processes that have the file open count the time of leases by another clock: this process is in another time
    /// namespace, has no `/proc`, or was given a clock of its own.
    OtherClock,
    /// Linear search was requested, which a pool in a file does not support.
    LinearSearch,
    /// A system call failed.
    Io {
        /// What was being done.
        action: &'static str,
        /// The error of the operating system.
        #[cfg_attr(feature = "serde", serde(serialize_with = "what_the_system_said"))]
        error: io::Error,
    },
    /// The requested pool cannot be built.
    #[cfg_attr(feature = "serde", serde(untagged))]
    Build(BuildError),
}

/// Serializes the error number, if there is one, and the message.
#[cfg(feature = "serde")]
fn what_the_system_said<S: serde::Serializer>(
    error: &io::Error,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeStruct;
    let mut said = serializer.serialize_struct("error", 2)?;
    said.serialize_field("errno", &error.raw_os_error())?;
    said.serialize_field("message", &error.to_string())?;
    said.end()
}

/// One difference between a file and the requested pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Mismatch {
    /// The setting that differs: `network`, `ranges`, `unit`, `gateway`, `reservations`, `policy` or `capacity`;
    /// or `allocated`, for an address that is allocated or quarantined in the file, and would be reserved.
    pub field: &'static str,
    /// Its value in the file.
    pub in_file: String,
    /// Its requested value.
    pub asked: String,
}

impl Mismatch {
    /// The field of an address that is taken, and would be reserved.
    pub(crate) const TAKEN: &'static str = "allocated";
}

impl OpenError {
    /// Returns the address that prevents a change of reservations: it is allocated or quarantined, and would be
    /// reserved. `None` for every other error.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-in-the-way-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let addr = Pool::builder(net).create(&path)?.allocate()?;
    /// let reserved = Pool::builder(net).reserve(addr..=addr, "printer").in_file();
    /// let error = reserved.grow(&path).unwrap_err();
    /// assert_eq!(error.in_the_way(), Some("10.0.0.2"));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_the_way(&self) -> Option<&str> {
        let Self::GeometryMismatch { mismatches } = self else {
            return None;
        };
        let taken = mismatches.iter().find(|it| it.field == Mismatch::TAKEN);
        taken.map(|it| it.in_file.as_str())
    }

    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Build(error) => error.code(),
            Self::NotFound => "not-found",
            Self::AlreadyExists => "already-exists",
            Self::NotRegularFile => "not-regular-file",
            Self::Symlink => "symlink",
            Self::WrongOwner { .. } => "wrong-owner",
            Self::InsecureMode { .. } => "insecure-mode",
            Self::HardLinked { .. } => "hard-linked",
            Self::RemoteFileSystem { .. } => "remote-file-system",
            Self::UnknownFileSystem { .. } => "unknown-file-system",
            Self::RenumberingFileSystem { .. } => "renumbering-file-system",
            Self::CopyOnWrite { .. } => "copy-on-write",
            Self::NotDurable { .. } => "not-durable",
            Self::BadMagic => "bad-magic",
            Self::EndianMismatch => "endian-mismatch",
            Self::UnsupportedVersion { .. } => "unsupported-version",
            Self::UnsupportedFeatures { .. } => "unsupported-features",
            Self::ReadOnlyFeatures { .. } => "read-only-features",
            Self::UnknownContent { .. } => "unknown-content",
            Self::Corrupt { .. } => "corrupt",
            Self::GeometryMismatch { .. } => "geometry-mismatch",
            Self::ModeMismatch { .. } => "mode-mismatch",
            Self::Truncated { .. } => "truncated",
            Self::NoSpace => "no-space",
            Self::StaleFile { .. } => "stale-file",
            Self::NoRoom => "no-room",
            Self::InUse => "in-use",
            Self::Busy => "busy",
            Self::TooManyProcesses { .. } => "too-many-processes",
            Self::Poisoned => "poisoned",
            Self::SyncFailed { .. } => "sync-failed",
            Self::OtherClock => "other-clock",
            Self::LinearSearch => "linear-search",
            Self::Io { .. } => "io",
        }
    }

    /// Returns the error for content that this version does not know.
    pub(crate) fn unknown(text: &str) -> Self {
        const LONGEST: usize = 60;
        let mut chars = text.chars();
        let excerpt: String = chars.by_ref().take(LONGEST).collect();
        let more = if chars.next().is_some() { "..." } else { "" };
        Self::UnknownContent {
            what: format!("`{}{more}`", excerpt.escape_debug()),
        }
    }

    /// Returns whether the file is a damaged pool file, so that a backup may replace it. A file that another version
    /// wrote is not.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Truncated { .. } | Self::Io { .. } => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::NotRegularFile
            | Self::Symlink
            | Self::WrongOwner { .. }
            | Self::InsecureMode { .. }
            | Self::HardLinked { .. }
            | Self::RemoteFileSystem { .. }
            | Self::UnknownFileSystem { .. }
            | Self::RenumberingFileSystem { .. }
            | Self::CopyOnWrite { .. }
            | Self::NotDurable { .. }
            | Self::BadMagic
            | Self::EndianMismatch
            | Self::UnsupportedVersion { .. }
            | Self::UnsupportedFeatures { .. }
            | Self::ReadOnlyFeatures { .. }
            | Self::UnknownContent { .. }
            | Self::GeometryMismatch { .. }
            | Self::ModeMismatch { .. }
            | Self::NoSpace
            | Self::StaleFile { .. }
            | Self::NoRoom
            | Self::InUse
            | Self::Busy
            | Self::TooManyProcesses { .. }
            | Self::Poisoned
            | Self::SyncFailed { .. }
            | Self::OtherClock
            | Self::LinearSearch
            | Self::Build(_) => false,
        }
    }

    /// Returns an error for a failed system call, or the more specific error that it stands for.
    pub(crate) fn io(action: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io { action, error },
        }
    }

    pub(crate) fn sync(error: &io::Error) -> Self {
        Self::SyncFailed {
            errno: errno_of(error),
        }
    }
}

/// Returns the number of an error. An error without one, such as a write that wrote nothing, must not be reported as
/// "Success".
pub(crate) fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(nix::libc::EIO)
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::NotFound => f.write_str("no such file: create it first"),
            Self::AlreadyExists => f.write_str("the file already exists: open it instead"),
            Self::NotRegularFile => f.write_str("not a regular file"),
            Self::Symlink => f.write_str("a symbolic link: give the path of the file itself"),
            Self::WrongOwner { uid } => {
                write!(f, "the file belongs to user {uid}, who could change it at any time")
            }
            Self::InsecureMode { mode } => {
                write!(f, "mode {mode:04o} lets others write: remove that permission (chmod go-w)")
            }
            Self::HardLinked { links: 0 } => {
                f.write_str("the file no longer has a name: another one has replaced it")
            }
            Self::HardLinked { links } => {
                write!(f, "the file has {links} names: remove all but one")
            }
            Self::RemoteFileSystem { magic } => write!(
                f,
                "file system {magic:#x} cannot share memory and locks: use a local one"
            ),
            Self::UnknownFileSystem { magic } => write!(
                f,
                "file system {magic:#x} is not known to share memory and locks: use ext4 or XFS"
            ),
            Self::RenumberingFileSystem { magic } => write!(
                f,
                "file system {magic:#x} gives files new numbers, so a pool cannot be told from a copy: use ext4 or XFS"
            ),
            Self::CopyOnWrite { why } => write!(
                f,
                "on a full disk an allocation would kill the process here: {why}"
            ),
            Self::NotDurable { durability } => write!(
                f,
                "a file system in memory cannot keep the promise of durability {durability}"
            ),
            Self::BadMagic => f.write_str("not a pool file"),
            Self::EndianMismatch => {
                f.write_str("written on a machine with the other byte order: convert it there")
            }
            Self::UnsupportedVersion { major } if *major < FORMAT => write!(
                f,
                "format {major} is from an older version, and this version uses {FORMAT}: list the addresses with \
                 the older version, and seed a new file with them"
            ),
            Self::UnsupportedVersion { major } => {
                write!(f, "format {major} is unknown to this version: use a newer one")
            }
            Self::UnsupportedFeatures { incompat } => write!(
                f,
                "features {incompat:#x} are unknown to this version: use a newer one"
            ),
            Self::ReadOnlyFeatures { ro_compat } => write!(
                f,
                "features {ro_compat:#x} allow this version to read the file, but not to write it"
            ),
            Self::UnknownContent { what } => write!(
                f,
                "made by a newer version: {what} is unknown to this version of hostbits; use a newer one"
            ),
            Self::Corrupt { what } => write!(f, "the file is damaged: {what}"),
            Self::GeometryMismatch { mismatches } => {
                f.write_str("the file holds another pool:")?;
                for (index, mismatch) in mismatches.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    let Mismatch { field, in_file, asked } = mismatch;
                    write!(f, "{comma} {field} {in_file} where {asked} was asked for")?;
                }
                Ok(())
            }
            Self::ModeMismatch { in_file, asked } => write!(
                f,
                "the file has durability {in_file} where {asked} was asked for"
            ),
            Self::Truncated { len, need } => {
                write!(f, "the file is truncated: it has {len} bytes, and needs {need}")
            }
            Self::NoSpace => f.write_str("no space left for the file"),
            Self::StaleFile { session: 0, min } => write!(
                f,
                "there is no file, but one with session {min} or later is required"
            ),
            Self::StaleFile { session, min } => write!(
                f,
                "the file has session {session}, but {min} or later is required: an old copy was put back"
            ),
            Self::NoRoom => f.write_str(
                "the file has no room for that, and contains something from a newer version: grow it with that version",
            ),
            Self::InUse => f.write_str("the file is open elsewhere: close it in every process first"),
            Self::Busy => f.write_str("another process is opening or closing the file: try again"),
            Self::TooManyProcesses { most } => write!(
                f,
                "{most} processes have the file open, and no more can: close it in one of them"
            ),
            Self::Poisoned => f.write_str(
                "a write to the disk has failed: close the pool in every process, and open it again",
            ),
            Self::SyncFailed { errno } => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(f, "the file cannot be made durable: {error}")
            }
            Self::OtherClock => f.write_str(
                "the processes that have the file open count time by another clock: open it in their time namespace",
            ),
            Self::LinearSearch => {
                f.write_str("a pool in a file does not support linear search")
            }
            Self::Io { action, error } => write!(f, "cannot {action}: {error}"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<BuildError> for OpenError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

/// Why the contents of a pool were not made durable.
///
/// ```
/// use hostbits::{Pool, file::SyncError};
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// assert_eq!(pool.sync().unwrap_err(), SyncError::NoFile);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum SyncError {
    /// The pool is on the heap, so it cannot outlive the process.
    NoFile,
    /// The pool file cannot be used, or the write failed.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl SyncError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile => "no-file",
            Self::File(refusal) => refusal.code(),
        }
    }
}

impl From<FileRefusal> for SyncError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoFile => f.write_str("the pool is on the heap, and cannot be durable"),
            Self::File(refusal) => refusal.fmt(f),
        }
    }
}

impl Error for SyncError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was once reported as "Success (os error 0)".
    #[test]
    fn a_failure_without_a_number_is_no_success() {
        let error = OpenError::sync(&io::ErrorKind::WriteZero.into());
        assert_eq!(
            error.to_string(),
            "the file cannot be made durable: Input/output error (os error 5)"
        );
    }
}
