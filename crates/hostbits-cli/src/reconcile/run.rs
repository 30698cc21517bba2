//! `reconcile POOL`: a pass, or as many as it takes.

use super::args::{Mode, PassOptions, PlanCommand, ReconcileArgs, refuse_two_inputs};
use super::outcome::{Outcome, unwritten};
use super::plan_file::PlanFile;
use super::report::{Grace, Sighted};
use super::sight::Subject;
use super::target::{Named, Target, others};
use super::{apply, seed, undo};
use crate::failure::Failure;
use crate::output::print_error_text;
use crate::pool::Cause;
use hostbits::{Applied, PoolSet, SetApplied, SetReconciler};
use hostbits_ops::printable;
use ipnet::IpNet;
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

const DEFAULT_GRACE: Duration = Duration::from_secs(600);

/// As many passes as an orphan must be seen by.
const SIGHTINGS: u32 = 3;

/// `hostbits reconcile` with a pool or a set, or with a verb and a plan.
pub(crate) fn dispatch<T: Named>(args: &ReconcileArgs<T>) -> Result<ExitCode, Failure> {
    match (&args.verb, &args.pass.0) {
        (Some(PlanCommand::Apply(args)), _) => apply::run(args),
        (Some(PlanCommand::Undo(args)), _) => undo::run(args),
        (Some(PlanCommand::Close(args)), _) => {
            undo::close(&args.target()?).map(|()| ExitCode::SUCCESS)
        }
        (None, Some(args)) if args.options.mode == Mode::Adopt => {
            let options = &args.options;
            refuse_freeing(options)?;
            let (target, lists) = (args.target.target()?, &options.lists);
            seed::adopt(&target, &lists.from, &lists.reading).map(|()| ExitCode::SUCCESS)
        }
        (None, Some(args)) => run(&args.target.target()?, &args.options),
        (None, None) => Err(Failure::Usage("name a pool, and --from LIST".to_owned())),
    }
}

/// What an adoption has no use for.
fn refuse_freeing(args: &PassOptions) -> Result<(), Failure> {
    let given = [
        ("--grace", args.grace.is_some()),
        ("--max-free", args.max_free.is_some()),
        ("--output", args.output.is_some()),
        ("--wait", args.wait),
        ("--entries", args.lists.entries.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Failure::Usage(format!(
            "{option} is for --mode full: adopt frees nothing"
        ))),
        None => Ok(()),
    }
}

fn run(target: &Target, args: &PassOptions) -> Result<ExitCode, Failure> {
    refuse_two_inputs(&args.lists.from)?;
    if args.wait && args.lists.from.iter().any(|list| list.is_stdin()) {
        return Err(Failure::Usage(
            "--wait reads the list three times, and standard input can be read once: name a file"
                .to_owned(),
        ));
    }
    let (named, grace) = (args.lists.lists(), args.grace.unwrap_or(DEFAULT_GRACE));
    if grace.is_zero() && target.is_plain() {
        print_error_text(
            "grace 0: an orphan is freed at first sight. Right only if nobody joins or leaves from before this \
             command began until the plan is applied",
        );
    }
    let outcome = target.with(|set| {
        let run = Run {
            args,
            target,
            set,
            grace,
            subject: Subject {
                target,
                sources: named.iter().map(|list| &list.source).collect(),
                skip_unreadable: args.lists.reading.skip_unreadable,
                entries: args.lists.entries,
            },
        };
        match (args.wait, &args.output) {
            (true, _) => run.wait(),
            (false, Some(path)) => run.keep(path),
            (false, None) => run.at_once(),
        }
    })?;
    outcome.print()
}

/// `'t` outlives the open set, and what there is to say with it.
struct Run<'t, 'a> {
    args: &'a PassOptions,
    target: &'t Target,
    set: &'a PoolSet<IpNet>,
    grace: Duration,
    subject: Subject<'a>,
}

impl<'t> Run<'t, '_> {
    fn reconciler(&self) -> Result<SetReconciler<'_, IpNet>, Failure> {
        let options = self.subject.options(self.grace);
        let reconciler = self.set.reconciler_with(options);
        reconciler.map_err(|error| self.subject.refuse(error))
    }

    fn plan_file(&self, sighted: &Sighted) -> Result<PlanFile, Failure> {
        let args = self.args;
        let (from, skipped) = (args.lists.lists(), args.lists.reading.skip_unreadable);
        let plan = sighted.plan.clone();
        PlanFile::new(self.target, &from, skipped, args.max_free, plan).ok_or_else(|| {
            Failure::Usage(
                "the names of the pool and of the lists must be UTF-8 to be kept in a plan"
                    .to_owned(),
            )
        })
    }

    /// One pass. What it has seen is left to the next process, and nothing is changed.
    fn keep(&self, path: &Path) -> Result<Outcome<'t>, Failure> {
        let mut reconciler = self.reconciler()?;
        let mut sighted = self.subject.sight(&mut reconciler, None)?;
        let mut kept = self.plan_file(&sighted)?;
        let slots = sighted.plan.slots;
        let is_barrier_up = slots.orphan + slots.missing != 0;
        if is_barrier_up {
            kept.plan = reconciler.leave_open(sighted.plan);
            sighted.plan = kept.plan.clone();
        } else {
            drop(reconciler);
        }
        if let Err(error) = kept.save(path) {
            if is_barrier_up {
                self.target.lower_barriers(self.set)?;
            }
            return Err(Failure::Plan(error));
        }
        Ok(self.outcome(sighted, Some(path), None, is_barrier_up))
    }

    /// One pass, applied as far as one sighting goes.
    fn at_once(&self) -> Result<Outcome<'t>, Failure> {
        let mut reconciler = self.reconciler()?;
        let sighted = self.subject.sight(&mut reconciler, None)?;
        let (applied, sighted) =
            apply_plan(&self.subject, &mut reconciler, sighted, self.args.max_free)?;
        drop(reconciler);
        self.target.sync(self.set)?;
        Ok(self.outcome(sighted, None, Some(applied.total), false))
    }

    /// All passes in one process, and what is missing is taken at each.
    fn wait(&self) -> Result<Outcome<'t>, Failure> {
        let mut reconciler = self.reconciler()?;
        let (mut all, mut expected) = (Applied::default(), None);
        for sighting in 1.. {
            let sighted = self.subject.sight(&mut reconciler, expected)?;
            expected = Some(sighted.plan.entries.total);
            let (applied, sighted) = self.apply_and_keep(&mut reconciler, sighted)?;
            add(&mut all, &applied.total);
            let waiting = sighted.plan.slots.orphan - sighted.plan.slots.ripe;
            if waiting == 0 || sighting == SIGHTINGS {
                drop(reconciler);
                self.target.sync(self.set)?;
                let plan_file = self.args.output.as_deref();
                return Ok(self.outcome(sighted, plan_file, Some(all), false));
            }
            self.say_waiting(sighting, waiting);
            // A pass must begin `grace` after the list of the one before had been read.
            sleep(self.grace + Duration::from_millis(2));
        }
        unreachable!("the last sighting returns")
    }

    /// What will be freed is written down before it is, and struck out if it was not.
    fn apply_and_keep(
        &self,
        reconciler: &mut SetReconciler<'_, IpNet>,
        sighted: Sighted,
    ) -> Result<(SetApplied, Sighted), Failure> {
        let Some(path) = &self.args.output else {
            return apply_plan(&self.subject, reconciler, sighted, self.args.max_free);
        };
        let mut kept = self.plan_file(&sighted)?;
        kept.freed = (sighted.plan.slots.ripe != 0).then(|| sighted.plan.clone());
        kept.save(path).map_err(Failure::Plan)?;
        let done = apply_plan(&self.subject, reconciler, sighted, self.args.max_free);
        if done.is_err() {
            kept.freed = None;
            kept.save(path).map_err(Failure::Plan)?;
        }
        done
    }

    fn say_waiting(&self, sighting: u32, waiting: u64) {
        if self.target.is_plain() {
            let (file, grace) = (self.target.name(), Grace(self.grace.as_millis() as u64));
            print_error_text(&format!(
                "{file}: sighting {sighting} of {SIGHTINGS}, {waiting} orphans; waiting {grace}"
            ));
        }
    }

    fn outcome(
        &self,
        sighted: Sighted,
        plan_file: Option<&Path>,
        applied: Option<Applied>,
        is_barrier_up: bool,
    ) -> Outcome<'t> {
        Outcome {
            target: self.target,
            plan_file: plan_file.map(|path| printable(&path.display().to_string())),
            began_anew: Vec::new(),
            unwritten: match self.args.wait {
                true => unwritten(self.subject.sources.iter().copied(), first_seen(&sighted)),
                false => Vec::new(),
            },
            sighted,
            applied,
            is_barrier_up,
            others: others(self.set),
        }
    }
}

/// When the oldest of the orphans was seen; 0 if there is none.
fn first_seen(sighted: &Sighted) -> u64 {
    let since = sighted.ranges().filter_map(|range| range.since_ms);
    since.min().unwrap_or(0)
}

/// Frees what is ripe and takes what is missing. If a fuse has blown, the failure has what was found.
pub(super) fn apply_plan(
    subject: &Subject<'_>,
    reconciler: &mut SetReconciler<'_, IpNet>,
    sighted: Sighted,
    max_free: Option<u64>,
) -> Result<(SetApplied, Sighted), Failure> {
    let applied = match max_free {
        Some(most) => reconciler.apply_at_most(&sighted.plan, most),
        None => reconciler.apply(&sighted.plan),
    };
    match applied {
        Ok(applied) => Ok((applied, sighted)),
        Err(error) => {
            let sighted = Box::new(sighted);
            Err(subject.target.refuse(Cause::Apply { error, sighted }))
        }
    }
}

fn add(all: &mut Applied, more: &Applied) {
    all.freed += more.freed;
    all.spared += more.spared;
    all.adopted += more.adopted;
    all.conflicts += more.conflicts;
}
