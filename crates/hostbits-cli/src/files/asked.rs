//! The addresses to release: from the command line, or one per line of standard input.

use crate::files::values;
use hostbits::lease::Lease;
use hostbits_ops::{Failure, Named, printable};
use serde::Serialize;
use std::io::{self, BufRead};
use std::net::IpAddr;

/// One argument of `release`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// Release this address or block.
    One(Named),
    /// Release this lease.
    Lease(Lease<IpAddr>),
    /// Release what standard input names.
    Input,
}

/// All addresses to release.
#[derive(Debug, Default)]
pub(crate) struct ReadAsked {
    pub(crate) named: Vec<Named>,
    pub(crate) leases: Vec<Lease<IpAddr>>,
    /// Lines of standard input that name no address.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A line of standard input that names no address.
#[derive(Debug, Serialize)]
pub(crate) struct Unreadable {
    pub(crate) line: u64,
    pub(crate) text: String,
    pub(crate) message: String,
}

/// Reads an address, a prefix, a lease, or `-`.
pub(crate) fn asked(text: &str) -> Result<Asked, String> {
    match text {
        "-" => Ok(Asked::Input),
        _ => one(text),
    }
}

fn one(text: &str) -> Result<Asked, String> {
    match text.contains('#') {
        true => values::lease(text).map(Asked::Lease),
        false => values::named(text).map(Asked::One),
    }
}

/// Reads standard input if an argument asks for it. If reading fails, nothing has been released.
pub(crate) fn read_asked(asked: &[Asked]) -> Result<ReadAsked, Failure> {
    let is_input = |it: &&Asked| matches!(it, Asked::Input);
    if asked.iter().filter(is_input).count() > 1 {
        let text = "standard input can be read once: write - once";
        return Err(Failure::Usage(text.to_owned()));
    }
    let mut read = ReadAsked::default();
    for it in asked {
        match it {
            Asked::One(named) => read.named.push(*named),
            Asked::Lease(lease) => read.leases.push(*lease),
            Asked::Input => read_lines(io::stdin().lock(), &mut read)
                .map_err(|error| Failure::Usage(format!("cannot read standard input: {error}")))?,
        }
    }
    Ok(read)
}

fn read_lines(mut input: impl BufRead, read: &mut ReadAsked) -> io::Result<()> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        // `list` marks them like this.
        let marked = text.strip_suffix("quarantined");
        let marked = marked.filter(|addr| addr.ends_with(char::is_whitespace));
        match one(marked.unwrap_or(text).trim_end()) {
            Ok(Asked::One(named)) => read.named.push(named),
            Ok(Asked::Lease(lease)) => read.leases.push(lease),
            Ok(Asked::Input) => {}
            Err(message) => read.unreadable.push(Unreadable {
                line,
                text: printable(text),
                message,
            }),
        }
    }
    Ok(())
}
