//! Claims in flight of several processes, any of which may die inside one.
//!
//! On the heap a flight is a count: whoever begins one ends it. Among processes that is not so, and a
//! count cannot say whose it is. So each process has a *lane*: one bit of the same word, and a lock of
//! the system that dies with the process.
//!
//! ```text
//! flights: bits 0..31 lanes of processes | bit 31 the lane that latecomers share | bits 32..64 ever begun
//! ```
//!
//! A process has one flight at a time, so its bit says all there is to say: for everybody else the word
//! reads like the count, "nobody in flight" is zero in the low half, "the same as before" is the same
//! word. Whoever has waited long for a lane asks whether its lock is held. If not, its owner is dead, and
//! the bit goes by a compare-exchange of the whole word as it was read *before* the question. Should the
//! lane have a new owner by then, that one began with the bit cleared, or has begun a flight since, which
//! changes the upper half: the exchange fails. What a dead flight had claimed stays claimed: a leak, as
//! of anybody who dies with an address.

// Where there are no pool files, nobody makes a lane.
#![allow(dead_code)]

use crate::sync::{AtomicU64, Ordering, Snooze};

/// How many lanes there are; the last one is shared by all who come when the others are taken.
pub(crate) const LANES: u32 = 32;

/// The lane without an owner for life.
pub(crate) const SHARED_LANE: u32 = LANES - 1;

/// What only the system knows of other processes.
pub(crate) trait Peers:
    Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe
{
    /// Waits for the lock of the shared lane.
    fn take_shared_lane(&self);

    fn leave_shared_lane(&self);

    /// Whether somebody holds the lock of a lane. In doubt, yes.
    fn is_held(&self, lane: u32) -> bool;
}

/// The lane of one process.
pub(crate) struct Lane {
    index: u32,
    /// 1 while a thread of this process is in flight.
    is_busy: AtomicU64,
    peers: Box<dyn Peers>,
}

impl Lane {
    /// The lane `index`, whose lock the caller holds unless it is the shared one. Clears what a dead
    /// owner may have left in `flights`.
    pub(crate) fn new(index: u32, peers: Box<dyn Peers>, flights: &AtomicU64) -> Self {
        let lane = Self {
            index,
            is_busy: AtomicU64::new(0),
            peers,
        };
        if index != SHARED_LANE {
            lane.clear(flights);
        }
        lane
    }

    /// This process in the low half of the word.
    pub(super) fn mark(&self) -> u64 {
        1 << self.index
    }

    /// Begins a flight. `begun` counts it in the upper half.
    pub(super) fn begin(&self, flights: &AtomicU64, begun: u64) {
        let snooze = Snooze::default();
        // Acquire: pairs with the Release of `end`; the flights of this process follow each other.
        while self.is_busy.swap(1, Ordering::Acquire) == 1 {
            snooze.snooze();
        }
        if self.index == SHARED_LANE {
            self.peers.take_shared_lane();
            self.clear(flights);
        }
        // SeqCst: before our first claim in the total order, as on the heap. The bit is clear: it is ours
        // alone, and we have no other flight.
        flights.fetch_add(begun + self.mark(), Ordering::SeqCst);
    }

    pub(super) fn end(&self, flights: &AtomicU64) {
        // SeqCst: after our last claim or our roll-back and its publish, as on the heap.
        flights.fetch_sub(self.mark(), Ordering::SeqCst);
        if self.index == SHARED_LANE {
            self.peers.leave_shared_lane();
        }
        // Release: pairs with `begin`.
        self.is_busy.store(0, Ordering::Release);
    }

    /// Ends the flights of processes that have died in one.
    #[cold]
    pub(super) fn bury_the_dead(&self, flights: &AtomicU64) {
        // Relaxed: only which lanes to ask for; each is looked at again.
        let mut lanes = flights.load(Ordering::Relaxed) as u32;
        while lanes != 0 {
            self.bury_if_dead(lanes.trailing_zeros(), flights);
            lanes &= lanes - 1;
        }
    }

    fn bury_if_dead(&self, lane: u32, flights: &AtomicU64) {
        let mark = 1 << lane;
        // SeqCst: before the question. The owner that we ask for is the one of this bit, or a later one,
        // and then the word has changed.
        let seen = flights.load(Ordering::SeqCst);
        if seen & mark == 0 || self.is_ours(lane) || self.peers.is_held(lane) {
            return;
        }
        // SeqCst: for whoever reads "nobody in flight" next, the claims of the dead one come before.
        // Relaxed on failure: somebody else has changed it, and we come again.
        let _ = flights.compare_exchange(seen, seen & !mark, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// Whether a flight of this lane may be our own, of which the system does not tell us.
    fn is_ours(&self, lane: u32) -> bool {
        // SeqCst: after the load of the flights. If the bit there is of our own thread, that thread is
        // busy or has changed the word since.
        lane == self.index && (lane != SHARED_LANE || self.is_busy.load(Ordering::SeqCst) == 1)
    }

    /// Takes away what a dead owner of this lane left. Only for who holds its lock.
    fn clear(&self, flights: &AtomicU64) {
        // SeqCst: as in `bury_the_dead`.
        flights.fetch_and(!self.mark(), Ordering::SeqCst);
    }
}
