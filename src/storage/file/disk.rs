//! The interface between the order of operations and what they operate on.
//!
//! Recovery, closing and reclaiming are written against [`Disk`]: words in memory, with a disk under them that may lag
//! behind. The mapped file implements it. The tests have a simulated disk, which loses whatever was not synced, in any
//! order.

use super::layout::Kind;
use super::state::State;
use crate::sync::AtomicU64;
use std::io;

/// A pool file, as the code for durability sees it.
pub(crate) trait Disk {
    /// Returns the words of a region, which other processes share.
    fn words(&self, kind: Kind) -> &[AtomicU64];

    /// Makes durable whatever was stored in these regions before the call. Until it returns, each of their words may or
    /// may not be durable.
    ///
    /// An error is final: the caller must not retry, and must not trust the words.
    fn sync(&self, kinds: &[Kind]) -> io::Result<()>;

    /// Writes a state slot, and makes it durable with everything that was stored before, in every region. Until it
    /// returns, any of it may or may not be durable, including the slot.
    fn write_state(&self, slot: usize, state: &State) -> io::Result<()>;

    /// Stores outside the contents how many states there were; returns `false` if that is not possible. Call it only
    /// after the newest state is durable: an interruption in between leaves the witness one behind.
    ///
    /// An error (a full disk, on some file systems) has changed nothing and lost nothing.
    fn write_witness(&self, seq: u64) -> io::Result<bool>;

    /// Makes the witness durable. An error is final, as one of [`sync`](Self::sync).
    fn sync_witness(&self) -> io::Result<()>;
}
