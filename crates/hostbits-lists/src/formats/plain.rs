//! `lines` and `csv`: an address, or columns, on each line.
//!
//! The fast path takes lines that are exactly `address` or `address,owner`. All other lines take the slow path, which
//! handles quotes, comments, headers and separators. Both give the same result for a line that both can read.

use super::element::{
    hidden_addresses, hides_address, is_header_and_more, listed_addresses, looks_like_address,
    tell_others,
};
use crate::address::leading_ipv4;
use crate::batch::Batch;
use crate::columns::{Columns, Places};
use crate::error::Fault;
use crate::lines::{Line, Lines};
use crate::list::{Counts, Reader};
use crate::record::{Address, Record};
use std::borrow::Cow;
use std::io::Read;
use std::net::Ipv4Addr;
use std::ops::Range;

/// The separators that columns may have.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

pub(super) struct Plain<R> {
    lines: Lines<R>,
    batch: Batch,
    slow: SlowWay,
}

/// The slow path, which reads any line.
enum SlowWay {
    Lines,
    Csv(Csv),
}

/// The state of reading a table.
struct Csv {
    columns: Columns,
    separator: char,
    places: Places,
    /// Whether no line has been read yet.
    is_new: bool,
    /// How many columns have names.
    named: Option<usize>,
    /// How many columns the header has, or the first row.
    width: Option<usize>,
    /// Whether lines are expected to be `address` or `address,owner`.
    is_plain: bool,
}

/// The result of the fast path.
#[derive(Debug)]
struct Fast {
    addr: Ipv4Addr,
    /// The position of the owner in the line; empty if there is none.
    owner: Range<usize>,
}

impl Fast {
    #[inline]
    fn record<'a>(&self, line: Line<'a>) -> Record<'a> {
        let owner = line.bytes.get(self.owner.clone());
        let owner = owner.and_then(|owner| std::str::from_utf8(owner).ok());
        let owner = owner.map(str::trim).filter(|owner| !owner.is_empty());
        Record {
            owner,
            ..Record::new(Address::Addr(self.addr.into()), line.number)
        }
    }
}

impl<R: Read> Plain<R> {
    /// Creates a reader of one address per line.
    pub(super) fn addresses(input: R) -> Self {
        Self::new(input, SlowWay::Lines)
    }

    /// Creates a reader of columns, by default `address` or `address,owner`.
    pub(super) fn csv(input: R, columns: Columns) -> Self {
        let is_plain = columns.is_usual();
        Self::new(
            input,
            SlowWay::Csv(Csv {
                places: columns.by_number().unwrap_or(Places {
                    addresses: vec![0],
                    owner: Some(1),
                    state: None,
                }),
                columns,
                separator: ',',
                is_new: true,
                named: None,
                width: None,
                is_plain,
            }),
        )
    }

    fn new(input: R, slow: SlowWay) -> Self {
        Self {
            lines: Lines::new(input),
            batch: Batch::default(),
            slow,
        }
    }
}

impl SlowWay {
    /// Returns whether lines may have owners, if the fast path can be used, and `None` if not.
    #[inline]
    fn fast(&self) -> Option<bool> {
        match self {
            Self::Lines => Some(false),
            Self::Csv(csv) => csv.is_plain.then_some(true),
        }
    }

    fn saw_fast(&mut self) {
        if let Self::Csv(csv) = self {
            csv.is_new = false;
        }
    }

    fn read(&mut self, line: &Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        match self {
            Self::Lines => {
                address_alone(line, out);
                Ok(())
            }
            Self::Csv(csv) => csv.read(line, out),
        }
    }
}

impl<R: Read> Reader for Plain<R> {
    #[inline]
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        while !self.batch.advance() {
            let Some(line) = self.lines.read()? else {
                return Ok(None);
            };
            let fast = self.slow.fast().and_then(|owners| fast(&line, owners));
            if let Some(fast) = fast {
                self.slow.saw_fast();
                self.batch.is_known = true;
                // The line is borrowed again: a borrow that one arm returns would last for the whole loop.
                return Ok(Some(fast.record(self.lines.last())));
            }
            self.slow.read(&line, &mut self.batch)?;
        }
        Ok(self.batch.current())
    }

    fn read_all(&mut self, each: &mut dyn FnMut(Record<'_>)) -> Result<u64, Fault> {
        let mut count = 0;
        loop {
            while self.batch.advance() {
                if let Some(record) = self.batch.current() {
                    each(record);
                    count += 1;
                }
            }
            let Some(line) = self.lines.read()? else {
                return Ok(count);
            };
            let fast = self.slow.fast().and_then(|owners| fast(&line, owners));
            if let Some(fast) = fast {
                self.slow.saw_fast();
                self.batch.is_known = true;
                each(fast.record(line));
                count += 1;
            } else {
                self.slow.read(&line, &mut self.batch)?;
            }
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.lines.count(),
            ..self.batch.counts()
        }
    }
}

/// Reads a line that is an IPv4 address, with or without an unquoted owner, all of it ASCII.
#[inline]
fn fast(line: &Line<'_>, has_owners: bool) -> Option<Fast> {
    let bytes = line.without_return();
    let (addr, length) = leading_ipv4(bytes)?;
    let owner = match bytes.get(length) {
        None if !line.is_cut => 0..0,
        Some(b',') if has_owners && !line.is_cut => plain_field(bytes, length + 1)?,
        _ => return None,
    };
    Some(Fast { addr, owner })
}

/// Returns the rest of the line from `start` on, if it is one field that the slow path need not examine. An owner that
/// might contain an address must be examined.
#[inline]
fn plain_field(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = &bytes[start..];
    if rest
        .first()
        .is_some_and(|byte| byte.is_ascii_digit() || *byte == b' ')
    {
        return None;
    }
    let mut before = b',';
    for &byte in rest {
        let is_number = before == b'.' && byte.is_ascii_digit();
        if !byte.is_ascii() || matches!(byte, b',' | b'"' | b':') || is_number {
            return None;
        }
        before = byte;
    }
    Some(start..bytes.len())
}

/// Returns the text of a line; returns `None` if it is blank or a comment.
fn text_of<'a>(line: &Line<'a>) -> Option<Cow<'a, str>> {
    let text = String::from_utf8_lossy(line.bytes);
    let is_nothing = {
        let text = text.trim();
        text.starts_with('#') || (text.is_empty() && !line.is_cut)
    };
    (!is_nothing).then_some(text)
}

fn cut_line(line: &Line<'_>, out: &mut Batch) {
    out.broken(line.number, "a line longer than 64 KiB", line.bytes);
}

fn address_alone(line: &Line<'_>, out: &mut Batch) {
    let Some(text) = text_of(line) else { return };
    out.is_known = true;
    if line.is_cut {
        return cut_line(line, out);
    }
    let (address, _) = text.split_once('#').unwrap_or((&text, ""));
    out.text(line.number, address.as_bytes(), None, None);
}

impl Csv {
    /// Reads any line.
    ///
    /// An address that can be read is taken, whatever the encoding of the owner's name: an address that is skipped may
    /// be handed out again.
    fn read(&mut self, line: &Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let Some(text) = text_of(line) else {
            return Ok(());
        };
        let text = text.trim_matches([' ', '\r', '\u{a0}']);
        if line.is_cut {
            out.is_known = true;
            cut_line(line, out);
        }
        if std::mem::take(&mut self.is_new) && self.first_line(text, line, out)? {
            return Ok(());
        }
        out.is_known = true;
        let fields = split(text, self.separator);
        if !line.is_cut || fields.len() > 1 {
            self.width.get_or_insert(fields.len());
            self.row(&fields, line, out);
        }
        Ok(())
    }

    /// Determines the columns from the first line. Returns whether it is a header.
    fn first_line(&mut self, text: &str, line: &Line<'_>, out: &mut Batch) -> Result<bool, Fault> {
        let has_address = is_header_and_more(text)
            || SEPARATORS.into_iter().any(|separator| {
                let fields = split(text, separator);
                fields.iter().any(|field| looks_like_address(field))
            });
        for separator in SEPARATORS {
            let names = split(text, separator);
            let is_too_short = self.columns.by_number().is_some() && names.len() < 2;
            let count = names.len();
            let names = names.iter().map(|name| &**name);
            let places = self.columns.by_header(names);
            if let Some(places) = places.filter(|_| !has_address && !is_too_short) {
                let usual = Places {
                    addresses: vec![0],
                    owner: Some(1),
                    state: None,
                };
                self.is_plain &= separator == ',' && places == usual;
                (self.places, self.separator) = (places, separator);
                (self.named, self.width) = (Some(count), Some(count));
                out.is_known = true;
                return Ok(true);
            }
        }
        if !self.columns.is_usual() && self.columns.by_number().is_none() {
            let what = "the first line does not name the chosen columns";
            return Err(Fault::malformed(what, line.number, text.as_bytes()));
        }
        let separators = SEPARATORS.into_iter();
        if let Some(separator) = separators.max_by_key(|&separator| self.fit_of(text, separator)) {
            self.separator = separator;
            self.is_plain &= separator == ',';
        }
        Ok(false)
    }

    /// Returns how well a separator fits a line that is not a header: whether the address stands where it should. Among
    /// equals, the comma wins.
    fn fit_of(&self, text: &str, separator: char) -> (bool, bool, bool) {
        let fields = split(text, separator);
        let at = self.places.addresses.first().copied().unwrap_or_default();
        let is_there = fields
            .get(at)
            .is_some_and(|field| looks_like_address(field));
        (is_there, is_there && fields.len() > 1, separator == ',')
    }

    fn row(&self, fields: &[Cow<'_, str>], line: &Line<'_>, out: &mut Batch) {
        let at = |place: usize| fields.get(place).map_or("", |field| field.trim());
        let places = &self.places;
        let owner = places.owner.map_or("", at);
        let owner = out.keep_name(owner.as_bytes());
        let state = places.state.map_or("", at);
        let state = out.keep_name(state.as_bytes());
        let mut is_empty = true;
        for &place in &places.addresses {
            if place >= fields.len() && place != 0 && places.addresses.len() == 1 {
                let what = "a row without the address column";
                return out.broken(line.number, what, line.bytes);
            }
            let text = at(place);
            if !text.is_empty() {
                is_empty = false;
                // Several addresses in one column, as in `"10.0.0.2, 10.0.0.3"`.
                for part in text
                    .split([',', ';'])
                    .filter(|part| !part.trim().is_empty())
                {
                    out.text(line.number, part.as_bytes(), owner.clone(), state.clone());
                }
            }
        }
        if is_empty {
            out.text(line.number, b"", owner.clone(), state);
        }
        if !self.columns.is_usual() {
            // Further columns may contain addresses, but a row has no more of them than the header.
            let width = self.width.unwrap_or(fields.len());
            let open = fields.iter().position(|field| is_open_quote(field));
            let more = fields.iter().skip(width.min(open.unwrap_or(width)));
            return tell_others(more.map(|field| field.as_bytes()), b"", line.number, out);
        }
        let mut is_cut = false;
        for (place, field) in fields.iter().enumerate() {
            let is_other = !places.addresses.contains(&place);
            let is_same = places.addresses.iter().any(|&it| at(it) == field.trim());
            // A name contains no address, unless two lines were joined. A note may contain one.
            is_cut |= is_open_quote(field);
            let is_name = is_cut || self.named != Some(fields.len()) || places.owner == Some(place);
            if !is_other || is_same {
                continue;
            }
            for listed in listed_addresses(field) {
                out.stray(line.number, listed.as_bytes(), owner.clone());
            }
            if is_name && !looks_like_address(field) {
                for hidden in hidden_addresses(field) {
                    out.stray(line.number, hidden.as_bytes(), owner.clone());
                }
            }
        }
    }
}

/// Splits a non-empty line into fields. A comment may follow the address; a name may contain `#`.
fn split(text: &str, separator: char) -> Vec<Cow<'_, str>> {
    let mut fields = Vec::new();
    let mut rest = Some(text);
    if let Some(at) = text.find(['#', separator])
        && text[at..].starts_with('#')
        && !text.starts_with('"')
    {
        return vec![text[..at].trim().into()];
    }
    while let Some(text) = rest {
        let (field, more) = first_field(text, separator);
        fields.push(field);
        rest = more;
    }
    fields
}

/// Returns the first field, and the text after its separator.
///
/// A quote that is not closed on its line is an ordinary character. It must not swallow the following lines, because
/// the addresses on them are held.
fn first_field(text: &str, separator: char) -> (Cow<'_, str>, Option<&str>) {
    let text = text.trim_start_matches(' ');
    if let Some((quoted, after)) = quoted_field(text) {
        let (left_over, rest) = match after.split_once(separator) {
            Some((left_over, rest)) => (left_over, Some(rest)),
            None => (after, None),
        };
        return match left_over.trim() {
            "" => (quoted.into(), rest),
            comment if comment.starts_with('#') => (quoted.into(), None),
            // The end of a line is missing, and the text after the quote was the next line.
            next if hides_address(next) => (quoted.into(), Some(after)),
            left_over => ((quoted + left_over).into(), rest),
        };
    }
    match text.split_once(separator) {
        Some((field, rest)) => (field.trim().into(), Some(rest)),
        None => (text.trim().into(), None),
    }
}

/// Returns whether a field has an unclosed quote: the end of its line is missing, and the next line may follow.
fn is_open_quote(field: &str) -> bool {
    field.starts_with('"')
}

/// Returns the text between quotes, where `""` stands for one quote, and the text after them.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut field = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        field += part;
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8], is_cut: bool) -> Line<'_> {
        Line {
            number: 1,
            bytes,
            is_cut,
            is_ended: true,
        }
    }

    /// Returns all records of the first line of a list by the slow path, checked against the fast path.
    fn read(bytes: &[u8], is_cut: bool) -> Vec<(String, Option<String>)> {
        let line = line(bytes, is_cut);
        let mut plain = Plain::csv(&b""[..], Columns::USUAL);
        let mut out = Batch::default();
        plain.slow.read(&line, &mut out).unwrap();
        let mut records = Vec::new();
        while out.advance() {
            let record = out.current().unwrap();
            let (sign, text) = match record.address {
                Address::Text(text) => ("", text),
                Address::Broken(text) => ("!", text),
                Address::Stray(text) => ("?", text),
                other => panic!("{other:?}"),
            };
            records.push((format!("{sign}{text}"), record.owner.map(str::to_owned)));
        }
        if let Some(fast) = fast(&line, true) {
            let fast = fast.record(line);
            let Address::Addr(addr) = fast.address else {
                panic!("{fast:?}");
            };
            let expected = vec![(addr.to_string(), fast.owner.map(str::to_owned))];
            assert_eq!(records, expected, "{}", bytes.escape_ascii());
        }
        records
    }

    #[test]
    fn every_form_of_a_line() {
        for (text, expected) in [
            ("10.0.0.5", &[("10.0.0.5", None)][..]),
            (" 10.0.0.5 \r", &[("10.0.0.5", None)]),
            ("10.0.0.5,", &[("10.0.0.5", None)]),
            ("10.0.0.5,alice", &[("10.0.0.5", Some("alice"))]),
            ("10.0.0.5 , alice \r", &[("10.0.0.5", Some("alice"))]),
            ("10.0.0.5;alice", &[("10.0.0.5", Some("alice"))]),
            ("10.0.0.5\talice", &[("10.0.0.5", Some("alice"))]),
            ("10.0.0.5,alice,sales", &[("10.0.0.5", Some("alice"))]),
            ("10.0.0.5,\u{a0}alice\u{a0}", &[("10.0.0.5", Some("alice"))]),
            (
                "10.0.0.5,\"Smith, Alice\"",
                &[("10.0.0.5", Some("Smith, Alice"))],
            ),
            (
                "10.0.0.5, \"the \"\"boss\"\"\" ,x",
                &[("10.0.0.5", Some("the \"boss\""))],
            ),
            ("10.0.0.5,al\"ice\",x", &[("10.0.0.5", Some("al\"ice\""))]),
            ("\"10.0.0.5\",\"alice\"", &[("10.0.0.5", Some("alice"))]),
            ("\"10.0.0.5\"7,alice", &[("10.0.0.57", Some("alice"))]),
            ("10.0.0.5,\"alice", &[("10.0.0.5", Some("\"alice"))]),
            ("\"10.0.0.5\" # spare, for now", &[("10.0.0.5", None)]),
            ("10.0.0.5 # spare, for now", &[("10.0.0.5", None)]),
            ("10.0.0.5,desk #4", &[("10.0.0.5", Some("desk #4"))]),
            (",alice", &[("", Some("alice"))]),
            (",", &[("", None)]),
            ("10.0.0.5,10.0.0.5", &[("10.0.0.5", Some("10.0.0.5"))]),
            (
                "10.0.0.1,10.0.0.5,pc",
                &[
                    ("10.0.0.1", Some("10.0.0.5")),
                    ("?10.0.0.5", Some("10.0.0.5")),
                ],
            ),
            (
                "10.0.0.1,pc,fd00::5",
                &[("10.0.0.1", Some("pc")), ("?fd00::5", Some("pc"))],
            ),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(address, owner)| ((*address).to_owned(), owner.map(str::to_owned)))
                .collect();
            assert_eq!(read(text.as_bytes(), false), expected, "{text:?}");
        }
        for nothing in ["", "  ", "\r", "# a", "  # a", "#\u{0}", "address,owner"] {
            assert_eq!(read(nothing.as_bytes(), false), [], "{nothing:?}");
        }
        assert_eq!(read(b"# B\xFCro", false), [], "a comment need not be UTF-8");
    }

    /// Both paths agree on every short line of the relevant characters.
    #[test]
    fn the_fast_way_says_what_the_slow_one_says() {
        const ENDS: [&str; 13] = [
            "", ",", ",a", "\"", " ", "\r", "#", "/24", "5", ".", "\u{a0}", "\t", ";",
        ];
        let mut fast_lines = 0;
        for first in ENDS {
            for second in ENDS {
                for third in ENDS {
                    let text = format!("10.0.0.5{first}{second}{third}");
                    read(text.as_bytes(), false);
                    fast_lines += u32::from(fast(&line(text.as_bytes(), false), true).is_some());
                }
            }
        }
        assert!(fast_lines > 50, "only {fast_lines}");
    }

    /// If a part of a line was cut off, this is reported, and an address that can be read is held.
    #[test]
    fn a_line_that_was_cut_is_told_and_its_address_held() {
        for text in [b"10.0.0.5".to_vec(), " ".repeat(100).into()] {
            let records = read(&text, true);
            assert!(
                records.len() == 1 && records[0].0.starts_with('!'),
                "{records:?}"
            );
        }
        let records = read(b"10.0.0.5,aaaa", true);
        assert!(
            records[0].0.starts_with('!') && records[1].0 == "10.0.0.5",
            "{records:?}"
        );
        let records = read(b"10.0.0.\xFF5,alice", false);
        assert!(records[0].0.contains('\u{fffd}'), "{records:?}");
        assert_eq!(read(b"10.0.0.5,M\xFCller", false)[0].0, "10.0.0.5");
    }
}
