//! Reading a user list: which slots it names, and what is odd about its entries.
//!
//! Which slots are listed is one bit each. Who named them is kept only where the list has owners: a number
//! for each slot of the words that are listed, and the names one after another.

use crate::geometry::{Geometry, Place};
use crate::network::Network;
use crate::slot::{SLOTS_PER_WORD, Slot, bit_of, bits_within, slots_in, word_of, words_within};
use crate::users::{
    Adopted, Ambiguous, Entry, Listed, ProblemKind, Quoted, UserRecord, quoted, read,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// A list as far as it has been read.
pub(super) struct Listing<'a, N: Network> {
    geometry: &'a Geometry<N>,
    ambiguous: Ambiguous,
    pub(super) report: Adopted,
    /// A bit for each slot that is listed.
    pub(super) listed: Vec<u64>,
    /// Of those, the ones that an ambiguous entry named first. Empty while there are none.
    pub(super) unclear: Vec<u64>,
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
            unclear: Vec::new(),
            twice: Adopted::default(),
            owners: Owners::default(),
        }
    }

    /// Reads an entry. `found` is told of each word with the slots that it names and no entry before did.
    #[inline]
    pub(super) fn read(&mut self, user: &impl UserRecord, found: &mut impl FnMut(usize, u64)) {
        self.report.entries += 1;
        let listed = user.listed();
        match read(listed) {
            Entry::Addr(addr) => self.read_addr(addr, user.owner(), listed, found),
            Entry::Net(net) if self.is_one_unit(net) => {
                self.read_addr(net.addr(), user.owner(), listed, found);
            }
            Entry::Net(net) => self.read_ambiguous(net, user.owner(), listed, found),
            Entry::Unassigned => self.report.unassigned += 1,
            Entry::Unparseable => {
                self.report.unparseable += 1;
                self.note(ProblemKind::Unparseable, listed);
            }
        }
    }

    /// Reads the entry `position` of a list of which others read the rest.
    pub(super) fn read_as(
        &mut self,
        position: u64,
        user: &impl UserRecord,
        found: &mut impl FnMut(usize, u64),
    ) {
        self.report.entries = position - 1;
        self.read(user, found);
    }

    /// The listed slots, as ascending ranges.
    #[allow(dead_code)] // Where there are no pool files, nobody asks.
    pub(super) fn into_words(self) -> (Adopted, Vec<u64>) {
        (self.report, self.listed)
    }

    /// Whether the prefix is exactly what the pool hands out.
    fn is_one_unit(&self, net: IpNet) -> bool {
        net == net.trunc() && net.prefix_len() == self.geometry.unit()
    }

    #[cold]
    fn read_ambiguous(
        &mut self,
        net: IpNet,
        owner: Option<&str>,
        listed: Listed<'_>,
        found: &mut impl FnMut(usize, u64),
    ) {
        self.report.ambiguous += 1;
        self.note(ProblemKind::Ambiguous, listed);
        let before = counts_of(&self.report);
        let mut unclear = std::mem::take(&mut self.unclear);
        unclear.resize(self.listed.len(), 0);
        let mut found = |word_index: usize, bits| {
            unclear[word_index] |= bits;
            found(word_index, bits);
        };
        match self.ambiguous {
            Ambiguous::Host => self.read_addr(net.addr(), owner, listed, &mut found),
            Ambiguous::Expand => self.read_block(net, owner, listed, &mut found),
            Ambiguous::Reject => self.report.unparseable += 1,
        }
        self.unclear = unclear;
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

    #[inline]
    fn read_addr(
        &mut self,
        addr: IpAddr,
        owner: Option<&str>,
        listed: Listed<'_>,
        found: &mut impl FnMut(usize, u64),
    ) {
        let Some(own) = self.geometry.in_family(addr) else {
            self.report.wrong_family += 1;
            return self.note(ProblemKind::WrongFamily, listed);
        };
        match self.geometry.place_of(own) {
            Place::Usable(slot) => {
                let (word_index, bit) = (word_of(slot), bit_of(slot));
                let was_listed = self.name_word(word_index, bit, owner, found) == 0;
                if was_listed {
                    self.name_again(slot, slot, owner, listed);
                }
            }
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
    fn name_word(
        &mut self,
        word_index: usize,
        bits: u64,
        owner: Option<&str>,
        found: &mut impl FnMut(usize, u64),
    ) -> u64 {
        let fresh = bits & !self.listed[word_index];
        if fresh != 0 {
            self.listed[word_index] |= fresh;
            if let Some(owner) = owner {
                self.owners
                    .insert(word_index, fresh, self.report.entries, owner);
            }
            found(word_index, fresh);
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
    fn contested(&self, first: Slot, last: Slot, owner: &str) -> Option<ProblemKind> {
        words_within(first, last)
            .flat_map(|word_index| slots_in(word_index, bits_within(word_index, first, last)))
            .find_map(|slot| {
                let (position, first_owner) = self.owners.of(slot)?;
                let is_earlier = position != self.report.entries && first_owner != owner;
                is_earlier.then(|| ProblemKind::Duplicate {
                    addr: self.geometry.addr_of(slot).into(),
                    owner: quoted(owner),
                    first_position: position,
                    first_owner: quoted(first_owner),
                })
            })
    }

    fn read_block(
        &mut self,
        net: IpNet,
        owner: Option<&str>,
        listed: Listed<'_>,
        found: &mut impl FnMut(usize, u64),
    ) {
        let geometry = self.geometry;
        let ends = geometry
            .in_family(net.network())
            .zip(geometry.in_family(net.broadcast()));
        let Some((first, last)) = ends else {
            self.report.wrong_family += 1;
            return self.note(ProblemKind::WrongFamily, listed);
        };
        let Some((first, last)) = geometry.slots_around(&(first..=last)) else {
            self.report.out_of_range += 1;
            return self.note(ProblemKind::OutOfRange, listed);
        };
        for run in geometry.reserved_within(first, last) {
            self.report.reserved += 1;
            self.note_reserved(run.first, listed);
        }
        for run in geometry.runs_within(first, last) {
            self.read_run(run.first, run.last, owner, listed, found);
        }
    }

    /// Consecutive slots of a block; those that were named before stay with their owner.
    fn read_run(
        &mut self,
        first: Slot,
        last: Slot,
        owner: Option<&str>,
        listed: Listed<'_>,
        found: &mut impl FnMut(usize, u64),
    ) {
        let mut fresh = 0;
        for word_index in words_within(first, last) {
            let bits = bits_within(word_index, first, last);
            fresh |= self.name_word(word_index, bits, owner, found);
        }
        if fresh == 0 {
            return self.name_again(first, last, owner, listed);
        }
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

/// Who named each slot first.
#[derive(Default)]
struct Owners {
    /// By word: the number of its page, from 1; 0 if it has none.
    pages_by_word: Vec<u32>,
    /// By slot of the word: the number of the claim, from 1; 0 if nobody with a name.
    pages: Vec<[u32; SLOTS_PER_WORD as usize]>,
    claims: Vec<Claim>,
    /// The names, one after another.
    names: String,
}

/// An entry that named slots first.
struct Claim {
    position: u64,
    /// Where its name ends, and the next one begins.
    name_end: u64,
}

impl Owners {
    fn insert(&mut self, word_index: usize, bits: u64, position: u64, owner: &str) {
        let claim = self.claim(position, owner);
        if self.pages_by_word.len() <= word_index {
            self.pages_by_word.resize(word_index + 1, 0);
        }
        let mut page = self.pages_by_word[word_index];
        if page == 0 {
            self.pages.push([0; SLOTS_PER_WORD as usize]);
            page = self.pages.len() as u32;
            self.pages_by_word[word_index] = page;
        }
        let page = &mut self.pages[page as usize - 1];
        let mut bits = bits;
        while bits != 0 {
            page[bits.trailing_zeros() as usize] = claim;
            bits &= bits - 1;
        }
    }

    /// The number of the claim of this entry: of the latest, if that is its.
    fn claim(&mut self, position: u64, owner: &str) -> u32 {
        if self
            .claims
            .last()
            .is_none_or(|latest| latest.position != position)
        {
            self.names.push_str(owner);
            self.claims.push(Claim {
                position,
                name_end: self.names.len() as u64,
            });
        }
        self.claims.len() as u32
    }

    /// The entry that named a slot first, and its owner, if it had one.
    fn of(&self, slot: Slot) -> Option<(u64, &str)> {
        let page = *self.pages_by_word.get(word_of(slot))?;
        let page = self.pages.get((page as usize).checked_sub(1)?)?;
        let claim = page[(slot % SLOTS_PER_WORD) as usize];
        let index = (claim as usize).checked_sub(1)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.claims[before].name_end,
            None => 0,
        };
        let claim = &self.claims[index];
        let name = &self.names[start as usize..claim.name_end as usize];
        Some((claim.position, name))
    }
}
