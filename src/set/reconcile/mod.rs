//! The pass over a set: one list, a pass for each member, one plan.
//!
//! Each member's own pass decides what may be freed there, as if it were alone. This module adds the order of steps
//! (all barriers, then the list, then all rules, and only then the first address is freed), and makes each entry of the
//! list count once.
//!
//! | file | what it does |
//! |---|---|
//! | `reconciler` | holds the reconciler slots of all members; begins passes, passes the slots on |
//! | `pass` | reads a list for all members, and makes a plan |
//! | `plan` | what was found, and the effects of applying it: plain values |
//! | `apply` | checks all rules, then frees and takes, or undoes |
//! | `error` | errors |

mod apply;
mod error;
mod pass;
mod plan;
mod reconciler;

pub use error::{ApplyError, ReconcilerError};
pub use pass::Pass;
pub use plan::{Applied, MemberPlan, Plan, Undone};
pub use reconciler::Reconciler;
