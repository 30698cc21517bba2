//! Grows a file beyond its room for slots: a larger file replaces it. No other process has it open.
//!
//! ```text
//! recover the old file, and close it cleanly: its words are exact, and durable
//! a new file without a name: all of its words, and the new slots; sync
//! lock it, like a new file; give it a temporary name; rename it over the old one
//! sync the directory                                   <- from here on it is the new pool, whatever happens
//! the old file's headers := 0
//! ```
//!
//! The records of leases are copied with the words. A plain pool becomes one of leases in the same way: what is taken in it
//! is leased for ever.
//!
//! A process that waits for the old file gets its lock next, finds that the path names another file, and begins again.
//! The new file says that it has not been opened yet, so its first opener syncs the directory: the process that renamed
//! it may have died before that, and no process may allocate in a file whose predecessor can come back. If the old file
//! can still be reached through a mount, it is no longer a pool.

use super::attached::Attached;
use super::create::{Blueprint, Maps, fill, take_locks};
use super::disk::Disk;
use super::file_system::FileSystem;
use super::header::Header;
use super::layout::{HEADER_AT, Kind, Layout};
use super::open::{Opening, read_states};
use super::records;
use super::state::State;
use super::system::{self, Unpublished};
use crate::durability::{Recovery, RecoveryKind};
use crate::open_error::OpenError;
use crate::slot::{SLOTS_PER_WORD, Slot};
use crate::storage::heap::bits_of_ranges;
use crate::sync::{AtomicU64, Ordering};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

impl Opening<'_> {
    /// Replaces this file with a larger one. The free slots of the blueprint are the slots that are added; `usable` are
    /// the slots of the current pool.
    pub(crate) fn enlarge(
        self,
        grown: &Blueprint<'_>,
        usable: &[(Slot, Slot)],
    ) -> Result<Self, OpenError> {
        self.check_replaceable()?;
        if !self.be_alone()? {
            return Err(OpenError::InUse);
        }
        let (old, recovery) = self.settle(usable)?;
        let new = self.build_larger(grown, &old, recovery.session, usable)?;
        let mut opening = new.take_the_place_of(self)?;
        opening.known = Some(recovery.kind).filter(|&kind| kind != RecoveryKind::Clean);
        Ok(opening)
    }

    /// Checks that a copy by this version would contain everything in the file, and that all names would refer to it.
    fn check_replaceable(&self) -> Result<(), OpenError> {
        let is_ours = |kind: u32| kind == 0 || Kind::of_number(kind).is_some();
        let regions = &self.header.layout.regions;
        if self.header.compat != 0 || !regions.iter().all(|region| is_ours(region.kind)) {
            return Err(OpenError::NoRoom);
        }
        // Another name would still refer to the old file, whatever the caller allows.
        match system::metadata(&self.file)?.nlink() {
            1 => Ok(()),
            links => Err(OpenError::HardLinked { links }),
        }
    }

    /// Recovers the file and closes it cleanly, while locking out other processes.
    fn settle(&self, usable: &[(Slot, Slot)]) -> Result<(Attached, Recovery), OpenError> {
        let states = read_states(&self.file, &self.header)?;
        self.check_session(&states)?;
        let old = self.first_opener(self.map(true)?, states, usable)?;
        old.leave_in_place()
            .map_err(|error| OpenError::sync(&error))?;
        let recovery = old.recovery();
        Ok((old, recovery))
    }

    fn build_larger(
        &self,
        grown: &Blueprint<'_>,
        old: &Attached,
        session: u64,
        usable: &[(Slot, Slot)],
    ) -> Result<Larger, OpenError> {
        let capacity = self.header.layout.capacity_words * u64::from(SLOTS_PER_WORD);
        let header = Header {
            uuid: system::random_uuid()?,
            generation: self.header.generation + 1,
            facts: grown.facts,
            cooldown: grown.cooldown,
            layout: grown.layout(capacity)?,
            ..self.header.clone()
        };
        let relaxed = self.request.relaxed;
        let unpublished = Unpublished::new(self.path)?;
        system::keep_access(&self.file, &unpublished.file)?;
        let state = State {
            session,
            crashes: old.state().crashes,
            quarantined: old.state().quarantined,
            reason: old.state().reason,
            ..State::of_new(&header, grown.durability)
        };
        let new_slots = records::Change {
            usable: &mut bits_of_ranges(usable.iter().copied()),
            added: &mut bits_of_ranges(grown.free.iter().copied()),
            closed: &mut bits_of_ranges(grown.closed.iter().copied()),
        };
        let mut records = records::grown_words(old.disk(), &header.uuid, new_slots);
        let mut added = bits_of_ranges(grown.free.iter().copied());
        let mut closed = bits_of_ranges(grown.closed.iter().copied());
        let mut free = words_then_zeros(old.disk().words(Kind::Free));
        let mut quarantine = words_then_zeros(old.disk().words(Kind::Quarantine));
        let maps = Maps {
            free: &mut || free() & !closed() | added(),
            quarantine: &mut quarantine,
            records: &mut records,
        };
        fill(
            &unpublished.file,
            &header,
            grown.config,
            maps,
            state,
            relaxed,
        )?;
        take_locks(&unpublished.file)?;
        Ok(Larger {
            header,
            unpublished,
        })
    }
}

/// The larger file: complete, durable and locked, but not visible yet.
struct Larger {
    header: Header,
    unpublished: Unpublished,
}

impl Larger {
    fn take_the_place_of(self, old: Opening<'_>) -> Result<Opening<'_>, OpenError> {
        let file = self.unpublished.replace(old.path)?;
        system::sync_directory(old.path).map_err(|error| OpenError::sync(&error))?;
        // Not earlier: until here, the old file may come back. It has no name, so if this fails or does not happen, the
        // file is refused anyway.
        for at in HEADER_AT {
            let _ = old.file.write_all_at(&[0; super::bytes::BLOCK_BYTES], at);
        }
        let file_system = FileSystem::of(&file)?;
        let len = self.header.layout.file_len;
        let mut opening =
            Opening::of_header(old.path, file, self.header, file_system, len, old.request)?;
        opening.replaced = Some(Arc::clone(&old.file));
        Ok(opening)
    }
}

impl Blueprint<'_> {
    /// Returns a layout with room for this pool, and for at least as many slots as before.
    fn layout(&self, least_capacity: u64) -> Result<Layout, OpenError> {
        let capacity = self.capacity_slots.max(least_capacity);
        Layout::plan(capacity, self.config_bytes(), self.cooldown.is_some()).ok_or(
            OpenError::Corrupt {
                what: "more slots than a pool can have",
            },
        )
    }
}

/// Returns the words of a map one by one, and zeros after them. No other thread uses them.
fn words_then_zeros(words: &[AtomicU64]) -> impl FnMut() -> u64 + '_ {
    let mut words = words.iter();
    // Relaxed: no thread stores.
    move || words.next().map_or(0, |word| word.load(Ordering::Relaxed))
}
