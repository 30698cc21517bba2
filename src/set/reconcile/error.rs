//! Why a set was not reconciled, or a plan for it was not applied.

use crate::reconcile::{self, Fuse};
use crate::set::MemberId;
use std::error::Error;
use std::fmt;

/// Why no reconciler or pass of a set was created: the first member that refuses. Then no member is being reconciled by
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconcilerError {
    /// The member.
    pub id: MemberId,
    /// Its network, or its first and last address.
    pub member: String,
    /// Why it refuses.
    pub error: reconcile::ReconcilerError,
}

impl ReconcilerError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes: that of the member's error.
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

/// Serializes `code`, `id` and `member`.
#[cfg(feature = "serde")]
impl serde::Serialize for ReconcilerError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("ReconcilerError", 3)?;
        fields.serialize_field("code", self.code())?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("member", &self.member)?;
        fields.end()
    }
}

impl fmt::Display for ReconcilerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.error)
    }
}

impl Error for ReconcilerError {}

/// Why a plan for a set was not applied. Nothing was changed in any member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// A member refuses its plan.
    #[non_exhaustive]
    Member {
        /// The number of the member; `None` if it is not in the set.
        id: Option<MemberId>,
        /// Its network, or its first and last address.
        member: String,
        /// The reason, which is never a fuse.
        error: reconcile::ApplyError,
    },
    /// A safety rule keeps the plan from freeing anything.
    #[non_exhaustive]
    Fuse {
        /// The member whose rule applies; `None` for the list as a whole.
        id: Option<MemberId>,
        /// Its network, or its first and last address; `None` for the list as a whole.
        member: Option<String>,
        /// The rule, with the numbers of the member, or of all members.
        fuse: Fuse,
        /// How many addresses would be freed in all members: the number that
        /// [`apply_at_most`](crate::set::Reconciler::apply_at_most) would have to allow.
        ripe: u64,
    },
}

impl ApplyError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes: that of the member's error, or of the fuse.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Member { error, .. } => error.code(),
            Self::Fuse { fuse, .. } => fuse.code(),
        }
    }
}

/// Serializes `code`, `id` and `member` (or null), and `ripe` (null unless it is a fuse).
#[cfg(feature = "serde")]
impl serde::Serialize for ApplyError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let (id, member, ripe) = match self {
            Self::Member { id, member, .. } => (id, Some(member), None),
            Self::Fuse {
                id, member, ripe, ..
            } => (id, member.as_ref(), Some(ripe)),
        };
        let mut fields = serializer.serialize_struct("ApplyError", 4)?;
        fields.serialize_field("code", self.code())?;
        fields.serialize_field("id", id)?;
        fields.serialize_field("member", &member)?;
        fields.serialize_field("ripe", &ripe)?;
        fields.end()
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { member, error, .. } => write!(f, "{member}: {error}"),
            Self::Fuse {
                member, fuse, ripe, ..
            } => {
                if let Some(member) = member {
                    write!(f, "{member}: ")?;
                }
                fuse.describe(f, Some(*ripe))
            }
        }
    }
}

impl Error for ApplyError {}
