//! One line of the file as a user record: `address` or `address,owner`.

use super::lines::Line;
use hostbits::{Listed, UserRecord};
use std::borrow::Cow;

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

/// How much is kept of a line without end, in characters: as much as a report quotes.
const MAX_QUOTED: usize = 64;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    address: String,
    owner: Option<String>,
}

impl Record {
    /// Reads a line; `None` if it is blank or a comment.
    ///
    /// What can be read of an address is taken for what it says, whatever the owner's name is written
    /// in: an address that is skipped may be handed out again. A line that was cut before the comma
    /// that ends its address becomes a record that no reader takes for one.
    pub(super) fn of_line(line: &Line<'_>) -> Option<Self> {
        let text = String::from_utf8_lossy(line.bytes);
        let text = text.trim();
        if text.starts_with('#') {
            None
        } else if line.is_cut && !text.contains(',') {
            Some(Self {
                address: shortened(text),
                owner: None,
            })
        } else {
            Self::of_text(text)
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let (address, rest) = match text.find(['#', ',']) {
            // A comment may follow the address; an owner may have a # in its name.
            Some(at) if text[at..].starts_with('#') && !text.starts_with('"') => {
                (Cow::Borrowed(&text[..at]), "")
            }
            _ => first_field(text),
        };
        let (owner, _) = first_field(rest);
        let owner = owner.trim();
        Some(Self {
            address: address.trim().to_owned(),
            owner: (!owner.is_empty()).then(|| owner.to_owned()),
        })
    }

    /// Whether the fields are the names of columns.
    pub(super) fn is_header(&self) -> bool {
        let letters = self.address.chars().filter(|char| char.is_alphanumeric());
        let name = letters.collect::<String>().to_lowercase();
        HEADER_NAMES.contains(&&*name)
    }
}

impl UserRecord for Record {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(&self.address)
    }

    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
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

/// The beginning of a text, with the mark of what was left out.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_QUOTED - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<(String, Option<String>)> {
        let line = Line {
            number: 1,
            bytes: text,
            is_cut: false,
        };
        Record::of_line(&line).map(|record| (record.address, record.owner))
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
            assert_eq!(read(text.as_bytes()), expected, "{text:?}");
        }
        for nothing in ["", "  ", "\r", "# a", "  # a", "#\u{0}"] {
            assert_eq!(read(nothing.as_bytes()), None, "{nothing:?}");
        }
        assert_eq!(read(b"# B\xFCro"), None, "a comment need not be UTF-8");
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
            let line = Line {
                number: 1,
                bytes: &text,
                is_cut,
            };
            let record = Record::of_line(&line).expect("neither blank nor a comment");
            assert!(record.address.contains(['…', '\u{fffd}']), "{record:?}");
            let kept = record.address.chars().count();
            assert!(!is_cut || kept <= MAX_QUOTED, "{record:?}");
        }
    }

    /// The owner's name may be in any encoding, and may even have no end: the address is held.
    #[test]
    fn a_readable_address_is_read_whatever_follows_it() {
        for (text, is_cut) in [
            (&b"10.0.0.5,M\xFCller"[..], false),
            (b"10.0.0.5,aaaa", true),
        ] {
            let line = Line {
                number: 1,
                bytes: text,
                is_cut,
            };
            let record = Record::of_line(&line).expect("neither blank nor a comment");
            assert_eq!(record.address, "10.0.0.5");
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
            let record = Record::of_text(text).expect("not blank");
            assert_eq!(record.is_header(), expected, "{text}");
        }
    }
}
