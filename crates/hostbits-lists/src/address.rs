//! Parses IPv4 addresses from bytes, as strictly as the standard library does.

use std::net::Ipv4Addr;

/// Parses an IPv4 address at the beginning of `bytes`, and returns it with its length in bytes.
///
/// An address is four numbers from 0 to 255 without leading zeros. It must not be followed by another digit or dot.
#[inline]
pub(crate) fn leading_ipv4(bytes: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0u8; 4];
    let mut at = 0;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index != 0 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let first = digit(bytes, at)?;
        let mut number = first;
        at += 1;
        if first != 0 {
            for _ in 0..2 {
                let Some(next) = digit(bytes, at) else { break };
                number = 10 * number + next;
                at += 1;
            }
        }
        *octet = u8::try_from(number).ok()?;
    }
    match bytes.get(at) {
        Some(b'0'..=b'9' | b'.') => None,
        _ => Some((octets.into(), at)),
    }
}

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u32> {
    let digit = bytes.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(digit.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> Option<Ipv4Addr> {
        leading_ipv4(text).and_then(|(addr, length)| (length == text.len()).then_some(addr))
    }

    /// Checks every text of up to 9 relevant characters, and every single-character change of a valid address.
    #[test]
    fn it_reads_what_std_reads() {
        fn check(text: &[u8]) {
            let expected = std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok());
            assert_eq!(whole(text), expected, "{}", text.escape_ascii());
        }
        const CHARS: &[u8; 4] = b"0.29";
        for length in 0..=9u32 {
            for code in 0..4u32.pow(length) {
                let text: Vec<u8> = (0..length)
                    .map(|at| CHARS[(code >> (2 * at) & 3) as usize])
                    .collect();
                check(&text);
            }
        }
        for good in ["10.0.0.5", "255.255.255.255", "0.0.0.0", "192.168.100.200"] {
            for at in 0..good.len() {
                for byte in 0..=255 {
                    let mut changed = good.as_bytes().to_vec();
                    changed[at] = byte;
                    check(&changed);
                    changed.insert(at, byte);
                    check(&changed);
                }
                check(&good.as_bytes()[..at]);
                check(&good.as_bytes()[at..]);
            }
        }
        for octet in 0..=999 {
            check(format!("{octet}.1.{octet}.1").as_bytes());
            check(format!("1.{octet:03}.1.{octet}").as_bytes());
        }
    }

    #[test]
    fn what_follows_is_not_part_of_it() {
        assert_eq!(leading_ipv4(b"10.0.0.5,x"), Some(([10, 0, 0, 5].into(), 8)));
        assert_eq!(
            leading_ipv4(b"10.0.0.5/24"),
            Some(([10, 0, 0, 5].into(), 8))
        );
        for longer in [
            &b"10.0.0.55555"[..],
            b"10.0.0.5.6",
            b"10.0.0.05",
            b"10.0.0.5.",
        ] {
            assert_eq!(leading_ipv4(longer), None);
        }
    }
}
