//! `json`: a sequence of values. A top-level array is read one element at a time, and so is the array within an object
//! that a filter iterates over:
//!
//! ```text
//! {"kind": "List", "items": [ {..}, {..}, {..} ], "metadata": {}}      .items[] | ...
//!                             `--' to the filter as {"items": [{..}]}, one at a time
//! {"kind": "List", "items": [                  ], "metadata": {}}      at the end: is it JSON, and was there an array?
//! ```

#[cfg(test)]
mod way;

use super::beside::{self, Elsewhere};
use super::element::Elements;
use super::value::TWICE;
use super::yielded;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::read_some;
use crate::list::{Counts, Reader};
use crate::query::{Filter, Query};
use crate::record::Record;
use memchr::{memchr_iter, memchr2};
use std::io::Read;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

/// How much is read from the input at a time, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// The maximum size of one value, in bytes.
const MAX_VALUE_BYTES: usize = 256 << 20;
/// The maximum depth of a value, because the parsers recurse.
const MAX_DEPTH: u32 = 120;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How values become records.
pub(super) enum Reading {
    /// By the usual names.
    Usual(Elements),
    /// By the filter of the caller.
    Filtered(Rc<Filter>),
    /// By a built-in filter; addresses that it does not yield are looked for, too.
    Known(Rc<Filter>, Elsewhere),
}

impl Reading {
    /// Returns how values are read with the given query.
    pub(super) fn of(query: &Query) -> Self {
        match query.filter() {
            Some(filter) => Self::Filtered(Rc::new(filter)),
            None => Self::Usual(Elements::default()),
        }
    }

    /// Returns the names on the path to the array that is read one element at a time; empty if there is no such array.
    fn way(&self) -> &[String] {
        match self {
            Self::Usual(_) => &[],
            Self::Filtered(filter) | Self::Known(filter, _) => filter.way(),
        }
    }

    /// Adds the records of a value, or of an element of that array. Fails if the text is not valid JSON, or if the
    /// filter fails.
    pub(super) fn read(
        &mut self,
        value: &[u8],
        is_element: bool,
        line: u64,
        out: &mut Batch,
    ) -> Result<(), Fault> {
        match self {
            Self::Usual(elements) => {
                out.element += 1;
                out.is_known = true;
                let read = elements.read(value, line, out);
                read.map_err(|_| Fault::malformed("this is not JSON", line, value))
            }
            Self::Filtered(filter) => {
                let read = yielded::read(filter, value, is_element, line, out);
                out.released.clear();
                read
            }
            Self::Known(filter, elsewhere) => {
                let first = out.count();
                yielded::read(filter, value, is_element, line, out)?;
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
    /// The line of the next byte.
    line: u64,
    /// Whether that line has any byte yet.
    is_line_begun: bool,
    place: Place,
    /// Whether comments are skipped.
    has_comments: bool,
    scan: Scan,
    track: Track,
    /// The value around the array that is being read.
    around: Option<Scan>,
    reading: Reading,
    batch: Batch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first value.
    Before,
    /// In a top-level value outside any array.
    Alone,
    /// In an array, in its first element or before it.
    First,
    /// In a later element of an array.
    Next,
    /// Between values.
    Between,
    Over,
}

/// The text of one value, and the position of the reader in it.
#[derive(Default)]
struct Scan {
    text: Vec<u8>,
    /// The line of its first byte that is not a blank.
    line: u64,
    depth: u32,
    is_in_string: bool,
    is_escaped: bool,
    comment: Comment,
    /// How deep the value is nested in another one.
    base: u32,
}

/// The position on the path to the array that the filter iterates over.
#[derive(Default)]
struct Track {
    /// How many names of the path have been passed.
    passed: usize,
    /// The last string at the level below them.
    name: Range<usize>,
    /// Whether that string is the next name of the path, followed by a colon.
    is_at_name: bool,
    /// Whether the array has been found.
    is_met: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Comment {
    #[default]
    None,
    /// After a slash.
    Slash,
    /// In a comment up to the end of the line.
    Line,
    /// In a comment up to `*/`.
    Block,
    /// In such a comment, after a star.
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
            track: Track::default(),
            around: None,
            reading,
            batch: Batch::default(),
        }
    }

    /// Allows comments, as some configuration files contain them.
    pub(super) fn with_comments(mut self) -> Self {
        self.has_comments = true;
        self
    }

    /// Reads more input into the empty chunk. Returns whether there was any.
    fn fill(&mut self) -> Result<bool, Fault> {
        let read = read_some(&mut self.input, &mut self.chunk);
        self.end = read.map_err(|error| Fault::io(error, self.lines()))?;
        self.start = 0;
        Ok(self.end != 0)
    }

    /// Reads up to the end of a value, or to the end of the buffered input.
    fn step(&mut self) -> Result<(), Fault> {
        if self.start == self.end && !self.fill()? {
            return self.end();
        }
        while self.start < self.end {
            if self.scan.is_in_string && !self.scan.is_escaped {
                self.take_text()?;
                if self.start == self.end {
                    break;
                }
            }
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

    /// Consumes the rest of a string, up to its end or to an escape.
    fn take_text(&mut self) -> Result<(), Fault> {
        let rest = &self.chunk[self.start..self.end];
        let plain = &rest[..memchr2(b'"', b'\\', rest).unwrap_or(rest.len())];
        let Some(&last) = plain.last() else {
            return Ok(());
        };
        self.scan.extend(plain)?;
        self.start += plain.len();
        self.line += memchr_iter(b'\n', plain).count() as u64;
        self.is_line_begun = last != b'\n';
        Ok(())
    }

    /// Returns whether the byte belongs to a comment. Outside strings, JSON has no slash.
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

    /// Consumes one byte. Returns whether it completes a value.
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
                let was_in_string = self.scan.is_in_string;
                self.scan.push(byte, line)?;
                let way = self.reading.way();
                if !way.is_empty()
                    && self
                        .track
                        .comes_to_array(byte, was_in_string, &self.scan, way)
                {
                    return self.enter(line).map(|()| false);
                }
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
                    b']' => self.leave(line)?,
                    _ => Place::Next,
                };
                Ok(true)
            }
            Place::Over => Ok(true),
        }
    }

    /// Enters the array that the filter iterates over.
    fn enter(&mut self, line: u64) -> Result<(), Fault> {
        if mem::replace(&mut self.track.is_met, true) {
            return Err(Fault::malformed(TWICE, line, b""));
        }
        let inner = Scan {
            base: self.scan.depth,
            ..Scan::default()
        };
        self.around = Some(mem::replace(&mut self.scan, inner));
        self.place = Place::First;
        Ok(())
    }

    /// Leaves an array, and returns to the value around it, if there is one.
    fn leave(&mut self, line: u64) -> Result<Place, Fault> {
        let Some(around) = self.around.take() else {
            return Ok(Place::Between);
        };
        self.scan = around;
        self.scan.push(b']', line)?;
        Ok(Place::Alone)
    }

    fn begin(&mut self, byte: u8, line: u64) -> Result<(), Fault> {
        let mark = &mut self.scan.text;
        if self.place == Place::Before && BYTE_ORDER_MARK.get(mark.len()) == Some(&byte) {
            mark.push(byte);
            return Ok(());
        }
        if !mark.is_empty() && mark.as_slice() != BYTE_ORDER_MARK {
            mark.push(byte);
            return Err(Fault::malformed("this is not JSON", line, mark));
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
        self.track = Track::default();
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
        let is_element = self.around.is_some();
        self.reading
            .read(&scan.text, is_element, scan.line, &mut self.batch)?;
        scan.text.clear();
        // The memory that one large value needed is not kept for the others.
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

impl Track {
    /// Returns whether the byte just consumed opens the array at the end of the path.
    ///
    /// A name with an escape in it does not match. Whether the text is valid JSON does not matter here, because the
    /// value around the array is parsed when it is complete.
    fn comes_to_array(
        &mut self,
        byte: u8,
        was_in_string: bool,
        scan: &Scan,
        way: &[String],
    ) -> bool {
        let is_just_below = scan.depth as usize == self.passed + 1;
        if was_in_string {
            if !scan.is_in_string && is_just_below {
                self.name.end = scan.text.len() - 1;
            }
            return false;
        }
        let is_at_name = mem::take(&mut self.is_at_name);
        match byte {
            b'"' if is_just_below => self.name.start = scan.text.len(),
            b':' if is_just_below => {
                let name = scan.text.get(self.name.clone());
                self.is_at_name = name == Some(way[self.passed].as_bytes());
            }
            b'{' if is_at_name && self.passed + 1 < way.len() => self.passed += 1,
            b'[' => return is_at_name && self.passed + 1 == way.len(),
            b'}' | b']' => self.passed = self.passed.min(scan.depth.saturating_sub(1) as usize),
            _ => self.is_at_name = is_at_name && byte.is_ascii_whitespace(),
        }
        false
    }
}

impl Scan {
    /// Returns whether the element of an array ends before this byte.
    fn is_border(&self, byte: u8) -> bool {
        !self.is_in_string && self.depth == 0 && matches!(byte, b',' | b']')
    }

    /// Consumes bytes of a string.
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.text.len() + bytes.len() > MAX_VALUE_BYTES {
            let what = "a value has more than 256 MiB";
            return Err(Fault::malformed(what, self.line, &self.text));
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn push(&mut self, byte: u8, line: u64) -> Result<(), Fault> {
        if self.text.is_empty() {
            if byte.is_ascii_whitespace() {
                return Ok(());
            }
            self.line = line;
        }
        self.extend(&[byte])?;
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
                    return Err(Fault::malformed("this is not JSON", self.line, &self.text));
                };
                self.depth = depth;
            }
            _ => {}
        }
        match self.base + self.depth > MAX_DEPTH {
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
