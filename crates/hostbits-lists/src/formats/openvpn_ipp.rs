//! `openvpn-ipp`: the addresses that OpenVPN keeps for clients that may come back.
//!
//! A line is `name,IPv4`, `name,IPv4,IPv6` or `name,,IPv6`. All addresses are held, whether the client is connected or
//! not: the server gives them to other clients only when it runs out of addresses.

use super::by_line::{LineFormat, fields};
use super::element::hides_address;
use crate::batch::{Batch, Span};
use crate::error::Fault;
use crate::lines::Line;
use std::net::Ipv4Addr;

/// How many addresses a client takes with `topology net30`.
const NET30: u32 = 4;

pub(super) struct OpenvpnIpp {
    pub(super) net30: bool,
}

impl LineFormat for OpenvpnIpp {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = line.without_return();
        if text.trim_ascii().is_empty() || text.starts_with(b"#") || text.starts_with(b";") {
            return Ok(());
        }
        let ([name, ipv4, ipv6], count) = fields::<3>(text, b',');
        if line.is_cut || !(2..=3).contains(&count) {
            out.broken(line.number, "not name,IPv4,IPv6", text);
            return Ok(());
        }
        let owner = out.keep_name(name);
        let (ipv4, ipv6) = (ipv4.trim_ascii(), ipv6.trim_ascii());
        // Half a line, or two joined lines.
        if hides_address(&String::from_utf8_lossy(name)) {
            out.broken(line.number, "not name,IPv4,IPv6", text);
            return Ok(());
        }
        if !ipv4.is_empty() || ipv6.is_empty() {
            self.ipv4(line.number, ipv4, owner.clone(), out);
        }
        if !ipv6.is_empty() {
            out.text(line.number, ipv6, owner, None);
        }
        if !line.is_ended {
            // The address may be incomplete, as 10.8.0.1 is of 10.8.0.12.
            out.broken(line.number, "the last line may be incomplete", text);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}

impl OpenvpnIpp {
    fn ipv4(&self, line: u64, text: &[u8], owner: Option<Span>, out: &mut Batch) {
        let addr = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<Ipv4Addr>().ok());
        match addr {
            Some(addr) if self.net30 => {
                let first = u32::from(addr) & !(NET30 - 1);
                for addr in first..=first + (NET30 - 1) {
                    out.addr(line, Ipv4Addr::from(addr).into(), owner.clone(), None);
                }
            }
            _ => out.text(line, text, owner, None),
        }
    }
}
