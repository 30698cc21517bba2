//! Claims while a reconciliation pass is running: see the room `storage`, file `barrier`.
//!
//! The hot paths look at the gate twice and come here only if it is not quiet, or not the same. The other
//! verbs always go this way.

use super::Pool;
use crate::bitmap::{Bitmap, Gate, Touched, WordBits};
use crate::network::Network;
use crate::slot::{Slot, bit_of, word_of};
use crate::stats::Event;
use crate::storage::Claimed;

impl<N: Network> Pool<N> {
    /// Claims by `claim` until what it claimed may be answered.
    pub(super) fn claim_inside_barrier<'a, T: Claimed>(
        &'a self,
        mut claim: impl FnMut(Bitmap<'a, Option<Touched<'a>>>) -> Option<T>,
    ) -> Option<T> {
        if !self.words.enter() {
            return None;
        }
        loop {
            let before = self.words.gate();
            let claimed = claim(self.bitmap().marking(self.words.marks(before)))?;
            if self.words.may_answer(before, &claimed) {
                return Some(claimed);
            }
            self.count_given_up(&claimed);
        }
    }

    /// Counts as allocated what was claimed and must not be answered: a pass that frees it counts a release.
    pub(super) fn count_given_up(&self, claimed: &impl Claimed) {
        let mut slots = 0;
        claimed.for_each_word(&mut |_, bits| slots += u64::from(bits.count_ones()));
        self.counters.count(Event::Any, slots);
    }

    /// Claims by `claim` until it finds something or there is nothing, hidden by somebody's death or not.
    #[inline]
    pub(super) fn claim_or_scrub<T>(&self, mut claim: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            let claimed = claim();
            if claimed.is_some() || !self.turned_up() {
                return claimed;
            }
        }
    }

    /// Allocates by the policy while the gate is not quiet.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_beside_pass(&self, event: Event) -> Option<Slot> {
        let slot = self.claim_inside_barrier(|bitmap| self.search_in(bitmap))?;
        self.counted_past_gate(slot, event)
    }

    /// Answers a slot under whose claim the gate has changed, or another one.
    #[cold]
    #[inline(never)]
    pub(super) fn answer_beside_pass(
        &self,
        before: Gate,
        slot: Slot,
        event: Event,
    ) -> Option<Slot> {
        if self.words.may_answer(before, &slot) {
            self.counted_past_gate(slot, event)
        } else {
            self.count_given_up(&slot);
            self.allocate_beside_pass(event)
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn claim_exact_beside_pass(&self, slot: Slot, event: Event) -> bool {
        self.take_exact(slot) && self.counted_past_gate(slot, event).is_some()
    }

    /// Claims exactly this slot and tells nobody.
    pub(super) fn take_exact(&self, slot: Slot) -> bool {
        let claimed =
            |bitmap: Bitmap<'_, Option<Touched<'_>>>| bitmap.claim_exact(slot).then_some(slot);
        self.claim_inside_barrier(claimed).is_some()
    }

    /// The same for an exact one. If it may not be answered it stays taken, and "taken" is the answer: by
    /// nobody, until a pass finds it.
    #[cold]
    #[inline(never)]
    pub(super) fn answer_exact_beside_pass(&self, before: Gate, slot: Slot, event: Event) -> bool {
        if self.words.may_answer(before, &slot) {
            self.counted_past_gate(slot, event).is_some()
        } else {
            self.count_given_up(&slot);
            self.claim_exact_beside_pass(slot, event)
        }
    }

    /// Does what there is to do after a claim that has not looked whether the pool is poisoned; `None` if
    /// it had to be given back.
    pub(super) fn counted_past_gate(&self, slot: Slot, event: Event) -> Option<Slot> {
        if self.is_in_file() {
            self.ask_the_file(slot, event)
        } else {
            self.counted(slot, event)
        }
    }

    /// The slots of addresses that were just claimed, by words where they follow each other.
    pub(super) fn slots_of_addrs<'a>(&'a self, addrs: &'a [N::Addr]) -> impl Claimed + 'a {
        SlotsOfAddrs { pool: self, addrs }
    }
}

struct SlotsOfAddrs<'a, N: Network> {
    pool: &'a Pool<N>,
    addrs: &'a [N::Addr],
}

impl<N: Network> Claimed for SlotsOfAddrs<'_, N> {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        let geometry = &self.pool.geometry;
        let slots = self.addrs.iter().filter_map(|&addr| geometry.slot_of(addr));
        for (word_index, bits) in slots.map(|slot| -> WordBits { (word_of(slot), bit_of(slot)) }) {
            tell(word_index, bits);
        }
    }
}
