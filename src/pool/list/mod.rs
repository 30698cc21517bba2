//! The list of users, as read for one pool: finds the slots that it names, and claims them.
//!
//! | file | what it does |
//! |---|---|
//! | `listing` | reads entries: which slots they name, and which entries are rejected |
//! | `owners` | which user named a slot first |
//! | `adopt` | claims the slots that a list names |
//! | `member_listing` | reads a list for all members of a set, for one member |
//! | `for_leases` | reads a list for a lease pool |

mod adopt;
mod for_leases;
pub(super) mod listing;
mod member_listing;
mod owners;

pub(crate) use for_leases::{LeaseListing, ListOfLeases};
pub(crate) use listing::BlockSays;
pub(crate) use member_listing::MemberListing;
