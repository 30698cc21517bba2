//! What an entry of a user list means, read from its text in another way than the library does.

use super::kind::{bits_of, low};
use std::net::{IpAddr, Ipv4Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    Addr(IpAddr),
    /// Every address of a prefix, which has no host bits.
    Net(IpAddr, u8),
    /// Every address from the first to the last one.
    Range(IpAddr, IpAddr),
    Unassigned,
    Unparseable,
}

pub(crate) fn means(text: &str) -> Means {
    let text = text.trim();
    let bare = text
        .trim_start_matches(['(', '<'])
        .trim_end_matches([')', '>']);
    let is_bracketed = text.len() == bare.len() + 2
        && ((text.starts_with('(') && text.ends_with(')'))
            || (text.starts_with('<') && text.ends_with('>')));
    let word = bare.to_ascii_lowercase();
    let is_word = ["none", "null", "nil", "n/a", "\\n", "-", "*", "no value"].contains(&&*word);
    if text.is_empty() || (is_word && (is_bracketed || text == bare)) {
        return Means::Unassigned;
    }
    if text.ends_with(".*") {
        let parts: Vec<&str> = text.split('.').collect();
        let stars = parts.iter().rev().take_while(|part| **part == "*").count();
        let plain = text.replace('*', "0");
        return match (parts.len(), stars, addr(&plain)) {
            (4, 1..=3, Some(addr)) if !text.contains("0*") && plain.split('.').count() == 4 => {
                whole(addr, 32 - 8 * stars as u8)
            }
            _ => Means::Unparseable,
        };
    }
    let mut parts = text.splitn(2, '/');
    let first = parts.next().and_then(addr);
    let (Some(addr), prefix_len) = (first, parts.next()) else {
        return range(text);
    };
    let width = if addr.is_ipv4() { 32 } else { 128 };
    let Some(prefix_len) = prefix_len.map_or(Some(width), |text| decimal(text, width)) else {
        return Means::Unparseable;
    };
    let canonical = addr.to_canonical();
    let host_bits = bits_of(addr) & low(width - prefix_len);
    if prefix_len == width || host_bits != 0 {
        return match canonical.is_unspecified() {
            true => Means::Unassigned,
            false => Means::Addr(canonical),
        };
    }
    match canonical == addr {
        true => whole(addr, prefix_len),
        false => Means::Unparseable,
    }
}

fn whole(addr: IpAddr, prefix_len: u8) -> Means {
    let width = if addr.is_ipv4() { 32 } else { 128 };
    match bits_of(addr) & low(width - prefix_len) {
        0 => Means::Net(addr, prefix_len),
        _ => Means::Addr(addr),
    }
}

fn range(text: &str) -> Means {
    let ends = text.split_once('-').and_then(|(first, last)| {
        let first = addr(first.trim())?.to_canonical();
        let last = addr(last.trim())?.to_canonical();
        Some((first, last))
    });
    match ends {
        Some((first, last)) if first == last && first.is_unspecified() => Means::Unassigned,
        Some((first, last)) if first == last => Means::Addr(first),
        Some((first, last)) if first.is_ipv4() == last.is_ipv4() && first < last => {
            Means::Range(first, last)
        }
        _ => Means::Unparseable,
    }
}

/// Reads a number as people write it: no sign, no leading zero.
fn decimal(text: &str, most: u8) -> Option<u8> {
    (0..=most).find(|number| number.to_string() == text)
}

fn addr(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse().ok().map(IpAddr::V6);
    }
    let bytes: Option<Vec<u8>> = text.split('.').map(|part| decimal(part, 255)).collect();
    let bytes: [u8; 4] = bytes?.try_into().ok()?;
    Some(Ipv4Addr::from(bytes).into())
}
