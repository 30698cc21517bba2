//! Failures of pool files: which file, and why.

use crate::lists::read::ReadList;
use crate::report::Sighted;
use crate::trouble::{Case, Kind, Place, Words};
use hostbits::{
    AllocateError, AllocateExactError,
    file::{OpenError, ReclaimError, SyncError},
    lease::{OfferError, RenewError},
    reconcile::{Fuse, PassError, ReconcilerError},
    set::{self, MemberId},
};
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use std::fmt;
use std::io;

/// Maximum number of addresses that a message names.
const MAX_NAMED: usize = 10;

/// A pool file, or a set of them, and why it could not be used as requested.
#[derive(Debug)]
pub struct PoolFailure {
    /// The name of the file in messages; for a set, that of the configuration.
    pub(crate) file: String,
    /// The name of the set.
    pub(crate) set: Option<String>,
    /// The member of the set that is the cause, and its pool file.
    pub(crate) member: Option<String>,
    pub(crate) pool_file: Option<String>,
    /// The cause.
    pub(crate) cause: Cause,
}

/// Why a pool file could not be used as requested.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The file cannot be created, opened or read.
    Open(OpenError),
    /// A backup of that name cannot be created, or the file to restore from is not a backup.
    Backup(OpenError),
    /// The backup cannot replace this file.
    Restore(OpenError),
    /// The file is that of a lease pool, which this call does not take.
    HoldsLeases,
    /// The file is that of a plain pool, and leases were asked for.
    NoLeases,
    /// An owner was named without the key that makes a number of the name.
    NoOwnerKey,
    /// No lease was allocated.
    Offer {
        /// The library's error.
        error: OfferError,
        /// Number of quarantined addresses.
        quarantined: u64,
    },
    /// The lease was not renewed.
    Renew(RenewError),
    /// No address was allocated.
    Allocate {
        /// The library's error.
        error: AllocateError,
        /// Number of free addresses.
        free: u64,
        /// Number of requested addresses; `None` for a block.
        wanted: Option<u64>,
    },
    /// This address was not allocated.
    Exact(AllocateExactError),
    /// `--ip` names more than one address.
    NotOneAddress {
        /// The prefix as written.
        named: IpNet,
        /// The prefix length of one address of the pool.
        unit: u8,
    },
    /// A seed was given, which a pool file does not store.
    Seed,
    /// The changes are not durable.
    Sync(SyncError),
    /// The changes of one pool of several are not durable.
    SyncOfMember {
        /// The member.
        id: MemberId,
        /// The library's error.
        error: SyncError,
    },
    /// Nothing was freed.
    Reclaim {
        /// The member that refuses.
        id: Option<MemberId>,
        /// The library's error.
        error: ReclaimError,
        /// What was read of the list.
        list: Box<ReadList>,
    },
    /// A reconciler cannot be created.
    Reconciler(set::ReconcilerError),
    /// The pass made no plan.
    Pass(PassError),
    /// The plan was not applied.
    Apply {
        /// The library's error.
        error: set::ApplyError,
        /// The findings of the pass.
        sighted: Box<Sighted>,
    },
    /// Nothing was allocated again.
    Undo(set::ApplyError),
    /// The plan is for another pool, or for a set that has none of its members any more.
    OtherPlan,
    /// Another pool has replaced the one that was being read.
    Replaced(MemberId),
    /// Addresses are allocated, but the disk failed when the file was closed.
    Unclosed {
        /// The addresses.
        nets: Nets,
        /// The library's error.
        error: SyncError,
    },
    /// Addresses are allocated, but cannot be printed.
    Unprinted {
        /// The addresses.
        nets: Nets,
        /// The system's error.
        error: io::Error,
    },
}

/// What was allocated, and as it is released.
#[derive(Debug)]
pub(crate) struct Nets(Vec<String>);

impl Nets {
    pub(crate) fn of(nets: &[impl ToString]) -> Self {
        Self(nets.iter().map(ToString::to_string).collect())
    }
}

impl Cause {
    /// Returns the cause of a failed open. A file of the other kind needs another call, and no other options.
    pub(crate) fn of_open(error: OpenError) -> Self {
        let OpenError::GeometryMismatch { mismatches } = &error else {
            return Self::Open(error);
        };
        match &mismatches[..] {
            [only] if only.field == "leases" && only.in_file == "yes" => Self::HoldsLeases,
            [only] if only.field == "leases" => Self::NoLeases,
            _ => Self::Open(error),
        }
    }
}

impl Cause {
    /// Returns the member of a set that is the cause: its number, or its name if no number is known.
    pub(crate) fn member(&self) -> (Option<MemberId>, Option<&str>) {
        match self {
            Self::Reclaim { id, .. } => (*id, None),
            Self::Reconciler(error) => (Some(error.id), None),
            Self::SyncOfMember { id, .. } | Self::Replaced(id) => (Some(*id), None),
            Self::Apply { error, .. } | Self::Undo(error) => match error {
                set::ApplyError::Member { member, .. } => (None, Some(member)),
                set::ApplyError::Fuse { member, .. } => (None, member.as_deref()),
                // There is no other one, which a test checks.
                _ => (None, None),
            },
            Self::Open(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Allocate { .. }
            | Self::Exact(_)
            | Self::NotOneAddress { .. }
            | Self::HoldsLeases
            | Self::NoLeases
            | Self::NoOwnerKey
            | Self::Offer { .. }
            | Self::Renew(_)
            | Self::Seed
            | Self::Sync(_)
            | Self::Pass(_)
            | Self::OtherPlan
            | Self::Unclosed { .. }
            | Self::Unprinted { .. } => (None, None),
        }
    }
}

impl PoolFailure {
    pub(crate) fn place(&self) -> Place {
        match &self.cause {
            Cause::Open(error) if error.in_the_way().is_some() => {
                place_of_open(error, Case::Reserve)
            }
            Cause::Open(error) => place_of_open(error, Case::Pool),
            Cause::Backup(error) => place_of_open(error, Case::Backup),
            Cause::Restore(error) => place_of_open(error, Case::Restore),
            Cause::HoldsLeases => Place::new(Kind::File, "holds-leases", Case::Pool),
            Cause::NoLeases => Place::new(Kind::File, "no-leases", Case::Pool),
            Cause::NoOwnerKey => Place::new(Kind::Usage, "no-owner-key", Case::Pool),
            Cause::Offer { error, quarantined } => {
                let kind = match error.is_exhausted() && *quarantined != 0 {
                    true => Kind::Quarantine,
                    false => Kind::Offer,
                };
                Place::new(kind, error.code(), Case::Pool)
            }
            Cause::Renew(error) => Place::new(Kind::Renew, error.code(), Case::Pool),
            Cause::Allocate { error, .. } => place_of_allocate(error, Case::Pool),
            Cause::Exact(error) => Place::new(Kind::Exact, error.code(), Case::Pool),
            Cause::NotOneAddress { .. } | Cause::Seed => {
                Place::new(Kind::Usage, "usage", Case::Any)
            }
            Cause::Sync(error) | Cause::SyncOfMember { error, .. } => {
                Place::new(Kind::Sync, error.code(), Case::Any)
            }
            Cause::Reclaim { error, .. } => {
                let case = match self.pool_file {
                    None => Case::Pool,
                    Some(_) => Case::Set,
                };
                Place::new(Kind::Reclaim, error.code(), case)
            }
            Cause::Reconciler(error) => Place::new(Kind::Pass, error.code(), Case::Any),
            Cause::Pass(error) => Place::new(Kind::Pass, error.code(), Case::Any),
            Cause::Undo(error) => place_of_apply(error, Case::Any),
            Cause::Apply { error, .. } => place_of_apply(error, Case::Apply),
            Cause::OtherPlan => {
                Place::new(Kind::Pass, ReconcilerError::OtherPool.code(), Case::Apply)
            }
            Cause::Replaced(_) => Place::new(Kind::Pass, "replaced", Case::Any),
            Cause::Unclosed { error, .. } => Place::new(Kind::Unclosed, error.code(), Case::Pool),
            Cause::Unprinted { .. } => Place::new(Kind::Output, "output", Case::Pool),
        }
    }

    pub(crate) fn words(&self) -> Words {
        let mut words = Words {
            file: self.file.clone(),
            pool_file: self.pool_file.clone().unwrap_or_default(),
            ..Words::default()
        };
        match &self.cause {
            Cause::Exact(AllocateExactError::AlreadyAllocated { addr, .. }) => {
                words.addr = addr.to_string();
            }
            Cause::Offer {
                error: OfferError::NotFree { addr, .. },
                ..
            } => words.addr = addr.to_string(),
            Cause::Apply {
                error: set::ApplyError::Fuse { ripe, .. },
                ..
            } => words.number = *ripe,
            Cause::Unclosed { nets, .. } | Cause::Unprinted { nets, .. } => {
                words.nets = some_of(&nets.0);
            }
            Cause::Open(_)
            | Cause::Backup(_)
            | Cause::Restore(_)
            | Cause::Allocate { .. }
            | Cause::Exact(_)
            | Cause::NotOneAddress { .. }
            | Cause::HoldsLeases
            | Cause::NoLeases
            | Cause::NoOwnerKey
            | Cause::Offer { .. }
            | Cause::Renew(_)
            | Cause::Seed
            | Cause::Sync(_)
            | Cause::SyncOfMember { .. }
            | Cause::Reclaim { .. }
            | Cause::Reconciler(_)
            | Cause::Pass(_)
            | Cause::Apply { .. }
            | Cause::Undo(_)
            | Cause::OtherPlan
            | Cause::Replaced(_) => {}
        }
        words
    }

    pub(crate) fn list(&self) -> Option<&ReadList> {
        let Cause::Reclaim { list, .. } = &self.cause else {
            return None;
        };
        Some(list)
    }

    /// Returns the findings of a pass whose plan was not applied because a fuse has blown.
    pub(crate) fn sighted(&self) -> Option<(String, &Sighted)> {
        let Cause::Apply {
            error: set::ApplyError::Fuse { .. },
            sighted,
        } = &self.cause
        else {
            return None;
        };
        let file = &self.file;
        let name = match &self.set {
            None => file.clone(),
            Some(set) => format!("{set} of {file}"),
        };
        Some((name, sighted))
    }
}

/// Returns the place for a failed open. An invalid pool is not a problem of its file.
pub(crate) fn place_of_open(error: &OpenError, case: Case) -> Place {
    match error {
        OpenError::Build(error) => Place::new(Kind::Network, error.code(), case),
        error => Place::new(Kind::File, error.code(), case),
    }
}

/// Returns the place for an allocation of any address.
pub(crate) fn place_of_allocate(error: &AllocateError, case: Case) -> Place {
    let kind = match error {
        AllocateError::Exhausted { quarantined, .. } if *quarantined != 0 => Kind::Quarantine,
        AllocateError::Exhausted { closed, .. } if *closed != 0 => Kind::Closed,
        _ => Kind::Allocate,
    };
    Place::new(kind, error.code(), case)
}

fn place_of_apply(error: &set::ApplyError, case: Case) -> Place {
    let kind = match error {
        set::ApplyError::Fuse { .. } => Kind::Fuse,
        _ => Kind::Pass,
    };
    Place::new(kind, error.code(), case)
}

/// Lists some of the addresses, and the number of the others.
pub(crate) fn some_of(nets: &[impl ToString]) -> String {
    let some: Vec<String> = nets
        .iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect();
    match nets.len().saturating_sub(MAX_NAMED) {
        0 => some.join(" "),
        more => format!("{} and {more} more", some.join(" ")),
    }
}

impl fmt::Display for PoolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(set) = &self.set {
            write!(f, "{set}: ")?;
        }
        if let Some(member) = &self.member {
            write!(f, "{member}: ")?;
        }
        match &self.cause {
            Cause::Backup(OpenError::AlreadyExists) => f.write_str("the file already exists"),
            Cause::Backup(OpenError::NotFound) => f.write_str("there is no such file"),
            Cause::Open(error) | Cause::Backup(error) | Cause::Restore(error) => error.fmt(f),
            Cause::Allocate {
                error: error @ AllocateError::Exhausted { .. },
                free,
                wanted: Some(wanted),
            } => write!(f, "{error}: {free} free, {wanted} asked for"),
            Cause::Allocate { error, .. } => error.fmt(f),
            Cause::Exact(error) => error.fmt(f),
            Cause::HoldsLeases => f.write_str("the file is that of a pool of leases"),
            Cause::NoLeases => {
                f.write_str("the file is that of a plain pool: leases are only in a pool of leases")
            }
            Cause::NoOwnerKey => f.write_str("an owner is a number, made of the name with a key"),
            Cause::Offer { error, .. } => error.fmt(f),
            Cause::Renew(error) => error.fmt(f),
            Cause::NotOneAddress { named, unit } => write!(
                f,
                "{named} is not one address of the pool: write {}, or {}/{unit}",
                named.addr(),
                named.addr()
            ),
            Cause::Seed => f.write_str(
                "a pool file does not store a seed: write random, and every open draws a new one",
            ),
            Cause::Sync(error) | Cause::SyncOfMember { error, .. } => error.fmt(f),
            Cause::Reclaim { error, .. } => error.fmt(f),
            Cause::Reconciler(error) => error.error.fmt(f),
            Cause::Pass(error) => error.fmt(f),
            Cause::Apply { error, .. } | Cause::Undo(error) => f.write_str(&without_member(error)),
            Cause::OtherPlan => ReconcilerError::OtherPool.fmt(f),
            Cause::Replaced(_) => f.write_str("another pool has replaced it in the meantime"),
            Cause::Unclosed { nets, error } => {
                write!(f, "{error}; {} allocated, but not reported", nets.0.len())
            }
            Cause::Unprinted { nets, error } => write!(
                f,
                "{} allocated, but cannot be written to standard output: {error}",
                nets.0.len()
            ),
        }
    }
}

/// Serialized as the library's errors are: an object with a code.
impl Serialize for PoolFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.cause {
            Cause::Open(error) | Cause::Backup(error) | Cause::Restore(error) => {
                error.serialize(serializer)
            }
            Cause::Allocate { error, .. } => error.serialize(serializer),
            Cause::Exact(error) => error.serialize(serializer),
            Cause::HoldsLeases => code("holds-leases", serializer),
            Cause::NoLeases => code("no-leases", serializer),
            Cause::NoOwnerKey => code("no-owner-key", serializer),
            Cause::Offer { error, .. } => error.serialize(serializer),
            Cause::Renew(error) => error.serialize(serializer),
            Cause::Sync(error) | Cause::SyncOfMember { error, .. } => error.serialize(serializer),
            // Its entries are next to it, as in a result.
            Cause::Reclaim { error, .. } => code(error.code(), serializer),
            Cause::NotOneAddress { .. } | Cause::Seed => code("usage", serializer),
            Cause::Reconciler(error) => code(error.code(), serializer),
            Cause::Pass(error) => code(error.code(), serializer),
            Cause::Undo(error) => code(error.code(), serializer),
            Cause::Apply { error, .. } => serialize_apply(error, serializer),
            Cause::OtherPlan => code(ReconcilerError::OtherPool.code(), serializer),
            Cause::Replaced(_) => code("replaced", serializer),
            Cause::Unclosed { nets, error } => {
                #[derive(Serialize)]
                struct Unclosed<'a> {
                    #[serde(flatten)]
                    error: &'a SyncError,
                    addresses: &'a [String],
                }
                let addresses = &nets.0;
                Unclosed { error, addresses }.serialize(serializer)
            }
            Cause::Unprinted { nets, .. } => {
                #[derive(Serialize)]
                struct Unprinted<'a> {
                    code: &'static str,
                    addresses: &'a [String],
                }
                let code = "output";
                let addresses = &nets.0;
                Unprinted { code, addresses }.serialize(serializer)
            }
        }
    }
}

fn code<S: Serializer>(code: &'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("code", code)])
}

/// Formats the error without the name of the member: a pool file is a set of one.
fn without_member(error: &set::ApplyError) -> String {
    match error.clone() {
        set::ApplyError::Member { error, .. } => error.to_string(),
        mut error => {
            if let set::ApplyError::Fuse { member, .. } = &mut error {
                *member = None;
            }
            error.to_string()
        }
    }
}

/// Serializes a fuse, with the number that would override it.
fn serialize_apply<S: Serializer>(
    error: &set::ApplyError,
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
        set::ApplyError::Fuse { fuse, ripe, .. } => match fuse {
            Fuse::EmptyList { .. } | Fuse::Shrunk { .. } => (Some(*ripe), None),
            Fuse::TooMany { limit, .. } => (Some(*ripe), Some(*limit)),
            _ => (None, None),
        },
        _ => (None, None),
    };
    let code = error.code();
    Blown { code, ripe, limit }.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostbits::FileRefusal;

    fn exit_code(cause: Cause) -> u8 {
        let file = "a.pool".to_owned();
        let failure = PoolFailure {
            file,
            set: None,
            member: None,
            pool_file: None,
            cause,
        };
        failure.place().row.exit.code()
    }

    /// Failures that a test can cause only with a broken disk or a wait of seconds.
    #[test]
    fn a_file_that_cannot_be_used_is_exit_code_8() {
        for error in [
            OpenError::Busy,
            OpenError::InUse,
            OpenError::NoSpace,
            OpenError::NoRoom,
            OpenError::Poisoned,
            OpenError::SyncFailed { errno: 5 },
            OpenError::StaleFile { session: 1, min: 2 },
        ] {
            assert_eq!(exit_code(Cause::Open(error)), 8);
        }
        for error in [
            SyncError::File(FileRefusal::SyncFailed { errno: 5 }),
            SyncError::File(FileRefusal::Poisoned { errno: 5 }),
        ] {
            assert_eq!(exit_code(Cause::Sync(error)), 8);
        }
        let error = AllocateError::File(FileRefusal::Forked);
        let (free, wanted) = (0, None);
        assert_eq!(
            exit_code(Cause::Allocate {
                error,
                free,
                wanted
            }),
            8
        );
        assert_eq!(
            exit_code(Cause::Exact(AllocateExactError::File(FileRefusal::Forked))),
            8
        );
    }
}
