//! A new file: nobody sees it before it is whole and durable.
//!
//! Never by a truncation to its length: a hole that cannot be filled is a signal in the middle of an
//! allocation, years later. Blocks are reserved and every byte is written, by pages, so that the kernel
//! keeps what is dirty by pages, too. Then sync, name, sync of the directory: without the last one a
//! power loss leaves no file, however durable its contents were.

use super::bytes::crc32c;
use super::header::{Facts, Header};
use super::layout::{ALIGN, HEADER_AT, Kind, Layout, STATE_AT};
use super::locks::{self, Lock};
use super::open::{OpenRequest, Opening};
use super::state::{Phase, State};
use super::system::{self, FileSystem, Unpublished};
use crate::durability::Durability;
use crate::open_error::OpenError;
use crate::slot::Slot;
use crate::storage::heap::bits_of_ranges;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// What a new file is to hold.
pub(crate) struct Blueprint<'a> {
    pub(crate) facts: Facts,
    pub(crate) durability: Durability,
    /// Room to grow into, at least the slots there are.
    pub(crate) capacity_slots: u64,
    /// The configuration, as text.
    pub(crate) config: &'a str,
    /// The slots that are free at first, as ascending ranges.
    pub(crate) free: &'a [(Slot, Slot)],
}

/// The configuration with its length and checksum before it.
pub(super) const CONFIG_PREFIX_BYTES: usize = 8;

impl<'a> Opening<'a> {
    /// Creates the file, and holds it as its first opener: whoever finds it waits for us.
    pub(crate) fn create(
        path: &'a Path,
        blueprint: &Blueprint<'_>,
        request: OpenRequest,
    ) -> Result<Self, OpenError> {
        let config_bytes = (blueprint.config.len() + CONFIG_PREFIX_BYTES) as u64;
        let layout =
            Layout::plan(blueprint.capacity_slots, config_bytes).ok_or(OpenError::Corrupt {
                what: "more slots than a pool can have",
            })?;
        if request.min_session != 0 {
            // Whoever has seen the file before does not want a new one in its place.
            return Err(OpenError::StaleFile {
                session: 0,
                min: request.min_session,
            });
        }
        // Not only at the end: to write megabytes in vain is no way to say so.
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(OpenError::AlreadyExists);
        }
        let unpublished = Unpublished::new(path)?;
        let file_system = system::file_system(&unpublished.file)?;
        file_system.check(blueprint.durability, request.relaxed)?;
        let header = Header {
            compat: 0,
            ro_compat: 0,
            uuid: system::random_uuid()?,
            generation: 1,
            created_ns: system::now_ns(),
            facts: blueprint.facts,
            layout,
        };
        fill(&unpublished.file, &header, blueprint)?;
        // Before it has a name: nobody can be in the way, and nobody comes before us.
        for lock in [Lock::Open, Lock::Presence] {
            locks::try_lock(&unpublished.file, lock, true)
                .map_err(|error| OpenError::io("lock the file", error))?;
        }
        let file = unpublished.publish(path)?;
        if let Err(error) = system::sync_directory(path) {
            // Still under our locks: nobody has it.
            let _ = std::fs::remove_file(path);
            return Err(OpenError::io("sync the directory", error));
        }
        Opening::of_created(path, file, header, file_system, request)
    }
}

/// Reserves, writes every byte, syncs.
fn fill(file: &File, header: &Header, blueprint: &Blueprint<'_>) -> Result<(), OpenError> {
    let len = header.layout.file_len;
    system::reserve(file, len)
        .map_err(|error| OpenError::io("reserve the file's blocks", error))?;
    let inode = system::metadata(file)?.ino();
    let written = write_regions(file, header, blueprint)
        .and_then(|()| write_states(file, header, blueprint.durability, inode))
        .and_then(|()| write_headers(file, header));
    written.map_err(|error| OpenError::io("write the file", error))?;
    file.sync_all().map_err(|error| OpenError::sync(&error))
}

/// Everything behind the states: zero but for the free map, the trust map and the configuration.
fn write_regions(file: &File, header: &Header, blueprint: &Blueprint<'_>) -> io::Result<()> {
    let mut page = [0; ALIGN as usize];
    let mut free = bits_of_ranges(blueprint.free.iter().copied());
    let config = encode_config(blueprint.config);
    for region in header.layout.regions {
        for from in (0..region.len).step_by(page.len()) {
            page.fill(0);
            if region.kind == Kind::Free as u32 {
                let words = page.chunks_exact_mut(size_of::<u64>());
                words.for_each(|word| word.copy_from_slice(&free().to_ne_bytes()));
            } else if region.kind == Kind::Trust as u32 {
                page.fill(0xff);
            } else if region.kind == Kind::Config as u32 {
                let half = region.len / 2;
                let rest = config.get((from % half) as usize..).unwrap_or_default();
                let now = rest.len().min(page.len());
                page[..now].copy_from_slice(&rest[..now]);
            }
            file.write_all_at(&page, region.offset + from)?;
        }
    }
    Ok(())
}

pub(super) fn encode_config(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + CONFIG_PREFIX_BYTES);
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(crc32c(text.as_bytes()).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Two slots that follow each other, both of a file that was left in order.
fn write_states(
    file: &File,
    header: &Header,
    durability: Durability,
    inode: u64,
) -> io::Result<()> {
    for (seq, at) in (1..).zip(STATE_AT) {
        let state = State {
            seq,
            uuid: header.uuid,
            boot_id: system::boot_id(),
            phase: Phase::Clean,
            mode: durability.number().into(),
            inode,
            session: 0,
            opened_ns: header.created_ns,
            generation: header.generation,
            crashes: 0,
            quarantined: 0,
        };
        write_page(file, &state.encode(), at)?;
    }
    Ok(())
}

fn write_headers(file: &File, header: &Header) -> io::Result<()> {
    let block = header.encode();
    HEADER_AT
        .into_iter()
        .try_for_each(|at| write_page(file, &block, at))
}

/// A block and zeros to the end of its page: a file has no byte that nobody wrote.
fn write_page(file: &File, block: &[u8], at: u64) -> io::Result<()> {
    let mut page = [0; ALIGN as usize];
    page[..block.len()].copy_from_slice(block);
    file.write_all_at(&page, at)
}

impl FileSystem {
    /// Whether files are gone when the machine goes down, so that one that is there is of this boot.
    pub(super) fn forgets(self) -> bool {
        self == Self::InMemory
    }
}
