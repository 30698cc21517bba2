//! `dnsmasq`: its lease file, IPv4 and IPv6.
//!
//! A line is expiry, hardware address (of IPv6 the identity association), address, name, client identifier; `*` where
//! there is nothing. The line `duid` comes before the leases of IPv6. All leases are held: dnsmasq itself deletes those
//! that have expired.

use super::by_line::LineFormat;
use super::element::tell_others;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;
use std::net::IpAddr;

#[derive(Default)]
pub(super) struct Dnsmasq;

impl LineFormat for Dnsmasq {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(line.without_return());
        let words: Vec<&str> = text.split_whitespace().collect();
        match &*words {
            [] if !line.is_cut => {}
            ["duid", id] if !line.is_cut => {
                out.is_known = true;
                tell_others([id.as_bytes()].into_iter(), b"", line.number, out);
            }
            [expiry, hardware, address, name, rest @ ..]
                if !line.is_cut && is_number(expiry) && rest.len() < 2 =>
            {
                out.is_known = true;
                let others = [*hardware, *name].into_iter().chain(rest.iter().copied());
                let others = others.map(str::as_bytes);
                tell_others(others, address.as_bytes(), line.number, out);
                let owner = [*name, *hardware].into_iter().find(|name| *name != "*");
                let owner = out.keep_name(owner.unwrap_or_default().as_bytes());
                match address.parse::<IpAddr>() {
                    Ok(addr) => out.addr(line.number, addr, owner, None),
                    Err(_) => {
                        out.broken(line.number, "a lease without an address", text.as_bytes())
                    }
                }
                if !line.is_ended {
                    // dnsmasq ends every line: this one may have been longer.
                    out.broken(
                        line.number,
                        "the last line may not be whole",
                        text.as_bytes(),
                    );
                }
            }
            _ => out.broken(line.number, "not a lease of dnsmasq", text.as_bytes()),
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
