//! `radippool`: the table of FreeRADIUS's module `sqlippool`, as CSV or with tabs, with a header.
//!
//! A row is an address of the pool, whether or not it is in use. An address is not held if the server could hand it out
//! at any time: its expiry is null or zero, or its row has no session (no NAS, pool key, calling station and user). An
//! expiry in the past is not considered, because the clock and the time zone of the database are not known here. If it
//! should count, let the database select the rows: `... WHERE expiry_time > NOW()`. Rows whose status is not `dynamic`
//! are held.

use super::by_line::LineFormat;
use super::element::{JOINED, hides_another, is_header_and_more, tell_others};
use crate::batch::Batch;
use crate::error::Fault;
use crate::lines::{Line, MAX_LINE_BYTES};
use csv_core::{ReadRecordResult, ReaderBuilder};

/// The maximum number of columns; no version has as many.
const MOST_COLUMNS: usize = 64;
const BAD_QUOTES: &str = "unbalanced quotes: write the dump with doubled quotes, as in CSV";

#[derive(Default)]
pub(super) struct Radippool {
    /// The current row, or the part of it that was read if a quote is still open.
    row: Vec<u8>,
    first_line: u64,
    output: Vec<u8>,
    ends: Vec<usize>,
    columns: Option<Columns>,
}

/// The positions of the relevant columns.
#[derive(Clone)]
struct Columns {
    separator: u8,
    count: usize,
    address: usize,
    expiry: Option<usize>,
    status: Option<usize>,
    /// The columns that are empty in a row without a session.
    session: Vec<usize>,
    owner: Vec<usize>,
    /// The columns that may contain an address other than that of the row.
    with_addresses: Vec<usize>,
}

impl LineFormat for Radippool {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        if self.row.is_empty() {
            self.first_line = line.number;
        }
        if line.is_cut || self.row.len() > MAX_LINE_BYTES {
            let what = "a row is longer than 64 KiB: is a quote not closed?";
            return Err(Fault::malformed(what, self.first_line, &self.row));
        }
        self.row.extend(line.without_return());
        self.row.push(b'\n');
        let quotes = memchr::memchr_iter(b'"', &self.row).count();
        if quotes.is_multiple_of(2) {
            if !self.row.trim_ascii().is_empty() {
                self.read_row(out)?;
            }
            self.row.clear();
        }
        Ok(())
    }

    fn end(&mut self, count: u64, _: &mut Batch) -> Result<bool, Fault> {
        match self.row.is_empty() {
            true => Ok(false),
            false => Err(Fault::truncated("a quote is not closed", count)),
        }
    }
}

impl Radippool {
    fn read_row(&mut self, out: &mut Batch) -> Result<(), Fault> {
        let Some(columns) = self.columns.clone() else {
            out.is_known = true;
            return self.read_header();
        };
        let count = self.split(columns.separator)?;
        if count != columns.count {
            out.broken(
                self.first_line,
                "a row whose columns do not match the header",
                &self.row,
            );
            return Ok(());
        }
        let has_others = |at: &usize| {
            let text = String::from_utf8_lossy(self.field(*at));
            *at != columns.address && (!columns.with_addresses.contains(at) || hides_another(&text))
        };
        let others = (0..count).filter(has_others).map(|at| self.field(at));
        let own = self.field(columns.address);
        tell_others(others, own, self.first_line, out);
        if self.is_held(&columns) {
            let owner = columns.owner.iter().map(|&at| self.field(at));
            let owner = owner
                .clone()
                .find(|name| !is_nothing(name))
                .unwrap_or_default();
            let owner = out.keep_name(owner);
            let state = columns.status.map(|at| self.field(at)).unwrap_or_default();
            let state = out.keep_name(state);
            out.text(self.first_line, self.field(columns.address), owner, state);
        } else {
            out.not_held += 1;
        }
        Ok(())
    }

    fn is_held(&self, columns: &Columns) -> bool {
        let status = columns.status.map(|at| self.field(at)).unwrap_or_default();
        if !is_nothing(status) && !status.eq_ignore_ascii_case(b"dynamic") {
            return true;
        }
        let never = |at| is_nothing(self.field(at)) || self.field(at).starts_with(b"0000-00-00");
        let is_nobodys = columns.session.iter().all(|&at| is_nothing(self.field(at)));
        let was_cleared = is_nobodys && !columns.session.is_empty();
        !columns.expiry.is_some_and(never) && !was_cleared
    }

    fn read_header(&mut self) -> Result<(), Fault> {
        let separator = if self.row.contains(&b'\t') {
            b'\t'
        } else {
            b','
        };
        let count = self.split(separator)?;
        let names: Vec<String> = (0..count)
            .map(|at| String::from_utf8_lossy(self.field(at)).to_ascii_lowercase())
            .collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        let Some(address) = at("framedipaddress").or_else(|| at("address")) else {
            let what = "the first line does not name a column framedipaddress: write the dump with a header";
            return Err(Fault::malformed(what, self.first_line, &self.row));
        };
        if names.iter().any(|name| is_header_and_more(name)) {
            return Err(Fault::malformed(JOINED, self.first_line, &self.row));
        }
        let all = |wanted: &[&str]| wanted.iter().copied().filter_map(at).collect();
        self.columns = Some(Columns {
            separator,
            count,
            address,
            expiry: at("expiry_time"),
            status: at("status"),
            session: all(&[
                "nasipaddress",
                "pool_key",
                "callingstationid",
                "username",
                "owner",
            ]),
            owner: all(&["username", "owner", "callingstationid", "pool_key"]),
            with_addresses: all(&[
                "framedipaddress",
                "address",
                "nasipaddress",
                "calledstationid",
                "callingstationid",
                "gateway",
            ]),
        });
        Ok(())
    }

    /// Splits the row, and returns how many fields it has.
    fn split(&mut self, separator: u8) -> Result<usize, Fault> {
        self.output.resize(self.row.len() + 1, 0);
        self.ends.resize(MOST_COLUMNS, 0);
        let mut reader = ReaderBuilder::new().delimiter(separator).build();
        let (result, read, _, count) =
            reader.read_record(&self.row, &mut self.output, &mut self.ends);
        // The row must be exactly one record: a misplaced quote would hide rows within a field.
        if matches!(result, ReadRecordResult::Record) && read == self.row.len() {
            return Ok(count);
        }
        Err(Fault::malformed(BAD_QUOTES, self.first_line, &self.row))
    }

    fn field(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.output[start..self.ends[at]].trim_ascii()
    }
}

/// Returns whether a text is one of the ways in which databases write null.
fn is_nothing(text: &[u8]) -> bool {
    matches!(text, b"" | b"0" | b"NULL" | b"\\N")
}
