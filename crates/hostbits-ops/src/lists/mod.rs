//! The list of users: a record at a time, never the whole of it in memory.
//!
//! ```text
//! file --hostbits-lists--> record --library--> report
//!            `-- positions: which entry was on which line --> whoever puts the report into words
//! ```
//!
//! What a format says is for the crate `hostbits-lists`, and what an address means for the library. This
//! room brings the two together.

pub(crate) mod name;
mod positions;
pub(crate) mod read;
pub(crate) mod records;
pub(crate) mod refused;
