//! Recognizes input that is not text, and says what it looks like.

use std::io::{self, Cursor, ErrorKind, Read};

/// How much of the input is examined, in bytes.
const HEAD_BYTES: usize = 512;

/// The first bytes of files that are often mistaken for lists.
const MAGIC: [(&[u8], &str); 10] = [
    (b"\x1f\x8b", "this is gzip: unpack it first, as with zcat"),
    (b"BZh", "this is bzip2: unpack it first, as with bzcat"),
    (b"\xfd7zXZ\0", "this is xz: unpack it first, as with xzcat"),
    (
        b"\x28\xb5\x2f\xfd",
        "this is zstd: unpack it first, as with zstdcat",
    ),
    (
        b"PK\x03\x04",
        "this is a zip archive or a spreadsheet: save it as CSV",
    ),
    (
        b"\xff\xfe",
        "this is UTF-16: write it as UTF-8, in PowerShell with Out-File -Encoding utf8",
    ),
    (b"\xfe\xff", "this is UTF-16: write it as UTF-8"),
    (
        b"SQLite format 3",
        "this is an SQLite database: query it, and read the output as csv",
    ),
    (b"%PDF", "this is a PDF"),
    (b"\x7fELF", "this is a program"),
];

/// An input whose beginning is examined once.
pub(crate) struct Sniffed<R> {
    head: Cursor<Vec<u8>>,
    input: R,
    is_new: bool,
    /// An error that occurred after the first bytes.
    failed: Option<io::Error>,
}

impl<R: Read> Sniffed<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            head: Cursor::new(Vec::new()),
            input,
            is_new: true,
            failed: None,
        }
    }

    fn look(&mut self) -> io::Result<()> {
        let head = self.head.get_mut();
        while head.len() < HEAD_BYTES {
            let mut more = [0; HEAD_BYTES];
            match self.input.read(&mut more[..HEAD_BYTES - head.len()]) {
                Ok(0) => break,
                Ok(count) => head.extend(&more[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What was read before the error may still be a list.
                Err(error) if head.is_empty() => return Err(error),
                Err(error) => {
                    self.is_new = false;
                    self.failed = Some(error);
                    break;
                }
            }
        }
        self.is_new = false;
        match what_it_is(self.head.get_ref()) {
            Some(what) => Err(io::Error::new(ErrorKind::InvalidData, what)),
            None => Ok(()),
        }
    }
}

/// Returns what the input looks like, if it is not text.
fn what_it_is(head: &[u8]) -> Option<&'static str> {
    let mut magic = MAGIC.iter();
    let known = magic.find(|(magic, _)| head.starts_with(magic));
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    match known {
        Some((_, what)) => Some(what),
        None if zeros > head.len() / 4 => Some("this is UTF-16 without a mark, or not text"),
        None if zeros != 0 => Some("this is not text"),
        None => None,
    }
}

impl<R: Read> Read for Sniffed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_new {
            self.look()?;
        }
        match self.head.read(buffer)? {
            0 => match self.failed.take() {
                Some(error) => Err(error),
                None => self.input.read(buffer),
            },
            count => Ok(count),
        }
    }
}
