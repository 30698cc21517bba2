//! The system that pool files need: what it does at a fork, and what it knows of one.
//!
//! | file | what it does |
//! |---|---|
//! | `witness` | the side, in a page that the kernel wipes in a child |
//! | `own` | files and mappings, and with them every lock, that stay behind |
//! | `handlers` | what the system calls around a fork |

mod handlers;
mod own;
mod witness;

pub(crate) use own::{OwnFile, OwnMap};
pub(super) use witness::number_here;

/// A load of a page that is there.
pub(super) const IS_CHEAP: bool = true;
