//! Operations on a pool that only lease pools need: there, a free bit is a token, and the record of the slot decides.

use super::Pool;
use super::member::Part;
use crate::error::ReleaseError;
use crate::file_refusal::FileRefusal;
use crate::geometry::Geometry;
use crate::network::Network;
use crate::slot::{MaybeSlot, Slot, slots_in};
use crate::stats::Event;
use crate::storage::Attached;

impl<N: Network> Pool<N> {
    /// Claims a token, chosen by the policy; none if at some instant of the call there was none.
    #[inline(always)]
    pub(crate) fn claim_token(&self) -> MaybeSlot {
        self.allocate_slot(Event::Any)
    }

    /// Claims the token of this slot, if it has one.
    #[inline]
    pub(crate) fn claim_token_of(&self, slot: Slot) -> bool {
        self.claim_exact(slot)
    }

    /// Claims a token of a part; `Ok(None)` if at some instant of the call there was none.
    pub(crate) fn claim_token_in(&self, part: Part) -> Result<Option<Slot>, FileRefusal> {
        self.claim_in(&self.hints, part)
    }

    /// Claims a token of this word, preferably from this bit on; `Ok(None)` proves nothing.
    pub(crate) fn claim_token_near(
        &self,
        word_index: usize,
        start_bit: u32,
    ) -> Result<Option<Slot>, FileRefusal> {
        self.claim(|bitmap| bitmap.try_claim_near(word_index, start_bit))
    }

    /// Gives a slot its token. If it has one already, nothing changes.
    #[inline(always)]
    pub(crate) fn give_token(&self, slot: Slot) {
        match self.free(slot) {
            super::Left::Nothing => {}
            left => self.finish_token(slot, left),
        }
    }

    #[cold]
    #[inline(never)]
    fn finish_token(&self, slot: Slot, left: super::Left) {
        let addr = self.geometry.addr_of(slot);
        let _had_one: Result<(), ReleaseError> = self.finish_release(addr, slot, left);
    }

    /// Gives tokens to those of these slots of one word that have none. A slot that a live claimer is about to take gets
    /// one too many. Returns how many there were.
    #[cold]
    pub(crate) fn give_missing_tokens(&self, word_index: usize, slots: u64) -> u64 {
        let missing = slots & !self.bitmap().free_in(word_index);
        for slot in slots_in(word_index, missing) {
            self.give_token(slot);
        }
        missing.count_ones().into()
    }

    /// Returns the file that the tokens are in.
    #[inline]
    pub(crate) fn lease_file(&self) -> Option<&Attached> {
        self.words.file()
    }

    pub(crate) fn geometry(&self) -> &Geometry<N> {
        &self.geometry
    }
}
