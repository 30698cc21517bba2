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
#[derive(Clone, Copy)]
enum NotHeld {
    Ended,
    Stale,
    /// A child of the process that opened the file sees no records.
    Forked,
}

/// What a release found, in one register.
#[derive(Clone, Copy)]
enum LetGo {
    Ended,
    Not(NotHeld),
}

impl LetGo {
    #[inline]
    fn answer(self) -> Result<Released, ReleaseError> {
        match self {
            Self::Ended => Ok(Released::Ended),
            Self::Not(NotHeld::Ended) => Ok(Released::AlreadyEnded),
            Self::Not(NotHeld::Stale) => Ok(Released::Stale),
            Self::Not(NotHeld::Forked) => Err(ReleaseError::Forked),
        }
    }
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
    /// since; [`RenewError::BadTerm`] for a term of zero or of more than four years. Nothing was changed then.
    /// [`RenewError::File`] if the file refuses it, or cannot make it durable.
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
    #[inline]
    pub fn renew(&self, lease: &Lease<N::Addr>, term: Term) -> Result<(), RenewError> {
        let slot = self.slot_to_renew(lease.addr())?;
        let until = match term {
            Term::Forever => Tick::NEVER,
            Term::For(duration) => tick_after(self.clock.seconds(), duration)?,
        };
        self.prolong(slot, lease, until)?;
        Ok(self.wait_until_durable()?)
    }

    fn prolong(&self, slot: Slot, lease: &Lease<N::Addr>, until: Tick) -> Result<(), RenewError> {
        let mut word = self.records.load(slot);
        loop {
            while self.is_held_in(word, lease.generation()) {
                let renewed = word.changed(State::Leased, until.max(word.until()));
                match self.records.exchange(slot, word, renewed) {
                    Ok(()) => return Ok(()),
                    Err(other) => word = other,
                }
            }
            if let Some(error) = self.refuse_renewal(slot, word, lease) {
                return Err(error);
            }
            word = self.records.load(slot);
        }
    }

    #[cold]
    fn refuse_renewal(&self, slot: Slot, word: Word, lease: &Lease<N::Addr>) -> Option<RenewError> {
        let addr = lease.addr().into();
        Some(match self.why_not_held(slot, word, lease.generation())? {
            NotHeld::Ended => RenewError::Ended { addr },
            NotHeld::Stale => RenewError::Stale { addr },
            NotHeld::Forked => FileRefusal::Forked.into(),
        })
    }

    #[inline(always)]
    fn is_held_in(&self, word: Word, generation: u64) -> bool {
        word.is_held() && self.generation_of(word) == generation
    }

    /// Returns why a lease is not held; `None` if it is held after all.
    ///
    /// A holder that is refused believes that its lease has ended. If a pass has ended it, its undo must not make it hold
    /// again from here on: that takes the mark of the pass.
    fn why_not_held(&self, slot: Slot, mut word: Word, generation: u64) -> Option<NotHeld> {
        if self.refusal() == Some(FileRefusal::Forked) {
            return Some(NotHeld::Forked);
        }
        loop {
            if self.is_held_in(word, generation) {
                return None;
            }
            if self.generation_of(word) != generation {
                return Some(NotHeld::Stale);
            }
            if !word.is_marked() {
                return Some(NotHeld::Ended);
            }
            let unmarked = word.changed(word.state(), word.until());
            match self.records.exchange(slot, word, unmarked) {
                Ok(()) => return Some(NotHeld::Ended),
                Err(other) => word = other,
            }
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
    // Inlined: it builds the result where the caller takes it apart.
    #[inline]
    pub fn release(&self, lease: &Lease<N::Addr>) -> Result<Released, ReleaseError> {
        match self.pool.geometry().main_slot_of(lease.addr()) {
            Some(slot) => self.release_slot(slot, lease.generation()).answer(),
            None => self.release_far(lease),
        }
    }

    #[cold]
    #[inline(never)]
    fn release_far(&self, lease: &Lease<N::Addr>) -> Result<Released, ReleaseError> {
        let slot = self.far_slot_to_release(lease.addr())?;
        self.release_slot(slot, lease.generation()).answer()
    }

    /// Releases what is held at a slot in this generation. What is rare is called last, so that the usual call saves
    /// few registers.
    #[inline(never)]
    fn release_slot(&self, slot: Slot, generation: u64) -> LetGo {
        let Some(record) = self.records.of(slot) else {
            return self.refuse_release(slot, Word::VOID, generation);
        };
        let word = record.load();
        if !self.is_held_in(word, generation) {
            return self.refuse_release(slot, word, generation);
        }
        if self.rests_after(word) {
            return self.release_to_rest(slot, word);
        }
        let free = word.changed(State::Free, Tick::ZERO);
        if record.exchange(word, free).is_err() {
            return self.release_again(slot, generation);
        }
        self.end_with_token(slot)
    }

    /// Ends a release: gives the slot its token, after the exchange. So the next claimer finds the record free.
    #[inline(never)]
    fn end_with_token(&self, slot: Slot) -> LetGo {
        self.pool.give_token(slot);
        self.count(Event::Released, 1);
        LetGo::Ended
    }

    #[inline(never)]
    fn release_to_rest(&self, slot: Slot, word: Word) -> LetGo {
        let resting = word.changed(State::Cooling, self.rested_after(word));
        match self.records.exchange(slot, word, resting) {
            Ok(()) => {
                self.count(Event::Released, 1);
                LetGo::Ended
            }
            Err(_) => self.release_again(slot, self.generation_of(word)),
        }
    }

    /// Releases what another thread has just renewed, ended or freed.
    #[cold]
    #[inline(never)]
    fn release_again(&self, slot: Slot, generation: u64) -> LetGo {
        self.release_slot(slot, generation)
    }

    #[cold]
    #[inline(never)]
    fn refuse_release(&self, slot: Slot, word: Word, generation: u64) -> LetGo {
        match self.why_not_held(slot, word, generation) {
            Some(why) => {
                self.count(Event::ReleaseError, 1);
                LetGo::Not(why)
            }
            None => self.release_again(slot, generation),
        }
    }

    #[cold]
    fn far_slot_to_release(&self, addr: N::Addr) -> Result<Slot, ReleaseError> {
        self.far_slot_of(addr).map_err(|why| {
            self.count(Event::ReleaseError, 1);
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
