//! `json`: one array, of which one element at a time is in memory.

use super::element::{Elements, MAX_ELEMENT_BYTES};
use crate::batch::Batch;
use crate::error::Fault;
use crate::fields::Fields;
use crate::lines::read_some;
use crate::list::{Counts, Reader};
use crate::record::Record;
use std::io::Read;

/// How much is asked of the input at a time, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct JsonArray<R> {
    input: R,
    chunk: Box<[u8]>,
    start: usize,
    end: usize,
    /// The line of the byte that comes next.
    line: u64,
    /// Whether any byte stands on that line.
    is_line_begun: bool,
    place: Place,
    element: Element,
    elements: Elements,
    batch: Batch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the array.
    Before,
    /// In an element, or in the blanks around it.
    First,
    Next,
    /// Behind the array.
    Behind,
    Over,
}

/// The text of one element, and how deep it goes at its end.
#[derive(Default)]
struct Element {
    text: Vec<u8>,
    /// The line of its first byte that is no blank.
    line: u64,
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
}

impl<R: Read> JsonArray<R> {
    pub(super) fn new(input: R, fields: Fields) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK_BYTES].into(),
            start: 0,
            end: 0,
            line: 1,
            is_line_begun: false,
            place: Place::Before,
            element: Element::default(),
            elements: Elements::new(fields),
            batch: Batch::default(),
        }
    }

    /// The next byte; `None` at the end of the input.
    fn byte(&mut self) -> Result<Option<u8>, Fault> {
        if self.start == self.end {
            let read = read_some(&mut self.input, &mut self.chunk);
            self.end = read.map_err(|error| Fault::io(error, self.lines()))?;
            self.start = 0;
            if self.end == 0 {
                return Ok(None);
            }
        }
        let byte = self.chunk[self.start];
        self.start += 1;
        Ok(Some(byte))
    }

    /// Reads on by one byte. Only the end of an element adds to the batch.
    fn step(&mut self) -> Result<(), Fault> {
        let Some(byte) = self.byte()? else {
            return self.end();
        };
        let line = self.line;
        self.line += u64::from(byte == b'\n');
        self.is_line_begun = byte != b'\n';
        match self.place {
            Place::Before => self.before(byte, line),
            Place::First | Place::Next => self.inside(byte, line),
            Place::Behind if byte.is_ascii_whitespace() => Ok(()),
            Place::Behind | Place::Over => Err(Fault::malformed(
                "something comes after the array",
                line,
                &[byte],
            )),
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.place {
            Place::Behind | Place::Over => {
                self.place = Place::Over;
                Ok(())
            }
            Place::Before => Err(Fault::truncated("there is no array", self.lines())),
            Place::First | Place::Next => {
                Err(Fault::truncated("the array is not closed", self.lines()))
            }
        }
    }

    fn before(&mut self, byte: u8, line: u64) -> Result<(), Fault> {
        let text = &mut self.element.text;
        match byte {
            b'[' if text.is_empty() || text == BYTE_ORDER_MARK => {
                text.clear();
                self.place = Place::First;
            }
            _ if byte.is_ascii_whitespace() && text.is_empty() => {}
            _ if text.len() < BYTE_ORDER_MARK.len() && byte == BYTE_ORDER_MARK[text.len()] => {
                text.push(byte);
            }
            _ => {
                text.push(byte);
                let what =
                    "this does not begin with [ as an array does; one value per line is ndjson";
                return Err(Fault::malformed(what, line, text));
            }
        }
        Ok(())
    }

    fn inside(&mut self, byte: u8, line: u64) -> Result<(), Fault> {
        if self.element.is_border(byte) {
            self.element_ends(line, byte == b']')?;
            self.place = if byte == b']' {
                Place::Behind
            } else {
                Place::Next
            };
            return Ok(());
        }
        self.element.push(byte, line)
    }

    fn element_ends(&mut self, line: u64, is_last: bool) -> Result<(), Fault> {
        let element = &mut self.element;
        let is_nothing = element.text.is_empty();
        if is_nothing && is_last && self.place == Place::First {
            return Ok(());
        }
        if is_nothing {
            return Err(Fault::malformed("an element is missing", line, b""));
        }
        let read = self
            .elements
            .read(&element.text, element.line, &mut self.batch);
        if read.is_err() {
            return Err(Fault::malformed(
                "this is no JSON",
                element.line,
                &element.text,
            ));
        }
        element.text.clear();
        Ok(())
    }

    fn lines(&self) -> u64 {
        self.line - u64::from(!self.is_line_begun)
    }
}

impl Element {
    /// Whether the element ends before this byte.
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
        if self.text.len() >= MAX_ELEMENT_BYTES {
            let what = "an element has more than 1 MiB";
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
            b'[' | b'{' => self.depth += 1,
            // One too many is for the parser to refuse.
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }
}

impl<R: Read> Reader for JsonArray<R> {
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
            ..Counts::default()
        }
    }
}
