//! Compares every variant of every error with its recorded code, sentence and JSON, byte for byte.
//!
//! Programs read codes and JSON, and people read sentences; how the enums are divided does not matter to either. A
//! variant that has no value here does not compile.

use crate::file::{Mismatch, OpenError, ReclaimError, SyncError};
use crate::lease::{BadTerm, OfferError, ParseLeaseError, ParseLeaseProblem, RenewError};
use crate::reconcile::{ApplyError, Fuse, PassError, ReconcilerError};
use crate::set::{
    AddError, AllocatePairError, AllocatePairExactError, CordonError, Extent, MemberError,
    MemberId, ReleasePairError,
};
use crate::users::{AdoptError, Adopted};
use crate::*;
use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::time::Duration;

/// Values of an enum, at least one for each of its variants.
macro_rules! every {
    ($enum:ty { $($variant:pat => [$($value:expr),+ $(,)?]),+ $(,)? }) => {{
        let _ = |it: &$enum| match it {
            $($variant => (),)+
        };
        let all: Vec<$enum> = vec![$($($value),+),+];
        all
    }};
}

/// The texts, to be compared with the recorded ones.
struct Said(String);

impl Said {
    fn of<T: Debug + Display + serde::Serialize>(
        &mut self,
        name: &str,
        all: Vec<T>,
        code: impl Fn(&T) -> &'static str,
    ) -> Vec<(T, String)> {
        self.0 += &format!("# {name}\n");
        let mut each = Vec::new();
        for it in all {
            let json = serde_json::to_string(&it).expect("errors are plain data");
            let said = format!("{}\n  {it}\n  {json}\n", code(&it));
            self.0 += &said;
            each.push((it, said));
        }
        each
    }

    /// Wrapped in [`Error`], each says the same.
    fn of_errors<T: std::error::Error + serde::Serialize + Into<Error>>(
        &mut self,
        name: &str,
        errors: Vec<T>,
        code: impl Fn(&T) -> &'static str,
    ) {
        for (error, said) in self.of(name, errors, code) {
            let text = |error: &dyn std::error::Error| error.to_string();
            let behind = error.source().map(text);
            let any: Error = error.into();
            let json = serde_json::to_string(&any).expect("errors are plain data");
            assert_eq!(format!("{}\n  {any}\n  {json}\n", any.code()), said);
            assert_eq!(std::error::Error::source(&any).map(text), behind);
        }
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn net(text: &str) -> ipnet::IpNet {
    text.parse().expect("a network")
}

fn member() -> MemberId {
    let pool = Pool::new(net("10.0.0.0/24")).expect("a network");
    let set = PoolSet::new([pool]).expect("one member");
    set.members().next().expect("one member").id()
}

fn adopted(unparseable: u64) -> Box<Adopted> {
    Box::new(Adopted {
        entries: 3,
        unparseable,
        ..Adopted::default()
    })
}

fn poisoned() -> FileRefusal {
    FileRefusal::Poisoned { errno: 5 }
}

fn sync_failed() -> FileRefusal {
    FileRefusal::SyncFailed { errno: 28 }
}

fn refusal() -> Vec<FileRefusal> {
    every!(FileRefusal {
        FileRefusal::Poisoned { .. } => [poisoned()],
        FileRefusal::SyncFailed { .. } => [sync_failed()],
        FileRefusal::Forked => [FileRefusal::Forked],
    })
}

fn build() -> Vec<BuildError> {
    let bad_range = |reason| BuildError::BadRange {
        first: ip("10.0.0.1"),
        last: ip("10.0.0.9"),
        reason,
    };
    let mut errors = every!(BuildError {
        BuildError::HostBitsSet { .. } => [BuildError::HostBitsSet {
            given: net("10.0.0.5/24"),
            network: net("10.0.0.0/24"),
            last: ip("10.0.0.255"),
        }],
        BuildError::MappedPrefix { .. } => [BuildError::MappedPrefix {
            network: net("::ffff:10.0.0.0/120"),
        }],
        BuildError::TooLarge { .. } => [
            BuildError::TooLarge { slots: 1 << 64, max: 1 << 32 },
            BuildError::TooLarge { slots: u128::MAX, max: 1 << 32 },
            BuildError::TooLarge { slots: 5_000_000_001, max: 1 << 32 },
        ],
        BuildError::GatewayOutside { .. } => [
            BuildError::GatewayOutside {
                gateway: ip("10.0.1.1"),
                network: Some(net("10.0.0.0/24")),
            },
            BuildError::GatewayOutside { gateway: ip("::1"), network: None },
        ],
        BuildError::GatewayReserved { .. } => [BuildError::GatewayReserved {
            gateway: ip("10.0.0.0"),
            label: "network",
        }],
        BuildError::BadRange { .. } => [bad_range(RangeProblem::Backwards)],
        BuildError::BadUnit { .. } => [BuildError::BadUnit { unit: 20, shortest: 24, longest: 32 }],
        BuildError::BadCooldown { .. } => [BuildError::BadCooldown {
            given: Duration::from_secs(u64::MAX),
            longest: Duration::from_secs(126_144_000),
        }],
        BuildError::Empty => [BuildError::Empty],
    });
    let reasons = every!(RangeProblem {
        RangeProblem::Backwards => [RangeProblem::Backwards],
        RangeProblem::Outside => [RangeProblem::Outside],
        RangeProblem::Overlaps => [RangeProblem::Overlaps],
        RangeProblem::Misaligned => [RangeProblem::Misaligned],
        RangeProblem::Mapped => [RangeProblem::Mapped],
    });
    errors.extend(reasons.into_iter().map(bad_range));
    errors
}

fn bad_term() -> BadTerm {
    BadTerm {
        given: Duration::ZERO,
        longest: Duration::from_secs(126_144_000),
    }
}

fn offer() -> Vec<OfferError> {
    let minute = Some(Duration::from_secs(60));
    let exhausted = |next_in| OfferError::Exhausted {
        capacity: 253,
        next_in,
    };
    every!(OfferError {
        OfferError::Exhausted { .. } => [exhausted(minute), exhausted(None)],
        OfferError::NotFree { .. } => [
            OfferError::NotFree { addr: ip("10.0.0.5"), next_in: minute },
            OfferError::NotFree { addr: ip("10.0.0.5"), next_in: None },
        ],
        OfferError::BadTerm(_) => [OfferError::BadTerm(bad_term())],
        OfferError::OutOfRange { .. } => [
            OfferError::OutOfRange { first: ip("10.9.0.1"), last: ip("10.9.0.1") },
            OfferError::OutOfRange { first: ip("10.9.0.1"), last: ip("10.9.0.9") },
        ],
        OfferError::Reserved { .. } => [OfferError::Reserved { addr: ip("10.0.0.1") }],
        OfferError::Misaligned { .. } => [OfferError::Misaligned {
            addr: ip("10.0.0.5"),
            unit: net("10.0.0.4/30"),
        }],
        OfferError::File(_) => [OfferError::File(poisoned())],
    })
}

fn renew() -> Vec<RenewError> {
    let addr = ip("10.0.0.5");
    every!(RenewError {
        RenewError::Ended { .. } => [RenewError::Ended { addr }],
        RenewError::Stale { .. } => [RenewError::Stale { addr }],
        RenewError::BadTerm(_) => [RenewError::BadTerm(bad_term())],
        RenewError::OutOfRange { .. } => [RenewError::OutOfRange { addr }],
        RenewError::Reserved { .. } => [RenewError::Reserved { addr }],
        RenewError::Misaligned { .. } => [RenewError::Misaligned {
            addr,
            unit: net("10.0.0.4/30"),
        }],
        RenewError::File(_) => [RenewError::File(FileRefusal::Forked)],
    })
}

fn parse_lease() -> Vec<ParseLeaseError> {
    let problems = every!(ParseLeaseProblem {
        ParseLeaseProblem::NoGeneration => [ParseLeaseProblem::NoGeneration],
        ParseLeaseProblem::BadAddress => [ParseLeaseProblem::BadAddress],
        ParseLeaseProblem::BadGeneration => [ParseLeaseProblem::BadGeneration],
    });
    let wrong = |problem| ParseLeaseError {
        text: "10.0.0.5#x".into(),
        problem,
    };
    problems.into_iter().map(wrong).collect()
}

fn allocate() -> Vec<AllocateError> {
    let exhausted = |capacity, quarantined, closed| AllocateError::Exhausted {
        capacity,
        quarantined,
        closed,
    };
    every!(AllocateError {
        AllocateError::Exhausted { .. } => [
            exhausted(0, 0, 0),
            exhausted(1, 0, 0),
            exhausted(1, 1, 0),
            exhausted(253, 2, 0),
            exhausted(253, 0, 5),
        ],
        AllocateError::File(_) => [
            AllocateError::File(poisoned()),
            AllocateError::File(sync_failed()),
            AllocateError::File(FileRefusal::Forked),
        ],
        AllocateError::BadBlock { .. } => [AllocateError::BadBlock {
            prefix_len: 33,
            shortest: 24,
            longest: 32,
        }],
        AllocateError::OutOfRange { .. } => [AllocateError::OutOfRange {
            first: ip("10.0.1.1"),
            last: ip("10.0.1.9"),
        }],
    })
}

fn exact() -> Vec<AllocateExactError> {
    let addr = ip("10.0.0.17");
    every!(AllocateExactError {
        AllocateExactError::OutOfRange { .. } => [AllocateExactError::OutOfRange { addr }],
        AllocateExactError::Reserved { .. } => [AllocateExactError::Reserved { addr }],
        AllocateExactError::AlreadyAllocated { .. } => [AllocateExactError::AlreadyAllocated { addr }],
        AllocateExactError::Misaligned { .. } => [AllocateExactError::Misaligned {
            addr,
            unit: net("10.0.0.16/28"),
        }],
        AllocateExactError::Cordoned { .. } => [AllocateExactError::Cordoned { addr }],
        AllocateExactError::File(_) => [
            AllocateExactError::File(poisoned()),
            AllocateExactError::File(sync_failed()),
            AllocateExactError::File(FileRefusal::Forked),
        ],
    })
}

fn release() -> Vec<ReleaseError> {
    let addr = ip("10.0.0.17");
    every!(ReleaseError {
        ReleaseError::OutOfRange { .. } => [ReleaseError::OutOfRange { addr }],
        ReleaseError::Reserved { .. } => [ReleaseError::Reserved { addr }],
        ReleaseError::NotAllocated { .. } => [ReleaseError::NotAllocated { addr }],
        ReleaseError::Misaligned { .. } => [ReleaseError::Misaligned {
            addr,
            unit: net("10.0.0.16/28"),
        }],
        ReleaseError::Forked => [ReleaseError::Forked],
    })
}

fn grow() -> Vec<GrowError> {
    every!(GrowError {
        GrowError::InFile => [GrowError::InFile],
        GrowError::AddressLost { .. } => [GrowError::AddressLost { addr: ip("10.0.0.7") }],
        GrowError::Build(_) => [GrowError::Build(BuildError::Empty)],
    })
}

fn next() -> Vec<NextFreeError> {
    every!(NextFreeError {
        NextFreeError::Network { .. } => [NextFreeError::Network { error: BuildError::Empty }],
        NextFreeError::Unreadable { .. } => [NextFreeError::Unreadable {
            position: 3,
            text: "10.0.0.x".to_owned(),
        }],
        NextFreeError::Exhausted { .. } => [NextFreeError::Exhausted { capacity: 253 }],
    })
}

fn open() -> Vec<OpenError> {
    use OpenError as It;
    let durability = Durability::Strict;
    let mismatch = |field| Mismatch {
        field,
        in_file: "/24".to_owned(),
        asked: "/25".to_owned(),
    };
    let denied = || std::io::Error::from_raw_os_error(13);
    every!(OpenError {
        It::NotFound => [It::NotFound],
        It::AlreadyExists => [It::AlreadyExists],
        It::NotRegularFile => [It::NotRegularFile],
        It::Symlink => [It::Symlink],
        It::WrongOwner { .. } => [It::WrongOwner { uid: 1000 }],
        It::InsecureMode { .. } => [It::InsecureMode { mode: 0o666 }],
        It::HardLinked { .. } => [It::HardLinked { links: 0 }, It::HardLinked { links: 2 }],
        It::RemoteFileSystem { .. } => [It::RemoteFileSystem { magic: 0x6969 }],
        It::UnknownFileSystem { .. } => [It::UnknownFileSystem { magic: 0x1234 }],
        It::RenumberingFileSystem { .. } => [It::RenumberingFileSystem { magic: 0x4d44 }],
        It::CopyOnWrite { .. } => [It::CopyOnWrite { why: "its blocks are shared" }],
        It::NotDurable { .. } => [It::NotDurable { durability }],
        It::BadMagic => [It::BadMagic],
        It::EndianMismatch => [It::EndianMismatch],
        It::UnsupportedVersion { .. } => [
            It::UnsupportedVersion { major: 1 },
            It::UnsupportedVersion { major: 3 },
        ],
        It::UnsupportedFeatures { .. } => [It::UnsupportedFeatures { incompat: 1 }],
        It::ReadOnlyFeatures { .. } => [It::ReadOnlyFeatures { ro_compat: 4 }],
        It::UnknownContent { .. } => [It::unknown("policy best")],
        It::Corrupt { .. } => [It::Corrupt { what: "regions overlap" }],
        It::GeometryMismatch { .. } => [It::GeometryMismatch {
            mismatches: vec![mismatch("network"), mismatch("unit")],
        }],
        It::ModeMismatch { .. } => [It::ModeMismatch {
            in_file: Durability::Process,
            asked: durability,
        }],
        It::Truncated { .. } => [It::Truncated { len: 512, need: 53_248 }],
        It::NoSpace => [It::NoSpace],
        It::StaleFile { .. } => [
            It::StaleFile { session: 0, min: 2 },
            It::StaleFile { session: 1, min: 2 },
        ],
        It::NoRoom => [It::NoRoom],
        It::InUse => [It::InUse],
        It::Busy => [It::Busy],
        It::TooManyProcesses { .. } => [It::TooManyProcesses { most: 224 }],
        It::Poisoned => [It::Poisoned],
        It::SyncFailed { .. } => [It::SyncFailed { errno: 5 }],
        It::OtherClock => [It::OtherClock],
        It::LinearSearch => [It::LinearSearch],
        It::Io { .. } => [It::Io { action: "open the file", error: denied() }],
        It::Build(_) => [It::Build(BuildError::Empty)],
    })
}

fn sync() -> Vec<SyncError> {
    every!(SyncError {
        SyncError::NoFile => [SyncError::NoFile],
        SyncError::File(_) => [
            SyncError::File(sync_failed()),
            SyncError::File(poisoned()),
            SyncError::File(FileRefusal::Forked),
        ],
    })
}

fn reclaim() -> Vec<ReclaimError> {
    every!(ReclaimError {
        ReclaimError::NoFile => [ReclaimError::NoFile],
        ReclaimError::Forked => [ReclaimError::Forked],
        ReclaimError::EmptyList { .. } => [ReclaimError::EmptyList { quarantined: 7 }],
        ReclaimError::Unclear { .. } => [
            ReclaimError::Unclear { adopted: adopted(1) },
            ReclaimError::Unclear { adopted: adopted(2) },
        ],
        ReclaimError::File(_) => [ReclaimError::File(poisoned())],
    })
}

fn set_reclaim() -> Vec<set::ReclaimError> {
    let of = |error| {
        let named = set::ReclaimError {
            id: Some(member()),
            member: Some("10.0.0.0/24".to_owned()),
            error,
        };
        let of_all = set::ReclaimError {
            id: None,
            member: None,
            ..named.clone()
        };
        [named, of_all]
    };
    reclaim().into_iter().flat_map(of).collect()
}

fn adopt() -> Vec<AdoptError> {
    every!(AdoptError {
        AdoptError::Unreadable { .. } => [
            AdoptError::Unreadable { adopted: adopted(1) },
            AdoptError::Unreadable { adopted: adopted(2) },
        ],
        AdoptError::File(_) => [AdoptError::File(poisoned())],
    })
}

fn add() -> Vec<AddError> {
    let extent = |network| {
        Box::new(Extent {
            network,
            first: ip("10.0.0.0"),
            last: ip("10.0.0.255"),
        })
    };
    every!(AddError {
        AddError::Overlaps { .. } => [AddError::Overlaps {
            added: extent(None),
            member: extent(Some(net("10.0.0.0/24"))),
            first: ip("10.0.0.0"),
            last: ip("10.0.0.255"),
        }],
        AddError::NoRoom { .. } => [AddError::NoRoom { room: 4 }],
    })
}

fn of_member() -> Vec<MemberError> {
    let member = member();
    every!(MemberError {
        MemberError::Unknown { .. } => [MemberError::Unknown { member }],
        MemberError::NotDrained { .. } => [MemberError::NotDrained { member }],
        MemberError::NotEmpty { .. } => [MemberError::NotEmpty { member, allocated: 3 }],
    })
}

fn cordon() -> Vec<CordonError> {
    let (first, last) = (ip("10.0.0.8"), ip("10.0.0.9"));
    every!(CordonError {
        CordonError::OutOfRange { .. } => [CordonError::OutOfRange { first, last }],
        CordonError::TooMany { .. } => [CordonError::TooMany { most: 8 }],
        CordonError::NotCordoned { .. } => [CordonError::NotCordoned { first, last }],
    })
}

fn allocate_pair_exact() -> Vec<AllocatePairExactError> {
    let mut errors = every!(AllocatePairExactError {
        AllocatePairExactError::V4(_) => [AllocatePairExactError::V4(exact().remove(0))],
        AllocatePairExactError::V6(_) => [AllocatePairExactError::V6(exact().remove(0))],
    });
    errors.extend(exact().into_iter().map(AllocatePairExactError::V6));
    errors
}

fn allocate_pair() -> Vec<AllocatePairError> {
    let none = |indices| AllocatePairError::NoCommonIndex { indices };
    let mut errors = every!(AllocatePairError {
        AllocatePairError::V4(_) => [AllocatePairError::V4(allocate().remove(0))],
        AllocatePairError::V6(_) => [AllocatePairError::V6(allocate().remove(0))],
        AllocatePairError::NoCommonIndex { .. } => [none(0), none(1), none(2)],
    });
    errors.extend(allocate().into_iter().map(AllocatePairError::V6));
    errors
}

fn reconciler() -> Vec<ReconcilerError> {
    every!(ReconcilerError {
        ReconcilerError::Busy => [ReconcilerError::Busy],
        ReconcilerError::File(_) => [
            ReconcilerError::File(poisoned()),
            ReconcilerError::File(FileRefusal::Forked),
        ],
        ReconcilerError::Lock { .. } => [ReconcilerError::Lock { errno: 5 }],
        ReconcilerError::OtherPool => [ReconcilerError::OtherPool],
        ReconcilerError::Superseded => [ReconcilerError::Superseded],
    })
}

fn set_reconciler() -> Vec<set::ReconcilerError> {
    let of = |error| set::ReconcilerError {
        id: member(),
        member: "10.0.0.0/24".to_owned(),
        error,
    };
    reconciler().into_iter().map(of).collect()
}

fn pass() -> Vec<PassError> {
    every!(PassError {
        PassError::Incomplete => [PassError::Incomplete],
        PassError::CountMismatch { .. } => [PassError::CountMismatch { announced: 3, read: 2 }],
        PassError::Superseded => [PassError::Superseded],
    })
}

fn fuse() -> Vec<Fuse> {
    let age = Duration::from_secs(16 * 60);
    every!(Fuse {
        Fuse::EmptyList { .. } => [Fuse::EmptyList { ripe: 3 }],
        Fuse::Shrunk { .. } => [Fuse::Shrunk { listed: 1, before: 9, ripe: 8 }],
        Fuse::TooMany { .. } => [Fuse::TooMany { ripe: 40, limit: 16 }],
        Fuse::Unclear { .. } => [Fuse::Unclear { unparseable: 1 }, Fuse::Unclear { unparseable: 2 }],
        Fuse::Stale { .. } => [Fuse::Stale { age }],
    })
}

fn apply() -> Vec<ApplyError> {
    let mut errors = every!(ApplyError {
        ApplyError::OtherPool => [ApplyError::OtherPool],
        ApplyError::Superseded => [ApplyError::Superseded],
        ApplyError::Version { .. } => [ApplyError::Version { version: 99 }],
        ApplyError::File(_) => [
            ApplyError::File(poisoned()),
            ApplyError::File(FileRefusal::Forked),
        ],
        ApplyError::Fuse { .. } => [ApplyError::Fuse { fuse: fuse().remove(0) }],
    });
    errors.extend(fuse().into_iter().map(ApplyError::from));
    errors
}

fn set_apply() -> Vec<set::ApplyError> {
    let of_fuse = |(id, member), fuse| set::ApplyError::Fuse {
        id,
        member,
        fuse,
        ripe: 50,
    };
    let of_member = |error| set::ApplyError::Member {
        id: Some(member()),
        member: "10.0.0.0/24".to_owned(),
        error,
    };
    let named = || (Some(member()), Some("10.0.0.0/24".to_owned()));
    let mut errors = every!(set::ApplyError {
        set::ApplyError::Member { .. } => [set::ApplyError::Member {
            id: None,
            member: "10.0.0.0/24".to_owned(),
            error: ApplyError::OtherPool,
        }],
        set::ApplyError::Fuse { .. } => [of_fuse((None, None), fuse().remove(0))],
    });
    errors.extend(apply().into_iter().map(of_member));
    errors.extend(fuse().into_iter().map(|fuse| of_fuse(named(), fuse)));
    errors
}

fn release_pair() -> Vec<ReleasePairError> {
    let of = |error| [(Some(error), None), (None, Some(ReleaseError::Forked))];
    let both = (Some(ReleaseError::Forked), Some(ReleaseError::Forked));
    let pairs = release().into_iter().flat_map(of).chain([both]);
    let error = |(v4, v6)| ReleasePairError { v4, v6 };
    pairs.map(error).collect()
}

#[test]
fn every_error_says_what_it_has_always_said() {
    let mut said = Said(String::new());
    said.of_errors("BuildError", build(), BuildError::code);
    said.of_errors("AllocateError", allocate(), AllocateError::code);
    said.of_errors("AllocateExactError", exact(), AllocateExactError::code);
    said.of_errors("ReleaseError", release(), ReleaseError::code);
    said.of_errors("GrowError", grow(), GrowError::code);
    said.of_errors("NextFreeError", next(), NextFreeError::code);
    said.of_errors("OpenError", open(), OpenError::code);
    said.of_errors("SyncError", sync(), SyncError::code);
    said.of_errors("ReclaimError", reclaim(), ReclaimError::code);
    said.of_errors("set::ReclaimError", set_reclaim(), set::ReclaimError::code);
    said.of_errors("OfferError", offer(), OfferError::code);
    said.of_errors("RenewError", renew(), RenewError::code);
    said.of_errors("ParseLeaseError", parse_lease(), ParseLeaseError::code);
    said.of_errors("AdoptError", adopt(), AdoptError::code);
    said.of_errors(
        "SnapshotMismatch",
        vec![SnapshotMismatch],
        SnapshotMismatch::code,
    );
    said.of_errors("AddError", add(), AddError::code);
    said.of_errors("MemberError", of_member(), MemberError::code);
    said.of_errors("CordonError", cordon(), CordonError::code);
    said.of_errors(
        "AllocatePairError",
        allocate_pair(),
        AllocatePairError::code,
    );
    said.of_errors("ReleasePairError", release_pair(), ReleasePairError::code);
    said.of_errors("ReconcilerError", reconciler(), ReconcilerError::code);
    said.of_errors(
        "set::ReconcilerError",
        set_reconciler(),
        set::ReconcilerError::code,
    );
    said.of_errors("PassError", pass(), PassError::code);
    said.of("Fuse", fuse(), Fuse::code);
    said.of_errors("ApplyError", apply(), ApplyError::code);
    said.of_errors("set::ApplyError", set_apply(), set::ApplyError::code);
    said.of_errors("FileRefusal", refusal(), FileRefusal::code);
    said.of_errors(
        "AllocatePairExactError",
        allocate_pair_exact(),
        AllocatePairExactError::code,
    );
    let expected = include_str!("error_texts.txt");
    let first = |(at, (now, then)): (usize, (&str, &str))| (now != then).then_some(at + 1);
    let lines = said.0.lines().zip(expected.lines()).enumerate();
    let differs = lines.map(first).find_map(|line| line);
    assert!(said.0 == expected, "line {differs:?} differs:\n{}", said.0);
}
