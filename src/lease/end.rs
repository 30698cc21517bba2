//! Renewals and releases: what a holder does with the lease.

use super::error::RenewError;
use super::lease::Lease;
use super::pool::LeasePool;
use super::time::{Term, Tick, tick_after};
use super::word::{State, Word};
use crate::error::ReleaseError;
use crate::file_refusal::FileRefusal;
use crate::geometry::Place;
use crate::network::Network;
use crate::slot::Slot;
use crate::stats::Event;

/// What a release found. None of them is an error: a release may be repeated.
///
/// ```
/// use hostbits::lease::{LeasePool, Released, Term};
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let lease = pool.allocate(Term::Forever)?;
/// assert_eq!(pool.release(&lease)?, Released::Ended);
/// assert_eq!(pool.release(&lease)?, Released::AlreadyEnded);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[must_use = "it says whether the lease was still held"]
#[non_exhaustive]
pub enum Released {
    /// The lease has ended now.
    Ended,
    /// The lease had ended before, and the address has had no holder since. Nothing was changed.
    AlreadyEnded,
    /// The lease is of another generation: the address has had other holders since, or the lease is of another pool.
    /// Nothing was changed.
    Stale,
}

/// Why a lease is not one that is held.
enum NotHeld {
    Ended,
    Stale,
}

impl<N: Network> LeasePool<N> {
    /// Renews a lease. The first renewal commits an offer: write the lease down before it.
    ///
    /// Never shortens a lease, and returns `Ok` as long as no other caller can have got the address: also after the term, if
    /// the lease has not been swept yet. `Term::Forever` needs no clock.
    ///
    /// # Errors
    ///
    /// [`RenewError::Ended`] if the lease has ended, and [`RenewError::Stale`] if the address has had another holder
    /// since; [`RenewError::BadTerm`] for a term of zero or of more than four years. Nothing was changed.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let lease = pool.allocate(Duration::from_secs(30))?;
    /// pool.renew(&lease, Term::For(Duration::from_secs(3600)))?;
    /// assert!(pool.renew(&lease, Term::For(Duration::MAX)).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renew(&self, lease: &Lease<N::Addr>, term: Term) -> Result<(), RenewError> {
        let slot = self.slot_to_renew(lease.addr())?;
        let until = match term {
            Term::Forever => Tick::NEVER,
            Term::For(duration) => tick_after(self.clock.now(), duration)?,
        };
        let mut word = self.records.load(slot);
        loop {
            self.check_held(word, lease)
                .map_err(|why| self.not_renewed(lease, why))?;
            let renewed = word.changed(State::Leased, until.max(word.until()));
            match self.records.exchange(slot, word, renewed) {
                Ok(()) => return Ok(self.wait_until_durable()?),
                Err(other) => word = other,
            }
        }
    }

    #[cold]
    fn not_renewed(&self, lease: &Lease<N::Addr>, why: NotHeld) -> RenewError {
        let addr = lease.addr().into();
        match (self.refusal(), why) {
            // A child of the process that opened the file sees no records.
            (Some(FileRefusal::Forked), _) => FileRefusal::Forked.into(),
            (_, NotHeld::Ended) => RenewError::Ended { addr },
            (_, NotHeld::Stale) => RenewError::Stale { addr },
        }
    }

    #[inline]
    fn check_held(&self, word: Word, lease: &Lease<N::Addr>) -> Result<(), NotHeld> {
        let is_same = self.generation_of(word) == lease.generation();
        match (is_same, word.is_held()) {
            (true, true) => Ok(()),
            (true, false) => Err(NotHeld::Ended),
            (false, _) => Err(NotHeld::Stale),
        }
    }

    /// Releases a lease, offered or committed. The address rests for the cooldown, and is then free.
    ///
    /// Can be repeated. A release by a former holder changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`] if the address is reserved, not in the pool, or within a unit without being its first address.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Released, Term};
    /// use std::time::Duration;
    ///
    /// let net: ipnet::Ipv4Net = "10.0.0.0/30".parse()?;
    /// let pool = LeasePool::builder(net).cooldown(Duration::ZERO).build()?;
    /// let old = pool.allocate(Term::Forever)?;
    /// assert_eq!(pool.release(&old)?, Released::Ended);
    /// let new = pool.allocate(Term::Forever)?;
    /// assert_eq!(new.addr(), old.addr());
    /// assert_eq!(pool.release(&old)?, Released::Stale); // It changes nothing for the new holder.
    /// assert_eq!(pool.release(&new)?, Released::Ended);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn release(&self, lease: &Lease<N::Addr>) -> Result<Released, ReleaseError> {
        let slot = match self.pool.geometry().main_slot_of(lease.addr()) {
            Some(slot) => slot,
            None => self.far_slot_to_release(lease.addr())?,
        };
        let mut word = self.records.load(slot);
        loop {
            match self.check_held(word, lease) {
                Ok(()) => {}
                Err(NotHeld::Ended) => return self.refuse_release(Released::AlreadyEnded),
                Err(NotHeld::Stale) => return self.refuse_release(Released::Stale),
            }
            let after = self.ended(word);
            match self.records.exchange(slot, word, after) {
                Ok(()) => {
                    // The token after the exchange: the next claimer finds the record free.
                    if after.state() == State::Free {
                        self.pool.give_token(slot);
                    }
                    self.counters.count(Event::Released, 1);
                    return Ok(Released::Ended);
                }
                Err(other) => word = other,
            }
        }
    }

    #[cold]
    fn refuse_release(&self, why: Released) -> Result<Released, ReleaseError> {
        self.counters.count(Event::ReleaseError, 1);
        match self.refusal() {
            // A child of the process that opened the file sees no records.
            Some(FileRefusal::Forked) => Err(ReleaseError::Forked),
            _ => Ok(why),
        }
    }

    #[cold]
    fn far_slot_to_release(&self, addr: N::Addr) -> Result<Slot, ReleaseError> {
        self.far_slot_of(addr).map_err(|why| {
            self.counters.count(Event::ReleaseError, 1);
            let addr = addr.into();
            match why {
                NoSlot::OutOfRange => ReleaseError::OutOfRange { addr },
                NoSlot::Reserved => ReleaseError::Reserved { addr },
                NoSlot::Within(unit) => ReleaseError::Misaligned {
                    addr,
                    unit: unit.into(),
                },
            }
        })
    }

    #[inline]
    fn slot_to_renew(&self, addr: N::Addr) -> Result<Slot, RenewError> {
        match self.pool.geometry().main_slot_of(addr) {
            Some(slot) => Ok(slot),
            None => self.far_slot_to_renew(addr),
        }
    }

    #[cold]
    fn far_slot_to_renew(&self, addr: N::Addr) -> Result<Slot, RenewError> {
        self.far_slot_of(addr).map_err(|why| {
            let addr = addr.into();
            match why {
                NoSlot::OutOfRange => RenewError::OutOfRange { addr },
                NoSlot::Reserved => RenewError::Reserved { addr },
                NoSlot::Within(unit) => RenewError::Misaligned {
                    addr,
                    unit: unit.into(),
                },
            }
        })
    }

    /// Returns the slot that an address names, wherever it is.
    pub(super) fn far_slot_of(&self, addr: N::Addr) -> Result<Slot, NoSlot<N>> {
        let geometry = self.pool.geometry();
        match geometry.place_of(addr) {
            Place::Usable(slot) if geometry.names_its_unit(addr) => Ok(slot),
            Place::Usable(slot) => Err(NoSlot::Within(geometry.net_of(slot))),
            Place::Reserved(_) => Err(NoSlot::Reserved),
            Place::Outside => Err(NoSlot::OutOfRange),
        }
    }
}

/// Why an address names no slot that can be handed out.
pub(super) enum NoSlot<N> {
    OutOfRange,
    Reserved,
    /// It is within this unit, but not its first address.
    Within(N),
}
