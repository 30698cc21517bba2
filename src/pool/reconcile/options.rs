//! The options of a reconciler.

use crate::users::Unreadable;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The default grace: ten minutes.
const DEFAULT_GRACE: Duration = Duration::from_secs(600);

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The options of a [`Reconciler`](crate::reconcile::Reconciler).
///
/// ```
/// use hostbits::{Pool, reconcile};
/// use std::time::Duration;
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let options = reconcile::Options::new().grace(Duration::from_secs(60));
/// let reconciler = pool.reconciler_with(options)?;
/// # drop(reconciler);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Options {
    pub(super) grace: Duration,
    pub(crate) unreadable: Unreadable,
    clock: Option<Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            grace: DEFAULT_GRACE,
            unreadable: Unreadable::default(),
            clock: None,
        }
    }
}

impl Options {
    /// Returns the default options: a grace of ten minutes, and a list with an unreadable entry frees nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long an orphan must have existed, twice: between the first pass that sees it and a second one, and
    /// between that one and the pass that frees it. Default: ten minutes.
    ///
    /// It must be longer than the longest gap **plus** the time that the list lags behind. A gap is the time between an
    /// allocation and the record of its user, or between deleting that record and the release. **Zero** frees orphans
    /// at the first sighting. Use it only if no user joins or leaves from before the pass begins until the plan is
    /// applied.
    /// before the pass begins until the plan is applied.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets whether a list with unreadable entries may free addresses. The address that such an entry stands for may be
    /// freed.
    pub fn unreadable(mut self, unreadable: Unreadable) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// Replaces the system clock, for tests. The clock is read when the barrier is up, when a list has been read, and
    /// when a plan is applied.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Returns the same options with one clock that is started now, to be shared by several reconcilers.
    pub(crate) fn started(mut self) -> Self {
        self.clock = Some(self.start_clock());
        self
    }

    /// Returns the time of a clock that was started, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        millis((self.start_clock())())
    }

    /// Starts a clock at the current system time, which then continues without jumps.
    pub(super) fn start_clock(&self) -> Clock {
        self.clock.clone().unwrap_or_else(|| {
            let (wall, begun) = (SystemTime::now(), Instant::now());
            Arc::new(move || wall + begun.elapsed())
        })
    }

    pub(crate) fn grace_ms(&self) -> u64 {
        u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("grace", &self.grace)
            .field("unreadable", &self.unreadable)
            .finish_non_exhaustive()
    }
}

pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
