//! The next sighting of a plan.

use crate::failure::Failure;
use crate::files::outcome::{Outcome, unwritten};
use crate::files::passes::apply_plan;
use crate::files::plan_file::PlanFile;
use crate::files::pool_failure::Cause;
use crate::files::sight::{Lists, Subject};
use crate::files::target::{Target, others};
use crate::files::undo::file_id;
use crate::lists::name::{ListName, refuse_two_inputs};
use crate::lists::read::ReadToEnd;
use crate::observer::Observer;
use crate::report::Sighted;
use crate::text::printable_path;
use hostbits::{
    PoolSet,
    reconcile::Applied,
    set::{self, MemberPlan},
};
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

/// How to continue with a plan.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// The file of the plan.
    pub plan: PathBuf,
    /// The pool file, or the configuration if the plan is for a set; `None` if it has not moved.
    pub pool: Option<PathBuf>,
    /// The lists; if empty, those of the plan. The number of entries that may be unreadable is in the plan.
    pub lists: Vec<ListName>,
    /// Number of entries that the lists must have in total, if known.
    pub entries: Option<u64>,
    /// Number of addresses that may be freed despite the fuses; `None` uses the number in the plan, which is valid
    /// once.
    pub max_free: Option<u64>,
}

/// Continues with a plan: reads the lists again, frees the orphans that were seen often enough, allocates missing
/// addresses, and stores in the plan what must be seen again. A plan with a grace of 0 is applied as it is. Also
/// returns the target of the plan.
///
/// # Errors
///
/// Fails as [`reconcile`](crate::files::reconcile) does, and if the file is not a plan or the plan is for another pool.
/// After a fuse has blown, the plan keeps its sightings.
pub fn apply(
    options: &ApplyOptions,
    observer: &dyn Observer,
) -> Result<(Target, Outcome), Failure> {
    let kept = PlanFile::load(&options.plan)?;
    let target = kept.target(options.pool.as_deref())?;
    let lists = Lists {
        lists: match options.lists.is_empty() {
            true => kept.lists(&options.plan)?,
            false => options.lists.clone(),
        },
        skip_unreadable: kept.skip_unreadable,
        entries: options.entries,
    };
    refuse_two_inputs(&lists.lists).map_err(Failure::Usage)?;
    let outcome = target.with(|set| {
        let going = Going {
            options,
            target: &target,
            set,
            subject: Subject::new(&target, &lists, observer),
        };
        match kept.plan.grace_ms {
            0 => going.as_it_is(kept),
            _ => going.see_again(kept),
        }
    })?;
    Ok((target, outcome))
}

/// A plan that is being continued.
struct Going<'a> {
    options: &'a ApplyOptions,
    target: &'a Target,
    set: &'a PoolSet<IpNet>,
    subject: Subject<'a>,
}

impl<'a> Going<'a> {
    /// Reads the list again, as the next sighting.
    fn see_again(&self, mut kept: PlanFile) -> Result<Outcome, Failure> {
        let mut reconciler = self.resume(&kept)?;
        let anew = reconciler.began_anew().to_vec();
        let expected = Some(kept.plan.entries.total);
        let sighted = self.subject.sight(&mut reconciler, expected)?;
        if !is_of_same_files(&kept.plan, &sighted.plan) {
            return Err(self.target.refuse(Cause::OtherPlan));
        }
        let unwritten = unwritten(self.subject.sources.iter().copied(), kept.plan.began_ms);
        // A member that was added since cannot lose addresses.
        let members = sighted.plan.members.iter();
        let lost = members.filter(|it| anew.contains(&it.id) && has_file_of(&kept.plan, it));
        let began_anew = lost.map(|member| member.name.clone()).collect();
        kept.goes_on_as(sighted.plan.clone());
        let (applied, mut sighted) = match self.apply(&mut kept, &mut reconciler, sighted) {
            Ok(done) => done,
            Err(failure) => {
                // A fuse keeps the sightings: with the number that it names, the next run frees.
                kept.plan = reconciler.leave_open(kept.plan);
                kept.save(&self.options.plan)?;
                return Err(failure);
            }
        };
        let slots = sighted.plan.slots;
        let is_barrier_up = slots.orphan != slots.ripe;
        if is_barrier_up {
            sighted.plan = reconciler.leave_open(sighted.plan);
            kept.plan = sighted.plan.clone();
        } else {
            drop(reconciler);
        }
        kept.save(&self.options.plan)?;
        self.target.sync(self.set)?;
        Ok(self.outcome(sighted, applied.total, began_anew, unwritten, is_barrier_up))
    }

    /// Resumes the plan. Pools for which its sightings are no longer valid start over.
    fn resume(&self, kept: &PlanFile) -> Result<set::Reconciler<'a, IpNet>, Failure> {
        let grace = Duration::from_millis(kept.plan.grace_ms);
        let options = self.subject.options(grace);
        let resumed = self.set.resume_reconciler(options, &kept.to_go_on());
        resumed.map_err(|error| self.subject.refuse(error))
    }

    /// Applies the plan after recording what will be freed.
    fn apply(
        &self,
        kept: &mut PlanFile,
        reconciler: &mut set::Reconciler<'a, IpNet>,
        sighted: Sighted,
    ) -> Result<(set::Applied, Sighted), Failure> {
        let freed_before = kept.freed.clone();
        if sighted.plan.slots.ripe != 0 {
            kept.freed = Some(sighted.plan.clone());
            kept.save(&self.options.plan)?;
        }
        let max_free = self.options.max_free.or(kept.max_free);
        let done = apply_plan(&self.subject, reconciler, sighted, max_free);
        match &done {
            Ok((applied, _)) => kept.note_freed(applied),
            Err(_) => kept.freed = freed_before,
        }
        done
    }

    /// Applies the plan as it was made, at first sight, if the barrier has not changed since.
    fn as_it_is(&self, mut kept: PlanFile) -> Result<Outcome, Failure> {
        if !self.options.lists.is_empty() || self.options.entries.is_some() {
            return Err(Failure::Usage(
                "a plan of grace 0 is applied as it is, and no list is read: leave --from and --entries out"
                    .to_owned(),
            ));
        }
        let options = self.subject.options(Duration::ZERO);
        let mut reconciler = self
            .set
            .resume_reconciler(options, &kept.plan)
            .map_err(|error| self.subject.refuse(error))?;
        let sighted = Sighted {
            plan: kept.plan.clone(),
            read: ReadToEnd::default(),
            skip_unreadable: kept.skip_unreadable,
            is_set: self.target.set().is_some(),
        };
        let (applied, sighted) = match self.apply(&mut kept, &mut reconciler, sighted) {
            Ok(done) => done,
            Err(failure) => {
                kept.plan = reconciler.leave_open(kept.plan);
                kept.save(&self.options.plan)?;
                return Err(failure);
            }
        };
        drop(reconciler);
        kept.save(&self.options.plan)?;
        self.target.sync(self.set)?;
        Ok(self.outcome(sighted, applied.total, Vec::new(), Vec::new(), false))
    }

    fn outcome(
        &self,
        sighted: Sighted,
        applied: Applied,
        began_anew: Vec<String>,
        unwritten: Vec<String>,
        is_barrier_up: bool,
    ) -> Outcome {
        Outcome {
            sighted,
            plan_file: Some(printable_path(&self.options.plan)),
            began_anew,
            unwritten,
            applied: Some(applied),
            is_barrier_up,
            others: others(self.set),
        }
    }
}

/// Reports whether a plan is for these pools, or for some of them: a set may have changed.
fn is_of_same_files(plan: &set::Plan, now: &set::Plan) -> bool {
    let mut members = now.members.iter();
    members.any(|member| has_file_of(plan, member))
}

fn has_file_of(plan: &set::Plan, member: &MemberPlan) -> bool {
    let mut members = plan.members.iter();
    members.any(|it| file_id(&it.plan) == file_id(&member.plan))
}
