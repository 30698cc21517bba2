//! Looking at a pool without changing it.
//!
//! | file | what it does |
//! |---|---|
//! | `query` | one address, all taken ones, free ones, counts |
//! | `info` | the pool itself: ranges, reservations, policy |
//! | `snapshot` | a copy of all bits, and the difference of two copies |

mod facts;
mod info;
mod query;
mod snapshot;

pub use info::{AddrRange, NetworkInfo, Reservation};
pub use query::Status;
pub use snapshot::{Diff, Snapshot, SnapshotMismatch};
