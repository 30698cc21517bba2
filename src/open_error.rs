//! Why a pool file cannot be used. Each value says what was found and what to do next.

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
    /// There is a file already. Nothing was written to it.
    AlreadyExists,
    /// A directory, a device or a pipe.
    NotRegularFile,
    /// The path names a symbolic link.
    Symlink,
    /// The file belongs to somebody else, who could change it under us.
    WrongOwner {
        /// The user it belongs to.
        uid: u32,
    },
    /// Group or others may write to the file.
    InsecureMode {
        /// Its permission bits.
        mode: u32,
    },
    /// The file has more than one name.
    HardLinked {
        /// How many.
        links: u64,
    },
    /// The file system shares neither memory nor locks with the other machines that may use it.
    RemoteFileSystem {
        /// Its number, as of `statfs`.
        magic: u64,
    },
    /// Nobody knows whether the file system shares memory and locks with everybody who may use it.
    UnknownFileSystem {
        /// Its number, as of `statfs`.
        magic: u64,
    },
    /// The file system gives its files new numbers, and keeps nothing else of ours: after each mount a pool would be
    /// taken for a copy of itself.
    RenumberingFileSystem {
        /// Its number, as of `statfs`.
        magic: u64,
    },
    /// The file system may need room for what is changed in place: on a full disk an allocation would be the
    /// end of the process (`SIGBUS`).
    CopyOnWrite {
        /// What cannot be made sure.
        why: &'static str,
    },
    /// The file system is in memory, and the durability promises more than that.
    NotDurable {
        /// The durability asked for.
        durability: Durability,
    },
    /// The file is not a pool.
    BadMagic,
    /// The file was written by a machine of the other byte order.
    EndianMismatch,
    /// The file is of a format that this version does not know.
    UnsupportedVersion {
        /// The major version of the format.
        major: u32,
    },
    /// The file uses features that this version does not know.
    UnsupportedFeatures {
        /// Their bits.
        incompat: u64,
    },
    /// The file uses features without which it may be read and not written.
    ReadOnlyFeatures {
        /// Their bits.
        ro_compat: u64,
    },
    /// The file is whole, and has something in it that this version does not know: a policy, a key, a number. A
    /// newer version has made it, or changed it.
    UnknownContent {
        /// What, as a sentence's beginning.
        what: String,
    },
    /// The file is damaged.
    Corrupt {
        /// What does not fit.
        what: &'static str,
    },
    /// The file holds another pool than the one asked for.
    GeometryMismatch {
        /// Everything that differs.
        mismatches: Vec<Mismatch>,
    },
    /// The file was created with another durability.
    ModeMismatch {
        /// That of the file.
        in_file: Durability,
        /// That asked for.
        asked: Durability,
    },
    /// The file is shorter than it must be. Touching what is missing would kill the process.
    Truncated {
        /// Its length in bytes.
        len: u64,
        /// The length it must have.
        need: u64,
    },
    /// There is no room for the file. Nothing is left of it.
    NoSpace,
    /// The file is older than one that the caller has seen: somebody put back a copy.
    StaleFile {
        /// Its session.
        session: u64,
        /// The least that was asked for.
        min: u64,
    },
    /// The file has no room for so many slots, or for so long a configuration, and it has something of a
    /// newer version, so that this one cannot make a larger file of it.
    NoRoom,
    /// Others have the file open. To grow it, or to put another one in its place, one must be alone.
    InUse,
    /// Somebody else is opening, recovering or closing the file, and did not finish in time.
    Busy,
    /// As many have the file open as can, each with a place of its own in it.
    TooManyProcesses {
        /// How many that is.
        most: u32,
    },
    /// A write to the disk failed in a process that has the file open. See [`FileRefusal::Poisoned`].
    Poisoned,
    /// What the file holds could not be made durable, so nothing may be built on it.
    SyncFailed {
        /// The error of the system.
        errno: i32,
    },
    /// A pool in a file is searched by its tree.
    LinearSearch,
    /// The system refused.
    Io {
        /// What we were about to do.
        action: &'static str,
        /// What it said.
        #[cfg_attr(feature = "serde", serde(serialize_with = "what_the_system_said"))]
        error: io::Error,
    },
    /// The pool asked for cannot be.
    #[cfg_attr(feature = "serde", serde(untagged))]
    Build(BuildError),
}

/// The number of the error, if it has one, and the sentence.
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

/// One thing in which a file and the pool asked for differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Mismatch {
    /// What differs: `network`, `ranges`, `unit`, `gateway`, `reservations`, `policy`, `capacity`;
    /// or `allocated`: an address that the file has as allocated or quarantined, and that would be reserved.
    pub field: &'static str,
    /// As the file has it.
    pub in_file: String,
    /// As it was asked for.
    pub asked: String,
}

impl Mismatch {
    /// The field of an address that is taken, and would be reserved.
    pub(crate) const TAKEN: &'static str = "allocated";
}

impl OpenError {
    /// Returns the address that is in the way of a reservation: the file would fit, but this one is allocated or
    /// quarantined, and would be handed out no more.
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

    /// A stable name for logs, JSON and exit codes: kebab case.
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
            Self::LinearSearch => "linear-search",
            Self::Io { .. } => "io",
        }
    }

    /// Something that stands in the file, and that this version does not know.
    pub(crate) fn unknown(text: &str) -> Self {
        const LONGEST: usize = 60;
        let mut chars = text.chars();
        let excerpt: String = chars.by_ref().take(LONGEST).collect();
        let more = if chars.next().is_some() { "..." } else { "" };
        Self::UnknownContent {
            what: format!("`{}{more}`", excerpt.escape_debug()),
        }
    }

    /// Whether the file is what damage has left of a pool file, so that a backup may take its place. One that was
    /// written by another version is not.
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
            | Self::LinearSearch
            | Self::Build(_) => false,
        }
    }

    /// An error of the system, told apart where it has a name of its own.
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

/// The number of an error. One that has none, such as of a write that wrote nothing, must not be told as "Success".
pub(crate) fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(nix::libc::EIO)
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::NotFound => f.write_str("there is no such file: create it first"),
            Self::AlreadyExists => f.write_str("there is such a file already: open it instead"),
            Self::NotRegularFile => f.write_str("not a regular file"),
            Self::Symlink => f.write_str("a symbolic link: name the file itself"),
            Self::WrongOwner { uid } => {
                write!(f, "the file belongs to user {uid}, who could change it under us")
            }
            Self::InsecureMode { mode } => {
                write!(f, "mode {mode:04o} lets others write: take that away (chmod go-w)")
            }
            Self::HardLinked { links: 0 } => {
                f.write_str("the file has no name any more: another one is in its place")
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
                f.write_str("written by a machine of the other byte order: convert it there")
            }
            Self::UnsupportedVersion { major } if *major < FORMAT => write!(
                f,
                "format {major} is that of an older version, and this one is {FORMAT}: list the addresses with \
                 the older one, and seed a new file with them"
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
                "features {ro_compat:#x} allow this version to read the file, not to write it"
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
                write!(f, "the file is cut: {len} bytes where {need} must be")
            }
            Self::NoSpace => f.write_str("no space left for the file"),
            Self::StaleFile { session: 0, min } => write!(
                f,
                "there is no file of session {min} or later, which was asked for"
            ),
            Self::StaleFile { session, min } => write!(
                f,
                "the file is of session {session}, older than {min}: somebody put back a copy"
            ),
            Self::NoRoom => f.write_str(
                "the file has no room for that, and something of a newer version: let that one make it larger",
            ),
            Self::InUse => f.write_str("others have the file open: close it in every process first"),
            Self::Busy => f.write_str("somebody else is opening or closing the file: try again"),
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
            Self::LinearSearch => {
                f.write_str("a pool in a file is searched by its tree, never linearly")
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

/// Why what a pool holds was not made durable.
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
    /// The pool is on the heap: there is nothing that could outlive the process.
    NoFile,
    /// The pool file refuses, or the write failed.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl SyncError {
    /// A stable name for logs, JSON and exit codes: kebab case.
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
            Self::NoFile => f.write_str("the pool is on the heap: nothing of it can be durable"),
            Self::File(refusal) => refusal.fmt(f),
        }
    }
}

impl Error for SyncError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was told as "Success (os error 0)".
    #[test]
    fn a_failure_without_a_number_is_no_success() {
        let error = OpenError::sync(&io::ErrorKind::WriteZero.into());
        assert_eq!(
            error.to_string(),
            "the file cannot be made durable: Input/output error (os error 5)"
        );
    }
}
