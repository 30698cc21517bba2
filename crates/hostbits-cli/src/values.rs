//! Parsers for the values of the options: each returns the value, or a sentence that says what to write instead.

pub(crate) use hostbits_config::values::{AddrSpan, PolicyChoice, gateway, network, policy, range};

/// Addresses to reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reserve {
    /// The addresses.
    pub(crate) range: AddrSpan,
    /// The reason, shown as their label.
    pub(crate) label: String,
}

/// Reads a number of addresses.
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
