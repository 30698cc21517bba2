//! `openvpn-ccd`: the directory of an OpenVPN server's client configurations (`client-config-dir`).
//!
//! The name of a file is the name of the client. Held are `ifconfig-push` (both ends of a point-to-point link),
//! `ifconfig-ipv6-push`, and the whole networks behind the client, `iroute` and `iroute-ipv6`.

use super::element::hides_address;
use crate::batch::Batch;
use crate::error::Fault;
use crate::list::{Counts, Reader};
use crate::record::Record;
use ipnet::IpNet;
use std::fs::{self, DirEntry, ReadDir};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// The maximum size of a file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

pub(crate) struct OpenvpnCcd {
    directory: ReadDir,
    batch: Batch,
    file_count: u64,
    is_over: bool,
}

/// Opens the directory.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Reader>, Fault> {
    match fs::read_dir(path) {
        Ok(directory) => Ok(Box::new(OpenvpnCcd {
            directory,
            batch: Batch::default(),
            file_count: 0,
            is_over: false,
        })),
        Err(error) => Err(Fault::io(error, 0)),
    }
}

impl OpenvpnCcd {
    fn step(&mut self) -> Result<(), Fault> {
        match self.directory.next() {
            None => self.is_over = true,
            Some(Err(error)) => return Err(Fault::io(error, self.file_count)),
            Some(Ok(entry)) => {
                self.file_count += 1;
                self.file(&entry)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, entry: &DirEntry) -> Result<(), Fault> {
        let number = self.file_count;
        let io = |error| Fault::io(error, number);
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let found = match fs::metadata(entry.path()) {
            // The file was deleted after the directory was read.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.map_err(io)?,
        };
        if found.is_dir() || found.len() > MAX_FILE_BYTES {
            self.batch
                .broken(number, "not the file of a client", name.as_bytes());
            return Ok(());
        }
        let text = fs::read(entry.path()).map_err(io)?;
        let before = self.batch.count();
        for line in String::from_utf8_lossy(&text).lines() {
            setting(line, &name, number, &mut self.batch);
        }
        if self.batch.count() == before {
            let owner = self.batch.keep_name(name.as_bytes());
            self.batch.text(number, b"", owner, None);
        }
        Ok(())
    }
}

fn setting(line: &str, client: &str, number: u64, out: &mut Batch) {
    let line = line.split(['#', ';']).next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, values @ ..] = &*words else { return };
    let blocks = match (*name, values) {
        ("ifconfig-push", [addr, mask_or_peer]) => pushed(addr, mask_or_peer),
        ("ifconfig-ipv6-push", [addr, ..]) => {
            let host = addr.split('/').next().unwrap_or_default();
            host.parse::<IpAddr>()
                .ok()
                .map(|addr| vec![addr.to_string()])
        }
        ("iroute", [addr]) => addr
            .parse::<Ipv4Addr>()
            .ok()
            .map(|addr| vec![addr.to_string()]),
        ("iroute", [addr, mask, ..]) => network(addr, mask).map(|net| vec![net]),
        ("iroute-ipv6", [net, ..]) => net.parse::<IpNet>().ok().map(|net| vec![net.to_string()]),
        ("ifconfig-push" | "ifconfig-ipv6-push" | "iroute" | "iroute-ipv6", _) => None,
        // Included files would have to be read; no other known setting has addresses of the client.
        ("config", _) => None,
        ("push" | "push-reset" | "push-remove" | "disable", _) => return,
        // An unknown setting with an address may be a misspelt one.
        _ if hides_address(line) => None,
        _ => return,
    };
    match blocks {
        Some(blocks) => {
            let owner = out.keep_name(client.as_bytes());
            for block in blocks {
                out.block(number, block.as_bytes(), owner.clone(), None);
            }
        }
        None => out.broken(number, "an unreadable setting", line.as_bytes()),
    }
}

/// Returns the address if a mask follows it, or both ends of a link.
fn pushed(addr: &str, mask_or_peer: &str) -> Option<Vec<String>> {
    let addr: Ipv4Addr = addr.parse().ok()?;
    let other: Ipv4Addr = mask_or_peer.parse().ok()?;
    let is_mask = other.to_bits().leading_ones() + other.to_bits().trailing_zeros() >= 32;
    Some(match is_mask {
        true => vec![addr.to_string()],
        false => vec![addr.to_string(), other.to_string()],
    })
}

fn network(addr: &str, mask: &str) -> Option<String> {
    let addr: IpAddr = addr.parse().ok()?;
    let mask: IpAddr = mask.parse().ok()?;
    IpNet::with_netmask(addr, mask)
        .ok()
        .map(|net| net.to_string())
}

impl Reader for OpenvpnCcd {
    fn read(&mut self) -> Result<Option<Record<'_>>, Fault> {
        while !self.batch.advance() {
            if self.is_over {
                return Ok(None);
            }
            self.step()?;
        }
        Ok(self.batch.current())
    }

    fn counts(&self) -> Counts {
        Counts {
            lines: self.file_count,
            is_known: true,
            ..self.batch.counts()
        }
    }
}
