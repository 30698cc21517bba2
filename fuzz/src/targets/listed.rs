//! What an entry of a user list means, read from its text in another way than the library does.

use std::net::{IpAddr, Ipv4Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    Addr(IpAddr),
    /// With a prefix length that is not the full one.
    Net(IpAddr, u8),
    Unassigned,
    Unparseable,
}

pub(crate) fn means(text: &str) -> Means {
    let text = text.trim();
    if text.is_empty() {
        return Means::Unassigned;
    }
    let mut parts = text.splitn(2, '/');
    let addr = parts.next().and_then(addr);
    let (Some(addr), prefix_len) = (addr, parts.next()) else {
        return Means::Unparseable;
    };
    let width = if addr.is_ipv4() { 32 } else { 128 };
    let Some(prefix_len) = prefix_len.map_or(Some(width), |text| decimal(text, width)) else {
        return Means::Unparseable;
    };
    let canonical = addr.to_canonical();
    if canonical.is_unspecified() {
        Means::Unassigned
    } else if prefix_len == width {
        Means::Addr(canonical)
    } else if canonical == addr {
        Means::Net(addr, prefix_len)
    } else {
        Means::Unparseable
    }
}

/// A number as one writes it: no sign, no zero in front.
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
