//! A pass: the barrier first, then the list, then what they say together.

use super::progress::Progress;
use super::report::Sighted;
use crate::args::{AmbiguousChoice, Format};
use crate::failure::Failure;
use crate::pool::{Cause, FileArgs};
use crate::users::UserRecords;
use hostbits::{Durability, Pool, ReconcileOptions, Reconciler};
use hostbits_lists::Source;
use ipnet::IpNet;
use std::time::Duration;

/// A pool file, and the list that it is compared with.
pub(super) struct Subject<'a> {
    pub(super) file: &'a FileArgs,
    pub(super) sources: Vec<&'a Source>,
    pub(super) ambiguous: AmbiguousChoice,
    /// How many entries there should be.
    pub(super) entries: Option<u64>,
}

impl Subject<'_> {
    pub(super) fn options(&self, grace: Duration) -> ReconcileOptions {
        let options = ReconcileOptions::new().grace(grace);
        options.ambiguous(self.ambiguous.into())
    }

    /// Puts the barrier up and reads the list. Without its end there is no plan.
    ///
    /// `expected` is a guess how many entries there are, for the eye alone.
    pub(super) fn sight(
        &self,
        reconciler: &mut Reconciler<'_, IpNet>,
        expected: Option<u64>,
    ) -> Result<Sighted, Failure> {
        self.sight_with(reconciler, expected, || Ok(()))
    }

    /// The same, and does something between the end of the list and the plan.
    pub(super) fn sight_with(
        &self,
        reconciler: &mut Reconciler<'_, IpNet>,
        expected: Option<u64>,
        then: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Sighted, Failure> {
        let mut pass = reconciler.begin().map_err(|error| self.refuse(error))?;
        // Opened only now: a file that has been replaced since would be a list of before the barrier.
        let mut users =
            UserRecords::open(self.sources.iter().copied()).map_err(Failure::Unreadable)?;
        let progress = Progress::new(self.file.format, self.entries.or(expected));
        pass.read(progress.over(users.by_ref()));
        drop(progress);
        let read = users.finish().map_err(Failure::Unreadable)?;
        then()?;
        let entries = self.entries.unwrap_or_else(|| pass.entries());
        let plan = pass
            .finish(entries)
            .map_err(|error| self.file.refuse(Cause::Pass(error)))?;
        Ok(Sighted {
            plan,
            read,
            ambiguous: self.ambiguous,
        })
    }

    pub(super) fn refuse(&self, error: hostbits::ReconcilerError) -> Failure {
        self.file.refuse(Cause::Reconciler(error))
    }

    pub(super) fn is_plain(&self) -> bool {
        self.file.format == Format::Plain
    }
}

/// Makes durable what has been freed and taken, where the file promises that.
pub(super) fn sync(file: &FileArgs, pool: &Pool) -> Result<(), Failure> {
    match pool.health().map(|health| health.durability) {
        None | Some(Durability::Process) => Ok(()),
        Some(_) => pool.sync().map_err(|error| file.refuse(Cause::Sync(error))),
    }
}

/// Lowers the barrier, whoever left it up.
pub(super) fn lower_barrier(file: &FileArgs, pool: &Pool) -> Result<(), Failure> {
    let refuse = |error| file.refuse(Cause::Reconciler(error));
    let mut reconciler = pool.reconciler().map_err(refuse)?;
    // Whoever begins a pass owns the barrier, and takes it down when the reconciler is dropped.
    drop(reconciler.begin().map_err(refuse)?);
    Ok(())
}
