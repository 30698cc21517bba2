//! The methods that release addresses.

use super::Pool;
use super::claim::exact_block::NoBlock;
use crate::bitmap::BlockRelease;
use crate::error::ReleaseError;
use crate::geometry::Place;
use crate::network::Network;
use crate::slot::{SLOTS_PER_WORD, Slot, bit_of, word_of};
use crate::stats::Event;
use crate::storage::Freed;

/// The result of [`Pool::release_many`].
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let addr = pool.allocate()?;
/// let report = pool.release_many(&[addr, addr, "10.0.0.1".parse()?]);
/// assert_eq!((report.released, report.not_allocated, report.reserved), (1, 1, 1));
/// assert_eq!(report.first_error.unwrap().to_string(), "10.0.0.2 is not allocated");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it says whether all of them were released"]
#[non_exhaustive]
pub struct ReleasedMany {
    /// Addresses that were allocated, and are now free.
    pub released: u64,
    /// Addresses that were not allocated, or were given more than once.
    pub not_allocated: u64,
    /// Addresses that are reserved, and never handed out.
    pub reserved: u64,
    /// Addresses that are not in the pool.
    pub out_of_range: u64,
    /// Addresses within a unit that are not its first address.
    pub misaligned: u64,
    /// Addresses of a pool file that a parent of this process has opened; see [`ReleaseError::Forked`].
    pub forked: u64,
    /// The first error.
    pub first_error: Option<ReleaseError>,
}

impl ReleasedMany {
    fn errors(&self) -> u64 {
        self.not_allocated + self.reserved + self.out_of_range + self.misaligned + self.forked
    }

    /// Adds what was released elsewhere, later.
    pub(crate) fn add(&mut self, more: Self) {
        self.released += more.released;
        self.not_allocated += more.not_allocated;
        self.reserved += more.reserved;
        self.out_of_range += more.out_of_range;
        self.misaligned += more.misaligned;
        self.forked += more.forked;
        if let Some(error) = more.first_error {
            self.first_error.get_or_insert(error);
        }
    }

    pub(crate) fn refuse(&mut self, error: ReleaseError) {
        *match error {
            ReleaseError::NotAllocated { .. } => &mut self.not_allocated,
            ReleaseError::Reserved { .. } => &mut self.reserved,
            ReleaseError::OutOfRange { .. } => &mut self.out_of_range,
            ReleaseError::Misaligned { .. } => &mut self.misaligned,
            ReleaseError::Forked => &mut self.forked,
        } += 1;
        self.first_error.get_or_insert(error);
    }
}

/// What is left of a release after its first part.
#[must_use = "it is still to be done"]
pub(crate) enum Left {
    Nothing,
    /// All of it: the pool is in a file, and the address may be a suspect, or the process a child.
    Everything,
    /// What follows after this; at least a counter.
    After(Freed),
}

/// Slots of one word that are to be released.
struct Group {
    word_index: usize,
    bits: u64,
}

impl Group {
    /// Begins a group without slots.
    fn of(word_index: usize) -> Self {
        Self {
            word_index,
            bits: 0,
        }
    }

    /// Returns whether the slot is of this word, and not in the group yet.
    fn has_room_for(&self, slot: Slot) -> bool {
        word_of(slot) == self.word_index && self.bits & bit_of(slot) == 0
    }

    /// Returns how many slots of this word that follow `slot` are not in the group yet, up to the first that is.
    fn room_behind(&self, slot: Slot) -> usize {
        let bit_index = slot % SLOTS_PER_WORD;
        let behind = SLOTS_PER_WORD - 1 - bit_index;
        (self.bits >> bit_index >> 1).trailing_zeros().min(behind) as usize
    }
}

impl<N: Network> Pool<N> {
    /// Releases `addr`. Everything that its holder did happens before the address is allocated again.
    ///
    /// A double release is an error and changes nothing, as long as the address was not allocated again meanwhile: a
    /// single bit cannot distinguish holders. A [`Guard`](crate::Guard) releases only once. Never release a guard's
    /// address here: when the guard is dropped, the address may belong to another holder, and would be taken from it.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::NotAllocated`] if the address was not allocated. Otherwise, it is reserved, not in the pool, or
    /// within a unit without being its first address. Nothing was changed.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addr = pool.allocate()?;
    /// pool.release(addr)?;
    /// assert!(pool.release(addr).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn release(&self, addr: N::Addr) -> Result<(), ReleaseError> {
        match self.geometry.main_slot_of(addr) {
            Some(slot) => self.release_slot(addr, slot),
            None => self.release_far(addr),
        }
    }

    /// Releases the slot of this address.
    #[inline]
    pub(super) fn release_slot(&self, addr: N::Addr, slot: Slot) -> Result<(), ReleaseError> {
        match self.free(slot) {
            Left::Nothing => Ok(()),
            left => self.finish_release(addr, slot, left),
        }
    }

    #[cold]
    #[inline(never)]
    fn release_far(&self, addr: N::Addr) -> Result<(), ReleaseError> {
        match self.far_slot_to_release(addr) {
            Ok(slot) => self.release_slot(addr, slot),
            Err(error) => {
                self.counters.count(Event::ReleaseError, 1);
                Err(error)
            }
        }
    }

    /// Releases a usable slot, and returns what is left to do.
    ///
    /// A leaf: it calls nothing and saves no registers, because restoring one is a load, and loads wait for the release.
    /// What it leaves is rare, or costs more than a call.
    #[inline(never)]
    pub(crate) fn free(&self, slot: Slot) -> Left {
        if self.words.is_in_file() {
            return self.free_in_file(slot);
        }
        if !self.hints.note_freed_alone(slot) {
            return self.free_sharing(slot);
        }
        self.free_noted(slot)
    }

    /// Does the same for a thread that shares its hint with others. Called last, and a leaf, too.
    #[inline(never)]
    fn free_sharing(&self, slot: Slot) -> Left {
        self.free_here(slot)
    }

    /// Does the same in a file. Called last, and a leaf, too.
    #[inline(never)]
    fn free_in_file(&self, slot: Slot) -> Left {
        if !self.words.is_ready_to_release() {
            return Left::Everything;
        }
        self.free_here(slot)
    }

    #[inline(always)]
    fn free_here(&self, slot: Slot) -> Left {
        self.hints.note_freed(slot);
        self.free_noted(slot)
    }

    #[inline(always)]
    fn free_noted(&self, slot: Slot) -> Left {
        match self.words.free(slot) {
            Freed::Now => self.left_after(Freed::Now),
            Freed::Unannounced => self.publish(slot),
            Freed::Before => Left::After(Freed::Before),
        }
    }

    /// Publishes what was freed where a hint is missing, as in a full pool. Called last, and a leaf, too.
    #[inline(never)]
    fn publish(&self, slot: Slot) -> Left {
        self.left_after(self.words.publish(slot))
    }

    #[inline(always)]
    fn left_after(&self, freed: Freed) -> Left {
        match freed {
            Freed::Now if self.counters.are_off() => Left::Nothing,
            Freed::Now if self.counters.count_alone(Event::Released, 1) => Left::Nothing,
            freed => Left::After(freed),
        }
    }

    /// Does what [`free`](Self::free) has left.
    #[inline(never)]
    pub(crate) fn finish_release(
        &self,
        addr: N::Addr,
        slot: Slot,
        left: Left,
    ) -> Result<(), ReleaseError> {
        match left {
            Left::Nothing => Ok(()),
            Left::Everything => self.release_in_file(addr, slot),
            Left::After(freed) if self.words.finish(slot, freed) => {
                self.counters.count(Event::Released, 1);
                Ok(())
            }
            Left::After(_) => Err(self.refuse_free(addr)),
        }
    }

    #[cold]
    #[inline(never)]
    fn release_in_file(&self, addr: N::Addr, slot: Slot) -> Result<(), ReleaseError> {
        if !self.words.may_release(slot) {
            return Err(self.refuse_free(addr));
        }
        match self.free_here(slot) {
            Left::Nothing => Ok(()),
            left => self.finish_release(addr, slot, left),
        }
    }

    /// Counts the refusal of a free address.
    #[cold]
    pub(crate) fn refuse_free(&self, addr: N::Addr) -> ReleaseError {
        self.counters.count(Event::ReleaseError, 1);
        if self.words.is_forked() {
            return ReleaseError::Forked;
        }
        ReleaseError::NotAllocated { addr: addr.into() }
    }

    /// Releases a block that [`allocate_block`](Self::allocate_block) returned, or any aligned block whose addresses
    /// are all allocated.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::NotAllocated`] with the first address of the block that was not allocated; nothing was changed.
    /// Otherwise, an address is reserved or not in the pool, or the block is not aligned to its size. If another thread
    /// releases parts of the block *during* the call, the rest is released nevertheless, and the error contains an
    /// address.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let block = pool.allocate_block(26)?;
    /// pool.release_block(block)?;
    /// assert_eq!(pool.allocated(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_block(&self, block: N) -> Result<(), ReleaseError> {
        let outcome = self.block_to_release(block).and_then(|(slot, order)| {
            if self.words.is_forked() {
                return Err(ReleaseError::Forked);
            }
            self.clear_suspects_of_block(slot, order);
            let BlockRelease { freed, free_before } = self.bitmap().release_block(slot, order);
            self.counters.count(Event::Released, freed);
            match free_before {
                None => Ok(()),
                Some(slot) => Err(self.not_allocated(slot)),
            }
        });
        if outcome.is_err() {
            self.counters.count(Event::ReleaseError, 1);
        }
        outcome
    }

    /// Releases many addresses, and returns how many, and what was wrong with the others.
    ///
    /// It is cheapest if neighboring addresses follow each other, because those of one word are released in one step.
    /// The whole is not atomic: other threads may see some of the addresses free before the rest.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addrs = pool.allocate_many(100)?;
    /// assert_eq!(pool.release_many(&addrs).released, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_many(&self, addrs: &[N::Addr]) -> ReleasedMany {
        let mut report = ReleasedMany::default();
        let mut group = Group::of(0);
        let mut rest = addrs;
        while let Some((&addr, later)) = rest.split_first() {
            rest = later;
            match self.slot_to_release(addr) {
                Ok(slot) => {
                    if !group.has_room_for(slot) {
                        self.release_group(&group, &mut report);
                        group = Group::of(word_of(slot));
                    }
                    group.bits |= bit_of(slot);
                    if self.geometry.follows(later.first(), addr) {
                        let row = self.add_neighbors(&mut group, slot, later);
                        rest = &later[row..];
                    }
                }
                Err(error) => {
                    self.release_group(&group, &mut report);
                    group.bits = 0;
                    report.refuse(error);
                }
            }
        }
        self.release_group(&group, &mut report);
        self.counters.count(Event::Released, report.released);
        if report.errors() != 0 {
            self.counters.count(Event::ReleaseError, report.errors());
        }
        report
    }

    /// Adds those of `addrs` that are the neighbors behind `slot`, as far as there is room for them in the group, and
    /// returns how many.
    fn add_neighbors(&self, group: &mut Group, slot: Slot, addrs: &[N::Addr]) -> usize {
        let room = group.room_behind(slot);
        let row = self.geometry.neighbors_among(addrs, slot, room);
        // Shifted twice, because the slot may be the last one of its word.
        group.bits |= (((1 << row) - 1) << (slot % SLOTS_PER_WORD)) << 1;
        row
    }

    fn release_group(&self, group: &Group, report: &mut ReleasedMany) {
        if group.bits == 0 {
            return;
        }
        if self.words.is_forked() {
            for _ in 0..group.bits.count_ones() {
                report.refuse(ReleaseError::Forked);
            }
            return;
        }
        if self.words.has_suspects() {
            self.words.clear_suspects(group.word_index, group.bits);
        }
        let free_before = self.bitmap().release_bits(group.word_index, group.bits);
        report.released += u64::from((group.bits & !free_before).count_ones());
        for slot in crate::slot::slots_in(group.word_index, free_before) {
            report.refuse(self.not_allocated(slot));
        }
    }

    #[inline]
    pub(super) fn slot_to_release(&self, addr: N::Addr) -> Result<Slot, ReleaseError> {
        match self.geometry.main_slot_of(addr) {
            Some(slot) => Ok(slot),
            None => self.far_slot_to_release(addr),
        }
    }

    #[cold]
    fn far_slot_to_release(&self, addr: N::Addr) -> Result<Slot, ReleaseError> {
        match self.geometry.place_of(addr) {
            Place::Usable(slot) if self.geometry.names_its_unit(addr) => Ok(slot),
            Place::Usable(slot) => Err(ReleaseError::Misaligned {
                addr: addr.into(),
                unit: self.geometry.net_of(slot).into(),
            }),
            Place::Reserved(_) => Err(ReleaseError::Reserved { addr: addr.into() }),
            Place::Outside => Err(ReleaseError::OutOfRange { addr: addr.into() }),
        }
    }

    /// Returns the first slot and the order of a block if all its slots can be released.
    fn block_to_release(&self, block: N) -> Result<(Slot, u32), ReleaseError> {
        let addr = block.written_addr().into();
        self.place_of_block(block).map_err(|no| match no {
            NoBlock::OutOfRange => ReleaseError::OutOfRange { addr },
            NoBlock::Inside(unit) => ReleaseError::Misaligned {
                addr,
                unit: unit.into(),
            },
            NoBlock::Reserved(slot) => ReleaseError::Reserved {
                addr: self.geometry.addr_of(slot).into(),
            },
        })
    }

    fn not_allocated(&self, slot: Slot) -> ReleaseError {
        ReleaseError::NotAllocated {
            addr: self.geometry.addr_of(slot).into(),
        }
    }
}
