//! Allocation: a token is claimed as in a plain pool, then the record of its slot makes a holder.

use super::end::NoSlot;
use super::error::{BadTerm, OfferError};
use super::lease::Lease;
use super::pool::LeasePool;
use super::sweep::Refused;
use super::time::{Grant, Term, Tick, tick_after};
use super::word::{State, Word};
use crate::file_refusal::FileRefusal;
use crate::geometry::Place;
use crate::network::Network;
use crate::slot::Slot;
use crate::stats::Event;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What is written into the record of a new holding.
#[derive(Clone, Copy)]
pub(super) struct Granted {
    pub(super) state: State,
    pub(super) until: Tick,
}

impl<N: Network> LeasePool<N> {
    /// Allocates a free address, chosen by the pool's [`Policy`](crate::Policy): an offer for a `Duration`, or a lease at
    /// once for a [`Term`].
    ///
    /// An offer that is not [renewed](Self::renew) in time ends by itself. So write the lease down, and then renew it:
    /// a caller that dies in between has lost nothing.
    ///
    /// # Errors
    ///
    /// [`OfferError::Exhausted`] if at some instant of the call nothing was free, after all whose time had come were made
    /// free; it says when the next one will be. [`OfferError::BadTerm`] if the offer or the term is zero, or longer than
    /// four years.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.allocate(Duration::from_secs(30))?.addr().to_string(), "10.0.0.2");
    /// assert_eq!(pool.allocate(Term::Forever)?.addr().to_string(), "10.0.0.3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    // Always inlined, as in a plain pool: returning a result that the caller takes apart costs as much as the claim.
    #[inline(always)]
    pub fn allocate(&self, grant: impl Into<Grant>) -> Result<Lease<N::Addr>, OfferError> {
        let granted = self.granted(grant.into())?;
        let (slot, word) = self.take_any(granted)?;
        self.wait_until_durable()?;
        self.count_allocated(Event::Any, 1);
        Ok(self.lease_at(slot, word))
    }

    #[inline(always)]
    pub(super) fn take_any(&self, granted: Granted) -> Result<(Slot, Word), OfferError> {
        self.take_until_refused(
            || Ok(self.pool.claim_token().get()),
            |slot| self.take(slot, granted),
        )
    }

    /// Makes a holder of a slot whose token was claimed; `None` if it is not free.
    #[inline]
    fn take(&self, slot: Slot, granted: Granted) -> Option<Word> {
        let Granted { state, until } = granted;
        self.records
            .take(slot, state, until, |generation| self.may_offer(generation))
    }

    /// Returns whether a generation may be offered. One that is lost with the machine must not come back: in a file, those
    /// up to a limit are reserved, and the limit is on the disk before one beyond it is offered.
    #[inline]
    pub(super) fn may_offer(&self, generation: u32) -> bool {
        self.records.is_within_limit(generation) || self.reserve_generations(generation)
    }

    #[cold]
    #[inline(never)]
    fn reserve_generations(&self, generation: u32) -> bool {
        let Some(file) = self.pool.lease_file() else {
            return true;
        };
        match file.reserve_generations(generation) {
            Ok(limit) => {
                self.records.raise_limit(limit);
                true
            }
            // The file is poisoned: nothing is offered any more.
            Err(_) => false,
        }
    }

    /// Waits until a lease that was made or prolonged is as durable as the pool promises.
    #[inline]
    pub(super) fn wait_until_durable(&self) -> Result<(), FileRefusal> {
        match self.pool.lease_file() {
            None => Ok(()),
            Some(file) => file.confirm(),
        }
    }

    /// Returns why nothing is offered, if the reason is the file.
    #[cold]
    pub(super) fn refusal(&self) -> Option<FileRefusal> {
        self.pool.lease_file().and_then(|file| file.refusal())
    }

    /// Claims tokens until one leads to a free record, or until nothing is free and nothing is due.
    #[inline(always)]
    pub(super) fn take_until_refused(
        &self,
        claim: impl Fn() -> Result<Option<Slot>, OfferError>,
        mut take: impl FnMut(Slot) -> Option<Word>,
    ) -> Result<(Slot, Word), OfferError> {
        loop {
            // Read before the search; see `sweep_for_refused`.
            let round = self.swept_at.last_round();
            match claim()? {
                Some(slot) => {
                    if let Some(word) = take(slot) {
                        return Ok((slot, word));
                    }
                    // A token too many, given by a repair. It is gone now.
                }
                None => match self.sweep_for_refused(round) {
                    Refused::Again => {}
                    Refused::Exhausted(next_in) => return Err(self.refused(next_in)),
                },
            }
        }
    }

    /// Returns why a call for any address fails: because of the file, or since nothing is free.
    #[cold]
    fn refused(&self, next_in: Option<Duration>) -> OfferError {
        match self.refusal() {
            Some(refusal) => refusal.into(),
            None => self.exhausted(next_in),
        }
    }

    #[cold]
    fn exhausted(&self, next_in: Option<Duration>) -> OfferError {
        self.count(Event::Exhausted, 1);
        OfferError::Exhausted {
            capacity: self.capacity(),
            next_in,
        }
    }

    /// Returns what to write into a record; reads the clock if the grant has an end.
    #[inline(always)]
    pub(super) fn granted(&self, grant: Grant) -> Result<Granted, BadTerm> {
        let (state, duration) = match grant {
            Grant::Offer(duration) => (State::Offered, duration),
            Grant::Lease(Term::For(duration)) => (State::Leased, duration),
            Grant::Lease(Term::Forever) => {
                return Ok(Granted {
                    state: State::Leased,
                    until: Tick::NEVER,
                });
            }
        };
        let until = tick_after(self.clock.seconds(), duration)?;
        Ok(Granted { state, until })
    }

    /// Allocates exactly `addr`, if it is free.
    ///
    /// # Errors
    ///
    /// [`OfferError::NotFree`] if the address is held or rests after it was, with the time when that ends by itself.
    /// Otherwise, the address is reserved, not in the pool, or within a unit; or the term does not fit.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, OfferError, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let lease = pool.allocate_exact("10.0.0.7".parse()?, Term::Forever)?;
    /// assert_eq!(lease.addr().to_string(), "10.0.0.7");
    /// let error = pool.allocate_exact("10.0.0.7".parse()?, Term::Forever).unwrap_err();
    /// assert!(matches!(error, OfferError::NotFree { next_in: None, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_exact(
        &self,
        addr: N::Addr,
        grant: impl Into<Grant>,
    ) -> Result<Lease<N::Addr>, OfferError> {
        let slot = self.slot_to_take(addr)?;
        let granted = self.granted(grant.into())?;
        match self.take_exact(slot, granted) {
            Some(word) => {
                self.wait_until_durable()?;
                self.count_allocated(Event::Exact, 1);
                Ok(self.lease_at(slot, word))
            }
            None => {
                if let Some(refusal) = self.refusal() {
                    return Err(refusal.into());
                }
                self.count(Event::Taken, 1);
                Err(OfferError::NotFree {
                    addr: addr.into(),
                    next_in: self.free_in(slot),
                })
            }
        }
    }

    /// Takes this slot, after freeing it if it is due; `None` if it is not free.
    fn take_exact(&self, slot: Slot, granted: Granted) -> Option<Word> {
        let take = || {
            let is_claimed = self.pool.claim_token_of(slot);
            is_claimed.then(|| self.take(slot, granted))?
        };
        take().or_else(|| {
            self.sweep_slots(slot..=slot, self.clock.settled()?);
            take()
        })
    }

    /// Returns when a slot becomes free by itself.
    fn free_in(&self, slot: Slot) -> Option<Duration> {
        let free_at = self.records.load(slot).free_at(self.cooldown)?;
        // What is beyond the end of the clock never comes.
        free_at.min(Tick::NEVER).remaining(self.clock.now())
    }

    fn slot_to_take(&self, addr: N::Addr) -> Result<Slot, OfferError> {
        if let Some(slot) = self.pool.geometry().main_slot_of(addr) {
            return Ok(slot);
        }
        self.far_slot_of(addr).map_err(|why| {
            let (event, error) = match (why, addr.into()) {
                (NoSlot::Reserved, addr) => (Event::Reserved, OfferError::Reserved { addr }),
                (NoSlot::OutOfRange, addr) => {
                    let (first, last) = (addr, addr);
                    (Event::OutOfRange, OfferError::OutOfRange { first, last })
                }
                (NoSlot::Within(unit), addr) => {
                    let unit = unit.into();
                    (Event::OutOfRange, OfferError::Misaligned { addr, unit })
                }
            };
            self.count(event, 1);
            error
        })
    }

    /// Allocates `addr` if it is free, and any other address otherwise. Use it for the address that a DHCP client
    /// requests.
    ///
    /// An unsuitable `addr` is not an error: if it is of the other family, out of range, reserved, held or resting, it
    /// merely expresses no preference. An address within a unit stands for that unit.
    ///
    /// # Errors
    ///
    /// As [`allocate`](Self::allocate).
    ///
    /// ```
    /// use hostbits::lease::LeasePool;
    /// use std::time::Duration;
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let (wanted, offer) = ("10.0.0.99".parse()?, Duration::from_secs(30));
    /// assert_eq!(pool.allocate_preferring(wanted, offer)?.addr(), wanted);
    /// assert_eq!(pool.allocate_preferring(wanted, offer)?.addr().to_string(), "10.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_preferring(
        &self,
        addr: N::Addr,
        grant: impl Into<Grant>,
    ) -> Result<Lease<N::Addr>, OfferError> {
        let granted = self.granted(grant.into())?;
        let preferred = match self.pool.geometry().place_of(addr) {
            Place::Usable(slot) => self.take_exact(slot, granted).map(|word| (slot, word)),
            Place::Reserved(_) | Place::Outside => None,
        };
        let (slot, word) = match preferred {
            Some(taken) => taken,
            None => self.take_any(granted)?,
        };
        self.wait_until_durable()?;
        self.count_allocated(Event::Preferred, 1);
        Ok(self.lease_at(slot, word))
    }

    /// Allocates a free address within a range, chosen by the pool's policy. The range may extend beyond the pool.
    ///
    /// # Errors
    ///
    /// [`OfferError::Exhausted`] if at some instant of the call no address of the range was free, after all of the range
    /// whose time had come were made free; [`OfferError::OutOfRange`] if the range contains no address of the pool.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// let range = "10.0.0.100".parse()?..="10.0.0.199".parse()?;
    /// assert_eq!(pool.allocate_in(range, Term::Forever)?.addr().to_string(), "10.0.0.100");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_in(
        &self,
        range: RangeInclusive<N::Addr>,
        grant: impl Into<Grant>,
    ) -> Result<Lease<N::Addr>, OfferError> {
        let Some((first, last)) = self.pool.geometry().slots_inside(&range) else {
            self.count(Event::OutOfRange, 1);
            return Err(OfferError::OutOfRange {
                first: (*range.start()).into(),
                last: (*range.end()).into(),
            });
        };
        let granted = self.granted(grant.into())?;
        // Whether a search has followed a sweep that freed nothing, and what that sweep found.
        let mut swept: Option<Option<Duration>> = None;
        loop {
            if let Some(slot) = self.pool.claim_token_in((first, last))? {
                if let Some(word) = self.take(slot, granted) {
                    self.wait_until_durable()?;
                    self.count_allocated(Event::Any, 1);
                    return Ok(self.lease_at(slot, word));
                }
                continue;
            }
            if let Some(next_in) = swept {
                return Err(self.refused(next_in));
            }
            let Some(now) = self.clock.settled() else {
                return Err(self.exhausted(Some(Duration::from_secs(1))));
            };
            let (freed, next) = self.sweep_slots(first..=last, now);
            swept = (freed == 0).then(|| next.remaining(now));
        }
    }

    /// Allocates `count` addresses, or none.
    ///
    /// # Errors
    ///
    /// [`OfferError::Exhausted`] if at some instant of the call fewer than `count` were free, after all whose time had
    /// come were made free; [`OfferError::BadTerm`] as [`allocate`](Self::allocate).
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    ///
    /// let pool = LeasePool::new("10.0.0.0/29".parse::<ipnet::Ipv4Net>()?)?;
    /// assert!(pool.allocate_many(6, Term::Forever).is_err());
    /// assert_eq!(pool.allocate_many(5, Term::Forever)?.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_many(
        &self,
        count: usize,
        grant: impl Into<Grant>,
    ) -> Result<Vec<Lease<N::Addr>>, OfferError> {
        let granted = self.granted(grant.into())?;
        let mut taken = Batch {
            pool: self,
            taken: Vec::with_capacity(count.min(self.records.len())),
        };
        let mut swept: Option<Option<Duration>> = None;
        // More than once only if something was due, or a token was one too many.
        while taken.taken.len() < count {
            match self.pool.allocate_many(count - taken.taken.len()) {
                Ok(addrs) => {
                    let slots = addrs.iter().filter_map(|&addr| self.pool.slot_of(addr));
                    taken.add(slots, granted);
                }
                Err(error) => {
                    if let Some(refusal) = error.of_file() {
                        return Err(refusal.into());
                    }
                    if let Some(next_in) = swept {
                        return Err(self.exhausted(next_in));
                    }
                    let Some(now) = self.clock.settled() else {
                        return Err(self.exhausted(Some(Duration::from_secs(1))));
                    };
                    let (freed, next) = self.sweep_slots(0..=self.last_slot(), now);
                    swept = (freed == 0).then(|| next.remaining(now));
                }
            }
        }
        self.wait_until_durable()?;
        self.count_allocated(Event::Batch, count as u64);
        let taken = std::mem::take(&mut taken.taken);
        let leases = taken.iter().map(|&(slot, word)| self.lease_at(slot, word));
        Ok(leases.collect())
    }
}

/// Slots that were taken and are given back, unless the caller takes them out.
struct Batch<'a, N: Network> {
    pool: &'a LeasePool<N>,
    taken: Vec<(Slot, Word)>,
}

impl<N: Network> Batch<'_, N> {
    fn add(&mut self, slots: impl Iterator<Item = Slot>, granted: Granted) {
        let earlier = self.taken.len();
        for slot in slots {
            let Some(word) = self.pool.take(slot, granted) else {
                continue;
            };
            // An earlier offer of this call may have ended meanwhile. Then the later one counts, and only that.
            match self.taken[..earlier].iter_mut().find(|it| it.0 == slot) {
                Some(taken) => taken.1 = word,
                None => self.taken.push((slot, word)),
            }
        }
    }
}

impl<N: Network> Drop for Batch<'_, N> {
    fn drop(&mut self) {
        for &(slot, word) in &self.taken {
            self.pool.give_back(slot, word);
        }
    }
}
