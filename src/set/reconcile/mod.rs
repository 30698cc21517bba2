//! The pass over a set: one list, a pass for each member, one plan.
//!
//! What may be freed of a member is decided by its own pass, as if it were alone. What is added here is the
//! order of things (all barriers, then the list, then all rules, then the first address is freed), and that
//! an entry of the list counts once.
//!
//! | file | what it does |
//! |---|---|
//! | `reconciler` | holds the slots of all members; begins passes, hands them on |
//! | `pass` | reads a list for all members, and makes a plan |
//! | `plan` | what was found, and what became of it: plain values |
//! | `apply` | asks all rules, then frees and takes, or takes back |
//! | `error` | why not |

mod apply;
mod error;
mod pass;
mod plan;
mod reconciler;

pub use error::{ApplyError, ReconcilerError};
pub use pass::Pass;
pub use plan::{Applied, MemberPlan, Plan, Undone};
pub use reconciler::Reconciler;
