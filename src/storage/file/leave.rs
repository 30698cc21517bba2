//! Taking leave of a file: the last one out writes that everything is in order.
//!
//! ```text
//! R := 0; sync F and Q; T := 1; state := CLEAN; sync
//! ```
//!
//! The last two share a sync: F is durable before both, and CLEAN alone makes nobody believe a word.

use super::disk::Disk;
use super::layout::Kind;
use super::recover::store_all;
use super::state::{Phase, State, States};
use std::io;

/// Leaves the file in order. Only for who is alone with it, and of whom no sync has failed.
///
/// `states` is what the slots say now. An error leaves a file that says that somebody died with it, which
/// is safe.
pub(crate) fn leave(disk: &impl Disk, states: States) -> io::Result<()> {
    let Some(open) = states.newest else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    store_all(disk.words(Kind::Ready), 0);
    disk.sync(&[Kind::Free, Kind::Quarantine])?;
    // Not before the sync of F: a word that T vouches for must be durable.
    store_all(disk.words(Kind::Trust), u64::MAX);
    let clean = State {
        seq: open.seq + 1,
        phase: Phase::Clean,
        ..open
    };
    disk.write_state(states.next_slot, &clean)
}
