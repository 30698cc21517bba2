//! Why reading a list stopped before its end.

use std::error::Error;
use std::fmt;
use std::io;

/// The maximum length of a quoted text, in characters.
pub(crate) const MAX_QUOTED: usize = 64;

/// Why a list could not be read to its end.
///
/// The records before the error prove nothing about the rest: never free an address on the strength of such a list.
///
/// ```
/// use hostbits_lists::{Format, List};
///
/// let list = List::new(Format::JSON, "users.json", &b"[\"10.0.0.5\","[..]);
/// let error = list.for_each(|_| {}).unwrap_err();
/// assert_eq!(error.code(), "list-truncated");
/// assert_eq!(error.to_string(), "users.json:1: the array is not closed");
/// ```
#[derive(Debug)]
pub struct ListError {
    pub(crate) file: String,
    pub(crate) fault: Fault,
}

/// An error that does not know the name of its file yet. It is kept small, because every line is returned as a `Result`
/// with it.
#[derive(Debug)]
pub(crate) struct Fault(Box<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) kind: FaultKind,
    pub(crate) line: u64,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) enum FaultKind {
    Io(io::Error),
    Truncated(&'static str),
    Malformed(&'static str),
    /// The caller asked for the outcome before the end of the list.
    Unfinished,
}

impl Fault {
    fn new(kind: FaultKind, line: u64, text: String) -> Self {
        Self(Box::new(Parts { kind, line, text }))
    }

    /// Returns an error of the input after `line`.
    pub(crate) fn io(error: io::Error, line: u64) -> Self {
        Self::new(FaultKind::Io(error), line, String::new())
    }

    /// Returns an error for a list whose end is missing; `what` is a sentence about it.
    pub(crate) fn truncated(what: &'static str, line: u64) -> Self {
        Self::new(FaultKind::Truncated(what), line, String::new())
    }

    /// Returns an error for input that is not in the format; `what` is a sentence about it.
    pub(crate) fn malformed(what: &'static str, line: u64, text: &[u8]) -> Self {
        Self::new(FaultKind::Malformed(what), line, excerpt(text))
    }

    pub(crate) fn unfinished(line: u64) -> Self {
        Self::new(FaultKind::Unfinished, line, String::new())
    }
}

impl ListError {
    /// Returns a stable name for logs and JSON: `unreadable`, `list-truncated`, `list-malformed` or `list-unfinished`.
    pub fn code(&self) -> &'static str {
        match self.fault.0.kind {
            FaultKind::Io(_) => "unreadable",
            FaultKind::Truncated(_) => "list-truncated",
            FaultKind::Malformed(_) => "list-malformed",
            FaultKind::Unfinished => "list-unfinished",
        }
    }

    /// Returns the name of the list: its path, or what the caller called it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the last line that was read, or the line that is wrong; 0 if there was none.
    pub fn line(&self) -> u64 {
        self.fault.0.line
    }

    /// Returns up to 64 characters of the text that is wrong. The text is empty where it could be a secret.
    pub fn text(&self) -> &str {
        &self.fault.0.text
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, Parts { kind, line, text }) = (printable(&self.file), &*self.fault.0);
        let what = match kind {
            FaultKind::Io(error) if *line == 0 => return write!(f, "cannot read {file}: {error}"),
            FaultKind::Io(error) => {
                return write!(f, "cannot read {file} after line {line}: {error}");
            }
            FaultKind::Unfinished => {
                return write!(f, "{file} was not read to its end, only to line {line}");
            }
            FaultKind::Truncated(what) | FaultKind::Malformed(what) => what,
        };
        write!(f, "{file}")?;
        if *line != 0 {
            write!(f, ":{line}")?;
        }
        write!(f, ": {what}")?;
        if !text.is_empty() {
            write!(f, ": {text:?}")?;
        }
        Ok(())
    }
}

impl Error for ListError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault.0.kind {
            FaultKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Returns the beginning of a text, with a mark if the rest was left out.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    // A character is at most 4 bytes long, so this is enough to quote from, and to see that there is more.
    let head = &bytes[..bytes.len().min(4 * MAX_QUOTED + 4)];
    let text = String::from_utf8_lossy(head);
    let text = text.trim();
    match text.char_indices().nth(MAX_QUOTED) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MAX_QUOTED - 1).chain(['…']).collect(),
    }
}

/// Returns a name without control characters, which could command a terminal.
pub(crate) fn printable(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_control() {
            text.extend(char.escape_default());
        } else {
            text.push(char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_64_characters_at_most() {
        for (length, expected) in [(64, 64), (65, 64), (1000, 64), (0, 0)] {
            assert_eq!(
                excerpt("ü".repeat(length).as_bytes()).chars().count(),
                expected
            );
        }
        assert!(excerpt(&[b'x'; 65]).ends_with("x…"));
        assert_eq!(excerpt(b" a\xFFb\r"), "a\u{fffd}b");
    }

    #[test]
    fn names_and_texts_are_printed_escaped() {
        let error = ListError {
            file: "a\u{1b}b".into(),
            fault: Fault::malformed("this is no list", 3, b"\x1b[31m"),
        };
        let expected = "a\\u{1b}b:3: this is no list: \"\\u{1b}[31m\"";
        assert_eq!(error.to_string(), expected);
        assert_eq!((error.code(), error.line()), ("list-malformed", 3));
    }
}
