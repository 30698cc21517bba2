//! Allocating exactly one block, and the checks that releasing a block shares with it.

use crate::bitmap::BlockCandidates;
use crate::error::AllocateExactError;
use crate::network::Network;
use crate::pool::Pool;
use crate::slot::Slot;
use crate::stats::Event;
use crate::storage::SlotRange;

/// Why a prefix is not a block of a pool.
pub(in crate::pool) enum NoBlock<N> {
    OutOfRange,
    /// The block begins inside this prefix.
    Inside(N),
    /// This slot of the block is never handed out.
    Reserved(Slot),
}

impl<N: Network> Pool<N> {
    /// Allocates exactly this block: all addresses of the prefix, or none.
    ///
    /// If several callers want overlapping blocks, one of them gets its block. No other call fails because of a call
    /// that is refused: a call that would fail with "exhausted" or "already allocated" because of the slots that the
    /// refused call holds for a moment waits until they are released. A block of up to 64 slots is claimed in one step.
    ///
    /// # Errors
    ///
    /// [`AllocateExactError::AlreadyAllocated`] if at some instant of the call an address of the block was held; it names
    /// one that still is, or else the first of the block. Otherwise, an address of the block is reserved, or the block is outside the
    /// pool, spans two of its ranges, is smaller than a slot, or has host bits set. Nothing was changed.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let block = "10.0.0.64/27".parse()?;
    /// pool.allocate_block_exact(block)?;
    /// assert_eq!(pool.allocated(), 32);
    /// let error = pool.allocate_block_exact("10.0.0.0/25".parse()?).unwrap_err();
    /// assert_eq!(error.code(), "reserved");
    /// pool.release_block(block)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_block_exact(&self, block: N) -> Result<(), AllocateExactError> {
        let (first, order) = match self.place_of_block(block) {
            Ok(place) => place,
            Err(no) => return Err(self.refuse_block(block, no)),
        };
        let last = last_of(first, order);
        let this = [BlockCandidates {
            first,
            count: 1,
            order,
        }];
        let claimed = self.claim(|bitmap| {
            let first = self.claim_or_scrub(|| bitmap.claim_block(&this))?;
            Some(SlotRange(first, last))
        })?;
        if claimed.is_none() {
            let taken = self.bitmap().taken_slots(first, last).next();
            let addr = self.geometry.addr_of(taken.unwrap_or(first)).into();
            let error = AllocateExactError::AlreadyAllocated { addr };
            return Err(self.refuse_exact(Event::Taken, error));
        }
        self.counters.allocated(Event::Block, 1 << order);
        Ok(())
    }

    fn refuse_block(&self, block: N, no: NoBlock<N>) -> AllocateExactError {
        let addr = block.written_addr().into();
        let (reason, error) = match no {
            NoBlock::OutOfRange => (Event::OutOfRange, AllocateExactError::OutOfRange { addr }),
            NoBlock::Inside(unit) => {
                let unit = unit.into();
                let error = AllocateExactError::Misaligned { addr, unit };
                (Event::OutOfRange, error)
            }
            NoBlock::Reserved(slot) => {
                let addr = self.geometry.addr_of(slot).into();
                (Event::Reserved, AllocateExactError::Reserved { addr })
            }
        };
        self.refuse_exact(reason, error)
    }

    /// Returns the first slot and the order of a block, if all its slots can be handed out.
    pub(in crate::pool) fn place_of_block(&self, block: N) -> Result<(Slot, u32), NoBlock<N>> {
        let geometry = &self.geometry;
        let first_addr = block.written_addr();
        if N::addr_width(first_addr) != geometry.addr_width() {
            return Err(NoBlock::OutOfRange);
        }
        let first = geometry.slot_of(first_addr).ok_or(NoBlock::OutOfRange)?;
        if block.mask_len() > geometry.unit() {
            return Err(NoBlock::Inside(geometry.net_of(first)));
        }
        let aligned = N::around(first_addr, block.mask_len());
        if aligned != block {
            return Err(NoBlock::Inside(aligned));
        }
        let order = u32::from(geometry.unit() - block.mask_len());
        let last = self
            .last_slot_of_block(first, order)
            .ok_or(NoBlock::OutOfRange)?;
        match self.first_reserved(first, last) {
            Some(slot) => Err(NoBlock::Reserved(slot)),
            None => Ok((first, order)),
        }
    }

    /// Returns the first and the last slot of a block that can be handed out.
    pub(crate) fn slots_of_block(&self, block: N) -> Option<(Slot, Slot)> {
        let (first, order) = self.place_of_block(block).ok()?;
        Some((first, last_of(first, order)))
    }

    /// Returns the last slot of the block of 2^`order` slots at `first`, if all of them are in one range.
    fn last_slot_of_block(&self, first: Slot, order: u32) -> Option<Slot> {
        let slots = 1u64.checked_shl(order)?;
        let last = Slot::try_from(u64::from(first) + (slots - 1)).ok()?;
        let holds =
            |segment: &crate::geometry::Segment<_>| segment.first <= first && last <= segment.last;
        self.geometry.segments().iter().any(holds).then_some(last)
    }

    /// Returns the first slot of `first..=last` that is never handed out.
    fn first_reserved(&self, first: Slot, last: Slot) -> Option<Slot> {
        match self.geometry.runs_within(first, last).next() {
            Some(run) if run.first > first => Some(first),
            Some(run) if run.last < last => Some(run.last + 1),
            Some(_) => None,
            None => Some(first),
        }
    }
}

/// Returns the last slot of a block that is in a pool.
fn last_of(first: Slot, order: u32) -> Slot {
    (u64::from(first) + ((1u64 << order) - 1)) as Slot
}
