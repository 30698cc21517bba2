//! `netdev`: a WireGuard interface of systemd-networkd, as systemd.netdev(5) describes it.
//!
//! The `AllowedIPs` of `[WireGuardPeer]` sections are held. The interface's own addresses are in its `.network` file,
//! whose `[Network]` and `[Address]` sections are read as well if they are in the same file.

use super::by_line::{LineFormat, next_field};
use super::element::{addresses_of_another, hides_address, hides_another, tell_others};
use super::wireguard::is_two;
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;

/// Sections of networkd with addresses that do not belong to a peer.
const OTHERS: [&[u8]; 24] = [
    b"Match",
    b"Link",
    b"Network",
    b"Address",
    b"Neighbor",
    b"IPv6AddressLabel",
    b"RoutingPolicyRule",
    b"NextHop",
    b"Route",
    b"DHCPv4",
    b"DHCPv6",
    b"DHCPServer",
    b"DHCPPrefixDelegation",
    b"IPv6AcceptRA",
    b"IPv6SendRA",
    b"IPv6Prefix",
    b"IPv6RoutePrefix",
    b"IPv6PREF64Prefix",
    b"VXLAN",
    b"GENEVE",
    b"Tunnel",
    b"FooOverUDP",
    b"L2TP",
    b"BridgeMDB",
];

#[derive(Default)]
pub(super) struct Netdev {
    section: Vec<u8>,
    key: Vec<u8>,
    /// The allowed IPs of the current peer, until its key is known or its section ends.
    waiting: Vec<(u64, Vec<u8>)>,
}

impl LineFormat for Netdev {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = line.bytes.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") || text.starts_with(b";") {
            return Ok(());
        }
        if line.is_cut {
            out.broken(line.number, "a line longer than 64 KiB", b"not shown");
            return Ok(());
        }
        if let Some(name) = text.strip_prefix(b"[") {
            self.flush(out);
            self.key.clear();
            let Some(name) = name.strip_suffix(b"]") else {
                out.broken(line.number, "a section that is not closed", text);
                return Ok(());
            };
            self.section = name.to_vec();
            return Ok(());
        }
        let Some(at) = memchr::memchr(b'=', text) else {
            out.broken(line.number, "neither a section nor a setting", b"not shown");
            return Ok(());
        };
        let (name, value) = (text[..at].trim_ascii(), text[at + 1..].trim_ascii());
        let hides = |text: &[u8]| hides_address(&String::from_utf8_lossy(text));
        if is_two(name, value) || hides(name) {
            out.broken(line.number, "two settings on one line", b"not shown");
            return Ok(());
        }
        match (&*self.section, name) {
            (b"WireGuardPeer", b"AllowedIPs") if value.is_empty() => {
                // An empty value cancels the values before it.
                out.broken(
                    line.number,
                    "an empty list, which cancels the lists before it",
                    text,
                );
            }
            (b"WireGuardPeer", b"AllowedIPs") => self.waiting.push((line.number, value.to_vec())),
            (b"WireGuardPeer", b"PublicKey") if !hides(value) => self.key = value.to_vec(),
            (b"Network" | b"Address", b"Address") => {
                let owner = out.keep_name(b"(interface)");
                out.own(line.number, value, owner);
            }
            (b"DHCPServerStaticLease", b"Address") => out.text(line.number, value, None, None),
            (_, b"AllowedIPs") => {
                out.broken(line.number, "addresses outside a peer", text);
            }
            (b"NetDev", b"Description") => {
                out.is_known = true;
                tell_others([value].into_iter(), b"", line.number, out);
            }
            (b"NetDev" | b"WireGuard", _) if !hides(value) => out.is_known = true,
            (b"WireGuardPeer", b"Endpoint") if !hides_another(&String::from_utf8_lossy(value)) => {}
            (b"WireGuardPeer" | b"NetDev" | b"WireGuard", _) if hides(value) => {
                out.broken(line.number, "an unknown setting", name);
            }
            (b"WireGuardPeer", _) => {}
            // Other sections of networkd do not contain addresses of peers.
            (section, _) if OTHERS.contains(&section) => {
                let value = String::from_utf8_lossy(value);
                for other in addresses_of_another(value.split_whitespace(), true) {
                    out.stray(line.number, other.as_bytes(), None);
                }
            }
            _ if hides(value) => {
                out.broken(line.number, "an unknown section", text);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _: u64, out: &mut Batch) -> Result<bool, Fault> {
        self.flush(out);
        Ok(false)
    }
}

impl Netdev {
    fn flush(&mut self, out: &mut Batch) {
        for (line, items) in std::mem::take(&mut self.waiting) {
            let owner = out.keep_name(&self.key);
            let mut rest = Some(&*items);
            while let Some(item) = next_field(&mut rest, b',') {
                out.block(line, item, owner.clone(), None);
            }
        }
    }
}
