//! What all formats that are read line by line have in common.

use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::{Line, Lines};
use crate::list::{Counts, Reader};
use crate::record::Record;
use std::io::Read;

/// A format whose lines become records.
pub(crate) trait LineFormat {
    /// Reads one line.
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault>;

    /// Adds what is left after the last of `count` lines, in steps. Returns whether there was anything.
    fn end(&mut self, count: u64, out: &mut Batch) -> Result<bool, Fault>;
}

/// Reads lines, and returns the records that the format makes of them.
pub(crate) struct ByLine<R, F> {
    lines: Lines<R>,
    format: F,
    batch: Batch,
    progress: Progress,
}

#[derive(PartialEq, Eq)]
enum Progress {
    Lines,
    End,
    Over,
}

impl<R: Read, F: LineFormat> ByLine<R, F> {
    pub(crate) fn new(input: R, format: F) -> Self {
        Self::over(Lines::new(input), format)
    }

    pub(crate) fn over(lines: Lines<R>, format: F) -> Self {
        Self {
            lines,
            format,
            batch: Batch::default(),
            progress: Progress::Lines,
        }
    }
}

impl<R: Read, F: LineFormat> Reader for ByLine<R, F> {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        while !self.batch.advance() {
            match self.progress {
                Progress::Lines => match self.lines.read()? {
                    Some(line) => self.format.line(line, &mut self.batch)?,
                    None => self.progress = Progress::End,
                },
                Progress::End => {
                    if !self.format.end(self.lines.count(), &mut self.batch)? {
                        self.progress = Progress::Over;
                    }
                }
                Progress::Over => return Ok(None),
            }
        }
        Ok(self.batch.current())
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.lines.count(),
            ..self.batch.counts()
        }
    }
}

/// Returns the next field up to `separator` and removes it from `rest`; returns `None` after the last one.
pub(crate) fn next_field<'a>(rest: &mut Option<&'a [u8]>, separator: u8) -> Option<&'a [u8]> {
    let bytes = (*rest)?;
    match memchr::memchr(separator, bytes) {
        Some(at) => {
            *rest = Some(&bytes[at + 1..]);
            Some(&bytes[..at])
        }
        None => {
            *rest = None;
            Some(bytes)
        }
    }
}

/// Splits a line into at most `N` fields. Returns the fields, and how many there are in all.
pub(crate) fn fields<const N: usize>(bytes: &[u8], separator: u8) -> ([&[u8]; N], usize) {
    let mut fields = [&[][..]; N];
    let mut count = 0;
    let mut rest = Some(bytes);
    while let Some(field) = next_field(&mut rest, separator) {
        if let Some(place) = fields.get_mut(count) {
            *place = field;
        }
        count += 1;
    }
    (fields, count)
}
