//! Addresses that were allocated, as text and as JSON.

use crate::next::Given;
use crate::output::Format;
use ipnet::IpNet;
use serde::Serialize;
use std::io::{self, BufWriter, Write};

/// What was allocated, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    addresses: Vec<Given>,
}

/// Prints them, to the end. A reader who is gone is an error here, unlike elsewhere: these addresses are allocated, and
/// nobody knows of it.
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
