//! Parsers for the values of the options in this folder.

pub(crate) use hostbits_config::values::duration;

use hostbits::lease::{Lease, ParseLeaseError};
use hostbits_ops::Named;
use std::net::IpAddr;

/// Reads `10.0.0.5`, or a prefix as the command prints it: `10.0.0.5/32`, `10.0.0.16/28`.
pub(crate) fn named(text: &str) -> Result<Named, String> {
    text.parse()
}

/// Reads a lease as the command prints it: `10.0.0.5#7`.
pub(crate) fn lease(text: &str) -> Result<Lease<IpAddr>, String> {
    text.parse()
        .map_err(|error: ParseLeaseError| error.to_string())
}

/// Reads one address.
pub(crate) fn addr(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address: write 10.0.0.5 or 2001:db8::5"))
}

/// Reads a whole number of percent.
pub(crate) fn percent(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(percent) if percent <= 100 => Ok(percent),
        _ => Err("write a whole number from 0 to 100".to_owned()),
    }
}

/// Reads the prefix length of a block, with or without its slash.
pub(crate) fn prefix_len(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix('/').unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    match digits.parse() {
        Ok(prefix_len) if prefix_len <= 128 && is_plain => Ok(prefix_len),
        _ => Err(format!(
            "{text:?} is not a prefix length: write /28, for example"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [
            ("0", 0),
            ("0s", 0),
            ("10m", 600),
            ("1h 30m", 5400),
            ("90s", 90),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "10", "m", "-1m", "ten minutes"] {
            assert!(duration(bad).unwrap_err().contains("write 10m"), "{bad}");
        }
    }
}
