//! A pass: the barrier first, then the list, then what they say together.

use super::progress::Progress;
use super::report::Sighted;
use super::target::Target;
use crate::failure::Failure;
use crate::pool::Cause;
use hostbits::{ReconcileOptions, SetReconciler, SetReconcilerError};
use hostbits_lists::Source;
use hostbits_ops::{UserRecords, unreadable};
use ipnet::IpNet;
use std::time::Duration;

/// A pool file or a set, and the list that it is compared with.
pub(super) struct Subject<'a> {
    pub(super) target: &'a Target,
    pub(super) sources: Vec<&'a Source>,
    pub(super) skip_unreadable: u64,
    /// How many entries there should be.
    pub(super) entries: Option<u64>,
}

impl Subject<'_> {
    pub(super) fn options(&self, grace: Duration) -> ReconcileOptions {
        let options = ReconcileOptions::new().grace(grace);
        options.unreadable(unreadable(self.skip_unreadable))
    }

    /// Puts the barrier up and reads the list. Without its end there is no plan.
    ///
    /// `expected` is a guess how many entries there are, for the eye alone.
    pub(super) fn sight(
        &self,
        reconciler: &mut SetReconciler<'_, IpNet>,
        expected: Option<u64>,
    ) -> Result<Sighted, Failure> {
        self.sight_with(reconciler, expected, || Ok(()))
    }

    /// The same, and does something between the end of the list and the plan.
    pub(super) fn sight_with(
        &self,
        reconciler: &mut SetReconciler<'_, IpNet>,
        expected: Option<u64>,
        then: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Sighted, Failure> {
        let mut pass = reconciler.begin().map_err(|error| self.refuse(error))?;
        // Opened only now: a file that has been replaced since would be a list of before the barrier.
        let mut users =
            UserRecords::open(self.sources.iter().copied()).map_err(Failure::Unreadable)?;
        let progress = Progress::new(self.target.format(), self.entries.or(expected));
        pass.read(progress.over(users.by_ref()));
        drop(progress);
        let read = users.finish().map_err(Failure::Unreadable)?;
        then()?;
        let entries = self.entries.unwrap_or_else(|| pass.entries());
        let mut plan = pass
            .finish(entries)
            .map_err(|error| self.target.refuse(Cause::Pass(error)))?;
        for member in &mut plan.members {
            if let Some(name) = self.target.name_of(member.id) {
                member.name = name;
            }
        }
        Ok(Sighted {
            plan,
            read,
            skip_unreadable: self.skip_unreadable,
            is_set: self.target.set().is_some(),
        })
    }

    pub(super) fn refuse(&self, error: SetReconcilerError) -> Failure {
        self.target.refuse(Cause::Reconciler(error))
    }
}
