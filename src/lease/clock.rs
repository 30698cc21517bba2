//! The clocks of a pool: seconds that go on while the machine is suspended, and never back.
//!
//! Errors of a clock must only prolong leases. So the time that is written into a record may be late, and the time by
//! which a sweep ends leases may not be early: [`Clock::now`] is for the one, [`Clock::settled`] for the other.

use super::time::Tick;
use crate::sync::Ordering;
use crate::sync::hint::AtomicU64;
use std::sync::Arc;
use std::time::Duration;

/// A clock that only the caller advances: for tests, and for data planes that have a tick of their own.
///
/// All clones are the same clock. It must never be later than the time by which others rely on the leases.
///
/// ```
/// use hostbits::lease::{LeasePool, ManualClock, Term};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let net: ipnet::Ipv4Net = "10.0.0.0/30".parse()?;
/// let pool = LeasePool::builder(net).cooldown(Duration::ZERO).clock(&clock).build()?;
/// let lost = pool.allocate(Duration::from_secs(30))?;
/// assert!(pool.allocate(Duration::from_secs(30)).is_err());
/// clock.advance(Duration::from_secs(31));
/// assert_eq!(pool.allocate(Duration::from_secs(30))?.addr(), lost.addr());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Creates a clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: a time orders nothing.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let then = now.saturating_add(nanos);
            // Relaxed: as above. An exchange, so that it neither overflows nor forgets what another thread adds.
            match self
                .0
                .compare_exchange(now, then, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    /// Returns how far the clock has been advanced.
    pub fn now(&self) -> Duration {
        // Relaxed: as above.
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

pub(super) enum Clock {
    System(system::SystemClock),
    Manual(ManualClock),
}

impl Clock {
    pub(super) fn system() -> Self {
        Self::System(system::SystemClock::start())
    }

    /// Returns the time for what is written into a record.
    #[inline]
    pub(super) fn now(&self) -> Tick {
        tick(self.seconds())
    }

    /// Returns the same as a number, which may be more than a record can hold.
    #[inline(always)]
    pub(super) fn seconds(&self) -> u64 {
        match self {
            Self::System(clock) => clock.seconds(),
            Self::Manual(clock) => clock.now().as_secs(),
        }
    }

    /// Returns the time by which leases end: never later than what other threads may be about to write as "now".
    /// `None` for a moment after the machine was suspended, while other threads may not have noticed it yet.
    pub(super) fn settled(&self) -> Option<Tick> {
        let seconds = match self {
            Self::System(clock) => clock.settled()?,
            Self::Manual(clock) => clock.now().as_secs(),
        };
        Some(tick(seconds))
    }
}

/// Returns a tick that a record can hold. A clock that reaches its end stands still, which ends no lease.
#[inline]
fn tick(seconds: u64) -> Tick {
    let last = u64::from(Tick::NEVER.number()) - 1;
    Tick::of_number(seconds.min(last) as u32)
}

/// The coarse monotonic clock takes a few nanoseconds, a tenth of the others. It stands still while the machine is
/// suspended; so once a second it is compared with the boot clock, which goes on.
#[cfg(pool_files)]
mod system {
    use crate::sync::Ordering;
    use crate::sync::hint::AtomicU64;
    use nix::time::{ClockId, clock_gettime};
    use std::time::Duration;

    /// For so many seconds after a suspend was noticed, no lease ends.
    const SETTLES_AFTER: u64 = 2;

    pub(in crate::lease) struct SystemClock {
        /// The second of the coarse clock at tick 0.
        started: u64,
        /// The second of the coarse clock in which it was last compared with the boot clock.
        compared: AtomicU64,
        /// How many seconds the machine was suspended since the start, and in which second that was last noticed.
        suspended: AtomicU64,
        /// How many seconds it had been suspended before.
        suspended_before: u64,
    }

    /// Seconds of a suspend, and when it was noticed, in one word. A longer suspend is a larger number.
    #[derive(Clone, Copy)]
    struct Suspended {
        seconds: u32,
        noticed: u32,
    }

    impl Suspended {
        fn of_word(word: u64) -> Self {
            Self {
                seconds: (word >> 32) as u32,
                noticed: word as u32,
            }
        }

        fn word(self) -> u64 {
            u64::from(self.seconds) << 32 | u64::from(self.noticed)
        }
    }

    impl SystemClock {
        pub(in crate::lease) fn start() -> Self {
            let started = coarse_seconds();
            Self {
                started,
                compared: AtomicU64::new(started),
                suspended: AtomicU64::new(0),
                suspended_before: suspended_seconds(),
            }
        }

        #[inline(always)]
        pub(in crate::lease) fn seconds(&self) -> u64 {
            let second = coarse_seconds();
            // Relaxed: a thread that misses that another one has compared does so, too.
            if self.compared.load(Ordering::Relaxed) != second {
                self.compare(second);
            }
            // Relaxed: a time orders nothing.
            let suspended = Suspended::of_word(self.suspended.load(Ordering::Relaxed));
            // It never goes back.
            second.wrapping_sub(self.started) + u64::from(suspended.seconds)
        }

        pub(in crate::lease) fn settled(&self) -> Option<u64> {
            let now = self.seconds();
            // Relaxed: a time orders nothing.
            let suspended = Suspended::of_word(self.suspended.load(Ordering::Relaxed));
            let since_start = now.saturating_sub(suspended.seconds.into());
            let is_settled = suspended.seconds == 0
                || since_start >= u64::from(suspended.noticed) + SETTLES_AFTER;
            is_settled.then_some(now)
        }

        #[cold]
        #[inline(never)]
        fn compare(&self, second: u64) {
            let seconds = suspended_seconds().saturating_sub(self.suspended_before);
            let new = Suspended {
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                noticed: u32::try_from(second.saturating_sub(self.started)).unwrap_or(u32::MAX),
            };
            // Relaxed: a time orders nothing. Only what this thread has found out itself is written.
            let known = Suspended::of_word(self.suspended.load(Ordering::Relaxed));
            if new.seconds > known.seconds {
                // Relaxed: as above.
                self.suspended.fetch_max(new.word(), Ordering::Relaxed);
            }
            // Relaxed: as above. After the other one: until then, other threads compare for themselves.
            self.compared.store(second, Ordering::Relaxed);
        }
    }

    /// Returns how long the machine has been suspended since it was booted.
    fn suspended_seconds() -> u64 {
        let precise = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
        // In this order: a pause between the two makes the difference smaller, which prolongs leases.
        let boot = precise(ClockId::CLOCK_BOOTTIME);
        boot.saturating_sub(precise(ClockId::CLOCK_MONOTONIC))
            .as_secs()
    }

    /// The clocks of Linux are always there; if one was not, its time would stand still, which ends no lease.
    #[inline(always)]
    fn coarse_seconds() -> u64 {
        clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(0, |time| time.tv_sec() as u64)
    }
}

/// The clock of the standard library. Whether it goes on while the machine is suspended depends on the system.
#[cfg(not(pool_files))]
mod system {
    use std::time::Instant;

    pub(in crate::lease) struct SystemClock(Instant);

    impl SystemClock {
        pub(in crate::lease) fn start() -> Self {
            Self(Instant::now())
        }

        #[inline]
        pub(in crate::lease) fn seconds(&self) -> u64 {
            self.0.elapsed().as_secs()
        }

        pub(in crate::lease) fn settled(&self) -> Option<u64> {
            Some(self.seconds())
        }
    }
}
