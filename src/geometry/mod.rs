//! Addresses and slots: which address has which slot, and which slots are never handed out.
//!
//! Pure arithmetic, fixed when the pool is built. Most pools consist of one segment with one run of usable slots, and
//! the hot path checks that one first.
//!
//! ```text
//! network 10.0.0.0/24        slot 0                                        slot 255
//!                            | network | gateway | usable ........ usable | broadcast |
//! segment: consecutive slots with consecutive addresses. If there are several, they follow each
//! other with gaps between their slots, so that a slot and its address have the same alignment up to 512 slots.
//! ```

mod growth;
mod plan;
mod reserved;

pub(crate) use growth::{Change, slot_count};
pub use plan::Gateway;
pub(crate) use plan::Plan;
pub(crate) use reserved::Reserved;

use crate::bitmap::BlockCandidates;
use crate::network::Network;
use crate::slot::{Slot, bits_within, slot_at, slots_in};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Consecutive slots with consecutive addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment<A> {
    pub(crate) base: A,
    pub(crate) first: Slot,
    pub(crate) last: Slot,
}

impl<A: Copy> Segment<A> {
    /// Returns the address of one of its slots.
    fn addr_of<N: Network<Addr = A>>(&self, slot: Slot, unit_shift: u8) -> A {
        N::addr_above(N::origin_at(self.base), slot - self.first, unit_shift)
    }
}

/// Consecutive slots that can be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: Slot,
    pub(crate) last: Slot,
}

impl Run {
    pub(crate) fn slot_count(self) -> u64 {
        u64::from(self.last - self.first) + 1
    }

    fn clipped(self, first: Slot, last: Slot) -> Option<Run> {
        let clipped = Run {
            first: self.first.max(first),
            last: self.last.min(last),
        };
        (clipped.first <= clipped.last).then_some(clipped)
    }
}

/// The longest run, with its first address: most slots and most requested addresses are in it.
#[derive(Clone, Debug)]
pub(crate) struct MainRun<N: Network> {
    base: N::Origin,
    first: Slot,
    /// The number of slots; 0 if nothing is usable.
    len: u64,
    /// The same if a unit is one address, and 0 otherwise: one comparison answers for most pools, and nothing is
    /// shifted.
    len_of_singles: u64,
}

impl<N: Network> MainRun<N> {
    /// Returns the index of `slot` in the run, if it is in it.
    #[inline]
    fn index_of(&self, slot: Slot) -> Option<u32> {
        let index = slot.wrapping_sub(self.first);
        (u64::from(index) < self.len).then_some(index)
    }

    /// Returns whether `slot` is in the run, and a single address.
    #[inline]
    fn has_single(&self, slot: Slot) -> bool {
        u64::from(slot.wrapping_sub(self.first)) < self.len_of_singles
    }
}

/// Slots of one word whose addresses follow from the address of its first slot.
pub(crate) struct Stretch<N: Network> {
    /// The address of the word's first slot, even if that slot is not usable or does not exist.
    base: N::Origin,
    /// One bit per slot, all of them usable.
    slots: u64,
}

impl<N: Network> Stretch<N> {
    /// Returns the address of the slot at `bit_index`, which is part of it.
    #[inline]
    pub(crate) fn addr_of(&self, bit_index: u32) -> N::Addr {
        N::addr_above(self.base, bit_index, 0)
    }

    /// Returns the bit of the slot with this address, if it is one of `bits`, which are all slots of the stretch.
    #[inline]
    pub(crate) fn bit_among(&self, bits: u64, addr: N::Addr) -> Option<u64> {
        let bit_index = N::addrs_above(self.base, addr)?;
        (bit_index < u64::BITS && bits >> bit_index & 1 != 0).then(|| 1 << bit_index)
    }

    /// Returns its slots, as one bit each.
    pub(crate) fn slots(&self) -> u64 {
        self.slots
    }
}

/// The position of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Usable(Slot),
    Reserved(Slot),
    Outside,
}

/// The layout of one pool.
#[derive(Clone, Debug)]
pub(crate) struct Geometry<N: Network> {
    network: Option<N>,
    gateway: Option<N::Addr>,
    /// The base-2 logarithm of the number of addresses in a unit.
    unit_shift: u8,
    main_run: MainRun<N>,
    /// All segments, at least one, in ascending order of addresses and of slots.
    segments: Box<[Segment<N::Addr>]>,
    /// All runs, in ascending order.
    runs: Box<[Run]>,
    reserved: Box<[Reserved]>,
    capacity: u64,
    /// All slot numbers below this one exist, although some may be padding.
    slot_count: u64,
}

impl<N: Network> Geometry<N> {
    #[inline]
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn slot_count(&self) -> u64 {
        self.slot_count
    }

    pub(crate) fn network(&self) -> Option<N> {
        self.network
    }

    /// Returns whether a prefix covers the whole network, and so is a route to it. In a pool of ranges without a
    /// network, only the default route certainly is one: a prefix that covers the ranges may be a block that is held.
    pub(crate) fn is_route(&self, net: IpNet) -> bool {
        let ends = |net: IpNet| {
            let first = self.in_family(net.network())?;
            Some((first, self.in_family(net.broadcast())?))
        };
        let network = self.network.and_then(|network| ends(network.into()));
        let covers = |(first, last): (N::Addr, N::Addr)| {
            network.is_some_and(|(low, high)| first <= low && high <= last)
        };
        net.prefix_len() == 0 || ends(net).is_some_and(covers)
    }

    pub(crate) fn gateway(&self) -> Option<N::Addr> {
        self.gateway
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub(crate) fn segments(&self) -> &[Segment<N::Addr>] {
        &self.segments
    }

    /// Returns the prefix length of one slot.
    pub(crate) fn unit(&self) -> u8 {
        self.addr_width() - self.unit_shift
    }

    pub(crate) fn addr_width(&self) -> u8 {
        N::addr_width(self.main_addr())
    }

    /// Returns the first address of the main run.
    fn main_addr(&self) -> N::Addr {
        N::addr_at(self.main_run.base)
    }

    /// Returns how many slots are in the pool but never handed out.
    pub(crate) fn reserved_count(&self) -> u64 {
        let slots = |segment: &Segment<_>| u64::from(segment.last - segment.first) + 1;
        self.segments().iter().map(slots).sum::<u64>() - self.capacity
    }

    /// Returns the address of a claimed slot, which therefore exists.
    #[inline]
    pub(crate) fn addr_of(&self, slot: Slot) -> N::Addr {
        let main = &self.main_run;
        let index = slot.wrapping_sub(main.first);
        if u64::from(index) < main.len_of_singles {
            return N::addr_after(main.base, index);
        }
        self.addr_of_elsewhere(slot)
    }

    /// Does the same where a unit has more than one address, or outside the main run.
    #[inline(never)]
    fn addr_of_elsewhere(&self, slot: Slot) -> N::Addr {
        match self.main_run.index_of(slot) {
            Some(index) => N::addr_above(self.main_run.base, index, self.unit_shift),
            None => self.addr_of_far(slot),
        }
    }

    /// Writes the addresses of claimed slots of one word to `places`, lowest first.
    pub(crate) fn write_addrs(&self, word_index: usize, bits: u64, places: &mut [N::Addr]) {
        match self.index_of_row(word_index, bits) {
            // A loop without a condition, so that the compiler can vectorize it.
            Some(first) => {
                for (step, place) in places.iter_mut().enumerate() {
                    let index = first + step as u32;
                    *place = N::addr_above(self.main_run.base, index, self.unit_shift);
                }
            }
            None => {
                for (slot, place) in slots_in(word_index, bits).zip(places) {
                    *place = self.addr_of(slot);
                }
            }
        }
    }

    /// Returns the index in the main run where the slots of `bits` begin, if they are all in it and adjacent.
    fn index_of_row(&self, word_index: usize, bits: u64) -> Option<u32> {
        let lowest = bits.trailing_zeros();
        let row = bits.checked_shr(lowest)?;
        let side_by_side = row & row.wrapping_add(1) == 0;
        let index_of = |bit_index| self.main_run.index_of(slot_at(word_index, bit_index));
        index_of(bits.ilog2()).filter(|_| side_by_side)?;
        index_of(lowest)
    }

    #[cold]
    fn addr_of_far(&self, slot: Slot) -> N::Addr {
        let index = self.segments.partition_point(|segment| segment.last < slot);
        let segment = self
            .segments
            .get(index)
            .unwrap_or_else(|| panic!("slot {slot} was claimed but has no address"));
        segment.addr_of::<N>(slot, self.unit_shift)
    }

    /// Returns the slot as a prefix of the unit's length.
    pub(crate) fn net_of(&self, slot: Slot) -> N {
        N::around(self.addr_of(slot), self.unit())
    }

    /// Returns the address of any slot number, including padding and reserved slots.
    pub(crate) fn checked_addr_of(&self, slot: Slot) -> Option<N::Addr> {
        let holds = |segment: &&Segment<_>| (segment.first..=segment.last).contains(&slot);
        self.segments()
            .iter()
            .find(holds)
            .map(|_| self.addr_of(slot))
    }

    /// Returns the slot whose unit contains `addr`, including reserved slots.
    pub(crate) fn slot_of(&self, addr: N::Addr) -> Option<Slot> {
        let addr = self.in_family(addr.into())?;
        let index = self
            .segments
            .partition_point(|segment| segment.base <= addr);
        let segment = self.segments.get(index.checked_sub(1)?)?;
        let units = N::units_above(segment.base, addr, self.unit_shift)?;
        (units <= segment.last - segment.first).then(|| segment.first + units)
    }

    /// Returns the usable slot that `addr` names, if it is in the main run. Otherwise, ask [`place_of`].
    ///
    /// [`place_of`]: Self::place_of
    #[inline]
    pub(crate) fn main_slot_of(&self, addr: N::Addr) -> Option<Slot> {
        let main = &self.main_run;
        match N::addrs_above(main.base, addr) {
            Some(index) if u64::from(index) < main.len_of_singles => {
                Some(main.first.wrapping_add(index))
            }
            _ if self.unit_shift == 0 => None,
            _ => self.main_unit_of(addr),
        }
    }

    /// Does the same where a unit has more than one address.
    #[inline(never)]
    fn main_unit_of(&self, addr: N::Addr) -> Option<Slot> {
        let main = &self.main_run;
        let index = N::whole_units_above(main.base, addr, self.unit_shift)?;
        (u64::from(index) < main.len).then(|| main.first.wrapping_add(index))
    }

    /// Returns whether `next` is the address that follows from the one of a slot for the slot behind it.
    #[inline]
    pub(crate) fn follows(&self, next: Option<&N::Addr>, addr: N::Addr) -> bool {
        next == Some(&N::addr_above(N::origin_at(addr), 1, self.unit_shift))
    }

    /// Returns how many of `addrs`, at most `most`, are the addresses of the slots that follow `slot` in the main run.
    pub(crate) fn neighbors_among(&self, addrs: &[N::Addr], slot: Slot, most: usize) -> usize {
        let main = &self.main_run;
        let Some(index) = main.index_of(slot) else {
            return 0;
        };
        let in_run = main.len - 1 - u64::from(index);
        let most = most.min(in_run as usize).min(addrs.len());
        let is_next = |(step, addr): (usize, &N::Addr)| {
            N::addr_above(main.base, index + 1 + step as u32, self.unit_shift) == *addr
        };
        let mut row = addrs[..most].iter().enumerate();
        row.position(|each| !is_next(each)).unwrap_or(most)
    }

    #[inline]
    pub(crate) fn is_usable(&self, slot: Slot) -> bool {
        self.main_run.index_of(slot).is_some() || self.is_usable_far(slot)
    }

    #[cold]
    fn is_usable_far(&self, slot: Slot) -> bool {
        let index = self.runs.partition_point(|run| run.last < slot);
        self.runs.get(index).is_some_and(|run| run.first <= slot)
    }

    pub(crate) fn place_of(&self, addr: N::Addr) -> Place {
        match self.slot_of(addr) {
            Some(slot) if self.is_usable(slot) => Place::Usable(slot),
            Some(slot) => Place::Reserved(slot),
            None => Place::Outside,
        }
    }

    /// Returns whether `addr` is the first address of its unit, by which the unit is named.
    pub(crate) fn names_its_unit(&self, addr: N::Addr) -> bool {
        self.unit_shift == 0 || N::addr_bits(addr) & low_bits(self.unit_shift) == 0
    }

    pub(crate) fn no_stretch(&self) -> Stretch<N> {
        Stretch {
            base: self.main_run.base,
            slots: 0,
        }
    }

    /// Returns those of `bits` of a word in which slots and addresses advance together, up to the first where they do
    /// not; none if a unit has more than one address.
    #[inline]
    pub(crate) fn stretch_of(&self, word_index: usize, bits: u64) -> Stretch<N> {
        let main = &self.main_run;
        let is_inside = |bit_index| main.has_single(slot_at(word_index, bit_index));
        let slots = match bits.checked_ilog2() {
            Some(highest) if is_inside(highest) && is_inside(bits.trailing_zeros()) => bits,
            _ => self.first_singles(word_index, bits),
        };
        // The word may begin below the run. Then this wraps around, and is correct for all slots of the run.
        let above = i64::from(slot_at(word_index, 0)) - i64::from(main.first);
        Stretch {
            base: N::moved(main.base, above),
            slots,
        }
    }

    /// Returns those of `bits` that are in the main run, below the first that is not.
    #[cold]
    #[inline(never)]
    fn first_singles(&self, word_index: usize, bits: u64) -> u64 {
        let main = &self.main_run;
        let inside = main.len_of_singles.checked_sub(1).map_or(0, |above| {
            bits_within(word_index, main.first, main.first + above as Slot)
        });
        let others = bits & !inside;
        let below_others = others.wrapping_sub(1) & !others;
        bits & below_others
    }

    /// Returns why `slot` is never handed out.
    pub(crate) fn label_of(&self, slot: Slot) -> Option<&str> {
        let index = self
            .reserved
            .partition_point(|reserved| reserved.last < slot);
        let reserved = self.reserved.get(index)?;
        (reserved.first <= slot).then_some(&*reserved.label)
    }

    /// Returns the reserved slots within `first..=last`, run by run.
    pub(crate) fn reserved_within(&self, first: Slot, last: Slot) -> impl Iterator<Item = Run> {
        let run = |reserved: &Reserved| Run {
            first: reserved.first,
            last: reserved.last,
        };
        let clipped = move |run: Run| run.clipped(first, last);
        self.reserved.iter().map(run).filter_map(clipped)
    }

    pub(crate) fn reservations(&self) -> &[Reserved] {
        &self.reserved
    }

    /// Returns the usable runs within `first..=last`.
    pub(crate) fn runs_within(&self, first: Slot, last: Slot) -> impl Iterator<Item = Run> {
        let from = self.runs.partition_point(|run| run.last < first);
        self.runs[from..]
            .iter()
            .take_while(move |run| run.first <= last)
            .filter_map(move |run| run.clipped(first, last))
    }

    /// Returns the first and the last of the slots whose units are completely within `range`; `None` if there are none.
    /// Padding between them has no free bits.
    pub(crate) fn slots_inside(&self, range: &RangeInclusive<N::Addr>) -> Option<(Slot, Slot)> {
        let (first, last) = self.bits_of(range)?;
        let low = low_bits(self.unit_shift);
        let first = first.checked_add(low)? & !low;
        let last = match last & low {
            whole if whole == low => last,
            _ => (last & !low).checked_sub(1)?,
        };
        self.slots_touching(first, last)
    }

    /// Returns whether the prefix is exactly one unit.
    pub(crate) fn is_one_unit(&self, net: ipnet::IpNet) -> bool {
        net == net.trunc() && net.prefix_len() == self.unit()
    }

    /// Returns whether some address from `first` to `last` may be handed out. A range that covers the whole pool merely
    /// describes it.
    pub(crate) fn hands_out(&self, first: IpAddr, last: IpAddr) -> bool {
        let Some((first, last)) = self.in_family(first).zip(self.in_family(last)) else {
            return false;
        };
        let Some((low, high)) = self.slots_around(&(first..=last)) else {
            return false;
        };
        let is_whole = first != last && u64::from(high - low) + 1 == self.slot_count();
        !is_whole && self.runs_within(low, high).next().is_some()
    }

    /// Returns the first and the last of the slots whose units share an address with `range`.
    pub(crate) fn slots_around(&self, range: &RangeInclusive<N::Addr>) -> Option<(Slot, Slot)> {
        let (first, last) = self.bits_of(range)?;
        self.slots_touching(first, last)
    }

    /// Returns both ends of a range as numbers, if they are of the pool's family.
    fn bits_of(&self, range: &RangeInclusive<N::Addr>) -> Option<(u128, u128)> {
        let first = self.in_family((*range.start()).into())?;
        let last = self.in_family((*range.end()).into())?;
        Some((N::addr_bits(first), N::addr_bits(last)))
    }

    fn slots_touching(&self, first: u128, last: u128) -> Option<(Slot, Slot)> {
        if last < first {
            return None;
        }
        let end_of = |segment: &Segment<N::Addr>| N::addr_bits(self.last_addr_of(segment.last));
        let start_of = |segment: &Segment<N::Addr>| N::addr_bits(segment.base);
        let touched = |segment: &&Segment<_>| start_of(segment) <= last && first <= end_of(segment);
        let low = self.segments().iter().find(touched)?;
        let high = self.segments().iter().rfind(touched)?;
        let slot_at = |bits| self.slot_of(N::addr_like(low.base, bits));
        let low_slot = slot_at(first.max(start_of(low)))?;
        let high_slot = slot_at(last.min(end_of(high)))?;
        Some((low_slot, high_slot))
    }

    /// Returns the lowest slot whose address is `addr` or higher.
    pub(crate) fn first_slot_from(&self, addr: N::Addr) -> Option<Slot> {
        let first = N::addr_bits(self.in_family(addr.into())?);
        let (slot, _) = self.slots_touching(first, u128::MAX)?;
        if N::addr_bits(self.addr_of(slot)) < first {
            // `addr` is within a unit, which begins below it.
            slot.checked_add(1)
        } else {
            Some(slot)
        }
    }

    /// Returns where blocks of `prefix_len` can begin, for each segment; empty if no segment can hold one.
    pub(crate) fn block_candidates(&self, prefix_len: u8) -> Vec<BlockCandidates> {
        let order = u32::from(self.unit() - prefix_len);
        let of_segment = |segment: &Segment<N::Addr>| {
            let len = u64::from(segment.last - segment.first) + 1;
            let skipped = self.units_to_alignment(segment.base, order)?;
            let count = len.checked_sub(skipped)?.checked_shr(order)?;
            (count > 0).then(|| BlockCandidates {
                first: segment.first + skipped as u32,
                count,
                order,
            })
        };
        self.segments().iter().filter_map(of_segment).collect()
    }

    /// Returns how many units lie between `base` and the next multiple of 2^`order` units.
    fn units_to_alignment(&self, base: N::Addr, order: u32) -> Option<u64> {
        let unit_index = N::addr_bits(base) >> self.unit_shift;
        let size = 1u128.checked_shl(order)?;
        u64::try_from(unit_index.wrapping_neg() & (size - 1)).ok()
    }

    /// Returns the shortest prefix length of a block in this pool.
    pub(crate) fn shortest_block(&self) -> u8 {
        match self.network {
            Some(network) => network.mask_len(),
            None => self.unit().saturating_sub(32),
        }
    }

    /// Returns `addr` in the pool's family, if it belongs to that family.
    pub(crate) fn in_family(&self, addr: IpAddr) -> Option<N::Addr> {
        N::addr_in_family_of(self.main_addr(), addr)
    }

    /// Returns the last address of the unit at `slot`, which exists.
    pub(crate) fn last_addr_of(&self, slot: Slot) -> N::Addr {
        let first = self.addr_of(slot);
        N::addr_like(first, N::addr_bits(first) | low_bits(self.unit_shift))
    }

    /// Returns whether the other pool has the same addresses at the same slots, with the same reservations.
    pub(crate) fn same_layout(&self, other: &Self) -> bool {
        self.unit_shift == other.unit_shift
            && self.runs == other.runs
            && self.segments() == other.segments()
    }

    /// Returns the memory on the heap, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let labels: usize = self
            .reserved
            .iter()
            .map(|reserved| reserved.label.len())
            .sum();
        size_of_val(&*self.segments)
            + size_of_val(&*self.runs)
            + size_of_val(&*self.reserved)
            + labels
    }
}

/// Returns a mask of the lowest `count` bits of an address.
pub(crate) fn low_bits(count: u8) -> u128 {
    u128::MAX
        .checked_shr(128 - u32::from(count))
        .unwrap_or_default()
}
