//! Without pool files, the process id has to do.

pub(super) fn number_here() -> u64 {
    u64::from(std::process::id()) | 1 << 32
}

/// A system call at each check.
pub(super) const IS_CHEAP: bool = false;
