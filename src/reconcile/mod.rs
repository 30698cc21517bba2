//! Plain values of a reconciliation: plans, counts, why not.
//!
//! This room knows nothing of words or files. The pool makes these values and takes them back.

mod error;
mod plan;

pub use error::{ApplyError, Fuse, PassError, ReconcilerError};
pub use plan::{
    Applied, EntryCounts, FileIdentity, Plan, PlanRange, PoolIdentity, SlotCounts, Undone,
};
