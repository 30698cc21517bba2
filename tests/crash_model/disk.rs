//! Words of the file as the processes see them, and what a power cut may leave of them.
//!
//! A value is on disk if nothing newer was guaranteed to be: after a cut a cell holds any value it had
//! since the *start* of the last sync that covered it and returned. Each cell is chosen on its own, so
//! that every order of write-back, and a word torn at any bit, is among the choices.

/// One independently written piece of the file: a bit of a map, or a state slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    live: u8,
    /// The page is clean because its write-back failed: until the next store, a sync writes nothing.
    given_up: bool,
    /// Bit `v`: the disk may hold the value `v`.
    possible: u128,
}

impl Cell {
    pub(crate) fn new(value: u8) -> Self {
        Self {
            live: value,
            given_up: false,
            possible: 1 << value,
        }
    }

    /// A cell of a file about which only this much is known.
    pub(crate) fn any_of(values: &[u8]) -> Self {
        Self {
            possible: values.iter().fold(0, |mask, value| mask | 1 << value),
            ..Self::new(values[0])
        }
    }

    pub(crate) fn live(&self) -> u8 {
        self.live
    }

    pub(crate) fn is_set(&self) -> bool {
        self.live != 0
    }

    /// A store that really stores, whatever was there before.
    pub(crate) fn store(&mut self, value: u8) {
        self.live = value;
        self.possible |= 1 << value;
        self.given_up = false;
    }

    /// A cut during this store may leave a slot that is neither the old nor the new one, nor valid.
    pub(crate) fn store_torn(&mut self, value: u8) {
        self.store(value);
        self.possible |= 1;
    }

    /// A sync of this cell starts: the values it may leave, to be widened by every later store.
    pub(crate) fn sync_started(&self) -> u128 {
        1 << self.live
    }

    /// A sync returned; `since` are the values since it started.
    pub(crate) fn sync_returned(&mut self, since: u128) {
        if !self.given_up {
            self.possible &= since;
        }
    }

    /// Start and end of a sync with no other process at work. A cut in between is like one before.
    pub(crate) fn sync(&mut self) {
        self.sync_returned(self.sync_started());
    }

    /// The write-back failed, and the kernel marks the page clean.
    pub(crate) fn sync_failed(&mut self) {
        self.given_up = self.possible != 1 << self.live;
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.possible == 1 << self.live
    }

    pub(crate) fn may_be(&self, value: u8) -> bool {
        self.possible >> value & 1 == 1
    }

    fn choice_count(&self) -> usize {
        self.possible.count_ones() as usize
    }

    fn choice(&self, number: usize) -> u8 {
        (0..128)
            .filter(|&value| self.may_be(value))
            .nth(number)
            .expect("as many choices as values")
    }
}

/// In how many ways the power may fail.
pub(crate) fn cut_count(cells: &[Cell]) -> usize {
    cells.iter().map(Cell::choice_count).product()
}

/// The power fails in the way `number`: what is on disk is all there is.
pub(crate) fn cut(cells: &mut [Cell], mut number: usize) {
    for cell in cells {
        let count = cell.choice_count();
        *cell = Cell::new(cell.choice(number % count));
        number /= count;
    }
}

/// The cells' values, for a counter-example.
pub(crate) fn show(cells: &[Cell]) -> String {
    cells.iter().map(|cell| cell.live().to_string()).collect()
}
