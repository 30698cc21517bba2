//! `wireguard`: the configuration of an interface, as `wg` and `wg-quick` read it.
//!
//! The `AllowedIPs` of peers and the interface's own `Address` are held. Keys are never quoted.

use super::by_line::{LineFormat, next_field};
use super::element::{addresses_of_another, hides_address, hides_another, looks_like_address};
use crate::batch::{Batch, Span};
use crate::error::Fault;
use crate::lines::{Line, MAX_LINE_BYTES};

/// The owner of the interface's own addresses.
const INTERFACE: &[u8] = b"(interface)";

/// The state of a client that is disabled and may be enabled again.
const DISABLED: &[u8] = b"disabled";

#[derive(Default)]
pub(super) struct Wireguard {
    section: Section,
    /// The peer's key, once it has been read.
    key: Vec<u8>,
    /// The peer's addresses until its key is read, because they may come first.
    waiting: Vec<(u64, std::ops::Range<usize>)>,
    waiting_text: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Interface,
    Peer,
    /// A section that is not one of WireGuard's, and is not understood.
    Unknown,
}

impl LineFormat for Wireguard {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        if let Some(items) = disabled_ips(line.bytes) {
            return self.disabled(items, &line, out);
        }
        let text = match memchr::memchr(b'#', line.bytes) {
            Some(at) => &line.bytes[..at],
            None if line.is_cut => {
                out.broken(line.number, "a line longer than 64 KiB", b"not shown");
                return Ok(());
            }
            None => line.bytes,
        };
        let text = text.trim_ascii();
        if let Some(name) = text.strip_prefix(b"[") {
            self.begin_section(name, line.number, out);
        } else if !text.is_empty() {
            self.setting(text, line.number, out);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, out: &mut Batch) -> Result<bool, Fault> {
        self.flush(out);
        Ok(false)
    }
}

/// Returns the value of a commented-out `AllowedIPs`, as in `#[disabled] AllowedIPs = 10.0.0.2/32`.
fn disabled_ips(line: &[u8]) -> Option<&[u8]> {
    let comment = line.trim_ascii().strip_prefix(b"#")?;
    let at = memchr::memchr(b'=', comment)?;
    let name = comment[..at].trim_ascii().to_ascii_lowercase();
    let is_setting = name.strip_suffix(b"allowedips").is_some_and(|before| {
        let is_tag = |byte: &u8| !byte.is_ascii_alphanumeric();
        before.is_empty() || before.last().is_some_and(is_tag)
    });
    is_setting.then(|| &comment[at + 1..])
}

impl Wireguard {
    /// Adds the addresses of a disabled client, which are still held. Anything that looks like an address counts, even
    /// in a sentence.
    fn disabled(&mut self, items: &[u8], line: &Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        if line.is_cut {
            out.broken(line.number, "a line longer than 64 KiB", b"not shown");
        }
        let is_border = |byte: &u8| b",;#()\"'".contains(byte) || byte.is_ascii_whitespace();
        for item in items.split(is_border) {
            if looks_like_address(&String::from_utf8_lossy(item)) {
                let state = out.keep_name(DISABLED);
                out.disabled += 1;
                out.block(line.number, item, None, state);
            }
        }
        Ok(())
    }
}

impl Wireguard {
    fn begin_section(&mut self, name: &[u8], line: u64, out: &mut Batch) {
        self.flush(out);
        self.key.clear();
        let name = name.trim_ascii();
        self.section = if name.eq_ignore_ascii_case(b"interface]") {
            Section::Interface
        } else if name.eq_ignore_ascii_case(b"peer]") {
            Section::Peer
        } else {
            out.broken(line, "not a section of WireGuard", name);
            Section::Unknown
        };
    }

    fn setting(&mut self, text: &[u8], line: u64, out: &mut Batch) {
        let Some(at) = memchr::memchr(b'=', text) else {
            // The text may be a key without the name of the setting.
            return out.broken(line, "neither a section nor a setting", b"not shown");
        };
        let name = text[..at].trim_ascii().to_ascii_lowercase();
        let value = text[at + 1..].trim_ascii();
        out.is_known |= self.section != Section::Unknown;
        if is_two(&name, value) {
            return out.broken(line, "two settings on one line", shown(&name));
        }
        match self.section {
            Section::Peer if name == b"allowedips" => self.allowed_ips(value, line, out),
            Section::Peer
                if name == b"publickey" && !hides_address(&String::from_utf8_lossy(value)) =>
            {
                self.key = value.to_vec();
                self.flush(out);
            }
            Section::Interface if name == b"address" => interface_addresses(value, line, out),
            Section::Interface | Section::Peer => self.other_setting(&name, value, line, out),
            Section::Unknown => {}
            Section::None => out.broken(line, "a setting before any section", shown(&name)),
        }
    }

    /// Reads any other setting. WireGuard, `wg-quick` and AmneziaWG have many, and each version adds some. An unknown
    /// setting with an address may be a misspelt one.
    fn other_setting(&self, name: &[u8], value: &[u8], line: u64, out: &mut Batch) {
        if shown(name) != name {
            return out.broken(line, "neither a section nor a setting", b"not shown");
        }
        let value = String::from_utf8_lossy(value);
        let is_odd = match name {
            b"endpoint" => hides_another(&value),
            b"dns" => {
                let words = value.split(|char: char| char == ',' || char.is_whitespace());
                for other in addresses_of_another(words, false) {
                    out.stray(line, other.as_bytes(), None);
                }
                false
            }
            _ => !is_command(name) && hides_address(&value),
        };
        if is_odd {
            out.broken(line, "an unknown setting", shown(name));
        }
    }

    fn allowed_ips(&mut self, value: &[u8], line: u64, out: &mut Batch) {
        let owner = out.keep_name(&self.key);
        let mut rest = Some(value);
        while let Some(item) = next_field(&mut rest, b',') {
            let item = item.trim_ascii();
            let item = item.strip_prefix(b"+").unwrap_or(item);
            if owner.is_some() {
                out.block(line, item, owner.clone(), None);
                continue;
            }
            let start = self.waiting_text.len();
            self.waiting_text.extend(item);
            self.waiting.push((line, start..self.waiting_text.len()));
        }
        if self.waiting_text.len() > MAX_LINE_BYTES || self.waiting.len() > MAX_LINE_BYTES {
            self.flush(out);
        }
    }

    /// Adds the addresses that wait for their owner, even if it is still unknown.
    fn flush(&mut self, out: &mut Batch) {
        if self.waiting.is_empty() {
            return;
        }
        let owner: Option<Span> = out.keep_name(&self.key);
        for (line, span) in self.waiting.drain(..) {
            out.block(line, &self.waiting_text[span], owner.clone(), None);
        }
        self.waiting_text.clear();
    }
}

/// Returns whether two settings were joined on one line. Only keys end with `=`, and only commands contain it
/// elsewhere.
pub(super) fn is_two(name: &[u8], value: &[u8]) -> bool {
    let end = value.iter().rposition(|byte| *byte != b'=');
    let inner = end.map_or(&[][..], |end| &value[..end]);
    !is_command(name) && !value.starts_with(b"<") && memchr::memchr(b'=', inner).is_some()
}

/// Returns whether the value of a setting is a shell command.
fn is_command(name: &[u8]) -> bool {
    matches!(name, b"preup" | b"postup" | b"predown" | b"postdown")
}

/// Returns the name of a setting if it is one. The text before the last `=` of a key would be the key itself.
fn shown(name: &[u8]) -> &[u8] {
    let is_name = name.len() < 32 && name.iter().all(u8::is_ascii_alphanumeric);
    if is_name { name } else { b"not shown" }
}

/// Adds the router's own addresses.
fn interface_addresses(value: &[u8], line: u64, out: &mut Batch) {
    let owner = out.keep_name(INTERFACE);
    let mut rest = Some(value);
    while let Some(item) = next_field(&mut rest, b',') {
        out.own(line, item, owner.clone());
    }
}
