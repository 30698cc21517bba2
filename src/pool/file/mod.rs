//! Pools in files: creating and opening them, and what only they can do.
//!
//! | file | what it does |
//! |---|---|
//! | `builder` | the choices, and create, open, open or create |
//! | `growth` | what growing a file would do |
//! | `config` | the description of the pool in the file, as text, and its comparison with a request |
//! | `verbs` | sync, recovery, health |
//! | `view` | inspects a file without a lock |
//! | `backup` | backups that cannot be mistaken for the file, and restoring them |
//! | `reclaim` | releases quarantined addresses that a user list does not contain |

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
pub(crate) use builder::{Content, convert, open_leases};
pub use growth::Growth;
pub(crate) use reclaim::check_clear;
pub use reclaim::{ReclaimError, Reclaimed};
pub use verbs::Health;
pub use view::{Problem, View, read};
