//! The choices of a reconciler.

use crate::users::Unreadable;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Ten minutes.
const DEFAULT_GRACE: Duration = Duration::from_secs(600);

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The choices of a [`Reconciler`](crate::reconcile::Reconciler).
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
    /// A grace of ten minutes, and nothing is freed by a list with an entry that cannot be read.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long an orphan must have been one, twice: between the first pass that sees it and a second one,
    /// and between that and the pass that frees it.
    ///
    /// Longer than the longest gap **and** the time that the list is behind, added together. A gap is what
    /// lies between an allocation and its written user, or between the user's deletion and the release.
    /// **Zero** frees at the first sight: only for callers who have stopped all joining and leaving, from
    /// before the pass begins until the plan is applied.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Whether a list in which something cannot be read may free. What such an entry meant may be freed.
    pub fn unreadable(mut self, unreadable: Unreadable) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// Another clock than the system's, for tests. It is asked when the barrier is up, when a list has been
    /// read, and when a plan is applied.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The same for several reconcilers, by one clock that goes on from now.
    pub(crate) fn started(mut self) -> Self {
        self.clock = Some(self.start_clock());
        self
    }

    /// What time it is by a clock that was started.
    pub(crate) fn now_ms(&self) -> u64 {
        millis((self.start_clock())())
    }

    /// The clock: the system's as it is now, going on without the jumps that it may make later.
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
