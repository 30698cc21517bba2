//! One pass, or as many as are needed.

use crate::failure::Failure;
use crate::files::outcome::{Outcome, unwritten};
use crate::files::plan_file::PlanFile;
use crate::files::pool_failure::Cause;
use crate::files::sight::{Lists, Subject};
use crate::files::target::{Target, others};
use crate::observer::Observer;
use crate::report::Sighted;
use crate::text::printable_path;
use hostbits::{PoolSet, reconcile::Applied, set};
use ipnet::IpNet;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The interval of reports while a call waits.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Number of passes that must see an orphan.
const SIGHTINGS: u32 = 3;

/// How to make a pass, and what to do with its plan.
#[derive(Clone, Debug)]
pub struct PassOptions {
    /// The lists of users.
    pub lists: Lists,
    /// Minimum time between sightings; 0 frees at first sight.
    pub grace: Duration,
    /// Number of addresses that may be freed despite the fuses.
    pub max_free: Option<u64>,
    /// The file in which to store the plan.
    pub output: Option<PathBuf>,
    /// Make all sightings now, and wait between them. Without this and without `output`, nothing is stored for another
    /// pass.
    pub wait: bool,
}

/// Compares a target with the lists, and repairs it: at once, in several sightings, or only up to a plan that is stored
/// for [`apply`](crate::files::apply).
///
/// # Errors
///
/// Fails if the target cannot be opened, a list cannot be read to its end, another reconciler is at work, a fuse has
/// blown, or the plan cannot be stored. Addresses that were allocated until then stay allocated; nothing is freed by a
/// plan that was not stored.
pub fn reconcile(
    target: &Target,
    options: &PassOptions,
    observer: &dyn Observer,
) -> Result<Outcome, Failure> {
    target.with(|set| {
        let run = Run {
            options,
            target,
            set,
            subject: Subject::new(target, &options.lists, observer),
        };
        match (options.wait, &options.output) {
            (true, _) => run.wait(),
            (false, Some(path)) => run.keep(path),
            (false, None) => run.at_once(),
        }
    })
}

struct Run<'a> {
    options: &'a PassOptions,
    target: &'a Target,
    set: &'a PoolSet<IpNet>,
    subject: Subject<'a>,
}

impl Run<'_> {
    fn reconciler(&self) -> Result<set::Reconciler<'_, IpNet>, Failure> {
        let options = self.subject.options(self.options.grace);
        let reconciler = self.set.reconciler_with(options);
        reconciler.map_err(|error| self.subject.refuse(error))
    }

    fn plan_file(&self, sighted: &Sighted) -> Result<PlanFile, Failure> {
        let PassOptions {
            lists, max_free, ..
        } = self.options;
        let plan = sighted.plan.clone();
        let kept = PlanFile::new(
            self.target,
            &lists.lists,
            lists.skip_unreadable,
            *max_free,
            plan,
        );
        kept.ok_or_else(|| {
            Failure::Usage(
                "the names of the pool and of the lists must be UTF-8 to be kept in a plan"
                    .to_owned(),
            )
        })
    }

    /// Makes one pass, stores what it has seen for the next process, and changes nothing.
    fn keep(&self, path: &Path) -> Result<Outcome, Failure> {
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
            return Err(error);
        }
        Ok(self.outcome(sighted, Some(path), None, is_barrier_up))
    }

    /// Makes one pass, and applies it as far as one sighting allows.
    fn at_once(&self) -> Result<Outcome, Failure> {
        let mut reconciler = self.reconciler()?;
        let sighted = self.subject.sight(&mut reconciler, None)?;
        let (applied, sighted) = apply_plan(
            &self.subject,
            &mut reconciler,
            sighted,
            self.options.max_free,
        )?;
        drop(reconciler);
        self.target.sync(self.set)?;
        Ok(self.outcome(sighted, None, Some(applied.total), false))
    }

    /// Makes all passes in this process, and allocates missing addresses at each.
    fn wait(&self) -> Result<Outcome, Failure> {
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
                let plan_file = self.options.output.as_deref();
                return Ok(self.outcome(sighted, plan_file, Some(all), false));
            }
            let observer = self.subject.observer;
            observer.sighted(sighting, SIGHTINGS, waiting, self.options.grace);
            // A pass must begin at least `grace` after the list of the previous one had been read.
            wait(observer, self.options.grace + Duration::from_millis(2));
        }
        unreachable!("the last sighting returns")
    }

    /// Stores what will be freed before it is freed, and removes it again if it was not.
    fn apply_and_keep(
        &self,
        reconciler: &mut set::Reconciler<'_, IpNet>,
        sighted: Sighted,
    ) -> Result<(set::Applied, Sighted), Failure> {
        let Some(path) = &self.options.output else {
            return apply_plan(&self.subject, reconciler, sighted, self.options.max_free);
        };
        let mut kept = self.plan_file(&sighted)?;
        kept.freed = (sighted.plan.slots.ripe != 0).then(|| sighted.plan.clone());
        kept.save(path)?;
        let done = apply_plan(&self.subject, reconciler, sighted, self.options.max_free);
        if done.is_err() {
            kept.freed = None;
            kept.save(path)?;
        }
        done
    }

    fn outcome(
        &self,
        sighted: Sighted,
        plan_file: Option<&Path>,
        applied: Option<Applied>,
        is_barrier_up: bool,
    ) -> Outcome {
        Outcome {
            plan_file: plan_file.map(printable_path),
            began_anew: Vec::new(),
            unwritten: match self.options.wait {
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

/// Returns when the oldest of the orphans was seen; 0 if there is none.
fn first_seen(sighted: &Sighted) -> u64 {
    let since = sighted.ranges().filter_map(|range| range.since_ms);
    since.min().unwrap_or(0)
}

/// Frees what may be freed, and allocates missing addresses. If a fuse has blown, the failure contains the findings.
pub(crate) fn apply_plan(
    subject: &Subject<'_>,
    reconciler: &mut set::Reconciler<'_, IpNet>,
    sighted: Sighted,
    max_free: Option<u64>,
) -> Result<(set::Applied, Sighted), Failure> {
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

/// Sleeps, and reports the remaining time.
fn wait(observer: &dyn Observer, time: Duration) {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        observer.waiting(left);
        if left.is_zero() {
            break;
        }
        sleep(left.min(BETWEEN_LOOKS));
    }
}

fn add(all: &mut Applied, more: &Applied) {
    all.freed += more.freed;
    all.spared += more.spared;
    all.adopted += more.adopted;
    all.conflicts += more.conflicts;
}
