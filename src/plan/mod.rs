//! Plain values of a reconciliation: plans, counts, why not.
//!
//! This room knows nothing of words or files. The pool makes these values and takes them back.

mod error;
mod values;

pub use error::{ApplyError, Fuse, PassError, ReconcilerError};
pub use values::{
    Applied, EntryCounts, FileIdentity, Plan, PlanRange, PoolIdentity, SlotCounts, Undone,
};
