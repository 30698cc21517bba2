//! The list of users, read for one pool: which slots it names, and taking those.
//!
//! | file | what it does |
//! |---|---|
//! | `listing` | reads entries: which slots they name, and what is odd about them |
//! | `owners` | who was the first to name a slot |
//! | `adopt` | takes what a list names |
//! | `member_listing` | the same for one member of a set, of a list for all of them |

mod adopt;
pub(super) mod listing;
mod member_listing;
mod owners;

pub(crate) use listing::BlockSays;
pub(crate) use member_listing::MemberListing;
