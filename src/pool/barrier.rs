//! The way from a claim to its answer: past the passes, and through the wait for the disk.
//!
//! Every verb that hands out addresses comes this way. A verb cannot reach what it has claimed but through
//! [`Pool::claim`] and [`Pool::answer`], or as [`Unanswered`], which asks once more when it is kept or given
//! back. So none can forget that a wait lies between the claim and the answer, and that passes go by
//! meanwhile. What the gate says is in the room `storage`, file `barrier`.
//!
//! The hot paths look at the gate twice by themselves, and come here only if it is not quiet, if it is not
//! the same, or if there is a sync to wait for.

use super::Pool;
use super::confirm::note;
use crate::bitmap::{Bitmap, Gate, Touched, WordBits};
use crate::error::Refusal;
use crate::network::Network;
use crate::slot::{Slot, bit_of, word_of};
use crate::stats::Event;
use crate::storage::Claimed;

/// What was claimed and has not been answered yet. Dropped, it stays taken, and is nobody's.
#[must_use = "it is still to be kept, or to be given back"]
pub(super) struct Unanswered<T> {
    /// The gate since which it is known to be the claimant's.
    since: Gate,
    claimed: T,
}

impl<T: Claimed> Unanswered<T> {
    /// How many slots it is.
    pub(super) fn count(&self) -> u64 {
        count_of(&self.claimed)
    }

    /// Takes it, for who has just asked.
    pub(super) fn asked(self) -> T {
        self.claimed
    }

    /// What it is, for who gives it back if it is not kept.
    pub(super) fn look(&self) -> &T {
        &self.claimed
    }
}

impl<N: Network> Pool<N> {
    /// Claims by `claim` until what it claimed may be answered; `None` if it found nothing.
    pub(super) fn claim<'a, T: Claimed>(
        &'a self,
        claim: impl FnMut(Bitmap<'a, Option<Touched<'a>>>) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let claimed = self.claim_durably(claim)?;
        // Nothing has been waited for since the last look.
        Ok(claimed.map(|of| of.claimed))
    }

    /// Claims by `claim` until what it claimed is as durable as the pool promises, for who has something else
    /// to wait for before it is answered.
    pub(super) fn claim_durably<'a, T: Claimed>(
        &'a self,
        mut claim: impl FnMut(Bitmap<'a, Option<Touched<'a>>>) -> Option<T>,
    ) -> Result<Option<Unanswered<T>>, Refusal> {
        while let Some(unanswered) = self.claim_unanswered(&mut claim) {
            let durable = self.confirmed(unanswered)?;
            if durable.is_some() {
                return Ok(durable);
            }
        }
        Ok(None)
    }

    /// Claims by `claim` until no pass has gone by, and waits for nothing. A fork finds nothing in a file.
    pub(super) fn claim_unanswered<'a, T: Claimed>(
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

    /// Answers what was claimed since `before`; `None` if it is not to be had any more.
    pub(super) fn answer<T: Claimed>(
        &self,
        before: Gate,
        claimed: T,
    ) -> Result<Option<T>, Refusal> {
        let unanswered = Unanswered {
            since: before,
            claimed,
        };
        match self.still_ours(unanswered) {
            Some(ours) => Ok(self.confirmed(ours)?.map(|of| of.claimed)),
            None => Ok(None),
        }
    }

    /// Waits until what was claimed is as durable as the pool promises; `None` if it is not to be had any
    /// more. If it cannot be made durable it is given back.
    fn confirmed<T: Claimed>(
        &self,
        unanswered: Unanswered<T>,
    ) -> Result<Option<Unanswered<T>>, Refusal> {
        if !self.is_in_file() {
            return Ok(Some(unanswered));
        }
        let confirmed = self.confirm();
        let ours = self.still_ours(unanswered);
        match confirmed {
            Ok(()) => Ok(ours),
            Err(refusal) => {
                if let Some(Unanswered { claimed, .. }) = ours {
                    self.give_claimed_back(&claimed);
                }
                Err(refusal)
            }
        }
    }

    /// Asks the gate, after whatever was waited for; `None` if it is not to be had any more.
    pub(super) fn still_ours<T: Claimed>(
        &self,
        unanswered: Unanswered<T>,
    ) -> Option<Unanswered<T>> {
        let Unanswered { since, claimed } = unanswered;
        match self.words.ours_since(since, &claimed) {
            Some(since) => Some(Unanswered { since, claimed }),
            None => {
                // As allocated: a pass that frees it counts a release.
                self.counters.count(Event::Any, count_of(&claimed));
                None
            }
        }
    }

    /// Answers what was waited for elsewhere; `None` if it is not to be had any more.
    pub(super) fn keep<T: Claimed>(&self, unanswered: Unanswered<T>) -> Option<T> {
        self.still_ours(unanswered).map(|of| of.claimed)
    }

    /// Gives back what is not wanted after all, if it is still ours to give.
    pub(super) fn return_unanswered<T: Claimed>(&self, unanswered: Unanswered<T>) {
        if let Some(claimed) = self.keep(unanswered) {
            self.give_claimed_back(&claimed);
        }
    }

    /// What else it has, a flight, lands when everything is free again.
    fn give_claimed_back(&self, claimed: &impl Claimed) {
        claimed.for_each_word(&mut |word_index, bits| self.give_back(word_index, bits));
        claimed.note_given_back();
    }

    /// Claims by `claim` until it finds something or there is nothing, hidden by somebody's death or not.
    #[inline]
    pub(super) fn claim_or_scrub<T>(&self, mut claim: impl FnMut() -> Option<T>) -> Option<T> {
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
    pub(super) fn allocate_beside_pass(&self, event: Event) -> Option<Slot> {
        let claimed = self.claim(|bitmap| self.search_in(bitmap));
        self.noted(claimed, event)
    }

    /// Answers a slot under whose claim the gate has changed, or that must be durable; or another one.
    #[cold]
    #[inline(never)]
    pub(super) fn answer_beside_pass(
        &self,
        before: Gate,
        slot: Slot,
        event: Event,
    ) -> Option<Slot> {
        match self.answer(before, slot) {
            Ok(None) => self.allocate_beside_pass(event),
            answered => self.noted(answered, event),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn claim_exact_beside_pass(&self, slot: Slot) -> bool {
        let claimed = self.claim(|bitmap| bitmap.claim_exact(slot).then_some(slot));
        self.noted(claimed, Event::Exact).is_some()
    }

    /// The same for an exact one. If it may not be answered it stays taken, and "taken" is the answer: by
    /// nobody, until a pass finds it.
    #[cold]
    #[inline(never)]
    pub(super) fn answer_exact_beside_pass(&self, before: Gate, slot: Slot) -> bool {
        match self.answer(before, slot) {
            Ok(None) => self.claim_exact_beside_pass(slot),
            answered => self.noted(answered, Event::Exact).is_some(),
        }
    }

    /// Takes note of an answer that travels as an option: see `refusal`.
    fn noted(&self, answered: Result<Option<Slot>, Refusal>, event: Event) -> Option<Slot> {
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

    /// The gate before a claim of several steps.
    pub(crate) fn gate(&self) -> Gate {
        self.words.gate()
    }

    /// Whether addresses that were claimed and answered since `before` are still ours, after something else
    /// has been waited for: if so, since which gate.
    pub(crate) fn ours_since(&self, before: Gate, addrs: &[N::Addr]) -> Option<Gate> {
        self.words.ours_since(before, &self.slots_of_addrs(addrs))
    }

    /// The slots of addresses that were just claimed, by words where they follow each other.
    pub(super) fn slots_of_addrs<'a>(&'a self, addrs: &'a [N::Addr]) -> impl Claimed + 'a {
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
