//! The list of users: which user holds which address, and what became of the entries.
//!
//! Everything that reads such a list takes a [`Record`] per entry: text, an address, a pair of address and owner, or
//! your own type. [`Pool::adopt`](crate::Pool::adopt) allocates the listed addresses, a
//! [`reconcile::Pass`](crate::reconcile::Pass) compares the list with the pool, and [`next_free`](crate::next_free)
//! returns an address that is not listed. An entry that deserves attention is reported as a [`Problem`].
//!
//! ```
//! use hostbits::{Pool, users::ProblemKind};
//!
//! let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
//! let adopted = pool.adopt(["10.0.0.2", "10.0.0.3/32", "10.9.9.9"])?;
//! assert_eq!((adopted.taken, adopted.out_of_range), (2, 1));
//! assert_eq!(adopted.problems[0].kind, ProblemKind::OutOfRange);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// `record` is what a caller passes in, `entry` is the meaning of one entry, and `report` is the result for the whole
// list. This module does not depend on pools, and never decides that an address is free.

mod entry;
mod record;
mod report;

pub use entry::Unreadable;
pub(crate) use entry::{Entry, read};
pub use record::{Listed, Record};
#[cfg(feature = "serde")]
pub(crate) use report::is_zero;
pub use report::{AdoptError, Adopted, Problem, ProblemKind};
pub(crate) use report::{Quoted, join_problems, quoted};
