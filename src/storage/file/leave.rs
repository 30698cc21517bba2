//! Closes a file cleanly: the last process writes that everything is in order.
//!
//! ```text
//! R := 0; sync F and Q; T := 1; state := CLEAN, with the sum of F and Q; sync; witness := its sequence; sync
//! ```
//!
//! In a file of leases, the records take the place of F and Q.
//!
//! T and the state share a sync: F is durable before both, and CLEAN alone makes no opener trust a word. The sum lets
//! the next opener detect words that differ from those that were written here, and the witness lets it detect contents
//! that are older.
//!
//! This is not done after a failed sync, whichever process saw it fail: the kernel marks pages as clean that it could
//! not write, so a sync would now succeed, and T would vouch for what is not on the disk.

use super::disk::Disk;
use super::layout::Kind;
use super::poison;
use super::records;
use super::recover::{store_all, sum_of_maps};
use super::state::{Phase, State, States};
use std::io;

/// Closes the file cleanly; if it is poisoned, leaves it as it is. Only for a process that knows that it is alone with
/// the file, and stays so: until then, another process may poison it.
///
/// `states` are the current contents of the slots. After an error, the file says that a process died with it open,
/// which is safe.
pub(crate) fn leave(disk: &impl Disk, states: States) -> io::Result<()> {
    if poison::get(disk).is_some() {
        return Ok(());
    }
    // If this sync fails, so does that of the next opener: it finds what may have been dropped from memory.
    let seq = poison::unless_ok(disk, leave_in_order(disk, states))?;
    match disk.write_witness(seq) {
        Ok(true) => poison::unless_ok(disk, disk.sync_witness()),
        Ok(false) => Ok(()),
        // Everything is on the disk. The witness stays one behind, and the next opener corrects it.
        Err(error) if is_no_space(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns whether the disk is full, or our quota is exhausted.
fn is_no_space(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOSPC | Errno::EDQUOT))
}

/// Returns the sequence number of the last state.
fn leave_in_order(disk: &impl Disk, states: States) -> io::Result<u64> {
    let Some(open) = states.newest else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    store_all(disk.words(Kind::Ready), 0);
    disk.sync(records::maps(disk))?;
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
