//! Proof that nothing was free: what the tree alone cannot say.
//!
//! Two things make an empty-looking bitmap prove nothing. A claim of several words holds bits that it
//! may still give back: *flights* count them. And a search that looks at many words one after another
//! may miss a free bit that moves behind its back: while somebody *watches*, every release says so.
//!
//! ```text
//! flights: bits 0..32 claims in flight (of several processes: see `lane`) | bits 32..64 ever begun (wraps)
//! freed[k]: releases under watch that left a free aligned block of 2^k slots (and no larger one)
//! ```
//!
//! A release looks at `watchers` after its publish, a watcher raises it before its first look: a
//! release that did not count itself under the watch has its bit and its hints visible to the whole
//! search, and every other release that finishes during the search changes `freed`.

use super::{Bitmap, Chunk, GateWord, Lane, Mark};
use crate::sync::{AtomicU64, Ordering, Snooze, load_seq_cst};

/// Order of the largest block that one word can hold: 64 slots.
pub(super) const WORD_ORDER: u32 = u64::BITS.trailing_zeros();

const FLIGHT_BEGUN: u64 = 1 << 32;
const FLIGHTS_MASK: u64 = FLIGHT_BEGUN - 1;

/// The counters of one bitmap, in a line of their own: read by all, written only by slow paths.
#[derive(Default)]
#[repr(C, align(128))]
pub(crate) struct Control {
    flights: AtomicU64,
    watchers: AtomicU64,
    freed: [AtomicU64; WORD_ORDER as usize + 1],
    /// In the second line, which even slow paths hardly ever write.
    gate: AtomicU64,
}

/// A claim that may still give back what it took; others do not believe "nothing free" meanwhile.
pub(crate) struct Flight<'a> {
    control: &'a Control,
    lane: Option<&'a Lane>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(lane) = self.lane {
            return lane.end(&self.control.flights);
        }
        // SeqCst: Release, after our last claim or our roll-back and its publish; pairs with the loads
        // of `without_flights`. Earlier, and somebody would believe an emptiness that we are about to undo.
        self.control.flights.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Somebody searches: every release says so while it lives.
pub(super) struct Watch<'a>(&'a Control);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // Release: after the last look of the search; a release that no longer sees us matters to
        // nobody.
        self.0.watchers.fetch_sub(1, Ordering::Release);
    }
}

impl Control {
    /// Where the gate is, in bytes.
    #[allow(dead_code)] // Where there are no pool files, nobody asks.
    pub(crate) const GATE_AT: usize = std::mem::offset_of!(Self, gate);

    #[inline]
    pub(crate) fn gate(&self) -> GateWord<'_> {
        GateWord(&self.gate)
    }

    /// The word of the flights, for [`Lane::new`].
    #[allow(dead_code)] // Where there are no pool files, nobody makes a lane.
    pub(crate) fn flights_word(&self) -> &AtomicU64 {
        &self.flights
    }

    /// Ends all flights, unless that has been done, as `is_done` says. Only where all of them are of threads
    /// that do not exist; as soon as it has been done once, there may be others.
    pub(crate) fn end_flights_unless(&self, is_done: impl FnOnce() -> bool) {
        // SeqCst: before the question. If it has not been done, nobody has begun a flight before this load, so
        // what was read is of those that do not exist. The other way round, a flight that begins in between
        // would be ended with them, and somebody told "nothing free" because of it.
        let seen = self.flights();
        if is_done() {
            return;
        }
        let none = seen & !FLIGHTS_MASK;
        // SeqCst: before the flights that begin afterwards. Relaxed on failure: another thread has done it,
        // since nobody begins or ends a flight before.
        let _ = self
            .flights
            .compare_exchange(seen, none, Ordering::SeqCst, Ordering::Relaxed);
    }

    pub(super) fn flights(&self) -> u64 {
        // SeqCst: reads the count before and after a look at the words; see `Bitmap::none_free`.
        load_seq_cst(&self.flights)
    }

    /// Whether no claim but the caller's `own` was in flight when `before` was read, and none has begun
    /// or ended since.
    #[inline]
    pub(super) fn undisturbed_since(&self, before: u64, own: u64) -> bool {
        before & FLIGHTS_MASK == own && self.flights() == before
    }

    pub(super) fn watch(&self) -> Watch<'_> {
        // SeqCst: before our first look at a word, in the total order. With less, a release may miss
        // the watch while the search misses its bit.
        self.watchers.fetch_add(1, Ordering::SeqCst);
        Watch(self)
    }

    /// How many releases under watch have left a free block of at least `order`.
    pub(super) fn freed(&self, order: u32) -> u64 {
        let from = order.min(WORD_ORDER) as usize;
        self.freed[from..]
            .iter()
            // SeqCst: the two readings enclose the search. A release that finished between them has
            // added to one of these before it finished.
            .map(load_seq_cst)
            .fold(0, u64::wrapping_add)
    }

    /// Whether somebody must be told of a release that has just published.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        // SeqCst: comes after our store and publish in the total order. If it misses a watcher, that
        // watcher's looks come later and see them.
        load_seq_cst(&self.watchers) != 0
    }

    /// Counts a release of `released`, bits of `word`, under watch.
    #[cold]
    pub(super) fn count_freed(&self, word: &AtomicU64, released: u64) {
        // SeqCst: after our own store. Of several releases that complete a block together, the last
        // one sees the whole.
        let free = load_seq_cst(word);
        let order = largest_block(free | released, released);
        // SeqCst: Release, so that a watcher who reads it also sees what was freed.
        self.freed[order as usize].fetch_add(1, Ordering::SeqCst);
    }
}

/// The order of the largest free aligned block that overlaps `released`.
fn largest_block(free: u64, released: u64) -> u32 {
    (0..=WORD_ORDER)
        .rev()
        .find(|&order| blocks_touching(free, released, order))
        .unwrap_or(0)
}

fn blocks_touching(free: u64, released: u64, order: u32) -> bool {
    let mut starts = super::block::free_blocks(free, order);
    while starts != 0 {
        let block = super::block::block_bits(order) << starts.trailing_zeros();
        if block & released != 0 {
            return true;
        }
        starts &= starts - 1;
    }
    false
}

/// What a look at the root, or a search under watch, has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// At some instant of the call nothing was free.
    NoneFree,
    /// Something may be free: search again.
    MayBeFree,
    /// Somebody else's claim is in flight and may give back what it took.
    InFlight,
}

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Announces a claim that may have to be rolled back. Begin before the first bit is taken.
    pub(crate) fn begin_flight(self) -> Flight<'a> {
        let (control, lane) = (self.control, self.lane);
        match lane {
            Some(lane) => lane.begin(&control.flights, FLIGHT_BEGUN),
            None => {
                let begun_and_in_flight = FLIGHT_BEGUN + 1;
                // SeqCst: before our first claim in the total order, so that whoever sees the bit taken
                // sees the flight too.
                control
                    .flights
                    .fetch_add(begun_and_in_flight, Ordering::SeqCst);
            }
        }
        Flight { control, lane }
    }

    /// Flights of the caller as they read in the low half.
    #[inline]
    pub(super) fn own_mark(self, own_flights: u64) -> u64 {
        match self.lane {
            Some(lane) if own_flights != 0 => lane.mark(),
            _ => own_flights,
        }
    }

    /// Waits a little for a claim in flight, and longer each time.
    pub(crate) fn wait(self, snooze: &Snooze) {
        snooze.snooze();
        if let Some(lane) = self.lane
            && snooze.is_long()
        {
            lane.bury_the_dead(&self.control.flights);
        }
    }

    /// Whether a look at the words is spoilt by claims in flight. `own`: flights of the caller.
    ///
    /// The same number before and after `look`, and no claim but the caller's in flight: then nothing
    /// that the look saw taken was only taken for now.
    fn without_flights<T>(self, own: u64, look: impl FnOnce() -> T) -> (T, bool) {
        let before = self.control.flights();
        let seen = look();
        (
            seen,
            self.control.undisturbed_since(before, self.own_mark(own)),
        )
    }

    /// Whether nothing is free: O(1) by the root; a linear bitmap, which has none, looks everywhere.
    #[inline]
    pub(super) fn none_free(self, own_flights: u64) -> Verdict {
        if self.tree.is_linear() {
            return self.none_free_linear(own_flights);
        }
        let before = self.control.flights();
        if !self.tree.root_is_empty() {
            Verdict::MayBeFree
        } else if self
            .control
            .undisturbed_since(before, self.own_mark(own_flights))
        {
            Verdict::NoneFree
        } else {
            Verdict::InFlight
        }
    }

    /// Whether at some instant of the call nothing was free, as far as the root alone can tell.
    #[inline]
    pub(crate) fn is_empty_by_the_root(self) -> bool {
        !self.tree.is_linear() && self.none_free(0) == Verdict::NoneFree
    }

    #[cold]
    fn none_free_linear(self, own_flights: u64) -> Verdict {
        let _watch = self.control.watch();
        let freed_before = self.control.freed(0);
        let look = || self.chunks.iter().all(Chunk::is_full);
        match self.without_flights(own_flights, look) {
            (false, _) => Verdict::MayBeFree,
            (true, false) => Verdict::InFlight,
            (true, true) if self.control.freed(0) != freed_before => Verdict::MayBeFree,
            (true, true) => Verdict::NoneFree,
        }
    }

    /// Repeats `search` until it finds something or proves that at some instant of the call there
    /// was no free aligned block of `order` where it looks.
    ///
    /// Begins again only where a release left such a block meanwhile, or while a claim is in flight.
    #[cold]
    pub(super) fn search_or_prove<T>(
        self,
        order: u32,
        mut search: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let _watch = self.control.watch();
        let snooze = Snooze::default();
        loop {
            let freed_before = self.control.freed(order);
            let (found, undisturbed) = self.without_flights(0, &mut search);
            if found.is_some() {
                return found;
            }
            if undisturbed && self.control.freed(order) == freed_before {
                return None;
            }
            self.wait(&snooze);
        }
    }

    /// Repeats `attempt` until it succeeds or fails while no claim is in flight, so that nothing it
    /// found taken was only taken for now.
    #[cold]
    pub(super) fn retry_beside_flights(self, attempt: impl Fn() -> bool) -> bool {
        let snooze = Snooze::default();
        loop {
            match self.without_flights(0, &attempt) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => self.wait(&snooze),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_largest_block_is_aligned_and_touches_the_release() {
        assert_eq!(largest_block(0b1, 0b1), 0);
        assert_eq!(largest_block(0b11, 0b1), 1);
        assert_eq!(largest_block(0b110, 0b100), 0, "2 and 3 are the pair");
        assert_eq!(largest_block(0xff00, 0x0100), 3);
        assert_eq!(
            largest_block(0xff01, 0x1),
            0,
            "a block elsewhere is not ours"
        );
        assert_eq!(largest_block(u64::MAX, 1 << 40), 6);
    }
}
