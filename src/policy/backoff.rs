//! When to step back from a word that several threads want.
//!
//! Under lowest first all threads want the same word. If all go on at once, its cache line travels
//! between them with every exchange, and together they do a quarter of what one does alone. If whoever
//! loses an exchange steps back for a while, the others have the line to themselves meanwhile.
//!
//! One loss says little: two threads met. Another one shortly after it says that the word is contended.

use crate::sync::Ordering;
use crate::sync::hint::AtomicU64;
use crate::sync::{nanos, spin_for};

/// Losses closer together than this mean contention: a few times [`STEP_BACK_NANOS`], or those who step
/// back would not see each other.
const CONTENTION_NANOS: u64 = 25_000;

/// Long against the journey of a cache line, short against a turn of the scheduler.
const STEP_BACK_NANOS: u64 = 5_000;

/// When an exchange was lost last. Relaxed: it decides about a pause and nothing else.
pub(crate) struct Backoff(AtomicU64);

impl Backoff {
    pub(super) fn new() -> Self {
        // The clock begins now: whoever loses an exchange in a signal handler must not begin it while the thread that
        // it has interrupted is at it.
        nanos();
        // As long ago as can be.
        Self(AtomicU64::new(u64::MAX / 2))
    }

    /// Steps back if the word is contended. To be called by whoever has lost an exchange.
    pub(super) fn after_loss(&self) {
        let now = nanos();
        let before = self.0.swap(now, Ordering::Relaxed);
        if now.wrapping_sub(before) < CONTENTION_NANOS {
            spin_for(STEP_BACK_NANOS);
        }
    }
}
