//! Addresses in a value that a built-in filter did not yield.
//!
//! A filter takes what stands under the names that it knows. If a name is misspelt or damaged, or occurs twice, the
//! address under it is lost, and its holder looks like one without an address. Therefore every string of the value is
//! examined, including the names of fields and JSON within strings. An address among them must have been yielded, or
//! stand under a name that is known not to contain held addresses. Any other address is reported; if it belongs to the
//! pool, the list counts as not understood. Remarks are exempt. This module reads the bytes of the value, not the
//! parsed value, and is given what was parsed already.

use super::element::{MOST_STRAYS, listed_addresses, looks_like_address};
use crate::batch::Batch;
use crate::record::Address;
use ipnet::IpNet;
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

/// The places in a program's values that contain addresses that no user holds.
#[derive(Clone, Copy)]
pub(crate) struct Elsewhere {
    /// The names of fields that do not count, with everything under them at any depth.
    pub(crate) names: &'static [&'static str],
    /// Whether arrays of numbers may be addresses.
    pub(crate) has_numbers: bool,
}

/// Fields of any program in which people write free text. Addresses in them do not count.
const REMARKS: [&str; 4] = ["description", "Description", "comment", "comments"];

/// Reports the addresses of the value that are not among the records from number `first` on.
pub(super) fn tell(value: &[u8], elsewhere: Elsewhere, first: usize, line: u64, out: &mut Batch) {
    let mut known = Known::default();
    for address in out.addresses_from(first) {
        known.add(address);
    }
    for released in out.released.drain(..) {
        known.add(Address::Text(&released));
    }
    known.spans.sort_unstable();
    let mut walk = Walk {
        elsewhere,
        known,
        strays: Vec::new(),
        seen: HashSet::new(),
    };
    walk.values(value);
    let is_too_many = walk.strays.len() > MOST_STRAYS;
    for stray in walk.strays {
        out.stray(line, stray.as_bytes(), None);
    }
    if is_too_many {
        out.broken(line, "too many addresses in one value", value);
    }
}

/// Returns the addresses in JSON that is itself a string.
pub(super) fn addresses_in(json: &str) -> Vec<String> {
    let mut walk = Walk {
        elsewhere: Elsewhere {
            names: &[],
            has_numbers: false,
        },
        known: Known::default(),
        strays: Vec::new(),
        seen: HashSet::new(),
    };
    walk.values(json.as_bytes());
    walk.strays
}

/// The addresses that the filter yielded.
#[derive(Default)]
struct Known {
    addrs: HashSet<IpAddr>,
    /// The first and last addresses of blocks and ranges.
    spans: Vec<(IpAddr, IpAddr)>,
}

impl Known {
    fn add(&mut self, address: Address<'_>) {
        match address {
            Address::Addr(addr) => drop(self.addrs.insert(addr.to_canonical())),
            Address::Text(text) | Address::Block(text) => match ends(text) {
                Some((first, last)) if first == last => drop(self.addrs.insert(first)),
                Some(span) => self.spans.push(span),
                None => {}
            },
            Address::Own(text) => drop(host(text).map(|addr| self.addrs.insert(addr))),
            Address::Stray(_) | Address::Broken(_) => {}
        }
    }

    fn covers(&self, (first, last): (IpAddr, IpAddr)) -> bool {
        let before = self.spans.partition_point(|span| span.0 <= first);
        // Few lists have nested blocks. A shorter block that comes later does not hide any address of the longer one.
        (first == last && self.addrs.contains(&first))
            || self.spans[..before].iter().rev().any(|span| last <= span.1)
    }
}

/// Returns the address at the beginning of a text, without zone and prefix length.
fn host(text: &str) -> Option<IpAddr> {
    let end = text.find(['/', '%']).unwrap_or(text.len());
    let addr: IpAddr = text[..end].trim().parse().ok()?;
    Some(addr.to_canonical())
}

/// Returns the first and the last address that a text stands for.
fn ends(text: &str) -> Option<(IpAddr, IpAddr)> {
    let text = text.trim();
    if let Some((first, last)) = text.split_once('-') {
        return host(first).zip(host(last));
    }
    let addr = host(text)?;
    match text.parse::<IpNet>() {
        Ok(net) if net.addr() == net.network() && net.addr() == addr => {
            Some((net.network(), net.broadcast()))
        }
        _ => Some((addr, addr)),
    }
}

struct Walk {
    elsewhere: Elsewhere,
    known: Known,
    strays: Vec<String>,
    seen: HashSet<String>,
}

impl Walk {
    /// Examines all strings in a sequence of JSON values.
    fn values(&mut self, json: &[u8]) {
        let mut at = 0;
        while let Some(next) = self.next_sign(json, at) {
            if json[next] == b'[' {
                self.numbers(&json[next + 1..]);
                at = next + 1;
                continue;
            }
            let end = text_end(json, next + 1);
            let text = unescaped(&json[next + 1..end.min(json.len())]);
            at = end + 1;
            let after = skip_blanks(json, at);
            if json.get(after) != Some(&b':') {
                self.text(&text);
            } else if self.elsewhere.names.iter().any(|name| *name == text) {
                at = value_end(json, after + 1);
            } else {
                self.text(&text);
                at = self.after_remark(&text, json, after + 1).unwrap_or(at);
            }
        }
    }

    /// Returns the position after the string in a field, if the field is a remark.
    fn after_remark(&self, name: &str, json: &[u8], value: usize) -> Option<usize> {
        let value = skip_blanks(json, value);
        let is_remark = REMARKS.contains(&name) && json.get(value) == Some(&b'"');
        is_remark.then(|| value_end(json, value))
    }

    fn next_sign(&self, json: &[u8], at: usize) -> Option<usize> {
        let rest = json.get(at..)?;
        let found = match self.elsewhere.has_numbers {
            true => memchr2(b'"', b'[', rest),
            false => memchr(b'"', rest),
        };
        found.map(|found| at + found)
    }

    fn text(&mut self, text: &str) {
        let text = text.trim();
        let is_one = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
        match text.as_bytes().first() {
            // JSON within a string, as in annotations of Kubernetes.
            Some(b'{' | b'[') => self.values(text.as_bytes()),
            Some(first) if text.contains(['.', ':']) => {
                let is_sign = |char: char| !char.is_ascii_alphanumeric() && char != ':';
                let inner = text.trim_matches(is_sign);
                if is_one(first) || inner.len() != text.len() {
                    for part in text.split(',').map(|part| part.trim_matches(is_sign)) {
                        self.address(part);
                        listed_addresses(part).for_each(|listed| self.address(listed));
                    }
                }
            }
            _ => {}
        }
    }

    fn address(&mut self, text: &str) {
        let zoneless = match text.split_once('%') {
            Some((addr, _)) => addr,
            None => text,
        };
        let is_known = || ends(zoneless).is_some_and(|span| self.known.covers(span));
        if looks_like_address(zoneless)
            && !is_known()
            && self.strays.len() <= MOST_STRAYS
            && self.seen.insert(zoneless.to_owned())
        {
            self.strays.push(zoneless.to_owned());
        }
    }

    /// Examines four or sixteen numbers, a form in which some programs write addresses.
    fn numbers(&mut self, rest: &[u8]) {
        let Some(end) = memchr2(b']', b'[', &rest[..rest.len().min(128)]) else {
            return;
        };
        let bytes: Option<Vec<u8>> = rest[..end]
            .split(|byte| *byte == b',')
            .map(|number| std::str::from_utf8(number).ok()?.trim().parse().ok())
            .collect();
        let Some(bytes) = bytes else { return };
        let addr = match (<[u8; 4]>::try_from(&*bytes), <[u8; 16]>::try_from(&*bytes)) {
            (Ok(bytes), _) => IpAddr::from(bytes),
            (_, Ok(bytes)) => IpAddr::from(bytes),
            _ => return,
        };
        self.address(&addr.to_string());
    }
}

/// Returns the position of the quote that ends a string.
fn text_end(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(rest) = json.get(at..)
        && let Some(found) = memchr2(b'"', b'\\', rest)
    {
        match rest[found] {
            b'"' => return at + found,
            _ => at += found + 2,
        }
    }
    json.len()
}

fn unescaped(text: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(text);
    if memchr(b'\\', text.as_bytes()).is_none() {
        return text;
    }
    match serde_json::from_str::<String>(&format!("\"{text}\"")) {
        Ok(text) => text.into(),
        // The string is not valid JSON, but may still contain addresses.
        Err(_) => text.replace('\\', "").into(),
    }
}

fn skip_blanks(json: &[u8], start: usize) -> usize {
    let rest = json.get(start..).unwrap_or_default();
    let blanks = rest.iter().position(|byte| !byte.is_ascii_whitespace());
    blanks.map_or(json.len(), |blanks| start + blanks)
}

/// Returns the position after a value.
fn value_end(json: &[u8], start: usize) -> usize {
    let mut at = skip_blanks(json, start);
    let mut depth = 0u32;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = text_end(json, at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
            return at;
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str, names: &'static [&'static str], has_numbers: bool) -> Vec<String> {
        let mut out = Batch::default();
        out.text(1, b"10.0.0.2/24", None, None);
        out.block(1, b"10.0.0.16/28", None, None);
        out.text(1, b"10.0.0.40-10.0.0.49", None, None);
        let elsewhere = Elsewhere { names, has_numbers };
        tell(json.as_bytes(), elsewhere, 0, 1, &mut out);
        let told = out.addresses_from(3).map(|address| match address {
            Address::Stray(text) => text.to_owned(),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn what_was_yielded_is_not_told() {
        let json = r#"["10.0.0.2", "10.0.0.2/32", "::ffff:10.0.0.2", "10.0.0.17", "10.0.0.16/29",
            "10.0.0.45/24", "10.0.0.41-10.0.0.42", {"10.0.0.2": "aa:bb:cc:dd:ee:ff"}, "1.2.3", 10.0, "10.0.0.300"]"#;
        assert_eq!(told(json, &[], true), [""; 0]);
    }

    #[test]
    fn everything_else_is_told_wherever_it_stands() {
        for (json, expected) in [
            (r#"{"a": "10.0.0.3"}"#, "10.0.0.3"),
            (r#"{"10.0.0.3": 1}"#, "10.0.0.3"),
            (r#"{"a": "10.0.0.3/24", "b": 1}"#, "10.0.0.3/24"),
            (r#"{"a": "fe80::1%eth0"}"#, "fe80::1"),
            (r#"{"a": "\u00310.0.0.3"}"#, "10.0.0.3"),
            (r#"{"\"a\\": [" 10.0.0.3 "]}"#, "10.0.0.3"),
            (r#"{"a": "10.0.0.2,10.0.0.3"}"#, "10.0.0.3"),
            (r#"{"a": "10.0.0.2 10.0.0.3"}"#, "10.0.0.3"),
            (r#"{"a": "10.0.0.2/32;10.0.0.3:80"}"#, "10.0.0.3"),
            (r#"{"a": "[{\"b\": \"10.0.0.3\"}]"}"#, "10.0.0.3"),
            (r#"{"a": "10.0.0.0/27"}"#, "10.0.0.0/27"),
            (r#"{"a": "~10.0.0.3 ["}"#, "10.0.0.3"),
            (r#"{"a": "[\x\"10.0.0.3\"]"}"#, "10.0.0.3"),
            (r#"{"a": "10.0.0.30-10.0.0.49"}"#, "10.0.0.30-10.0.0.49"),
            (r#"{"a": "10.0.0.3", "b": "10.0.0.3"}"#, "10.0.0.3"),
            (r#"[10,0,0,2,[10, 0, 0, 3]]"#, "10.0.0.3"),
        ] {
            assert_eq!(told(json, &[], true), [expected], "{json}");
        }
        assert_eq!(told("[[10,0,0,3]]", &[], false), [""; 0]);
    }

    #[test]
    fn nothing_counts_under_a_name_that_is_elsewhere() {
        let json = r#"{"x": {"y": ["10.0.0.3", "}"], "z": "\"10.0.0.4"}, "x" : "10.0.0.5", "a": {"x": 1},
            "x": [["10.0.0.6"]], "y": "10.0.0.7", "x": null}"#;
        assert_eq!(told(json, &["x"], true), ["10.0.0.7"]);
    }
}
