//! The meaning of one entry of a list, independent of any pool.

use super::record::Listed;
use ipnet::IpNet;
use std::net::IpAddr;

/// What to do with a list that has unreadable entries, each of which may stand for any address.
///
/// ```
/// use hostbits::{Pool, users::Unreadable};
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let users = ["10.0.0.2", "10.0.0.3:80"];
/// assert!(pool.adopt(users).is_err());
/// assert_eq!(pool.allocated(), 0);
/// assert_eq!(pool.adopt_with(Unreadable::Skip { at_most: 1 }, users)?.taken, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// Refuses the list; nothing is changed.
    #[default]
    Refuse,
    /// Allows this many unreadable entries, and refuses the list if there are more.
    Skip {
        /// The maximum number of unreadable entries.
        at_most: u64,
    },
}

impl Unreadable {
    /// Returns whether a list with this many unreadable entries is refused.
    pub(crate) fn refuses(self, unparseable: u64) -> bool {
        match self {
            Self::Refuse => unparseable != 0,
            Self::Skip { at_most } => unparseable > at_most,
        }
    }
}

/// The meaning of an entry, in canonical form: IPv4-mapped addresses are IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// One address.
    Addr(IpAddr),
    /// All addresses of a prefix that is longer than a single address.
    Net(IpNet),
    /// All addresses from the first to the second, which are of the same family and in order.
    Range(IpAddr, IpAddr),
    /// A user without an address.
    Unassigned,
    Unparseable,
    /// The first and the last address of something outside the recognized fields.
    Stray(IpAddr, IpAddr),
}

/// How programs and people write that there is no address, in lower case and without brackets.
const NONE_WORDS: [&str; 8] = ["none", "null", "nil", "n/a", "\\n", "-", "*", "no value"];
const LONGEST_NONE: usize = 10;

// Always inlined: readers of lists need it in their loop. Everything except the plain address is in separate functions.
#[inline(always)]
pub(crate) fn read(listed: Listed<'_>) -> Entry {
    match listed {
        // Most lists consist of plain addresses, which the standard library recognizes quickly.
        Listed::Text(text) => match text.parse() {
            Ok(addr) => of_addr(IpAddr::V4(addr)),
            Err(_) => read_text(text.trim(), of_net),
        },
        Listed::Addr(addr) => of_addr(addr),
        listed => read_other(listed),
    }
}

#[inline(never)]
fn read_other(listed: Listed<'_>) -> Entry {
    match listed {
        Listed::Text(text) => read_text(text.trim(), of_net),
        Listed::Addr(addr) => of_addr(addr),
        Listed::Net(net) => of_net(net),
        Listed::Block(text) => read_text(text.trim(), of_block),
        // The prefix length of an interface is that of its network.
        Listed::Own(text) => read_text(text.trim(), |net| of_addr(net.addr())),
        Listed::Stray(text) => match read_text(text.trim(), of_net) {
            Entry::Addr(addr) => Entry::Stray(addr, addr),
            // A subnet is not held by one user, but a part of it may be; the pool decides.
            Entry::Net(net) => Entry::Stray(net.network(), net.broadcast()),
            Entry::Range(first, last) => Entry::Stray(first, last),
            other => other,
        },
        Listed::Broken(_) => Entry::Unparseable,
    }
}

#[inline(never)]
fn read_text(text: &str, of_net: impl Fn(IpNet) -> Entry) -> Entry {
    if is_none(text) {
        return Entry::Unassigned;
    }
    let (addr, prefix_len) = match text.split_once('/') {
        Some((addr, prefix_len)) => (addr, Some(prefix_len)),
        None => (text, None),
    };
    // The parser of the standard library is strict: no leading zeros, ports, brackets or zone ids.
    let Ok(addr) = addr.parse::<IpAddr>() else {
        return read_range(text);
    };
    match prefix_len.map(read_prefix_len) {
        None => of_addr(addr),
        Some(Some(prefix_len)) => of_prefix(addr, prefix_len, of_net),
        Some(None) => Entry::Unparseable,
    }
}

/// Returns whether the text is empty or a word for no address, perhaps in brackets: `(none)`, `<nil>`, `NULL`, `\N`.
fn is_none(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    if text.len() > LONGEST_NONE {
        return false;
    }
    let inner = [('(', ')'), ('<', '>')]
        .into_iter()
        .find_map(|(open, close)| {
            let inner = text.strip_prefix(open)?;
            inner.strip_suffix(close)
        });
    let word = inner.unwrap_or(text).to_ascii_lowercase();
    NONE_WORDS.contains(&&*word)
}

/// Reads `10.0.0.10-10.0.0.19`, with or without blanks around the hyphen.
fn read_range(text: &str) -> Entry {
    let ends = text.split_once('-').and_then(|(first, last)| {
        let first: IpAddr = first.trim().parse().ok()?;
        let last: IpAddr = last.trim().parse().ok()?;
        Some((first.to_canonical(), last.to_canonical()))
    });
    match ends {
        Some((first, last)) if first == last => of_addr(first),
        Some((first, last)) if first.is_ipv4() == last.is_ipv4() && first < last => {
            Entry::Range(first, last)
        }
        _ => read_wildcard(text),
    }
}

/// Reads `10.0.0.*` as 10.0.0.0/24.
fn read_wildcard(text: &str) -> Entry {
    let prefix = text.trim_end_matches(".*");
    let stars = (text.len() - prefix.len()) / 2;
    let addr = format!("{prefix}{}", ".0".repeat(stars));
    match (stars, addr.parse()) {
        (1..=3, Ok(addr)) => of_prefix(addr, 32 - 8 * stars as u8, of_block),
        _ => Entry::Unparseable,
    }
}

/// Reads digits only: the parser of `u8` would accept `+8` and `008`.
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

fn of_prefix(addr: IpAddr, prefix_len: u8, of_net: impl Fn(IpNet) -> Entry) -> Entry {
    match IpNet::new(addr, prefix_len) {
        Ok(net) => of_net(net),
        Err(_) => Entry::Unparseable,
    }
}

/// With host bits set, it is a host and its network; without, it is a block.
fn of_net(net: IpNet) -> Entry {
    match net.addr() == net.network() {
        true => of_block(net),
        // For a mapped host, the prefix does not matter.
        false => of_addr(net.addr()),
    }
}

/// Returns the whole block, whatever its host bits are.
fn of_block(net: IpNet) -> Entry {
    if net.prefix_len() == net.max_prefix_len() {
        of_addr(net.addr())
    } else if net.addr().to_canonical() != net.addr() {
        // Programs do not write blocks of mapped addresses; it could mean either family.
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

    fn addr(text: &str) -> Entry {
        Entry::Addr(text.parse().unwrap())
    }

    fn net(text: &str) -> Entry {
        Entry::Net(text.parse().unwrap())
    }

    #[test]
    fn every_row_of_the_table() {
        let range =
            |first: &str, last: &str| Entry::Range(first.parse().unwrap(), last.parse().unwrap());
        for (given, expected) in [
            ("10.0.0.5", addr("10.0.0.5")),
            ("10.0.0.5/32", addr("10.0.0.5")),
            (" \t10.0.0.5\r", addr("10.0.0.5")),
            ("2001:DB8::5/128", addr("2001:db8::5")),
            ("::ffff:10.0.0.5", addr("10.0.0.5")),
            ("::ffff:10.0.0.5/128", addr("10.0.0.5")),
            ("::ffff:10.0.0.5/120", addr("10.0.0.5")),
            ("10.0.0.5/24", addr("10.0.0.5")),
            ("10.0.0.16/28", net("10.0.0.16/28")),
            ("2001:db8::/64", net("2001:db8::/64")),
            ("2001:db8::1/64", addr("2001:db8::1")),
            ("10.0.0.*", net("10.0.0.0/24")),
            ("10.1.*.*", net("10.1.0.0/16")),
            ("0.0.0.0/0", net("0.0.0.0/0")),
            ("::/0", net("::/0")),
            ("10.0.0.2-10.0.0.9", range("10.0.0.2", "10.0.0.9")),
            ("10.0.0.2 - 10.0.0.9", range("10.0.0.2", "10.0.0.9")),
            ("fd00::2-fd00::9", range("fd00::2", "fd00::9")),
            ("10.0.0.2-10.0.0.2", addr("10.0.0.2")),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
    }

    #[test]
    fn words_for_nothing_are_no_address_and_no_fault() {
        for given in [
            "",
            "  ",
            "0.0.0.0",
            "0.0.0.0/32",
            "::",
            "::ffff:0.0.0.0",
            "(none)",
            "<none>",
            "None",
            "none",
            "null",
            "NULL",
            "\\N",
            "-",
            "N/A",
            "n/a",
            "*",
            "<nil>",
            "nil",
            " <none> ",
        ] {
            assert_eq!(text(given), Entry::Unassigned, "{given:?}");
        }
    }

    #[test]
    fn a_block_is_all_of_it_and_an_interface_is_itself() {
        let block = |text| read(Listed::Block(text));
        assert_eq!(block("10.0.0.21/28"), net("10.0.0.21/28"));
        assert_eq!(block("10.0.0.21"), addr("10.0.0.21"));
        assert_eq!(block("10.0.0.21/32"), addr("10.0.0.21"));
        assert_eq!(block("(none)"), Entry::Unassigned);
        assert_eq!(read(Listed::Own("10.0.0.16/28")), addr("10.0.0.16"));
        assert_eq!(read(Listed::Broken("10.0.0.16")), Entry::Unparseable);
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
            "10.0.*.5",
            "10.0.0.5.*",
            "*.*.*.*",
            "fd00::.*",
            "10.0.0.9-10.0.0.2",
            "10.0.0.2-9",
            "10.0.0.2-fd00::9",
            "10.0.0.2-",
            "0x0a000005",
            "167772165",
            "10.0.0.5 bob",
            "(none",
            "\\",
            "１０.0.0.5",
            "\u{0}10.0.0.5",
        ] {
            assert_eq!(text(given), Entry::Unparseable, "{given:?}");
        }
    }
}
