//! Pools in files: made, opened, and what only they can do.
//!
//! | file | what it does |
//! |---|---|
//! | `builder` | the choices, and create, open, open or create |
//! | `growth` | what growing a file would do |
//! | `config` | what the file says that the pool is, as text; the comparison with what is asked for |
//! | `verbs` | sync, recovery, health |
//! | `view` | a look that takes no lock |
//! | `backup` | copies that nobody takes for the file, and the way back |
//! | `reclaim` | the quarantine against a user list |

mod backup;
mod builder;
mod config;
mod growth;
mod reclaim;
#[cfg(test)]
mod slow_sync;
mod verbs;
mod view;

pub use backup::{backup, restore};
pub use builder::{Builder, open, open_since};
pub use growth::Growth;
pub(crate) use reclaim::check_clear;
pub use reclaim::{ReclaimError, Reclaimed};
pub use verbs::Health;
pub use view::{Problem, View, read};
