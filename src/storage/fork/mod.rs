//! Which side of a fork we are on, and what of a file goes over to the other one: nothing.
//!
//! The number of a process does not tell: parent and child are both number 1 if each of them is the first of
//! a namespace of its own. So each process has a [`Side`], which no other process with a part of its memory
//! has, and what must not be used by a child remembers the side that it was made on.
//!
//! | file | what it does |
//! |---|---|
//! | `witness` | the side, in a page that the kernel wipes in a child |
//! | `own` | files and mappings, and with them every lock, that stay behind |
//! | `handlers` | what the system calls around a fork |
//!
//! Without the feature `mmap`, on systems other than Linux, and in a model, the number of the process has to
//! do.

#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
mod handlers;
#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
mod own;
#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
mod witness;

#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
pub(crate) use own::{OwnFile, OwnMap};

/// A process, from its fork to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side(u64);

impl Side {
    /// The side that the caller is on.
    #[inline]
    pub(crate) fn here() -> Self {
        Self(number_here())
    }

    /// As a number, which is never 0.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
use witness::number_here;

#[cfg(not(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
)))]
fn number_here() -> u64 {
    u64::from(std::process::id()) | 1 << 32
}

/// The number of the side that the caller is on, for who has no time for a system call. Where only that would
/// tell, all sides are number 1.
#[inline]
pub(crate) fn here_if_cheap() -> u64 {
    if cfg!(all(
        feature = "mmap",
        target_os = "linux",
        target_has_atomic = "64",
        not(all(loom, feature = "_loom"))
    )) {
        number_here()
    } else {
        1
    }
}
