//! Which side of a fork we are on, and what of a file goes over to the other one: nothing.
//!
//! The number of a process does not tell: parent and child are both number 1 if each of them is the first of
//! a namespace of its own. So each process has a [`Side`], which no other process with a part of its memory
//! has, and what must not be used by a child remembers the side that it was made on.
//!
//! How that is done is in `linux/`. Without the feature `mmap`, on systems other than Linux, and in a model,
//! `system` takes its place.

// The one question of this room where it is: all else is asked of `system`.
#[cfg_attr(pool_files, path = "linux/mod.rs")]
mod system;

pub(crate) use system::*;

/// A process, from its fork to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side(u64);

impl Side {
    /// The side that the caller is on.
    #[inline]
    pub(crate) fn here() -> Self {
        Self(system::number_here())
    }

    /// As a number, which is never 0.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// The number of the side that the caller is on, for who has no time for a system call. Where only that would
/// tell, all sides are number 1.
#[inline]
pub(crate) fn here_if_cheap() -> u64 {
    match system::IS_CHEAP {
        true => system::number_here(),
        false => 1,
    }
}
