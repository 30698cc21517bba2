//! Locals: a thread's own addresses, handed out and taken back without atomic instructions.
//!
//! | file | what it does |
//! |---|---|
//! | `verbs` | the local and its verbs |
//! | `refill` | where it gets more, and what passes are told of that |
//! | `registry` | where passes find what locals have |
//! | `spares` | slots of other words that a local has taken back |

mod refill;
mod registry;
mod spares;
mod verbs;

pub(super) use registry::LocalRegistry;
pub use verbs::{Local, LocalArc, LocalPool};
