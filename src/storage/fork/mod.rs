//! Which side of a fork we are on, and what a child gets of a file: nothing.
//!
//! The process id does not tell: parent and child both have pid 1 if each is the first process of its own namespace. So
//! each process has a [`Side`], which no other process with a part of its memory has, and everything that a child must
//! not use remembers the side on which it was created.
//!
//! `linux/` implements this. Without the feature `mmap`, on systems other than Linux, and in a model, `system` takes
//! its place.

// The one question of this room where it is: all else is asked of `system`.
#[cfg_attr(pool_files, path = "linux/mod.rs")]
mod system;

pub(crate) use system::*;

/// A process, from its fork to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side(u64);

impl Side {
    /// Returns the side that the caller is on.
    #[inline]
    pub(crate) fn here() -> Self {
        Self(system::number_here())
    }

    /// Returns a number that is never 0.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// Returns the number of the caller's side, if that needs no system call. Otherwise, all sides have number 1.
#[inline]
pub(crate) fn here_if_cheap() -> u64 {
    match system::IS_CHEAP {
        true => system::number_here(),
        false => 1,
    }
}
