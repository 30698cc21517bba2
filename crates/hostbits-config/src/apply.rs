//! Carries out a plan. Every step is atomic, and the whole can be repeated.

use crate::model::{Config, MemberConfig};
use crate::plan::{Plan, PlanError, Step, StepKind};
use hostbits::file::{OpenError, SyncError};
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

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
    /// A pool file was created or has grown, but could not be closed cleanly, for example because the disk failed.
    #[non_exhaustive]
    Close {
        /// The pool file.
        path: PathBuf,
        /// The line of its member.
        line: usize,
        /// The error.
        error: SyncError,
        /// The steps that were done before.
        done: Vec<Step>,
    },
}

/// Why a step was not done.
enum Failure {
    Open(OpenError),
    Close(SyncError),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl Failure {
    fn of(self, path: PathBuf, line: usize, done: Vec<Step>) -> ApplyError {
        match self {
            Self::Open(error) => ApplyError::File {
                path,
                line,
                error,
                done,
            },
            Self::Close(error) => ApplyError::Close {
                path,
                line,
                error,
                done,
            },
        }
    }
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
            if let Err(failure) = do_to_file(member, &step.kind) {
                let path = step.file.clone().unwrap_or_default();
                return Err(failure.of(path, member.line, done));
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

fn do_to_file(member: &MemberConfig, kind: &StepKind) -> Result<(), Failure> {
    if let Some((builder, path)) = member.lease_builder::<IpNet>() {
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
        return pool.close().map_err(Failure::Close);
    }
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
    pool.close().map_err(Failure::Close)
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
            } => of_file(f, path, *line, error),
            Self::Close {
                path, line, error, ..
            } => of_file(f, path, *line, error),
        }
    }
}

fn of_file(f: &mut fmt::Formatter<'_>, path: &Path, line: usize, error: &dyn Error) -> fmt::Result {
    let path = path.display();
    write!(f, "{path}, of the member of line {line}: {error}")
}

impl Error for ApplyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use hostbits::FileRefusal;

    /// Every error of a close except a failed sync was once reported as "poisoned".
    #[test]
    fn what_a_close_says_is_told_as_it_is() {
        for error in [
            SyncError::NoFile,
            SyncError::File(FileRefusal::SyncFailed { errno: 28 }),
            SyncError::File(FileRefusal::Poisoned { errno: 5 }),
            SyncError::File(FileRefusal::Forked),
        ] {
            let failure = Failure::Close(error.clone()).of("a.pool".into(), 7, Vec::new());
            assert_eq!(
                failure.to_string(),
                format!("a.pool, of the member of line 7: {error}")
            );
            let ApplyError::Close { error: told, .. } = failure else {
                panic!("{failure}");
            };
            assert_eq!(told, error);
        }
    }
}
