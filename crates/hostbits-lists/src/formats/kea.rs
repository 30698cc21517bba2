//! `kea`: the lease file of Kea's memfile backend, for DHCPv4 or DHCPv6.
//!
//! The file is a journal: each change of a lease is a row, and the last row of an address counts. A row with a valid
//! lifetime of 0 deletes the lease. A comma within a value is written `&#x2c`, so a comma always separates columns. The
//! header names the columns, which depend on the version of Kea.

use super::by_line::{LineFormat, fields};
use super::element::{JOINED, is_header_and_more, tell_others};
use crate::batch::Batch;
use crate::error::Fault;
use crate::latest::{Key, Latest};
use crate::lines::Line;
use serde::de::IgnoredAny;
use std::net::IpAddr;

/// The maximum number of columns; no version has as many.
const MOST_COLUMNS: usize = 24;

/// The names of the numbered states. All but `expired-reclaimed` are held.
const STATES: [&str; 5] = ["default", "declined", RECLAIMED, "released", "registered"];
const RECLAIMED: &str = "expired-reclaimed";

#[derive(Default)]
pub(super) struct Kea {
    columns: Columns,
    latest: Latest,
}

/// The positions of the relevant columns.
#[derive(Clone, Copy, Default)]
struct Columns {
    count: usize,
    hwaddr: Option<usize>,
    client_id: Option<usize>,
    duid: Option<usize>,
    valid_lifetime: Option<usize>,
    lease_type: Option<usize>,
    prefix_len: Option<usize>,
    state: Option<usize>,
    user_context: Option<usize>,
}

impl LineFormat for Kea {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = line.without_return();
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        // Concatenated files have a header each.
        if text.starts_with(b"address,") {
            if is_header_and_more(&String::from_utf8_lossy(text)) {
                return Err(Fault::malformed(JOINED, line.number, text));
            }
            self.columns = columns(text);
            out.is_known = true;
            return Ok(());
        }
        if self.columns.count == 0 {
            let what = "this is not a lease file of Kea: it does not begin with `address,`";
            return Err(Fault::malformed(what, line.number, text));
        }
        let (row, count) = fields::<MOST_COLUMNS>(text, b',');
        if count != self.columns.count || line.is_cut {
            self.broken_row(&row, count, &line, out);
        } else {
            self.row(&row, &line, out);
        }
        Ok(())
    }

    fn end(&mut self, _: u64, out: &mut Batch) -> Result<bool, Fault> {
        Ok(self.latest.give(out))
    }
}

impl Kea {
    fn row(&mut self, row: &[&[u8]], line: &Line<'_>, out: &mut Batch) {
        let at = |column: Option<usize>| {
            column
                .and_then(|at| row.get(at))
                .copied()
                .unwrap_or_default()
        };
        let columns = self.columns;
        let others = row.iter().enumerate().take(columns.count).skip(1);
        let others =
            others.filter(|(at, field)| columns.user_context != Some(*at) || !is_of_kea(field));
        tell_others(others.map(|(_, field)| *field), row[0], line.number, out);
        let Some(key) = key(row[0], at(columns.lease_type), at(columns.prefix_len)) else {
            return out.broken(line.number, "a row without an address", line.bytes);
        };
        let state = word(at(columns.state));
        if at(columns.valid_lifetime) == b"0" || state == RECLAIMED {
            out.not_held += 1;
            out.superseded += u64::from(self.latest.end(key));
            return;
        }
        let owner = [columns.duid, columns.hwaddr, columns.client_id]
            .into_iter()
            .map(at)
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        let owner = String::from_utf8_lossy(owner);
        let superseded = self.latest.hold(key, line.number, &owner, &state);
        out.superseded += u64::from(superseded);
    }

    /// Reads an incomplete row. If its address is complete, it is held until a complete row says otherwise.
    fn broken_row(&mut self, row: &[&[u8]], count: usize, line: &Line<'_>, out: &mut Batch) {
        out.broken(
            line.number,
            "a row whose columns do not match the header",
            line.bytes,
        );
        if let (true, Some(addr)) = (count > 1, addr(row[0])) {
            let superseded = self.latest.hold(Key::addr(addr), line.number, "", "");
            out.superseded += u64::from(superseded);
        }
    }
}

fn columns(header: &[u8]) -> Columns {
    let (names, count) = fields::<MOST_COLUMNS>(header, b',');
    let at = |wanted: &str| names.iter().position(|name| *name == wanted.as_bytes());
    Columns {
        count,
        hwaddr: at("hwaddr"),
        client_id: at("client_id"),
        duid: at("duid"),
        valid_lifetime: at("valid_lifetime"),
        lease_type: at("lease_type"),
        prefix_len: at("prefix_len"),
        state: at("state"),
        user_context: at("user_context"),
    }
}

/// Returns whether a user context is only what Kea itself writes about relays, whose addresses it contains.
fn is_of_kea(context: &[u8]) -> bool {
    let text = String::from_utf8_lossy(context).replace("&#x2c", ",");
    let is_whole = serde_json::from_str::<IgnoredAny>(&text).is_ok();
    let inner = text.trim_start().strip_prefix('{').unwrap_or_default();
    is_whole && inner.trim_start().starts_with("\"ISC\"")
}

fn addr(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Returns the key of the address, or of the prefix if the lease is a delegation (type 2).
fn key(address: &[u8], lease_type: &[u8], prefix_len: &[u8]) -> Option<Key> {
    let addr = addr(address)?;
    if !matches!(lease_type, b"2" | b"IA_PD") {
        return Some(Key::addr(addr));
    }
    let prefix_len: u8 = std::str::from_utf8(prefix_len).ok()?.parse().ok()?;
    (prefix_len <= 128).then(|| Key::prefix(addr, prefix_len))
}

/// Returns the name of a state. An unknown state remains a number. A file from before states existed has none; its
/// leases are in use.
fn word(state: &[u8]) -> String {
    let text = String::from_utf8_lossy(state.trim_ascii());
    let number: Option<usize> = text.parse().ok();
    match number.and_then(|number| STATES.get(number)) {
        Some(word) => (*word).to_owned(),
        None => text.chars().take(crate::error::MAX_QUOTED).collect(),
    }
}
