//! Opens a file: first determines what it is; after the caller has compared that with its request, does the rest.
//!
//! ```text
//! begin:  open, lock OPEN, check that it is safe and still there, headers, length, configuration
//! finish: alone? ──yes──> first opener: recover, rebuild the tree, state := OPEN
//!              └──no───> joiner: not poisoned, the same durability; publish what dead processes freed
//!         a lane, presence shared, unlock OPEN
//! ```

use super::attached::Attached;
use super::bytes::{BLOCK_BYTES, Block, crc32c};
use super::clock::{self, Reading};
use super::create::CONFIG_PREFIX_BYTES;
use super::disk::Disk;
use super::file_system::FileSystem;
use super::ground;
use super::header::{Header, MAGIC, Unreadable};
use super::identity::{Identity, Witness};
use super::layout::{ALIGN, HEADER_AT, Kind, STATE_AT};
use super::locks::{self, Lock};
use super::map::{Map, PageOptions};
use super::peers::LANES;
use super::poison;
use super::recover::{Opened, RecoveryBasis, recover, sum_of_maps, try_witness};
use super::state::{Evidence, Phase, State, States};
use super::system::{self, RelaxedChecks};
use crate::durability::{Durability, RecoveryKind};
use crate::open_error::OpenError;
use crate::slot::Slot;
use crate::storage::fork::OwnFile;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How to open a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRequest {
    /// How long to wait for another process that is opening or closing it.
    pub(crate) patience: Duration,
    pub(crate) relaxed: RelaxedChecks,
    pub(crate) pages: PageOptions,
    pub(crate) min_session: u64,
}

/// A file that is locked against other processes that want to open or close it, and not mapped yet.
///
/// If it is dropped, the file is closed without any effect.
pub(crate) struct Opening<'a> {
    pub(super) path: &'a Path,
    pub(super) file: Arc<OwnFile>,
    file_system: FileSystem,
    pub(super) header: Header,
    /// The header from before a growth during which a process died.
    pub(super) older: Option<Header>,
    durability: Durability,
    pub(super) config: String,
    /// What had happened to the file, if its states do not say so.
    pub(super) known: Option<RecoveryKind>,
    /// The file that this one replaces: its locks keep away processes that wait for it.
    pub(super) replaced: Option<Arc<OwnFile>>,
    pub(super) request: OpenRequest,
}

impl<'a> Opening<'a> {
    pub(crate) fn begin(path: &'a Path, request: OpenRequest) -> Result<Self, OpenError> {
        let (file, len) = open_locked(path, &request)?;
        let (header, older) = read_header(&file, len)?;
        let file_system = FileSystem::of(&file)?;
        let mut opening = Self::of_header(path, file, header, file_system, len, request)?;
        opening.older = older;
        // Before anything is written. As long as we have the lock, no other process writes a state.
        read_states(&opening.file, &opening.header)?;
        Ok(opening)
    }

    /// Returns the opening of a file that we have just created, with its locks.
    pub(super) fn of_created(
        path: &'a Path,
        file: Arc<OwnFile>,
        header: Header,
        file_system: FileSystem,
        request: OpenRequest,
    ) -> Result<Self, OpenError> {
        let len = header.layout.file_len;
        let mut opening = Self::of_header(path, file, header, file_system, len, request)?;
        opening.known = Some(RecoveryKind::Created);
        Ok(opening)
    }

    pub(super) fn of_header(
        path: &'a Path,
        file: Arc<OwnFile>,
        header: Header,
        file_system: FileSystem,
        len: u64,
        request: OpenRequest,
    ) -> Result<Self, OpenError> {
        let ro_compat = header.ro_compat;
        if ro_compat != 0 {
            return Err(OpenError::ReadOnlyFeatures { ro_compat });
        }
        let durability = Durability::of_header(&header)?;
        file_system.check(durability, request.relaxed)?;
        let need = header.layout.file_len;
        if len < need {
            return Err(OpenError::Truncated { len, need });
        }
        system::check_limit(need)?;
        let config = read_config(&file, &header)?;
        Ok(Self {
            path,
            file,
            file_system,
            header,
            older: None,
            durability,
            config,
            known: None,
            replaced: None,
            request,
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Returns the configuration, as it was written.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// Maps the file and makes it usable. `usable`: the slots that can be handed out, as ascending ranges.
    pub(crate) fn finish(self, usable: &[(Slot, Slot)]) -> Result<Attached, OpenError> {
        let lock = |exclusive| {
            locks::try_lock(&self.file, Lock::Presence, exclusive)
                .map_err(|error| OpenError::io("lock the file", error))
        };
        let is_first = lock(true)?;
        let disk = self.map(is_first)?;
        let states = read_states(&self.file, &self.header)?;
        self.check_session(&states)?;
        let mut attached = if is_first {
            self.first_opener(disk, states, usable)?
        } else {
            self.joiner(disk, states)?
        };
        // Converted in place: we hold the lock at every instant.
        if !lock(false)? {
            return Err(OpenError::Busy);
        }
        locks::unlock(&self.file, Lock::Open)
            .map_err(|error| OpenError::io("unlock the file", error))?;
        attached.settle();
        Ok(attached)
    }

    pub(super) fn check_session(&self, states: &States) -> Result<(), OpenError> {
        let session = states.newest.map_or(0, |state| state.session);
        let min = self.request.min_session;
        match session < min {
            true => Err(OpenError::StaleFile { session, min }),
            false => Ok(()),
        }
    }

    /// A copy may have holes, or share its blocks. If that cannot be repaired, it must be an error now.
    pub(super) fn map(&self, is_first: bool) -> Result<MappedDisk, OpenError> {
        let OpenRequest { pages, relaxed, .. } = self.request;
        let layout = &self.header.layout;
        let disk = ground::map(&self.file, layout, pages, relaxed, is_first)?;
        if pages.lock {
            disk.map
                .lock()
                .map_err(|error| OpenError::io("keep the file in memory (mlock)", error))?;
        }
        Ok(disk)
    }

    /// Opens a file that no other process has open. Allocation may begin only after this has returned.
    pub(super) fn first_opener(
        &self,
        disk: MappedDisk,
        states: States,
        usable: &[(Slot, Slot)],
    ) -> Result<Attached, OpenError> {
        let sync_failed = |error: io::Error| OpenError::sync(&error);
        let identity = Identity::of(&self.file)?;
        let boot_id = system::boot_id();
        let older = states.newest;
        let evidence = Evidence {
            boot_id: &boot_id,
            identity,
            forgets: self.file_system.forgets(),
            is_poisoned: poison::get(&disk).is_some(),
        };
        let basis = RecoveryBasis::of(&states, evidence, || sum_of_maps(&disk), self.durability);
        if !basis.is_clean {
            // Nothing that is read below, or was read above, may be newer than what is on the disk.
            poison::unless_ok(&disk, self.file.sync_all()).map_err(sync_failed)?;
        }
        try_witness(&disk, &states, &identity)
            .map_err(|error| OpenError::io("write an attribute of the file", error))?;
        poison::unless_ok(&disk, self.repair_header()).map_err(sync_failed)?;
        if older.is_none_or(|state| state.is_unopened()) {
            system::sync_directory(self.path).map_err(sync_failed)?;
        }
        let crashed = !basis.is_clean && older.is_some();
        let state = State {
            seq: states.next_seq(identity.witness),
            uuid: self.header.uuid,
            boot_id,
            phase: Phase::Open,
            mode: self.durability.number().into(),
            inode: identity.inode,
            session: older.map_or(0, |state| state.session) + 1,
            opened_ns: system::now_ns(),
            generation: self.header.generation,
            crashes: older.map_or(0, |state| state.crashes) + u64::from(crashed),
            quarantined: 0,
            born_ns: identity.born_ns,
            sum: 0,
            is_witnessed: identity.witness != Witness::None,
            reason: basis.reason(older.and_then(|state| state.reason)),
        };
        let state = recover(&disk, basis, usable, Opened { states, state }).map_err(sync_failed)?;
        let kind = self.known.unwrap_or(basis.kind());
        let attached = self.attach(disk, kind, state)?;
        if attached.has_records() {
            clock::start(attached.facts(), Reading::now());
        }
        attached.rebuild();
        Ok(attached)
    }

    /// Opens a file that other processes have open, which have prepared everything.
    fn joiner(&self, disk: MappedDisk, states: States) -> Result<Attached, OpenError> {
        let mode = u32::from(self.durability.number());
        let is_theirs = |state: &State| state.phase == Phase::Open && state.mode == mode;
        let Some(state) = states.newest.filter(is_theirs) else {
            return Err(OpenError::Corrupt {
                what: "the state does not match the processes that have the file open",
            });
        };
        let attached = self.attach(disk, RecoveryKind::Joined, state)?;
        if attached.poison().is_some() {
            return Err(OpenError::Poisoned);
        }
        if attached.has_records() && !clock::is_that_of(attached.facts(), Reading::now()) {
            return Err(OpenError::OtherClock);
        }
        attached.scrub();
        Ok(attached)
    }

    fn attach(
        &self,
        disk: MappedDisk,
        kind: RecoveryKind,
        state: State,
    ) -> Result<Attached, OpenError> {
        Attached::new(
            disk,
            kind,
            state,
            self.header.clone(),
            self.durability,
            self.request.patience,
        )
        .map_err(|error| OpenError::io("lock the file", error))?
        .ok_or(OpenError::TooManyProcesses { most: LANES as u32 })
    }
}

impl Durability {
    pub(super) fn of_header(header: &Header) -> Result<Self, OpenError> {
        let number = header.facts.mode;
        Self::of_number(number).ok_or_else(|| OpenError::unknown(&format!("durability {number}")))
    }
}

/// Opens the file that the path names, and takes the lock OPEN.
fn open_locked(path: &Path, request: &OpenRequest) -> Result<(Arc<OwnFile>, u64), OpenError> {
    loop {
        let file = system::open(path)?;
        let locked = locks::lock_within(&file, Lock::Open, request.patience)
            .map_err(|error| OpenError::io("lock the file", error))?;
        if !locked {
            return Err(OpenError::Busy);
        }
        let metadata = system::metadata(&file)?;
        // While we waited, another process may have replaced it with a larger file.
        if system::is_still_at(path, &metadata) {
            system::check_owner(&metadata, request.relaxed)?;
            return Ok((Arc::new(file), metadata.len()));
        }
    }
}

pub(super) fn read_header(file: &File, len: u64) -> Result<(Header, Option<Header>), OpenError> {
    let need = HEADER_AT[1] + ALIGN;
    if len < need {
        let mut magic = [0; MAGIC.len()];
        let is_ours = file.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC;
        return Err(if is_ours {
            OpenError::Truncated { len, need }
        } else {
            OpenError::BadMagic
        });
    }
    let copies = read_blocks(file, HEADER_AT)?;
    match Header::choose([&copies[0], &copies[1]]) {
        Ok(headers) => Ok(headers),
        Err(Unreadable::BadMagic) => Err(OpenError::BadMagic),
        Err(Unreadable::OtherEndian) => Err(OpenError::EndianMismatch),
        Err(Unreadable::Version(major)) => Err(OpenError::UnsupportedVersion { major }),
        Err(Unreadable::Features(incompat)) => Err(OpenError::UnsupportedFeatures { incompat }),
        Err(Unreadable::Unknown(unknown)) => Err(unknown.into()),
        Err(Unreadable::Corrupt(what)) => Err(OpenError::Corrupt { what }),
    }
}

pub(super) fn read_states(file: &File, header: &Header) -> Result<States, OpenError> {
    let slots = read_blocks(file, STATE_AT)?;
    let slots = [&slots[0], &slots[1]];
    match States::unknown(slots, &header.uuid) {
        Some(unknown) => Err(unknown.into()),
        None => Ok(States::read(slots, &header.uuid)),
    }
}

pub(super) fn read_blocks(file: &File, at: [u64; 2]) -> Result<[Block; 2], OpenError> {
    let mut blocks = [[0; BLOCK_BYTES]; 2];
    for (block, at) in blocks.iter_mut().zip(at) {
        file.read_exact_at(block, at)
            .map_err(|error| OpenError::io("read the file", error))?;
    }
    Ok(blocks)
}

/// Returns the text of the configuration in force.
pub(super) fn read_config(file: &File, header: &Header) -> Result<String, OpenError> {
    let corrupt = |what| OpenError::Corrupt { what };
    let extent = header.layout.config_extent(header.generation);
    let mut prefix = [0; CONFIG_PREFIX_BYTES];
    let read = |bytes: &mut [u8], at| {
        file.read_exact_at(bytes, at)
            .map_err(|error| OpenError::io("read the file", error))
    };
    read(&mut prefix, extent.offset as u64)?;
    let [a, b, c, d, rest @ ..] = prefix;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    if len > extent.len - prefix.len() {
        return Err(corrupt("the configuration is longer than the space for it"));
    }
    let mut text = vec![0; len];
    read(&mut text, (extent.offset + prefix.len()) as u64)?;
    if u32::from_le_bytes(rest) != crc32c(&text) || len == 0 {
        return Err(corrupt("the checksum of the configuration does not match"));
    }
    String::from_utf8(text).map_err(|_| OpenError::UnknownContent {
        what: "a configuration that is not text".to_owned(),
    })
}

/// Returns all words of a region, each at its own moment.
pub(super) fn read_region(file: &File, header: &Header, kind: Kind) -> Result<Vec<u64>, OpenError> {
    let extent = header.layout.extent(kind);
    let mut bytes = vec![0; extent.len];
    file.read_exact_at(&mut bytes, extent.offset as u64)
        .map_err(|error| OpenError::io("read the file", error))?;
    let words = bytes.as_chunks().0.iter();
    Ok(words.map(|word| u64::from_ne_bytes(*word)).collect())
}

/// The mapped file, as the code for durability sees it.
pub(crate) struct MappedDisk {
    pub(super) map: Arc<Map>,
    pub(super) file: Arc<OwnFile>,
}

impl MappedDisk {
    pub(super) fn new(map: Map, file: Arc<OwnFile>) -> Self {
        let map = Arc::new(map);
        Self { map, file }
    }
}

impl Disk for MappedDisk {
    fn words(&self, kind: Kind) -> &[crate::sync::AtomicU64] {
        self.map.words(kind)
    }

    fn sync(&self, kinds: &[Kind]) -> io::Result<()> {
        match kinds {
            [kind] => self.map.sync(*kind),
            // One flush for all of it.
            _ => self.file.sync_data(),
        }
    }

    fn write_state(&self, slot: usize, state: &State) -> io::Result<()> {
        self.file.write_all_at(&state.encode(), STATE_AT[slot])?;
        self.file.sync_data()
    }

    fn write_witness(&self, seq: u64) -> io::Result<bool> {
        Witness::write_if_any(&self.file, seq)
    }

    fn sync_witness(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
