//! Without pool files, the process id has to do.

pub(super) fn number_here() -> u64 {
    u64::from(std::process::id()) | 1 << 32
}

/// The process that has opened something: there are no files, and a child may use everything else.
#[derive(Clone, Copy)]
pub(crate) struct Opener;

impl Opener {
    pub(crate) fn anybody() -> Self {
        Self
    }

    pub(crate) fn is_here(self) -> bool {
        true
    }
}

/// A system call at each check.
pub(super) const IS_CHEAP: bool = false;
