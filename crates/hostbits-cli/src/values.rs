//! The values of the options: text in, value or a sentence about what to write instead out.

pub(crate) use hostbits_config::values::{AddrSpan, PolicyChoice, gateway, network, policy, range};
use hostbits_ops::Named;
use std::net::IpAddr;

/// Addresses to set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reserve {
    /// Which.
    pub(crate) range: AddrSpan,
    /// Why.
    pub(crate) label: String,
}

/// Reads how many addresses to hand out.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("write 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("write a whole number from 1 to {}", u64::MAX)),
    }
}

/// Reads `A-B=LABEL` or `ADDR=LABEL`.
pub(crate) fn reserve(text: &str) -> Result<Reserve, String> {
    match text.split_once('=') {
        Some((addrs, label)) if !label.trim().is_empty() => Ok(Reserve {
            range: range(addrs)?,
            label: label.trim().to_owned(),
        }),
        _ => Err(format!(
            "{text:?} has no label: write 10.0.0.10-10.0.0.19=printers, for example"
        )),
    }
}

/// Reads `10.0.0.5`, or a prefix such as the command prints: `10.0.0.5/32`, `10.0.0.16/28`.
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) fn named(text: &str) -> Result<Named, String> {
    text.parse()
}

/// Reads one address.
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) fn addr(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address: write 10.0.0.5 or 2001:db8::5"))
}

/// Reads the prefix length of a block, with or without its slash.
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
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
