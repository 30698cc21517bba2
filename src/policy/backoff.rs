//! When to step back from a word that several threads compete for.
//!
//! With lowest first, all threads want the same word. If all of them retry at once, its cache line moves between them
//! with every exchange, and together they do a quarter of the work that one thread does alone. If a thread that loses
//! an exchange steps back for a while, the others have the line to themselves.
//!
//! One loss says little: two threads met. A second one shortly after it means that the word is contended.

use crate::sync::Ordering;
use crate::sync::hint::AtomicU64;
use crate::sync::{nanos, spin_for};

/// Losses closer together than this mean contention. It is a few times [`STEP_BACK_NANOS`], or threads that step back
/// would not notice each other.
const CONTENTION_NANOS: u64 = 25_000;

/// Long compared with the transfer of a cache line, short compared with a time slice of the scheduler.
const STEP_BACK_NANOS: u64 = 5_000;

/// When an exchange was last lost. Relaxed: it only decides about a pause.
pub(crate) struct Backoff(AtomicU64);

impl Backoff {
    pub(super) fn new() -> Self {
        // Initializes the clock now: a thread that loses an exchange in a signal handler must not initialize it while
        // the thread that it interrupted is doing so.
        nanos();
        // As long ago as possible.
        Self(AtomicU64::new(u64::MAX / 2))
    }

    /// Steps back if the word is contended. Call this after a lost exchange.
    pub(super) fn after_loss(&self) {
        let now = nanos();
        let before = self.0.swap(now, Ordering::Relaxed);
        if now.wrapping_sub(before) < CONTENTION_NANOS {
            spin_for(STEP_BACK_NANOS);
        }
    }
}
