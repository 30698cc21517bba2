//! Reading a user list: which slots it names, and what is odd about its entries.
//!
//! Which slots are listed is one bit each. Who named them is kept only where the list has owners (`owners`).

use super::owners::Owners;
use crate::bitmap::WordBits;
use crate::geometry::{Geometry, Place};
use crate::network::Network;
use crate::slot::{Slot, bit_of, bits_within, slots_in, word_of, words_within};
use crate::users::{
    Adopted, Ambiguous, Entry, Listed, ProblemKind, Quoted, UserRecord, quoted, read,
};
use ipnet::IpNet;
use std::mem::take;
use std::net::IpAddr;

/// A list as far as it has been read.
pub(super) struct Listing<'a, N: Network> {
    geometry: &'a Geometry<N>,
    ambiguous: Ambiguous,
    pub(super) report: Adopted,
    /// A bit for each slot that is listed, but for those of `latest`.
    listed: Vec<u64>,
    /// The word that was named last, and its listed slots. A list that is in order names each word several
    /// times; and a store to a place that the text says makes the processor hold back its look at the next text.
    latest: WordBits,
    /// Of those, the ones that an ambiguous entry named first. Empty while there are none.
    pub(super) unclear: Vec<u64>,
    is_reading_unclear: bool,
    /// What the report counts twice: as ambiguous, and as what became of it.
    pub(super) twice: Adopted,
    owners: Owners,
}

impl<'a, N: Network> Listing<'a, N> {
    pub(super) fn new(geometry: &'a Geometry<N>, ambiguous: Ambiguous) -> Self {
        let word_count = word_of((geometry.slot_count() - 1) as Slot) + 1;
        Self {
            geometry,
            ambiguous,
            report: Adopted::default(),
            listed: vec![0; word_count],
            latest: (0, 0),
            unclear: Vec::new(),
            is_reading_unclear: false,
            twice: Adopted::default(),
            owners: Owners::default(),
        }
    }

    /// Reads an entry.
    #[inline]
    pub(super) fn read(&mut self, user: &impl UserRecord) {
        self.report.entries += 1;
        let listed = user.listed();
        match read(listed) {
            Entry::Addr(addr) => self.read_addr(addr, user.owner(), listed),
            Entry::Net(net) => self.read_net(net, user.owner(), listed),
            Entry::Unassigned => self.report.unassigned += 1,
            Entry::Unparseable => {
                self.report.unparseable += 1;
                self.note(ProblemKind::Unparseable, listed);
            }
        }
    }

    #[inline(never)]
    fn read_net(&mut self, net: IpNet, owner: Option<&str>, listed: Listed<'_>) {
        match self.slots_of(net) {
            Some(slots) if !self.geometry.is_one_unit(net) => {
                self.read_ambiguous(net.addr(), slots, owner, listed);
            }
            // A unit by its name, or a prefix of which nothing is of the pool: both readings say the same.
            _ => self.read_addr(net.addr(), owner, listed),
        }
    }

    /// Reads the entry `position` of a list of which others read the rest.
    pub(super) fn read_as(&mut self, position: u64, user: &impl UserRecord) {
        self.report.entries = position - 1;
        self.read(user);
    }

    /// A bit for each slot that is listed.
    pub(super) fn words(&mut self) -> &mut Vec<u64> {
        self.listed[self.latest.0] = self.latest.1;
        &mut self.listed
    }

    /// What became of the entries, and a bit for each slot that is listed, by words.
    #[allow(dead_code)] // Where there are no pool files, nobody asks.
    pub(super) fn into_words(mut self) -> (Adopted, Vec<u64>) {
        let words = take(self.words());
        (self.report, words)
    }

    /// The slots of the pool that have addresses under the prefix.
    fn slots_of(&self, net: IpNet) -> Option<(Slot, Slot)> {
        let first = self.geometry.in_family(net.network())?;
        let last = self.geometry.in_family(net.broadcast())?;
        self.geometry.slots_around(&(first..=last))
    }

    #[cold]
    fn read_ambiguous(
        &mut self,
        addr: IpAddr,
        slots: (Slot, Slot),
        owner: Option<&str>,
        listed: Listed<'_>,
    ) {
        self.report.ambiguous += 1;
        self.note(ProblemKind::Ambiguous, listed);
        let before = counts_of(&self.report);
        self.unclear.resize(self.listed.len(), 0);
        self.is_reading_unclear = true;
        match self.ambiguous {
            Ambiguous::Host => self.read_addr(addr, owner, listed),
            Ambiguous::Expand => self.read_block(slots, owner, listed),
            Ambiguous::Reject => self.report.unparseable += 1,
        }
        self.is_reading_unclear = false;
        self.count_twice(before);
    }

    fn count_twice(&mut self, before: [u64; 6]) {
        let after = counts_of(&self.report);
        let twice = &mut self.twice;
        let counts = [
            &mut twice.repeated,
            &mut twice.duplicate,
            &mut twice.reserved,
            &mut twice.out_of_range,
            &mut twice.wrong_family,
            &mut twice.unparseable,
        ];
        for (count, (after, before)) in counts.into_iter().zip(after.into_iter().zip(before)) {
            *count += after - before;
        }
    }

    #[inline(always)]
    fn read_addr(&mut self, addr: IpAddr, owner: Option<&str>, listed: Listed<'_>) {
        let Some(own) = self.geometry.in_family(addr) else {
            self.report.wrong_family += 1;
            return self.note(ProblemKind::WrongFamily, listed);
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

    /// An address that is not where most of the pool's are.
    #[inline(never)]
    fn read_far(&mut self, addr: N::Addr, owner: Option<&str>, listed: Listed<'_>) {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) => self.read_slot(slot, owner, listed),
            Place::Reserved(slot) => {
                self.report.reserved += 1;
                self.note_reserved(slot, listed);
            }
            Place::Outside => {
                self.report.out_of_range += 1;
                self.note(ProblemKind::OutOfRange, listed);
            }
        }
    }

    /// Lists slots of a word for an owner; answers those that were not listed before.
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
            if self.is_reading_unclear {
                self.unclear[word_index] |= fresh;
            }
        }
        fresh
    }

    /// An entry that names what was named before, all of it or a part.
    #[cold]
    fn name_again(&mut self, first: Slot, last: Slot, owner: Option<&str>, listed: Listed<'_>) {
        let contested = owner.and_then(|owner| self.contested(first, last, owner));
        match contested {
            Some(kind) => {
                self.report.duplicate += 1;
                self.note(kind, listed);
            }
            None => self.report.repeated += 1,
        }
    }

    /// The first of these slots that another owner has named before this entry.
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

    fn read_block(&mut self, (first, last): (Slot, Slot), owner: Option<&str>, listed: Listed<'_>) {
        let geometry = self.geometry;
        for run in geometry.reserved_within(first, last) {
            self.report.reserved += 1;
            self.note_reserved(run.first, listed);
        }
        for run in geometry.runs_within(first, last) {
            self.read_run(run.first, run.last, owner, listed);
        }
    }

    /// Consecutive slots of a block; those that were named before stay with their owner.
    fn read_run(&mut self, first: Slot, last: Slot, owner: Option<&str>, listed: Listed<'_>) {
        let (mut fresh, mut named_before) = (0, 0);
        for word_index in words_within(first, last) {
            let bits = bits_within(word_index, first, last);
            let fresh_here = self.name_word(word_index, bits, owner);
            fresh |= fresh_here;
            named_before |= bits & !fresh_here;
        }
        if fresh == 0 {
            return self.name_again(first, last, owner, listed);
        }
        let owner = owner.filter(|_| named_before != 0);
        if let Some(kind) = owner.and_then(|owner| self.contested(first, last, owner)) {
            self.report.duplicate += 1;
            self.note(kind, listed);
        }
    }

    fn note_reserved(&mut self, slot: Slot, listed: Listed<'_>) {
        let label = self.geometry.label_of(slot).unwrap_or_default();
        let label = label.to_owned();
        self.note(ProblemKind::Reserved { label }, listed);
    }

    #[cold]
    fn note(&mut self, kind: ProblemKind, listed: Listed<'_>) {
        self.report.note(kind, Quoted(listed));
    }
}

/// What an ambiguous entry may be counted as a second time.
fn counts_of(report: &Adopted) -> [u64; 6] {
    [
        report.repeated,
        report.duplicate,
        report.reserved,
        report.out_of_range,
        report.wrong_family,
        report.unparseable,
    ]
}
