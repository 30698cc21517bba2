//! `dhcpd`: the lease file or the configuration of ISC DHCP, for IPv4 or IPv6.
//!
//! The lease file is a journal: each change of a lease is a block, and the last block of an address counts. Everything
//! that the server does not call free is held: of IPv4 leases all but `free`, of IPv6 leases all but `free`, `expired`
//! and `released`. A `backup` lease may be handed out by the other server of a failover pair. Reserved leases and the
//! fixed addresses of hosts at any depth are held. For a host that the server has written itself (`dynamic`), the last
//! declaration counts; a deleted host holds nothing. Ranges in a configuration hold nothing.

use super::by_line::LineFormat;
use super::dhcpd_words::{Piece, pieces};
use super::element::{hides_address, looks_like_address};
use crate::batch::Batch;
use crate::error::{Fault, MAX_QUOTED};
use crate::latest::{Key, Latest};
use crate::lines::{Line, MAX_LINE_BYTES};
use std::collections::HashMap;
use std::net::IpAddr;

/// The maximum nesting of blocks; no lease file is as deep.
const MAX_DEPTH: usize = 64;
/// The maximum number of words in a statement; no relevant statement has as many.
const MAX_WORDS: usize = 1024;

/// The statements and blocks that may stand beside leases.
const KNOWN: [&[u8]; 48] = [
    b"authoring-byte-order",
    b"server-duid",
    b"failover",
    b"class",
    b"subclass",
    b"group",
    b"subnet",
    b"subnet6",
    b"shared-network",
    b"pool",
    b"pool6",
    b"key",
    b"zone",
    b"option",
    b"set",
    b"on",
    b"if",
    b"billing",
    b"host",
    b"authoritative",
    b"not",
    b"default-lease-time",
    b"max-lease-time",
    b"min-lease-time",
    b"preferred-lifetime",
    b"ddns-update-style",
    b"ddns-updates",
    b"ddns-domainname",
    b"ddns-rev-domainname",
    b"update-static-leases",
    b"update-conflict-detection",
    b"update-optimization",
    b"log-facility",
    b"log",
    b"allow",
    b"deny",
    b"ignore",
    b"next-server",
    b"filename",
    b"server-name",
    b"server-identifier",
    b"interface",
    b"omapi-port",
    b"omapi-key",
    b"use-host-decl-names",
    b"one-lease-per-client",
    b"ping-check",
    b"local-address",
];

/// Blocks that are entries, and may stand only where entries are allowed.
const ENTRIES: [&[u8]; 6] = [b"lease", b"host", b"ia-na", b"ia-ta", b"ia-pd", b"iaaddr"];
/// Blocks with addresses that no client holds.
const AROUND: [&[u8]; 4] = [b"subnet", b"subnet6", b"if", b"zone"];
/// The relevant statements of a host.
const HOST_WORDS: [&[u8]; 5] = [
    b"fixed-address",
    b"fixed-address6",
    b"fixed-prefix6",
    b"dynamic",
    b"deleted",
];
/// The first words of statements that name the address of a holder, or say whether there is one. If such a word comes
/// later in another statement, the end of that statement is missing.
const OF_HOLDERS: [&[u8]; 3] = [b"fixed-address", b"fixed-address6", b"fixed-prefix6"];
const OF_LEASES: [&[u8]; 2] = [b"binding", b"reserved"];
/// Statements with addresses that no client holds.
const BESIDE: [&[u8]; 20] = [
    b"option",
    b"range",
    b"range6",
    b"prefix6",
    b"next-server",
    b"server-name",
    b"server-identifier",
    b"local-address",
    b"local-address6",
    b"supersede",
    b"send",
    b"primary",
    b"secondary",
    b"primary6",
    b"secondary6",
    b"address",
    b"peer",
    b"set",
    b"log",
    b"authoritative",
];

#[derive(Default)]
pub(super) struct Dhcpd {
    blocks: Vec<Block>,
    /// The words of the unfinished statement: their bytes, and the end of each.
    text: Vec<u8>,
    ends: Vec<End>,
    lease: Lease,
    /// The client of the current associations.
    client: Vec<u8>,
    latest: Latest,
    host: Host,
    /// The hosts that the server has written, by name. The last declaration counts.
    hosts: HashMap<Vec<u8>, Host>,
}

/// The end of a word in the bytes, and what is known about the word.
#[derive(Debug)]
struct End {
    at: usize,
    is_quoted: bool,
    /// Whether a comma follows the word.
    has_comma: bool,
}

/// A host as it was declared.
#[derive(Debug, Default)]
struct Host {
    name: Vec<u8>,
    /// The line, the text, and whether it is a delegated prefix.
    addresses: Vec<(u64, Vec<u8>, bool)>,
    is_dynamic: bool,
    is_deleted: bool,
}

impl Host {
    fn give(&self, out: &mut Batch) {
        for (line, text, is_prefix) in &self.addresses {
            let owner = out.keep_name(&self.name);
            let state = out.keep_name(b"fixed-address");
            match is_prefix {
                true => out.block(*line, text, owner, state),
                false => out.text(*line, text, owner, state),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Lease,
    /// `ia-na`, `ia-ta` or `ia-pd`.
    Association,
    /// `iaaddr` or `iaprefix`.
    Inner,
    Host,
    /// A block that does not count, with everything in it.
    Other,
}

/// The current lease.
#[derive(Debug, Default)]
struct Lease {
    line: u64,
    address: Vec<u8>,
    state: Vec<u8>,
    owner: Vec<u8>,
    /// How good the name of the owner is: hardware addresses are better than host names.
    owner_rank: u8,
    is_reserved: bool,
}

impl LineFormat for Dhcpd {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        if line.is_cut {
            let what = "a line is longer than 64 KiB";
            return Err(Fault::malformed(what, line.number, line.bytes));
        }
        // Every lease file begins with this comment, even one without leases.
        out.is_known |=
            line.bytes.starts_with(b"# ") && memchr::memmem::find(line.bytes, b"lease").is_some();
        for piece in pieces(line.bytes) {
            out.is_known |= piece != Piece::Comma;
            match piece {
                Piece::Comma => {
                    if let Some(last) = self.ends.last_mut() {
                        last.has_comma = true;
                    }
                }
                Piece::Word(word) => self.word(word, false, &line)?,
                Piece::Quoted(word) => self.word(word, true, &line)?,
                Piece::Unclosed(word) => {
                    self.word(word, true, &line)?;
                    out.broken(line.number, "a quote is not closed", line.bytes);
                }
                Piece::Open => self.open(&line, out)?,
                Piece::Close => self.close(&line, out),
                Piece::End => self.statement(&line, out),
            }
        }
        Ok(())
    }

    fn end(&mut self, count: u64, out: &mut Batch) -> Result<bool, Fault> {
        if !self.blocks.is_empty() || !self.ends.is_empty() {
            return Err(Fault::truncated("the last entry is incomplete", count));
        }
        let mut hosts: Vec<Host> = std::mem::take(&mut self.hosts).into_values().collect();
        hosts.sort_by_key(|host| host.addresses.first().map(|(line, ..)| *line));
        hosts.iter().for_each(|host| host.give(out));
        Ok(self.latest.give(out))
    }
}

impl Dhcpd {
    fn word(&mut self, word: &[u8], is_quoted: bool, line: &Line<'_>) -> Result<(), Fault> {
        if self.ends.len() == MAX_WORDS || self.text.len() + word.len() > MAX_LINE_BYTES {
            // What was cut off may be an address.
            let what = "a statement is too long";
            return Err(Fault::malformed(what, line.number, line.bytes));
        }
        self.text.extend(word);
        self.ends.push(End {
            at: self.text.len(),
            is_quoted,
            has_comma: false,
        });
        Ok(())
    }

    fn words(&self) -> impl Iterator<Item = &[u8]> {
        self.words_and_quotes().map(|(word, _)| word)
    }

    /// Returns the words, and whether each is quoted.
    fn words_and_quotes(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let word = &self.text[start..end.at];
            start = end.at;
            (word, end.is_quoted)
        })
    }

    /// Returns whether any unquoted word is an address, or contains one. A quoted text may mention some.
    fn names_address(&self) -> bool {
        let mut words = self.words_and_quotes();
        words.any(|(word, is_quoted)| {
            is_address(word) || (!is_quoted && hides_address(&String::from_utf8_lossy(word)))
        })
    }

    /// Returns whether a word after the first shows that this is more than one statement.
    fn holds_another(&self) -> bool {
        let [first, ..] = self.first_words();
        let in_lease = matches!(self.blocks.last(), Some(Block::Lease | Block::Inner));
        // `next binding state` and `rewind binding state` begin with one more word.
        let is_of_two = matches!(first, b"next" | b"rewind");
        let mut later = self.words_and_quotes().enumerate().skip(1);
        later.any(|(at, (word, is_quoted))| {
            let is_first = at == 1 && is_of_two && word == b"binding";
            let is_of_lease = in_lease && !is_first && OF_LEASES.contains(&word);
            !is_quoted && (is_of_lease || OF_HOLDERS.contains(&word))
        })
    }

    /// Returns whether an address follows a value and a word that is not a value. The values of one statement are
    /// addresses, numbers, texts, and host names that contain a dot, separated by commas.
    fn has_address_of_another(&self) -> bool {
        let (mut has_value, mut is_another) = (false, false);
        let mut later = self.words_and_quotes().enumerate().skip(1);
        later.any(|(at, (word, is_quoted))| {
            let is_address = is_address(word);
            let is_number = word.iter().all(u8::is_ascii_digit);
            let is_between = self.ends[at - 1].has_comma && self.ends[at].has_comma;
            let is_host = is_between && word.contains(&b'.') && !is_address;
            let is_value = is_quoted || is_address || is_number || is_host;
            is_another |= has_value && !is_value && !matches!(word, b"true" | b"false");
            has_value |= is_quoted || is_address;
            is_address && is_another
        })
    }

    fn is_in_lease(&self) -> bool {
        let mut blocks = self.blocks.iter();
        blocks.any(|block| matches!(block, Block::Lease | Block::Inner))
    }

    /// Returns whether the head of a block also contains the statement before it.
    fn is_head_of_two(&self) -> bool {
        let [kind, _, third] = self.first_words();
        if kind == b"subnet" && third != b"netmask" {
            return true;
        }
        let most = match kind {
            b"subnet" => 4,
            b"subnet6" | b"zone" => 2,
            _ => usize::MAX,
        };
        let mut later = self.words_and_quotes().skip(1);
        self.ends.len() > most
            || later.any(|(word, is_quoted)| !is_quoted && ENTRIES.contains(&word))
    }

    /// Returns the first three words; missing ones are empty.
    fn first_words(&self) -> [&[u8]; 3] {
        let mut words = self.words();
        [(); 3].map(|()| words.next().unwrap_or_default())
    }

    fn forget_words(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn open(&mut self, line: &Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        if self.blocks.len() == MAX_DEPTH {
            let what = "this is not a lease file: its blocks are nested too deep";
            return Err(Fault::malformed(what, line.number, line.bytes));
        }
        let [kind, name, _] = self.first_words();
        let block = match (self.blocks.last(), kind) {
            (None, b"lease") => Block::Lease,
            (None, b"ia-na" | b"ia-ta" | b"ia-pd") => Block::Association,
            // Hosts may also stand in groups and subnets of a configuration.
            (_, b"host") if self.blocks.iter().all(|block| *block == Block::Other) => Block::Host,
            (None, kind) if !KNOWN.contains(&kind) => {
                out.broken(line.number, "not known in a lease file", line.bytes);
                Block::Other
            }
            (Some(Block::Association), b"iaaddr" | b"iaprefix") => Block::Inner,
            // The block before is not closed, or this block does not belong here.
            _ if ENTRIES.contains(&kind)
                || (self.names_address() && (!AROUND.contains(&kind) || self.is_head_of_two())) =>
            {
                out.broken(line.number, "not known in a block", line.bytes);
                Block::Other
            }
            _ => Block::Other,
        };
        if block != Block::Other && self.ends.len() > 2 {
            out.broken(line.number, "the heads of two blocks", line.bytes);
        }
        let name = name.to_vec();
        match block {
            Block::Lease => self.lease = Lease::new(name, Vec::new(), line.number),
            Block::Inner => self.lease = Lease::new(name, self.client.clone(), line.number),
            Block::Association => self.client = name,
            Block::Host => {
                self.host = Host {
                    name,
                    ..Host::default()
                };
            }
            Block::Other => {}
        }
        self.blocks.push(block);
        self.forget_words();
        Ok(())
    }

    fn close(&mut self, line: &Line<'_>, out: &mut Batch) {
        if !self.ends.is_empty() {
            out.broken(line.number, "a statement has no end", line.bytes);
            self.statement(line, out);
        }
        match self.blocks.pop() {
            Some(block @ (Block::Lease | Block::Inner)) => self.lease_ends(block, out),
            Some(Block::Host) => self.host_ends(out),
            Some(_) => {}
            None => out.broken(
                line.number,
                "a block is closed that is not open",
                line.bytes,
            ),
        }
    }

    fn statement(&mut self, line: &Line<'_>, out: &mut Batch) {
        let [first, second, third] = self.first_words();
        match self.blocks.last() {
            None if !first.is_empty() && !KNOWN.contains(&first) => {
                out.broken(line.number, "not known in a lease file", line.bytes);
            }
            _ if first == b"include" => {
                let what = "an included file, which must be given as a separate list";
                out.broken(line.number, what, line.bytes);
            }
            _ if self.holds_another()
                || (BESIDE.contains(&first) && self.has_address_of_another()) =>
            {
                out.broken(line.number, "a statement within another one", line.bytes);
            }
            Some(Block::Host) if HOST_WORDS.contains(&first) => self.host_statement(line.number),
            _ if first.starts_with(b"fixed-") => {
                out.broken(line.number, "an address outside a host", line.bytes);
            }
            // The head of the lease was lost in that of another block.
            Some(Block::Other | Block::Host)
                if OF_LEASES.contains(&first) && !self.is_in_lease() =>
            {
                out.broken(line.number, "a statement outside a lease", line.bytes);
            }
            Some(Block::Lease | Block::Inner) => match (first, second) {
                (b"binding", b"state") => self.lease.state = third.to_vec(),
                (b"abandoned", _) => self.lease.state = first.to_vec(),
                (b"reserved", _) => self.lease.is_reserved = true,
                (b"hardware", _) => {
                    let owner = third.to_vec();
                    self.lease.is_of(owner, 3);
                }
                (b"uid", owner) => {
                    let owner = owner.to_vec();
                    self.lease.is_of(owner, 2);
                }
                (b"client-hostname", owner) => {
                    let owner = owner.to_vec();
                    self.lease.is_of(owner, 1);
                }
                _ if self.names_address() && !BESIDE.contains(&first) => {
                    out.broken(line.number, "an unknown statement", line.bytes);
                }
                _ => {}
            },
            Some(_) if self.names_address() && !BESIDE.contains(&first) => {
                out.broken(line.number, "an unknown statement", line.bytes);
            }
            _ => {}
        }
        self.forget_words();
    }

    fn host_statement(&mut self, line: u64) {
        let [first, ..] = self.first_words();
        match first {
            b"fixed-address" | b"fixed-address6" | b"fixed-prefix6" => {
                let is_prefix = first == b"fixed-prefix6";
                let addresses = self.words().skip(1);
                let addresses = addresses.map(|text| (line, text.to_vec(), is_prefix));
                let addresses: Vec<_> = addresses.collect();
                self.host.addresses.extend(addresses);
            }
            b"dynamic" => self.host.is_dynamic = true,
            b"deleted" => self.host.is_deleted = true,
            _ => {}
        }
    }

    fn host_ends(&mut self, out: &mut Batch) {
        let host = std::mem::take(&mut self.host);
        if host.is_deleted {
            out.not_held += 1;
            out.superseded += u64::from(self.hosts.remove(&host.name).is_some());
        } else if host.is_dynamic {
            let before = self.hosts.insert(host.name.clone(), host);
            out.superseded += u64::from(before.is_some());
        } else {
            host.give(out);
        }
    }

    fn lease_ends(&mut self, block: Block, out: &mut Batch) {
        let lease = std::mem::take(&mut self.lease);
        let Some(key) = key(&lease.address) else {
            return out.broken(lease.line, "a lease without an address", &lease.address);
        };
        let is_free = match block {
            Block::Inner => matches!(&*lease.state, b"free" | b"expired" | b"released"),
            _ => lease.state == b"free",
        };
        let superseded = if is_free && !lease.is_reserved {
            out.not_held += 1;
            self.latest.end(key)
        } else {
            let owner = String::from_utf8_lossy(&lease.owner);
            // For a reserved lease, it does not matter how its last use ended.
            let state = match lease.is_reserved && lease.state != b"active" {
                true => b"reserved",
                false => &lease.state[..lease.state.len().min(MAX_QUOTED)],
            };
            let state = String::from_utf8_lossy(state);
            self.latest.hold(key, lease.line, &owner, &state)
        };
        out.superseded += u64::from(superseded);
    }
}

impl Lease {
    fn new(address: Vec<u8>, owner: Vec<u8>, line: u64) -> Self {
        Self {
            line,
            address,
            // The client of an association is the best name there is.
            owner_rank: if owner.is_empty() { 0 } else { u8::MAX },
            owner,
            ..Self::default()
        }
    }

    fn is_of(&mut self, owner: Vec<u8>, rank: u8) {
        if rank > self.owner_rank && !owner.is_empty() {
            (self.owner, self.owner_rank) = (owner, rank);
        }
    }
}

fn is_address(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(looks_like_address)
}

/// Returns the key of an address, or of a delegated prefix.
fn key(text: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once('/') {
        None => Some(Key::addr(text.parse::<IpAddr>().ok()?)),
        Some((addr, prefix_len)) => {
            let addr: IpAddr = addr.parse().ok()?;
            let prefix_len: u8 = prefix_len.parse().ok()?;
            (prefix_len <= 128).then(|| Key::prefix(addr, prefix_len))
        }
    }
}
