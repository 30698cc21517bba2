//! `lines` and `csv`: an address, or `address,owner`, on each line.
//!
//! The fast way takes lines that are exactly that; whatever is odd goes the slow way, which knows all
//! about quotes, comments and headers. Both say the same of a line that both can read.

use crate::address::leading_ipv4;
use crate::error::{Fault, MAX_QUOTED};
use crate::lines::{Line, Lines};
use crate::list::{Counts, Reader};
use crate::record::{Address, Record};
use std::borrow::Cow;
use std::io::Read;
use std::net::Ipv4Addr;
use std::ops::Range;

/// First fields that make the first record a header, in lower case and without punctuation.
const HEADER_NAMES: [&str; 8] = [
    "address",
    "addr",
    "ip",
    "ipaddress",
    "ipaddr",
    "ipv4",
    "ipv6",
    "cidr",
];

pub(super) struct Plain<R> {
    lines: Lines<R>,
    slow: SlowWay,
}

/// What reads any line.
struct SlowWay {
    has_owners: bool,
    header_is_due: bool,
    /// The text of the line that was read last.
    text: String,
}

/// Where the fields of a slow line stand in `text`.
#[derive(Debug, PartialEq, Eq)]
struct Slow {
    address: Range<usize>,
    owner: Option<Range<usize>>,
    is_cut: bool,
}

/// What a fast line says.
#[derive(Debug)]
struct Fast {
    addr: Ipv4Addr,
    /// Where the owner stands in the line; empty if there is none.
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
    /// One address per line.
    pub(super) fn addresses(input: R) -> Self {
        Self::new(input, false)
    }

    /// `address` or `address,owner`.
    pub(super) fn csv(input: R) -> Self {
        Self::new(input, true)
    }

    fn new(input: R, has_owners: bool) -> Self {
        Self {
            lines: Lines::new(input),
            slow: SlowWay {
                has_owners,
                header_is_due: has_owners,
                text: String::new(),
            },
        }
    }
}

impl<R: Read> Reader for Plain<R> {
    #[inline]
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        loop {
            let Some(line) = self.lines.read()? else {
                return Ok(None);
            };
            if let Some(fast) = fast(&line, self.slow.has_owners) {
                self.slow.header_is_due = false;
                // The line once more: a borrow that one arm returns would last for the whole loop.
                return Ok(Some(fast.record(self.lines.last())));
            }
            let number = line.number;
            if let Some(slow) = self.slow.read(&line) {
                return Ok(Some(slow.record(&self.slow.text, number)));
            }
        }
    }

    fn read_all(&mut self, each: &mut dyn FnMut(Record<'_>)) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(line) = self.lines.read()? {
            let record = if let Some(fast) = fast(&line, self.slow.has_owners) {
                self.slow.header_is_due = false;
                fast.record(line)
            } else if let Some(slow) = self.slow.read(&line) {
                slow.record(&self.slow.text, line.number)
            } else {
                continue;
            };
            each(record);
            count += 1;
        }
        Ok(count)
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.lines.count(),
            ..Counts::default()
        }
    }
}

impl SlowWay {
    /// Reads a line; `None` if it is blank, a comment, or the header.
    fn read(&mut self, line: &Line<'_>) -> Option<Slow> {
        let slow = slow(line, self.has_owners, &mut self.text)?;
        let is_due = std::mem::take(&mut self.header_is_due);
        let is_header = is_due && is_header(&self.text[slow.address.clone()]);
        (!is_header).then_some(slow)
    }
}

impl Slow {
    fn record<'a>(&self, text: &'a str, line: u64) -> Record<'a> {
        let address = &text[self.address.clone()];
        Record {
            address: match self.is_cut {
                true => Address::Broken(address),
                false => Address::Text(address),
            },
            owner: self.owner.as_ref().map(|owner| &text[owner.clone()]),
            state: None,
            line,
        }
    }
}

/// A line that is an IPv4 address, with at most an owner without quotes, all of it ASCII.
#[inline]
fn fast(line: &Line<'_>, has_owners: bool) -> Option<Fast> {
    let bytes = line.without_return();
    let (addr, length) = leading_ipv4(bytes)?;
    let owner = match bytes.get(length) {
        None if !line.is_cut => 0..0,
        Some(b',') if has_owners => plain_field(bytes, length + 1)?,
        _ => return None,
    };
    Some(Fast { addr, owner })
}

/// The field at `start`, if it needs no second look.
#[inline]
fn plain_field(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = &bytes[start..];
    let end = rest.iter().position(|&byte| byte == b',' || byte == b'"');
    let length = match end {
        Some(at) if rest[at] == b'"' => return None,
        Some(at) => at,
        None => rest.len(),
    };
    rest[..length].is_ascii().then_some(start..start + length)
}

/// Any line; `None` if it is blank or a comment.
///
/// What can be read of an address is taken for what it says, whatever the owner's name is written in:
/// an address that is skipped may be handed out again. A line that was cut before the comma that ends
/// its address becomes a record that no reader takes for one.
fn slow(line: &Line<'_>, has_owners: bool, text: &mut String) -> Option<Slow> {
    text.clear();
    let whole = String::from_utf8_lossy(line.bytes);
    let whole = whole.trim();
    if whole.starts_with('#') || (whole.is_empty() && !line.is_cut) {
        return None;
    }
    let is_cut = line.is_cut && !(has_owners && whole.contains(','));
    let (address, owner) = if is_cut {
        let short = whole.chars().take(MAX_QUOTED - 1).chain(['…']);
        (short.collect::<String>().into(), Cow::Borrowed(""))
    } else if has_owners {
        split(whole)
    } else {
        let (address, _) = whole.split_once('#').unwrap_or((whole, ""));
        (address.into(), "".into())
    };
    text.push_str(address.trim());
    let end = text.len();
    text.push_str(owner.trim());
    Some(Slow {
        address: 0..end,
        owner: (text.len() != end).then_some(end..text.len()),
        is_cut,
    })
}

/// Address and owner of a line with text on it.
fn split(text: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    let (address, rest) = match text.find(['#', ',']) {
        // A comment may follow the address; an owner may have a # in its name.
        Some(at) if text[at..].starts_with('#') && !text.starts_with('"') => {
            (Cow::Borrowed(&text[..at]), "")
        }
        _ => first_field(text),
    };
    (address, first_field(rest).0)
}

/// The first field, and what comes after its comma.
///
/// A quote that is not closed on its line is an ordinary character: it must not swallow the lines
/// after it, because the addresses on them are held.
fn first_field(text: &str) -> (Cow<'_, str>, &str) {
    let text = text.trim_start();
    if let Some((quoted, after)) = quoted_field(text) {
        let (left_over, rest) = after.split_once(',').unwrap_or((after, ""));
        return match left_over.trim() {
            "" => (quoted.into(), rest),
            comment if comment.starts_with('#') => (quoted.into(), ""),
            left_over => ((quoted + left_over).into(), rest),
        };
    }
    let (field, rest) = text.split_once(',').unwrap_or((text, ""));
    (field.into(), rest)
}

/// What stands between quotes, `""` meaning one of them, and what comes after.
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

/// Whether the first field is the name of a column.
fn is_header(address: &str) -> bool {
    let letters = address.chars().filter(|char| char.is_alphanumeric());
    let name = letters.collect::<String>().to_lowercase();
    HEADER_NAMES.contains(&&*name)
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

    fn read(bytes: &[u8], is_cut: bool) -> Option<(String, Option<String>)> {
        let mut text = String::new();
        let line = line(bytes, is_cut);
        let slow = slow(&line, true, &mut text)?;
        let record = slow.record(&text, 1);
        let (Address::Text(address) | Address::Broken(address)) = record.address else {
            panic!("the slow way gives text");
        };
        let owner = record.owner.map(str::to_owned);
        if let Some(fast) = fast(&line, true) {
            let fast = fast.record(line);
            assert_eq!(fast.address, Address::Addr(address.parse().unwrap()));
            assert_eq!(fast.owner, owner.as_deref());
        }
        Some((address.to_owned(), owner))
    }

    #[test]
    fn every_form_of_a_line() {
        for (text, address, owner) in [
            ("10.0.0.5", "10.0.0.5", None),
            (" 10.0.0.5 \r", "10.0.0.5", None),
            ("10.0.0.5,", "10.0.0.5", None),
            ("10.0.0.5,alice", "10.0.0.5", Some("alice")),
            ("10.0.0.5 , alice \r", "10.0.0.5", Some("alice")),
            ("10.0.0.5,alice,sales", "10.0.0.5", Some("alice")),
            ("10.0.0.5,\u{a0}alice\u{a0}", "10.0.0.5", Some("alice")),
            (
                "10.0.0.5,\"Smith, Alice\"",
                "10.0.0.5",
                Some("Smith, Alice"),
            ),
            (
                "10.0.0.5, \"the \"\"boss\"\"\" ,x",
                "10.0.0.5",
                Some("the \"boss\""),
            ),
            ("10.0.0.5,al\"ice\",x", "10.0.0.5", Some("al\"ice\"")),
            ("\"10.0.0.5\",\"alice\"", "10.0.0.5", Some("alice")),
            ("\"10.0.0.5\"7,alice", "10.0.0.57", Some("alice")),
            ("\"10.0.0.5\"x,alice", "10.0.0.5x", Some("alice")),
            ("10.0.0.5,\"alice", "10.0.0.5", Some("\"alice")),
            ("\"10.0.0.5,alice", "\"10.0.0.5", Some("alice")),
            ("\"10.0.0.5\" # spare, for now", "10.0.0.5", None),
            ("10.0.0.5 # spare, for now", "10.0.0.5", None),
            ("10.0.0.5,desk #4", "10.0.0.5", Some("desk #4")),
            (",alice", "", Some("alice")),
            (",", "", None),
        ] {
            let expected = Some((address.to_owned(), owner.map(str::to_owned)));
            assert_eq!(read(text.as_bytes(), false), expected, "{text:?}");
        }
        for nothing in ["", "  ", "\r", "# a", "  # a", "#\u{0}"] {
            assert_eq!(read(nothing.as_bytes(), false), None, "{nothing:?}");
        }
        assert_eq!(
            read(b"# B\xFCro", false),
            None,
            "a comment need not be UTF-8"
        );
    }

    /// Every short line of the characters that matter: what goes the fast way says what the slow one says.
    #[test]
    fn the_fast_way_says_what_the_slow_one_says() {
        const ENDS: [&str; 12] = [
            "", ",", ",a", "\"", " ", "\r", "#", "/24", "5", ".", "\u{a0}", "\t",
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
        assert!(fast_lines > 100, "only {fast_lines}");
    }

    /// Whatever was left out of the text, the rest must never look like an address.
    #[test]
    fn what_cannot_be_read_is_no_address() {
        let blanks = " ".repeat(100);
        for (text, is_cut) in [
            (b"10.0.0.5".to_vec(), true),
            (blanks.clone().into(), true),
            (format!("10.0.0.5{blanks}").into(), true),
            ([b"10.0.0.5", &*vec![b' '; 100], b"\xFF"].concat(), false),
            (b"10.0.0.\xFF5,alice".to_vec(), false),
        ] {
            let (address, _) = read(&text, is_cut).expect("neither blank nor a comment");
            assert!(address.contains(['…', '\u{fffd}']), "{address:?}");
            assert!(
                !is_cut || address.chars().count() <= MAX_QUOTED,
                "{address:?}"
            );
        }
    }

    /// The owner's name may be in any encoding, and may even have no end: the address is held.
    #[test]
    fn a_readable_address_is_read_whatever_follows_it() {
        for (text, is_cut) in [
            (&b"10.0.0.5,M\xFCller"[..], false),
            (b"10.0.0.5,aaaa", true),
        ] {
            let (address, _) = read(text, is_cut).expect("neither blank nor a comment");
            assert_eq!(address, "10.0.0.5");
        }
    }

    #[test]
    fn headers_are_names_of_address_columns() {
        for (text, expected) in [
            ("address,owner", true),
            ("IP,Name", true),
            ("\"IP Address\",x", true),
            ("ip_address", true),
            ("router,x", false),
            ("10.0.0.5", false),
            (",owner", false),
        ] {
            assert_eq!(is_header(&split(text).0), expected, "{text}");
        }
    }
}
