//! The barrier of a pass: a slot that is claimed while it is up is marked, or not returned.
//!
//! ```text
//! a claim:   before = gate                         a pass:   clear the old marks
//!            a pass is running? mark the slot                gate: collecting, a new number
//!            claim                                           read the words: the snapshot  
//!            gate: same number?    go on                     (the caller reads its list)
//!            just begun?           mark;                     something to free?
//!                                  gate still so? go on        gate: applying
//!            otherwise             give up, begin again        for each orphan: taken? not marked? free it
//!            a sync to wait for?   wait; gate, as above         gate: collecting, a new number
//!            return
//! ```
//!
//! * If the number is the same before and after, the mark was made before the claim; or there was no pass at all, and
//!   the claim came before the next one's snapshot, like any earlier allocation.
//! * If it is one number later and not applying, there are two cases. If there was no pass before, nothing has been
//!   freed since, and nothing will be without seeing the mark, provided that the word is unchanged after the mark was
//!   made. If there was one, the mark was made before the claim.
//! * In any other case, a plan may have been applied that took the claimed slot for an orphan. The slot may be free
//!   again, and belong to another holder. It is neither returned nor given back, but left as it is: if it is still
//!   taken, the next pass finds it.
//!
//! A thread that waits between the claim and the result checks again after the wait, however short the wait may have
//! been: a pass needs no longer.
//!
//! `tests/explorer` has a model of this, and shows what goes wrong without each part.

use super::{Lender, Words};
use crate::bitmap::{Flight, Gate, Mark, Touched, WordBits};
use crate::slot::{Slot, bit_of, word_of, words_within};
use crate::sync::AtomicU64;

/// What a claim took.
pub(crate) trait Claimed {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64));

    /// Reports to its flight, if it has one, that all of it has been given back.
    fn note_given_back(&self) {}
}

impl Claimed for Slot {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        tell(word_of(*self), bit_of(*self));
    }
}

impl Claimed for WordBits {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        tell(self.0, self.1);
    }
}

impl Claimed for Vec<WordBits> {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        self.iter()
            .for_each(|&(word_index, bits)| tell(word_index, bits));
    }
}

/// A slot that may still be given back.
impl Claimed for (Flight<'_>, Slot) {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        self.1.for_each_word(tell);
    }

    fn note_given_back(&self) {
        self.0.note_given_back(1);
    }
}

/// The slots from the first one to the last.
#[derive(Clone, Copy)]
pub(crate) struct SlotRange(pub(crate) Slot, pub(crate) Slot);

impl Claimed for SlotRange {
    fn for_each_word(&self, tell: &mut dyn FnMut(usize, u64)) {
        let Self(first, last) = *self;
        for word_index in words_within(first, last) {
            tell(
                word_index,
                crate::slot::bits_within(word_index, first, last),
            );
        }
    }
}

impl Words {
    /// Returns the gate before a claim.
    #[inline]
    pub(crate) fn gate(&self) -> Gate {
        self.gate_word().look()
    }

    /// Returns the gate after a claim.
    #[inline]
    pub(crate) fn gate_again(&self) -> Gate {
        self.gate_word().look_again()
    }

    /// Returns where a claim that saw this gate marks what it is about to take.
    #[inline]
    pub(crate) fn marks(&self, before: Gate) -> Option<Touched<'_>> {
        if before.is_passing() {
            self.touched()
        } else {
            None
        }
    }

    /// Returns whether what was claimed since `before` still belongs to the claimant; if so, the gate since which that
    /// holds. If not, it has no holder, and must not be given back either: begin again.
    #[inline]
    pub(crate) fn ours_since(&self, before: Gate, claimed: &impl Claimed) -> Option<Gate> {
        let now = self.gate_again();
        if now.number() == before.number() {
            return Some(before);
        }
        self.marked_in_time(before, now, claimed)
    }

    #[cold]
    #[inline(never)]
    fn marked_in_time(&self, before: Gate, now: Gate, claimed: &impl Claimed) -> Option<Gate> {
        let has_just_begun = !now.is_applying() && now.number() == before.number().wrapping_add(1);
        if !has_just_begun {
            return None;
        }
        self.touch(claimed);
        self.gate_again().is_as(now).then_some(now)
    }

    /// Marks slots that a pass must leave alone.
    pub(crate) fn touch(&self, slots: &impl Claimed) {
        if let Some(touched) = self.touched() {
            slots.for_each_word(&mut |word_index, bits| touched.mark(word_index, bits));
        }
    }

    /// Returns the map of marks, if there has been a pass.
    pub(crate) fn touched(&self) -> Option<Touched<'_>> {
        match &self.lender {
            Lender::Heap { .. } => self.touched_on_heap.get().map(|words| Touched(words)),
            Lender::File(file) => Some(Touched(file.touched())),
        }
    }

    /// Returns the map of marks, for a pass that begins: creates the map if needed.
    pub(crate) fn touched_or_new(&self) -> Touched<'_> {
        if let Lender::Heap { .. } = self.lender {
            let fresh = || (0..self.word_count()).map(|_| AtomicU64::new(0)).collect();
            self.touched_on_heap.get_or_init(fresh);
        }
        self.touched().expect("a map was made just now")
    }
}
