//! The list of users: a record at a time, never the whole of it in memory.
//!
//! ```text
//! file --hostbits-lists--> record --library--> report
//!            `-- positions: which entry was on which line --notes--> text
//! ```
//!
//! What a format says is for the crate `hostbits-lists`, and what an address means for the library. This
//! room brings the two together, and puts the report into words.

mod lists;
mod notes;
mod positions;
mod reader;

pub(crate) use lists::{ListName, Reading, list_name, unreadable};
pub(crate) use notes::{Counted, FilterLines, LeftOut, Notes, ProblemLines, RefusedList};
pub(crate) use reader::{ReadList, ReadToEnd, UserRecords};

/// A name without anything that could command a terminal.
pub(crate) fn printable(name: &str) -> String {
    name.chars()
        .flat_map(|char| {
            let escape = char.is_control();
            let escaped = escape.then(|| char.escape_default());
            escaped
                .into_iter()
                .flatten()
                .chain((!escape).then_some(char))
        })
        .collect()
}
