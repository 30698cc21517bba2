//! The first word of a record: state, time and generation, packed so that one exchange changes all of them.
//!
//! ```text
//! state 3 | tagged 1 | until 28 | generation 32
//! ```
//!
//! Two states have a second number, with the mark of a pass. A lease has it if no call has renewed or adopted it since
//! the pass began, and a rest if a pass has ended the lease.
//!
//! Pure arithmetic. This module does not know whose record it is.

use super::time::Tick;
use crate::storage::records;
use crate::table::numbers;

/// The last generation of a record. After it, the address rests for a day, and begins again.
pub(super) const LAST_GENERATION: u32 = u32::MAX;

const STATE_SHIFT: u32 = 61;
const TAGGED: u64 = 1 << 60;
const UNTIL_SHIFT: u32 = 32;
const UNTIL_MASK: u64 = (1 << 28) - 1;

/// What a record says about its address. Numbers are those of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A reserved slot, or memory that was never written. It is never handed out.
    Void,
    Free,
    Offered,
    Leased,
    Cooling,
    /// It is unknown whether it is held.
    Quarantined,
}

numbers! {
    State: u8 {
        Void = 0,
        Free = 1,
        Offered = 2,
        Leased = 3,
        Cooling = 4,
        Quarantined = 5,
    }
}

// Recoveries of files know these.
const _: () = assert!(records::STATE_SHIFT == STATE_SHIFT);
const _: () = assert!(State::Void.number() as u64 == records::VOID);
const _: () = assert!(State::Free.number() as u64 == records::FREE);
const _: () = assert!(Word::NEW.0 == records::NEW);
#[cfg(pool_files)]
const _: () = assert!(Word::new(State::Leased, Tick::NEVER, 0).0 == records::LEASED_FOR_EVER);
#[cfg(pool_files)]
const _: () = assert!(State::Quarantined.number() as u64 == records::QUARANTINED);

/// What the mark of a pass adds to the number of a state.
const MARK: u8 = 3;
/// Leased with a mark; after it comes Cooling with a mark.
const FIRST_MARKED: u8 = State::Leased.number() + MARK;

/// A bit for each number of a state in which the address is held.
const HELD: u64 = 1 << State::Offered.number() | 1 << State::Leased.number() | 1 << FIRST_MARKED;

/// The state of each number: a table takes fewer instructions than comparisons.
const STATES: [State; 8] = {
    let mut states = [State::Quarantined; 8];
    let mut number = 0;
    while number < 8 {
        let mark = if number < FIRST_MARKED { 0 } else { MARK };
        if let Some(state) = State::of_number(number - mark) {
            states[number as usize] = state;
        }
        number += 1;
    }
    states
};

#[cfg(pool_files)]
impl State {
    /// Returns the state by the upper three bits of a word.
    pub(super) fn of_record(number: u8) -> Self {
        STATES[usize::from(number & 7)]
    }
}

/// The first word of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// What is read where there is no record.
    pub(super) const VOID: Self = Self::new(State::Void, Tick::ZERO, 0);
    /// A slot that was never handed out.
    pub(super) const NEW: Self = Self::new(State::Free, Tick::ZERO, 0);

    #[inline]
    pub(super) const fn new(state: State, until: Tick, generation: u32) -> Self {
        let state = (state.number() as u64) << STATE_SHIFT;
        Self(state | (until.number() as u64) << UNTIL_SHIFT | generation as u64)
    }

    /// Returns the word with another state and time; generation and owner stay.
    #[inline]
    pub(super) fn changed(self, state: State, until: Tick) -> Self {
        let kept = self.0 & (TAGGED | u64::from(u32::MAX));
        Self(kept | Self::new(state, until, 0).0)
    }

    /// Returns the word that says whether the record of this generation has an owner.
    #[inline]
    pub(super) fn tagged(self, is_tagged: bool) -> Self {
        Self(self.0 & !TAGGED | if is_tagged { TAGGED } else { 0 })
    }

    /// Returns the word of the next holder, whose generation is at least `floor`.
    #[inline]
    pub(super) fn raised(self, state: State, until: Tick, floor: u32) -> Self {
        Self::new(state, until, self.generation().wrapping_add(1).max(floor))
    }

    #[inline]
    pub(super) fn state(self) -> State {
        STATES[(self.0 >> STATE_SHIFT) as usize]
    }

    /// Returns the word with the mark of a pass, which every other change takes away. Only what is leased or rests has
    /// one.
    pub(super) fn marked(self) -> Self {
        let has_mark = matches!(self.state(), State::Leased | State::Cooling);
        match has_mark && !self.is_marked() {
            true => Self(self.0 + (u64::from(MARK) << STATE_SHIFT)),
            false => self,
        }
    }

    #[inline]
    pub(super) fn is_marked(self) -> bool {
        self.0 >> STATE_SHIFT >= FIRST_MARKED.into()
    }

    /// Returns whether the record has, or will have, the tag of its owner.
    #[inline]
    pub(super) fn is_tagged(self) -> bool {
        self.0 & TAGGED != 0
    }

    #[inline]
    pub(super) fn until(self) -> Tick {
        Tick::of_number((self.0 >> UNTIL_SHIFT & UNTIL_MASK) as u32)
    }

    #[inline]
    pub(super) fn generation(self) -> u32 {
        self.0 as u32
    }

    /// Returns whether the address is held: offered or leased.
    #[inline]
    pub(super) fn is_held(self) -> bool {
        HELD >> (self.0 >> STATE_SHIFT) & 1 != 0
    }

    /// Returns when the record becomes free by itself, unless it is renewed.
    #[inline]
    pub(super) fn free_at(self, cooldown: u32) -> Option<Tick> {
        let until = self.until();
        match self.state() {
            State::Cooling => Some(until),
            State::Offered | State::Leased if !until.is_never() => Some(until.plus(cooldown)),
            State::Void | State::Free | State::Offered | State::Leased | State::Quarantined => None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Every number that the three bits can have, also those of marks and of no state.
    #[test]
    fn what_is_held_is_offered_or_leased() {
        for number in 0..8 {
            let word = Word(number << STATE_SHIFT | 7);
            let is_held = matches!(word.state(), State::Offered | State::Leased);
            assert_eq!(word.is_held(), is_held, "{number}");
        }
    }
}
