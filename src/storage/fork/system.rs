//! Where there are no pool files: the number of the process has to do.

pub(super) fn number_here() -> u64 {
    u64::from(std::process::id()) | 1 << 32
}

/// A system call at each look.
pub(super) const IS_CHEAP: bool = false;
