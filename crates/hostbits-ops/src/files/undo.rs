//! Allocates again what a plan has freed, and lowers barriers that were left up.

use crate::failure::Failure;
use crate::files::plan_file::PlanFile;
use crate::files::pool_failure::Cause;
use crate::files::target::Target;
use hostbits::{PoolSet, reconcile::Undone, set};
use ipnet::IpNet;
use std::path::Path;

/// Allocates again what the plan's last application that freed anything has freed, where it is still free, and reports
/// the rest. Lowers the barriers. Also returns the target of the plan; `pool` is its present path, if it has moved.
///
/// # Errors
///
/// Fails if the file is not a plan or the plan is for another pool, the files cannot be opened, or another reconciler
/// is at work.
pub fn undo(plan: &Path, pool: Option<&Path>) -> Result<(Target, Undone), Failure> {
    let mut kept = PlanFile::load(plan)?;
    let target = kept.target(pool)?;
    let undone = target.with(|set| {
        let undone = match kept.freed.take() {
            Some(plan) => take_back(&target, set, plan)?,
            None => Undone::default(),
        };
        target.sync(set)?;
        Ok(undone)
    })?;
    kept.save(plan)?;
    Ok((target, undone))
}

/// Lowers the barriers of a target, regardless of which process left them up: its sightings start over.
///
/// # Errors
///
/// Fails if the files cannot be opened, or another reconciler is at work.
pub fn close(target: &Target) -> Result<(), Failure> {
    target.with(|set| target.lower_barriers(set))
}

/// Allocating again is harmless in a later session of a file, too, so the plan is moved to the present session.
fn take_back(
    target: &Target,
    set: &PoolSet<IpNet>,
    mut plan: set::Plan,
) -> Result<Undone, Failure> {
    let refuse = |error| target.refuse(Cause::Reconciler(error));
    let mut reconciler = set.reconciler().map_err(refuse)?;
    let today = {
        let pass = reconciler.begin().map_err(refuse)?;
        pass.finish(0)
            .map_err(|error| target.refuse(Cause::Pass(error)))?
    };
    for member in &mut plan.members {
        let id = file_id(&member.plan);
        let mut members = today.members.iter();
        if let Some(today) = members.find(|today| file_id(&today.plan) == id) {
            member.plan.pool = today.plan.pool.clone();
        }
    }
    let undone = reconciler.undo(&plan);
    let undone = undone.map_err(|error| target.refuse(Cause::Undo(error)))?;
    Ok(undone.total)
}

/// Returns which file the plan is for, in whatever session.
pub(crate) fn file_id(plan: &hostbits::reconcile::Plan) -> Option<&str> {
    plan.pool.file.as_ref().map(|file| &*file.id)
}
