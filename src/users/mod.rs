//! The users' own list: who says to hold which address.
//!
//! `record` is what a caller hands in, `entry` what one entry means, `report` what became of all of
//! them. This room knows nothing of pools; it never decides that an address is free.

mod entry;
mod record;
mod report;

pub use entry::Unreadable;
pub(crate) use entry::{Entry, read};
pub use record::{Listed, UserRecord};
pub use report::{AdoptError, Adopted, Problem, ProblemKind};
pub(crate) use report::{Quoted, join_problems, quoted};
