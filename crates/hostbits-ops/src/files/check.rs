//! Reports what a pass would find, by reading alone.
//!
//! The file is read before the list and again after it, without a lock and without the barrier. So this needs read
//! permission only, does not affect other processes, and does not invalidate sightings of a reconciler. The pass runs
//! on a copy in memory, to which all changes in between are applied before the plan is made. So an address that was
//! allocated or released while the list was read is neither an orphan nor missing. An address that is allocated but not
//! yet listed looks like an orphan: only the time between sightings can tell.

use crate::failure::Failure;
use crate::files::pool_failure::Cause;
use crate::files::sight::{Lists, Subject};
use crate::files::target::Target;
use crate::observer::Observer;
use crate::report::Sighted;
use hostbits::{
    Pool, Snapshot, SnapshotMismatch,
    file::{self, RecoveryKind},
};
use ipnet::IpNet;
use std::time::Duration;

/// The result of a comparison.
#[derive(Debug)]
pub struct Checked {
    /// The findings, as of a pass; no orphan is ever ready to be freed.
    pub sighted: Sighted,
    /// Whether another process has a pool open: a user who joins or leaves right now looks like an orphan.
    pub is_live: bool,
    /// Number of quarantined addresses. A comparison cannot tell them from orphans.
    pub quarantined: u64,
}

/// Compares a target with the lists, by reading alone. Addresses that were allocated or released in between are
/// reported separately.
///
/// # Errors
///
/// Fails if the files cannot be read, or a list cannot be read to its end.
pub fn check(target: &Target, lists: &Lists, observer: &dyn Observer) -> Result<Checked, Failure> {
    let subject = Subject::new(target, lists, observer);
    let before = target.read()?;
    let copy = target.copy(&before)?;
    // Nothing becomes ripe: nothing is applied here.
    let mut reconciler = copy
        .reconciler_with(subject.options(Duration::MAX))
        .map_err(|error| subject.refuse(error))?;
    let mut after = Vec::new();
    let sighted = subject.sight_with(&mut reconciler, None, || {
        after = target.read()?;
        let views = before.iter().zip(&after);
        for (member, (before, after)) in copy.members().zip(views) {
            let changed = do_again(member.pool(), &before.snapshot, &after.snapshot);
            changed.map_err(|_| target.refuse(Cause::Replaced(member.id())))?;
        }
        Ok(())
    })?;
    Ok(Checked {
        sighted,
        is_live: after.iter().any(is_open),
        quarantined: after.iter().map(|view| view.quarantined).sum(),
    })
}

fn is_open(view: &file::View) -> bool {
    view.found == RecoveryKind::Joined
}

/// Repeats on the copy what was done to the file, so that its marks tell which addresses have changed.
fn do_again(
    copy: &Pool,
    before: &Snapshot<IpNet>,
    after: &Snapshot<IpNet>,
) -> Result<(), SnapshotMismatch> {
    let changes = after.diff(before)?;
    for &addr in &changes.released {
        // Allocated again for the mark: it is neither an orphan nor held by a user.
        let _ = copy.release(addr);
        let _ = copy.allocate_exact(addr);
    }
    for &addr in &changes.allocated {
        let _ = copy.allocate_exact(addr);
    }
    Ok(())
}
