//! Claims in flight: claims of several words that may still give back what they took.
//!
//! Each is in a *lane*, a word that tells other threads what they must know about it:
//!
//! ```text
//! bit 0       in the air
//! bits 1..32  flights ever begun (wraps)
//! bits 32..64 slots that they gave back (wraps)
//!
//!            begin: CAS, begun + 1                     land: given back + what this one gave back
//! LANDED -------------------------> IN THE AIR ------------------------------> LANDED
//!                                       |
//!                                       +--> LANDED, perhaps given back: a waiting thread buries a dead process
//! ```
//!
//! A flight that succeeds has taken each slot at the moment when it took it. A flight that fails takes nothing, and
//! what it had was free all the while. So a thread that found nothing waits until all flights that were in the air when
//! it looked have landed, each at its own moment, and checks what was given back since before its look; see `control`.
//! It does not wait for flights that have begun since.
//!
//! On the heap, a flight takes any lane that has landed. Among processes, each has one lane for its lifetime, guarded
//! by a system lock that dies with it; its threads take turns. A thread that has waited long for a lane checks whether
//! its lock is held. If not, the owner is dead, and the flight is landed by a compare-exchange of the word as it was
//! read *before* the check. If the lane has a new owner by then, that one has landed the flight itself, or has begun
//! another one, so the exchange fails. Slots that a dead flight had claimed, and had not begun to give back, stay
//! claimed: a leak, as after the death of any holder.
//!
//! A claim in flight never waits in its own bitmap. So a thread that would wait for its own flight is in a signal
//! handler that has interrupted it, and would wait for ever. It continues as if that flight were to succeed. For this
//! purpose, each lane of this process says which thread flies in it; while a thread takes off, it leaves a note for its
//! handlers.

use super::control::Control;
use crate::sync::{
    AtomicU64, HEAP_LANES, Ordering, Snooze, hint, load_seq_cst, nested_in, thread_index,
    thread_number, with_note_of,
};
use std::cell::Cell;

/// The maximum number of lanes.
pub(crate) const MOST_LANES: usize = 224;
const _: () = assert!(HEAP_LANES <= MOST_LANES);

const IN_AIR: u64 = 1;
const GIVEN_SHIFT: u32 = 32;

/// The content of a lane's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneWord(pub(crate) u64);

impl LaneWord {
    pub(crate) fn is_in_air(self) -> bool {
        self.0 & IN_AIR != 0
    }

    /// Returns how many slots have been given back in total.
    fn given(self) -> u32 {
        (self.0 >> GIVEN_SHIFT) as u32
    }

    /// Returns whether the flight of `earlier` is still in the air.
    fn is_still(self, earlier: Self) -> bool {
        earlier.is_in_air() && self.0 as u32 == earlier.0 as u32
    }

    /// Returns the word for the next flight, in a lane that has landed.
    fn begun(self) -> Self {
        let low = (self.0 as u32).wrapping_add(2) | IN_AIR as u32;
        Self(self.0 >> GIVEN_SHIFT << GIVEN_SHIFT | u64::from(low))
    }

    fn landed(self, gave_back: u32) -> Self {
        let given = self.given().wrapping_add(gave_back);
        Self(u64::from(given) << GIVEN_SHIFT | u64::from(self.0 as u32) & !IN_AIR)
    }
}

/// What only the operating system knows about other processes.
pub(crate) trait Peers:
    Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe
{
    /// Returns the words of all lanes, at most [`MOST_LANES`].
    fn lanes(&self) -> &[AtomicU64];

    /// Returns whether another process holds the lock of a lane. In doubt, yes.
    fn is_held(&self, lane: usize) -> bool;
}

/// The lanes, as one process sees them.
pub(crate) struct Lanes {
    owner: Owner,
    /// The number of the thread in the air, or 0: for all lanes on the heap, but only for our own lane among processes.
    flown_by: Box<[hint::AtomicU64]>,
}

enum Owner {
    /// Lanes for threads of one process.
    Threads(Box<[AtomicU64]>),
    /// Lanes for processes, with the one that is ours.
    Process { lane: usize, peers: Box<dyn Peers> },
}

impl Lanes {
    pub(crate) fn on_heap() -> Self {
        Self {
            owner: Owner::Threads((0..HEAP_LANES).map(|_| AtomicU64::new(0)).collect()),
            flown_by: by_nobody(HEAP_LANES),
        }
    }

    /// Creates lanes for reading words that are not claimed.
    pub(crate) fn none() -> Self {
        Self {
            owner: Owner::Threads(Box::default()),
            flown_by: Box::default(),
        }
    }

    /// Creates the lanes of a process that holds the lock of `lane`. Lands what a dead owner may have left in the air.
    pub(crate) fn of_process(lane: usize, peers: Box<dyn Peers>) -> Self {
        let word = &peers.lanes()[lane];
        // SeqCst: after the lock, as in `bury_if_dead`.
        bury(word, LaneWord(word.load(Ordering::SeqCst)));
        Self {
            owner: Owner::Process { lane, peers },
            flown_by: by_nobody(1),
        }
    }

    /// Returns the memory on the heap, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let words = match &self.owner {
            Owner::Threads(words) => size_of_val(&**words),
            Owner::Process { .. } => 0,
        };
        words + size_of_val(&*self.flown_by)
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn places(&self) -> [crate::sync::traced::Place; 2] {
        use crate::sync::traced::place;
        [
            place(self.words(), "lane"),
            place(&*self.flown_by, "lane's thread"),
        ]
    }

    fn words(&self) -> &[AtomicU64] {
        match &self.owner {
            Owner::Threads(words) => words,
            Owner::Process { peers, .. } => peers.lanes(),
        }
    }

    /// Returns the lanes that have ever been used.
    fn used(&self, control: &Control) -> &[AtomicU64] {
        let words = self.words();
        &words[..control.lanes_used().min(words.len())]
    }

    /// Takes off in any lane that has landed, or in our own lane when that has landed.
    fn begin(&self, control: &Control) -> (usize, LaneWord) {
        let snooze = Snooze::default();
        loop {
            let flight = match &self.owner {
                Owner::Threads(_) => self.take_off_in_any(control),
                Owner::Process { lane, .. } => {
                    control.use_lanes(lane + 1);
                    self.take_off(*lane).map(|word| (*lane, word))
                }
            };
            if let Some(flight) = flight {
                return flight;
            }
            snooze.snooze();
        }
    }

    /// Takes off in the first lane that has landed, or in one more lane.
    fn take_off_in_any(&self, control: &Control) -> Option<(usize, LaneWord)> {
        let used = control.lanes_used();
        let start = thread_index() % used.max(1);
        let around = (start..used).chain(0..start);
        let mut flights = around.filter_map(|lane| self.take_off(lane).map(|word| (lane, word)));
        flights.next().or_else(|| {
            if used == self.words().len() {
                return None;
            }
            control.use_lanes(used + 1);
            self.take_off(used).map(|word| (used, word))
        })
    }

    /// Begins a flight in a lane of this process, unless one is in the air there.
    fn take_off(&self, lane: usize) -> Option<LaneWord> {
        let word = &self.words()[lane];
        // Relaxed: only a starting guess; the exchange compares the whole word.
        let seen = LaneWord(word.load(Ordering::Relaxed));
        if seen.is_in_air() {
            return None;
        }
        let begun = seen.begun();
        with_note_of(word, || {
            // SeqCst: before our first claim in the total order, so that a thread that sees the bit taken also sees the
            // flight. Acquire also pairs with the landing of the previous flight. Relaxed on failure: the value is not
            // used.
            word.compare_exchange(seen.0, begun.0, Ordering::SeqCst, Ordering::Relaxed)
                .ok()?;
            // Relaxed: for our own handlers. What another thread reads is never its own number.
            self.flown_by(lane)?
                .store(thread_number(), Ordering::Relaxed);
            Some(begun)
        })
    }

    /// Returns which thread flies in a lane, if it is a lane of this process.
    fn flown_by(&self, lane: usize) -> Option<&hint::AtomicU64> {
        match &self.owner {
            Owner::Threads(_) => self.flown_by.get(lane),
            Owner::Process { lane: own, .. } => self.flown_by.first().filter(|_| lane == *own),
        }
    }

    /// Returns whether the calling thread itself is in the air there, or about to be: the caller has interrupted it.
    fn is_our_own(&self, lane: usize, word: &AtomicU64) -> bool {
        let number = thread_number();
        // Relaxed: only this thread stores its own number.
        let flies = |by: &hint::AtomicU64| number != 0 && by.load(Ordering::Relaxed) == number;
        self.flown_by(lane).is_some_and(flies) || nested_in(word)
    }

    /// Lands all flights, unless this was done before, as `is_done` says. Only for a state in which all flights belong
    /// to threads that do not exist; after it has been done once, there may be others.
    pub(crate) fn bury_all_unless(&self, control: &Control, is_done: impl FnOnce() -> bool) {
        let used = self.used(control);
        // Before the check. If it has not been done, no flight has begun before these loads, so all flights that were
        // read belong to threads that do not exist. In the other order, a flight that begins in between would be landed
        // with them, and a call would report "nothing free" because of it.
        let seen = read(used);
        if is_done() {
            return;
        }
        for (word, seen) in used.iter().zip(seen) {
            bury(word, seen);
        }
    }

    /// Returns how many slots all flights have given back, modulo 2^32. Call it before reading the words.
    pub(super) fn given(&self, control: &Control) -> u32 {
        let used = self.used(control).iter();
        // SeqCst: before the look. A flight that lands after this load, and held at the look what the look did not
        // find, changes what `given_when_landed` reads. A lane that is first used after the load of `used` has given
        // nothing back before it.
        used.map(|word| LaneWord(load_seq_cst(word)).given())
            .fold(0, u32::wrapping_add)
    }

    /// Waits until every flight that is now in the air has landed, and returns how many slots all flights have given
    /// back, modulo 2^32, each lane as it was when first seen without that flight. Call it after the look.
    #[cold]
    #[inline(never)]
    pub(super) fn given_when_landed(&self, control: &Control) -> u32 {
        let used = self.used(control);
        let of_landed = |given: u32, word| {
            // SeqCst: as in `read`.
            let seen = LaneWord(load_seq_cst(word));
            (!seen.is_in_air()).then(|| given.wrapping_add(seen.given()))
        };
        // Most often, there was a flight once, and there is none now.
        let given = used.iter().try_fold(0, of_landed);
        given.unwrap_or_else(|| self.given_once_landed(used))
    }

    #[cold]
    #[inline(never)]
    fn given_once_landed(&self, used: &[AtomicU64]) -> u32 {
        let seen = used.iter().zip(read(used)).enumerate();
        seen.map(|(lane, (word, seen))| self.landed(lane, word, seen).given())
            .fold(0, u32::wrapping_add)
    }

    /// Returns the lane's word once the flight of `seen` is no longer in the air, or as it is if we have to land that
    /// flight.
    fn landed(&self, lane: usize, word: &AtomicU64, seen: LaneWord) -> LaneWord {
        let snooze = Snooze::default();
        let mut now = seen;
        if seen.is_in_air() && self.is_our_own(lane, word) {
            return seen;
        }
        while now.is_still(seen) {
            snooze.snooze();
            if snooze.is_long() {
                self.bury_if_dead(lane, word);
            }
            // SeqCst: Acquire would do. A thread that sees it landed sees what it gave back.
            now = LaneWord(load_seq_cst(word));
        }
        now
    }

    /// Lands the flight of a process that has died in it.
    #[cold]
    fn bury_if_dead(&self, lane: usize, word: &AtomicU64) {
        let Owner::Process { lane: own, peers } = &self.owner else {
            return;
        };
        // SeqCst: before the check. The owner that is checked is the one of this flight, or a later one, and then the
        // word has changed.
        let seen = LaneWord(word.load(Ordering::SeqCst));
        // The system does not report our own lock: a flight there belongs to a thread of ours.
        if !seen.is_in_air() || lane == *own || peers.is_held(lane) {
            return;
        }
        bury(word, seen);
    }
}

/// Returns the current words of these lanes.
fn read(lanes: &[AtomicU64]) -> [LaneWord; MOST_LANES] {
    let mut seen = [LaneWord(0); MOST_LANES];
    for (seen, word) in seen.iter_mut().zip(lanes) {
        // SeqCst: after the look, in the total order. A flight that then held what the look did not find began before
        // it took that, so it is seen in the air here, or landed with what it gave back.
        *seen = LaneWord(load_seq_cst(word));
    }
    seen
}

/// How many slots a dead flight counts as having given back, because the true number is unknown. It is so large that a
/// caller that wants fewer searches again, and so small that the sum does not wrap around to zero if all lanes die.
const PERHAPS: u32 = u32::MAX / (MOST_LANES as u32 + 1);

/// Lands a flight of a dead process, if the lane is unchanged since it was seen.
fn bury(word: &AtomicU64, seen: LaneWord) {
    if seen.is_in_air() {
        let landed = seen.landed(PERHAPS);
        // SeqCst: for a thread that reads "landed" next, the claims of the dead process come before. Relaxed on
        // failure: another thread has landed it, or the lane is in the air again.
        let _ = word.compare_exchange(seen.0, landed.0, Ordering::SeqCst, Ordering::Relaxed);
    }
}

/// Returns lanes without a thread.
fn by_nobody(lanes: usize) -> Box<[hint::AtomicU64]> {
    (0..lanes).map(|_| hint::AtomicU64::new(0)).collect()
}

/// A claim that may still give back what it took. It lands when this is dropped.
pub(crate) struct Flight<'a> {
    word: &'a AtomicU64,
    by: Option<&'a hint::AtomicU64>,
    begun: LaneWord,
    gave_back: Cell<u32>,
}

impl<'a> Flight<'a> {
    /// Announces a claim that may have to be rolled back. Call it before the first bit is taken.
    pub(super) fn begin(lanes: &'a Lanes, control: &Control) -> Self {
        let (lane, begun) = lanes.begin(control);
        Self {
            word: &lanes.words()[lane],
            by: lanes.flown_by(lane),
            begun,
            gave_back: Cell::new(0),
        }
    }

    /// Records slots that were given back: calls that are being refused meanwhile may want them.
    pub(crate) fn note_given_back(&self, slot_count: u64) {
        let sum = self.gave_back.get().wrapping_add(slot_count as u32);
        self.gave_back.set(sum);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let landed = self.begun.landed(self.gave_back.get());
        // SeqCst: Release, after our last claim or our roll-back and its publish; pairs with the loads of
        // `given_when_landed`. Earlier, a thread would rely on an emptiness that we are about to undo. A store is
        // enough: while a flight is in the air, no other thread changes the word as long as its owner lives.
        self.word.store(landed.0, Ordering::SeqCst);
        // Afterwards, or a handler in between would wait for us. Relaxed: as it was stored. An exchange, because the
        // lane may belong to another thread by now; then it fails.
        if let Some(by) = self.by {
            let _ = by.compare_exchange(thread_number(), 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A field that wraps around does not change the others.
    #[test]
    fn the_fields_of_a_lane_keep_to_themselves() {
        let word = LaneWord(u64::from(u32::MAX) << 32 | 0xffff_fffe);
        let begun = word.begun();
        assert!(begun.is_in_air() && begun.is_still(begun));
        assert_eq!((begun.given(), begun.0 as u32), (u32::MAX, 1));
        let landed = begun.landed(3);
        assert!(!landed.is_in_air() && !landed.is_still(begun));
        assert_eq!((landed.given(), landed.0 as u32), (2, 0));
        assert!(!landed.begun().is_still(begun), "another flight");
    }

    /// Lanes are used one after another, and again when they have landed.
    #[test]
    fn as_many_lanes_are_used_as_were_in_the_air_at_once() {
        let (lanes, control) = (Lanes::on_heap(), Control::default());
        for _ in 0..3 {
            let flights = [(); 2].map(|()| Flight::begin(&lanes, &control));
            flights[1].note_given_back(5);
            drop(flights);
            assert_eq!(control.lanes_used(), 2);
        }
        assert_eq!(lanes.given(&control), 15);
        assert_eq!(lanes.given_when_landed(&control), 15);
    }

    /// However many processes died, and whatever others gave back meanwhile, the sum is never mistaken for zero.
    #[test]
    fn what_several_dead_may_have_given_back_does_not_cancel_out() {
        for gave_back in 0..100 {
            let (lanes, control) = (Lanes::on_heap(), Control::default());
            Flight::begin(&lanes, &control).note_given_back(gave_back);
            for dead in 1..=MOST_LANES {
                std::mem::forget(Flight::begin(&lanes, &control));
                lanes.bury_all_unless(&control, || false);
                let given = lanes.given_when_landed(&control);
                assert!(given > 1 << 24, "{dead} dead, {gave_back}: {given}");
            }
        }
    }

    /// With more flights than lanes, the last ones wait.
    #[test]
    fn flights_beyond_the_lanes_take_turns() {
        let (lanes, control) = (Lanes::on_heap(), Control::default());
        let first: Vec<_> = (0..HEAP_LANES)
            .map(|_| Flight::begin(&lanes, &control))
            .collect();
        std::thread::scope(|scope| {
            let late = scope.spawn(|| Flight::begin(&lanes, &control).note_given_back(1));
            std::thread::sleep(std::time::Duration::from_millis(5));
            assert!(!late.is_finished());
            drop(first);
            late.join().expect("it has its turn");
        });
        assert_eq!(lanes.given_when_landed(&control), 1);
    }
}
