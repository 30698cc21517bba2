//! A file that this process has open, from the end of opening to closing.

use super::commit::{Commits, NotDurable};
use super::disk::Disk;
use super::header::Header;
use super::layout::Kind;
use super::leave::leave;
use super::locks::{self, Lock};
use super::open::MappedDisk;
use super::peers::FilePeers;
use super::poison;
use super::records::{self, FACT_WORDS};
use super::state::{State, States};
use crate::bitmap::{Bitmap, Lanes, Shape};
use crate::durability::{Durability, Recovery, RecoveryKind};
use crate::file_refusal::FileRefusal;
use crate::open_error::errno_of;
use crate::slot::SLOTS_PER_CHUNK;
use crate::storage::Lent;
use crate::storage::fork::Opener;
use crate::storage::records::{LentFacts, LentRecords};
use crate::sync::{AtomicU64, Ordering};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Indices of words in the volatile region.
mod at {
    /// The session, for readers without a lock.
    pub(super) const SESSION: usize = 0;
    /// How many processes have opened the file and not closed it, including those that have died in this session.
    pub(super) const ATTACHED: usize = 1;
}

/// A file that this process has open.
pub(crate) struct Attached {
    disk: MappedDisk,
    lent: Lent,
    shape: Shape,
    peers: FilePeers,
    /// The lane of this process.
    lane: usize,
    commits: Commits,
    header: Header,
    durability: Durability,
    kind: RecoveryKind,
    /// The state as this session's first opener wrote it.
    state: State,
    /// The process that opened it. A child must not close the file cleanly, wait for threads that it does not have, or
    /// take what the parent counts as its own.
    opener: Opener,
    patience: Duration,
    /// Whether opening is complete, so that there is something to close.
    is_settled: bool,
    /// Whether it was closed explicitly, and has returned the result.
    is_closed: AtomicBool,
}

impl Attached {
    /// Joins the file; returns `None` if the maximum number of processes has it open. Only under the lock OPEN.
    pub(super) fn new(
        disk: MappedDisk,
        kind: RecoveryKind,
        state: State,
        header: Header,
        durability: Durability,
        patience: Duration,
    ) -> io::Result<Option<Self>> {
        let chunk_count = header.facts.slot_count.div_ceil(SLOTS_PER_CHUNK.into()) as usize;
        let shape = Shape::tree(chunk_count);
        let peers = FilePeers {
            file: Arc::clone(&disk.file),
            map: Arc::clone(&disk.map),
        };
        let Some(lane) = peers.take_lane()? else {
            return Ok(None);
        };
        let attached = Self {
            lent: disk.map.lend(chunk_count, shape.node_count()),
            shape,
            peers,
            lane,
            commits: Commits::default(),
            header,
            durability,
            kind,
            state,
            opener: Opener::here(),
            patience,
            is_settled: false,
            is_closed: AtomicBool::new(false),
            disk,
        };
        // Relaxed, both: the lock orders processes that join and leave.
        attached
            .volatile(at::SESSION)
            .store(state.session, Ordering::Relaxed);
        attached
            .volatile(at::ATTACHED)
            .fetch_add(1, Ordering::Relaxed);
        Ok(Some(attached))
    }

    /// Completes opening: from here on, dropping it closes the file.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Fills the new summary. Only for a first opener.
    pub(super) fn rebuild(&self) {
        self.look_at_words(|bitmap| bitmap.rebuild());
    }

    pub(super) fn scrub(&self) {
        self.look_at_words(|bitmap| bitmap.scrub());
    }

    /// Calls `look` with the words, for reading without a flight.
    fn look_at_words<T>(&self, look: impl FnOnce(Bitmap<'_>) -> T) -> T {
        let lanes = Lanes::none();
        // SAFETY: `Lent::bitmap`: `self.disk` owns the mapping and outlives the borrow.
        look(unsafe { self.lent.bitmap(&self.shape, &lanes) })
    }

    pub(crate) fn lent(&self) -> Lent {
        self.lent
    }

    pub(crate) fn opener(&self) -> Opener {
        self.opener
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns the lanes of all processes, as this one sees them.
    pub(crate) fn lanes(&self) -> Lanes {
        Lanes::of_process(self.lane, Box::new(self.peers.clone()))
    }

    /// Returns the processes that have a claim in flight, which others may be waiting for.
    pub(crate) fn in_flight(&self) -> Vec<u32> {
        self.peers.in_flight(self.lane)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Returns whether each claim waits for the disk. In a pool of leases, each lease does: its tokens do not.
    pub(crate) fn is_strict(&self) -> bool {
        self.durability.waits_for_the_disk() && !self.has_records()
    }

    /// Returns whether this is the file of a pool of leases.
    pub(crate) fn has_records(&self) -> bool {
        self.header.cooldown.is_some()
    }

    /// Lends the records of leases.
    pub(crate) fn records(&self) -> LentRecords {
        let slot_count = self.header.facts.slot_count as usize;
        self.disk.map.lend_records(slot_count)
    }

    /// Returns what is known of all leases: words by `at` of `records`. Empty in the file of a plain pool.
    pub(crate) fn facts(&self) -> &[AtomicU64] {
        let words = self.disk.words(Kind::Records);
        &words[..FACT_WORDS.min(words.len())]
    }

    /// Lends the facts to the clock.
    pub(crate) fn lend_facts(&self) -> LentFacts {
        self.disk.map.lend_facts()
    }

    /// Waits until no other process makes a call for these owners, and keeps it that way until the result is dropped.
    /// The lock belongs to the open file: threads of this process must take turns in another way. It ends with the
    /// process.
    pub(crate) fn lock_owners(&self, lock: usize) -> Result<OwnersLock<'_>, FileRefusal> {
        loop {
            if self.is_forked() {
                return Err(FileRefusal::Forked);
            }
            if locks::lock(&self.disk.file, Lock::Owner(lock as u32)).is_ok() {
                return Ok(OwnersLock { file: self, lock });
            }
            // The kernel has no memory for a lock.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reserves generations up to this one, and more: until this returns, none of them may be offered. Returns the new
    /// limit, which is on the disk where that is believed.
    pub(crate) fn reserve_generations(&self, generation: u32) -> Result<u64, FileRefusal> {
        let wanted = u64::from(generation) + records::RESERVED_GENERATIONS;
        let limit = &self.facts()[records::at::LIMIT];
        // SeqCst: before the ticket of the commit, as a claim; see `commit`.
        limit.fetch_max(wanted.min(u32::MAX.into()), Ordering::SeqCst);
        // SeqCst: as above. What was read before the commit is durable after it.
        let durable = limit.load(Ordering::SeqCst);
        if self.durability.trusts_the_disk() {
            self.commit()?;
        }
        Ok(durable)
    }

    pub(crate) fn recovery(&self) -> Recovery {
        Recovery {
            kind: self.kind,
            quarantined: self.state.quarantined,
            session: self.state.session,
        }
    }

    /// Returns whether anything was quarantined when this session began. Until it ends, the quarantine never grows.
    pub(crate) fn had_suspects(&self) -> bool {
        self.state.quarantined != 0
    }

    pub(crate) fn quarantine(&self) -> &[AtomicU64] {
        self.disk.words(Kind::Quarantine)
    }

    pub(crate) fn touched(&self) -> &[AtomicU64] {
        self.disk.words(Kind::Touched)
    }

    /// Takes the lock of the reconciler; returns `false` if another process has it, or may have it.
    pub(crate) fn try_lock_reconcile(&self) -> io::Result<bool> {
        if self.is_forked() {
            return Ok(false);
        }
        locks::try_lock(&self.disk.file, Lock::Reconcile, true)
    }

    /// Returns whether a process that opened the file on its own holds that lock. In doubt, yes.
    pub(crate) fn is_reconciled_elsewhere(&self) -> bool {
        locks::is_held_by_others(&self.disk.file, Lock::Reconcile).unwrap_or(true)
    }

    pub(crate) fn unlock_reconcile(&self) {
        if self.is_forked() {
            return;
        }
        // If it fails, the lock ends with the file.
        let _ = locks::unlock(&self.disk.file, Lock::Reconcile);
    }

    /// Returns the random identifier of the file, and the session.
    pub(crate) fn identity(&self) -> ([u8; 16], u64) {
        (self.header.uuid, self.state.session)
    }

    /// Returns the error number of the sync that failed, in this process or in another one.
    #[inline]
    pub(crate) fn poison(&self) -> Option<i32> {
        poison::get(&self.disk)
    }

    /// Returns whether no other process has joined in this session: then no other process can have died.
    pub(crate) fn is_sole(&self) -> bool {
        // Relaxed: a process that joins during this read can neither free a slot nor die before our result takes effect
        // in any way that matters.
        self.volatile(at::ATTACHED).load(Ordering::Relaxed) <= 1
    }

    /// Returns whether this is a child of the process that opened the file. The child does not have the file's locks,
    /// and its descriptor may refer to something else.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        !self.opener.is_here()
    }

    /// Checks that a claim may be returned: this process has opened the pool, the pool is not poisoned, and the claim
    /// is as durable as promised.
    #[inline]
    pub(crate) fn wait_until_durable(&self) -> Result<(), FileRefusal> {
        match self.poison() {
            _ if self.is_forked() => Err(FileRefusal::Forked),
            None if !self.durability.waits_for_the_disk() || self.has_records() => Ok(()),
            None => self.commit(),
            Some(errno) => Err(FileRefusal::Poisoned { errno }),
        }
    }

    /// Does the same for a lease that was made or prolonged: in a pool of leases, the records decide, and a token need
    /// not be durable.
    #[inline]
    pub(crate) fn confirm(&self) -> Result<(), FileRefusal> {
        match self.refusal() {
            None if self.durability.waits_for_the_disk() => self.commit(),
            None => Ok(()),
            Some(refusal) => Err(refusal),
        }
    }

    /// Returns why nothing can be allocated from this pool here, if that is so.
    pub(crate) fn refusal(&self) -> Option<FileRefusal> {
        if self.is_forked() {
            return Some(FileRefusal::Forked);
        }
        self.poison().map(|errno| FileRefusal::Poisoned { errno })
    }

    /// Makes durable what this thread has claimed and released, together with other threads that want the same.
    ///
    /// The quarantine is not included: after a crash, a suspect that comes back must be reclaimed again.
    #[cold]
    pub(crate) fn commit(&self) -> Result<(), FileRefusal> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let kind = match self.has_records() {
            true => Kind::Records,
            false => Kind::Free,
        };
        let sync = || poison::unless_ok(&self.disk, self.disk.sync(&[kind]));
        self.commits.commit(sync).map_err(|error| match error {
            NotDurable::Failed { errno } => FileRefusal::SyncFailed { errno },
            NotDurable::Poisoned { errno } => FileRefusal::Poisoned { errno },
        })
    }

    /// Does what a failed sync does.
    #[cfg(test)]
    pub(crate) fn poison_for_tests(&self) {
        poison::set(&self.disk, &io::Error::from_raw_os_error(5));
    }

    /// Lets a test hold up all syncs.
    #[cfg(test)]
    pub(crate) fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Returns how many syncs callers have waited for. A child has waited for none.
    pub(crate) fn sync_count(&self) -> u64 {
        match self.is_forked() {
            true => 0,
            false => self.commits.sync_count(),
        }
    }

    /// Returns the length of the file; `None` if the system does not report it, or in a child, whose descriptor does
    /// not refer to the file.
    pub(crate) fn len(&self) -> Option<u64> {
        match self.is_forked() {
            true => None,
            false => Some(self.disk.file.metadata().ok()?.len()),
        }
    }

    /// Returns whether the file is as long as it must be. If not, accessing its end kills the process.
    pub(crate) fn is_whole(&self) -> bool {
        self.len()
            .is_some_and(|len| len >= self.header.layout.file_len)
    }

    /// Returns how many pools have the file open. A child cannot find out.
    pub(crate) fn process_count(&self) -> u32 {
        match self.is_forked() {
            true => 0,
            false => self.peers.count_others() + 1,
        }
    }

    /// Closes the file; if we are the last one, cleanly.
    fn leave(&self) -> io::Result<()> {
        if !locks::lock_within(&self.disk.file, Lock::Open, self.patience)? {
            // Another process holds up the lock. The kernel will drop our locks. The file then says that a process died
            // with it open, which costs nothing.
            return Ok(());
        }
        // Relaxed: a counter that changes only under the lock OPEN.
        self.volatile(at::ATTACHED).fetch_sub(1, Ordering::Relaxed);
        let is_last = locks::try_lock(&self.disk.file, Lock::Presence, true)?;
        let left = if is_last {
            self.states().and_then(|states| leave(&self.disk, states))
        } else {
            Ok(())
        };
        // PRESENCE before OPEN: if two processes close at once, the second one must find itself alone.
        locks::unlock(&self.disk.file, Lock::Presence)?;
        locks::unlock(&self.disk.file, Lock::Open)?;
        left
    }

    /// Closes the file like a drop, and returns errors. The caller owns the pool, and drops it next.
    pub(crate) fn close(&self) -> Result<(), FileRefusal> {
        if self.is_forked() {
            return Err(FileRefusal::Forked);
        }
        // Relaxed: within one thread.
        if !self.is_whole() || self.is_closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let poison = self.poison();
        self.leave().map_err(|error| FileRefusal::SyncFailed {
            errno: errno_of(&error),
        })?;
        match poison {
            Some(errno) => Err(FileRefusal::Poisoned { errno }),
            None => Ok(()),
        }
    }

    /// Cleanly closes a file that no other process can open, and that will never be used again: the locks stay, and so
    /// does the mapping.
    pub(super) fn leave_in_place(&self) -> io::Result<()> {
        leave(&self.disk, self.states()?)
    }

    pub(super) fn disk(&self) -> &MappedDisk {
        &self.disk
    }

    /// Returns the state as this session's first opener wrote it.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    fn states(&self) -> io::Result<States> {
        super::open::read_states(&self.disk.file, &self.header)
            .map_err(|_| io::ErrorKind::InvalidData.into())
    }

    #[inline]
    fn volatile(&self, word: usize) -> &AtomicU64 {
        &self.disk.words(Kind::Volatile)[word]
    }
}

/// The lock of some owners, until it is dropped.
pub(crate) struct OwnersLock<'a> {
    file: &'a Attached,
    lock: usize,
}

impl Drop for OwnersLock<'_> {
    fn drop(&mut self) {
        if !self.file.is_forked() {
            // If it fails, the lock ends with the file.
            let _ = locks::unlock(&self.file.disk.file, Lock::Owner(self.lock as u32));
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Relaxed: the thread that closes it also drops it.
        let is_closed = self.is_closed.load(Ordering::Relaxed);
        if is_closed || self.is_forked() || !self.is_whole() {
            return;
        }
        if !self.is_settled {
            // Still under the lock OPEN, which ends with the file. Relaxed: as in `leave`.
            self.volatile(at::ATTACHED).fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // A drop cannot return the error; `close` does. The next opener finds what is not in order.
        let _ = self.leave();
    }
}
