//! What to say of a plan that was not applied.

use hostbits::{ApplyError, Fuse, SetApplyError};
use serde::{Serialize, Serializer};

/// What to do about an entry that says nothing clear.
pub(crate) const MEND: &str = "mend the list, or let so many entries pass with --skip-unreadable N: whoever is meant is not safe";
/// Why a plan may be of another pool.
pub(crate) const OTHER_PLAN: &str = "or of a time before everybody had closed the pool: make another plan, and let a process keep \
                          the pool open until it is applied";

/// What to do next.
pub(crate) fn apply_hint(error: &SetApplyError) -> Option<String> {
    let (fuse, ripe) = match error {
        SetApplyError::Fuse { fuse, ripe, .. } => (fuse, ripe),
        SetApplyError::Member { error, .. } => {
            return match error {
                ApplyError::OtherPool => Some(OTHER_PLAN.to_owned()),
                ApplyError::Superseded => Some(
                    "a plan of grace 0 is applied once, before any other pass: make another plan"
                        .to_owned(),
                ),
                _ => None,
            };
        }
        _ => return None,
    };
    Some(match fuse {
        Fuse::EmptyList { .. } | Fuse::Shrunk { .. } | Fuse::TooMany { .. } => {
            format!("--max-free {ripe} allows that; nothing was freed or taken")
        }
        Fuse::Unclear { .. } => MEND.to_owned(),
        _ => "nothing was freed or taken: make another plan".to_owned(),
    })
}

/// What it says, without the name of the member: a pool file is a set of one.
pub(crate) fn without_member(error: &SetApplyError) -> String {
    match error.clone() {
        SetApplyError::Member { error, .. } => error.to_string(),
        mut error => {
            if let SetApplyError::Fuse { member, .. } = &mut error {
                *member = None;
            }
            error.to_string()
        }
    }
}

/// A fuse with the number that it would have to be overridden with.
pub(crate) fn serialize_apply<S: Serializer>(
    error: &SetApplyError,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Blown {
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ripe: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    }
    let (ripe, limit) = match error {
        SetApplyError::Fuse { fuse, ripe, .. } => match fuse {
            Fuse::EmptyList { .. } | Fuse::Shrunk { .. } => (Some(*ripe), None),
            Fuse::TooMany { limit, .. } => (Some(*ripe), Some(*limit)),
            _ => (None, None),
        },
        _ => (None, None),
    };
    let code = error.code();
    Blown { code, ripe, limit }.serialize(serializer)
}
