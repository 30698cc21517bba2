//! Reads a user list: which slots it contains, and which entries deserve attention.
//!
//! The listed slots are one bit each. The owners are stored only if the list has any (`owners`).

use super::owners::{Owners, OwnersBySlot};
use crate::bitmap::WordBits;
use crate::geometry::{Geometry, Place};
use crate::network::Network;
use crate::slot::{Slot, bit_of, bits_within, slots_in, word_of, words_within};
use crate::users::{
    Adopted, Entry, Listed, ProblemKind, Quoted, Record, join_problems, quoted, read,
};
use std::mem::take;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A list, as far as it has been read.
pub(in crate::pool) struct Listing<'a, N: Network> {
    geometry: &'a Geometry<N>,
    pub(in crate::pool) report: Adopted,
    /// A bit for each listed slot, except those in `latest`.
    listed: Vec<u64>,
    /// The word that was listed last, with its listed slots. A sorted list contains each word several times in a row,
    /// and a store to an address that depends on the text would delay the processor's read of the next text.
    latest: WordBits,
    /// The listed slots that a block listed first. Empty while there are none.
    pub(in crate::pool) in_blocks: Vec<u64>,
    is_reading_block: bool,
    owners: Owners,
}

/// The result for an entry with several addresses. If there are several results, later variants win.
#[derive(Debug)]
pub(crate) enum BlockSays {
    WrongFamily,
    OutOfRange,
    /// It contains only reserved addresses.
    Reserved(String),
    /// It contains only addresses that were listed before.
    Repeated,
    Fresh,
    /// It contains an address of another owner.
    Contested(ProblemKind),
    /// It covers the whole network.
    Route,
}

impl BlockSays {
    fn rank(&self) -> u8 {
        match self {
            Self::WrongFamily => 0,
            Self::OutOfRange => 1,
            Self::Reserved(_) => 2,
            Self::Repeated => 3,
            Self::Fresh => 4,
            Self::Contested(_) => 5,
            Self::Route => 6,
        }
    }

    /// Combines the results for two parts of a block.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.rank() > self.rank() {
            other
        } else {
            self
        }
    }

    /// Counts the result as one entry.
    pub(crate) fn count(self, report: &mut Adopted, listed: Listed<'_>, owner: Option<&str>) {
        let kind = match self {
            Self::WrongFamily => ProblemKind::WrongFamily,
            Self::OutOfRange => ProblemKind::OutOfRange,
            Self::Reserved(label) => ProblemKind::Reserved { label },
            Self::Contested(kind) => kind,
            Self::Repeated => return report.repeated += 1,
            Self::Fresh => return report.blocks += 1,
            Self::Route => return report.routes += 1,
        };
        report.note(kind, Quoted(listed), owner);
    }
}

impl<'a, N: Network> Listing<'a, N> {
    pub(in crate::pool) fn new(geometry: &'a Geometry<N>) -> Self {
        let word_count = word_of((geometry.slot_count() - 1) as Slot) + 1;
        Self {
            geometry,
            report: Adopted::default(),
            listed: vec![0; word_count],
            latest: (0, 0),
            in_blocks: Vec::new(),
            is_reading_block: false,
            owners: Owners::default(),
        }
    }

    /// Reads an entry.
    #[inline]
    pub(in crate::pool) fn read(&mut self, user: &impl Record) {
        self.report.entries += 1;
        let listed = user.listed();
        match read(listed) {
            Entry::Addr(addr) => self.read_addr(addr, user.owner(), listed),
            Entry::Unassigned => self.report.unassigned += 1,
            Entry::Unparseable => self.note(ProblemKind::Unparseable, listed, user.owner()),
            Entry::Stray(first, last) => self.read_stray(first, last, user.owner(), listed),
            entry => self.read_several(entry, user.owner(), listed),
        }
    }

    #[inline(never)]
    fn read_several(&mut self, entry: Entry, owner: Option<&str>, listed: Listed<'_>) {
        let says = match entry {
            // A unit that is written as a prefix is the same as an address in it.
            Entry::Net(net) if self.geometry.is_one_unit(net.trunc()) => {
                return self.read_addr(net.addr(), owner, listed);
            }
            // A route has no host bits set. A prefix with host bits may be that of a host.
            Entry::Net(net) if self.geometry.is_route(net) && net != net.trunc() => {
                return self.read_addr(net.addr(), owner, listed);
            }
            Entry::Net(net) if self.geometry.is_route(net) => BlockSays::Route,
            Entry::Net(net) => self.name_all(net.network(), net.broadcast(), owner),
            Entry::Range(first, last) => self.name_all(first, last, owner),
            Entry::Addr(_) | Entry::Unassigned | Entry::Unparseable | Entry::Stray(..) => return,
        };
        says.count(&mut self.report, listed, owner);
    }

    /// Reads the part of an entry for several addresses, at `position` of a list, that belongs to this pool. Counts
    /// nothing, because other pools have parts of it, too.
    pub(in crate::pool) fn read_part(&mut self, position: u64, user: &impl Record) -> BlockSays {
        self.report.entries = position;
        match read(user.listed()) {
            Entry::Net(net) => self.name_all(net.network(), net.broadcast(), user.owner()),
            Entry::Range(first, last) => self.name_all(first, last, user.owner()),
            Entry::Addr(_) | Entry::Unassigned | Entry::Unparseable | Entry::Stray(..) => {
                BlockSays::OutOfRange
            }
        }
    }

    #[inline(never)]
    fn read_stray(&mut self, first: IpAddr, last: IpAddr, owner: Option<&str>, listed: Listed<'_>) {
        match self.geometry.hands_out(first, last) {
            true => self.note(ProblemKind::Stray, listed, owner),
            false => self.report.passed += 1,
        }
    }

    /// Reads entry number `position` of a list whose other entries may go to other readers.
    pub(in crate::pool) fn read_as(&mut self, position: u64, user: &impl Record) {
        self.report.entries = position - 1;
        self.read(user);
    }

    /// Returns a bit for each listed slot.
    pub(in crate::pool) fn words(&mut self) -> &mut Vec<u64> {
        self.listed[self.latest.0] = self.latest.1;
        &mut self.listed
    }

    /// Returns who named each slot first.
    pub(in crate::pool) fn owners(&mut self) -> OwnersBySlot<'_> {
        self.owners.by_slot()
    }

    /// Returns the report, and a bit for each listed slot, by words.
    pub(in crate::pool) fn into_words(mut self) -> (Adopted, Vec<u64>) {
        let words = take(self.words());
        (self.report, words)
    }

    #[inline(always)]
    fn read_addr(&mut self, addr: IpAddr, owner: Option<&str>, listed: Listed<'_>) {
        let Some(own) = self.geometry.in_family(addr) else {
            return self.note(ProblemKind::WrongFamily, listed, owner);
        };
        match self.geometry.main_slot_of(own) {
            Some(slot) => self.read_slot(slot, owner, listed),
            None => self.read_far(own, owner, listed),
        }
    }

    #[inline]
    fn read_slot(&mut self, slot: Slot, owner: Option<&str>, listed: Listed<'_>) {
        let was_listed = self.name_word(word_of(slot), bit_of(slot), owner) == 0;
        if was_listed {
            self.name_again(slot, slot, owner, listed);
        }
    }

    /// Reads an address outside the main run of the pool.
    #[inline(never)]
    fn read_far(&mut self, addr: N::Addr, owner: Option<&str>, listed: Listed<'_>) {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) => self.read_slot(slot, owner, listed),
            Place::Reserved(_) if self.is_own(addr, listed) => self.report.own += 1,
            Place::Reserved(slot) => {
                let label = self.label_of(slot);
                self.note(ProblemKind::Reserved { label }, listed, owner);
            }
            Place::Outside => self.note(ProblemKind::OutOfRange, listed, owner),
        }
    }

    /// Lists slots of a word for an owner, and returns those that were not listed before.
    #[inline]
    fn name_word(&mut self, word_index: usize, bits: u64, owner: Option<&str>) -> u64 {
        if word_index != self.latest.0 {
            self.listed[self.latest.0] = self.latest.1;
            self.latest = (word_index, self.listed[word_index]);
        }
        let fresh = bits & !self.latest.1;
        if fresh != 0 {
            self.latest.1 |= fresh;
            if let Some(owner) = owner {
                let position = self.report.entries;
                self.owners.insert((word_index, fresh), position, owner);
            }
            if self.is_reading_block {
                self.in_blocks[word_index] |= fresh;
            }
        }
        fresh
    }

    /// Reads an entry whose addresses were all, or in part, listed before.
    #[cold]
    fn name_again(&mut self, first: Slot, last: Slot, owner: Option<&str>, listed: Listed<'_>) {
        let contested = owner.and_then(|owner| self.contested(first, last, owner));
        match contested {
            Some(kind) => self.note(kind, listed, owner),
            None => self.report.repeated += 1,
        }
    }

    /// Returns a problem with the first of these slots that another owner listed before this entry.
    fn contested(&mut self, first: Slot, last: Slot, owner: &str) -> Option<ProblemKind> {
        let owners = self.owners.by_slot();
        words_within(first, last)
            .flat_map(|word_index| slots_in(word_index, bits_within(word_index, first, last)))
            .find_map(|slot| {
                let (position, first_owner) = owners.of(slot)?;
                let is_earlier = position != self.report.entries && first_owner != owner.as_bytes();
                is_earlier.then(|| ProblemKind::Duplicate {
                    addr: self.geometry.addr_of(slot).into(),
                    owner: quoted(owner),
                    first_position: position,
                    first_owner: quoted(&String::from_utf8_lossy(first_owner)),
                })
            })
    }

    /// Lists all addresses of the pool in a range.
    fn name_all(&mut self, first: IpAddr, last: IpAddr, owner: Option<&str>) -> BlockSays {
        let ends = self
            .geometry
            .in_family(first)
            .zip(self.geometry.in_family(last));
        let Some((first, last)) = ends else {
            return BlockSays::WrongFamily;
        };
        self.name_slots(&(first..=last), owner)
    }

    fn name_slots(&mut self, addrs: &RangeInclusive<N::Addr>, owner: Option<&str>) -> BlockSays {
        let geometry = self.geometry;
        let Some((first, last)) = geometry.slots_around(addrs) else {
            return BlockSays::OutOfRange;
        };
        self.in_blocks.resize(self.listed.len(), 0);
        self.is_reading_block = true;
        let reserved = geometry.reserved_within(first, last).next();
        let mut says = match reserved {
            Some(run) => BlockSays::Reserved(self.label_of(run.first)),
            None => BlockSays::OutOfRange,
        };
        for run in geometry.runs_within(first, last) {
            says = says.and(self.name_run(run.first, run.last, owner));
        }
        self.is_reading_block = false;
        says
    }

    /// Lists consecutive slots of a block. Slots that were listed before keep their owner.
    fn name_run(&mut self, first: Slot, last: Slot, owner: Option<&str>) -> BlockSays {
        let (mut fresh, mut named_before) = (0, 0);
        for word_index in words_within(first, last) {
            let bits = bits_within(word_index, first, last);
            let fresh_here = self.name_word(word_index, bits, owner);
            fresh |= fresh_here;
            named_before |= bits & !fresh_here;
        }
        let owner = owner.filter(|_| named_before != 0);
        match owner.and_then(|owner| self.contested(first, last, owner)) {
            Some(kind) => BlockSays::Contested(kind),
            None if fresh == 0 => BlockSays::Repeated,
            None => BlockSays::Fresh,
        }
    }

    /// Returns whether the address is the gateway, listed as the router's own address.
    fn is_own(&self, addr: N::Addr, listed: Listed<'_>) -> bool {
        matches!(listed, Listed::Own(_)) && self.geometry.gateway() == Some(addr)
    }

    fn label_of(&self, slot: Slot) -> String {
        self.geometry.label_of(slot).unwrap_or_default().to_owned()
    }

    /// Returns the problems, the most dangerous first.
    pub(in crate::pool) fn problems(&mut self) -> Vec<crate::users::Problem> {
        join_problems([take(&mut self.report.problems)])
    }

    #[cold]
    fn note(&mut self, kind: ProblemKind, listed: Listed<'_>, owner: Option<&str>) {
        self.report.note(kind, Quoted(listed), owner);
    }
}
