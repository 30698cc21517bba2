//! Looking at a pool without changing it.
//!
//! | file | what it does |
//! |---|---|
//! | `query` | one address, all taken ones, free ones, counts |
//! | `info` | what the pool is: ranges, reservations, policy |
//! | `snapshot` | all bits at once, and the difference of two |

mod info;
mod query;
mod snapshot;

pub use info::{AddrRange, NetworkInfo, Reservation};
pub use query::Status;
pub use snapshot::{Diff, Snapshot, SnapshotMismatch};
