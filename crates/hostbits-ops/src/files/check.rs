//! What a pass would find, by reading alone.
//!
//! The file is read before the list and again after it, without a lock and without the barrier: so it needs
//! no right to write, is in nobody's way, and ends nobody's sightings. The pass runs on a copy in memory, in
//! which what has changed in between is done again before the plan is made. So an address that was allocated
//! or released while the list was read is no orphan and not missing. Somebody who is half-way in, or
//! half-way out, looks like an orphan: nothing but the time between sightings can tell.

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

/// What a look has found.
#[derive(Debug)]
pub struct Checked {
    /// As of a pass; nothing is ever ripe.
    pub sighted: Sighted,
    /// Whether somebody has a pool open: whoever joins or leaves right now looks like an orphan.
    pub is_live: bool,
    /// How many addresses are quarantined. A look cannot tell them from orphans.
    pub quarantined: u64,
}

/// Compares a target with the lists, by reading alone. What was allocated or released meanwhile is told apart.
///
/// # Errors
///
/// The files cannot be read, or the lists not to their ends.
pub fn check(target: &Target, lists: &Lists, observer: &dyn Observer) -> Result<Checked, Failure> {
    let subject = Subject::new(target, lists, observer);
    let before = target.read()?;
    let copy = target.copy(&before)?;
    // Nothing is ever ripe: there is nothing to apply here.
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

/// Does to the copy what was done to the file, so that its marks tell which addresses have changed.
fn do_again(
    copy: &Pool,
    before: &Snapshot<IpNet>,
    after: &Snapshot<IpNet>,
) -> Result<(), SnapshotMismatch> {
    let changes = after.diff(before)?;
    for &addr in &changes.released {
        // Taken again, for the mark: it is neither an orphan nor anybody's.
        let _ = copy.release(addr);
        let _ = copy.allocate_exact(addr);
    }
    for &addr in &changes.allocated {
        let _ = copy.allocate_exact(addr);
    }
    Ok(())
}
