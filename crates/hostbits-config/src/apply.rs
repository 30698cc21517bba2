//! Carries out a plan. Every step is atomic, and the whole can be repeated.

use crate::model::{Config, MemberConfig};
use crate::plan::{Plan, PlanError, Step, StepKind};
use hostbits::file::{OpenError, SyncError};
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// The result of applying a configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Done {
    /// The plan, of which every step was carried out.
    pub plan: Plan,
}

/// Why a plan was not carried out completely. Applying again continues where it stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApplyError {
    /// The plan could not be made, and nothing was changed.
    Plan(PlanError),
    /// The plan has refusals, and nothing was changed.
    Refused(Plan),
    /// A pool file could not be created, or could not grow.
    #[non_exhaustive]
    File {
        /// The path of the pool file.
        path: PathBuf,
        /// The line of its member.
        line: usize,
        /// Why the file could not be created or could not grow.
        error: OpenError,
        /// The steps that were carried out before the error.
        done: Vec<Step>,
    },
}

impl Plan {
    /// Makes a plan and carries it out: creates pool files, and grows them. Changes nothing if anything is refused.
    ///
    /// Drains, cordons and other settings without a file take effect when a program reads the configuration; nothing is
    /// written for them. If the process crashes or an error stops it, every file is still valid. Applying again does
    /// the rest; applying a configuration that is already in effect does nothing.
    ///
    /// # Errors
    ///
    /// See [`ApplyError`]. A file that another process has open cannot grow.
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
    // `IpNet` takes addresses of both families, and the step comes from a member with a file.
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
