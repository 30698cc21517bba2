//! The seam between what must be done in which order, and what it is done to.
//!
//! Recovery, leaving and reclaiming are written against [`Disk`]: words in memory, and a disk under them
//! that may be behind. The mapped file is one; the tests have a simulated one, which loses whatever was
//! not synced, in any order.

use super::layout::Kind;
use super::state::State;
use crate::sync::AtomicU64;
use std::io;

/// A pool file, as its durable parts see it.
pub(crate) trait Disk {
    /// The words of a region, shared with other processes.
    fn words(&self, kind: Kind) -> &[AtomicU64];

    /// Makes durable whatever was stored in these regions before the call. Until it returns, any of
    /// their words may be durable or not.
    ///
    /// An error is final: whoever gets one must not try again, and must not believe the words.
    fn sync(&self, kinds: &[Kind]) -> io::Result<()>;

    /// Writes a state slot, and makes durable it and all that was stored before, in every region. Until it
    /// returns, any of it may be durable or not, the slot too.
    fn write_state(&self, slot: usize, state: &State) -> io::Result<()>;

    /// Writes down beside the contents how many states there were; `false` where that cannot be. Only after the
    /// newest one is durable: whoever is cut off in between leaves it one behind.
    ///
    /// An error (a full disk, on some file systems) has changed nothing and lost nothing.
    fn write_witness(&self, seq: u64) -> io::Result<bool>;

    /// Makes that durable. An error is final, as one of [`sync`](Self::sync).
    fn sync_witness(&self) -> io::Result<()>;
}
