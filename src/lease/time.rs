//! Times: whole seconds since the base of a pool, and the terms that users give.

use super::error::BadTerm;
use std::time::Duration;

/// The longest term, in seconds: four years of 365 days.
pub(super) const LONGEST: u64 = 4 * 365 * 24 * 60 * 60;

/// A second since the base of the pool, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u32);

impl Tick {
    pub(super) const ZERO: Self = Self(0);
    /// After all others: all ones of the 28 bits that a record has.
    pub(super) const NEVER: Self = Self((1 << 28) - 1);

    #[inline]
    pub(super) const fn of_number(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(super) const fn number(self) -> u32 {
        self.0
    }

    #[inline]
    pub(super) const fn is_never(self) -> bool {
        self.0 == Self::NEVER.0
    }

    /// Returns the tick so many seconds later.
    #[inline]
    pub(super) const fn plus(self, seconds: u32) -> Self {
        Self(self.0 + seconds)
    }

    /// Returns how long it is from `now` on; nothing if it has passed, `None` if it never comes.
    pub(super) fn remaining(self, now: Self) -> Option<Duration> {
        let seconds = self.0.saturating_sub(now.0);
        (!self.is_never()).then(|| Duration::from_secs(seconds.into()))
    }
}

/// How long an address stays leased.
///
/// ```
/// use hostbits::lease::{LeasePool, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let lease = pool.allocate(Duration::from_secs(30))?;
/// pool.renew(&lease, Term::For(Duration::from_secs(3600)))?;
/// pool.renew(&lease, Term::Forever)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Term {
    /// For this long from now on: longer than zero, at most four years. The lease lasts at least this long, and at most
    /// two seconds longer.
    For(Duration),
    /// Until it is released.
    Forever,
}

/// What a caller asks for: an offer, or a lease at once.
///
/// A [`Duration`] is an offer, and a [`Term`] is a lease: methods that allocate take either.
///
/// ```
/// use hostbits::lease::{Grant, Term};
/// use std::time::Duration;
///
/// assert_eq!(Grant::from(Duration::from_secs(30)), Grant::Offer(Duration::from_secs(30)));
/// assert_eq!(Grant::from(Term::Forever), Grant::Lease(Term::Forever));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grant {
    /// The address is offered for this long, and free again if it is not renewed meanwhile. Longer than zero, at most
    /// four years.
    Offer(Duration),
    /// The address is leased at once. A caller that dies before it has written the lease down leaks the address until
    /// the end of the term: use it where the pool itself is the only record.
    Lease(Term),
}

impl From<Duration> for Grant {
    fn from(offer: Duration) -> Self {
        Self::Offer(offer)
    }
}

impl From<Term> for Grant {
    fn from(term: Term) -> Self {
        Self::Lease(term)
    }
}

/// Returns a duration in whole seconds, rounded up.
#[inline(always)]
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    let part = u64::from(duration.subsec_nanos() != 0);
    duration.as_secs().saturating_add(part)
}

/// Returns how many ticks a term must last, so that it is never shorter than asked for.
#[inline(always)]
pub(super) fn ticks_of(duration: Duration) -> Result<u32, BadTerm> {
    match whole_seconds(duration) {
        // One more: a part of the current second has passed already.
        seconds @ 1..=LONGEST => Ok(seconds as u32 + 1),
        _ => Err(BadTerm {
            given: duration,
            longest: Duration::from_secs(LONGEST),
        }),
    }
}

/// Returns the tick so long after `now`, in seconds.
///
/// A session in which it is beyond what a record can hold lasts more than four years; then it is refused, too.
#[inline(always)]
pub(super) fn tick_after(now: u64, duration: Duration) -> Result<Tick, BadTerm> {
    let until = now + u64::from(ticks_of(duration)?);
    let never = u64::from(Tick::NEVER.0);
    if until < never {
        return Ok(Tick(until as u32));
    }
    Err(BadTerm {
        given: duration,
        longest: Duration::from_secs(never.saturating_sub(now + 2)),
    })
}
