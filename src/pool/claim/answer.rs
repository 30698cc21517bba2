//! The way from a claim to its result: past the passes, and through the wait for the disk.
//!
//! Every method that hands out addresses goes this way. It can reach what it has claimed only through [`Pool::claim`]
//! and [`Pool::answer`], or as an [`Unanswered`], which checks the gate once more when it is kept or given back. So no
//! method can forget that a wait lies between the claim and the result, and that passes may run meanwhile. The meaning
//! of the gate is in `storage/barrier`.
//!
//! The hot paths read the gate twice themselves, and call this module only if it is not quiet, if it has changed, or if
//! there is a sync to wait for.

use super::in_file::note;
use crate::bitmap::{Bitmap, Gate, Touched, WordBits};
use crate::file_refusal::FileRefusal;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::{MaybeSlot, Slot, bit_of, word_of};
use crate::stats::Event;
use crate::storage::Claimed;

/// Claimed slots that have not been returned to the caller yet. If it is dropped, they stay taken without a holder.
#[must_use = "it is still to be kept, or to be given back"]
pub(in crate::pool) struct Unanswered<T> {
    /// The state of the gate since which the slots are known to be ours.
    since: Gate,
    claimed: T,
}

impl<T: Claimed> Unanswered<T> {
    /// Returns how many slots it contains.
    pub(in crate::pool) fn count(&self) -> u64 {
        count_of(&self.claimed)
    }

    /// Returns the slots, for a caller that has just checked them.
    pub(in crate::pool) fn asked(self) -> T {
        self.claimed
    }

    /// Returns the slots, for a caller that gives them back if it cannot keep them.
    pub(in crate::pool) fn look(&self) -> &T {
        &self.claimed
    }
}

impl<N: Network> Pool<N> {
    /// Calls `claim` until the claimed slots may be returned; returns `None` if it found nothing.
    pub(in crate::pool) fn claim<'a, T: Claimed>(
        &'a self,
        claim: impl FnMut(Bitmap<'a, Option<Touched<'a>>>) -> Option<T>,
    ) -> Result<Option<T>, FileRefusal> {
        let claimed = self.claim_durably(claim)?;
        // There was no wait since the last look.
        Ok(claimed.map(|of| of.claimed))
    }

    /// Calls `claim` until the claimed slots are as durable as the pool promises, for a caller that has to wait for
    /// something else before it returns them.
    pub(in crate::pool) fn claim_durably<'a, T: Claimed>(
        &'a self,
        mut claim: impl FnMut(Bitmap<'a, Option<Touched<'a>>>) -> Option<T>,
    ) -> Result<Option<Unanswered<T>>, FileRefusal> {
        while let Some(unanswered) = self.claim_unanswered(&mut claim) {
            let durable = self.once_durable(unanswered)?;
            if durable.is_some() {
                return Ok(durable);
            }
        }
        Ok(None)
    }

    /// Calls `claim` until no pass has run during it, without waiting. A forked process finds nothing in a pool file.
    pub(in crate::pool) fn claim_unanswered<'a, T: Claimed>(
        &'a self,
        mut claim: impl FnMut(Bitmap<'a, Option<Touched<'a>>>) -> Option<T>,
    ) -> Option<Unanswered<T>> {
        if !self.words.enter() {
            return None;
        }
        loop {
            let before = self.words.gate();
            let claimed = claim(self.bitmap().marking(self.words.marks(before)))?;
            let unanswered = self.still_ours(Unanswered {
                since: before,
                claimed,
            });
            if unanswered.is_some() {
                return unanswered;
            }
        }
    }

    /// Returns what was claimed since `before`; `None` if it is no longer ours.
    pub(in crate::pool) fn answer<T: Claimed>(
        &self,
        before: Gate,
        claimed: T,
    ) -> Result<Option<T>, FileRefusal> {
        let unanswered = Unanswered {
            since: before,
            claimed,
        };
        match self.still_ours(unanswered) {
            Some(ours) => Ok(self.once_durable(ours)?.map(|of| of.claimed)),
            None => Ok(None),
        }
    }

    /// Waits until the claimed slots are as durable as the pool promises; returns `None` if they are no longer ours. If
    /// they cannot be made durable, they are given back.
    fn once_durable<T: Claimed>(
        &self,
        unanswered: Unanswered<T>,
    ) -> Result<Option<Unanswered<T>>, FileRefusal> {
        if !self.is_in_file() {
            return Ok(Some(unanswered));
        }
        let waited = self.wait_until_durable();
        let ours = self.still_ours(unanswered);
        match waited {
            Ok(()) => Ok(ours),
            Err(refusal) => {
                if let Some(Unanswered { claimed, .. }) = ours {
                    self.give_claimed_back(&claimed);
                }
                Err(refusal)
            }
        }
    }

    /// Checks the gate, after any wait; returns `None` if the slots are no longer ours.
    pub(in crate::pool) fn still_ours<T: Claimed>(
        &self,
        unanswered: Unanswered<T>,
    ) -> Option<Unanswered<T>> {
        let Unanswered { since, claimed } = unanswered;
        match self.words.ours_since(since, &claimed) {
            Some(since) => Some(Unanswered { since, claimed }),
            None => {
                // Counted as allocated, because the pass that frees it counts a release.
                self.counters.count(Event::Any, count_of(&claimed));
                None
            }
        }
    }

    /// Returns what was waited for elsewhere; `None` if it is no longer ours.
    pub(in crate::pool) fn keep<T: Claimed>(&self, unanswered: Unanswered<T>) -> Option<T> {
        self.still_ours(unanswered).map(|of| of.claimed)
    }

    /// Gives back what is not wanted, if it is still ours.
    pub(in crate::pool) fn return_unanswered<T: Claimed>(&self, unanswered: Unanswered<T>) {
        if let Some(claimed) = self.keep(unanswered) {
            self.give_claimed_back(&claimed);
        }
    }

    /// Anything else in it, such as a flight, ends after everything is free again.
    fn give_claimed_back(&self, claimed: &impl Claimed) {
        claimed.for_each_word(&mut |word_index, bits| self.give_back(word_index, bits));
        claimed.note_given_back();
    }

    /// Calls `claim` until it finds something, or until nothing is free, not even slots that a dead process has hidden.
    #[inline]
    pub(in crate::pool) fn claim_or_scrub<T>(
        &self,
        mut claim: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        loop {
            let claimed = claim();
            if claimed.is_some() || !self.scrub_found_something() {
                return claimed;
            }
        }
    }

    /// Allocates by the policy while the gate is not quiet.
    #[cold]
    #[inline(never)]
    pub(in crate::pool) fn allocate_beside_pass(&self, event: Event) -> MaybeSlot {
        let claimed = self.claim(|bitmap| self.search_in(bitmap));
        self.noted(claimed, event).into()
    }

    /// Returns a slot during whose claim the gate has changed, or that must become durable; or another slot.
    #[cold]
    #[inline(never)]
    pub(in crate::pool) fn answer_beside_pass(
        &self,
        before: Gate,
        slot: Slot,
        event: Event,
    ) -> MaybeSlot {
        match self.answer(before, slot) {
            Ok(None) => self.allocate_beside_pass(event),
            answered => self.noted(answered, event).into(),
        }
    }

    #[cold]
    #[inline(never)]
    pub(in crate::pool) fn claim_exact_beside_pass(&self, slot: Slot) -> bool {
        let claimed = self.claim(|bitmap| bitmap.claim_exact(slot).then_some(slot));
        self.noted(claimed, Event::Exact).is_some()
    }

    /// Does the same for an exact slot. If it may not be returned, it stays taken without a holder until a pass finds
    /// it, and the result is "taken".
    #[cold]
    #[inline(never)]
    pub(in crate::pool) fn answer_exact_beside_pass(&self, before: Gate, slot: Slot) -> bool {
        match self.answer(before, slot) {
            Ok(None) => self.claim_exact_beside_pass(slot),
            answered => self.noted(answered, Event::Exact).is_some(),
        }
    }

    /// Records the reason of a refusal whose result is an option; see `refusal`.
    fn noted(&self, answered: Result<Option<Slot>, FileRefusal>, event: Event) -> Option<Slot> {
        match answered {
            Ok(found) => {
                if found.is_some() {
                    self.counters.allocated(event, 1);
                }
                found
            }
            Err(refusal) => {
                note(refusal);
                None
            }
        }
    }

    /// Returns the gate before a claim of several steps.
    pub(crate) fn gate(&self) -> Gate {
        self.words.gate()
    }

    /// Returns whether addresses that were claimed since `before` are still ours after another wait, and if so, since
    /// which state of the gate.
    pub(crate) fn ours_since(&self, before: Gate, addrs: &[N::Addr]) -> Option<Gate> {
        self.words.ours_since(before, &self.slots_of_addrs(addrs))
    }

    /// Returns the slots of addresses that were just claimed, by words where they are adjacent.
    pub(in crate::pool) fn slots_of_addrs<'a>(&'a self, addrs: &'a [N::Addr]) -> impl Claimed + 'a {
        SlotsOfAddrs { pool: self, addrs }
    }
}

fn count_of(claimed: &impl Claimed) -> u64 {
    let mut slots = 0;
    claimed.for_each_word(&mut |_, bits| slots += u64::from(bits.count_ones()));
    slots
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
