//! Finds the member that an address belongs to, in sorted tables that are replaced as members are added.
//!
//! A table never changes. Adding members writes a new one now and then, and publishes it; until then, the few newest
//! members are searched one by one. Readers never wait.

use super::member::Member;
use super::members::Members;
use crate::network::Network;
use crate::sync::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// How many members may be missing from the newest table.
const MOST_MISSING: usize = 16;

/// A range of consecutive addresses of one member.
struct Entry<A> {
    first: A,
    last: A,
    member: usize,
}

struct Table<A> {
    /// The ranges, ascending and disjoint.
    entries: Box<[Entry<A>]>,
    /// The table contains the members below this number.
    covers: usize,
}

pub(super) struct Directory<N: Network> {
    tables: Box<[OnceLock<Table<N::Addr>>]>,
    /// How many tables there are.
    count: AtomicU64,
}

impl<N: Network> Directory<N> {
    pub(super) fn new(room: usize) -> Self {
        let most = room.div_ceil(MOST_MISSING) + 1;
        Self {
            tables: (0..most).map(|_| OnceLock::new()).collect(),
            count: AtomicU64::new(0),
        }
    }

    fn newest(&self) -> Option<&Table<N::Addr>> {
        // Acquire: the table is visible with its number.
        let count = self.count.load(Ordering::Acquire) as usize;
        self.tables.get(count.checked_sub(1)?)?.get()
    }

    /// Returns the member that contains this address, including reserved addresses.
    pub(super) fn find(&self, addr: N::Addr, members: &Members<N>) -> Option<usize> {
        let table = self.newest();
        let entries = table.map_or(&[][..], |table| &table.entries);
        let above = entries.partition_point(|entry| entry.first <= addr);
        let entry = above.checked_sub(1).map(|index| &entries[index]);
        if let Some(entry) = entry.filter(|entry| addr <= entry.last) {
            return Some(entry.member);
        }
        let covered = table.map_or(0, |table| table.covers);
        let spans = |&index: &usize| members.get(index).is_some_and(|it| it.spans(addr));
        // An address may be written in the other family (`::ffff:10.0.0.5`): then only the pool recognizes it.
        (covered..members.len())
            .find(spans)
            .or_else(|| (0..covered).find(spans))
    }

    /// Returns whether a new table is needed.
    pub(super) fn is_behind(&self, members: usize) -> bool {
        let covered = self.newest().map_or(0, |table| table.covers);
        members - covered >= MOST_MISSING
    }

    /// Writes a new table of all members. One caller at a time.
    pub(super) fn renew(&self, members: &Members<N>) {
        let mut entries: Vec<_> = members
            .iter()
            .flat_map(|(member, it)| entries_of(member, it))
            .collect();
        entries.sort_unstable_by_key(|entry| entry.first);
        // Relaxed: no other thread writes it.
        let count = self.count.load(Ordering::Relaxed);
        let Some(place) = self.tables.get(count as usize) else {
            return;
        };
        let table = Table {
            entries: entries.into(),
            covers: members.len(),
        };
        if place.set(table).is_ok() {
            // Release: after the table itself.
            self.count.store(count + 1, Ordering::Release);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let tables = self.tables.iter().filter_map(OnceLock::get);
        size_of_val(&*self.tables) + tables.map(|it| size_of_val(&*it.entries)).sum::<usize>()
    }
}

fn entries_of<N: Network>(
    member: usize,
    it: &Member<N>,
) -> impl Iterator<Item = Entry<N::Addr>> + '_ {
    it.pool.stretches().map(move |(first, last)| Entry {
        first,
        last,
        member,
    })
}
