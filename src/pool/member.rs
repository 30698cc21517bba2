//! Operations on a pool that only sets need.

use super::Pool;
use super::claim::answer::Unanswered;
use crate::bitmap::{Bitmap, Evidence, Flight, Mark, Way};
use crate::client::Client;
use crate::error::{AllocateError, AllocateExactError};
use crate::geometry::Place;
use crate::network::Network;
use crate::policy::Hints;
use crate::slot::Slot;
use crate::stats::Event;
use ipnet::IpNet;
use std::ops::RangeInclusive;

/// The first and the last slot of a part of a pool.
pub(crate) type Part = (Slot, Slot);

/// One half of a pair: an address that is given back unless it is kept. Refusals of other threads wait for it.
pub(crate) struct PairHalf<'a, N: Network> {
    pool: &'a Pool<N>,
    event: Event,
    slot: Slot,
    /// `None` once it is kept. The flight ends when the address is free again, or kept.
    unanswered: Option<Unanswered<(Flight<'a>, Slot)>>,
}

impl<N: Network> PairHalf<'_, N> {
    /// Returns the address.
    pub(crate) fn addr(&self) -> N::Addr {
        self.pool.geometry.addr_of(self.slot)
    }

    /// Keeps the address; returns `None` if a pass has freed it while the other half was waited for.
    pub(crate) fn keep(mut self) -> Option<N::Addr> {
        let (_, slot) = self.pool.keep(self.unanswered.take()?)?;
        self.pool.counters.allocated(self.event, 1);
        Some(self.pool.geometry.addr_of(slot))
    }
}

impl<N: Network> Drop for PairHalf<'_, N> {
    fn drop(&mut self) {
        if let Some(unanswered) = self.unanswered.take() {
            self.pool.return_unanswered(unanswered);
        }
    }
}

impl<N: Network> Pool<N> {
    /// Claims from the first of these parts that has a free slot, chosen by the policy. `Ok(None)` proves nothing.
    pub(crate) fn try_allocate_in(
        &self,
        parts: &[Part],
        event: Event,
    ) -> Result<Option<N::Addr>, AllocateError> {
        let found = self.claim(|bitmap| self.find_in(bitmap, parts))?;
        if let Some(slot) = found {
            self.hints.found(slot);
        }
        Ok(self.answered(found, event))
    }

    fn answered(&self, found: Option<Slot>, event: Event) -> Option<N::Addr> {
        let slot = found?;
        self.counters.allocated(event, 1);
        Some(self.geometry.addr_of(slot))
    }

    /// Claims like [`try_allocate_in`](Self::try_allocate_in), as one half of a pair.
    pub(crate) fn try_allocate_half(
        &self,
        parts: &[Part],
    ) -> Result<Option<PairHalf<'_, N>>, AllocateError> {
        self.check_process()?;
        let claimed = self
            .claim_durably(|bitmap| bitmap.claim_in_flight(|bitmap| self.find_in(bitmap, parts)))?;
        let half = self.half(claimed, Event::Any);
        if let Some(half) = &half {
            self.hints.found(half.slot);
        }
        Ok(half)
    }

    /// Claims the first free address from the place of this client on, wrapping around, as one half of a pair. `Ok(None)`
    /// proves nothing.
    pub(crate) fn try_allocate_half_for(
        &self,
        client: Client,
    ) -> Result<Option<PairHalf<'_, N>>, AllocateError> {
        self.check_process()?;
        let way = Way::UpFrom(self.place_of(client));
        let last = self.last_slot();
        let claimed = self
            .claim_durably(|bitmap| bitmap.claim_in_flight(|bitmap| bitmap.find(0, way, last)))?;
        Ok(self.half(claimed, Event::Preferred))
    }

    /// Allocates exactly `addr` as one half of a pair; fails as `allocate_exact` does.
    pub(crate) fn allocate_half_exact(
        &self,
        addr: N::Addr,
    ) -> Result<PairHalf<'_, N>, AllocateExactError> {
        let slot = self.slot_to_claim(addr)?;
        let claimed = self.claim_durably(|bitmap| bitmap.claim_exact_in_flight(slot))?;
        self.half(claimed, Event::Exact).ok_or_else(|| {
            let addr = addr.into();
            self.refuse_exact(Event::Taken, AllocateExactError::AlreadyAllocated { addr })
        })
    }

    /// Claims exactly this slot as one half of a pair, if it is free.
    pub(crate) fn try_allocate_half_at(
        &self,
        slot: Slot,
        event: Event,
    ) -> Result<Option<PairHalf<'_, N>>, AllocateError> {
        self.check_process()?;
        let claimed = self.claim_durably(|bitmap| {
            bitmap.claim_in_flight(|bitmap| bitmap.try_claim_exact(slot).then_some(slot))
        })?;
        Ok(self.half(claimed, event))
    }

    fn half<'a>(
        &'a self,
        claimed: Option<Unanswered<(Flight<'a>, Slot)>>,
        event: Event,
    ) -> Option<PairHalf<'a, N>> {
        let unanswered = claimed?;
        Some(PairHalf {
            pool: self,
            event,
            slot: unanswered.look().1,
            unanswered: Some(unanswered),
        })
    }

    /// Claims exactly this slot, if it is free. `Ok(None)` proves nothing.
    pub(crate) fn try_allocate_slot(
        &self,
        slot: Slot,
        event: Event,
    ) -> Result<Option<N::Addr>, AllocateError> {
        let claimed = self.claim(|bitmap| bitmap.try_claim_exact(slot).then_some(slot))?;
        Ok(self.answered(claimed, event))
    }

    /// Allocates from a part, with these hints instead of the pool's own; exact, as `allocate_in`.
    pub(crate) fn allocate_with(
        &self,
        hints: &Hints,
        part: Part,
    ) -> Result<N::Addr, AllocateError> {
        match self.claim_in(hints, part)? {
            Some(slot) => Ok(self.geometry.addr_of(slot)),
            None => Err(self.file_refusal().unwrap_or(AllocateError::Exhausted {
                capacity: self.count_part(part).0,
                quarantined: 0,
                closed: 0,
            })),
        }
    }

    /// Claims the unit that contains `addr`, if it is free. `Ok(None)` proves nothing.
    pub(crate) fn try_allocate_around(
        &self,
        addr: N::Addr,
    ) -> Result<Option<N::Addr>, AllocateError> {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) => self.try_allocate_slot(slot, Event::Preferred),
            Place::Reserved(_) | Place::Outside => Ok(None),
        }
    }

    fn find_in(&self, bitmap: Bitmap<'_, impl Mark>, parts: &[Part]) -> Option<Slot> {
        parts.iter().find_map(|&(first, last)| {
            let way = self.hints.way(first, last, |slot| bitmap.is_free(slot));
            bitmap.find(first, way, last)
        })
    }

    /// Makes the first look of the proof that a set had nothing; see `bitmap::collect`. Returns `None` if something may
    /// be free.
    pub(crate) fn evidence_of_none(&self, parts: Option<&[Part]>) -> Option<Evidence<'_>> {
        if self.words.enter() && self.scrub_found_something() {
            return None;
        }
        self.bitmap().evidence_of_none(parts)
    }

    /// Watches for blocks. The result is evidence if the caller finds none afterwards.
    pub(crate) fn watch_for_blocks(&self, prefix_len: u8) -> Evidence<'_> {
        self.words.enter();
        let order = u32::from(self.geometry.unit().saturating_sub(prefix_len));
        self.bitmap().watch_for(order)
    }

    /// Returns how many slots are quarantined: neither free nor known to be held.
    pub(crate) fn quarantined_count(&self) -> u64 {
        if self.is_in_file() {
            self.quarantined()
        } else {
            0
        }
    }

    /// Returns why the pool hands out nothing, if the reason is its file.
    pub(crate) fn file_refusal(&self) -> Option<AllocateError> {
        self.words
            .file()
            .and_then(|file| file.refusal())
            .map(AllocateError::from)
    }

    /// Returns whether no slot of these parts, or of the whole pool, was seen free.
    pub(crate) fn looks_full(&self, parts: Option<&[Part]>) -> bool {
        match parts {
            None => self.bitmap().looks_full(),
            Some(parts) => self.bitmap().are_parts_taken(parts),
        }
    }

    /// Allocates a block that lies within these parts.
    pub(crate) fn allocate_block_in(
        &self,
        prefix_len: u8,
        parts: &[Part],
    ) -> Result<N, AllocateError> {
        self.allocate_block_of(prefix_len, |candidates| {
            let inside = candidates
                .iter()
                .flat_map(|of| parts.iter().filter_map(|&part| of.within(part)));
            let mut inside: Vec<_> = inside.collect();
            inside.sort_by_key(|of| of.first);
            inside
        })
    }

    /// Returns the slot of an address of the main run; `None` if it is not of that run.
    #[inline]
    pub(crate) fn home_slot_of(&self, addr: N::Addr) -> Option<Slot> {
        self.geometry.main_slot_of(addr)
    }

    /// Returns the slots whose units share an address with `range`.
    pub(crate) fn slots_around(&self, range: &RangeInclusive<N::Addr>) -> Option<Part> {
        self.geometry.slots_around(range)
    }

    /// Returns the slots whose units lie completely within `range`.
    pub(crate) fn slots_inside(&self, range: &RangeInclusive<N::Addr>) -> Option<Part> {
        self.geometry.slots_inside(range)
    }

    /// Returns the prefix length of one slot.
    pub(crate) fn unit(&self) -> u8 {
        self.geometry.unit()
    }

    /// Returns all slot numbers, as a part.
    pub(crate) fn whole(&self) -> Part {
        (0, self.last_slot())
    }

    /// Returns whether a prefix is a route to the whole network.
    pub(crate) fn is_route(&self, net: IpNet) -> bool {
        self.geometry.is_route(net)
    }

    /// Returns the first address of the pool.
    pub(crate) fn first_addr(&self) -> N::Addr {
        self.geometry.segments()[0].base
    }

    /// Returns the first and last addresses of all ranges of consecutive addresses, in ascending order.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (N::Addr, N::Addr)> + '_ {
        self.geometry
            .segments()
            .iter()
            .map(|segment| (segment.base, self.geometry.last_addr_of(segment.last)))
    }

    /// Counts the addresses of a part that can be handed out, and how many of them are free.
    pub(crate) fn count_part(&self, part: Part) -> (u64, u64) {
        let bitmap = self.bitmap();
        let runs = self.geometry.runs_within(part.0, part.1);
        runs.fold((0, 0), |(capacity, free), run| {
            (
                capacity + run.slot_count(),
                free + bitmap.count_free(run.first, run.last),
            )
        })
    }

    /// Returns the allocated addresses of a part, in ascending order.
    pub(crate) fn taken_in(&self, part: Part) -> impl Iterator<Item = N::Addr> + '_ {
        let bitmap = self.bitmap();
        self.geometry
            .runs_within(part.0, part.1)
            .flat_map(move |run| bitmap.taken_slots(run.first, run.last))
            .map(|slot| self.geometry.addr_of(slot))
    }

    /// Returns how many addresses are free, if that takes only a few loads.
    pub(crate) fn available_if_counted(&self) -> Option<u64> {
        let is_counted = !self.is_in_file() && !self.counters.are_off();
        is_counted.then(|| self.available())
    }

    /// Returns the first and last slots of all ranges of consecutive addresses, in ascending order.
    pub(crate) fn stretch_slots(&self) -> impl Iterator<Item = Part> + '_ {
        let segments = self.geometry.segments().iter();
        segments.map(|segment| (segment.first, segment.last))
    }

    /// Returns the slots of the only range of consecutive addresses, if there is only one.
    pub(crate) fn only_stretch(&self) -> Option<Part> {
        match self.geometry.segments() {
            [only] => Some((only.first, only.last)),
            _ => None,
        }
    }

    /// Returns the usable ranges of a part in ascending order, as distances from its first slot.
    pub(crate) fn usable_in(&self, part: Part) -> Vec<Part> {
        let runs = self.geometry.runs_within(part.0, part.1);
        let clip =
            |first: Slot, last: Slot| (first.max(part.0) - part.0, last.min(part.1) - part.0);
        runs.map(|run| clip(run.first, run.last)).collect()
    }

    /// Returns the free slots of a part; every word is read in the total order.
    pub(crate) fn free_slots_in(&self, part: Part) -> impl Iterator<Item = Slot> + '_ {
        self.bitmap().free_slots_in_order(part.0, part.1)
    }

    /// Returns whether a slot was free when it was read, in the total order.
    pub(crate) fn is_slot_free(&self, slot: Slot) -> bool {
        self.bitmap().is_free(slot)
    }

    /// Watches for slots that are released; see `bitmap::collect`.
    pub(crate) fn watch_for_slots(&self) -> Evidence<'_> {
        self.words.enter();
        self.bitmap().watch_for(0)
    }

    /// Returns the last address of the unit at a slot that exists.
    pub(crate) fn last_addr_at(&self, slot: Slot) -> N::Addr {
        self.geometry.last_addr_of(slot)
    }

    /// Returns the address of a slot that exists.
    pub(crate) fn addr_at(&self, slot: Slot) -> N::Addr {
        self.geometry.addr_of(slot)
    }

    /// Returns whether slot 0 is an address that the network reserves.
    pub(crate) fn has_an_edge_below(&self) -> bool {
        self.geometry
            .label_of(0)
            .is_some_and(|label| label == "network" || label == "subnet-router anycast")
    }
}
