//! `dnsmasq`: its lease file, for IPv4 and IPv6.
//!
//! A line has the expiry, hardware address (for IPv6 the identity association), address, name and client identifier;
//! `*` stands for an absent value. The line `duid` comes before the IPv6 leases. All leases are held, because dnsmasq
//! itself deletes expired ones.

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
                    // dnsmasq ends every line, so this one may have been longer.
                    out.broken(
                        line.number,
                        "the last line may be incomplete",
                        text.as_bytes(),
                    );
                }
            }
            _ => out.broken(line.number, "not a dnsmasq lease", text.as_bytes()),
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
