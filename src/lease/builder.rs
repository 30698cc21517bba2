//! The configuration of a lease pool, before it exists.

use super::clock::{Clock, ManualClock};
use super::error::BadTerm;
use super::pool::LeasePool;
use super::time::{ticks_of, whole_seconds};
use crate::error::BuildError;
use crate::network::Network;
use crate::pool::Builder;
use std::time::Duration;

/// The cooldown if none is chosen.
const COOLDOWN: Duration = Duration::from_secs(60);
#[cfg(pool_files)]
const _: () = assert!(COOLDOWN.as_secs() == crate::pool::file::Content::USUAL_COOLDOWN as u64);

/// Configures and builds a [`LeasePool`]. Start with [`LeasePool::builder`], or with the [`Builder`] of a plain pool and
/// its choices, and [`Builder::leases`].
///
/// ```
/// use hostbits::{Policy, Pool};
/// use std::time::Duration;
///
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)
///     .policy(Policy::Next)
///     .leases()
///     .cooldown(Duration::from_secs(30))
///     .build()?;
/// assert_eq!(pool.capacity(), 253);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`, `create` or `open`"]
pub struct LeaseBuilder<N: Network> {
    pub(super) pool: Builder<N>,
    /// `None`: a minute, or that of the file.
    pub(super) cooldown: Option<Duration>,
    pub(super) clock: Option<ManualClock>,
    /// The choices that only a file has.
    #[cfg(pool_files)]
    pub(super) file: Option<crate::file::Builder<N>>,
}

impl<N: Network> Builder<N> {
    /// Makes it a pool of leases, with the choices so far. Each slot takes 16 more bytes.
    ///
    /// ```
    /// use hostbits::Pool;
    /// use std::time::Duration;
    ///
    /// let range = "10.0.0.100".parse()?..="10.0.0.199".parse()?;
    /// let pool = Pool::<ipnet::Ipv4Net>::over([range]).leases().build()?;
    /// let lease = pool.allocate(Duration::from_secs(30))?;
    /// assert_eq!(lease.addr().to_string(), "10.0.0.100");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leases(self) -> LeaseBuilder<N> {
        LeaseBuilder {
            pool: self,
            cooldown: None,
            clock: None,
            #[cfg(pool_files)]
            file: None,
        }
    }
}

impl<N: Network> LeaseBuilder<N> {
    /// Chooses how long an address rests between two holders. Default: a minute. Zero is possible; the longest is four
    /// years.
    ///
    /// It is rounded up to whole seconds. The owner of an address need not wait for it:
    /// [`allocate_for`](LeasePool::allocate_for) gives him the address back at once.
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, Term};
    /// use std::time::Duration;
    ///
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).cooldown(Duration::ZERO).build()?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// pool.release(&lease)?;
    /// assert_eq!(pool.allocate(Term::Forever)?.addr(), lease.addr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = Some(cooldown);
        self
    }

    /// Chooses the clock. Default: that of the system, which goes on while the machine is suspended where the system
    /// has such a clock (Linux).
    ///
    /// ```
    /// use hostbits::lease::{LeasePool, LeaseStatus, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).clock(&clock).build()?;
    /// let lease = pool.allocate(Duration::from_secs(30))?;
    /// clock.advance(Duration::from_secs(90)); // The offer, and the cooldown.
    /// assert_eq!(pool.sweep().freed, 0); // A lease lasts up to two seconds longer.
    /// clock.advance(Duration::from_secs(2));
    /// assert_eq!(pool.sweep().freed, 1);
    /// assert!(matches!(pool.status(lease.addr()), LeaseStatus::Free));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Builds the pool on the heap, all usable addresses free.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`]; and [`BuildError::BadCooldown`] if the cooldown is longer than four years.
    ///
    /// ```
    /// use hostbits::lease::LeasePool;
    /// use std::time::Duration;
    ///
    /// let builder = LeasePool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?);
    /// assert_eq!(builder.cooldown(Duration::MAX).build().unwrap_err().code(), "bad-cooldown");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(&self) -> Result<LeasePool<N>, BuildError> {
        let cooldown = self.cooldown_in_seconds()?;
        let clock = match &self.clock {
            Some(clock) => Clock::Manual(clock.clone()),
            None => Clock::system(),
        };
        LeasePool::on_heap(&self.pool, cooldown, clock)
    }

    pub(super) fn cooldown_in_seconds(&self) -> Result<u32, BuildError> {
        in_seconds(self.cooldown.unwrap_or(COOLDOWN))
    }
}

/// Returns a cooldown in seconds, rounded up.
pub(super) fn in_seconds(cooldown: Duration) -> Result<u32, BuildError> {
    match whole_seconds(cooldown) {
        0 => Ok(0),
        seconds => match ticks_of(cooldown) {
            Ok(_) => Ok(seconds as u32),
            Err(BadTerm { given, longest, .. }) => Err(BuildError::BadCooldown { given, longest }),
        },
    }
}
