//! Creates a file that becomes visible only when it is complete and durable.
//!
//! The file is never just extended to its length: a hole that cannot be filled raises a signal in the middle of an
//! allocation, years later. Blocks are reserved and every byte is written, page by page, so that the kernel also tracks
//! dirty data page by page. Then come the sync, the name, and the sync of the directory: without the last one, a power
//! loss leaves no file, however durable its contents are.

use super::bytes::{SUM_LANES, WordSum, crc32c};
use super::file_system::FileSystem;
use super::ground;
use super::header::{Facts, Header};
use super::identity::{Identity, Witness};
use super::layout::{ALIGN, HEADER_AT, Kind, Layout, STATE_AT};
use super::locks::{self, Lock};
use super::map::PageOptions;
use super::open::{OpenRequest, Opening};
use super::records;
use super::state::{Phase, State};
use super::system::{self, RelaxedChecks, Unpublished};
use crate::durability::Durability;
use crate::open_error::OpenError;
use crate::slot::Slot;
use crate::storage::fork::OwnFile;
use crate::storage::heap::bits_of_ranges;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// The contents of a new file.
pub(crate) struct Blueprint<'a> {
    pub(crate) facts: Facts,
    pub(crate) durability: Durability,
    /// The number of slots to reserve space for, at least the current slots.
    pub(crate) capacity_slots: u64,
    /// The configuration, as text.
    pub(crate) config: &'a str,
    /// The slots that are free at first, as ascending ranges.
    pub(crate) free: &'a [(Slot, Slot)],
    /// The slots that were free and are reserved from now on, when a pool is changed.
    pub(crate) closed: &'a [(Slot, Slot)],
    /// The cooldown of a pool of leases, in seconds; `None` for a plain pool.
    pub(crate) cooldown: Option<u32>,
}

impl Blueprint<'_> {
    pub(super) fn config_bytes(&self) -> u64 {
        (self.config.len() + CONFIG_PREFIX_BYTES) as u64
    }

    /// Returns the number of words that a file must have room for; `None` if no pool can have so many.
    pub(super) fn capacity_words(&self) -> Option<u64> {
        let has_records = self.cooldown.is_some();
        Layout::plan(self.capacity_slots, self.config_bytes(), has_records)
            .map(|layout| layout.capacity_words)
    }
}

/// The contents of the maps of a new file. Each call returns the next word, from the first one to the end of the
/// region.
pub(super) struct Maps<'a> {
    pub(super) free: &'a mut dyn FnMut() -> u64,
    pub(super) quarantine: &'a mut dyn FnMut() -> u64,
    /// The facts and the records of a pool of leases.
    pub(super) records: &'a mut dyn FnMut() -> u64,
}

/// The length and the checksum before the configuration.
pub(super) const CONFIG_PREFIX_BYTES: usize = 8;

impl<'a> Opening<'a> {
    /// Creates the file and holds it as its first opener: a process that finds it waits for us.
    pub(crate) fn create(
        path: &'a Path,
        blueprint: &Blueprint<'_>,
        request: OpenRequest,
    ) -> Result<Self, OpenError> {
        let has_records = blueprint.cooldown.is_some();
        let config_bytes = blueprint.config_bytes();
        let layout = Layout::plan(blueprint.capacity_slots, config_bytes, has_records).ok_or(
            OpenError::Corrupt {
                what: "more slots than a pool can have",
            },
        )?;
        if request.min_session != 0 {
            // A caller that has seen the file before does not want a new one in its place.
            return Err(OpenError::StaleFile {
                session: 0,
                min: request.min_session,
            });
        }
        // Not only at the end: otherwise, megabytes would be written in vain.
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(OpenError::AlreadyExists);
        }
        let unpublished = Unpublished::new(path)?;
        let file_system = FileSystem::of(&unpublished.file)?;
        file_system.check(blueprint.durability, request.relaxed)?;
        let header = Header {
            compat: 0,
            ro_compat: 0,
            uuid: system::random_uuid()?,
            generation: 1,
            created_ns: system::now_ns(),
            facts: blueprint.facts,
            cooldown: blueprint.cooldown,
            layout,
        };
        let state = State::of_new(&header, blueprint.durability);
        let maps = Maps {
            free: &mut bits_of_ranges(blueprint.free.iter().copied()),
            quarantine: &mut || 0,
            records: &mut records::first_words(
                records::first_epoch(&header.uuid),
                bits_of_ranges(blueprint.free.iter().copied()),
            ),
        };
        let relaxed = request.relaxed;
        fill(
            &unpublished.file,
            &header,
            blueprint.config,
            maps,
            state,
            relaxed,
        )?;
        take_locks(&unpublished.file)?;
        let file = unpublished.publish(path)?;
        if let Err(error) = system::sync_directory(path) {
            // Still under our locks: no other process has it open.
            let _ = std::fs::remove_file(path);
            return Err(OpenError::io("sync the directory", error));
        }
        Opening::of_created(path, file, header, file_system, request)
    }
}

/// Takes the locks of a first opener before the file has a name: no other process can hold them, or open the file
/// first.
pub(super) fn take_locks(file: &File) -> Result<(), OpenError> {
    for lock in [Lock::Open, Lock::Presence] {
        locks::try_lock(file, lock, true).map_err(|error| OpenError::io("lock the file", error))?;
    }
    Ok(())
}

/// Reserves the blocks, writes every byte, syncs, and makes sure that no further space is ever needed. `state` has the
/// fields of the states that do not depend on the file itself or the sum of its words.
pub(super) fn fill(
    file: &Arc<OwnFile>,
    header: &Header,
    config: &str,
    maps: Maps<'_>,
    state: State,
    relaxed: RelaxedChecks,
) -> Result<(), OpenError> {
    let len = header.layout.file_len;
    system::check_limit(len)?;
    ground::mark(file, FileSystem::of(file)?);
    system::reserve(file, len)
        .map_err(|error| OpenError::io("reserve the file's blocks", error))?;
    let identity = Identity::of(file)?;
    // Becomes durable with everything else. If there can be no witness, the states say so.
    let is_witnessed = Witness::write(file, state.seq + 1).is_ok();
    let written = write_regions(file, header, config, maps)
        .and_then(|sum| {
            let state = State {
                inode: identity.inode,
                born_ns: identity.born_ns,
                is_witnessed,
                sum,
                ..state
            };
            write_states(file, state)
        })
        .and_then(|()| write_headers(file, header));
    written.map_err(|error| OpenError::io("write the file", error))?;
    file.sync_all().map_err(|error| OpenError::sync(&error))?;
    ground::map(file, &header.layout, PageOptions::default(), relaxed, true).map(drop)
}

/// Writes everything after the states: zeros, except for the maps of free slots, suspects and trust, and the
/// configuration; and the records of leases. Returns the sum of the words of free slots and suspects, or of the records.
fn write_regions(file: &File, header: &Header, config: &str, maps: Maps<'_>) -> io::Result<u64> {
    let mut page = [0; ALIGN as usize];
    let (mut sum, mut sum_of_records) = (WordSum::new(), WordSum::new());
    let config = encode_config(config);
    for region in header.layout.regions {
        let kind = Kind::of_number(region.kind);
        for from in (0..region.len).step_by(page.len()) {
            page.fill(0);
            if kind == Some(Kind::Free) {
                write_words(&mut page, maps.free, &mut sum);
            } else if kind == Some(Kind::Quarantine) {
                write_words(&mut page, maps.quarantine, &mut sum);
            } else if kind == Some(Kind::Records) {
                // Of the first page, not all is summed: see `records`.
                let mut facts = WordSum::new();
                let sum = if from == 0 {
                    &mut facts
                } else {
                    &mut sum_of_records
                };
                write_words(&mut page, maps.records, sum);
                if from == 0 {
                    let words = page.as_chunks().0;
                    records::add_facts_to_sum(&mut sum_of_records, words, |word| {
                        u64::from_ne_bytes(*word)
                    });
                }
            } else if kind == Some(Kind::Trust) {
                page.fill(0xff);
            } else if kind == Some(Kind::Config) {
                let half = region.len / 2;
                let rest = config.get((from % half) as usize..).unwrap_or_default();
                let now = rest.len().min(page.len());
                page[..now].copy_from_slice(&rest[..now]);
            }
            file.write_all_at(&page, region.offset + from)?;
        }
    }
    Ok(match header.cooldown {
        Some(_) => sum_of_records.finish(),
        None => sum.finish(),
    })
}

fn write_words(page: &mut [u8], next: &mut dyn FnMut() -> u64, sum: &mut WordSum) {
    for group in page.chunks_exact_mut(SUM_LANES * size_of::<u64>()) {
        let words = std::array::from_fn(|_| next());
        sum.add(words);
        group.copy_from_slice(words.map(u64::to_ne_bytes).as_flattened());
    }
}

pub(super) fn encode_config(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + CONFIG_PREFIX_BYTES);
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(crc32c(text.as_bytes()).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes two consecutive slots, both of a file that was closed cleanly.
fn write_states(file: &File, state: State) -> io::Result<()> {
    for (seq, at) in (state.seq..).zip(STATE_AT) {
        write_page(file, &State { seq, ..state }.encode(), at)?;
    }
    Ok(())
}

impl State {
    /// Returns the state of a file that has not been opened under its name yet, without the fields that depend on the
    /// file.
    pub(super) fn of_new(header: &Header, durability: Durability) -> Self {
        Self {
            seq: 1,
            uuid: header.uuid,
            boot_id: system::boot_id(),
            phase: Phase::Clean,
            mode: durability.number().into(),
            inode: 0,
            session: 0,
            opened_ns: 0,
            generation: header.generation,
            crashes: 0,
            quarantined: 0,
            born_ns: 0,
            sum: 0,
            is_witnessed: false,
            reason: None,
        }
    }

    /// Returns whether no process has opened the file since it got its name: the process that named it may have died
    /// before the name was durable.
    /// durable.
    pub(super) fn is_unopened(&self) -> bool {
        self.opened_ns == 0
    }
}

fn write_headers(file: &File, header: &Header) -> io::Result<()> {
    let block = header.encode();
    HEADER_AT
        .into_iter()
        .try_for_each(|at| write_page(file, &block, at))
}

/// Writes a block, and zeros to the end of its page, so that every byte of the file is written.
pub(super) fn write_page(file: &File, block: &[u8], at: u64) -> io::Result<()> {
    let mut page = [0; ALIGN as usize];
    page[..block.len()].copy_from_slice(block);
    file.write_all_at(&page, at)
}
