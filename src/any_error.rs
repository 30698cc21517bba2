//! All errors as one, for callers who use several verbs and hand on what went wrong.
//!
//! An error of the library is one row of the table. A test takes the list of errors from the sources.

use crate::error::{AllocateError, AllocateExactError, BuildError, ReleaseError};
use crate::file_refusal::FileRefusal;
use crate::grow_error::GrowError;
use crate::next_free::NextFreeError;
use crate::pool::SnapshotMismatch;
use crate::{reconcile, set, users};
use std::error::Error as StdError;
use std::fmt;

/// The enum, `From` for each row, and the one match over all of them.
macro_rules! errors {
    (
        $($(#[doc = $doc:literal])+ $variant:ident($error:ty),)+
        #[cfg $if_files:tt]
        files {
            $($(#[doc = $file_doc:literal])+ $file_variant:ident($file_error:ty),)+
        }
    ) => {
        /// Any error of the library: every verb's error becomes one by `?`.
        ///
        /// Says what the error inside says: the same [`code`](Self::code), text, source and JSON. Codes are unique
        /// within a verb; match the variant where two verbs must be told apart.
        ///
        /// ```
        /// use hostbits::{Error, Pool};
        /// use ipnet::Ipv4Net;
        ///
        /// fn replace(net: Ipv4Net, old: std::net::Ipv4Addr) -> Result<std::net::Ipv4Addr, Error> {
        ///     let pool = Pool::new(net)?;
        ///     pool.allocate_exact(old)?;
        ///     let new = pool.allocate()?;
        ///     pool.release(old)?;
        ///     Ok(new)
        /// }
        ///
        /// let net: Ipv4Net = "10.0.0.0/30".parse()?;
        /// let error = replace(net, "10.0.0.2".parse()?).unwrap_err();
        /// assert!(error.is_exhausted());
        /// assert!(matches!(error, Error::Allocate(_)));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Debug)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
        #[non_exhaustive]
        pub enum Error {
            $($(#[doc = $doc])+ $variant($error),)+
            $(#[cfg $if_files] $(#[doc = $file_doc])+ $file_variant($file_error),)+
        }

        impl Error {
            fn inside(&self) -> (&(dyn StdError + 'static), &'static str) {
                match self {
                    $(Self::$variant(error) => (error, error.code()),)+
                    $(#[cfg $if_files] Self::$file_variant(error) => (error, error.code()),)+
                }
            }
        }

        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+

        $(#[cfg $if_files] impl From<$file_error> for Error {
            fn from(error: $file_error) -> Self {
                Self::$file_variant(error)
            }
        })+
    };
}

errors! {
    /// A pool cannot be built.
    Build(BuildError),
    /// A pool on the heap did not grow.
    Grow(GrowError),
    /// No address was allocated.
    Allocate(AllocateError),
    /// This one address was not allocated.
    AllocateExact(AllocateExactError),
    /// No pair of addresses was allocated.
    AllocatePair(set::AllocatePairError),
    /// An address was not released.
    Release(ReleaseError),
    /// A pair of addresses was not released, or not all of it.
    ReleasePair(set::ReleasePairError),
    /// A pool file refuses, whatever is asked of it: out of the errors of other verbs.
    File(FileRefusal),
    /// There is no next free address.
    NextFree(NextFreeError),
    /// A list was refused.
    Adopt(users::AdoptError),
    /// Two snapshots cannot be compared.
    Snapshot(SnapshotMismatch),
    /// A pool does not become a member of a set.
    Add(set::AddError),
    /// A member was not drained, resumed or removed.
    Member(set::MemberError),
    /// A range was not cordoned, or not uncordoned.
    Cordon(set::CordonError),
    /// There is no reconciler of a pool.
    Reconcile(reconcile::ReconcilerError),
    /// A pass has no plan.
    Pass(reconcile::PassError),
    /// A plan was not applied.
    Apply(reconcile::ApplyError),
    /// There is no reconciler of a set.
    SetReconcile(set::ReconcilerError),
    /// A plan of a set was not applied.
    SetApply(set::ApplyError),
    #[cfg(pool_files)]
    files {
        /// A pool file was not created, opened or read.
        Open(crate::file::OpenError),
        /// What a pool holds was not made durable.
        Sync(crate::file::SyncError),
        /// Nothing of a quarantine was freed.
        Reclaim(crate::file::ReclaimError),
        /// Nothing of the quarantines of a set was freed.
        SetReclaim(set::ReclaimError),
    }
}

impl Error {
    /// A stable name for logs, JSON and exit codes: kebab case. That of the error inside.
    pub fn code(&self) -> &'static str {
        self.inside().1
    }

    /// Whether there was nothing (not enough, no such block, no common index) to allocate: try again when
    /// something was released, or add addresses.
    pub fn is_exhausted(&self) -> bool {
        match self {
            Self::Allocate(error) => error.is_exhausted(),
            Self::AllocatePair(error) => error.is_exhausted(),
            Self::NextFree(error) => error.is_exhausted(),
            // A test knows which can be.
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.inside().0, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inside().0.source()
    }
}
