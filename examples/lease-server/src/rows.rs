//! The server's own record: who has which pair. Lines are only appended, and each is on the disk before it counts.

use crate::pair::Pair;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What the last line of a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The name has this pair.
    Held(Pair),
    /// The name has given it back, or lost it: it is to be released.
    StruckOut(Pair),
}

/// A line of the record.
struct Line<'a>(&'a str, Row);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Row::Held(pair) => writeln!(f, "+ {} {pair}", self.0),
            Row::StruckOut(pair) => writeln!(f, "- {} {pair}", self.0),
        }
    }
}

/// Returns the last row of each name. A last line without its end was never answered, and does not count.
pub fn read(path: &Path) -> io::Result<BTreeMap<String, Row>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut rows = BTreeMap::new();
    for line in whole.lines() {
        let (name, row) = parsed(line)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no row: {line}")))?;
        rows.insert(name.to_owned(), row);
    }
    Ok(rows)
}

fn parsed(line: &str) -> Option<(&str, Row)> {
    let (sign, rest) = line.split_once(' ')?;
    let (name, pair) = rest.split_once(' ')?;
    let pair = pair.parse().ok()?;
    let row = match sign {
        "+" => Row::Held(pair),
        "-" => Row::StruckOut(pair),
        _ => return None,
    };
    Some((name, row))
}

/// The record, open for appending.
pub struct Rows {
    file: File,
    writing: Mutex<()>,
}

impl Rows {
    /// Begins a new record with these pairs. It takes the place of the old one complete, or not at all.
    pub fn begin(folder: &Path, name: &str, held: &BTreeMap<String, Pair>) -> io::Result<Self> {
        let new = folder.join(format!("{name}.new"));
        let mut file = File::create(&new)?;
        let lines = held.iter();
        let lines = lines.map(|(name, &pair)| Line(name, Row::Held(pair)).to_string());
        file.write_all(lines.collect::<String>().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, folder.join(name))?;
        File::open(folder)?.sync_all()?;
        Ok(Self {
            file,
            writing: Mutex::default(),
        })
    }

    /// Writes a row. It is on the disk when this returns.
    ///
    /// After an error, what is on the disk is unknown: end the process, and read it again.
    pub fn write(&self, name: &str, row: Row) -> io::Result<()> {
        let line = Line(name, row).to_string();
        {
            let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            (&self.file).write_all(line.as_bytes())?;
        }
        // Not under the lock: one sync of the disk is for all who wait for it.
        self.file.sync_data()
    }
}
