//! Lines of bytes, borrowed from one buffer. Only a bounded beginning of each line is kept.

use crate::error::Fault;
use memchr::memchr;
use std::io::{self, ErrorKind, Read};

/// How much is read from the input at a time, in bytes.
const CHUNK_BYTES: usize = 128 * 1024;
/// How much of a line is kept, in bytes. No address with an owner is nearly as long.
pub(crate) const MAX_LINE_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The number of the line, counted from 1.
    pub(crate) number: u64,
    /// The content, without byte order mark and line feed.
    pub(crate) bytes: &'a [u8],
    /// Whether the line is longer than `bytes`.
    pub(crate) is_cut: bool,
    /// Whether the line ended with a line feed; the last line need not.
    pub(crate) is_ended: bool,
}

impl<'a> Line<'a> {
    /// Returns the content without a trailing carriage return.
    pub(crate) fn without_return(&self) -> &'a [u8] {
        self.bytes.strip_suffix(b"\r").unwrap_or(self.bytes)
    }
}

/// Reads lines into one buffer that is reused.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// The bytes that were read but not yet returned start here.
    start: usize,
    end: usize,
    count: u64,
    last: LastLine,
    max_line_bytes: usize,
    is_over: bool,
    /// Whether the rest of a line that was too long still has to be skipped.
    is_cut: bool,
}

/// The position in the buffer of the line that was returned last.
#[derive(Clone, Copy, Debug, Default)]
struct LastLine {
    start: usize,
    length: usize,
    is_ended: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self::with_max(input, MAX_LINE_BYTES)
    }

    /// Creates a reader that keeps at most `max_line_bytes` of a line.
    pub(crate) fn with_max(input: R, max_line_bytes: usize) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            count: 0,
            last: LastLine::default(),
            max_line_bytes,
            is_over: false,
            is_cut: false,
        }
    }

    /// Returns how many lines were read.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Reads the next line; returns `None` after the last one.
    #[inline]
    pub(crate) fn read(&mut self) -> Result<Option<Line<'_>>, Fault> {
        if !self.is_cut
            && let Some(length) = memchr(b'\n', &self.buffer[self.start..self.end])
        {
            return Ok(Some(self.lend(length, true)));
        }
        self.read_more()
    }

    /// Reads a line that is not completely in the buffer.
    #[cold]
    fn read_more(&mut self) -> Result<Option<Line<'_>>, Fault> {
        self.skip_rest_of_cut()?;
        let mut searched = 0;
        loop {
            let waiting = &self.buffer[self.start..self.end];
            if let Some(at) = memchr(b'\n', &waiting[searched..]) {
                return Ok(Some(self.lend(searched + at, true)));
            }
            searched = waiting.len();
            if searched > self.max_line_bytes {
                self.is_cut = true;
                return Ok(Some(self.lend(searched, false)));
            }
            if !self.fill()? {
                return Ok((searched != 0).then(|| self.lend(searched, false)));
            }
        }
    }

    fn skip_rest_of_cut(&mut self) -> Result<(), Fault> {
        while self.is_cut {
            match memchr(b'\n', &self.buffer[self.start..self.end]) {
                Some(at) => {
                    self.start += at + 1;
                    self.is_cut = false;
                }
                None => {
                    self.start = self.end;
                    self.is_cut = self.fill()?;
                }
            }
        }
        Ok(())
    }

    /// Returns the next `length` bytes as a line. If a line feed follows them, the line is complete.
    #[inline]
    fn lend(&mut self, length: usize, is_ended: bool) -> Line<'_> {
        self.last = LastLine {
            start: self.start,
            length,
            is_ended,
        };
        self.start += length + usize::from(is_ended);
        self.count += 1;
        self.last()
    }

    /// Returns the line that was read last, again.
    #[inline]
    pub(crate) fn last(&self) -> Line<'_> {
        let LastLine {
            start,
            length,
            is_ended,
        } = self.last;
        let kept = length.min(self.max_line_bytes + 1);
        let mut bytes = &self.buffer[start..start + kept];
        if self.count == 1 {
            bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        }
        Line {
            number: self.count,
            bytes,
            is_cut: length > self.max_line_bytes,
            is_ended,
        }
    }

    /// Appends more input to the buffer. Returns whether there was any.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.is_over {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < self.end + CHUNK_BYTES {
            self.buffer.resize(self.end + CHUNK_BYTES, 0);
        }
        match read_some(&mut self.input, &mut self.buffer[self.end..]) {
            Ok(0) => {
                self.is_over = true;
                Ok(false)
            }
            Ok(read) => {
                self.end += read;
                Ok(true)
            }
            Err(error) => Err(Fault::io(error, self.count)),
        }
    }
}

/// Reads at least one byte, unless the input has ended.
pub(crate) fn read_some(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a fixed number of bytes at a time, and is interrupted before each read.
    struct Dripping<'a>(&'a [u8], usize, bool);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(ErrorKind::Interrupted.into());
            }
            let some = self.1.min(buffer.len());
            (&mut self.0).take(some as u64).read(buffer)
        }
    }

    fn all(input: &[u8], at_a_time: usize) -> Vec<(u64, Vec<u8>, bool, bool)> {
        let mut lines = Lines::new(Dripping(input, at_a_time, false));
        let mut all = Vec::new();
        while let Some(line) = lines.read().expect("memory can be read") {
            all.push((line.number, line.bytes.into(), line.is_cut, line.is_ended));
        }
        all
    }

    fn line(number: u64, text: &str, is_ended: bool) -> (u64, Vec<u8>, bool, bool) {
        (number, text.into(), false, is_ended)
    }

    #[test]
    fn the_last_line_needs_no_end() {
        for at_a_time in [1, 2, 100] {
            assert_eq!(all(b"", at_a_time), []);
            let expected = [line(1, "a", true), line(2, "", true), line(3, "b", false)];
            assert_eq!(all(b"a\n\nb", at_a_time), expected);
            assert_eq!(all(b"a\n", at_a_time), [line(1, "a", true)]);
        }
    }

    #[test]
    fn a_byte_order_mark_stands_at_the_beginning_alone() {
        let mark = "\u{feff}";
        let text = format!("{mark}a\n{mark}b");
        let expected = [line(1, "a", true), line(2, "\u{feff}b", false)];
        assert_eq!(all(text.as_bytes(), 1), expected);
    }

    /// The longest line that is kept whole, and one byte more. The line after it is unaffected.
    #[test]
    fn an_endless_line_is_cut_and_the_next_is_whole() {
        for (length, is_cut) in [
            (MAX_LINE_BYTES - 1, false),
            (MAX_LINE_BYTES, false),
            (MAX_LINE_BYTES + 1, true),
            (9 * MAX_LINE_BYTES, true),
        ] {
            for at_a_time in [1000, 1 << 30] {
                let mut text = vec![b'x'; length];
                text.extend(b"\nb\n");
                let lines = all(&text, at_a_time);
                assert_eq!(lines.len(), 2, "{length}");
                assert_eq!(lines[0].2, is_cut, "{length}");
                assert!(lines[0].1.len() <= MAX_LINE_BYTES + 1, "{length}");
                assert_eq!(lines[1], line(2, "b", true), "{length}");
            }
        }
        assert!(
            all(&vec![b'x'; MAX_LINE_BYTES + 1], 1000)[0].2,
            "a cut line may be the last"
        );
    }

    #[test]
    fn an_error_is_not_an_end() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(ErrorKind::ConnectionReset.into());
                }
                buffer[..3].copy_from_slice(b"a\nb");
                Ok(3)
            }
        }
        let mut lines = Lines::new(Broken(false));
        assert_eq!(lines.read().unwrap().unwrap().bytes, b"a");
        let fault = lines.read().unwrap_err();
        assert!(
            format!("{fault:?}").contains("line: 1"),
            "the second is not whole"
        );
    }
}
