//! Addresses that were allocated, as text and as JSON.

use crate::next::Given;
use crate::output::Format;
use ipnet::IpNet;
use serde::Serialize;
use std::io::{self, BufWriter, Write};

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
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        Format::Plain => nets.iter().try_for_each(|net| writeln!(out, "{net}"))?,
        Format::Json => {
            let answer = Answer {
                file,
                set,
                addresses: nets.iter().copied().map(Given::now).collect(),
            };
            serde_json::to_writer(&mut out, &answer)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
