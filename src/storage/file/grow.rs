//! Grows a file that has room for more slots. No other process has it open.
//!
//! ```text
//! blocks for the whole file, which a copy may lack
//! the new configuration, in the place that is not in force; sync
//! the new header, over the copy that is not in force; sync        <- from here on it is the new pool
//! the bits of the new slots, which were zero until now, and of slots that are reserved now, which were one; sync
//! if the file was closed cleanly: the next state, with the new sum; sync
//! the new header, over the other copy; sync                       <- from here on nothing is left to do
//! ```
//!
//! Until the last step, the two headers have different generations, and the next opener sets the bits again: none of
//! them can have been allocated. If growth is interrupted before that, the new slots are taken.
//!
//! An opener ignores the bit of a reserved slot, and clears it before it writes its state. Cleared only there, it would
//! change the words of a file that still says that it was closed cleanly: a death in between would quarantine all of it.
//!
//! A sync that fails here poisons the file like any other, although it is not mapped: claims of dead processes may be
//! among the pages that were lost. For a file without room, see `enlarge`.

use super::bytes::{BLOCK_BYTES, WordSum};
use super::create::{Blueprint, encode_config};
use super::header::Header;
use super::identity::{Identity, Witness};
use super::layout::{HEADER_AT, Kind, STATE_AT};
use super::locks::{self, Lock};
use super::open::{Opening, read_config, read_region, read_states};
use super::poison;
use super::state::{Phase, State};
use crate::open_error::OpenError;
use crate::slot::{Slot, bits_within, slots_in, words_within};
use crate::storage::heap::bits_of_ranges;
use std::io;
use std::os::unix::fs::FileExt;

/// Returns whether there is room in the file for the configuration of the next generation.
pub(crate) fn has_room_for_config(header: &Header, config: &str) -> bool {
    encode_config(config).len() <= header.layout.config_extent(header.generation + 1).len
}

impl Opening<'_> {
    /// Returns whether the file can grow to this blueprint in place.
    pub(crate) fn has_room_for(&self, grown: &Blueprint<'_>) -> bool {
        let layout = &self.header.layout;
        let words = grown.capacity_words();
        words.is_some_and(|words| words <= layout.capacity_words)
            && has_room_for_config(&self.header, grown.config)
    }

    /// Makes the file that of a larger pool, for which it has room. The free slots of the blueprint are the slots that
    /// are added.
    pub(crate) fn grow(&mut self, grown: &Blueprint<'_>) -> Result<(), OpenError> {
        let header = Header {
            generation: self.header.generation + 1,
            facts: grown.facts,
            ..self.header.clone()
        };
        if !self.be_alone()? {
            return Err(OpenError::InUse);
        }
        // A copy may have holes, or shared blocks. It gets its own blocks now, or nothing is changed.
        drop(self.map(true)?);
        let in_force = self.copy_in_force()?;
        let place = header.layout.config_extent(header.generation);
        self.write_and_sync(&encode_config(grown.config), place.offset as u64)?;
        self.write_header(&header, 1 - in_force)?;
        self.change_bits(&header, grown.free, grown.closed)?;
        self.reseal(grown.free, grown.closed)?;
        self.write_header(&header, in_force)?;
        self.header = header;
        grown.config.clone_into(&mut self.config);
        Ok(())
    }

    /// Returns the configuration from before a growth during which a process died.
    pub(crate) fn before_unfinished_growth(&self) -> Result<Option<String>, OpenError> {
        match &self.older {
            Some(older) => Ok(Some(read_config(&self.file, older)?)),
            None => Ok(None),
        }
    }

    /// Completes such a growth, if we are alone; otherwise, another process has done so.
    pub(crate) fn finish_growth(
        &mut self,
        added: &[(Slot, Slot)],
        closed: &[(Slot, Slot)],
    ) -> Result<(), OpenError> {
        if !self.be_alone()? {
            return Ok(());
        }
        let in_force = self.copy_in_force()?;
        self.change_bits(&self.header, added, closed)?;
        self.reseal(added, closed)?;
        self.write_header(&self.header, 1 - in_force)?;
        self.older = None;
        Ok(())
    }

    pub(super) fn be_alone(&self) -> Result<bool, OpenError> {
        locks::try_lock(&self.file, Lock::Presence, true)
            .map_err(|error| OpenError::io("lock the file", error))
    }

    /// Returns the index of the copy that is our header.
    fn copy_in_force(&self) -> Result<usize, OpenError> {
        let mut block = [0; BLOCK_BYTES];
        self.file
            .read_exact_at(&mut block, HEADER_AT[0])
            .map_err(|error| OpenError::io("read the file", error))?;
        let is_first = Header::decode(&block).is_ok_and(|header| header == self.header);
        Ok(usize::from(!is_first))
    }

    fn write_header(&self, header: &Header, copy: usize) -> Result<(), OpenError> {
        self.write_and_sync(&header.encode(), HEADER_AT[copy])
    }

    /// Reports whether the file was closed cleanly and its words have not changed since, so that they say what is
    /// taken. Fails if another process has the file open.
    pub(crate) fn is_left_in_order(&self) -> Result<bool, OpenError> {
        if !self.be_alone()? {
            return Err(OpenError::InUse);
        }
        let states = read_states(&self.file, &self.header)?;
        let identity = Identity::of(&self.file)?;
        let newest = states.newest.filter(|_| states.is_whole);
        let left = newest.filter(|state| state.phase == Phase::Clean && state.is_of(&identity));
        match left {
            Some(left) => Ok(left.sum == self.sum(|| 0, || 0)?),
            None => Ok(false),
        }
    }

    /// Returns the first of these slots that is not free, in a file that was closed cleanly.
    pub(crate) fn first_taken(&self, slots: &[(Slot, Slot)]) -> Result<Option<Slot>, OpenError> {
        match slots {
            [] => Ok(None),
            _ => Ok(first_taken(
                &read_region(&self.file, &self.header, Kind::Free)?,
                slots,
            )),
        }
    }

    /// Sets the bits of new slots and clears those of reserved ones, in a file that no process has mapped.
    fn change_bits(
        &self,
        header: &Header,
        added: &[(Slot, Slot)],
        closed: &[(Slot, Slot)],
    ) -> Result<(), OpenError> {
        let free = header.layout.extent(Kind::Free);
        let is_added = added.iter().map(|&slots| (slots, true));
        let is_closed = closed.iter().map(|&slots| (slots, false));
        for ((first, last), is_free) in is_added.chain(is_closed) {
            for word_index in words_within(first, last) {
                let at = (free.offset + word_index * size_of::<u64>()) as u64;
                let bits = bits_within(word_index, first, last);
                self.change_word(at, |word| match is_free {
                    true => word | bits,
                    false => word & !bits,
                })
                .map_err(write_failed)?;
            }
        }
        self.sync_data()
    }

    /// Gives a file that was closed cleanly a state that matches its words, now that the new slots are among them. Only
    /// if the newest state matches the words without them, and belongs to this file: the next opener must find any
    /// other mismatch.
    fn reseal(&self, added: &[(Slot, Slot)], closed: &[(Slot, Slot)]) -> Result<(), OpenError> {
        let states = read_states(&self.file, &self.header)?;
        let identity = Identity::of(&self.file)?;
        let fits = |state: &State| state.phase == Phase::Clean && state.is_of(&identity);
        let Some(left) = states.newest.filter(fits).filter(|_| states.is_whole) else {
            return Ok(());
        };
        // The slots that are reserved now were free then.
        let added = bits_of_ranges(added.iter().copied());
        let before = self.sum(added, bits_of_ranges(closed.iter().copied()))?;
        if left.sum != before {
            // A process died after this was done, or the words differ from those at the last close.
            return Ok(());
        }
        let grown = State {
            seq: left.seq + 1,
            sum: self.sum(|| 0, || 0)?,
            ..left
        };
        if matches!(identity.witness, Witness::Seq(seq) if seq != left.seq) {
            // The witness was one behind, and would be two behind.
            self.write_witness(left.seq)?;
        }
        self.write_and_sync(&grown.encode(), STATE_AT[states.next_slot])?;
        self.write_witness(grown.seq)
    }

    fn write_witness(&self, seq: u64) -> Result<(), OpenError> {
        if Witness::write_if_any(&self.file, seq).map_err(write_failed)? {
            let synced = self.file.sync_all();
            synced.map_err(|error| self.sync_failed(&error))?;
        }
        Ok(())
    }

    /// Returns the sum of the words of F and Q, without the bits of F that `left_out` returns, word by word.
    fn sum(
        &self,
        mut left_out: impl FnMut() -> u64,
        mut put_in: impl FnMut() -> u64,
    ) -> Result<u64, OpenError> {
        let read = |kind| read_region(&self.file, &self.header, kind);
        let mut free = read(Kind::Free)?;
        free.iter_mut()
            .for_each(|word| *word = *word & !left_out() | put_in());
        Ok(WordSum::of([&free, &read(Kind::Quarantine)?]))
    }

    fn change_word(&self, at: u64, change: impl Fn(u64) -> u64) -> io::Result<()> {
        let mut word = [0; size_of::<u64>()];
        self.file.read_exact_at(&mut word, at)?;
        let word = change(u64::from_ne_bytes(word));
        self.file.write_all_at(&word.to_ne_bytes(), at)
    }

    fn write_and_sync(&self, bytes: &[u8], at: u64) -> Result<(), OpenError> {
        self.file.write_all_at(bytes, at).map_err(write_failed)?;
        self.sync_data()
    }

    fn sync_data(&self) -> Result<(), OpenError> {
        let synced = self.file.sync_data();
        synced.map_err(|error| self.sync_failed(&error))
    }

    fn sync_failed(&self, error: &io::Error) -> OpenError {
        poison::set_unmapped(&self.file, &self.header.layout, error);
        OpenError::sync(error)
    }
}

fn write_failed(error: io::Error) -> OpenError {
    OpenError::io("write the file", error)
}

/// Returns the first of these slots whose bit is not set.
pub(crate) fn first_taken(free: &[u64], slots: &[(Slot, Slot)]) -> Option<Slot> {
    slots.iter().find_map(|&(first, last)| {
        words_within(first, last).find_map(|word_index| {
            let word = free.get(word_index).copied().unwrap_or(0);
            let taken = bits_within(word_index, first, last) & !word;
            slots_in(word_index, taken).next()
        })
    })
}
