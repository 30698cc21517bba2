//! The first step of an allocation with the policies `Next` and `Random`: one word, before any search.
//!
//! Each claims the very slot that its search would find. On one thread, the answers are those of the search; on many,
//! it is one claim of the search, without the way to it.

use crate::network::Network;
use crate::policy::{FirstStep, Position, Random};
use crate::pool::Pool;
use crate::slot::Slot;

impl<N: Network> Pool<N> {
    // As in `allocate.rs`: what is called last saves no registers, and nothing is called before.

    /// Claims a slot for a policy that begins neither in a chunk nor near the thread.
    #[inline(never)]
    pub(super) fn claim_first_step(&self) -> Option<Slot> {
        match self.hints.first_step() {
            FirstStep::From(position) => self.claim_next(position),
            FirstStep::Draw(random) => self.claim_random(random),
            FirstStep::Search => self.claim_around(),
        }
    }

    /// Claims the first free slot of the position's word, from the position on.
    #[inline(never)]
    fn claim_next(&self, position: &Position) -> Option<Slot> {
        match self.bitmap().claim_next_in_word(position.get()) {
            Some(slot) => {
                position.move_behind(slot);
                Some(slot)
            }
            None => self.claim_anywhere(),
        }
    }

    /// Draws, and claims what was drawn.
    #[inline(never)]
    fn claim_random(&self, random: &Random) -> Option<Slot> {
        match random.try_take() {
            Some(number) => self.claim_drawn(random, number),
            None => self.claim_in_new_run(random),
        }
    }

    #[inline(never)]
    fn claim_in_new_run(&self, random: &Random) -> Option<Slot> {
        self.claim_drawn(random, random.take())
    }

    /// Claims the first slot of a draw, if it is free.
    #[inline(never)]
    fn claim_drawn(&self, random: &Random, number: u64) -> Option<Slot> {
        let drawn = random.draw_of(number).first(0, self.last_slot());
        match self.claim_if_free(drawn) {
            true => Some(drawn),
            false => self.claim_other(random, number),
        }
    }

    /// Claims the first other slot of a draw that is free, or else the next free one after the first.
    #[inline(never)]
    fn claim_other(&self, random: &Random, number: u64) -> Option<Slot> {
        let (draw, last_slot) = (random.draw_of(number), self.last_slot());
        let mut others = draw.others(0, last_slot);
        others
            .find(|&slot| self.claim_if_free(slot))
            .or_else(|| self.search_from(draw.first(0, last_slot)))
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
