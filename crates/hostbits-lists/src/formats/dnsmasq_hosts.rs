//! `dnsmasq-hosts`: fixed addresses in the forms that dnsmasq reads: `dhcp-host=` lines of its configuration, the lines
//! of a hosts file without that word, `/etc/hosts` and `/etc/ethers`.
//!
//! Every address of a host is held, even if the host is ignored at present, and so are addresses of names (`address=`,
//! `host-record=`). Addresses of ranges, servers and options are not held.

use super::by_line::LineFormat;
use super::element::{
    addresses_of_another, hides_address, is_hardware, is_hardware_and_more, looks_like_address,
};
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;

/// Settings with addresses that do not belong to a host.
const OTHERS: [&str; 12] = [
    "dhcp-range",
    "dhcp-option",
    "dhcp-option-force",
    "dhcp-relay",
    "dhcp-match",
    "server",
    "rev-server",
    "local",
    "bogus-priv",
    "listen-address",
    "bogus-nxdomain",
    "rebind-domain-ok",
];

#[derive(Default)]
pub(super) struct DnsmasqHosts;

impl LineFormat for DnsmasqHosts {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(line.without_return());
        let text = text.split('#').next().unwrap_or_default().trim();
        if line.is_cut {
            out.broken(line.number, "a line longer than 64 KiB", text.as_bytes());
            return Ok(());
        }
        if text.is_empty() {
            return Ok(());
        }
        out.is_known = true;
        let is_between = |char: char| char == ',' || char.is_whitespace();
        let mut parts = text.split(|char| is_between(char) || char == '=');
        if parts.any(is_hardware_and_more) {
            out.broken(line.number, HIDDEN, text.as_bytes());
            return Ok(());
        }
        if let Some((name, value)) = text.split_once('=') {
            match name.trim() {
                "dhcp-host" => host(value, line.number, out),
                "dhcp-hostsfile" | "conf-file" | "conf-dir" | "addn-hosts" | "read-ethers"
                | "dhcp-hostsdir" | "hostsdir" => {
                    let what = "an included file, which must be given as a separate list";
                    out.broken(line.number, what, text.as_bytes());
                }
                // A host whose name contains such a sign.
                name if name.contains(is_between) || hides_address(name) => {
                    host(text, line.number, out);
                }
                name if OTHERS.contains(&name) => {
                    let words = value.split([',', '/', '@']);
                    for other in addresses_of_another(words, false) {
                        out.stray(line.number, other.as_bytes(), None);
                    }
                }
                // Host names, and unknown settings: their addresses are in use.
                name => {
                    for word in value.split([',', '/', ' ']) {
                        if looks_like_address(word) {
                            let owner = out.keep_name(name.as_bytes());
                            out.text(line.number, word.as_bytes(), owner, None);
                        } else if hides_address(word) {
                            out.broken(line.number, HIDDEN, text.as_bytes());
                        }
                    }
                }
            }
        } else if text.contains(',') {
            host(text, line.number, out);
        } else {
            words(text, line.number, out);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Reads comma-separated fields in any order: addresses (IPv6 in brackets), hardware addresses, a name, `set:`, `id:`.
fn host(value: &str, line: u64, out: &mut Batch) {
    let fields: Vec<&str> = value.split(',').map(str::trim).collect();
    let bare = |field: &&str| {
        let inner = field.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        inner.map_or(field.to_string(), str::to_owned)
    };
    let addresses: Vec<String> = fields
        .iter()
        .map(bare)
        .filter(|field| looks_like_address(field))
        .collect();
    let is_name = |field: &&&str| {
        let is_tag = ["set:", "tag:", "net:", "id:"]
            .iter()
            .any(|tag| field.starts_with(tag));
        let is_time = field.ends_with(['m', 'h', 'd', 'w'])
            && field[..field.len() - 1]
                .bytes()
                .all(|it| it.is_ascii_digit());
        let is_hardware = field.contains(':') || field.starts_with('[');
        !is_tag
            && !is_time
            && !is_hardware
            && !looks_like_address(field)
            && !matches!(**field, "" | "ignore" | "infinite")
    };
    let name = fields.iter().find(is_name).or_else(|| fields.first());
    let name = name.copied().unwrap_or_default();
    // A field that begins like an address but is not one is not a name either.
    let is_hidden = |field: &&str| {
        !field.starts_with("id:") && !looks_like_address(&bare(field)) && hides_address(field)
    };
    let is_odd = fields.iter().any(is_hidden)
        || name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && name.contains('.')
        || fields
            .iter()
            .any(|field| field.starts_with('[') && !looks_like_address(&bare(field)));
    if is_odd {
        out.broken(line, HIDDEN, value.as_bytes());
    }
    let owner = out.keep_name(name.as_bytes());
    for address in &addresses {
        out.text(line, address.as_bytes(), owner.clone(), None);
    }
    if addresses.is_empty() && !is_odd {
        out.text(line, b"", owner, None);
    }
}

/// Reads a line of `/etc/hosts` (an address and names) or of `/etc/ethers` (a hardware address, and an address or a
/// name).
fn words(text: &str, line: u64, out: &mut Batch) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let zoneless = |word: &str| match word.split_once('%') {
        Some((addr, _)) if !addr.is_empty() => addr.to_owned(),
        _ => word.to_owned(),
    };
    match &*words {
        [hardware, rest] if is_hardware(hardware) => {
            let owner = out.keep_name(hardware.as_bytes());
            let is_name = !rest
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_digit())
                && !rest.contains(':')
                && !hides_address(rest);
            out.text(
                line,
                if is_name { b"" } else { rest.as_bytes() },
                owner,
                None,
            );
        }
        [address, names @ ..] if !names.is_empty() => {
            // A name that is an address may be the address of another line, joined to this one.
            if names.iter().any(|name| hides_address(name)) {
                out.broken(line, HIDDEN, text.as_bytes());
            }
            let owner = out.keep_name(names[0].as_bytes());
            out.text(line, zoneless(address).as_bytes(), owner, None);
        }
        [word] if looks_like_address(word) => out.text(line, word.as_bytes(), None, None),
        // A single word is a setting without a value.
        _ if hides_address(text) => out.broken(line, HIDDEN, text.as_bytes()),
        _ => {}
    }
}

const HIDDEN: &str = "neither a name nor an address";
