//! The list of users: who says to hold which address, and what became of the entries.
//!
//! Everything that reads such a list takes a [`Record`] per entry: text, an address, a pair of address and owner, or
//! a type of your own. [`Pool::adopt`](crate::Pool::adopt) takes what the list names, a
//! [`reconcile::Pass`](crate::reconcile::Pass) compares it with the pool, [`next_free`](crate::next_free) finds an
//! address that is not in it. What is odd about an entry is a [`Problem`].
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

// `record` is what a caller hands in, `entry` what one entry means, `report` what became of all of them. This room
// knows nothing of pools; it never decides that an address is free.

mod entry;
mod record;
mod report;

pub use entry::Unreadable;
pub(crate) use entry::{Entry, read};
pub use record::{Listed, Record};
pub use report::{AdoptError, Adopted, Problem, ProblemKind};
pub(crate) use report::{Quoted, join_problems, quoted};
