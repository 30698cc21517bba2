//! Reading a user list: which slots it names, and what is odd about its entries.
//!
//! Which slots are listed is one bit each. Who named them is kept only where the list has owners.

use crate::bitmap::WordBits;
use crate::geometry::{Geometry, Place};
use crate::network::Network;
use crate::slot::{
    SLOTS_PER_WORD, Slot, bit_of, bits_within, slot_at, slots_in, word_of, words_within,
};
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

    /// What became of the entries, and a bit for each slot that is listed, by words.
    #[allow(dead_code)] // Where there are no pool files, nobody asks.
    pub(super) fn into_words(self) -> (Adopted, Vec<u64>) {
        (self.report, self.listed)
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
        let fresh = bits & !self.listed[word_index];
        if fresh != 0 {
            self.listed[word_index] |= fresh;
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
        self.owners.build_index();
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

/// Who named each slot first.
///
/// Most lists name no address twice, and nobody is looked up: so the claims are kept in the order of the list,
/// and by slot only from the first one on that somebody asks for.
#[derive(Default)]
struct Owners {
    claims: Vec<Claim>,
    /// Of claims of several slots: the words, with the number of the claim. Empty once there is an index.
    blocks: Vec<(WordBits, u32)>,
    index: Option<Index>,
    /// The names, one after another.
    names: String,
}

/// The claims by slot.
#[derive(Default)]
struct Index {
    /// By word: the number of its page, from 1; 0 if it has none.
    pages_by_word: Vec<u32>,
    /// By slot of the word: the number of the claim, from 1; 0 if nobody with a name.
    pages: Vec<[u32; SLOTS_PER_WORD as usize]>,
}

/// An entry that named slots first. Packed: a list of millions has millions of them.
struct Claim {
    /// The lowest of the slots.
    slot: Slot,
    position_low: u32,
    /// The high bits of the position, and where its name ends and the next one begins.
    position_high_and_name_end: u64,
}

impl Claim {
    /// Up to a tebibyte of names, and 2^56 entries.
    const NAME_END_BITS: u32 = 40;

    fn new(slot: Slot, position: u64, name_end: u64) -> Self {
        Self {
            slot,
            position_low: position as u32,
            position_high_and_name_end: position >> 32 << Self::NAME_END_BITS | name_end,
        }
    }

    fn position(&self) -> u64 {
        let high = self.position_high_and_name_end >> Self::NAME_END_BITS;
        high << 32 | u64::from(self.position_low)
    }

    fn name_end(&self) -> usize {
        (self.position_high_and_name_end & ((1 << Self::NAME_END_BITS) - 1)) as usize
    }
}

impl Index {
    fn insert(&mut self, (word_index, mut bits): WordBits, claim: u32) {
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
        while bits != 0 {
            page[bits.trailing_zeros() as usize] = claim;
            bits &= bits - 1;
        }
    }

    fn claim_of(&self, slot: Slot) -> Option<u32> {
        let page = *self.pages_by_word.get(word_of(slot))?;
        let page = self.pages.get((page as usize).checked_sub(1)?)?;
        Some(page[(slot % SLOTS_PER_WORD) as usize])
    }
}

impl Owners {
    /// Slots of a word that nobody has named before.
    fn insert(&mut self, (word_index, bits): WordBits, position: u64, owner: &str) {
        let slot = slot_at(word_index, bits.trailing_zeros());
        let goes_on = self
            .claims
            .last()
            .is_some_and(|it| it.position() == position);
        if !goes_on {
            self.names.push_str(owner);
            self.claims
                .push(Claim::new(slot, position, self.names.len() as u64));
        }
        let claim = self.claims.len() as u32;
        if let Some(index) = &mut self.index {
            index.insert((word_index, bits), claim);
        } else if goes_on || !bits.is_power_of_two() {
            self.blocks.push(((word_index, bits), claim));
        }
    }

    fn build_index(&mut self) {
        if self.index.is_some() {
            return;
        }
        let mut index = Index::default();
        for (claim, number) in self.claims.iter().zip(1..) {
            index.insert((word_of(claim.slot), bit_of(claim.slot)), number);
        }
        for (words, number) in std::mem::take(&mut self.blocks) {
            index.insert(words, number);
        }
        self.index = Some(index);
    }

    /// The entry that named a slot first, and its owner, if it had one. Of the index alone.
    fn of(&self, slot: Slot) -> Option<(u64, &str)> {
        let claim = self.index.as_ref()?.claim_of(slot)?;
        let index = (claim as usize).checked_sub(1)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.claims[before].name_end(),
            None => 0,
        };
        let claim = &self.claims[index];
        Some((claim.position(), &self.names[start..claim.name_end()]))
    }
}
