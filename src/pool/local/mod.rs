//! Locals: a thread's own addresses, handed out and taken back without atomic instructions.
//!
//! | file | what it does |
//! |---|---|
//! | `verbs` | the local and its methods |
//! | `refill` | where a local gets more addresses, and what it records for passes |
//! | `registry` | where passes find the addresses that locals hold |
//! | `spares` | slots of other words that a local has taken back |

mod refill;
mod registry;
mod spares;
mod verbs;

pub(super) use registry::LocalRegistry;
pub use verbs::{Local, LocalArc, LocalPool};
