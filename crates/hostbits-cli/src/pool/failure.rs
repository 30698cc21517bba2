//! How a pool file can refuse: which file, what it said, and what to do next.

use crate::failure::{EXIT_EXHAUSTED, EXIT_INPUT, Failure};
use crate::reconcile::{
    Found, MEND, OTHER_PLAN, Sighted, apply_hint, serialize_apply, without_member,
};
use hostbits::{
    AllocateError, AllocateExactError, MemberId, OpenError, PassError, ReclaimError,
    ReconcilerError, ReleaseError, SetApplyError, SetReclaimError, SetReconcilerError, SyncError,
};
use hostbits_ops::ReadList;
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use std::fmt;
use std::io;
use std::net::IpAddr;

const EXIT_TAKEN: u8 = 4;
pub(super) const EXIT_NOT_ALLOCATED: u8 = 5;
const EXIT_QUARANTINED: u8 = 6;
// 7 is kept for addresses that stale leases hold.
pub(crate) const EXIT_FILE: u8 = 8;
/// Nothing was done, since it might take an address from somebody: a fuse, or a configuration that would.
pub(crate) const EXIT_REFUSED: u8 = 9;

/// How many addresses a message names.
const MAX_NAMED: usize = 10;

/// A pool file, or a set of them, and why it was not used as asked.
#[derive(Debug)]
pub(crate) struct PoolFailure {
    /// What to call the file; of a set, the configuration.
    pub(crate) file: String,
    /// The name of the set.
    pub(crate) set: Option<String>,
    /// The member of the set that is the cause, and its pool file.
    pub(crate) member: Option<String>,
    pub(crate) pool_file: Option<String>,
    /// Why.
    pub(crate) cause: Cause,
}

/// Why a pool file was not used as asked.
#[derive(Debug)]
pub(crate) enum Cause {
    /// It cannot be created, opened or read.
    Open(OpenError),
    /// No backup can be made of that name, or what is to be put back is none.
    Backup(OpenError),
    /// The backup is not put in the place of this file.
    Restore(OpenError),
    /// No address was allocated.
    Allocate {
        /// What the library says.
        error: AllocateError,
        /// How many are free.
        free: u64,
        /// How many were asked for; `None` for a block.
        wanted: Option<u64>,
    },
    /// This address was not allocated.
    Exact(AllocateExactError),
    /// `--ip` names more than one address.
    NotOneAddress {
        /// As written.
        named: IpNet,
        /// The prefix length of one address of the pool.
        unit: u8,
    },
    /// A seed was given, which no file keeps.
    Seed,
    /// It is not durable.
    Sync(SyncError),
    /// The same of a pool of several.
    SyncOfMember {
        /// Which.
        id: MemberId,
        /// What the library says.
        error: SyncError,
    },
    /// Nothing was freed.
    Reclaim {
        /// What the library says.
        error: SetReclaimError,
        /// What became of the list.
        list: Box<ReadList>,
    },
    /// There is no reconciler.
    Reconciler(SetReconcilerError),
    /// There is no plan.
    Pass(PassError),
    /// The plan was not applied.
    Apply {
        /// What the library says.
        error: SetApplyError,
        /// What was found.
        sighted: Box<Sighted>,
    },
    /// Nothing was taken back.
    Undo(SetApplyError),
    /// The plan is of another pool, or of a set that has no member of it any more.
    OtherPlan,
    /// Another pool has come in the place of the one that was being read.
    Replaced(MemberId),
    /// Addresses are allocated, and the disk did not take it.
    Unclosed {
        /// Which.
        nets: Vec<IpNet>,
        /// What the library says.
        error: SyncError,
    },
    /// Addresses are allocated, and their names cannot be written.
    Unprinted {
        /// Which.
        nets: Vec<IpNet>,
        /// What the system says.
        error: io::Error,
    },
}

impl Cause {
    /// The member of a set that is the cause.
    pub(crate) fn member_id(&self) -> Option<MemberId> {
        match self {
            Self::Reclaim { error, .. } => error.id,
            Self::Reconciler(error) => Some(error.id),
            Self::SyncOfMember { id, .. } | Self::Replaced(id) => Some(*id),
            _ => None,
        }
    }

    /// The same by its name, where no number is known.
    pub(crate) fn member(&self) -> Option<&str> {
        match self {
            Self::Apply { error, .. } | Self::Undo(error) => match error {
                SetApplyError::Member { member, .. } => Some(member),
                SetApplyError::Fuse { member, .. } => member.as_deref(),
                _ => None,
            },
            _ => None,
        }
    }
}

impl PoolFailure {
    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match &self.cause {
            Cause::Open(OpenError::Build(_)) | Cause::Seed | Cause::NotOneAddress { .. } => {
                EXIT_INPUT
            }
            Cause::Unprinted { .. } => EXIT_INPUT,
            Cause::Allocate { error, .. } => exit_code_of_allocate(error),
            Cause::Exact(error) => exit_code_of_exact(error),
            Cause::Reclaim { error, .. } => match error.error {
                ReclaimError::EmptyList { .. } | ReclaimError::Unclear { .. } => EXIT_INPUT,
                _ => EXIT_FILE,
            },
            Cause::Pass(PassError::CountMismatch { .. }) => EXIT_INPUT,
            Cause::Apply {
                error: SetApplyError::Fuse { .. },
                ..
            } => EXIT_REFUSED,
            Cause::Apply { .. } | Cause::Undo(_) | Cause::OtherPlan => EXIT_FILE,
            Cause::Replaced(_) | Cause::SyncOfMember { .. } => EXIT_FILE,
            Cause::Reconciler(_) | Cause::Pass(_) => EXIT_FILE,
            Cause::Open(_) | Cause::Backup(_) | Cause::Restore(_) => EXIT_FILE,
            Cause::Sync(_) | Cause::Unclosed { .. } => EXIT_FILE,
        }
    }

    /// What to do next, where the message of the library knows nothing of commands.
    pub(crate) fn hint(&self) -> Option<String> {
        let file = &self.file;
        match &self.cause {
            Cause::Open(error) => open_hint(file, error),
            Cause::Backup(OpenError::AlreadyExists) => {
                Some("nothing was changed; a backup takes nobody's place".to_owned())
            }
            Cause::Restore(_) => {
                Some("nothing was changed; if it may go, remove it first".to_owned())
            }
            Cause::Allocate { error, .. } => match error {
                AllocateError::Exhausted { quarantined: 0, .. } => Some(format!(
                    "hostbits pool list {file} tells what is taken; release some of it, or let the pool \
                     grow"
                )),
                AllocateError::Exhausted { .. } => {
                    Some(format!("hostbits pool reclaim {file} --from LIST"))
                }
                _ => None,
            },
            Cause::Exact(AllocateExactError::AlreadyAllocated { addr, .. }) => Some(format!(
                "hostbits pool allocate {file} --near {addr} takes another one if it must"
            )),
            Cause::Exact(
                AllocateExactError::OutOfRange { .. } | AllocateExactError::Reserved { .. },
            ) => Some(format!(
                "hostbits pool show {file} tells the pool's addresses and reservations"
            )),
            Cause::Reclaim { error, .. } => match (&error.error, &self.pool_file) {
                (ReclaimError::EmptyList { .. }, None) => {
                    Some("--nobody says that nobody holds any of them".to_owned())
                }
                (ReclaimError::EmptyList { .. }, Some(pool_file)) => Some(format!(
                    "is its part of the list missing? hostbits reclaim {pool_file} --nobody says that nobody \
                     holds any of them"
                )),
                (ReclaimError::Unclear { .. }, _) => Some(MEND.to_owned()),
                _ => None,
            },
            Cause::OtherPlan => Some(OTHER_PLAN.to_owned()),
            Cause::Apply { error, .. } => apply_hint(error),
            Cause::Unprinted { nets, .. } => Some(format!(
                "hostbits pool release {file} {}, if nobody has read them",
                named(nets)
            )),
            Cause::Unclosed { nets, .. } => {
                Some(format!("hostbits pool release {file} {}", named(nets)))
            }
            _ => None,
        }
    }

    /// What became of the list of users.
    pub(crate) fn list(&self) -> Option<&ReadList> {
        match &self.cause {
            Cause::Reclaim { list, .. } => Some(list),
            _ => None,
        }
    }

    /// Prints what was found by the pass whose plan was not applied: for people. In JSON it is in the failure.
    pub(crate) fn print_found(&self) -> Result<(), Failure> {
        let Cause::Apply {
            error: SetApplyError::Fuse { .. },
            sighted,
        } = &self.cause
        else {
            return Ok(());
        };
        let file = &self.file;
        let name = match &self.set {
            None => file.clone(),
            Some(set) => format!("{set} of {file}"),
        };
        sighted.print_found_by_pass(&name)
    }

    /// What was found by the pass whose plan was not applied.
    pub(crate) fn found(&self) -> Option<Found<'_>> {
        match &self.cause {
            Cause::Apply {
                error: SetApplyError::Fuse { .. },
                sighted,
            } => Some(sighted.found_by_pass()),
            _ => None,
        }
    }
}

/// Some of them by name, and how many more there are.
pub(crate) fn named(nets: &[IpNet]) -> String {
    let some: Vec<String> = nets.iter().take(MAX_NAMED).map(IpNet::to_string).collect();
    match nets.len().saturating_sub(MAX_NAMED) {
        0 => some.join(" "),
        more => format!("{} and {more} more", some.join(" ")),
    }
}

fn open_hint(file: &str, error: &OpenError) -> Option<String> {
    match error {
        OpenError::NotFound => Some(format!(
            "hostbits pool create {file} 10.0.0.0/24, for example"
        )),
        OpenError::AlreadyExists => Some(format!("hostbits pool show {file} tells what it holds")),
        OpenError::Corrupt { .. } | OpenError::Truncated { .. } => Some(format!(
            "nothing was changed; put a backup in its place, if there is one: hostbits pool restore BACKUP \
             {file}; or create another file, and tell it who holds what: hostbits seed NEWFILE --from LIST"
        )),
        OpenError::StaleFile { .. } => Some(format!(
            "if that is meant: hostbits pool restore COPY {file} --min-session N, and then reclaim"
        )),
        OpenError::BadMagic => Some("nothing was changed; is it the right file?".to_owned()),
        OpenError::GeometryMismatch { .. } => Some(
            "name the whole pool as it shall be, with the options it was created with".to_owned(),
        ),
        _ => None,
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
            Cause::Backup(OpenError::AlreadyExists) => f.write_str("there is such a file already"),
            Cause::Backup(OpenError::NotFound) => f.write_str("there is no such file"),
            Cause::Open(error) | Cause::Backup(error) | Cause::Restore(error) => error.fmt(f),
            Cause::Allocate {
                error: error @ AllocateError::Exhausted { .. },
                free,
                wanted: Some(wanted),
            } => write!(f, "{error}: {free} free, {wanted} asked for"),
            Cause::Allocate { error, .. } => error.fmt(f),
            Cause::Exact(error) => error.fmt(f),
            Cause::NotOneAddress { named, unit } => write!(
                f,
                "{named} is not one address of the pool: write {}, or {}/{unit}",
                named.addr(),
                named.addr()
            ),
            Cause::Seed => {
                f.write_str("a pool file keeps no seed: write random, and each opening draws one")
            }
            Cause::Sync(error) | Cause::SyncOfMember { error, .. } => error.fmt(f),
            Cause::Reclaim { error, .. } => error.error.fmt(f),
            Cause::Reconciler(error) => error.error.fmt(f),
            Cause::Pass(error) => error.fmt(f),
            Cause::Apply { error, .. } | Cause::Undo(error) => f.write_str(&without_member(error)),
            Cause::OtherPlan => ReconcilerError::OtherPool.fmt(f),
            Cause::Replaced(_) => f.write_str("another pool has come into its place meanwhile"),
            Cause::Unclosed { nets, error } => {
                write!(
                    f,
                    "{error}; {} allocated, which nobody was told",
                    nets.len()
                )
            }
            Cause::Unprinted { nets, error } => write!(
                f,
                "{} allocated, and cannot be written to standard output: {error}",
                nets.len()
            ),
        }
    }
}

/// As the library writes its errors: an object with a code.
impl Serialize for PoolFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.cause {
            Cause::Open(error) | Cause::Backup(error) | Cause::Restore(error) => {
                error.serialize(serializer)
            }
            Cause::Allocate { error, .. } => error.serialize(serializer),
            Cause::Exact(error) => error.serialize(serializer),
            Cause::Sync(error) | Cause::SyncOfMember { error, .. } => error.serialize(serializer),
            // Its entries are beside it, as in an answer.
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
                    addresses: &'a [IpNet],
                }
                let addresses = nets;
                Unclosed { error, addresses }.serialize(serializer)
            }
            Cause::Unprinted { nets, .. } => {
                #[derive(Serialize)]
                struct Unprinted<'a> {
                    code: &'static str,
                    addresses: &'a [IpNet],
                }
                let code = "output";
                let addresses = nets;
                Unprinted { code, addresses }.serialize(serializer)
            }
        }
    }
}

fn code<S: Serializer>(code: &'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("code", code)])
}

/// The exit code of an allocation of any address.
pub(crate) fn exit_code_of_allocate(error: &AllocateError) -> u8 {
    match error {
        AllocateError::Exhausted { quarantined: 0, .. } => EXIT_EXHAUSTED,
        AllocateError::Exhausted { .. } => EXIT_QUARANTINED,
        AllocateError::BadBlock { .. } | AllocateError::OutOfRange { .. } => EXIT_INPUT,
        _ => EXIT_FILE,
    }
}

/// The exit code of an address that was asked for by name.
pub(crate) fn exit_code_of_exact(error: &AllocateExactError) -> u8 {
    match error {
        AllocateExactError::AlreadyAllocated { .. } => EXIT_TAKEN,
        AllocateExactError::OutOfRange { .. }
        | AllocateExactError::Reserved { .. }
        | AllocateExactError::Misaligned { .. }
        | AllocateExactError::Cordoned { .. } => EXIT_INPUT,
        _ => EXIT_FILE,
    }
}

/// The exit code of an address that was not released.
pub(crate) fn exit_code_of_release(error: &ReleaseError) -> u8 {
    match error {
        ReleaseError::NotAllocated { .. } => EXIT_NOT_ALLOCATED,
        _ => EXIT_INPUT,
    }
}

/// The address, and no more of it than is one of the pool's.
pub(super) fn one_address(named: hostbits_ops::Named, unit: u8) -> Result<IpAddr, Cause> {
    match named.prefix_len {
        None => Ok(named.addr),
        Some(prefix_len) if prefix_len == unit => Ok(named.addr),
        Some(prefix_len) => Err(Cause::NotOneAddress {
            named: hostbits_ops::net_of(named.addr, prefix_len),
            unit,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(cause: Cause) -> u8 {
        let file = "a.pool".to_owned();
        let failure = PoolFailure {
            file,
            set: None,
            member: None,
            pool_file: None,
            cause,
        };
        failure.exit_code()
    }

    /// Those that no test can bring about without a broken disk or a wait of seconds.
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
            SyncError::SyncFailed { errno: 5 },
            SyncError::Poisoned { errno: 5 },
        ] {
            assert_eq!(exit_code(Cause::Sync(error)), 8);
        }
        let error = AllocateError::Forked;
        let (free, wanted) = (0, None);
        assert_eq!(
            exit_code(Cause::Allocate {
                error,
                free,
                wanted
            }),
            8
        );
        assert_eq!(exit_code(Cause::Exact(AllocateExactError::Forked)), 8);
    }
}
