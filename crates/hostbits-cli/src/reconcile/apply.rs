//! `reconcile apply`: the next sighting of a plan.

use super::args::{ApplyArgs, refuse_two_inputs};
use super::outcome::{Outcome, unwritten};
use super::plan_file::PlanFile;
use super::report::Sighted;
use super::run::apply_plan;
use super::sight::Subject;
use super::target::{Target, others};
use super::undo::file_id;
use crate::failure::Failure;
use crate::pool::Cause;
use hostbits::{Applied, MemberPlan, PoolSet, SetApplied, SetPlan, SetReconciler};
use hostbits_ops::{ListName, ReadToEnd, printable};
use ipnet::IpNet;
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn run(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let kept = PlanFile::load(&args.plan).map_err(Failure::Plan)?;
    let target = kept.target(args.pool.as_deref(), args.format)?;
    let lists = match args.from.is_empty() {
        true => kept.lists(&args.plan).map_err(Failure::Plan)?,
        false => args.reading.of(&args.from),
    };
    refuse_two_inputs(&lists)?;
    let outcome = target.with(|set| {
        let going = Going {
            args,
            target: &target,
            set,
            subject: subject(&target, &lists, args, &kept),
        };
        match kept.plan.grace_ms {
            0 => going.as_it_is(kept),
            _ => going.see_again(kept),
        }
    })?;
    outcome.print()
}

fn subject<'a>(
    target: &'a Target,
    lists: &'a [ListName],
    args: &ApplyArgs,
    kept: &PlanFile,
) -> Subject<'a> {
    Subject {
        target,
        sources: lists.iter().map(|list| &list.source).collect(),
        skip_unreadable: kept.skip_unreadable,
        entries: args.entries,
    }
}

/// A plan that somebody goes on with. `'t` outlives the open set, and what there is to say with it.
struct Going<'t, 'a> {
    args: &'a ApplyArgs,
    target: &'t Target,
    set: &'a PoolSet<IpNet>,
    subject: Subject<'a>,
}

impl<'t, 'a> Going<'t, 'a> {
    /// The list is read anew, as the next sighting.
    fn see_again(&self, mut kept: PlanFile) -> Result<Outcome<'t>, Failure> {
        let mut reconciler = self.resume(&kept)?;
        let anew = reconciler.began_anew().to_vec();
        let expected = Some(kept.plan.entries.total);
        let sighted = self.subject.sight(&mut reconciler, expected)?;
        if !is_of_same_files(&kept.plan, &sighted.plan) {
            return Err(self.target.refuse(Cause::OtherPlan));
        }
        let unwritten = unwritten(self.subject.sources.iter().copied(), kept.plan.began_ms);
        // A member that has come since has nothing to lose.
        let members = sighted.plan.members.iter();
        let lost = members.filter(|it| anew.contains(&it.id) && has_file_of(&kept.plan, it));
        let began_anew = lost.map(|member| member.name.clone()).collect();
        kept.goes_on_as(sighted.plan.clone());
        let (applied, mut sighted) = match self.apply(&mut kept, &mut reconciler, sighted) {
            Ok(done) => done,
            Err(failure) => {
                // A fuse keeps the sightings: with the number that it names, the next run frees.
                kept.plan = reconciler.leave_open(kept.plan);
                kept.save(&self.args.plan).map_err(Failure::Plan)?;
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
        kept.save(&self.args.plan).map_err(Failure::Plan)?;
        self.target.sync(self.set)?;
        Ok(self.outcome(sighted, applied.total, began_anew, unwritten, is_barrier_up))
    }

    /// Where the plan has stopped; pools of which its sightings are worth nothing any more begin anew.
    fn resume(&self, kept: &PlanFile) -> Result<SetReconciler<'a, IpNet>, Failure> {
        let grace = Duration::from_millis(kept.plan.grace_ms);
        let options = self.subject.options(grace);
        let resumed = self.set.resume_reconciler(options, &kept.to_go_on());
        resumed.map_err(|error| self.subject.refuse(error))
    }

    /// Applies, when it is written down what will be freed.
    fn apply(
        &self,
        kept: &mut PlanFile,
        reconciler: &mut SetReconciler<'a, IpNet>,
        sighted: Sighted,
    ) -> Result<(SetApplied, Sighted), Failure> {
        let freed_before = kept.freed.clone();
        if sighted.plan.slots.ripe != 0 {
            kept.freed = Some(sighted.plan.clone());
            kept.save(&self.args.plan).map_err(Failure::Plan)?;
        }
        let max_free = self.args.max_free.or(kept.max_free);
        let done = apply_plan(&self.subject, reconciler, sighted, max_free);
        match &done {
            Ok((applied, _)) => kept.note_freed(applied),
            Err(_) => kept.freed = freed_before,
        }
        done
    }

    /// At first sight: the plan as it was made, if nobody has touched the barrier since.
    fn as_it_is(&self, mut kept: PlanFile) -> Result<Outcome<'t>, Failure> {
        if !self.args.from.is_empty() || self.args.entries.is_some() {
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
                kept.save(&self.args.plan).map_err(Failure::Plan)?;
                return Err(failure);
            }
        };
        drop(reconciler);
        kept.save(&self.args.plan).map_err(Failure::Plan)?;
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
    ) -> Outcome<'t> {
        Outcome {
            target: self.target,
            sighted,
            plan_file: Some(printable(&self.args.plan.display().to_string())),
            began_anew,
            unwritten,
            applied: Some(applied),
            is_barrier_up,
            others: others(self.set),
        }
    }
}

/// Whether a plan is of the pools that it is gone on with, or of some of them: a set may have changed.
fn is_of_same_files(plan: &SetPlan, now: &SetPlan) -> bool {
    let mut members = now.members.iter();
    members.any(|member| has_file_of(plan, member))
}

fn has_file_of(plan: &SetPlan, member: &MemberPlan) -> bool {
    let mut members = plan.members.iter();
    members.any(|it| file_id(&it.plan) == file_id(&member.plan))
}
