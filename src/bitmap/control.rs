//! The counters behind every "nothing is free": what the tree alone cannot tell.
//!
//! An empty-looking bitmap proves nothing, for two reasons. A claim of several words holds bits that it may still give
//! back: it is in flight, in a [`lane`](super::lane). And a search that reads many words one after another may miss a
//! free bit that moves behind it. Therefore, while a search *watches*, every release is counted.
//!
//! ```text
//! lanes_used: lanes that a flight has ever used; 0 for most pools, which then need no wait
//! freed[k]:   releases under watch that left a free aligned block of 2^k slots (and no larger one)
//! asked:      bits 0..32 first slot | bits 32..38 order of the area + 1, 0 for none | bits 38..64 ticket (wraps)
//! returned:   releases under watch in that area
//! ```
//!
//! A release reads `watchers` after its publish, and a watcher raises it before its first read. So a release that did
//! not count itself under the watch has its bit and its hints visible to the whole search, and every other release that
//! finishes during the search changes `freed`.
//!
//! In a busy pool, `freed` changes all the time, wherever the release is. So a thread that has searched a part of the
//! pool in vain more than once *asks* for that area: from then on, only releases there count. One thread asks at a
//! time; a thread that waits long for its turn pushes the previous one aside, which notices and begins again. So it
//! does not matter if that thread was stopped, or is dead.

use super::{Bitmap, Flight, GateWord, Mark};
use crate::slot::{Slot, bits_within};
use crate::sync::{AtomicU64, Ordering, PATIENCE, Snooze, load_seq_cst};

/// The order of the largest block that fits into a word: 64 slots.
pub(super) const WORD_ORDER: u32 = u64::BITS.trailing_zeros();

/// The counters of one bitmap, in a cache line of their own: read by all threads, written only by slow paths.
#[derive(Default)]
#[repr(C, align(128))]
pub(crate) struct Control {
    lanes_used: AtomicU64,
    watchers: AtomicU64,
    freed: [AtomicU64; WORD_ORDER as usize + 1],
    /// In a second line, which even slow paths rarely write.
    gate: AtomicU64,
    asked: AtomicU64,
    returned: AtomicU64,
}

/// A search in progress: while it exists, every release is counted.
pub(super) struct Watch<'a>(&'a Control);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // Release: after the last read of the search; a release that no longer sees us does not matter to any search.
        self.0.watchers.fetch_sub(1, Ordering::Release);
    }
}

/// An aligned block of slots that covers what a search looks for: the slot itself, or the part of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    first: Slot,
    order: u32,
}

impl Area {
    /// Returns the smallest area that contains these slots.
    pub(super) fn around(first: Slot, last: Slot) -> Self {
        let order = Slot::BITS - (first ^ last).leading_zeros();
        let mask = u64::MAX << order;
        let first = (u64::from(first) & mask) as Slot;
        Self { first, order }
    }

    fn last(self) -> Slot {
        (u64::from(self.first) + (1 << self.order) - 1) as Slot
    }

    fn touches(self, word_index: usize, bits: u64) -> bool {
        bits & bits_within(word_index, self.first, self.last()) != 0
    }
}

const ORDER_MASK: u64 = 63;
const ORDER_SHIFT: u32 = 32;
const TICKET_SHIFT: u32 = 38;

/// The content of the word `asked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked(u64);

impl Asked {
    fn area(self) -> Option<Area> {
        let order = (self.0 >> ORDER_SHIFT & ORDER_MASK).checked_sub(1)?;
        Some(Area {
            first: self.0 as Slot,
            order: order as u32,
        })
    }

    /// Returns the word for the next question.
    fn then(self, area: Area) -> Self {
        let ticket = (self.0 >> TICKET_SHIFT).wrapping_add(1) << TICKET_SHIFT;
        let order = u64::from(area.order) + 1;
        Self(ticket | order << ORDER_SHIFT | u64::from(area.first))
    }

    /// Returns the word without a question. The ticket stays.
    fn done(self) -> Self {
        Self(self.0 & !(ORDER_MASK << ORDER_SHIFT))
    }
}

/// A question for an area, which may have been pushed aside.
pub(super) struct Question<'a> {
    _watch: Watch<'a>,
    control: &'a Control,
    asked: Asked,
    returned: u64,
}

impl Question<'_> {
    /// Returns whether we still ask, and nothing was released in the area since.
    pub(super) fn is_unanswered(&self) -> bool {
        let control = self.control;
        // SeqCst, both: after the look, and after the flights have ended. What they gave back in the area is counted.
        // In this order: while we still ask, no release has seen another area.
        load_seq_cst(&control.returned) == self.returned
            && load_seq_cst(&control.asked) == self.asked.0
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let (asked, done) = (self.asked.0, self.asked.done().0);
        // Release: after our last look. Relaxed on failure: another thread has pushed us aside.
        let _ =
            self.control
                .asked
                .compare_exchange(asked, done, Ordering::Release, Ordering::Relaxed);
    }
}

impl Control {
    /// The offset of the gate, in bytes.
    pub(crate) const GATE_AT: usize = std::mem::offset_of!(Self, gate);

    #[inline]
    pub(crate) fn gate(&self) -> GateWord<'_> {
        GateWord(&self.gate)
    }

    /// Returns how many lanes have ever been used by a flight.
    #[inline]
    pub(crate) fn lanes_used(&self) -> usize {
        // SeqCst: after the read of the words, in the total order. A flight that then held what the read did not find
        // had raised this before it took it.
        load_seq_cst(&self.lanes_used) as usize
    }

    /// Records the use of lane `count - 1`, before a flight in it.
    pub(super) fn use_lanes(&self, count: usize) {
        // Relaxed: it only grows.
        if self.lanes_used.load(Ordering::Relaxed) < count as u64 {
            // SeqCst: before the claims of that flight; see `lanes_used`.
            self.lanes_used.fetch_max(count as u64, Ordering::SeqCst);
        }
    }

    pub(super) fn watch(&self) -> Watch<'_> {
        // SeqCst: before our first read of a word, in the total order. With less, a release may miss the watch while
        // the search misses its bit.
        self.watchers.fetch_add(1, Ordering::SeqCst);
        Watch(self)
    }

    /// Asks for an area, when no other thread does, or after a long wait.
    pub(super) fn ask(&self, area: Area) -> Question<'_> {
        let watch = self.watch();
        let snooze = Snooze::default();
        let mut turns = 0;
        // Relaxed: a starting guess.
        let mut seen = Asked(self.asked.load(Ordering::Relaxed));
        let asked = loop {
            if seen.area().is_some() && turns < PATIENCE {
                snooze.snooze();
                turns += 1;
                // Relaxed: as above.
                seen = Asked(self.asked.load(Ordering::Relaxed));
                continue;
            }
            let next = seen.then(area);
            // SeqCst: before our look, in the total order. A release of a slot that the look does not find comes later,
            // and sees our question. Relaxed on failure: a newer guess.
            match self
                .asked
                .compare_exchange(seen.0, next.0, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => break next,
                Err(newer) => seen = Asked(newer),
            }
        };
        Question {
            _watch: watch,
            control: self,
            asked,
            // SeqCst: before the look; the second read comes after it.
            returned: load_seq_cst(&self.returned),
        }
    }

    /// Returns how many releases under watch have left a free block of at least `order`.
    pub(super) fn freed(&self, order: u32) -> u64 {
        let from = order.min(WORD_ORDER) as usize;
        self.freed[from..]
            .iter()
            // SeqCst: the two reads enclose the search. A release that finished between them has incremented one of
            // these before it finished.
            .map(load_seq_cst)
            .fold(0, u64::wrapping_add)
    }

    /// Returns whether a release that has just been published must be counted.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        // SeqCst: comes after our store and publish in the total order. If it misses a watcher, that watcher's reads
        // come later and see them.
        load_seq_cst(&self.watchers) != 0
    }

    /// Counts a release of `released`, bits of the word at `word_index`, under watch.
    #[cold]
    pub(super) fn count_freed(&self, word: &AtomicU64, word_index: usize, released: u64) {
        // SeqCst: after our own store. If several releases complete a block together, the last one sees the whole
        // block.
        let free = load_seq_cst(word);
        let order = largest_block(free | released, released);
        // SeqCst: Release, so that a watcher that reads it also sees what was freed.
        self.freed[order as usize].fetch_add(1, Ordering::SeqCst);
        // SeqCst: after our own store, in the total order. A thread that asks for this area afterwards finds it free.
        let asked = Asked(load_seq_cst(&self.asked));
        if asked
            .area()
            .is_some_and(|area| area.touches(word_index, released))
        {
            // SeqCst: before our flight ends, if this is a roll-back; see `Question::is_unanswered`.
            self.returned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Returns the order of the largest free aligned block that overlaps `released`.
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

impl<'a, M: Mark> Bitmap<'a, M> {
    /// Announces a claim that may have to be rolled back. Call it before the first bit is taken.
    pub(crate) fn begin_flight(self) -> Flight<'a> {
        Flight::begin(self.lanes, self.control)
    }

    /// Waits for all flights that are now in progress, except for the caller's own.
    pub(crate) fn wait_for_flights(self) {
        let _ = self.lanes.given_when_landed(self.control);
    }

    /// Returns whether it was seen that at some instant of the call nothing was free; if not, search again.
    ///
    /// O(1) by the root; a linear bitmap, which has none, reads every word. Waits for flights.
    #[inline]
    pub(super) fn has_none(self) -> bool {
        if self.tree.is_linear() {
            return self.marking(()).proves_none();
        }
        self.tree.root_is_empty() && self.empty_root_proves_none()
    }

    /// Returns whether nothing was free at some instant of the call, or when the caller saw that the root had no
    /// candidate; if not, search again. Waits for flights.
    #[inline]
    pub(super) fn empty_root_proves_none(self) -> bool {
        self.control.lanes_used() == 0 || self.marking(()).proves_none()
    }

    /// Returns whether at some instant of the call nothing was free, as far as the root alone shows: if there has ever
    /// been a flight, it cannot. Does not wait.
    #[inline]
    pub(crate) fn is_empty_by_the_root(self) -> bool {
        // In this order: see `has_none`.
        self.tree.root_is_empty() && self.control.lanes_used() == 0
    }

    /// Repeats `search` until it finds something, or proves that at some instant of the call there was no free aligned
    /// block of `order` where it searches, which is in `area`.
    ///
    /// Searches again only if a release left such a block meanwhile. For single slots, if that does not end, only if a
    /// release did so in `area`.
    #[cold]
    pub(super) fn search_or_prove<T>(
        self,
        order: u32,
        area: Area,
        mut search: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let bitmap = self.marking(());
        for round in 0.. {
            let evidence = if order == 0 && round >= ROUNDS_BY_WATCH {
                bitmap.ask_for(area)
            } else {
                bitmap.watch_for(order)
            };
            let found = search();
            if found.is_some() || evidence.still_holds() && evidence.given_back() == 0 {
                return found;
            }
        }
        unreachable!("the rounds have no end")
    }
}

impl Bitmap<'_> {
    /// Does the same as `has_none` for a bitmap in which there has ever been a flight.
    #[cold]
    #[inline(never)]
    fn proves_none(self) -> bool {
        let evidence = self.evidence_of_none(None);
        evidence.is_some_and(|evidence| evidence.given_back() == 0)
    }
}

/// How often a search is repeated before it asks for its area.
const ROUNDS_BY_WATCH: u32 = 2;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn areas_are_the_smallest_aligned_blocks() {
        for (first, last, expected) in [
            (5, 5, (5, 0)),
            (4, 5, (4, 1)),
            (5, 6, (4, 2)),
            (0, Slot::MAX, (0, 32)),
            (Slot::MAX, Slot::MAX, (Slot::MAX, 0)),
        ] {
            let area = Area::around(first, last);
            assert_eq!((area.first, area.order), expected);
            assert!(area.last() >= last);
            assert!(area.touches(first as usize / 64, 1 << (first % 64)));
        }
        assert!(!Area::around(5, 5).touches(0, !(1 << 5)));
    }

    /// A thread that is pushed aside notices, even if the next one asks for the same area and has finished.
    #[test]
    fn who_asks_is_told_of_releases_in_its_area_and_of_who_comes_after() {
        let control = Control::default();
        let area = Area::around(64, 127);
        let word = AtomicU64::new(0);
        let question = control.ask(area);
        control.count_freed(&word, 0, 1);
        control.count_freed(&word, 2, 1);
        assert!(question.is_unanswered(), "not of that area");
        control.count_freed(&word, 1, 1);
        assert!(!question.is_unanswered());
        drop(question);
        let question = control.ask(area);
        assert!(question.is_unanswered());
        drop(control.ask(area));
        assert!(!question.is_unanswered(), "pushed aside");
        drop(question);
        control.count_freed(&word, 1, 1);
        assert!(control.ask(area).is_unanswered());
    }

    /// Releases elsewhere prolong a search only for a few rounds; a release in its area is not missed.
    #[test]
    fn who_is_disturbed_asks_for_its_area_and_is_not_disturbed_any_more() {
        for is_released in [false, true] {
            let words = crate::storage::Words::on_heap(128, false, [(3, 4), (70, 70)].into_iter());
            let bitmap = words.bitmap();
            assert!(bitmap.claim_exact(3) && bitmap.claim_exact(4));
            let mut rounds = 0;
            let search = || {
                rounds += 1;
                let found = bitmap.find_from(3, 3, 4);
                assert!(bitmap.claim_exact(70) && words.finish(70, words.free(70)));
                if is_released && rounds == ROUNDS_BY_WATCH + 1 {
                    assert!(words.finish(3, words.free(3)));
                }
                found
            };
            let found = bitmap.search_or_prove(0, Area::around(3, 4), search);
            let more = u32::from(is_released);
            assert_eq!(found, is_released.then_some(3));
            assert_eq!(rounds, ROUNDS_BY_WATCH + 1 + more);
        }
    }

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
