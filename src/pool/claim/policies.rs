//! The first step of an allocation with the policies `Next` and `Random`: one word, before any search.
//!
//! Each claims the very slot that its search would find. On one thread, the answers are those of the search; on many,
//! it is one claim of the search, without the way to it.

use crate::bitmap::Gate;
use crate::network::Network;
use crate::policy::{FirstStep, Position, Random};
use crate::pool::Pool;
use crate::slot::{MaybeSlot, Slot};
use crate::stats::Event;

impl<N: Network> Pool<N> {
    // Rungs of the ladder in `allocate.rs`: what is called last is a jump, and nothing is called before.

    /// Claims a slot for a policy that begins neither in a chunk nor in the word of the thread.
    #[inline(never)]
    pub(super) fn allocate_first_step(&self, event: Event, before: Gate) -> MaybeSlot {
        match self.hints.first_step() {
            FirstStep::From(position) => self.allocate_next(event, before, position),
            FirstStep::Draw(random) => self.allocate_random(event, before, random),
            FirstStep::Search => self.allocate_around(event, before),
        }
    }

    /// Claims the first free slot of the position's word, from the position on.
    #[inline(never)]
    fn allocate_next(&self, event: Event, before: Gate, position: &Position) -> MaybeSlot {
        match self.bitmap().claim_next_in_word(position.get()) {
            Some(slot) => {
                position.move_behind(slot);
                self.answer_claim(slot, before, event)
            }
            None => self.allocate_anywhere(event, before),
        }
    }

    /// Draws, and claims what was drawn.
    #[inline(never)]
    fn allocate_random(&self, event: Event, before: Gate, random: &Random) -> MaybeSlot {
        match random.try_take() {
            Some(number) => self.allocate_drawn(event, before, random, number),
            None => self.allocate_in_new_run(event, before, random),
        }
    }

    #[inline(never)]
    fn allocate_in_new_run(&self, event: Event, before: Gate, random: &Random) -> MaybeSlot {
        self.allocate_drawn(event, before, random, random.take())
    }

    /// Claims the first slot of a draw, if it is free.
    #[inline(never)]
    fn allocate_drawn(
        &self,
        event: Event,
        before: Gate,
        random: &Random,
        number: u64,
    ) -> MaybeSlot {
        let drawn = random.draw_of(number).first(0, self.last_slot());
        match self.claim_if_free(drawn) {
            true => self.answer_claim(drawn, before, event),
            false => self.allocate_other(random, number, before, event),
        }
    }

    /// Claims the first other slot of a draw that is free, or else the next free one after the first.
    #[inline(never)]
    fn allocate_other(
        &self,
        random: &Random,
        number: u64,
        before: Gate,
        event: Event,
    ) -> MaybeSlot {
        let (draw, last_slot) = (random.draw_of(number), self.last_slot());
        let mut others = draw.others(0, last_slot);
        let found = others
            .find(|&slot| self.claim_if_free(slot))
            .or_else(|| self.search_from(draw.first(0, last_slot)));
        match found {
            Some(slot) => self.answer_claim(slot, before, event),
            None => MaybeSlot::NONE,
        }
    }

    /// Claims a slot unless it is taken. A taken one is only read, so that its line stays shared.
    #[inline]
    fn claim_if_free(&self, slot: Slot) -> bool {
        let bitmap = self.bitmap();
        bitmap.is_free(slot) && bitmap.try_claim_exact(slot)
    }

    /// Claims the first free slot from this one on, or else from the beginning. Without another draw: each call draws
    /// once, also a refused one.
    #[inline(never)]
    fn search_from(&self, start: Slot) -> Option<Slot> {
        if !self.words.enter_to_search() {
            return None;
        }
        let found = self.claim_or_scrub(|| self.bitmap().claim_from(start));
        if found.is_none() {
            self.count_exhausted();
        }
        found
    }
}
