//! More slots for a file that has room for them. Nobody else has it open.
//!
//! ```text
//! the new configuration, in the place that is not in force; sync
//! the new header, over the copy that is not in force; sync        <- from here on it is the new pool
//! the bits of the new slots, which were zero until now; sync
//! the new header, over the other copy; sync                       <- from here on nothing is left to do
//! ```
//!
//! Until the last step the two headers have different generations, and whoever opens the file next sets the
//! bits again: nobody can have allocated one of them. Cut off before that, the new slots are taken.

use super::bytes::BLOCK_BYTES;
use super::create::encode_config;
use super::header::{Facts, Header};
use super::layout::{HEADER_AT, Kind};
use super::locks::{self, Lock};
use super::open::{Opening, read_config};
use crate::open_error::OpenError;
use crate::slot::{Slot, bits_within, words_within};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

impl Opening<'_> {
    /// Makes the file that of a larger pool. `added` are the slots that can be handed out from now on, as
    /// ascending ranges.
    pub(crate) fn grow(
        &mut self,
        facts: Facts,
        config: &str,
        added: &[(Slot, Slot)],
    ) -> Result<(), OpenError> {
        let grown = Header {
            generation: self.header.generation + 1,
            facts,
            ..self.header.clone()
        };
        let place = grown.layout.config_extent(grown.generation);
        let bytes = encode_config(config);
        let need = facts.word_count();
        if need > grown.layout.capacity_words || bytes.len() > place.len {
            return Err(OpenError::NoRoom);
        }
        let in_the_way = || OpenError::InUse;
        self.be_alone()?.then_some(()).ok_or_else(in_the_way)?;
        let in_force = self.copy_in_force()?;
        let file = &*self.file;
        let written = write_and_sync(file, &bytes, place.offset as u64)
            .and_then(|()| write_header(file, &grown, 1 - in_force))
            .and_then(|()| free_added(file, &grown, added))
            .and_then(|()| write_header(file, &grown, in_force));
        written.map_err(|error| OpenError::io("write the file", error))?;
        self.header = grown;
        config.clone_into(&mut self.config);
        Ok(())
    }

    /// The configuration before a growth that somebody died in.
    pub(crate) fn before_unfinished_growth(&self) -> Result<Option<String>, OpenError> {
        match &self.older {
            Some(older) => Ok(Some(read_config(&self.file, older)?)),
            None => Ok(None),
        }
    }

    /// Ends such a growth, if we are alone; otherwise somebody else has done so.
    pub(crate) fn finish_growth(&mut self, added: &[(Slot, Slot)]) -> Result<(), OpenError> {
        if !self.be_alone()? {
            return Ok(());
        }
        let in_force = self.copy_in_force()?;
        let written = free_added(&self.file, &self.header, added)
            .and_then(|()| write_header(&self.file, &self.header, 1 - in_force));
        written.map_err(|error| OpenError::io("write the file", error))?;
        self.older = None;
        Ok(())
    }

    fn be_alone(&self) -> Result<bool, OpenError> {
        locks::try_lock(&self.file, Lock::Presence, true)
            .map_err(|error| OpenError::io("lock the file", error))
    }

    /// Which of the two copies is that of our header.
    fn copy_in_force(&self) -> Result<usize, OpenError> {
        let mut block = [0; BLOCK_BYTES];
        self.file
            .read_exact_at(&mut block, HEADER_AT[0])
            .map_err(|error| OpenError::io("read the file", error))?;
        let is_first = Header::decode(&block).is_ok_and(|header| header == self.header);
        Ok(usize::from(!is_first))
    }
}

fn write_header(file: &File, header: &Header, copy: usize) -> io::Result<()> {
    write_and_sync(file, &header.encode(), HEADER_AT[copy])
}

fn write_and_sync(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)?;
    file.sync_data()
}

/// Sets the bits of new slots, in a file that nobody has mapped.
fn free_added(file: &File, header: &Header, added: &[(Slot, Slot)]) -> io::Result<()> {
    let free = header.layout.extent(Kind::Free);
    for &(first, last) in added {
        for word_index in words_within(first, last) {
            let at = (free.offset + word_index * size_of::<u64>()) as u64;
            let mut word = [0; size_of::<u64>()];
            file.read_exact_at(&mut word, at)?;
            let bits = u64::from_ne_bytes(word) | bits_within(word_index, first, last);
            file.write_all_at(&bits.to_ne_bytes(), at)?;
        }
    }
    file.sync_data()
}
