//! A clock that stands still until it is set forward.
#![allow(dead_code)]

use hostbits::reconcile;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn wait(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The default choices, by this clock.
    pub(crate) fn options(&self) -> reconcile::Options {
        let clock = self.clone();
        reconcile::Options::new().clock(move || {
            let seconds = 1_700_000_000 + clock.0.load(Ordering::Relaxed);
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        })
    }

    /// For callers who have stopped all joining and leaving.
    pub(crate) fn at_first_sight(&self) -> reconcile::Options {
        self.options().grace(Duration::ZERO)
    }
}
