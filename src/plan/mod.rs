//! Plain values of a reconciliation: plans, counts and errors.
//!
//! This module does not depend on words or files. The pool creates these values and takes them back.

mod error;
mod values;

pub use error::{ApplyError, Fuse, PassError, ReconcilerError};
pub use values::{
    Applied, EntryCounts, FileIdentity, Plan, PlanRange, PoolIdentity, SlotCounts, Undone,
};
