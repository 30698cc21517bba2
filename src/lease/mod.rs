//! Leases: addresses that can be asked "is this still yours?".
//!
//! A [`LeasePool`] hands out addresses as [`Lease`]s. An address is *offered* for a short time, *committed* by the first
//! renewal, ends unless it is renewed, and *cools down* before another holder gets it. A late release by a former holder
//! changes nothing. No thread has to run.
//!
//! The guide [`leases`](crate::guide::leases) says which methods to use for what, and when a caller must write what
//! down.
//!
//! ```
//! use hostbits::lease::{LeasePool, Released, Term};
//! use std::time::Duration;
//!
//! let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
//! let pool = LeasePool::builder(net).cooldown(Duration::from_secs(60)).build()?;
//!
//! let lease = pool.allocate(Duration::from_secs(30))?; // an offer
//! // Here you write the lease to your own record of the user.
//! pool.renew(&lease, Term::Forever)?; // From here on, only a release ends it.
//!
//! assert_eq!(pool.release(&lease)?, Released::Ended);
//! assert_eq!(pool.release(&lease)?, Released::AlreadyEnded);
//! assert_ne!(pool.allocate(Duration::from_secs(30))?.addr(), lease.addr());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `lease` | an address with its generation: text and JSON |
//! | `time` | whole seconds, and the terms that users give |
//! | `clock` | what time it is |
//! | `word` | state, time and generation in one word |
//! | `record` | the records, the tags of owners, and all exchanges |
//! | `builder`, `pool` | the pool and its facts |
//! | `file` | the pool in a file |
//! | `allocate` | a token, then its record |
//! | `owner` | get or allocate: the lease that an owner holds already |
//! | `end` | renewals and releases |
//! | `sweep` | frees what is due |
//! | `look` | status, owners, counts, pictures |
//! | `list` | a list of users becomes leases |
//! | `pass`, `compare` | which leases a list of users does not name |
//! | `apply` | ends those, and takes that back |
//! | `model` | what only the model checker does |

mod allocate;
mod apply;
mod builder;
mod clock;
mod compare;
mod end;
mod error;
#[cfg(pool_files)]
mod file;
#[allow(clippy::module_inception)] // The room is called after what is in it.
mod lease;
mod list;
mod look;
#[cfg(all(loom, feature = "_loom"))]
mod model;
mod owner;
mod pass;
mod pool;
mod record;
mod sweep;
#[cfg(all(test, not(loom)))]
mod tests;
mod time;
mod word;

pub use builder::LeaseBuilder;
pub use clock::ManualClock;
pub use end::Released;
pub use error::{BadTerm, OfferError, ParseLeaseError, ParseLeaseProblem, RenewError};
#[cfg(pool_files)]
pub use file::{ReclaimedLeases, convert_since, open, open_since};
pub use lease::Lease;
pub use list::AdoptedLeases;
pub use look::{Census, LeaseStatus};
pub use pass::LeasePass;
pub use pool::LeasePool;
pub use sweep::Swept;
pub use time::{Grant, Term};
