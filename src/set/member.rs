//! One pool of a set.

use super::band::StaticBand;
use super::cordons::{Cordons, Parts};
use super::error::Extent;
use crate::client::Client;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::{PairHalf, Part, Pool};
use crate::slot::Slot;
use crate::stats::Event;
use crate::sync::hint;
use crate::sync::{AtomicU64, Ordering, load_seq_cst};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Identifies a member of a set. The first one is 0; the number of a removed member is not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MemberId(pub(super) u32);

impl MemberId {
    /// Returns the number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// No new addresses are handed out.
const DRAINED: u64 = 1;
/// The member has cordons.
const CORDONED: u64 = 2;
/// The member has a band, permanently.
const BANDED: u64 = 4;

pub(super) struct Member<N: Network> {
    pub(super) pool: Arc<Pool<N>>,
    /// Zero: the whole pool may be used, as its policy chooses. Otherwise, see the flags.
    special: AtomicU64,
    pub(super) cordons: Cordons,
    pub(super) band: Option<Part>,
    /// The free addresses at the last count, updated since then, if the strategy needs them.
    free: hint::AtomicU64,
}

impl<N: Network> Member<N> {
    pub(super) fn new(pool: Arc<Pool<N>>, band: Option<StaticBand>) -> Self {
        let band = band.and_then(|band| band.slots_of(&pool));
        Self {
            special: AtomicU64::new(band.map_or(0, |_| BANDED)),
            cordons: Cordons::new(),
            band,
            free: hint::AtomicU64::new(pool.available()),
            pool,
        }
    }

    /// Returns its network, or its first and last address.
    pub(super) fn name(&self) -> String {
        Extent::of(&self.pool).to_string()
    }

    /// Returns whether the whole pool may be used, in the order of its policy.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        // SeqCst: a drain or a cordon that came before this call is seen.
        load_seq_cst(&self.special) == 0
    }

    pub(super) fn is_drained(&self) -> bool {
        // SeqCst: as in `is_plain`.
        load_seq_cst(&self.special) & DRAINED != 0
    }

    pub(super) fn set_drained(&self, is_drained: bool) {
        self.set(DRAINED, is_drained);
    }

    /// Updates whether there are cordons, after one was set or lifted.
    pub(super) fn note_cordons(&self) {
        self.set(CORDONED, !self.cordons.is_empty());
    }

    fn set(&self, flag: u64, is_set: bool) {
        // SeqCst, both: a call that begins later sees it, together with the cordon that it is about.
        if is_set {
            self.special.fetch_or(flag, Ordering::SeqCst);
        } else {
            self.special.fetch_and(!flag, Ordering::SeqCst);
        }
    }

    /// Returns where addresses may be handed out, in this order; `None` for the whole pool in its own order.
    pub(super) fn parts(&self, with_band: bool) -> Option<Parts> {
        // SeqCst: as in `is_plain`.
        match load_seq_cst(&self.special) {
            0 => None,
            special if special & DRAINED != 0 => Some(Parts::new()),
            _ => Some(
                self.cordons
                    .allowed(self.pool.whole(), self.band, with_band),
            ),
        }
    }

    /// Returns the open parts in any order; `None` unless a part is closed.
    pub(super) fn open_parts(&self) -> Option<Parts> {
        // SeqCst: as in `is_plain`.
        match load_seq_cst(&self.special) & !BANDED {
            0 => None,
            special if special & DRAINED != 0 => Some(Parts::new()),
            _ => Some(self.cordons.allowed(self.pool.whole(), None, true)),
        }
    }

    /// Claims the address that the policy chooses, from the band only if `with_band`. `Ok(None)` means that it had
    /// nothing.
    pub(super) fn try_allocate(&self, with_band: bool) -> Result<Option<N::Addr>, AllocateError> {
        match self.parts(with_band) {
            None => match self.pool.allocate() {
                Ok(addr) => Ok(Some(addr)),
                Err(AllocateError::Exhausted { .. }) => Ok(None),
                Err(refusal) => Err(refusal),
            },
            Some(parts) => self.pool.try_allocate_in(parts.as_slice(), Event::Any),
        }
    }

    /// Claims for a client, from its place on. With a cordon or a band, only the client's place itself, or what the
    /// policy chooses, from the band only if `with_band`.
    pub(super) fn try_allocate_for(
        &self,
        client: Client,
        with_band: bool,
    ) -> Result<Option<N::Addr>, AllocateError> {
        if self.is_plain() {
            return match self.pool.allocate_for(client) {
                Ok(addr) => Ok(Some(addr)),
                Err(AllocateError::Exhausted { .. }) => Ok(None),
                Err(refusal) => Err(refusal),
            };
        }
        if let Some(slot) = self.open_place_of(client) {
            let claimed = self.pool.try_allocate_slot(slot, Event::Preferred)?;
            if claimed.is_some() {
                return Ok(claimed);
            }
        }
        self.try_allocate(with_band)
    }

    /// Claims an address for a client as one half of a pair.
    pub(super) fn try_allocate_half_for(
        &self,
        client: Client,
        with_band: bool,
    ) -> Result<Option<PairHalf<'_, N>>, AllocateError> {
        if self.is_plain() {
            return self.pool.try_allocate_half_for(client);
        }
        if let Some(slot) = self.open_place_of(client) {
            let half = self.pool.try_allocate_half_at(slot, Event::Preferred)?;
            if half.is_some() {
                return Ok(half);
            }
        }
        self.try_allocate_half(with_band)
    }

    /// Returns the place of a client, if it is neither in the band nor closed.
    fn open_place_of(&self, client: Client) -> Option<Slot> {
        let slot = self.pool.place_of(client);
        let is_banded = self
            .band
            .is_some_and(|(first, last)| (first..=last).contains(&slot));
        let is_open = !is_banded && !self.is_drained() && !self.cordons.hold(slot);
        is_open.then_some(slot)
    }

    /// Claims a block that no cordon touches.
    pub(super) fn try_allocate_block(&self, prefix_len: u8) -> Result<N, AllocateError> {
        match self.open_parts() {
            None => self.pool.allocate_block(prefix_len),
            Some(parts) => self.pool.allocate_block_in(prefix_len, parts.as_slice()),
        }
    }

    /// Claims one half of a pair.
    pub(super) fn try_allocate_half(
        &self,
        with_band: bool,
    ) -> Result<Option<PairHalf<'_, N>>, AllocateError> {
        match self.parts(with_band) {
            None => self.pool.try_allocate_half(&[self.pool.whole()]),
            Some(parts) => self.pool.try_allocate_half(parts.as_slice()),
        }
    }

    /// Returns whether it had nothing to hand out when it was checked.
    pub(super) fn looks_full(&self) -> bool {
        let parts = self.open_parts();
        self.pool.looks_full(parts.as_ref().map(Parts::as_slice))
    }

    /// Returns whether an exact request may get this address.
    pub(super) fn is_open_at(&self, addr: N::Addr) -> bool {
        self.is_plain()
            || !self.is_drained()
                && self
                    .pool
                    .slot_of(addr)
                    .is_none_or(|slot| !self.cordons.hold(slot))
    }

    /// Returns whether an address is between the first and the last one of any range of the pool.
    pub(super) fn spans(&self, addr: N::Addr) -> bool {
        self.pool.slot_of(addr).is_some()
    }

    /// Returns how many free addresses it would hand out.
    pub(super) fn available(&self) -> u64 {
        match self.open_parts() {
            None => self.pool.available(),
            Some(parts) => parts
                .as_slice()
                .iter()
                .map(|&part| self.pool.count_part(part).1)
                .sum(),
        }
    }

    /// Returns the number of free addresses that the member does not hand out. It may have changed when the caller
    /// reads it.
    #[cold]
    pub(super) fn closed_count(&self) -> u64 {
        match self.open_parts() {
            None => 0,
            Some(_) => self.pool.available().saturating_sub(self.available()),
        }
    }

    /// Returns the parts from which no new addresses are handed out, without overlaps.
    pub(super) fn closed_parts(&self) -> Vec<Part> {
        if self.is_drained() {
            return vec![self.pool.whole()];
        }
        let mut closed: Vec<Part> = Vec::new();
        for (first, last) in self.cordons.list() {
            match closed.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => closed.push((first, last)),
            }
        }
        closed
    }

    /// Returns the slots of `range` in this member, if there are any.
    pub(super) fn part_of(&self, range: &RangeInclusive<N::Addr>) -> Option<Part> {
        self.pool.slots_around(range)
    }

    /// Returns the approximate number of free addresses: the pool's count if it has one, otherwise ours.
    pub(super) fn recount(&self) -> u64 {
        if let Some(available) = self.pool.available_if_counted() {
            // Relaxed: only a hint about which member to try.
            self.free.store(available, Ordering::Relaxed);
        }
        self.free_now()
    }

    #[inline]
    pub(super) fn free_now(&self) -> u64 {
        // More were taken than we knew of: nothing is left. Relaxed: only a hint about which member to try.
        let free = self.free.load(Ordering::Relaxed);
        if free > u64::MAX / 2 { 0 } else { free }
    }

    /// Records that it had nothing, whatever was counted.
    pub(super) fn note_full(&self) {
        // Relaxed: only a hint about which member to try.
        self.free.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn note_taken(&self, count: u64) {
        // Relaxed: only a hint about which member to try.
        self.free.fetch_sub(count, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn note_released(&self, count: u64) -> u64 {
        // Relaxed: only a hint about which member to try.
        let before = self.free.fetch_add(count, Ordering::Relaxed);
        before.wrapping_add(count)
    }
}
