//! The users file: a line at a time, never the whole of it in memory.
//!
//! ```text
//! bytes --lines--> one line, cut if it is endless --record--> address and owner --library--> report
//!                       `-- positions: which entry was on which line ------------notes--> text
//! ```
//!
//! What an address means is for the library to say. This room finds the address in its line.

mod lines;
mod notes;
mod positions;
mod reader;
mod record;

pub(crate) use notes::Notes;
pub(crate) use reader::{ReadList, ReadToEnd, UserLines};
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) use record::Record;

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Opens the file, or standard input for `-`. Answers what to call it, too.
pub(crate) fn open(path: &Path) -> Result<(String, Box<dyn BufRead>), Failure> {
    if path == Path::new("-") {
        return Ok(("standard input".to_owned(), Box::new(io::stdin().lock())));
    }
    let file = printable(&path.display().to_string());
    match File::open(path) {
        Ok(opened) => Ok((file, Box::new(BufReader::new(opened)))),
        Err(error) => Err(Failure::Unreadable {
            file,
            after_line: 0,
            error,
        }),
    }
}

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
