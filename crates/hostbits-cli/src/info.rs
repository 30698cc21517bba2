//! `hostbits info`: facts about a network.

use crate::args::InfoArgs;
use crate::output::{Format, print, print_json};
use hostbits::NetworkInfo;
use hostbits_ops::Failure;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;

/// Builds the pool and prints its facts.
pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let info = args.pool.build().map_err(Failure::Build)?.info();
    match args.format {
        Format::Plain => print(|out| write_plain(out, &info)),
        Format::Json => print_json(&info),
    }
}

/// Writes the facts, one per line.
pub(crate) fn write_plain(out: &mut dyn Write, info: &NetworkInfo) -> io::Result<()> {
    let mut row = |name: &str, value: &dyn Display| writeln!(out, "{name:<10}{value}");
    row("network", &or_none(info.network))?;
    row("netmask", &or_none(info.netmask))?;
    for range in &info.ranges {
        row("range", &span(range.first, range.last))?;
    }
    let usable = info.first_usable.zip(info.last_usable);
    row(
        "usable",
        &or_none(usable.map(|(first, last)| span(first, last))),
    )?;
    row("gateway", &or_none(info.gateway))?;
    row("capacity", &info.capacity)?;
    row("reserved", &info.reserved)?;
    for reservation in &info.reservations {
        let addrs = span(reservation.first, reservation.last);
        // A label is the caller's text: it must not break the line.
        row(
            "",
            &format_args!("{addrs}: {}", escaped(&reservation.label)),
        )?;
    }
    row("unit", &format_args!("/{}", info.unit))?;
    row("policy", &info.policy)?;
    row("memory", &format_args!("{} bytes", info.memory_bytes))
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn span(first: IpAddr, last: IpAddr) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    }
}

fn escaped(text: &str) -> String {
    let quoted = format!("{text:?}");
    // Nothing to escape: the quotes would only be noise.
    if quoted.len() == text.len() + 2 {
        text.to_owned()
    } else {
        quoted
    }
}
