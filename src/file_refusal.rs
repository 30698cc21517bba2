//! Why a pool in a file refuses calls, whatever they ask for.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a pool in a file refuses a call, whatever is free: part of the errors of all methods that this concerns.
///
/// ```
/// use hostbits::{AllocateError, FileRefusal};
///
/// fn must_open_again(error: &AllocateError) -> bool {
///     matches!(error, AllocateError::File(FileRefusal::Forked))
/// }
/// let error = AllocateError::from(FileRefusal::Forked);
/// assert!(must_open_again(&error));
/// assert_eq!(error.code(), "forked");
/// assert_eq!(error.to_string(), "forked from the process that opened the pool: open it again");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum FileRefusal {
    /// A write to the disk has failed before, here or in another process that has the pool file open. Nothing
    /// is handed out any more, and a second attempt would prove nothing; releases and queries still work. Close the
    /// pool in every process and open it again: allocated addresses are still known.
    Poisoned {
        /// The error number of the operating system at that time.
        errno: i32,
    },
    /// The write to the disk that this call waited for has failed. The pool is poisoned from now on, in every
    /// process.
    SyncFailed {
        /// The error number of the operating system.
        errno: i32,
    },
    /// This process is a fork of the one that opened the pool file: it must open the file itself.
    Forked,
}

/// The code for no refusal.
const NO_REFUSAL: u64 = 0;

impl FileRefusal {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Poisoned { .. } => "poisoned",
            Self::SyncFailed { .. } => "sync-failed",
            Self::Forked => "forked",
        }
    }

    /// Returns the refusal as a number, which fits into a register.
    pub(crate) fn to_number(refusal: Option<Self>) -> u64 {
        let with_errno = |kind: u64, errno: i32| kind << 32 | u64::from(errno as u32);
        match refusal {
            None => NO_REFUSAL,
            Some(Self::Poisoned { errno }) => with_errno(1, errno),
            Some(Self::SyncFailed { errno }) => with_errno(2, errno),
            Some(Self::Forked) => with_errno(3, 0),
        }
    }

    #[inline]
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        let errno = number as i32;
        match number >> 32 {
            1 => Some(Self::Poisoned { errno }),
            2 => Some(Self::SyncFailed { errno }),
            3 => Some(Self::Forked),
            _ => None,
        }
    }
}

impl fmt::Display for FileRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = |errno: i32| io::Error::from_raw_os_error(errno);
        match self {
            Self::Poisoned { errno } => write!(
                f,
                "a write to the disk has failed ({}): close the pool in every process, and open it \
                 again",
                system(*errno)
            ),
            Self::SyncFailed { errno } => {
                write!(f, "the pool could not be made durable: {}", system(*errno))
            }
            Self::Forked => {
                f.write_str("forked from the process that opened the pool: open it again")
            }
        }
    }
}

impl Error for FileRefusal {}
