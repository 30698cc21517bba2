//! Tokens: words of bits, and a root with a hint for each word, as in `summary.rs`.

use super::state::{Root, State, Step, Then};
use super::{Leases, Taken, Variant};

impl Leases<'_> {
    fn bit(&self, slot: u8) -> (usize, u8) {
        let per_word = self.program.slots_per_word;
        (usize::from(slot / per_word), 1 << (slot % per_word))
    }

    pub(super) fn has_token(&self, state: &State, slot: u8) -> bool {
        let (word, bit) = self.bit(slot);
        state.words[word] & bit != 0
    }

    pub(super) fn is_in_sight(&self, state: &State, slot: u8) -> bool {
        state.root.maybe >> self.bit(slot).0 & 1 == 1
    }

    /// A step of a search for any token.
    pub(super) fn search_step(&self, state: &mut State, thread: usize) -> Taken {
        let next = match state.threads[thread].step {
            Step::Root => match state.root.candidates() {
                0 => return self.found_no_token(state, thread),
                candidates => Step::Word {
                    word: candidates.trailing_zeros() as u8,
                },
            },
            Step::Word { word } => match state.words[usize::from(word)] {
                0 => Step::Settle { word },
                seen if self.is(Variant::RecordFirst) => Step::Look {
                    slot: word * self.program.slots_per_word + seen.trailing_zeros() as u8,
                },
                seen => Step::Claim { word, seen },
            },
            Step::Claim { word, seen } => {
                if state.words[usize::from(word)] != seen {
                    Step::Word { word }
                } else {
                    let bit = seen & seen.wrapping_neg();
                    let slot = word * self.program.slots_per_word + bit.trailing_zeros() as u8;
                    self.take_token(state, slot);
                    Step::Look { slot }
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        };
        state.threads[thread].step = next;
        Ok(())
    }

    pub(super) fn take_token(&self, state: &mut State, slot: u8) {
        let (word, bit) = self.bit(slot);
        state.words[word] &= !bit;
        state.known &= !(1 << slot);
        state.giving[usize::from(slot)] = 0;
    }

    /// A step of the two-phase clear of a hint.
    pub(super) fn settle_step(&self, state: &mut State, thread: usize) {
        let next = match state.threads[thread].step {
            Step::Settle { word } => {
                let seen = state.root;
                if seen.candidates() >> word & 1 == 0 {
                    Step::Root
                } else if seen.maybe >> word & 1 == 1 {
                    Step::Phase1 { word, seen }
                } else {
                    Step::Check { word, seen }
                }
            }
            Step::Phase1 { word, seen } if state.root == seen => {
                state.root = Root {
                    maybe: seen.maybe & !(1 << word),
                    clearing: seen.clearing | 1 << word,
                    version: seen.version + 1,
                };
                let seen = state.root;
                Step::Check { word, seen }
            }
            Step::Check { word, seen } => {
                let full = state.words[usize::from(word)] == 0;
                Step::Phase2 { word, seen, full }
            }
            Step::Phase2 { word, seen, full } if state.root == seen => {
                state.root.clearing &= !(1 << word);
                state.root.maybe &= !(1 << word);
                if !full {
                    state.root.maybe |= 1 << word;
                }
                state.root.version += 1;
                Step::Root
            }
            Step::Phase1 { word, .. } | Step::Phase2 { word, .. } => Step::Settle { word },
            other => unreachable!("{other:?} is of another kind"),
        };
        state.threads[thread].step = next;
    }

    /// A step of giving a token: as a release of a plain pool.
    pub(super) fn give_step(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].step {
            Step::Give { slot, then } => {
                let (word, bit) = self.bit(slot);
                state.words[word] |= bit;
                state.giving[usize::from(slot)] |= 1 << thread;
                state.threads[thread].step = Step::Publish { slot, then };
                Ok(())
            }
            Step::Publish { slot, then } if !self.is_in_sight(state, slot) => {
                state.threads[thread].step = Step::SetMaybe { slot, then };
                Ok(())
            }
            Step::Publish { slot, then } => self.given(state, thread, slot, then),
            Step::SetMaybe { slot, then } => {
                state.root.maybe |= 1 << self.bit(slot).0;
                self.given(state, thread, slot, then)
            }
            other => unreachable!("{other:?} is of another kind"),
        }
    }

    fn given(&self, state: &mut State, thread: usize, slot: u8, then: Then) -> Taken {
        // Unless another thread has claimed it meanwhile, it is there for good now.
        let giving = &mut state.giving[usize::from(slot)];
        if *giving >> thread & 1 == 1 {
            *giving &= !(1 << thread);
            state.known |= 1 << slot;
        }
        let it = &mut state.threads[thread];
        match then {
            Then::Finish => self.finish(state, thread, None),
            Then::ScanOn => {
                it.found = true;
                self.scan_on(state, thread, slot);
            }
            Then::Search => it.step = Step::Root,
            Then::RollBack => it.step = Step::RollBack,
            Then::Free(seen) => it.step = Step::Free { slot, seen },
        }
        Ok(())
    }
}
