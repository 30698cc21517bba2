//! The word that every claim reads, before and after: whether a pass is running, and whether a sync has failed.
//!
//! ```text
//! bits 0..2   phase: 0 no pass, 1 collecting, 2 a plan is being applied
//! bit 15      poisoned: a sync of the file has failed
//! bits 16..32 its error number
//! bits 32..64 number: one more whenever a phase "collecting" begins (wraps)
//!
//!            begin: number + 1                    apply
//! NO PASS -----------------------> COLLECTING -----------> APPLYING
//!    ^                              |   ^    ^                |
//!    +------------------------------+   +----+                |
//!                 close              begin: number + 1        |
//!                                       ^                     |
//!                                       +---------------------+
//!                                          done: number + 1
//! ```
//!
//! The low half is zero if there is nothing to do but claim. A number is used once, so a thread that reads the same
//! word before and after a claim knows that nothing began or ended in between.

use crate::sync::{AtomicU64, Ordering, load_latest};

const PHASES: u64 = 0b11;
const COLLECTING: u64 = 1;
const APPLYING: u64 = 2;
const POISONED: u64 = 1 << 15;
const ERROR_SHIFT: u32 = 16;
const NUMBER_SHIFT: u32 = 32;

/// The content of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gate(u64);

impl Gate {
    /// Creates a gate from the word of a file that is not mapped.
    pub(crate) fn of_word(word: u64) -> Self {
        Self(word)
    }

    /// Returns the word for a failed sync without a pass.
    pub(crate) fn poisoned_word(errno: i32) -> u64 {
        Self(0).poisoned(errno).0
    }

    /// Returns whether a claim has nothing else to do.
    #[inline]
    pub(crate) fn is_quiet(self) -> bool {
        self.0 as u32 == 0
    }

    /// Returns whether a pass is running, so that a slot must be marked before it is claimed.
    #[inline]
    pub(crate) fn is_passing(self) -> bool {
        self.0 & PHASES != 0
    }

    /// Returns whether a plan is being applied, which frees addresses.
    #[inline]
    pub(crate) fn is_applying(self) -> bool {
        self.0 & PHASES == APPLYING
    }

    /// Returns the number of the latest phase "collecting".
    #[inline]
    pub(crate) fn number(self) -> u32 {
        (self.0 >> NUMBER_SHIFT) as u32
    }

    /// Returns whether the pass is in the same state, poisoned or not.
    #[inline]
    pub(crate) fn is_as(self, other: Self) -> bool {
        self.number() == other.number() && self.0 & PHASES == other.0 & PHASES
    }

    /// Returns the error number of the sync that failed.
    #[inline]
    pub(crate) fn poison(self) -> Option<i32> {
        (self.0 & POISONED != 0).then_some((self.0 >> ERROR_SHIFT & 0xffff) as i32)
    }

    fn poisoned(self, errno: i32) -> Self {
        Self(self.0 | POISONED | u64::from(errno as u16) << ERROR_SHIFT)
    }

    fn in_phase(self, phase: u64) -> Self {
        Self(self.0 & !PHASES | phase)
    }

    fn with_next_number(self) -> Self {
        Self(self.0.wrapping_add(1 << NUMBER_SHIFT))
    }
}

/// Access to the word itself.
#[derive(Clone, Copy)]
pub(crate) struct GateWord<'a>(pub(crate) &'a AtomicU64);

impl GateWord<'_> {
    /// Reads the gate before a claim.
    #[inline]
    pub(crate) fn look(self) -> Gate {
        // The cost of the barrier is measured against a build without it: `benches/without-barrier`.
        if cfg!(hostbits_without_barrier) {
            return Gate(0);
        }
        // Acquire: a thread that sees a pass sees its map of marks. An outdated word is noticed after the claim; the
        // claim is a Release, so this load does not come after it.
        Gate(self.0.load(Ordering::Acquire))
    }

    /// Reads the gate after a claim.
    #[inline]
    pub(crate) fn look_again(self) -> Gate {
        if cfg!(hostbits_without_barrier) {
            return Gate(0);
        }
        // SeqCst: after the claim (or the mark) in the total order, while the pass reads the words after it has changed
        // the gate. So at most one of the two misses the other. The same holds for a poison: one that was set before
        // the claim is seen, and a later one had not been reported to any caller when the claim took effect.
        Gate(load_latest(self.0))
    }

    /// Begins a phase "collecting" with a new number, and returns the new word.
    pub(crate) fn collect(self) -> Gate {
        self.change(|gate| gate.with_next_number().in_phase(COLLECTING))
    }

    /// Begins to apply a plan.
    pub(crate) fn apply(self) -> Gate {
        self.change(|gate| gate.in_phase(APPLYING))
    }

    /// Ends the pass.
    pub(crate) fn close(self) -> Gate {
        self.change(|gate| gate.in_phase(0))
    }

    /// Records the error of a failed sync, unless there was one before.
    pub(crate) fn poison(self, errno: i32) {
        self.change(|gate| match gate.poison() {
            None => gate.poisoned(errno),
            Some(_) => gate,
        });
    }

    fn change(self, change: impl Fn(Gate) -> Gate) -> Gate {
        // Relaxed: a starting guess.
        let mut seen = Gate(self.0.load(Ordering::Relaxed));
        loop {
            let next = change(seen);
            // SeqCst: before our reads of words and marks that follow, in the total order; see `look_again`. Relaxed on
            // failure: a newer guess.
            match self
                .0
                .compare_exchange(seen.0, next.0, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return next,
                Err(newer) => seen = Gate(newer),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A number is used once, and poison survives all phases.
    #[test]
    fn phases_come_and_go_and_poison_stays() {
        let zero = AtomicU64::new(0);
        let word = GateWord(&zero);
        assert!(word.look().is_quiet());
        let first = word.collect();
        assert!(first.is_passing() && !first.is_applying() && !first.is_quiet());
        word.poison(5);
        word.poison(28);
        let applying = word.apply();
        assert!(applying.is_passing() && applying.is_applying());
        assert_eq!(
            (applying.number(), applying.poison()),
            (first.number(), Some(5))
        );
        let after = word.collect();
        assert!(!after.is_applying() && !after.is_as(first));
        let closed = word.close();
        assert!(!closed.is_passing() && !closed.is_quiet(), "poisoned");
        assert_eq!(closed.number(), after.number());
    }

    /// Every error number is read back unchanged, and is mistaken for neither a phase nor a pass number.
    #[test]
    fn a_poison_is_the_number_of_its_error() {
        for errno in 1..=133 {
            let gate = Gate::of_word(Gate::poisoned_word(errno));
            assert_eq!(gate.poison(), Some(errno));
            assert!(!gate.is_quiet() && !gate.is_passing());
            assert_eq!(gate.number(), 0);
        }
    }
}
