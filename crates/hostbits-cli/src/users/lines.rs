//! Lines of bytes, of which only a bounded beginning is kept.

use std::io::{self, BufRead, Read};

/// How much of one line is kept, in bytes. No address with an owner is nearly as long.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: u64,
    /// What it says, without byte order mark.
    pub(super) bytes: &'a [u8],
    /// Whether the line goes on beyond `bytes`.
    pub(super) is_cut: bool,
}

/// Reads lines into one buffer, over and over.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    count: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            count: 0,
        }
    }

    /// How many lines were read.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Reads one line; `None` after the last.
    pub(super) fn read(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let mut bounded = self.input.by_ref().take(MAX_LINE_BYTES + 1);
        if bounded.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        let is_ended = self.buffer.last() == Some(&b'\n');
        if is_ended {
            self.buffer.pop();
        }
        let is_cut = !is_ended && self.buffer.len() as u64 > MAX_LINE_BYTES;
        if is_cut {
            self.input.skip_until(b'\n')?;
        }
        self.count += 1;
        let bytes = match self.buffer.strip_prefix(b"\xEF\xBB\xBF") {
            Some(after_mark) if self.count == 1 => after_mark,
            _ => &self.buffer,
        };
        Ok(Some(Line {
            number: self.count,
            bytes,
            is_cut,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<(u64, Vec<u8>, bool)> {
        let mut lines = Lines::new(input);
        let mut all = Vec::new();
        while let Some(line) = lines.read().expect("memory can be read") {
            all.push((line.number, line.bytes.to_vec(), line.is_cut));
        }
        all
    }

    fn line(number: u64, text: &str) -> (u64, Vec<u8>, bool) {
        (number, text.into(), false)
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(all(b""), []);
        assert_eq!(all(b"a\n\nb"), [line(1, "a"), line(2, ""), line(3, "b")]);
        assert_eq!(all(b"a\n"), [line(1, "a")]);
    }

    #[test]
    fn a_byte_order_mark_stands_at_the_beginning_alone() {
        let mark = "\u{feff}";
        let text = format!("{mark}a\n{mark}b");
        assert_eq!(all(text.as_bytes()), [line(1, "a"), line(2, "\u{feff}b")]);
    }

    /// The longest line that is kept whole, and one byte more: the line after it is itself again.
    #[test]
    fn an_endless_line_is_cut_and_the_next_is_whole() {
        let max = MAX_LINE_BYTES as usize;
        for (length, is_cut) in [
            (max - 1, false),
            (max, false),
            (max + 1, true),
            (9 * max, true),
        ] {
            let mut text = vec![b'x'; length];
            text.extend(b"\nb\n");
            let lines = all(&text);
            assert_eq!(lines.len(), 2, "{length}");
            assert_eq!(lines[0].2, is_cut, "{length}");
            assert!(lines[0].1.len() <= max + 1, "{length}");
            assert_eq!(lines[1], line(2, "b"), "{length}");
        }
        assert!(all(&vec![b'x'; max + 1])[0].2, "a cut line may be the last");
    }
}
