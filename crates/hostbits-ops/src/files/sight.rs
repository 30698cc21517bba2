//! A pass: the barrier first, then the list, then what they say together.

use crate::failure::Failure;
use crate::files::pool_failure::Cause;
use crate::files::target::Target;
use crate::lists::name::{ListName, unreadable};
use crate::lists::records::UserRecords;
use crate::observer::Observer;
use crate::report::Sighted;
use crate::watched::Watched;
use hostbits::{reconcile, set};
use hostbits_lists::Source;
use ipnet::IpNet;
use std::time::Duration;

/// The lists of everyone who holds an address, and how to read them.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The lists; together they are one list.
    pub lists: Vec<ListName>,
    /// Number of entries that may be unreadable.
    pub skip_unreadable: u64,
    /// Number of entries that the lists must have in total, if known: with any other number, nothing is done.
    pub entries: Option<u64>,
}

/// A pool file or a set, and the list that it is compared with.
pub(crate) struct Subject<'a> {
    pub(crate) target: &'a Target,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) sources: Vec<&'a Source>,
    pub(crate) skip_unreadable: u64,
    /// Number of entries that are expected.
    pub(crate) entries: Option<u64>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(target: &'a Target, lists: &'a Lists, observer: &'a dyn Observer) -> Self {
        Self {
            target,
            observer,
            sources: lists.lists.iter().map(|list| &list.source).collect(),
            skip_unreadable: lists.skip_unreadable,
            entries: lists.entries,
        }
    }

    pub(crate) fn options(&self, grace: Duration) -> reconcile::Options {
        let options = reconcile::Options::new().grace(grace);
        options.unreadable(unreadable(self.skip_unreadable))
    }

    /// Raises the barrier and reads the list. If the list has no end, there is no plan.
    ///
    /// `expected` is an estimate of the number of entries, for display only.
    pub(crate) fn sight(
        &self,
        reconciler: &mut set::Reconciler<'_, IpNet>,
        expected: Option<u64>,
    ) -> Result<Sighted, Failure> {
        self.sight_with(reconciler, expected, || Ok(()))
    }

    /// As `sight`, but also runs a function between the end of the list and the plan.
    pub(crate) fn sight_with(
        &self,
        reconciler: &mut set::Reconciler<'_, IpNet>,
        expected: Option<u64>,
        then: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Sighted, Failure> {
        let mut pass = reconciler.begin().map_err(|error| self.refuse(error))?;
        // Opened only now: if the file were replaced after an earlier open, its list would be older than the barrier.
        let mut users =
            UserRecords::open(self.sources.iter().copied()).map_err(Failure::Unreadable)?;
        let watched = Watched::begin(self.observer, &users, self.entries.or(expected));
        pass.read(watched.over(users.by_ref()));
        drop(watched);
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

    pub(crate) fn refuse(&self, error: set::ReconcilerError) -> Failure {
        self.target.refuse(Cause::Reconciler(error))
    }
}
