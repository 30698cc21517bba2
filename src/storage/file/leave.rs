//! Taking leave of a file: the last one out writes that everything is in order.
//!
//! ```text
//! R := 0; sync F and Q; T := 1; state := CLEAN, with the sum of F and Q; sync; witness := its sequence; sync
//! ```
//!
//! T and the state share a sync: F is durable before both, and CLEAN alone makes nobody believe a word. The
//! sum makes the next opener doubt words that are not those which were left, and the witness a content that is
//! older than this one.
//!
//! Not after a failed sync, whoever saw it fail: the kernel takes pages that it could not write for clean, so
//! a sync now would say that all is well, and T would vouch for what is not on the disk.

use super::disk::Disk;
use super::layout::Kind;
use super::poison;
use super::recover::{store_all, sum_of_maps};
use super::state::{Phase, State, States};
use std::io;

/// Leaves the file in order, or, if it is poisoned, as it is. Only for who knows that it is alone with it,
/// and stays so: until then others may poison it.
///
/// `states` is what the slots say now. An error leaves a file that says that somebody died with it, which
/// is safe.
pub(crate) fn leave(disk: &impl Disk, states: States) -> io::Result<()> {
    if poison::get(disk).is_some() {
        return Ok(());
    }
    // This sync fails for the next opener, too: it finds what may have been dropped from memory.
    let seq = poison::unless_ok(disk, leave_in_order(disk, states))?;
    match disk.write_witness(seq) {
        Ok(true) => poison::unless_ok(disk, disk.sync_witness()),
        Ok(false) => Ok(()),
        // All is on the disk. The witness stays one behind, and the next opener makes up for it.
        Err(error) if is_no_space(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the disk is full, or the part of it that is for us.
fn is_no_space(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOSPC | Errno::EDQUOT))
}

/// Answers the sequence of its last state.
fn leave_in_order(disk: &impl Disk, states: States) -> io::Result<u64> {
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
        sum: sum_of_maps(disk),
        ..open
    };
    disk.write_state(states.next_slot, &clean)?;
    Ok(clean.seq)
}
