//! What one entry of a list means, before anybody looks at a pool.

use super::record::Listed;
use ipnet::IpNet;
use std::net::IpAddr;

/// How to read an address with a prefix length that is not the full one: `10.0.0.5/24` as interfaces
/// are configured, or `10.0.0.16/28` as a block. A list does not say which it means.
///
/// ```
/// use hostbits::{Ambiguous, Pool};
///
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let users = ["10.0.0.16/28"];
/// assert_eq!(Pool::new(net)?.adopt(users).taken, 1);
/// assert_eq!(Pool::new(net)?.adopt_reading(Ambiguous::Expand, users).taken, 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ambiguous {
    /// The address alone is taken.
    #[default]
    Host,
    /// Every address under the prefix is taken.
    Expand,
    /// The entry is reported as unparseable and takes nothing.
    Reject,
}

/// What an entry says, in canonical form: IPv4-mapped addresses are IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// One address.
    Addr(IpAddr),
    /// An address and a prefix shorter than the full one.
    Net(IpNet),
    /// A user without an address.
    Unassigned,
    Unparseable,
}

// Always: whoever reads a list wants it in the loop. All but the plain address is in functions of its own.
#[inline(always)]
pub(crate) fn read(listed: Listed<'_>) -> Entry {
    match listed {
        // Most lists are of these, and the standard library is quick to say so or not.
        Listed::Text(text) => match text.parse() {
            Ok(addr) => of_addr(IpAddr::V4(addr)),
            Err(_) => read_text(text.trim()),
        },
        Listed::Addr(addr) => of_addr(addr),
        Listed::Net(net) => of_net(net.addr(), net.prefix_len()),
    }
}

#[inline(never)]
fn read_text(text: &str) -> Entry {
    if text.is_empty() {
        return Entry::Unassigned;
    }
    let (addr, prefix_len) = match text.split_once('/') {
        Some((addr, prefix_len)) => (addr, Some(prefix_len)),
        None => (text, None),
    };
    // The parser of std is strict: no leading zeros, ports, brackets or zone ids.
    let Ok(addr) = addr.parse() else {
        return Entry::Unparseable;
    };
    match prefix_len.map(read_prefix_len) {
        None => of_addr(addr),
        Some(Some(prefix_len)) => of_net(addr, prefix_len),
        Some(None) => Entry::Unparseable,
    }
}

/// Digits only: `u8`'s own parser would take `+8` and `008`.
fn read_prefix_len(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    (plain && !padded).then(|| text.parse().ok()).flatten()
}

#[inline(always)]
fn of_addr(addr: IpAddr) -> Entry {
    if addr.to_canonical().is_unspecified() {
        Entry::Unassigned
    } else {
        Entry::Addr(addr.to_canonical())
    }
}

#[inline(never)]
fn of_net(addr: IpAddr, prefix_len: u8) -> Entry {
    let Ok(net) = IpNet::new(addr, prefix_len) else {
        return Entry::Unparseable;
    };
    if prefix_len == net.max_prefix_len() || addr.to_canonical().is_unspecified() {
        of_addr(addr)
    } else if addr.to_canonical() != addr {
        // A mapped prefix has two readings, and neither is safe.
        Entry::Unparseable
    } else {
        Entry::Net(net)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Entry {
        read(Listed::Text(text))
    }

    #[test]
    fn every_row_of_the_table() {
        let addr = |text: &str| Entry::Addr(text.parse().unwrap());
        let net = |text: &str| Entry::Net(text.parse().unwrap());
        for (given, expected) in [
            ("10.0.0.5", addr("10.0.0.5")),
            ("10.0.0.5/32", addr("10.0.0.5")),
            (" \t10.0.0.5\r", addr("10.0.0.5")),
            ("2001:DB8::5/128", addr("2001:db8::5")),
            ("::ffff:10.0.0.5", addr("10.0.0.5")),
            ("::ffff:10.0.0.5/128", addr("10.0.0.5")),
            ("10.0.0.5/24", net("10.0.0.5/24")),
            ("10.0.0.16/28", net("10.0.0.16/28")),
            ("2001:db8::/64", net("2001:db8::/64")),
            ("", Entry::Unassigned),
            ("  ", Entry::Unassigned),
            ("0.0.0.0", Entry::Unassigned),
            ("0.0.0.0/0", Entry::Unassigned),
            ("::", Entry::Unassigned),
            ("::ffff:0.0.0.0", Entry::Unassigned),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
    }

    #[test]
    fn whatever_else_is_unparseable() {
        for given in [
            "::ffff:10.0.0.0/120",
            "10.0.0.05",
            "010.0.0.5",
            "10.0.0.5:80",
            "[::1]:80",
            "[::1]",
            "fe80::1%eth0",
            "router.example",
            "10.0.0.5/33",
            "10.0.0.5/+8",
            "10.0.0.5/08",
            "10.0.0.5/",
            "/24",
            "10.0.0.5/24/24",
            "10.0.0",
            "10.0.0.256",
            "0x0a000005",
            "167772165",
            "10.0.0.5 bob",
            "１０.0.0.5",
            "\u{0}10.0.0.5",
        ] {
            assert_eq!(text(given), Entry::Unparseable, "{given:?}");
        }
    }
}
