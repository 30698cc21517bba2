//! The cordons of one member: parts from which no new addresses are handed out.
//!
//! A cordon changes no bit. It is a first and a last slot in one word, which an allocation reads before it searches. So
//! a release under a cordon is an ordinary release, nothing is held temporarily, a process that dies leaves nothing
//! behind, and lifting a cordon is one store.

use crate::pool::Part;
use crate::slot::Slot;
use crate::sync::{AtomicU64, Ordering, load_seq_cst};

/// The maximum number of cordons of a member.
pub(super) const MOST_CORDONS: usize = 16;

/// A first slot above the last one: contains no slot.
const NONE: u64 = 1 << 32;

pub(super) struct Cordons([AtomicU64; MOST_CORDONS]);

/// Where to search, in this order: the parts of a member that its cordons and band leave.
#[derive(Clone)]
pub(super) struct Parts(Vec<Part>);

impl Parts {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    fn push(&mut self, part: Part) {
        if part.0 <= part.1 {
            self.0.push(part);
        }
    }

    pub(super) fn as_slice(&self) -> &[Part] {
        &self.0
    }
}

/// A single part.
impl From<Part> for Parts {
    fn from(whole: Part) -> Self {
        let mut parts = Self::new();
        parts.push(whole);
        parts
    }
}

impl Cordons {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(NONE)))
    }

    /// Returns all cordons, ordered by first slot.
    pub(super) fn list(&self) -> Vec<Part> {
        let (mut cordons, count) = self.sorted();
        cordons[..count]
            .iter_mut()
            .map(|&mut cordon| cordon)
            .collect()
    }

    fn sorted(&self) -> ([Part; MOST_CORDONS], usize) {
        let mut cordons = [(Slot::MAX, 0); MOST_CORDONS];
        let mut count = 0;
        for word in &self.0 {
            // SeqCst: a cordon that was set before this call began is seen, and a read that misses one comes before it
            // in the total order.
            let word = load_seq_cst(word);
            if word != NONE {
                cordons[count] = ((word >> 32) as Slot, word as Slot);
                count += 1;
            }
        }
        cordons[..count].sort_unstable();
        (cordons, count)
    }

    /// Returns the parts of `whole` outside the cordons, in ascending order. With a band, the parts above and below it
    /// come first, and then the band itself, if `with_band`.
    pub(super) fn allowed(&self, whole: Part, band: Option<Part>, with_band: bool) -> Parts {
        let mut parts = Parts::new();
        let (cordons, count) = self.sorted();
        let cordons = &cordons[..count];
        let Some((first, last)) = band else {
            push_allowed(&mut parts, whole, cordons);
            return parts;
        };
        if let Some(above) = last.checked_add(1) {
            push_allowed(&mut parts, (above, whole.1), cordons);
        }
        if let Some(below) = first.checked_sub(1) {
            push_allowed(&mut parts, (whole.0, below), cordons);
        }
        if with_band {
            push_allowed(&mut parts, (first, last), cordons);
        }
        parts
    }

    /// Returns whether a slot is cordoned.
    pub(super) fn hold(&self, slot: Slot) -> bool {
        let (cordons, count) = self.sorted();
        let holds = |&(first, last): &Part| (first..=last).contains(&slot);
        cordons[..count].iter().any(holds)
    }

    /// Sets a cordon; returns `false` if there is no room for it. One caller at a time.
    pub(super) fn draw(&self, part: Part) -> bool {
        // SeqCst, both: allocations that begin later see the cordon; see `sorted`.
        let free = self.0.iter().find(|word| load_seq_cst(word) == NONE);
        free.inspect(|word| word.store(pack(part), Ordering::SeqCst))
            .is_some()
    }

    /// Lifts a cordon of exactly this part; returns `false` if there is none. One caller at a time.
    pub(super) fn lift(&self, part: Part) -> bool {
        // SeqCst, both: a thread that knows of it finds what was under the cordon.
        let mut words = self.0.iter();
        let drawn = words.find(|word| load_seq_cst(word) == pack(part));
        drawn
            .inspect(|word| word.store(NONE, Ordering::SeqCst))
            .is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted().1 == 0
    }
}

fn pack((first, last): Part) -> u64 {
    u64::from(first) << 32 | u64::from(last)
}

/// Adds the parts of `part` outside the ascending `cordons`, which may overlap.
fn push_allowed(parts: &mut Parts, part: Part, cordons: &[Part]) {
    let mut from = Some(part.0);
    for &(first, last) in cordons {
        let Some(start) = from else { return };
        if first > part.1 {
            break;
        }
        if last < start {
            continue;
        }
        if let Some(before) = first.checked_sub(1)
            && start < first
        {
            parts.push((start, before.min(part.1)));
        }
        from = last.checked_add(1);
    }
    if let Some(start) = from {
        parts.push((start, part.1));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The parts are always the slots that no cordon contains, with the band last.
    #[test]
    fn parts_agree_with_asking_slot_by_slot() {
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut draw = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % below) as Slot
        };
        for round in 0..2000 {
            let cordons = Cordons::new();
            for _ in 0..=draw(MOST_CORDONS as u64) {
                let first = draw(40);
                assert!(cordons.draw((first, first + draw(9) * draw(2))));
            }
            let whole = (0, 39);
            let band = (round % 2 == 0).then(|| {
                let first = draw(30);
                (first, first + draw(10))
            });
            let parts = cordons.allowed(whole, band, true);
            let mut slots: Vec<Slot> = Vec::new();
            for &(first, last) in parts.as_slice() {
                slots.extend(first..=last);
            }
            let is_banded =
                |slot: &Slot| band.is_some_and(|(first, last)| (first..=last).contains(slot));
            let mut expected: Vec<Slot> = (0..40).filter(|&slot| !cordons.hold(slot)).collect();
            // Above the band, below it, within it.
            expected.sort_by_key(|slot| match band {
                Some(band) if is_banded(slot) => (2, band.0),
                Some((first, _)) if *slot < first => (1, 0),
                _ => (0, 0),
            });
            assert_eq!(
                slots,
                expected,
                "{:?} and the band {band:?}",
                cordons.list()
            );
        }
    }

    /// The maximum number of parts: each cordon splits one, and so does each end of the band.
    #[test]
    fn all_cordons_and_a_band_leave_three_parts_more_than_cordons() {
        let cordons = Cordons::new();
        for index in 1..=MOST_CORDONS as Slot {
            assert!(cordons.draw((10 * index, 10 * index)));
        }
        let parts = cordons.allowed((0, 199), Some((53, 66)), true);
        assert_eq!(parts.as_slice().len(), MOST_CORDONS + 3);
        let slots = parts.as_slice().iter().map(|part| part.1 - part.0 + 1);
        assert_eq!(slots.sum::<Slot>(), 200 - MOST_CORDONS as Slot);
    }

    #[test]
    fn a_cordon_is_lifted_as_it_was_drawn_and_there_are_so_many() {
        let cordons = Cordons::new();
        for index in 0..MOST_CORDONS as Slot {
            assert!(cordons.draw((2 * index, 2 * index)));
        }
        assert!(!cordons.draw((100, 200)));
        assert!(!cordons.lift((0, 1)), "that was never drawn");
        assert!(cordons.lift((0, 0)));
        assert!(cordons.draw((0, Slot::MAX)));
        assert!(
            cordons
                .allowed((0, Slot::MAX), None, true)
                .as_slice()
                .is_empty()
        );
        assert!(cordons.hold(Slot::MAX));
    }
}
