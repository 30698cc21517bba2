//! The list of users: read one record at a time, never held in memory as a whole.
//!
//! ```text
//! file --hostbits-lists--> record --library--> report
//!            `-- positions: which entry was on which line --> the text of the report
//! ```
//!
//! The crate `hostbits-lists` knows what a format says, and the library knows what an address means. This module
//! combines the two.

pub(crate) mod name;
mod positions;
pub(crate) mod read;
pub(crate) mod records;
pub(crate) mod refused;
