//! `openvpn-status`: the status file of an OpenVPN server, version 1, 2 or 3.
//!
//! Held are the virtual addresses of connected clients and those in the routing table. Hardware addresses, which the
//! routing table of a bridging server contains, are counted as not held. A file without `END` is incomplete.

use super::by_line::{LineFormat, fields};
use super::element::{JOINED, hides_address, hides_another, is_header_and_more, tell_others};
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::Line;

/// The maximum number of columns; no version has as many.
const MOST_COLUMNS: usize = 24;
/// The name that the server writes for a client whose name is not known yet.
const UNDEF: &[u8] = b"UNDEF";
const NO_LINE: &str = "not a line of a status file";
const NO_SERVER: &str = "this is not the status of an OpenVPN server";

#[derive(Default)]
pub(super) struct OpenvpnStatus {
    version: Version,
    clients: Columns,
    routes: Columns,
    /// Whether the routing table of version 1 was found.
    has_routes: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Version {
    #[default]
    Unknown,
    /// Version 1, with the current part of the file.
    One(Part),
    /// Versions 2 and 3, with the separator of fields.
    Tagged(u8),
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Clients,
    Routes,
    Stats,
}

/// The positions of the relevant columns; 0 if there is none, because the first is always the kind of the line.
#[derive(Clone, Copy, Default)]
struct Columns {
    name: usize,
    ipv4: usize,
    ipv6: usize,
    real: usize,
    count: usize,
}

impl LineFormat for OpenvpnStatus {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = line.without_return();
        match self.version {
            _ if text.is_empty() => {}
            Version::Unknown => {
                self.version = version(text, line.number)?;
                out.is_known = true;
            }
            Version::Ended => out.broken(line.number, "there is text after END", text),
            // Without its line feed, the word may be the beginning of a name.
            _ if text == b"END" && line.is_ended => {
                if matches!(self.version, Version::One(_)) && !self.has_routes {
                    let what = "there is no routing table";
                    return Err(Fault::malformed(what, line.number, b""));
                }
                self.version = Version::Ended;
            }
            _ if line.is_cut => out.broken(line.number, "a line longer than 64 KiB", text),
            Version::One(part) => {
                let next = untagged(part, text, line.number, out);
                self.has_routes |= next == Part::Routes;
                self.version = Version::One(next);
            }
            Version::Tagged(separator) => self.tagged(text, separator, line.number, out),
        }
        Ok(())
    }

    fn end(&mut self, count: u64, _: &mut Batch) -> Result<bool, Fault> {
        match self.version {
            Version::Ended => Ok(false),
            _ => Err(Fault::truncated("there is no END", count)),
        }
    }
}

fn version(text: &[u8], line: u64) -> Result<Version, Fault> {
    if text.starts_with(b"TITLE") && hides_address(&String::from_utf8_lossy(text)) {
        Err(Fault::malformed(JOINED, line, text))
    } else if text == b"OpenVPN CLIENT LIST" {
        Ok(Version::One(Part::Clients))
    } else if text.starts_with(b"TITLE,") {
        Ok(Version::Tagged(b','))
    } else if text.starts_with(b"TITLE\t") {
        Ok(Version::Tagged(b'\t'))
    } else {
        Err(Fault::malformed(NO_SERVER, line, text))
    }
}

/// Reads a line of version 1, whose kind is given by the part that it stands in.
fn untagged(part: Part, text: &[u8], line: u64, out: &mut Batch) -> Part {
    match (part, text) {
        (_, b"ROUTING TABLE") => return Part::Routes,
        (_, b"GLOBAL STATS") => return Part::Stats,
        // In version 1, only the routing table has the virtual addresses of clients.
        (Part::Clients | Part::Stats, _) => {
            // The real address of a client. A comma in the name shifts its position.
            let (row, count) = fields::<MOST_COLUMNS>(text, b',');
            let real = (part == Part::Clients && count == 5).then_some(1);
            let others = row.iter().enumerate().filter(|(at, field)| {
                real != Some(*at) || hides_another(&String::from_utf8_lossy(field))
            });
            if count > MOST_COLUMNS {
                out.broken(line, NO_LINE, text);
            }
            tell_others(others.map(|(_, field)| *field), b"", line, out);
        }
        (Part::Routes, _) if text.starts_with(b"Virtual Address,") => {
            if is_header_and_more(&String::from_utf8_lossy(text)) {
                out.broken(line, JOINED, text);
            }
        }
        (Part::Routes, _) => {
            let (row, count) = fields::<MOST_COLUMNS>(text, b',');
            if !(4..=MOST_COLUMNS).contains(&count) {
                out.broken(line, "not a line of the routing table", text);
            } else {
                let columns = Columns {
                    name: 1,
                    real: if count == 4 { 2 } else { 0 },
                    ..Columns::default()
                };
                others(&row[..count], columns, line, out);
                route(row[0], row[1], line, out);
            }
        }
    }
    part
}

impl OpenvpnStatus {
    /// Reads a line of version 2 or 3, which begins with its kind.
    fn tagged(&mut self, text: &[u8], separator: u8, line: u64, out: &mut Batch) {
        let (row, count) = fields::<MOST_COLUMNS>(text, separator);
        match row[0] {
            b"HEADER" | b"TIME" | b"GLOBAL_STATS" | b"TITLE"
                if is_header_and_more(&String::from_utf8_lossy(text)) =>
            {
                out.broken(line, JOINED, text);
            }
            b"HEADER" => {
                let columns = columns(&row[1..], count.saturating_sub(1));
                match row[1] {
                    b"CLIENT_LIST" => self.clients = columns,
                    b"ROUTING_TABLE" => self.routes = columns,
                    _ => {}
                }
            }
            b"CLIENT_LIST" if self.clients.fit(count) && self.clients.ipv4 != 0 => {
                others(&row[..count], self.clients, line, out);
                client(&row, self.clients, line, out)
            }
            b"ROUTING_TABLE" if self.routes.fit(count) && self.routes.ipv4 != 0 => {
                others(&row[..count], self.routes, line, out);
                route(row[self.routes.ipv4], row[self.routes.name], line, out);
            }
            b"TIME" | b"GLOBAL_STATS" | b"TITLE" => {}
            _ => out.broken(line, NO_LINE, text),
        }
    }
}

impl Columns {
    /// Returns whether the row matches the header. A comma in a name shifts the columns, and the row cannot be used.
    fn fit(&self, count: usize) -> bool {
        self.count == count && count <= MOST_COLUMNS
    }
}

fn columns(names: &[&[u8]], count: usize) -> Columns {
    let at = |wanted: &[u8]| {
        let found = names.iter().position(|&name| name == wanted);
        found.unwrap_or(0)
    };
    Columns {
        name: at(b"Common Name"),
        ipv4: at(b"Virtual Address"),
        ipv6: at(b"Virtual IPv6 Address"),
        real: at(b"Real Address"),
        count,
    }
}

/// Reports addresses outside the columns of the row's virtual and real addresses.
fn others(row: &[&[u8]], columns: Columns, line: u64, out: &mut Batch) {
    let has_one = |at: usize| at == columns.ipv4 || at == columns.ipv6 && at != 0;
    let others = row.iter().enumerate().filter(|(at, field)| {
        !has_one(*at) && (*at != columns.real || hides_another(&String::from_utf8_lossy(field)))
    });
    tell_others(
        others.map(|(_, field)| *field),
        row[columns.ipv4],
        line,
        out,
    );
}

fn client(row: &[&[u8]], columns: Columns, line: u64, out: &mut Batch) {
    let at = |column: usize| {
        if column == 0 {
            &[][..]
        } else {
            row[column].trim_ascii()
        }
    };
    let (ipv4, ipv6) = (at(columns.ipv4), at(columns.ipv6));
    let owner = named(at(columns.name), out);
    if !ipv4.is_empty() || ipv6.is_empty() {
        out.text(line, ipv4, owner.clone(), None);
    }
    if !ipv6.is_empty() {
        out.text(line, ipv6, owner, None);
    }
}

/// Reads an address of the routing table. The suffix `C` marks one that was learned from another route.
fn route(addr: &[u8], name: &[u8], line: u64, out: &mut Batch) {
    if is_hardware_address(addr) {
        out.not_held += 1;
        return;
    }
    let owner = named(name, out);
    match addr.strip_suffix(b"C") {
        // OpenVPN writes IPv6 addresses in lower case, so a capital C is not a digit.
        Some(addr) => {
            let state = out.keep_name(b"C");
            out.text(line, addr, owner, state);
        }
        None => out.text(line, addr, owner, None),
    }
}

fn named(name: &[u8], out: &mut Batch) -> Option<crate::batch::Span> {
    if name == UNDEF {
        None
    } else {
        out.keep_name(name)
    }
}

/// Returns whether a text is a hardware address like `00:ff:12:34:56:78`, possibly with a VLAN number like `@100`.
fn is_hardware_address(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"C").unwrap_or(text);
    let (addr, vlan) = match memchr::memchr(b'@', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b"0"[..]),
    };
    let pairs = addr.split(|&byte| byte == b':');
    let is_pair = |pair: &[u8]| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
    addr.len() == 17
        && pairs.clone().count() == 6
        && pairs.clone().all(is_pair)
        && vlan.iter().all(u8::is_ascii_digit)
}
