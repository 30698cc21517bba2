//! Doing what a plan says. Every step is whole or not there, and the whole can be done again.

use crate::model::{Config, MemberConfig};
use crate::plan::{Plan, PlanError, Step, StepKind};
use hostbits::file::{OpenError, SyncError};
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// What was done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Done {
    /// All of the plan.
    pub plan: Plan,
}

/// Why it was not done, or not to the end. It can be done again, and goes on where it stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApplyError {
    /// Nothing could be planned, and nothing was done.
    Plan(PlanError),
    /// Nothing was done: the plan has refusals.
    Refused(Plan),
    /// A pool file could not be created, or could not grow.
    #[non_exhaustive]
    File {
        /// Which.
        path: PathBuf,
        /// The line of its member.
        line: usize,
        /// Why not.
        error: OpenError,
        /// What was done before.
        done: Vec<Step>,
    },
}

impl Plan {
    /// Plans, and does it: creates pool files, and lets them grow. Nothing if anything is refused.
    ///
    /// Drains, cordons and the like are in force for whoever reads the configuration from now on; nothing is
    /// written for them. Whoever dies in the middle, or is stopped by an error, leaves files that are whole:
    /// doing it again does the rest, and doing it once more does nothing.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; a file that others have open cannot grow.
    pub fn apply(config: &Config, old: Option<&Config>) -> Result<Done, ApplyError> {
        let plan = Self::of(config, old).map_err(ApplyError::Plan)?;
        if !plan.refusals.is_empty() {
            return Err(ApplyError::Refused(plan));
        }
        let mut done = Vec::new();
        for step in plan.steps.iter().filter(|step| step.changes_a_file()) {
            let Some(member) = step.member_in(config) else {
                continue;
            };
            if let Err(error) = do_to_file(member, &step.kind) {
                return Err(ApplyError::File {
                    path: step.file.clone().unwrap_or_default(),
                    line: member.line,
                    error,
                    done,
                });
            }
            done.push(step.clone());
        }
        Ok(Done { plan })
    }
}

impl Step {
    fn member_in<'c>(&self, config: &'c Config) -> Option<&'c MemberConfig> {
        let (set, index) = self.at?;
        config.sets.get(set)?.members.get(index)
    }
}

fn do_to_file(member: &MemberConfig, kind: &StepKind) -> Result<(), OpenError> {
    // Every address is one of the family of both, and the step is of a member with a file.
    let (mut builder, path) = member.file_builder::<IpNet>().ok_or(OpenError::NotFound)?;
    if let Some(slots) = member.file.as_ref().and_then(|file| file.capacity) {
        builder = builder.capacity(slots);
    }
    let pool = match kind {
        StepKind::Create { .. } => builder.create(path)?,
        StepKind::Grow { .. } => builder.grow(path)?,
        StepKind::Keep { .. }
        | StepKind::Add
        | StepKind::Remove
        | StepKind::Drain { .. }
        | StepKind::Resume
        | StepKind::Cordon { .. }
        | StepKind::Uncordon { .. }
        | StepKind::Change { .. } => return Ok(()),
    };
    pool.close().map_err(|error| match error {
        SyncError::SyncFailed { errno } => OpenError::SyncFailed { errno },
        _ => OpenError::Poisoned,
    })
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(error) => error.fmt(f),
            Self::Refused(plan) => {
                write!(f, "{} refused, and nothing was done", plan.refusals.len())
            }
            Self::File {
                path, line, error, ..
            } => write!(
                f,
                "{}, of the member of line {line}: {error}",
                path.display()
            ),
        }
    }
}

impl Error for ApplyError {}
