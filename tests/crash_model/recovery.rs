//! Recovery of untrusted words, with power cuts and failed syncs at every point of it.
//!
//! Property: no disk image and no recovered pool has an address that is held, free and trusted; and
//! whatever was free or suspect in the first image is free or suspect in every later one.
//!
//! Two words of one address each. The first image is arbitrary but for what trust means: a trusted word
//! has no held address free.

use crate::disk::{Cell, cut, cut_count, show};
use crate::search::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    QuarantineFree,
    SyncQuarantine,
    ClearFree,
    SyncFree,
    Trust,
}

use Step::{ClearFree, QuarantineFree, SyncFree, SyncQuarantine, Trust};

/// The order of the steps, each for all words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// F is cleared before the sync of Q has returned.
    FreeClearedEarly,
    /// F is cleared and synced before anything is in Q.
    FreeClearedFirst,
    /// T is set before F is synced.
    TrustedEarly,
    /// F is never synced.
    FreeNotSynced,
    /// T is not read: F is believed.
    FreeBelieved,
    /// What has the wanted value already is not stored again.
    EqualNotStored,
}

impl Variant {
    fn order(self) -> &'static [Step] {
        match self {
            Self::Correct | Self::EqualNotStored => {
                &[QuarantineFree, SyncQuarantine, ClearFree, SyncFree, Trust]
            }
            Self::FreeClearedEarly => &[QuarantineFree, ClearFree, SyncQuarantine, SyncFree, Trust],
            Self::FreeClearedFirst => &[ClearFree, SyncFree, QuarantineFree, SyncQuarantine, Trust],
            Self::TrustedEarly => &[QuarantineFree, SyncQuarantine, ClearFree, Trust, SyncFree],
            Self::FreeNotSynced => &[QuarantineFree, SyncQuarantine, ClearFree, Trust],
            Self::FreeBelieved => &[],
        }
    }
}

pub(crate) struct Recovery {
    pub(crate) variant: Variant,
    /// By word: whether its address is held.
    pub(crate) held: [bool; 2],
    pub(crate) cuts: u8,
    pub(crate) failures: u8,
}

const T: usize = 0;
const F: usize = 2;
const Q: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// T, F and Q of the two words.
    cells: [Cell; 6],
    /// By word: not trusted when this recovery began.
    recovering: [bool; 2],
    at: u8,
    powered: bool,
    /// By word: free or suspect in the first image.
    suspect: Option<[bool; 2]>,
    cuts: u8,
    failures: u8,
}

impl State {
    fn is_set(&self, map: usize, word: usize) -> bool {
        self.cells[map + word].is_set()
    }
}

impl Recovery {
    fn next(&self, state: &State) -> Option<Step> {
        self.variant.order().get(usize::from(state.at)).copied()
    }

    fn store(&self, state: &mut State, cell: usize, value: u8) {
        let same = state.cells[cell].live() == value;
        if !(same && self.variant == Variant::EqualNotStored) {
            state.cells[cell].store(value);
        }
    }

    fn image_is_broken(&self, state: &State) -> Result<(), &'static str> {
        for word in 0..2 {
            let free = state.is_set(F, word);
            if self.held[word] && free && state.is_set(T, word) {
                return Err("a held address is free and trusted");
            }
            if state.suspect.is_some_and(|suspect| suspect[word]) && !free && !state.is_set(Q, word)
            {
                return Err("a suspect is neither free nor in quarantine: lost");
            }
        }
        Ok(())
    }

    fn begin(state: &mut State) {
        state.at = 0;
        state.recovering = [0, 1].map(|word| !state.is_set(T, word));
    }

    fn cut_power(&self, state: &mut State, number: usize) -> Result<(), &'static str> {
        cut(&mut state.cells, number);
        state.cuts -= 1;
        let Some(_) = state.suspect else {
            // The first image. One that breaks the premise is of no interest.
            if self.image_is_broken(state).is_err() {
                state.cuts = 0;
                return Ok(());
            }
            state.powered = true;
            state.suspect = Some([0, 1].map(|word| state.is_set(F, word) || state.is_set(Q, word)));
            Self::begin(state);
            return Ok(());
        };
        Self::begin(state);
        self.image_is_broken(state)
    }

    fn next_is_sync(&self, state: &State) -> bool {
        state.powered && matches!(self.next(state), Some(SyncQuarantine | SyncFree))
    }

    fn cells_of(step: Step) -> std::ops::Range<usize> {
        match step {
            SyncQuarantine => Q..Q + 2,
            _ => F..F + 2,
        }
    }
}

impl Machine for Recovery {
    type State = State;

    fn start(&self) -> State {
        State {
            cells: [Cell::any_of(&[0, 1]); 6],
            recovering: [false; 2],
            at: 0,
            powered: false,
            suspect: None,
            // One more, which makes the first image.
            cuts: self.cuts + 1,
            failures: self.failures,
        }
    }

    fn thread_count(&self) -> usize {
        1
    }

    fn is_live(&self, state: &State, _: usize) -> bool {
        state.powered && self.next(state).is_some()
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if let Some(accident) = thread.checked_sub(1) {
            let sync_may_fail = state.failures > 0 && self.next_is_sync(state);
            let Some(number) = accident.checked_sub(usize::from(sync_may_fail)) else {
                let step = self.next(state).expect("a sync is next");
                state.failures -= 1;
                state.cells[Self::cells_of(step)]
                    .iter_mut()
                    .for_each(Cell::sync_failed);
                // Another opener of the same boot tries again.
                Self::begin(state);
                return Ok(());
            };
            return self.cut_power(state, number);
        }
        let step = self.next(state).expect("a live step");
        let recovering = state.recovering;
        for word in (0..2).filter(|&word| recovering[word]) {
            match step {
                QuarantineFree => {
                    let both = state.cells[Q + word].live() | state.cells[F + word].live();
                    self.store(state, Q + word, both);
                }
                ClearFree => self.store(state, F + word, 0),
                Trust => self.store(state, T + word, 1),
                SyncQuarantine | SyncFree => {}
            }
        }
        if self.next_is_sync(state) {
            state.cells[Self::cells_of(step)]
                .iter_mut()
                .for_each(Cell::sync);
        }
        state.at += 1;
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        let failures = usize::from(state.failures > 0 && self.next_is_sync(state));
        let cuts = if state.cuts > 0 {
            cut_count(&state.cells)
        } else {
            0
        };
        failures + cuts
    }

    /// All that is free is handed out from here on.
    fn broken_at_rest(&self, state: &State) -> Option<String> {
        (0..2)
            .any(|word| state.powered && self.held[word] && state.is_set(F, word))
            .then(|| "a held address is free in a recovered pool".to_owned())
    }

    fn name(&self, thread: usize) -> String {
        match thread {
            0 => "opener".to_owned(),
            _ => "accident".to_owned(),
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let before = format!("T,F,Q of two words {}", show(&state.cells));
        match thread.checked_sub(1) {
            None => format!("{:?} ({before})", self.next(state)),
            Some(0) if state.failures > 0 && self.next_is_sync(state) => {
                format!("the sync fails ({before})")
            }
            Some(accident) => {
                let skipped = usize::from(state.failures > 0 && self.next_is_sync(state));
                let mut image = state.cells;
                cut(&mut image, accident - skipped);
                format!("power cut leaves {} ({before})", show(&image))
            }
        }
    }
}
