//! The clocks of a pool: seconds that go on while the machine is suspended, and never back.
//!
//! Errors of a clock must only prolong leases. So the time that is written into a record may be late, and the time by
//! which a sweep ends leases may not be early: [`Clock::now`] is for the one, [`Clock::settled`] for the other.

use super::time::Tick;
#[cfg(pool_files)]
use crate::storage::records::LentFacts;
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

    /// The clock that all processes of a file share.
    #[cfg(pool_files)]
    pub(super) fn of_file(facts: LentFacts) -> Self {
        Self::System(system::SystemClock::of_file(facts))
    }

    /// Writes down what time it is, for after a reboot.
    #[cfg(pool_files)]
    pub(super) fn note(&self) {
        match self {
            Self::System(clock) => clock.note(),
            Self::Manual(_) => {}
        }
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
/// suspended; so whenever it has moved, every few milliseconds, it is compared with the boot clock, which goes on. It has
/// moved before a thread runs again after a suspend. So no thread reads the time from before it.
#[cfg(pool_files)]
mod system {
    use super::tick;
    use crate::storage::file::clock::{
        CoarseTime, coarse_time, suspended_seconds, suspended_seconds_at_most,
    };
    use crate::storage::file::records::at;
    use crate::storage::records::LentFacts;
    use crate::sync::{AtomicU64, Ordering, hint};

    /// For so many seconds after a suspend was noticed, no lease ends.
    const SETTLES_AFTER: u64 = 2;

    pub(in crate::lease) struct SystemClock {
        /// The tick when it was started.
        base: u64,
        /// The second of the coarse clock then.
        started: u64,
        /// The reading of the coarse clock that this process last compared with the boot clock.
        compared: hint::AtomicU64,
        /// How many seconds the machine had been suspended before.
        suspended_before: u64,
        suspended: Shared,
    }

    /// Where it is written how many seconds the machine was suspended since the start, and in which second that was last
    /// noticed.
    enum Shared {
        Here(AtomicU64),
        /// With other processes, and the last tick beside it.
        InFile(LentFacts),
    }

    impl Shared {
        #[inline]
        fn word(&self) -> &AtomicU64 {
            match self {
                Self::Here(word) => word,
                Self::InFile(facts) => &facts[at::SUSPENDED],
            }
        }
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
            let time = coarse_time();
            Self {
                base: 0,
                started: time.second(),
                compared: hint::AtomicU64::new(time.0),
                suspended_before: suspended_seconds_at_most(),
                suspended: Shared::Here(AtomicU64::new(0)),
            }
        }

        /// Joins the clock of a file, which its first opener has started. It compares at the first call: the machine may
        /// have been suspended since, and no process may have noticed it yet.
        pub(in crate::lease) fn of_file(facts: LentFacts) -> Self {
            // Relaxed: the lock of opening orders them after the stores of the first opener.
            let load = |at: usize| facts[at].load(Ordering::Relaxed);
            Self {
                base: load(at::BASE_TICK),
                started: load(at::BASE_SECOND),
                compared: hint::AtomicU64::new(u64::MAX),
                suspended_before: load(at::BASE_SUSPENDED),
                suspended: Shared::InFile(facts),
            }
        }

        #[inline(always)]
        pub(in crate::lease) fn seconds(&self) -> u64 {
            self.seconds_at(coarse_time(), suspended_seconds)
        }

        #[inline(always)]
        fn seconds_at(&self, time: CoarseTime, suspended_seconds: fn() -> u64) -> u64 {
            // Acquire: with the store in `compare`. A thread that finds its reading compared also finds the suspend.
            if self.compared.load(Ordering::Acquire) != time.0 {
                self.compare(time, suspended_seconds);
            }
            self.seconds_in(time, self.suspended())
        }

        #[inline]
        fn suspended(&self) -> Suspended {
            // Relaxed: a time orders nothing.
            Suspended::of_word(self.suspended.word().load(Ordering::Relaxed))
        }

        #[inline(always)]
        fn seconds_in(&self, time: CoarseTime, suspended: Suspended) -> u64 {
            // Saturating: a clock that cannot be read any more stands still.
            let since_start = time.second().saturating_sub(self.started);
            self.base + since_start + u64::from(suspended.seconds)
        }

        pub(in crate::lease) fn settled(&self) -> Option<u64> {
            let now = self.seconds();
            let suspended = self.suspended();
            let since_start = coarse_time().second().saturating_sub(self.started);
            let is_settled = suspended.seconds == 0
                || since_start >= u64::from(suspended.noticed) + SETTLES_AFTER;
            is_settled.then_some(now)
        }

        #[cold]
        #[inline(never)]
        fn compare(&self, time: CoarseTime, suspended_seconds: fn() -> u64) {
            let seconds = suspended_seconds().saturating_sub(self.suspended_before);
            let noticed = time.second().saturating_sub(self.started);
            let new = Suspended {
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                noticed: u32::try_from(noticed).unwrap_or(u32::MAX),
            };
            // Only what this thread has found out itself is written.
            if new.seconds > self.suspended().seconds {
                // Relaxed: a time orders nothing.
                self.suspended
                    .word()
                    .fetch_max(new.word(), Ordering::Relaxed);
            }
            // Release: with the load in `seconds_at`. After the other one: until then, other threads compare for themselves.
            // With less, one could trust a comparison whose result it does not see.
            self.compared.store(time.0, Ordering::Release);
            self.write_down(self.seconds_in(time, self.suspended()));
        }

        pub(in crate::lease) fn note(&self) {
            self.write_down(self.seconds());
        }

        /// Writes the time into the file, for after a reboot: an older one prolongs leases.
        fn write_down(&self, now: u64) {
            if let Shared::InFile(facts) = &self.suspended {
                // Relaxed: a time orders nothing.
                facts[at::LAST_TICK].fetch_max(tick(now).number().into(), Ordering::Relaxed);
            }
        }
    }

    #[cfg(all(test, not(loom)))]
    mod tests {
        use super::*;

        const STARTED: u64 = 100;

        fn clock() -> SystemClock {
            SystemClock {
                base: 0,
                started: STARTED,
                compared: hint::AtomicU64::new(0),
                suspended_before: 0,
                suspended: Shared::Here(AtomicU64::new(0)),
            }
        }

        /// The coarse clock goes on within the second in which it stood when the machine was suspended. A thread that
        /// reads it then learns of the suspend: otherwise, its lease would end too early by that time.
        #[test]
        fn a_suspend_is_noticed_within_the_second_in_which_it_began() {
            let clock = clock();
            let at = |second: u64, millis: u64, suspended| {
                let time = CoarseTime::new(STARTED + second, millis * 1_000_000);
                clock.seconds_at(time, suspended)
            };
            assert_eq!(at(2, 500, || 0), 2);
            assert_eq!(at(2, 504, || 3600), 3602);
            assert_eq!(at(2, 504, || 3600), 3602);
            assert_eq!(at(3, 0, || 3600), 3603);
        }

        /// A clock that cannot be read any more ends no lease.
        #[test]
        fn a_clock_that_fails_stands_still() {
            assert_eq!(clock().seconds_at(CoarseTime::new(0, 0), || 0), 0);
        }
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
