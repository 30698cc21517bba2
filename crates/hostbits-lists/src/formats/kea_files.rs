//! The lease files of Kea, read as Kea itself reads them when it starts.
//!
//! While its cleanup runs, leases are in several files. The lease file itself is moved to `.1` and started anew, `.2`
//! is the result of the last cleanup, and a finished result is called `.completed` until it replaces both. The lease
//! file alone would then be almost empty, as if all clients had left.

use super::by_line::ByLine;
use super::kea::Kea;
use crate::error::Fault;
use crate::lines::read_some;
use crate::list::Reader;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many times opening is tried while a cleanup moves the files.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Opens the file at `path`, and the files that belong before it.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Reader>, Fault> {
    let mut attempt = 1;
    loop {
        match open_all(path) {
            Ok(files) => return Ok(Box::new(ByLine::new(files, Kea::default()))),
            Err(error) if attempt == ATTEMPTS => return Err(Fault::io(error, 0)),
            Err(_) => attempt += 1,
        }
        std::thread::sleep(PAUSE);
    }
}

/// Opens the files in the order in which later rows replace earlier ones. Fails if they were moved meanwhile.
fn open_all(path: &Path) -> io::Result<OneBehindTheOther> {
    let older = ["completed", "2", "1"].map(|suffix| beside(path, suffix));
    let main = File::open(path)?;
    if !main.metadata()?.is_file() {
        // A pipe or a directory has no files beside it. A directory fails when it is read.
        return Ok(OneBehindTheOther::new(vec![main]));
    }
    let mut opened = Vec::new();
    for path in &older {
        opened.push(match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            outcome => Some(outcome?),
        });
    }
    opened.push(Some(main));
    for (path, file) in older
        .iter()
        .map(PathBuf::as_path)
        .chain([path])
        .zip(&opened)
    {
        if !is_still(path, file.as_ref())? {
            return Err(io::Error::other("Kea's cleanup is moving the files"));
        }
    }
    // The result of a finished cleanup contains both others.
    let is_completed = opened.first().is_some_and(Option::is_some);
    let skipped = if is_completed { 1..3 } else { 0..0 };
    opened.drain(skipped);
    Ok(OneBehindTheOther::new(
        opened.into_iter().flatten().collect(),
    ))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Returns whether the name still refers to the opened file, or still to none.
fn is_still(path: &Path, file: Option<&File>) -> io::Result<bool> {
    match (fs::metadata(path), file) {
        (Ok(named), Some(file)) => Ok(is_one(&named, &file.metadata()?)),
        (Ok(_), None) => Ok(false),
        (Err(error), file) if error.kind() == ErrorKind::NotFound => Ok(file.is_none()),
        (Err(error), _) => Err(error),
    }
}

#[cfg(unix)]
fn is_one(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_one(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

/// Concatenates files, with a line feed between two of them if the first does not end with one.
struct OneBehindTheOther {
    /// The files that are not read yet, the last one first.
    files: Vec<File>,
    is_in_line: bool,
}

impl OneBehindTheOther {
    fn new(mut files: Vec<File>) -> Self {
        files.reverse();
        Self {
            files,
            is_in_line: false,
        }
    }
}

impl Read for OneBehindTheOther {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(file) = self.files.last_mut() {
            let count = read_some(file, buffer)?;
            if let Some(&last) = buffer[..count].last() {
                self.is_in_line = last != b'\n';
                return Ok(count);
            }
            self.files.pop();
            if self.is_in_line && !self.files.is_empty() && !buffer.is_empty() {
                self.is_in_line = false;
                buffer[0] = b'\n';
                return Ok(1);
            }
        }
        Ok(0)
    }
}
