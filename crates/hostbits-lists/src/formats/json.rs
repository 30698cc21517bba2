//! `json`: values one after the other. Of an array at the top, one element at a time is in memory.

use super::beside::{self, Elsewhere};
use super::element::Elements;
use super::yielded;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::read_some;
use crate::list::{Counts, Reader};
use crate::query::{Filter, Query};
use crate::record::Record;
use std::io::Read;
use std::rc::Rc;

/// How much is asked of the input at a time, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// How large one value may be, in bytes.
const MAX_VALUE_BYTES: usize = 256 << 20;
/// How deep a value may go: the parsers go into each level.
const MAX_DEPTH: u32 = 120;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What is made of each value.
pub(super) enum Reading {
    /// The usual names are looked for.
    Usual(Elements),
    /// A filter says.
    Filtered(Rc<Filter>),
    /// A filter of ours says, and what it leaves out is looked at, too.
    Known(Rc<Filter>, Elsewhere),
}

impl Reading {
    /// What a query says.
    pub(super) fn of(query: &Query) -> Self {
        match query.filter() {
            Some(filter) => Self::Filtered(Rc::new(filter)),
            None => Self::Usual(Elements::default()),
        }
    }

    /// Adds what a value says. The error is that it is no JSON, or that the filter has failed.
    pub(super) fn read(&mut self, value: &[u8], line: u64, out: &mut Batch) -> Result<(), Fault> {
        match self {
            Self::Usual(elements) => {
                out.element += 1;
                out.is_known = true;
                let read = elements.read(value, line, out);
                read.map_err(|_| Fault::malformed("this is no JSON", line, value))
            }
            Self::Filtered(filter) => {
                let read = yielded::read(filter, value, line, out);
                out.released.clear();
                read
            }
            Self::Known(filter, elsewhere) => {
                let first = out.count();
                yielded::read(filter, value, line, out)?;
                beside::tell(value, *elsewhere, first, line, out);
                Ok(())
            }
        }
    }
}

pub(super) struct JsonValues<R> {
    input: R,
    chunk: Box<[u8]>,
    start: usize,
    end: usize,
    /// The line of the byte that comes next.
    line: u64,
    /// Whether any byte stands on that line.
    is_line_begun: bool,
    place: Place,
    /// Whether comments are skipped.
    has_comments: bool,
    scan: Scan,
    reading: Reading,
    batch: Batch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before all values.
    Before,
    /// In a value that stands for itself.
    Alone,
    /// In an array, before its first element or in it.
    First,
    /// In a later element.
    Next,
    /// Between values.
    Between,
    Over,
}

/// The text of one value, and where in it the reader is.
#[derive(Default)]
struct Scan {
    text: Vec<u8>,
    /// The line of its first byte that is no blank.
    line: u64,
    depth: u32,
    is_in_string: bool,
    is_escaped: bool,
    comment: Comment,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Comment {
    #[default]
    None,
    /// After a slash.
    Slash,
    /// To the end of the line.
    Line,
    /// To `*/`.
    Block,
    /// In one, after a star.
    Star,
}

impl<R: Read> JsonValues<R> {
    pub(super) fn new(input: R, reading: Reading) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK_BYTES].into(),
            start: 0,
            end: 0,
            line: 1,
            is_line_begun: false,
            place: Place::Before,
            has_comments: false,
            scan: Scan::default(),
            reading,
            batch: Batch::default(),
        }
    }

    /// JSON with the comments that some configurations have.
    pub(super) fn with_comments(mut self) -> Self {
        self.has_comments = true;
        self
    }

    /// Reads more into the empty chunk. Whether there was any.
    fn fill(&mut self) -> Result<bool, Fault> {
        let read = read_some(&mut self.input, &mut self.chunk);
        self.end = read.map_err(|error| Fault::io(error, self.lines()))?;
        self.start = 0;
        Ok(self.end != 0)
    }

    /// Reads on to the end of a value, or of what there is of the input.
    fn step(&mut self) -> Result<(), Fault> {
        if self.start == self.end && !self.fill()? {
            return self.end();
        }
        while self.start < self.end {
            let byte = self.chunk[self.start];
            self.start += 1;
            let line = self.line;
            self.line += u64::from(byte == b'\n');
            self.is_line_begun = byte != b'\n';
            if self.has_comments && self.is_comment(byte) {
                continue;
            }
            if self.take(byte, line)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the byte is of a comment. A slash outside texts is in no JSON.
    fn is_comment(&mut self, byte: u8) -> bool {
        let scan = &mut self.scan;
        if scan.is_in_string {
            return false;
        }
        scan.comment = match (scan.comment, byte) {
            (Comment::None, b'#') => Comment::Line,
            (Comment::None, b'/') => Comment::Slash,
            (Comment::None, _) => return false,
            (Comment::Slash, b'/') => Comment::Line,
            (Comment::Slash, b'*') => Comment::Block,
            (Comment::Slash, _) => Comment::None,
            (Comment::Line, b'\n') => Comment::None,
            (Comment::Line, _) => Comment::Line,
            (Comment::Block | Comment::Star, b'*') => Comment::Star,
            (Comment::Star, b'/') => Comment::None,
            (Comment::Block | Comment::Star, _) => Comment::Block,
        };
        true
    }

    /// Takes one byte. Whether a value has ended with it.
    fn take(&mut self, byte: u8, line: u64) -> Result<bool, Fault> {
        match self.place {
            Place::Before | Place::Between => self.begin(byte, line).map(|()| false),
            Place::Alone => {
                let is_plain = self.scan.depth == 0 && !self.scan.is_in_string;
                if is_plain && (byte.is_ascii_whitespace() || b"[{\"".contains(&byte)) {
                    // A number or a word, which ends where something else begins.
                    self.value_ends()?;
                    self.place = Place::Between;
                    return self.begin(byte, line).map(|()| true);
                }
                self.scan.push(byte, line)?;
                let ends = self.scan.depth == 0
                    && !self.scan.is_in_string
                    && matches!(byte, b'}' | b']' | b'"');
                if ends {
                    self.value_ends()?;
                    self.place = Place::Between;
                }
                Ok(ends)
            }
            Place::First | Place::Next => {
                if !self.scan.is_border(byte) {
                    return self.scan.push(byte, line).map(|()| false);
                }
                self.element_ends(line, byte == b']')?;
                self.place = match byte {
                    b']' => Place::Between,
                    _ => Place::Next,
                };
                Ok(true)
            }
            Place::Over => Ok(true),
        }
    }

    fn begin(&mut self, byte: u8, line: u64) -> Result<(), Fault> {
        let mark = &mut self.scan.text;
        if self.place == Place::Before && BYTE_ORDER_MARK.get(mark.len()) == Some(&byte) {
            mark.push(byte);
            return Ok(());
        }
        if !mark.is_empty() && mark.as_slice() != BYTE_ORDER_MARK {
            mark.push(byte);
            return Err(Fault::malformed("this is no JSON", line, mark));
        }
        if byte.is_ascii_whitespace() {
            return Ok(());
        }
        mark.clear();
        self.batch.is_known = true;
        if byte == b'[' {
            self.place = Place::First;
            return Ok(());
        }
        self.place = Place::Alone;
        self.scan.push(byte, line)
    }

    fn element_ends(&mut self, line: u64, is_last: bool) -> Result<(), Fault> {
        let is_nothing = self.scan.text.is_empty();
        if is_nothing && is_last && self.place == Place::First {
            return Ok(());
        }
        if is_nothing {
            return Err(Fault::malformed("an element is missing", line, b""));
        }
        self.value_ends()
    }

    fn value_ends(&mut self) -> Result<(), Fault> {
        let scan = &mut self.scan;
        self.reading.read(&scan.text, scan.line, &mut self.batch)?;
        scan.text.clear();
        // What one large value needed is not kept for the others.
        if scan.text.capacity() > 1 << 20 {
            scan.text = Vec::new();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let what = match self.place {
            Place::Before => "there is no JSON value",
            Place::First | Place::Next => "the array is not closed",
            Place::Alone if self.scan.depth != 0 || self.scan.is_in_string => {
                "the value is not closed"
            }
            Place::Alone => {
                self.value_ends()?;
                self.place = Place::Between;
                return Ok(());
            }
            Place::Between | Place::Over => {
                self.place = Place::Over;
                return Ok(());
            }
        };
        Err(Fault::truncated(what, self.lines()))
    }

    fn lines(&self) -> u64 {
        self.line - u64::from(!self.is_line_begun)
    }
}

impl Scan {
    /// Whether the element of an array ends before this byte.
    fn is_border(&self, byte: u8) -> bool {
        !self.is_in_string && self.depth == 0 && matches!(byte, b',' | b']')
    }

    fn push(&mut self, byte: u8, line: u64) -> Result<(), Fault> {
        if self.text.is_empty() {
            if byte.is_ascii_whitespace() {
                return Ok(());
            }
            self.line = line;
        }
        if self.text.len() == MAX_VALUE_BYTES {
            let what = "a value has more than 256 MiB";
            return Err(Fault::malformed(what, self.line, &self.text));
        }
        self.text.push(byte);
        if self.is_in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_in_string = false,
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => self.is_in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                let Some(depth) = self.depth.checked_sub(1) else {
                    return Err(Fault::malformed("this is no JSON", self.line, &self.text));
                };
                self.depth = depth;
            }
            _ => {}
        }
        match self.depth > MAX_DEPTH {
            true => Err(Fault::malformed(
                "a value goes too deep",
                self.line,
                &self.text,
            )),
            false => Ok(()),
        }
    }
}

impl<R: Read> Reader for JsonValues<R> {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        while !self.batch.advance() {
            if self.place == Place::Over {
                return Ok(None);
            }
            self.step()?;
        }
        Ok(self.batch.current())
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.lines(),
            ..self.batch.counts()
        }
    }
}
