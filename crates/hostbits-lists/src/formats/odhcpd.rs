//! `odhcpd`: its state file, on OpenWrt.
//!
//! A lease is a line that begins with `#`: interface, DUID or hardware address, IAID or `ipv4`, host name, expiry,
//! assigned id, prefix length, and one address or prefix after the other. Other lines are for the name server.
//! All leases are held. Where the prefix length is not the full one, the prefixes are delegated, all of them.

use super::by_line::LineFormat;
use super::element::looks_like_address;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;

/// How many words come before the addresses.
const BEFORE: usize = 7;

#[derive(Default)]
pub(super) struct Odhcpd;

impl LineFormat for Odhcpd {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(line.without_return());
        let text = text.trim();
        if text.is_empty() && !line.is_cut {
            return Ok(());
        }
        let Some(lease) = text.strip_prefix('#').filter(|_| !line.is_cut) else {
            // `ADDRESS NAME` of a lease that has a line of its own, too.
            let is_host = text
                .split_whitespace()
                .next()
                .is_some_and(looks_like_address);
            if line.is_cut || !is_host {
                out.broken(line.number, "not a line of odhcpd's state", text.as_bytes());
            }
            return Ok(());
        };
        let words: Vec<&str> = lease.split_whitespace().collect();
        if words.len() < BEFORE {
            out.broken(line.number, "not a lease of odhcpd", text.as_bytes());
            return Ok(());
        }
        out.is_known = true;
        let name = if words[3] == "-" { words[1] } else { words[3] };
        let owner = out.keep_name(name.as_bytes());
        for address in &words[BEFORE..] {
            out.block(line.number, address.as_bytes(), owner.clone(), None);
        }
        if words.len() == BEFORE {
            out.text(line.number, b"", owner, None);
        }
        if !line.is_ended {
            out.broken(
                line.number,
                "the last line may not be whole",
                text.as_bytes(),
            );
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}
