//! `opnsense` and `pfsense`: `config.xml`, a backup of the configuration.
//!
//! Held are the addresses of static maps (`staticmap` with `ipaddr` or `ipaddrv6`), reservations of Kea (`ip_address`),
//! hosts of dnsmasq (`ip`), WireGuard peers (`tunneladdress`, `allowedips`), OpenVPN's client-specific addresses, and
//! virtual IPs. The addresses of the interfaces are the router's own. The file does not contain leases, which are a
//! separate list.

use super::element::{MOST_STRAYS, hides_address, listed_addresses, looks_like_address};
use crate::batch::Batch;
use crate::error::Fault;
use crate::list::{Counts, Reader};
use crate::record::Record;
use quick_xml::Reader as XmlReader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};
use std::io::Read;

/// The maximum size of a configuration, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Parent elements of addresses, the names of the address elements in them, and their kinds.
const HELD: [(&str, &[&str], Kind); 10] = [
    ("staticmap", &["ipaddr", "ipaddrv6"], Kind::Host),
    ("reservation", &["ip_address"], Kind::Host),
    ("hosts", &["ip"], Kind::Host),
    ("client", &["tunneladdress", "tunneladdresses"], Kind::Block),
    ("row", &["address"], Kind::Block),
    ("item", &["allowedips"], Kind::Block),
    (
        "openvpn-csc",
        &["tunnel_network", "tunnel_networkv6"],
        Kind::Host,
    ),
    ("vip", &["subnet"], Kind::Host),
    ("server", &["tunneladdress"], Kind::Own),
    (
        "Overwrite",
        &["tunnel_network", "tunnel_networkv6"],
        Kind::Host,
    ),
];
/// Elements and sections in which every address belongs to a holder, except under the names in `OTHERS`.
const HOLDERS: [&str; 5] = [
    "staticmap",
    "reservation",
    "hosts",
    "openvpn-csc",
    "Overwrite",
];
const SECTIONS: [&str; 6] = ["dhcpd", "dhcpdv6", "Kea", "kea", "dnsmasq", "wireguard"];
/// Names of elements with addresses of ranges, networks, routers and servers.
const OTHERS: [&str; 33] = [
    "endpoint",
    "serveraddress",
    "range",
    "pool",
    "pools",
    "prefixrange",
    "dhcp_ranges",
    "dhcp_options",
    "subnet",
    "gateway",
    "gateways",
    "routers",
    "static_routes",
    "dnsserver",
    "domain_name_servers",
    "ntpserver",
    "ntp_servers",
    "time_servers",
    "winsserver",
    "nextserver",
    "next_server",
    "tftp",
    "tftp_server_name",
    "boot_file_name",
    "filename",
    "rootpath",
    "ddnsdomainprimary",
    "failover_peerip",
    "numberoptions",
    "ha_peers",
    "domainoverrides",
    "option_data",
    "dns",
];
const NO_XML: &str = "this is not XML";
const UNKNOWN_REFERENCE: &str = "a reference to text that is not in this file";
const AFTER: &str = "there is text outside the configuration";
const BETWEEN: &str = "an address between elements";
/// Elements that identify a client by its hardware or its name. An address beside one is held.
const CLIENT: [&str; 5] = ["mac", "hw_address", "duid", "cid", "hostname"];
/// Elements with the name of a holder, the best name first.
const NAMES: [&str; 5] = ["hostname", "host", "name", "descr", "mac"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Host,
    /// A whole prefix.
    Block,
    /// An address with the mask of its network.
    Own,
}

pub(super) struct ConfigXml<R> {
    input: Option<R>,
    root: &'static str,
    lines: u64,
    batch: Batch,
    /// Whether any element has a name that is known.
    is_any_known: bool,
    /// Addresses under names that are not known, with their lines, as long as no name is.
    unplaced: Vec<(u64, String)>,
}

/// An open element: its name, and what was found in it.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    line: u64,
    /// Whether it has child elements; it then has no text of its own.
    has_elements: bool,
    addresses: Vec<(u64, Kind, String)>,
    owner: Option<(usize, String)>,
    /// Whether it identifies a client by its hardware or name, and the addresses in it under unknown names.
    is_of_client: bool,
    others: Vec<(u64, String)>,
}

impl<R: Read> ConfigXml<R> {
    pub(super) fn new(input: R, root: &'static str) -> Self {
        Self {
            input: Some(input),
            root,
            lines: 0,
            batch: Batch::default(),
            is_any_known: false,
            unplaced: Vec::new(),
        }
    }

    fn read_all_of(&mut self, input: R) -> Result<(), Fault> {
        let mut text = Vec::new();
        let read = input.take(MAX_BYTES + 1).read_to_end(&mut text);
        read.map_err(|error| Fault::io(error, 0))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Fault::malformed("the file is larger than 64 MiB", 0, b""));
        }
        let text = String::from_utf8_lossy(&text);
        self.lines = text.lines().count() as u64;
        let mut reader = XmlReader::from_str(&text);
        let (mut line, mut counted) = (1, 0);
        let mut open: Vec<Open> = Vec::new();
        let mut is_closed = false;
        loop {
            let position = (reader.buffer_position() as usize).min(text.len());
            line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..position]).count() as u64;
            counted = position;
            let event = reader.read_event();
            let event = event
                .map_err(|error| Fault::malformed(NO_XML, line, error.to_string().as_bytes()))?;
            if has_swallowed_markup(&event) {
                return Err(Fault::malformed(NO_XML, line, event.as_bytes()));
            }
            match event {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    if is_closed {
                        return Err(Fault::malformed(AFTER, line, name.as_bytes()));
                    }
                    self.begin(name, line, &mut open)?;
                }
                Event::Text(text) => push_text(&mut open, &text, line)?,
                Event::CData(text) => push_text(&mut open, &text, line)?,
                Event::GeneralRef(name) => {
                    let text = referred_to(&name).ok_or_else(|| {
                        Fault::malformed(UNKNOWN_REFERENCE, line, name.as_bytes())
                    })?;
                    push_text(&mut open, &text, line)?;
                }
                Event::End(_) => {
                    if let Some(ended) = open.pop() {
                        is_closed = open.is_empty();
                        self.element(ended, &mut open);
                    }
                }
                Event::Eof => break,
                Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
            }
        }
        self.batch.is_known = true;
        self.tell_unplaced();
        match is_closed && open.is_empty() {
            true => Ok(()),
            false => Err(Fault::truncated(
                "the configuration is not closed",
                self.lines,
            )),
        }
    }

    fn begin(&self, name: String, line: u64, open: &mut Vec<Open>) -> Result<(), Fault> {
        match open.last_mut() {
            Some(around) => around.has_elements = true,
            None if name == self.root => {}
            None => {
                let what = "this is the configuration of another program";
                return Err(Fault::malformed(what, line, name.as_bytes()));
            }
        }
        open.push(Open {
            name,
            line,
            ..Open::default()
        });
        Ok(())
    }

    /// Adds the addresses of a file in which every name is misspelt, or which is no configuration.
    fn tell_unplaced(&mut self) {
        if self.is_any_known {
            return;
        }
        if self.unplaced.len() >= MOST_STRAYS {
            let what = "no element of a configuration, and more addresses than are looked at";
            self.batch.broken(1, what, b"");
        }
        for (line, address) in std::mem::take(&mut self.unplaced) {
            self.batch.stray(line, address.as_bytes(), None);
        }
    }

    /// Handles a complete element: adds its addresses; its text may be an address or the name of the element around it.
    fn element(&mut self, ended: Open, open: &mut [Open]) {
        self.is_any_known |= is_known_name(&ended.name);
        if ended.is_of_client && !is_elsewhere(open) {
            for (line, address) in &ended.others {
                self.batch.stray(*line, address.as_bytes(), None);
            }
        }
        let owner = ended.owner.map(|(_, name)| name).unwrap_or_default();
        let owner = self.batch.keep_name(owner.as_bytes());
        for (line, kind, text) in ended.addresses {
            let text = text.as_bytes();
            match kind {
                Kind::Host => self.batch.text(line, text, owner.clone(), None),
                Kind::Block => self.batch.block(line, text, owner.clone(), None),
                Kind::Own => self.batch.own(line, text, owner.clone()),
            }
        }
        let text = ended.text.trim();
        let grandparent = open.len().checked_sub(2).map(|at| open[at].name.clone());
        if (ended.has_elements || open.is_empty()) && hides_address(text) {
            self.batch.broken(ended.line, BETWEEN, text.as_bytes());
        }
        let Some(above) = open.last_mut().filter(|_| !text.is_empty()) else {
            return;
        };
        above.is_of_client |= CLIENT.contains(&&*ended.name);
        // pfSense has the prefix length beside the address.
        if (&*above.name, &*ended.name) == ("row", "mask")
            && let Some((_, _, address)) = above.addresses.last_mut()
            && !address.contains('/')
        {
            *address += "/";
            *address += text;
        } else if let Some(kind) = kind_of(grandparent.as_deref(), &above.name, &ended.name, text) {
            let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
            let parts = parts.map(|part| (ended.line, kind, part.to_owned()));
            above.addresses.extend(parts);
        } else if let Some(rank) = NAMES.iter().position(|name| *name == ended.name)
            && above.owner.as_ref().is_none_or(|(known, _)| rank < *known)
        {
            above.owner = Some((rank, text.to_owned()));
        } else if is_stray(open, &ended.name, text) {
            for address in listed_addresses(text) {
                self.batch
                    .stray(ended.line, address.as_bytes(), owner.clone());
            }
        } else if !OTHERS.contains(&&*ended.name)
            && let Some(above) = open.last_mut()
        {
            for other in listed_addresses(text) {
                let other = (ended.line, other.to_owned());
                if !self.is_any_known && self.unplaced.len() < MOST_STRAYS {
                    self.unplaced.push(other.clone());
                }
                above.others.push(other);
            }
        }
    }
}

/// Reports whether the end of a tag, comment, declaration or the like is missing, so that the text after it was taken
/// for a part of it. No configuration has markup inside one of those.
fn has_swallowed_markup(event: &Event<'_>) -> bool {
    let mark: &[u8] = match event {
        Event::Start(_) | Event::Empty(_) | Event::End(_) => b"<",
        Event::Decl(_) | Event::PI(_) | Event::DocType(_) => b"<",
        Event::Comment(_) => b"--",
        Event::CData(_) => b"<![CDATA[",
        Event::Text(_) | Event::GeneralRef(_) | Event::Eof => return false,
    };
    memchr::memmem::find(event.as_bytes(), mark).is_some()
}

/// Returns the text that `&NAME;` stands for.
fn referred_to(name: &BytesRef<'_>) -> Option<String> {
    let char = name.resolve_char_ref().ok()?;
    let text = || resolve_xml_entity(name).map(str::to_owned);
    char.map(String::from).or_else(text)
}

/// Adds a text to the element that is open. Outside of all there is none.
fn push_text(open: &mut [Open], text: &str, line: u64) -> Result<(), Fault> {
    match open.last_mut() {
        Some(top) => top.text += text,
        None if text
            .trim_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
            .is_empty() => {}
        None => return Err(Fault::malformed(AFTER, line, text.as_bytes())),
    }
    Ok(())
}

/// Returns whether a configuration has elements of this name: its sections, what is held, and who holds it.
fn is_known_name(name: &str) -> bool {
    let is_holder = HOLDERS.contains(&name) || SECTIONS.contains(&name);
    is_holder || name == "interfaces" || HELD.iter().any(|(above, ..)| *above == name)
}

/// Returns whether the element is within one that contains addresses of routers, ranges and the like.
fn is_elsewhere(open: &[Open]) -> bool {
    let is_one = |name: &str| name == "interfaces" || OTHERS.contains(&name);
    open.iter().any(|above| is_one(&above.name))
}

/// Returns whether an address belongs to an unknown holder: it stands in a section of holders, or beside a client's
/// identifier.
fn is_stray(open: &[Open], name: &str, text: &str) -> bool {
    let is_among = |names: &[&str]| open.iter().any(|above| names.contains(&&*above.name));
    let is_holder = is_among(&HOLDERS) || is_among(&SECTIONS);
    let has_name = HELD[..2].iter().any(|(_, names, _)| names.contains(&name));
    (is_holder || has_name)
        && !is_elsewhere(open)
        && !OTHERS.contains(&name)
        && listed_addresses(text).next().is_some()
}

/// Returns the kind of an element whose text is an address that is held.
fn kind_of(grandparent: Option<&str>, parent: &str, name: &str, text: &str) -> Option<Kind> {
    if grandparent == Some("interfaces") && matches!(name, "ipaddr" | "ipaddrv6") {
        // `dhcp` and the like are not addresses.
        return looks_like_address(text).then_some(Kind::Own);
    }
    let mut held = HELD.iter();
    let (_, _, kind) = held.find(|(above, names, _)| *above == parent && names.contains(&name))?;
    Some(*kind)
}

impl<R: Read> Reader for ConfigXml<R> {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        if let Some(input) = self.input.take() {
            self.read_all_of(input)?;
        }
        match self.batch.advance() {
            true => Ok(self.batch.current()),
            false => Ok(None),
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.lines,
            ..self.batch.counts()
        }
    }
}
