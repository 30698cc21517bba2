//! `reconcile apply`: the next sighting of a plan.

use super::args::{ApplyArgs, refuse_two_inputs};
use super::outcome::{Outcome, unwritten};
use super::plan_file::PlanFile;
use super::report::Sighted;
use super::run::{apply_plan, others};
use super::sight::{Subject, sync};
use super::values::ListName;
use crate::failure::Failure;
use crate::pool::{Cause, FileArgs};
use crate::users::{ReadToEnd, printable};
use hostbits::{Applied, Pool, Reconciler, ReconcilerError};
use ipnet::IpNet;
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn run(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let kept = PlanFile::load(&args.plan).map_err(Failure::Plan)?;
    let file = kept.pool_file(args.pool.as_deref(), args.format);
    let lists = match args.from.is_empty() {
        true => kept.lists(&args.plan).map_err(Failure::Plan)?,
        false => args.from.clone(),
    };
    refuse_two_inputs(&lists)?;
    let pool = file.open()?;
    let going = Going {
        args,
        file: &file,
        pool: &pool,
        subject: subject(&file, &lists, args, &kept),
    };
    match kept.plan.grace_ms {
        0 => going.as_it_is(kept),
        _ => going.see_again(kept),
    }
}

fn subject<'a>(
    file: &'a FileArgs,
    lists: &'a [ListName],
    args: &ApplyArgs,
    kept: &PlanFile,
) -> Subject<'a> {
    Subject {
        file,
        sources: lists.iter().map(|list| &list.source).collect(),
        ambiguous: kept.ambiguous,
        entries: args.entries,
    }
}

/// A plan that somebody goes on with.
struct Going<'a> {
    args: &'a ApplyArgs,
    file: &'a FileArgs,
    pool: &'a Pool,
    subject: Subject<'a>,
}

impl<'a> Going<'a> {
    /// The list is read anew, as the next sighting.
    fn see_again(&self, mut kept: PlanFile) -> Result<ExitCode, Failure> {
        let (mut reconciler, is_anew) = self.resume(&kept)?;
        let expected = Some(kept.plan.entries.total);
        let sighted = self.subject.sight(&mut reconciler, expected)?;
        if file_id(&sighted.plan) != file_id(&kept.plan) {
            return Err(self.subject.refuse(ReconcilerError::OtherPool));
        }
        let unwritten = unwritten(self.subject.sources.iter().copied(), kept.plan.began_ms);
        kept.plan = sighted.plan.clone();
        kept.longest_list = kept.longest_list.max(kept.plan.listed);
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
        sync(self.file, self.pool)?;
        self.outcome(&sighted, applied, is_anew, unwritten, is_barrier_up)
    }

    /// Where the plan has stopped, or anew; says which.
    fn resume(&self, kept: &PlanFile) -> Result<(Reconciler<'a, IpNet>, bool), Failure> {
        let grace = Duration::from_millis(kept.plan.grace_ms);
        let options = self.subject.options(grace);
        let resumed = self
            .pool
            .resume_reconciler(options.clone(), &kept.to_go_on());
        match resumed {
            Ok(reconciler) => Ok((reconciler, false)),
            // Of another session, too: which it is, the pass will tell.
            Err(ReconcilerError::Superseded | ReconcilerError::OtherPool) => {
                let reconciler = self.pool.reconciler_with(options);
                let refuse = |error| self.subject.refuse(error);
                Ok((reconciler.map_err(refuse)?, true))
            }
            Err(error) => Err(self.subject.refuse(error)),
        }
    }

    /// Applies, when it is written down what will be freed.
    fn apply(
        &self,
        kept: &mut PlanFile,
        reconciler: &mut Reconciler<'a, IpNet>,
        sighted: Sighted,
    ) -> Result<(Applied, Sighted), Failure> {
        let freed_before = kept.freed.clone();
        if sighted.plan.slots.ripe != 0 {
            kept.freed = Some(sighted.plan.clone());
            kept.save(&self.args.plan).map_err(Failure::Plan)?;
        }
        let max_free = self.args.max_free.or(kept.max_free);
        let done = apply_plan(&self.subject, reconciler, sighted, max_free);
        match &done {
            Ok((applied, _)) if applied.freed != 0 => {
                kept.longest_list = kept.plan.listed;
                kept.max_free = None;
            }
            Ok(_) => {}
            Err(_) => kept.freed = freed_before,
        }
        done
    }

    /// At first sight: the plan as it was made, if nobody has touched the barrier since.
    fn as_it_is(&self, mut kept: PlanFile) -> Result<ExitCode, Failure> {
        if !self.args.from.is_empty() || self.args.entries.is_some() {
            return Err(Failure::Usage(
                "a plan of grace 0 is applied as it is, and no list is read: leave --from and --entries out"
                    .to_owned(),
            ));
        }
        let options = self.subject.options(Duration::ZERO);
        let mut reconciler = self
            .pool
            .resume_reconciler(options, &kept.plan)
            .map_err(|error| self.file.refuse(Cause::Reconciler(error)))?;
        let sighted = Sighted {
            plan: kept.plan.clone(),
            read: ReadToEnd::default(),
            ambiguous: kept.ambiguous,
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
        sync(self.file, self.pool)?;
        self.outcome(&sighted, applied, false, Vec::new(), false)
    }

    fn outcome(
        &self,
        sighted: &Sighted,
        applied: Applied,
        is_anew: bool,
        unwritten: Vec<String>,
        is_barrier_up: bool,
    ) -> Result<ExitCode, Failure> {
        let outcome = Outcome {
            file: &self.file.name(),
            sighted,
            plan_file: Some(printable(&self.args.plan.display().to_string())),
            is_anew,
            unwritten,
            applied: Some(applied),
            is_barrier_up,
            others: others(self.pool),
        };
        outcome.print(self.args.format)
    }
}

/// Which file, whatever session of it.
pub(super) fn file_id(plan: &hostbits::Plan) -> Option<&str> {
    plan.pool.file.as_ref().map(|file| &*file.id)
}
