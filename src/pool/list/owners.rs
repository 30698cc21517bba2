//! The owner that listed each slot first.
//!
//! Most lists contain no address twice, so no owner is ever looked up. Therefore the data is compact and in list order:
//! a new page of memory costs more than everything that is written to it. An index by slot is built only when an owner
//! is first looked up.

use crate::bitmap::WordBits;
use crate::slot::{SLOTS_PER_WORD, Slot, bit_of, slot_at, word_of};

/// The number of claims in a run. A lookup skips at most one less.
const CLAIMS_PER_RUN: usize = 16;

/// The claims: entries with an owner that were the first to list a slot.
#[derive(Default)]
pub(in crate::pool) struct Owners {
    claims: Claims,
    /// The words of claims with several slots, with the number of the claim. Empty once there is an index.
    blocks: Vec<(WordBits, u32)>,
    index: Option<Index>,
}

/// The claims, with an index by slot.
pub(in crate::pool) struct OwnersBySlot<'a> {
    claims: &'a Claims,
    index: &'a Index,
}

impl Owners {
    /// Adds slots of a word that were not listed before.
    pub(in crate::pool) fn insert(
        &mut self,
        (word_index, bits): WordBits,
        position: u64,
        owner: &str,
    ) {
        let goes_on = self.claims.last_position == position;
        if !goes_on {
            let slot = slot_at(word_index, bits.trailing_zeros());
            self.claims.push(slot, position, owner.as_bytes());
        }
        if self.index.is_some() || goes_on || !bits.is_power_of_two() {
            self.insert_words((word_index, bits));
        }
    }

    #[cold]
    fn insert_words(&mut self, words: WordBits) {
        let claim = self.claims.count as u32;
        match &mut self.index {
            Some(index) => index.insert(words, claim),
            None => self.blocks.push((words, claim)),
        }
    }

    /// Returns the claims with an index by slot.
    pub(in crate::pool) fn by_slot(&mut self) -> OwnersBySlot<'_> {
        let (claims, blocks) = (&self.claims, &mut self.blocks);
        let index = self
            .index
            .get_or_insert_with(|| Index::new(claims, std::mem::take(blocks)));
        OwnersBySlot { claims, index }
    }
}

impl OwnersBySlot<'_> {
    /// Returns the position of the entry that listed a slot first, and its owner, if it had one.
    pub(in crate::pool) fn of(&self, slot: Slot) -> Option<(u64, &[u8])> {
        let claim = self.claims.get(self.index.claim_of(slot)?)?;
        Some((claim.position, claim.owner))
    }
}

/// Claims in list order, numbered from 1.
///
/// Each claim is its lowest slot (4 bytes), the length of the name (1 byte if it is below 64), and the name. The
/// position follows from the previous claim; if entries without a claim lie between them, their number is stored, too.
#[derive(Default)]
struct Claims {
    bytes: Vec<u8>,
    count: usize,
    /// The position of the latest claim.
    last_position: u64,
    /// The start of each run, before its first claim.
    runs: Vec<Start>,
}

/// Where a claim begins, and the position of the previous one.
#[derive(Clone, Copy)]
struct Start {
    offset: usize,
    last_position: u64,
}

/// A decoded claim.
struct Claim<'a> {
    slot: Slot,
    position: u64,
    owner: &'a [u8],
}

impl Claims {
    #[inline]
    fn push(&mut self, slot: Slot, position: u64, owner: &[u8]) {
        if self.count.is_multiple_of(CLAIMS_PER_RUN) {
            self.runs.push(Start {
                offset: self.bytes.len(),
                last_position: self.last_position,
            });
        }
        let skipped = position - self.last_position - 1;
        if skipped == 0 && owner.len() < 64 {
            let [a, b, c, d] = slot.to_le_bytes();
            self.bytes
                .extend_from_slice(&[a, b, c, d, (owner.len() << 1) as u8]);
        } else {
            self.push_head(slot, skipped, owner.len());
        }
        self.bytes.extend_from_slice(owner);
        self.count += 1;
        self.last_position = position;
    }

    #[inline(never)]
    fn push_head(&mut self, slot: Slot, skipped: u64, len: usize) {
        self.bytes.extend_from_slice(&slot.to_le_bytes());
        push_number(&mut self.bytes, (len as u64) << 1 | u64::from(skipped != 0));
        if skipped != 0 {
            push_number(&mut self.bytes, skipped);
        }
    }

    /// Returns the claims from a start on.
    fn from(&self, start: Start) -> impl Iterator<Item = Claim<'_>> {
        let mut rest = self.bytes.get(start.offset..).unwrap_or_default();
        let mut last_position = start.last_position;
        std::iter::from_fn(move || {
            let slot = Slot::from_le_bytes(*rest.split_off(..4)?.first_chunk()?);
            let head = take_number(&mut rest)?;
            let skipped = match head & 1 {
                0 => 0,
                _ => take_number(&mut rest)?,
            };
            last_position += skipped + 1;
            Some(Claim {
                slot,
                position: last_position,
                owner: rest.split_off(..(head >> 1) as usize)?,
            })
        })
    }

    fn all(&self) -> impl Iterator<Item = Claim<'_>> {
        self.runs
            .first()
            .into_iter()
            .flat_map(|&run| self.from(run))
    }

    fn get(&self, number: u32) -> Option<Claim<'_>> {
        let index = (number as usize).checked_sub(1)?;
        let run = *self.runs.get(index / CLAIMS_PER_RUN)?;
        self.from(run).nth(index % CLAIMS_PER_RUN)
    }
}

/// Encodes a number in as few bytes as possible, seven bits each, the low ones first.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

/// An index of the claims by slot.
#[derive(Default)]
struct Index {
    /// The page of each word, counted from 1; 0 if it has none.
    pages_by_word: Vec<u32>,
    /// The claim of each slot of a word; 0 if no owner listed it.
    pages: Vec<[u32; SLOTS_PER_WORD as usize]>,
}

impl Index {
    fn new(claims: &Claims, blocks: Vec<(WordBits, u32)>) -> Self {
        let mut index = Self::default();
        for (claim, number) in claims.all().zip(1..) {
            index.insert((word_of(claim.slot), bit_of(claim.slot)), number);
        }
        for (words, number) in blocks {
            index.insert(words, number);
        }
        index
    }

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
