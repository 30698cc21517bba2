//! Addresses that were allocated, as text and as JSON.

use crate::next::Given;
use crate::output::Format;
use hostbits::lease::Lease;
use hostbits_ops::{files::Granted, net_of};
use ipnet::IpNet;
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;

/// The result of an allocation, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    addresses: Vec<Given>,
}

/// Prints the addresses in full. Unlike elsewhere, a closed pipe is an error here: the addresses are allocated, and the
/// caller does not know of them.
pub(crate) fn print_granted(
    format: Format,
    file: &str,
    set: Option<&str>,
    nets: &[IpNet],
) -> io::Result<()> {
    let addresses = || nets.iter().copied().map(Given::now).collect();
    print_in_full(format, file, set, nets, addresses)
}

/// Prints leases in the same way.
pub(crate) fn print_leases(format: Format, file: &str, granted: &Granted) -> io::Result<()> {
    let addresses = || leased(granted);
    print_in_full(format, file, None, &granted.leases, addresses)
}

/// Returns leases as JSON has them.
pub(crate) fn leased(granted: &Granted) -> Vec<Given> {
    let leases = granted.leases.iter();
    let given = |lease: &Lease<IpAddr>| Given {
        address: net_of(lease.addr(), granted.unit),
        generation: Some(lease.generation()),
        lease: Some(lease.to_string()),
    };
    leases.map(given).collect()
}

fn print_in_full(
    format: Format,
    file: &str,
    set: Option<&str>,
    lines: &[impl Display],
    addresses: impl FnOnce() -> Vec<Given>,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        Format::Plain => lines.iter().try_for_each(|line| writeln!(out, "{line}"))?,
        Format::Json => {
            let answer = Answer {
                file,
                set,
                addresses: addresses(),
            };
            serde_json::to_writer(&mut out, &answer)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
