//! `columns`: tables that commands print for people, with blanks between the columns.
//!
//! If two or more blanks separate the names in the header (`virsh`, `kubectl`), columns are found by position under it;
//! otherwise each word is a column. Columns that are chosen by number are words, without brackets around them (`arp
//! -an`); addresses that follow the chosen one are then read as well (`wg show wg0 allowed-ips`, `ip -br addr`).

use super::by_line::LineFormat;
use super::element::{is_header_and_more, listed_addresses, looks_like_address, tell_others};
use crate::batch::Batch;
use crate::columns::{Columns, Places};
use crate::error::Fault;
use crate::lines::Line;

pub(super) struct Table {
    columns: Columns,
    head: Option<Head>,
    /// How many columns the header has, or the first row if columns are chosen by number.
    width: Option<usize>,
    is_new: bool,
}

/// The columns of the table.
struct Head {
    places: Places,
    /// How many names there are, and whether two blanks separate them; `None` if columns are chosen by number.
    names: Option<(usize, bool)>,
}

impl Table {
    pub(super) fn new(columns: Columns) -> Self {
        let head = columns.by_number().map(|places| Head {
            places,
            names: None,
        });
        Self {
            columns,
            head,
            width: None,
            is_new: true,
        }
    }

    /// Reads the first line that is not blank. Returns whether it is something other than a row.
    fn first_line(&mut self, text: &str) -> bool {
        let words = cells(text, false);
        let has_address =
            is_header_and_more(text) || words.iter().any(|word| looks_like_address(word));
        if self.head.is_some() {
            // With columns by number, a header is a line without any address.
            return !has_address;
        }
        for by_two in [true, false] {
            let names = cells(text, by_two);
            if let Some(places) = self.columns.by_header(names.iter().copied())
                && !has_address
            {
                self.width = Some(names.len());
                self.head = Some(Head {
                    places,
                    names: Some((names.len(), by_two)),
                });
                return true;
            }
        }
        false
    }

    fn row(&self, head: &Head, cells: &[&str], width: usize, line: &Line<'_>, out: &mut Batch) {
        let last = head.places.addresses.iter().max().copied().unwrap_or(0);
        let is_shifted = head.names.is_some_and(|(count, _)| cells.len() != count);
        // The first column is in its place, whatever follows it.
        if cells.len() <= last || (is_shifted && last != 0) {
            let what = "a row whose columns do not match the header";
            return out.broken(line.number, what, line.bytes);
        }
        let at = |place: Option<usize>| place.and_then(|at| cells.get(at)).copied().unwrap_or("");
        let owner = out.keep_name(at(head.places.owner).as_bytes());
        let state = out.keep_name(at(head.places.state).as_bytes());
        let is_counted = head.names.is_none() || is_shifted;
        // The end of the chosen columns.
        let mut end = 0;
        for &place in &head.places.addresses {
            let is_meant = |&place: &usize| {
                let others = [head.places.owner, head.places.state];
                is_shifted
                    || !(others.contains(&Some(place)) || head.places.addresses.contains(&place))
            };
            let behind = (place + 1..cells.len()).take_while(is_meant);
            let behind = behind
                .map(|place| cells[place])
                .take_while(|cell| is_counted && several(cell).any(looks_like_address));
            end = end.max(place + 1 + behind.clone().count());
            for address in several(cells[place]).chain(behind.flat_map(several)) {
                let (owner, state) = (owner.clone(), state.clone());
                out.text(line.number, address.as_bytes(), owner, state);
            }
        }
        if !self.columns.is_usual() {
            // Further columns may contain addresses, but a row has no more of them than the header.
            let more = cells.iter().skip(width.max(end));
            return tell_others(more.map(|cell| cell.as_bytes()), b"", line.number, out);
        }
        for (place, cell) in cells.iter().enumerate() {
            if head.places.addresses.contains(&place) {
                continue;
            }
            for address in listed_addresses(cell) {
                out.stray(line.number, address.as_bytes(), owner.clone());
            }
            if listed_addresses(cell).next().is_none() {
                tell_others([cell.as_bytes()].into_iter(), b"", line.number, out);
            }
        }
    }
}

impl LineFormat for Table {
    fn line(&mut self, line: Line<'_>, out: &mut Batch) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(line.without_return());
        let text = text.trim();
        let is_rule = text.bytes().all(|byte| b"-=+| ".contains(&byte));
        if (is_rule || text.starts_with('#')) && !line.is_cut {
            return Ok(());
        }
        if line.is_cut {
            out.is_known = true;
            out.broken(line.number, "a line longer than 64 KiB", text.as_bytes());
            return Ok(());
        }
        if std::mem::take(&mut self.is_new) && self.first_line(text) {
            out.is_known = true;
            return Ok(());
        }
        let Some(head) = &self.head else {
            let what =
                "the first line does not name an address column: choose one, as in columns@3,1";
            return Err(Fault::malformed(what, line.number, text.as_bytes()));
        };
        out.is_known = true;
        let by_two = head.names.is_some_and(|(_, by_two)| by_two);
        let cells = cells(text, by_two);
        let width = *self.width.get_or_insert(cells.len());
        self.row(head, &cells, width, &line, out);
        Ok(())
    }

    fn end(&mut self, _: u64, _: &mut Batch) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Returns the addresses of a cell that may have several, as `10.0.0.2,10.0.0.3`, or one before a comma.
fn several(cell: &str) -> impl Iterator<Item = &str> {
    cell.trim_matches([',', ';']).split([',', ';'])
}

/// Returns the cells of a line: its words, or the texts that two or more blanks separate.
fn cells(text: &str, by_two: bool) -> Vec<&str> {
    let cells: Vec<&str> = match by_two {
        false => text.split_whitespace().collect(),
        true => text
            .split("  ")
            .flat_map(|part| part.split('\t'))
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect(),
    };
    let inner = |cell: &'_ str| -> Option<(usize, usize)> {
        let inner = cell.strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
        looks_like_address(inner).then_some((1, cell.len() - 1))
    };
    cells
        .into_iter()
        .map(|cell| match inner(cell) {
            Some((start, end)) => &cell[start..end],
            None => cell,
        })
        .collect()
}
