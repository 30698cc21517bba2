//! A barrier where threads meet at the beginning of a round.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A spinning barrier without system calls, which can be called off.
#[derive(Debug)]
pub struct Meeting {
    parties: usize,
    arrived: AtomicUsize,
    over: AtomicBool,
}

impl Meeting {
    /// Creates a meeting of this many threads.
    pub fn new(parties: usize) -> Self {
        Self {
            parties,
            arrived: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Returns when all parties have called it as often as this one. Returns `false` if the meeting was called off.
    pub fn wait(&self) -> bool {
        // SeqCst: what happened before a meeting is visible to every thread after it.
        let ticket = self.arrived.fetch_add(1, Ordering::SeqCst);
        let all_here = (ticket / self.parties + 1) * self.parties;
        let mut spins = 0u32;
        // SeqCst: as above.
        while self.arrived.load(Ordering::SeqCst) < all_here {
            if self.is_over() {
                return false;
            }
            spins += 1;
            if spins.is_multiple_of(64) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        true
    }

    /// Returns whether the meeting was called off.
    pub fn is_over(&self) -> bool {
        // Relaxed: a thread that reads it late only waits a little longer.
        self.over.load(Ordering::Relaxed)
    }
}

/// Calls a meeting off when dropped, on panic too.
#[derive(Debug)]
pub struct Over<'a>(pub &'a Meeting);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        // Relaxed: see `Meeting::is_over`.
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Calls a meeting off if its thread panics, so that no thread waits for it.
#[derive(Debug)]
pub struct OverOnPanic<'a>(pub &'a Meeting);

impl Drop for OverOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(Over(self.0));
        }
    }
}
