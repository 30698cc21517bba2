//! A file that this process has open, from the end of its opening to its leave.

use super::commit::{Commits, NotDurable};
use super::disk::Disk;
use super::header::Header;
use super::layout::Kind;
use super::leave::leave;
use super::locks::{self, Lock};
use super::open::MappedDisk;
use super::peers::FilePeers;
use super::poison;
use super::state::{State, States};
use crate::bitmap::{Bitmap, Lanes, Shape};
use crate::durability::{Durability, Recovery, RecoveryKind};
use crate::error::Refusal;
use crate::slot::SLOTS_PER_CHUNK;
use crate::storage::Lent;
use crate::storage::fork::Side;
use crate::sync::{AtomicU64, Ordering};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Words of the volatile region.
mod at {
    /// The session, for those who look.
    pub(super) const SESSION: usize = 0;
    /// Who has come and not taken leave: with the dead of this session.
    pub(super) const ATTACHED: usize = 1;
}

/// A file that this process has open.
pub(crate) struct Attached {
    disk: MappedDisk,
    lent: Lent,
    shape: Shape,
    peers: FilePeers,
    /// Our own.
    lane: usize,
    commits: Commits,
    header: Header,
    durability: Durability,
    kind: RecoveryKind,
    /// As this session's first opener wrote it.
    state: State,
    /// Whose it is: a child of this process must neither leave, nor wait for threads that it does not have, nor
    /// take what the parent may go on to count as its own.
    side: Side,
    patience: Duration,
    /// The opening has come to its end: there is something to take leave of.
    is_settled: bool,
    /// It was closed, and has reported how that went.
    is_closed: AtomicBool,
}

impl Attached {
    /// Comes to the file; `None` if as many have it open as can. Only under the lock OPEN.
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
            side: Side::here(),
            patience,
            is_settled: false,
            is_closed: AtomicBool::new(false),
            disk,
        };
        // Relaxed, both: the lock orders comers and leavers.
        attached
            .volatile(at::SESSION)
            .store(state.session, Ordering::Relaxed);
        attached
            .volatile(at::ATTACHED)
            .fetch_add(1, Ordering::Relaxed);
        Ok(Some(attached))
    }

    /// The last step of an opening: from here on, dropping it is a leave.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Fills the fresh summary. Only for a first opener.
    pub(super) fn rebuild(&self) {
        self.look_at_words(|bitmap| bitmap.rebuild());
    }

    pub(super) fn scrub(&self) {
        self.look_at_words(|bitmap| bitmap.scrub());
    }

    /// A look at the words for who begins no flight.
    fn look_at_words<T>(&self, look: impl FnOnce(Bitmap<'_>) -> T) -> T {
        let lanes = Lanes::none();
        // SAFETY: `Lent::bitmap`: `self.disk` owns the mapping and outlives the borrow.
        look(unsafe { self.lent.bitmap(&self.shape, &lanes) })
    }

    pub(crate) fn lent(&self) -> Lent {
        self.lent
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The lanes of all processes, as this one sees them.
    pub(crate) fn lanes(&self) -> Lanes {
        Lanes::of_process(self.lane, Box::new(self.peers.clone()))
    }

    /// The processes that have a claim in flight: those that somebody may be waiting for.
    pub(crate) fn in_flight(&self) -> Vec<u32> {
        self.peers.in_flight(self.lane)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Whether each claim waits for the disk.
    pub(crate) fn is_strict(&self) -> bool {
        self.durability.waits_for_the_disk()
    }

    pub(crate) fn recovery(&self) -> Recovery {
        Recovery {
            kind: self.kind,
            quarantined: self.state.quarantined,
            session: self.state.session,
        }
    }

    /// Whether anything was in quarantine when this session began. Until it ends there is never more.
    pub(crate) fn had_suspects(&self) -> bool {
        self.state.quarantined != 0
    }

    pub(crate) fn quarantine(&self) -> &[AtomicU64] {
        self.disk.words(Kind::Quarantine)
    }

    pub(crate) fn touched(&self) -> &[AtomicU64] {
        self.disk.words(Kind::Touched)
    }

    /// Takes the lock of the one who reconciles; `false` if another process has it, or may have it.
    pub(crate) fn try_lock_reconcile(&self) -> io::Result<bool> {
        if self.is_forked() {
            return Ok(false);
        }
        locks::try_lock(&self.disk.file, Lock::Reconcile, true)
    }

    /// Whether somebody who has not opened the file by us has that lock. In doubt, yes.
    pub(crate) fn is_reconciled_elsewhere(&self) -> bool {
        locks::is_held_by_others(&self.disk.file, Lock::Reconcile).unwrap_or(true)
    }

    pub(crate) fn unlock_reconcile(&self) {
        if self.is_forked() {
            return;
        }
        // If it fails, the lock goes with the file.
        let _ = locks::unlock(&self.disk.file, Lock::Reconcile);
    }

    /// The random name of the file, and the session.
    pub(crate) fn identity(&self) -> ([u8; 16], u64) {
        (self.header.uuid, self.state.session)
    }

    /// The error of the sync that failed, here or in another process.
    #[inline]
    pub(crate) fn poison(&self) -> Option<i32> {
        poison::get(&self.disk)
    }

    /// Whether nobody else has come in this session: then nobody else can have died.
    pub(crate) fn is_sole(&self) -> bool {
        // Relaxed: whoever comes while we look can neither free nor die before our answer takes effect
        // in any way that the answer must know of.
        self.volatile(at::ATTACHED).load(Ordering::Relaxed) <= 1
    }

    /// Whether this is a child of the process that opened the file. Nothing in it has the file's locks, and its
    /// descriptor may stand for something else.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        Side::here() != self.side
    }

    /// Whether a claim may be answered: this process has opened the pool, nobody has poisoned it, and it is as
    /// durable as promised.
    #[inline]
    pub(crate) fn wait_until_durable(&self) -> Result<(), Refusal> {
        match self.poison() {
            _ if self.is_forked() => Err(Refusal::Forked),
            None if !self.durability.waits_for_the_disk() => Ok(()),
            None => self.commit(),
            Some(errno) => Err(Refusal::Poisoned { errno }),
        }
    }

    /// Why nothing can be had of this pool here, whatever is free.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        if self.is_forked() {
            return Some(Refusal::Forked);
        }
        self.poison().map(|errno| Refusal::Poisoned { errno })
    }

    /// Makes durable what this thread has claimed and released, together with others who want the same.
    ///
    /// The quarantine is not part of it: a suspect that comes back after a crash is asked about again.
    #[cold]
    pub(crate) fn commit(&self) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let sync = || poison::unless_ok(&self.disk, self.disk.sync(&[Kind::Free]));
        self.commits.commit(sync).map_err(|error| match error {
            NotDurable::Failed { errno } => Refusal::SyncFailed { errno },
            NotDurable::Poisoned { errno } => Refusal::Poisoned { errno },
        })
    }

    /// So that a test can make everybody wait.
    #[cfg(test)]
    pub(crate) fn commits(&self) -> &Commits {
        &self.commits
    }

    /// How many syncs callers have waited for. A child has waited for none.
    pub(crate) fn sync_count(&self) -> u64 {
        match self.is_forked() {
            true => 0,
            false => self.commits.sync_count(),
        }
    }

    /// The length of the file; `None` if the system does not tell, or to a child, whose descriptor does not
    /// stand for it.
    pub(crate) fn len(&self) -> Option<u64> {
        match self.is_forked() {
            true => None,
            false => Some(self.disk.file.metadata().ok()?.len()),
        }
    }

    /// Whether the file is as long as it must be: otherwise to touch its end is to die.
    pub(crate) fn is_whole(&self) -> bool {
        self.len()
            .is_some_and(|len| len >= self.header.layout.file_len)
    }

    /// How many have the file open. A child cannot ask.
    pub(crate) fn process_count(&self) -> u32 {
        match self.is_forked() {
            true => 0,
            false => self.peers.count_others() + 1,
        }
    }

    /// Takes leave: if we are the last one, with everything in order.
    fn leave(&self) -> io::Result<()> {
        if !locks::lock_within(&self.disk.file, Lock::Open, self.patience)? {
            // Somebody holds everything up. The kernel will drop our locks; the file says that somebody
            // died with it, which costs nothing.
            return Ok(());
        }
        // Relaxed: a count, changed only under the lock OPEN.
        self.volatile(at::ATTACHED).fetch_sub(1, Ordering::Relaxed);
        let is_last = locks::try_lock(&self.disk.file, Lock::Presence, true)?;
        let left = if is_last {
            self.states().and_then(|states| leave(&self.disk, states))
        } else {
            Ok(())
        };
        // Presence before OPEN: of two who leave at once, the second one must find itself alone.
        locks::unlock(&self.disk.file, Lock::Presence)?;
        locks::unlock(&self.disk.file, Lock::Open)?;
        left
    }

    /// What a drop does, with its errors. Whoever calls this owns the pool, and drops it next.
    pub(crate) fn close(&self) -> Result<(), Refusal> {
        if self.is_forked() {
            return Err(Refusal::Forked);
        }
        // Relaxed: between a thread and itself.
        if !self.is_whole() || self.is_closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let poison = self.poison();
        self.leave().map_err(|error| Refusal::SyncFailed {
            errno: error.raw_os_error().unwrap_or(nix::libc::EIO),
        })?;
        match poison {
            Some(errno) => Err(Refusal::Poisoned { errno }),
            None => Ok(()),
        }
    }

    /// Leaves a file in order that nobody else can come to, and that will never be used again: the locks
    /// stay, and so does the mapping.
    pub(super) fn leave_in_place(&self) -> io::Result<()> {
        leave(&self.disk, self.states()?)
    }

    pub(super) fn disk(&self) -> &MappedDisk {
        &self.disk
    }

    /// As this session's first opener wrote it.
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

impl Drop for Attached {
    fn drop(&mut self) {
        // Relaxed: whoever closes it drops it.
        let is_closed = self.is_closed.load(Ordering::Relaxed);
        if is_closed || self.is_forked() || !self.is_whole() {
            return;
        }
        if !self.is_settled {
            // Under the lock OPEN still, which goes with the file.
            // Relaxed: as in `leave`.
            self.volatile(at::ATTACHED).fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // A drop cannot report it, `close` does. What is not in order is found by the next opener.
        let _ = self.leave();
    }
}
