//! The records of a pool: one for each slot, changed by exchanges of whole words.
//!
//! Only an exchange that raises the generation makes an owner, and it needs a word that says Free, or the last owner's
//! own Cooling. This holds whatever the bits of the pool say; see the design page.

use super::time::Tick;
use super::word::{State, Word};
use crate::client::Client;
use crate::slot::Slot;
use crate::storage::records::{LentRecords, Record};
use crate::sync::Ordering;
use crate::sync::hint;

pub(super) struct Records {
    records: LentRecords,
    /// The lowest generation of a new holder. In a file, those below may have been offered, and lost with the machine.
    floor: u32,
    /// The highest generation that may be offered; see `LeasePool::may_offer`.
    limit: hint::AtomicU64,
}

/// A number for an owner. It finds leases, and never decides who may release one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(pub(super) u64);

impl Tag {
    pub(super) fn of(owner: Client) -> Self {
        Self(owner.number())
    }

    /// Returns what is stored for a holding: no value comes back in a later generation. So a thread that stalled between
    /// its take and its tag cannot overwrite the tag of a later holder: what it expects to find is gone.
    fn bits_in(self, generation: u32) -> u64 {
        self.0 ^ mixed(generation)
    }

    fn of_bits(bits: u64, generation: u32) -> Self {
        Self(bits ^ mixed(generation))
    }
}

/// Spreads a generation over 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014), a bijection.
fn mixed(generation: u32) -> u64 {
    let mut bits = u64::from(generation).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Record {
    #[inline(always)]
    pub(super) fn load(&self) -> Word {
        // Acquire: with the exchange that wrote the word. What its holder did before it let go of the address happens
        // before what we do with it; and a tag that was written before the word is found.
        Word(self.word.load(Ordering::Acquire))
    }

    /// Replaces the word, if it still is as it was read. Fails with the word that is there.
    #[inline(always)]
    pub(super) fn exchange(&self, old: Word, new: Word) -> Result<(), Word> {
        // AcqRel: Acquire as in `load`, for the holder that is made here; Release for the thread that reads the word next:
        // what a holder did with the address happens before the next one has it. Acquire on failure: as in `load`.
        let outcome = self
            .word
            .compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire);
        outcome.map(|_| ()).map_err(Word)
    }
}

impl Records {
    /// Creates the records of a pool on the heap: free in the ascending `free` ranges, and void elsewhere.
    pub(super) fn on_heap(slot_count: u64, free: impl Iterator<Item = (Slot, Slot)>) -> Self {
        let last = u64::from(u32::MAX);
        Self::new(LentRecords::on_heap(slot_count, free), 0, last)
    }

    pub(super) fn new(records: LentRecords, floor: u32, limit: u64) -> Self {
        Self {
            records,
            floor,
            limit: hint::AtomicU64::new(limit),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the memory on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        match self.records.is_on_heap() {
            true => size_of_val(&*self.records),
            false => 0,
        }
    }

    /// Returns whether a generation is known to be within the limit.
    #[inline]
    pub(super) fn is_within_limit(&self, generation: u32) -> bool {
        // Relaxed: it only ever grows, and what it says is durable was so before it was raised.
        u64::from(generation) <= self.limit.load(Ordering::Relaxed)
    }

    pub(super) fn raise_limit(&self, limit: u64) {
        // Relaxed: as above.
        self.limit.fetch_max(limit, Ordering::Relaxed);
    }

    /// Returns the record of a slot that exists. `None` for others, and no panic, because that takes a stack frame.
    #[inline(always)]
    pub(super) fn of(&self, slot: Slot) -> Option<&Record> {
        self.records.get(slot as usize)
    }

    #[inline]
    pub(super) fn load(&self, slot: Slot) -> Word {
        self.of(slot).map_or(Word::VOID, Record::load)
    }

    /// Returns the words of slots of which a sweep or a count only wants to know the state.
    #[inline]
    pub(super) fn glance(&self, slot: Slot) -> Word {
        // Relaxed: nothing is done with it that an exchange from this very word does not check.
        let word = |record: &Record| Word(record.word.load(Ordering::Relaxed));
        self.of(slot).map_or(Word::VOID, word)
    }

    /// As [`Record::exchange`].
    pub(super) fn exchange(&self, slot: Slot, old: Word, new: Word) -> Result<(), Word> {
        let record = self.of(slot).ok_or(Word::VOID)?;
        record.exchange(old, new)
    }

    /// Returns the word of the next holder.
    #[inline(always)]
    pub(super) fn raised(&self, word: Word, state: State, until: Tick) -> Word {
        word.raised(state, until, self.floor)
    }

    /// Makes a holder of a slot whose token the caller has claimed. Returns its word; `None` if the slot is not free,
    /// and then the token was one too many. `may_offer` is asked for the generation first.
    #[inline(always)]
    pub(super) fn take(
        &self,
        slot: Slot,
        state: State,
        until: Tick,
        may_offer: impl Fn(u32) -> bool,
    ) -> Option<Word> {
        let record = self.of(slot)?;
        let mut word = record.load();
        loop {
            if word.state() != State::Free {
                return None;
            }
            let held = self.raised(word, state, until);
            if !may_offer(held.generation()) {
                return None;
            }
            match record.exchange(word, held) {
                Ok(()) => return Some(held),
                Err(other) => word = other,
            }
        }
    }

    /// Makes an owner of a slot that the owner may take: it is free and the caller has claimed its token, or it rests
    /// after this very owner. `word` is what the caller has read. Returns the word of the holding; `None` if the slot was
    /// taken, or ended, by another thread.
    pub(super) fn take_for(&self, slot: Slot, word: Word, until: Tick, tag: Tag) -> Option<Word> {
        // Before the take: if another thread has taken the slot since, it finds what we have written, or we fail.
        let before = self.owner_bits(slot);
        let held = self.raised(word, State::Offered, until).tagged(true);
        self.exchange(slot, word, held).ok()?;
        self.write_tag(slot, held.generation(), before, tag);
        Some(held)
    }

    fn owner_bits(&self, slot: Slot) -> u64 {
        // Acquire: with the exchange in `write_tag`. If we find the tag of a later holder, we also find its generation.
        let bits = |record: &Record| record.owner.load(Ordering::Acquire);
        self.of(slot).map_or(0, bits)
    }

    fn write_tag(&self, slot: Slot, generation: u32, before: u64, tag: Tag) {
        let Some(record) = self.of(slot) else { return };
        let bits = tag.bits_in(generation);
        let mut expected = before;
        loop {
            // AcqRel: Release, so that a thread that overwrites it later has seen our take; Acquire as in `owner_bits`.
            let outcome =
                record
                    .owner
                    .compare_exchange(expected, bits, Ordering::AcqRel, Ordering::Acquire);
            let Err(other) = outcome else { return };
            // A thread that stalled after an earlier take has overwritten it, or a later holder has.
            if self.load(slot).generation() != generation {
                return;
            }
            expected = other;
        }
    }

    /// Returns whether the holding that `word` describes is this owner's: the word was read before. It may be missed as
    /// long as the allocation has not returned, but that of another owner is never taken for it.
    #[inline]
    pub(super) fn is_of(&self, slot: Slot, word: Word, tag: Tag) -> bool {
        word.is_tagged() && self.owner_bits(slot) == tag.bits_in(word.generation())
    }

    /// Returns the tag of the holding that `word` describes, if it has one. Only as a place to look: the tag may be that of a
    /// later holder.
    #[cfg(pool_files)]
    pub(super) fn tag_of(&self, slot: Slot, word: Word) -> Option<Tag> {
        let bits = self.owner_bits(slot);
        word.is_tagged()
            .then(|| Tag::of_bits(bits, word.generation()))
    }

    /// Returns the owner of a lease that was confirmed; `None` if it has none.
    pub(super) fn owner_of(&self, slot: Slot, word: Word) -> Option<Client> {
        let is_written = matches!(word.state(), State::Leased | State::Cooling);
        if !word.is_tagged() || !is_written {
            return None;
        }
        let bits = self.owner_bits(slot);
        // Read again: if the slot has been taken since, the tag may be that of the next owner.
        let is_same = self.load(slot).generation() == word.generation();
        let tag = Tag::of_bits(bits, word.generation());
        is_same.then(|| Client::from_hash(tag.0))
    }
}
