//! The verbs that give addresses back.

use super::Pool;
use super::claim::exact_block::NoBlock;
use crate::bitmap::BlockRelease;
use crate::error::ReleaseError;
use crate::geometry::Place;
use crate::network::Network;
use crate::slot::{Slot, bit_of, word_of};
use crate::stats::Event;

/// What became of the addresses given to [`Pool::release_many`].
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
    /// Addresses that were allocated and are free now.
    pub released: u64,
    /// Addresses that nobody held, or that came twice.
    pub not_allocated: u64,
    /// Addresses that are never handed out.
    pub reserved: u64,
    /// Addresses that are not of the pool.
    pub out_of_range: u64,
    /// Addresses inside a unit, which name nothing.
    pub misaligned: u64,
    /// Addresses of a pool file that a parent of this process has opened: see [`ReleaseError::Forked`].
    pub forked: u64,
    /// The first thing that went wrong.
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

/// Slots of one word on their way back.
struct Group {
    word_index: usize,
    bits: u64,
}

impl<N: Network> Pool<N> {
    /// Releases `addr`. What its holder did happens before the next allocation of it.
    ///
    /// A double release is an error and changes nothing, as long as nobody else has got the address
    /// meanwhile: one bit cannot tell holders apart. A [`Guard`](crate::Guard) releases once. Never
    /// release a guard's address here: it may be somebody else's by the time the guard is dropped,
    /// and would be taken from them.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::NotAllocated`] if nobody held it; otherwise the address is reserved, not of
    /// the pool, or inside a unit instead of naming it. Nothing has changed.
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
            Some(slot) if self.release_slot(slot) => Ok(()),
            Some(_) => Err(self.refuse_free(addr)),
            None => self.release_far(addr),
        }
    }

    #[cold]
    fn release_far(&self, addr: N::Addr) -> Result<(), ReleaseError> {
        match self.far_slot_to_release(addr) {
            Ok(slot) if self.release_slot(slot) => Ok(()),
            Ok(_) => Err(self.refuse_free(addr)),
            Err(error) => {
                self.counters.count(Event::ReleaseError, 1);
                Err(error)
            }
        }
    }

    /// Releases a usable slot; `false` if it was free.
    #[inline]
    fn release_slot(&self, slot: Slot) -> bool {
        let was_taken = self.words.release(slot);
        self.hints.note_freed(slot);
        if was_taken && !self.counters.are_off() {
            self.count_released();
        }
        was_taken
    }

    #[inline(never)]
    fn count_released(&self) {
        self.counters.count(Event::Released, 1);
    }

    /// Counts the refusal of an address that is free.
    #[cold]
    pub(super) fn refuse_free(&self, addr: N::Addr) -> ReleaseError {
        self.counters.count(Event::ReleaseError, 1);
        if self.words.is_forked() {
            return ReleaseError::Forked;
        }
        ReleaseError::NotAllocated { addr: addr.into() }
    }

    /// Releases a block that [`allocate_block`](Self::allocate_block) gave, or any aligned block of
    /// which every address is allocated.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::NotAllocated`] names the first address of the block that nobody held, and
    /// nothing has changed; otherwise an address is reserved, not of the pool, or the block does not
    /// begin where a block of its size does. If somebody else releases parts of the block *during*
    /// the call, the rest is released all the same, and the error names an address.
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

    /// Releases many addresses, and says what became of them.
    ///
    /// Cheapest when neighbours stand together: those of one word are one step.
    /// The whole is not: others may see some of the addresses free before the rest.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let addrs = pool.allocate_many(100)?;
    /// assert_eq!(pool.release_many(&addrs).released, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_many(&self, addrs: &[N::Addr]) -> ReleasedMany {
        let mut report = ReleasedMany::default();
        let mut group = Group {
            word_index: 0,
            bits: 0,
        };
        for &addr in addrs {
            match self.slot_to_release(addr) {
                Ok(slot) => {
                    let (word_index, bit) = (word_of(slot), bit_of(slot));
                    if word_index != group.word_index || group.bits & bit != 0 {
                        self.release_group(&group, &mut report);
                        group = Group {
                            word_index,
                            bits: 0,
                        };
                    }
                    group.bits |= bit;
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

    /// The first slot and the order of a block whose every slot can be released.
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
