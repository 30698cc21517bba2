//! A copy of a file that cannot be mistaken for the file, and restoring it.
//!
//! ```text
//! the lock OPEN of the source, shared: no process opens, closes or grows it; those that have it open continue
//! a new file without a name: all bytes of the source but the volatile ones, a new name in the headers,
//!   states that say "backup"; sync
//! backup:   its name, unless that file exists; sync the directory
//! restore:  OPEN and PRESENCE of the file that is there, if one is, and of the new one
//!           its name, replacing the other; sync the directory; the other one's headers := 0
//! ```
//!
//! Words of F and Q are each from their own moment, as after a power cut. Nothing depends on it: no word of a backup is
//! trusted, wherever the backup is, and however it came there. Addresses that are taken in it stay taken, and those
//! that are free in it are quarantined, until a list of users is reclaimed.

use super::bytes::BLOCK_BYTES;
use super::create::{take_locks, write_page};
use super::file_system::FileSystem;
use super::ground;
use super::header::Header;
use super::layout::{ALIGN, HEADER_AT, Kind, Layout, STATE_AT};
use super::locks::{self, Lock};
use super::open::{read_blocks, read_config, read_header, read_states};
use super::state::{Phase, State};
use super::system::{self, RelaxedChecks, Unpublished};
use crate::durability::Durability;
use crate::open_error::OpenError;
use crate::storage::fork::OwnFile;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A pool file that is about to be copied. Until this is dropped, the file cannot be opened.
pub(crate) struct Source {
    file: Arc<OwnFile>,
    header: Header,
    pub(crate) durability: Durability,
    /// The configuration, as text.
    pub(crate) config: String,
    newest: Option<State>,
}

/// The file that a backup replaces. Until this is dropped, the file cannot be opened.
pub(crate) struct Replaced {
    file: Arc<OwnFile>,
    /// The contents of the file, as far as they can be read.
    found: Option<Source>,
}

impl Source {
    /// Locks out processes that want to open or close the file.
    pub(crate) fn begin(path: &Path, patience: Duration) -> Result<Self, OpenError> {
        let file = loop {
            let file = system::open_to_read(path)?;
            let locked = locks::share_within(&file, Lock::Open, patience).map_err(lock_failed)?;
            if !locked {
                return Err(OpenError::Busy);
            }
            if system::is_still_at(path, &system::metadata(&file)?) {
                break file;
            }
        };
        Self::read(Arc::new(file))
    }

    fn read(file: Arc<OwnFile>) -> Result<Self, OpenError> {
        let len = system::metadata(&file)?.len();
        let (header, _) = read_header(&file, len)?;
        let need = header.layout.file_len;
        if len < need {
            return Err(OpenError::Truncated { len, need });
        }
        Ok(Self {
            durability: Durability::of_header(&header)?,
            config: read_config(&file, &header)?,
            newest: read_states(&file, &header)?.newest,
            header,
            file,
        })
    }

    /// Returns whether the path names this file.
    pub(crate) fn is_at(&self, path: &Path) -> Result<bool, OpenError> {
        Ok(system::is_still_at(path, &system::metadata(&self.file)?))
    }

    /// Returns the cooldown of a pool of leases, in seconds; `None` for a plain pool.
    pub(crate) fn cooldown(&self) -> Option<u32> {
        self.header.cooldown
    }

    /// Returns the session, which is the minimum for the copy.
    pub(crate) fn session(&self) -> u64 {
        self.newest.map_or(0, |state| state.session)
    }

    /// Writes a backup, which is durable when this returns. It never replaces another file.
    pub(crate) fn back_up(&self, copy: &Path) -> Result<(), OpenError> {
        if std::fs::symlink_metadata(copy).is_ok() {
            return Err(OpenError::AlreadyExists);
        }
        let unpublished = Unpublished::new(copy)?;
        self.fill(&unpublished.file, self.session())?;
        unpublished.publish(copy)?;
        sync_name(copy)
    }

    /// Puts the backup in place of a file, or where there is none.
    pub(crate) fn restore(
        &self,
        path: &Path,
        replaced: Option<&Replaced>,
        session: u64,
    ) -> Result<(), OpenError> {
        let unpublished = Unpublished::new(path)?;
        FileSystem::of(&unpublished.file)?.check(self.durability, RelaxedChecks::default())?;
        self.fill(&unpublished.file, session)?;
        if let Some(replaced) = replaced {
            system::keep_access(&replaced.file, &unpublished.file)?;
        }
        // No process can open it before the name is durable.
        take_locks(&unpublished.file)?;
        let _locked = match replaced {
            Some(_) => unpublished.replace(path)?,
            None => unpublished.publish(path)?,
        };
        sync_name(path)?;
        if let Some(replaced) = replaced {
            // If the old file can still be reached through a mount, it is no longer a pool.
            for at in HEADER_AT {
                let _ = replaced.file.write_all_at(&[0; BLOCK_BYTES], at);
            }
        }
        Ok(())
    }

    /// Writes everything, with states that vouch for nothing.
    fn fill(&self, to: &File, session: u64) -> Result<(), OpenError> {
        let len = self.header.layout.file_len;
        system::check_limit(len)?;
        ground::mark(to, FileSystem::of(to)?);
        system::reserve(to, len)
            .map_err(|error| OpenError::io("reserve the file's blocks", error))?;
        // A pool of its own: plans, which identify a pool by its identifier and session, are not valid for this one.
        let uuid = system::random_uuid()?;
        let state = State {
            uuid,
            boot_id: [0; 16],
            phase: Phase::Backup,
            session,
            crashes: self.newest.map_or(0, |state| state.crashes),
            quarantined: self.newest.map_or(0, |state| state.quarantined),
            ..State::of_new(&self.header, self.durability)
        };
        let headers = self.headers(uuid)?;
        let written = self.copy_regions(to).and_then(|()| {
            for (state, at) in [state, State { seq: 2, ..state }].iter().zip(STATE_AT) {
                write_page(to, &state.encode(), at)?;
            }
            for (header, at) in headers.iter().zip(HEADER_AT) {
                write_page(to, &header.encode(), at)?;
            }
            Ok(())
        });
        written.map_err(|error| OpenError::io("write the file", error))?;
        to.sync_all().map_err(|error| OpenError::sync(&error))
    }

    /// Returns both copies of the header with another identifier. Both are kept, because two of different generations
    /// are a growth during which a process died.
    fn headers(&self, uuid: [u8; 16]) -> Result<[Header; 2], OpenError> {
        let copies = read_blocks(&self.file, HEADER_AT)?;
        Ok(copies.map(|copy| Header {
            uuid,
            ..Header::decode(&copy).unwrap_or_else(|_| self.header.clone())
        }))
    }

    /// Copies all pages after the states. Regions that are not trusted after the last process has gone become zeros.
    fn copy_regions(&self, to: &File) -> io::Result<()> {
        let layout: &Layout = &self.header.layout;
        let volatile = [Kind::Volatile, Kind::Nodes, Kind::Trust, Kind::Ready];
        let is_forgotten = |at: u64| {
            volatile.iter().any(|&kind| {
                let extent = layout.extent(kind);
                (extent.offset as u64..(extent.offset + extent.len) as u64).contains(&at)
            })
        };
        let mut page = [0; ALIGN as usize];
        for at in (STATE_AT[1] + ALIGN..layout.file_len).step_by(page.len()) {
            match is_forgotten(at) {
                true => page.fill(0),
                false => self.file.read_exact_at(&mut page, at)?,
            }
            to.write_all_at(&page, at)?;
        }
        Ok(())
    }
}

impl Replaced {
    /// Locks out all processes from the file; returns `None` if there is no file.
    pub(crate) fn begin(path: &Path, patience: Duration) -> Result<Option<Self>, OpenError> {
        let file = loop {
            let file = match system::open(path) {
                Err(OpenError::NotFound) => return Ok(None),
                opened => opened?,
            };
            if !locks::lock_within(&file, Lock::Open, patience).map_err(lock_failed)? {
                return Err(OpenError::Busy);
            }
            let metadata = system::metadata(&file)?;
            if system::is_still_at(path, &metadata) {
                system::check_owner(&metadata, RelaxedChecks::default())?;
                break Arc::new(file);
            }
        };
        if !locks::try_lock(&file, Lock::Presence, true).map_err(lock_failed)? {
            return Err(OpenError::InUse);
        }
        let found = match Source::read(Arc::clone(&file)) {
            Ok(found) => Some(found),
            // This is what backups are for.
            Err(error) if error.is_damage() => None,
            // The file is something else, or of another version. The user has to remove it if it is not needed.
            Err(error) => return Err(error),
        };
        // This version would not write to it either.
        if let Some(ro_compat) = found.as_ref().map(|found| found.header.ro_compat)
            && ro_compat != 0
        {
            return Err(OpenError::ReadOnlyFeatures { ro_compat });
        }
        Ok(Some(Self { file, found }))
    }

    /// Returns what is in the file, if it can be read.
    pub(crate) fn found(&self) -> Option<&Source> {
        self.found.as_ref()
    }
}

fn sync_name(path: &Path) -> Result<(), OpenError> {
    system::sync_directory(path).map_err(|error| OpenError::sync(&error))
}

fn lock_failed(error: io::Error) -> OpenError {
    OpenError::io("lock the file", error)
}
