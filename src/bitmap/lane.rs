//! Claims in flight: claims of several words that may still give back what they took.
//!
//! Each is in a *lane*, a word that says what others must know of it:
//!
//! ```text
//! bit 0       in the air
//! bits 1..32  flights ever begun (wraps)
//! bits 32..64 slots that they gave back (wraps)
//!
//!            begin: CAS, begun + 1                     land: given back + what this one gave back
//! LANDED -------------------------> IN THE AIR ------------------------------> LANDED
//!                                       |
//!                                       +--> LANDED, perhaps given back: whoever waits buries a dead process
//! ```
//!
//! A flight that succeeds has taken each slot when it took it; one that fails takes nothing, and what it had
//! was free all the while. So whoever found nothing waits until all that were in the air when it looked have
//! landed, each at its own moment, and asks what was given back since before its look: see `control`. It
//! does not wait for what has begun since.
//!
//! On the heap a flight takes any lane that has landed. Among processes each has one lane for life, by a
//! lock of the system that dies with it; its threads take turns. Whoever has waited long for a lane asks
//! whether its lock is held. If not, its owner is dead, and the flight is landed by a compare-exchange of the
//! word as it was read *before* the question. Should the lane have a new owner by then, that one has landed
//! the flight itself, or has begun another one: the exchange fails. What a dead flight had claimed, and
//! had not begun to give back, stays claimed: a leak, as of anybody who dies with an address.
//!
//! A claim in flight never waits in its own bitmap. So whoever would wait for a flight of its own thread is in a
//! signal handler that has interrupted it, and would wait for ever. It goes on, as if that flight was to succeed.
//! For that each lane of this process says which thread flies there; while a thread takes off, a note of its own
//! says so.

use super::control::Control;
use crate::sync::{
    AtomicU64, HEAP_LANES, Ordering, Snooze, hint, load_seq_cst, nested_in, thread_index,
    thread_number, with_note_of,
};
use std::cell::Cell;

/// More lanes than this nobody has.
pub(crate) const MOST_LANES: usize = 224;
const _: () = assert!(HEAP_LANES <= MOST_LANES);

const IN_AIR: u64 = 1;
const GIVEN_SHIFT: u32 = 32;

/// What the word of a lane says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneWord(pub(crate) u64);

impl LaneWord {
    pub(crate) fn is_in_air(self) -> bool {
        self.0 & IN_AIR != 0
    }

    /// How many slots have been given back, in all.
    fn given(self) -> u32 {
        (self.0 >> GIVEN_SHIFT) as u32
    }

    /// Whether the flight of `earlier` is still in the air.
    fn is_still(self, earlier: Self) -> bool {
        earlier.is_in_air() && self.0 as u32 == earlier.0 as u32
    }

    /// The next flight, of a lane that has landed.
    fn begun(self) -> Self {
        let low = (self.0 as u32).wrapping_add(2) | IN_AIR as u32;
        Self(self.0 >> GIVEN_SHIFT << GIVEN_SHIFT | u64::from(low))
    }

    fn landed(self, gave_back: u32) -> Self {
        let given = self.given().wrapping_add(gave_back);
        Self(u64::from(given) << GIVEN_SHIFT | u64::from(self.0 as u32) & !IN_AIR)
    }
}

/// What only the system knows of other processes.
pub(crate) trait Peers:
    Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe
{
    /// The words of all lanes, at most [`MOST_LANES`].
    fn lanes(&self) -> &[AtomicU64];

    /// Whether somebody else holds the lock of a lane. In doubt, yes.
    fn is_held(&self, lane: usize) -> bool;
}

/// The lanes, as one process sees them.
pub(crate) struct Lanes {
    owner: Owner,
    /// The number of the thread in the air, or 0: of all lanes on the heap, of our own one among processes.
    flown_by: Box<[hint::AtomicU64]>,
}

enum Owner {
    /// Threads of one process.
    Threads(Box<[AtomicU64]>),
    /// A process among others, with the lane that is its own.
    Process { lane: usize, peers: Box<dyn Peers> },
}

impl Lanes {
    pub(crate) fn on_heap() -> Self {
        Self {
            owner: Owner::Threads((0..HEAP_LANES).map(|_| AtomicU64::new(0)).collect()),
            flown_by: by_nobody(HEAP_LANES),
        }
    }

    /// For looks at words that nobody claims.
    pub(crate) fn none() -> Self {
        Self {
            owner: Owner::Threads(Box::default()),
            flown_by: Box::default(),
        }
    }

    /// Of a process that has taken the lock of `lane`. Lands what a dead owner may have left in the air.
    pub(crate) fn of_process(lane: usize, peers: Box<dyn Peers>) -> Self {
        let word = &peers.lanes()[lane];
        // SeqCst: after the lock, as in `bury_if_dead`.
        bury(word, LaneWord(word.load(Ordering::SeqCst)));
        Self {
            owner: Owner::Process { lane, peers },
            flown_by: by_nobody(1),
        }
    }

    /// Memory on the heap, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let words = match &self.owner {
            Owner::Threads(words) => size_of_val(&**words),
            Owner::Process { .. } => 0,
        };
        words + size_of_val(&*self.flown_by)
    }

    fn words(&self) -> &[AtomicU64] {
        match &self.owner {
            Owner::Threads(words) => words,
            Owner::Process { peers, .. } => peers.lanes(),
        }
    }

    /// Those that have ever been used.
    fn used(&self, control: &Control) -> &[AtomicU64] {
        let words = self.words();
        &words[..control.lanes_used().min(words.len())]
    }

    /// Takes off: in any lane that has landed, or in our own, when that has.
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

    /// In the first lane that has landed, or in one more.
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
            // SeqCst: before our first claim in the total order, so that whoever sees the bit taken sees the
            // flight, too. Acquire also pairs with the landing of the flight before. Relaxed on failure: nothing
            // is read.
            word.compare_exchange(seen.0, begun.0, Ordering::SeqCst, Ordering::Relaxed)
                .ok()?;
            // Relaxed: for our own handlers. What another thread reads is not its own number.
            self.flown_by(lane)?
                .store(thread_number(), Ordering::Relaxed);
            Some(begun)
        })
    }

    /// Who flies in a lane, if it is of this process.
    fn flown_by(&self, lane: usize) -> Option<&hint::AtomicU64> {
        match &self.owner {
            Owner::Threads(_) => self.flown_by.get(lane),
            Owner::Process { lane: own, .. } => self.flown_by.first().filter(|_| lane == *own),
        }
    }

    /// Whether this very thread is in the air there, or about to be: whoever asks has interrupted it.
    fn is_our_own(&self, lane: usize, word: &AtomicU64) -> bool {
        let number = thread_number();
        // Relaxed: our own number only we have stored.
        let flies = |by: &hint::AtomicU64| number != 0 && by.load(Ordering::Relaxed) == number;
        self.flown_by(lane).is_some_and(flies) || nested_in(word)
    }

    /// Lands all flights, unless that has been done, as `is_done` says. Only where all of them are of threads
    /// that do not exist; as soon as it has been done once, there may be others.
    pub(crate) fn bury_all_unless(&self, control: &Control, is_done: impl FnOnce() -> bool) {
        let used = self.used(control);
        // Before the question. If it has not been done, nobody has begun a flight before these loads, so what was
        // read is of those that do not exist. The other way round, a flight that begins in between would be
        // landed with them, and somebody told "nothing free" because of it.
        let seen = read(used);
        if is_done() {
            return;
        }
        for (word, seen) in used.iter().zip(seen) {
            bury(word, seen);
        }
    }

    /// How many slots all flights have given back, modulo 2^32. Before a look at the words.
    pub(super) fn given(&self, control: &Control) -> u32 {
        let used = self.used(control).iter();
        // SeqCst: before the look. A flight that lands after this load, and had at the look what the look did
        // not find, changes what `given_when_landed` reads. A lane that is first used after the load of
        // `used` has given nothing back before it.
        used.map(|word| LaneWord(load_seq_cst(word)).given())
            .fold(0, u32::wrapping_add)
    }

    /// Waits until every flight that is in the air now has landed, and answers how many slots all flights
    /// have given back, modulo 2^32, each lane as it was when first seen without that flight. After the look.
    #[cold]
    #[inline(never)]
    pub(super) fn given_when_landed(&self, control: &Control) -> u32 {
        let used = self.used(control);
        let seen = read(used);
        let seen = used.iter().zip(seen).enumerate();
        seen.map(|(lane, (word, seen))| self.landed(lane, word, seen).given())
            .fold(0, u32::wrapping_add)
    }

    /// The lane as soon as the flight of `seen` is no longer in the air; as it is if that is for us to land.
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
            // SeqCst: Acquire would do. Whoever sees it landed sees what it gave back.
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
        // SeqCst: before the question. The owner that we ask for is the one of this flight, or a later one,
        // and then the word has changed.
        let seen = LaneWord(word.load(Ordering::SeqCst));
        // The system does not tell us of our own lock: a flight there is of a thread of ours.
        if !seen.is_in_air() || lane == *own || peers.is_held(lane) {
            return;
        }
        bury(word, seen);
    }
}

/// What all of these say now.
fn read(lanes: &[AtomicU64]) -> [LaneWord; MOST_LANES] {
    let mut seen = [LaneWord(0); MOST_LANES];
    for (seen, word) in seen.iter_mut().zip(lanes) {
        // SeqCst: after the look, in the total order. Whoever had then what the look did not find began before
        // it took that, so it is seen in the air here, or landed with what it gave back.
        *seen = LaneWord(load_seq_cst(word));
    }
    seen
}

/// What a dead flight has given back: nobody knows. So much that whoever wants less looks again, and so little that
/// the sum of all lanes does not come round to nothing when all of them die.
const PERHAPS: u32 = u32::MAX / (MOST_LANES as u32 + 1);

/// Lands a flight of a dead process, if the lane is as it was seen.
fn bury(word: &AtomicU64, seen: LaneWord) {
    if seen.is_in_air() {
        let landed = seen.landed(PERHAPS);
        // SeqCst: for whoever reads "landed" next, the claims of the dead one come before.
        // Relaxed on failure: somebody else has landed it, or it flies again.
        let _ = word.compare_exchange(seen.0, landed.0, Ordering::SeqCst, Ordering::Relaxed);
    }
}

/// No thread in any of so many lanes.
fn by_nobody(lanes: usize) -> Box<[hint::AtomicU64]> {
    (0..lanes).map(|_| hint::AtomicU64::new(0)).collect()
}

/// A claim that may still give back what it took; it lands when this is dropped.
pub(crate) struct Flight<'a> {
    word: &'a AtomicU64,
    by: Option<&'a hint::AtomicU64>,
    begun: LaneWord,
    gave_back: Cell<u32>,
}

impl<'a> Flight<'a> {
    /// Announces a claim that may have to be rolled back. Before the first bit is taken.
    pub(super) fn begin(lanes: &'a Lanes, control: &Control) -> Self {
        let (lane, begun) = lanes.begin(control);
        Self {
            word: &lanes.words()[lane],
            by: lanes.flown_by(lane),
            begun,
            gave_back: Cell::new(0),
        }
    }

    /// Takes note of slots that were given back: those who are refused meanwhile may want them.
    pub(crate) fn note_given_back(&self, slot_count: u64) {
        let sum = self.gave_back.get().wrapping_add(slot_count as u32);
        self.gave_back.set(sum);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let landed = self.begun.landed(self.gave_back.get());
        // SeqCst: Release, after our last claim or our roll-back and its publish; pairs with the loads of
        // `given_when_landed`. Earlier, and somebody would believe an emptiness that we are about to undo.
        // A store will do: in the air, nobody else changes the word while its owner lives.
        self.word.store(landed.0, Ordering::SeqCst);
        // Afterwards, or a handler in between would wait for us. Relaxed: as it was stored. An exchange: the lane may
        // be another one's by now. On failure it is.
        if let Some(by) = self.by {
            let _ = by.compare_exchange(thread_number(), 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Whatever wraps changes nothing beside it.
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

    /// Lanes are used one after the other, and again when they have landed.
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

    /// However many died, and whatever others gave back meanwhile: together it is never taken for nothing.
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

    /// More flights than lanes: the last ones wait.
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
