//! The users' own list, with its past, and the ways to read it.

use crate::world::Addr;
use hostbits::users::{self, Listed};

/// A row of the table of users, and when it was there.
#[derive(Clone, Debug)]
struct Row {
    addr: Addr,
    owner: u32,
    from: u64,
    until: u64,
    is_garbage: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) addr: Addr,
    pub(crate) is_garbage: bool,
    owner: String,
    key: usize,
}

impl users::Record for Entry {
    fn listed(&self) -> Listed<'_> {
        if self.is_garbage {
            Listed::Text("10.0.O.7")
        } else {
            Listed::Addr(self.addr.into())
        }
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.owner)
    }
}

impl Entry {
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }
}

/// The table: the place of a row is its key.
#[derive(Default)]
pub(crate) struct List(Vec<Row>);

impl List {
    pub(crate) fn write(&mut self, addr: Addr, owner: u32, now: u64) {
        self.add(addr, owner, now, false);
    }

    pub(crate) fn add(&mut self, addr: Addr, owner: u32, now: u64, is_garbage: bool) {
        self.0.push(Row {
            addr,
            owner,
            from: now,
            until: u64::MAX,
            is_garbage,
        });
    }

    pub(crate) fn delete(&mut self, addr: Addr, owner: u32, now: u64) {
        let is_it = |row: &&mut Row| {
            row.addr == addr && row.owner == owner && row.until == u64::MAX && !row.is_garbage
        };
        if let Some(row) = self.0.iter_mut().find(is_it) {
            row.until = now;
        }
    }

    /// Deletes the last entry and returns the address.
    pub(crate) fn delete_one(&mut self, now: u64) -> Option<Addr> {
        let rows = &mut self.0.iter_mut();
        let row = rows.rfind(|row| row.until == u64::MAX && !row.is_garbage)?;
        row.until = now;
        Some(row.addr)
    }

    pub(crate) fn delete_garbage(&mut self, now: u64) {
        for row in self.0.iter_mut().filter(|row| row.is_garbage) {
            row.until = row.until.min(now);
        }
    }

    /// What it said at a time, in the order of the key, from a key on.
    pub(crate) fn at(&self, time: u64, from_key: usize) -> impl Iterator<Item = Entry> + '_ {
        let rows = self.0.iter().enumerate().skip(from_key);
        let there = rows.filter(move |(_, row)| row.from <= time && time < row.until);
        there.map(|(key, row)| Entry {
            addr: row.addr,
            is_garbage: row.is_garbage,
            owner: format!("user {}", row.owner),
            key,
        })
    }
}

/// How the operator reads the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// In one transaction: as it was at one moment.
    AtOnce,
    /// Page by page, each from the key after the last one.
    ByKey,
    /// Page by page by `OFFSET`, which skips what moved up.
    ByOffset,
}

/// A reading that has begun.
pub(crate) struct Cursor {
    paging: Paging,
    snapshot: u64,
    next_key: usize,
    read: usize,
}

impl Cursor {
    pub(crate) fn new(paging: Paging, snapshot: u64) -> Self {
        Self {
            paging,
            snapshot,
            next_key: 0,
            read: 0,
        }
    }

    /// The next page, as the list was at `time`; empty at the end.
    pub(crate) fn page(&mut self, list: &List, time: u64, len: usize) -> Vec<Entry> {
        let page: Vec<_> = match self.paging {
            Paging::AtOnce => list.at(self.snapshot, self.next_key).take(len).collect(),
            Paging::ByKey => list.at(time, self.next_key).take(len).collect(),
            Paging::ByOffset => list.at(time, 0).skip(self.read).take(len).collect(),
        };
        if let Some(last) = page.last() {
            self.next_key = last.key + 1;
        }
        self.read += page.len();
        page
    }
}
