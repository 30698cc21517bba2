//! Allocating the next free address from a given one on.

use crate::bitmap::Way;
use crate::error::AllocateError;
use crate::network::Network;
use crate::pool::{Part, Pool};
use crate::slot::Slot;
use crate::stats::Event;

impl<N: Network> Pool<N> {
    /// Allocates the first free address at or after `addr`, or else the first from the beginning of the pool.
    ///
    /// Ignores the policy, and does not change its state. `addr` need not be in the pool; addresses compare as numbers,
    /// so an address inside a unit leads to the next unit. Lock-free, as [`allocate`](Self::allocate). Each address
    /// between `addr` and the returned one was seen taken at some moment of the call.
    ///
    /// # Errors
    ///
    /// [`AllocateError::Exhausted`] if at some instant of the call no address of the whole pool was free;
    /// [`AllocateError::OutOfRange`] if `addr` is of the other family, and so comes before or after nothing.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let last = "10.0.0.254".parse()?;
    /// assert_eq!(pool.allocate_from(last)?, last);
    /// assert_eq!(pool.allocate_from(last)?.to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_from(&self, addr: N::Addr) -> Result<N::Addr, AllocateError> {
        let Some(start) = self.start_from(addr) else {
            self.counters.count(Event::OutOfRange, 1);
            let addr = addr.into();
            return Err(AllocateError::OutOfRange {
                first: addr,
                last: addr,
            });
        };
        self.allocate_from_slot(start)
    }

    /// Allocates the first free address from this slot on, wrapping around. The bitmap proves "none" for the whole pool: two
    /// searches, one up to the end and one up to here, would miss an address that moves from one part to the other.
    pub(in crate::pool) fn allocate_from_slot(
        &self,
        start: Slot,
    ) -> Result<N::Addr, AllocateError> {
        let claimed = self.claim(|bitmap| self.claim_or_scrub(|| bitmap.claim_from(start)))?;
        let Some(slot) = claimed else {
            self.count_exhausted();
            return self.exhausted();
        };
        self.counters.allocated(Event::Preferred, 1);
        Ok(self.geometry.addr_of(slot))
    }

    /// Returns the slot where a search from `addr` on begins: after the last one, the first; `None` in the other family.
    fn start_from(&self, addr: N::Addr) -> Option<Slot> {
        self.geometry.in_family(addr.into())?;
        Some(self.next_slot(addr).unwrap_or(0))
    }

    /// Returns the lowest slot at or after `addr`, if there is one.
    pub(crate) fn next_slot(&self, addr: N::Addr) -> Option<Slot> {
        let slot = self.geometry.first_slot_from(addr);
        slot.filter(|&slot| slot <= self.last_slot())
    }

    /// Claims the lowest free slot of the first of these parts that has one, whatever the policy. `Ok(None)` proves
    /// nothing.
    pub(crate) fn try_allocate_up(&self, parts: &[Part]) -> Result<Option<N::Addr>, AllocateError> {
        let claimed = self.claim(|bitmap| {
            let mut parts = parts.iter();
            parts.find_map(|&(first, last)| bitmap.find(first, Way::UpFrom(first), last))
        })?;
        let Some(slot) = claimed else { return Ok(None) };
        self.counters.allocated(Event::Preferred, 1);
        Ok(Some(self.geometry.addr_of(slot)))
    }
}
