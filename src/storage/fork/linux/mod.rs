//! The operating system support of pool files: what happens at a fork, and how to detect one.
//!
//! | file | what it does |
//! |---|---|
//! | `witness` | the number of a side, in a page that the kernel wipes in a child |
//! | `own` | files and mappings that a child does not get, and with them every lock |
//! | `handlers` | functions that are called around a fork |

mod handlers;
mod own;
mod witness;

pub(crate) use own::{OwnFile, OwnMap};
pub(crate) use witness::Opener;
pub(super) use witness::number_here;

/// A load from a page that is there.
pub(super) const IS_CHEAP: bool = true;
