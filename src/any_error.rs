//! All errors as one type, for callers who use several methods and pass errors on.
//!
//! An error of the library is one row of the table. A test takes the list of errors from the sources.

use crate::error::{AllocateError, AllocateExactError, BuildError, ReleaseError};
use crate::file_refusal::FileRefusal;
use crate::grow_error::GrowError;
use crate::next_free::NextFreeError;
use crate::pool::SnapshotMismatch;
use crate::{lease, reconcile, set, users};
use std::error::Error as StdError;
use std::fmt;

/// Defines the enum, `From` for each row, and the one match over all of them.
macro_rules! errors {
    (
        $($(#[doc = $doc:literal])+ $variant:ident($error:ty),)+
        #[cfg $if_files:tt]
        files {
            $($(#[doc = $file_doc:literal])+ $file_variant:ident($file_error:ty),)+
        }
    ) => {
        /// Any error of the library: `?` converts the error of every method.
        ///
        /// Has the [`code`](Self::code), text, source and JSON of the error inside. Codes are unique within a method;
        /// match the variant to distinguish two methods.
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
    /// A pool could not be built.
    Build(BuildError),
    /// A pool on the heap could not grow.
    Grow(GrowError),
    /// No address was allocated.
    Allocate(AllocateError),
    /// The requested address was not allocated.
    AllocateExact(AllocateExactError),
    /// No pair of addresses was allocated.
    AllocatePair(set::AllocatePairError),
    /// The requested pair of addresses was not allocated.
    AllocatePairExact(set::AllocatePairExactError),
    /// An address was not released.
    Release(ReleaseError),
    /// A pair of addresses was not released, or only one of the two.
    ReleasePair(set::ReleasePairError),
    /// A pool file refuses every call; taken from the error of another method.
    File(FileRefusal),
    /// No next free address was found.
    NextFree(NextFreeError),
    /// No address was offered or leased.
    Offer(lease::OfferError),
    /// A lease was not renewed.
    Renew(lease::RenewError),
    /// A text is not a lease.
    ParseLease(lease::ParseLeaseError),
    /// A list was refused.
    Adopt(users::AdoptError),
    /// Two snapshots cannot be compared.
    Snapshot(SnapshotMismatch),
    /// A pool was not added to a set.
    Add(set::AddError),
    /// A member was not drained, resumed or removed.
    Member(set::MemberError),
    /// A range was not cordoned, or not uncordoned.
    Cordon(set::CordonError),
    /// No reconciler of a pool was created.
    Reconcile(reconcile::ReconcilerError),
    /// A pass made no plan.
    Pass(reconcile::PassError),
    /// A plan was not applied.
    Apply(reconcile::ApplyError),
    /// No reconciler of a set was created.
    SetReconcile(set::ReconcilerError),
    /// A plan of a set was not applied.
    SetApply(set::ApplyError),
    #[cfg(pool_files)]
    files {
        /// A pool file was not created, opened or read.
        Open(crate::file::OpenError),
        /// The state of a pool was not made durable.
        Sync(crate::file::SyncError),
        /// A quarantine was not reclaimed.
        Reclaim(crate::file::ReclaimError),
        /// The quarantines of a set were not reclaimed.
        SetReclaim(set::ReclaimError),
    }
}

impl Error {
    /// Returns the stable name of the error inside, in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        self.inside().1
    }

    /// Reports whether there were too few free addresses, or no free block or common index: try again after a
    /// release, or add addresses.
    pub fn is_exhausted(&self) -> bool {
        match self {
            Self::Allocate(error) => error.is_exhausted(),
            Self::AllocatePair(error) => error.is_exhausted(),
            Self::NextFree(error) => error.is_exhausted(),
            Self::Offer(error) => error.is_exhausted(),
            // A test checks which ones can be.
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
