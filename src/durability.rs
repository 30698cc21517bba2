//! What a pool file promises of crashes. Words only; the work is in `storage/file`.

use crate::table::{names, numbers};

/// What a pool file promises when something dies.
///
/// **Whatever the durability, the death of a process loses nothing**: panic, abort, `kill -9`, out of
/// memory, a restart of the service or of its container. What was allocated stays allocated, exactly;
/// addresses whose owner died between the allocation and its own record stay allocated, too, until
/// somebody releases them.
///
/// **Whatever the durability, an address that was handed out and not released is never handed out
/// again**, also after the machine went down: power loss, kernel panic, a reset. What differs is what
/// that costs then:
///
/// | durability | returns after | the machine goes down: addresses held | what is lost until you act |
/// |---|---|---|---|
/// | `Process` | the claim | never handed out again | everything that was free: it is quarantined, and the pool hands out nothing until [`Pool::reclaim`] |
/// | `Barrier` | the claim; durable after [`Pool::sync`] | never handed out again if a `sync()` after their allocation returned `Ok`; *you promise not to use an address before* | releases since the last `sync()`, and allocations that nobody had synced and that happened to be written |
/// | `Strict` | the claim and a write to the disk that it shares with others | never handed out again, every one | calls in flight, and releases since the last write |
///
/// Where passes of a [`Reconciler`](crate::reconcile::Reconciler) run, the time that `Strict` waits belongs to the gap
/// between an allocation and its written user: it begins with the call. An address that a pass has freed
/// meanwhile is not handed out; the call takes another one.
///
/// A write that fails is final: the pool is *poisoned* in every process, nothing is handed out in or
/// after that write, and nobody tries again. Releases and questions go on. When everybody has closed the
/// file, it can be opened again, and all that was free is quarantined, whatever the durability.
///
/// The promises assume a local file system and a disk that do what they say: a word of eight bytes is
/// written whole, what was synced is there, and dirty pages are not lost within one boot. (All of them, and
/// how each promise is kept and checked: [`design::file_safety`](crate::design::file_safety).) A file that is
/// put back from a copy is noticed in most ways, and not in all: the same page has the table. The way that is
/// always right is [`file::backup`](crate::file::backup) and [`file::restore`](crate::file::restore); beside it,
/// store the session of [`Recovery`](crate::file::Recovery) with your own data and ask for it when you open the
/// file.
///
/// A durability that survives power loss for every address at the cost of one write per batch
/// (`PowerLoss`, with a credit) does not exist yet. The file has room for it.
///
/// [`Pool::sync`]: crate::Pool::sync
/// [`Pool::reclaim`]: crate::Pool::reclaim
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Survives the death of processes. After the machine went down, what was free is quarantined.
    #[default]
    Process,
    /// Survives the machine as far as the last `sync()`.
    Barrier,
    /// Survives the machine, address by address. Each allocation waits for the disk; those that wait
    /// at the same time share one write.
    Strict,
}

names! {
    plain pub Durability {
        Process = "process",
        Barrier = "barrier",
        Strict = "strict",
    }
}

// 2 is kept for the durability that is to come.
numbers! {
    Durability: u8 {
        Process = 0,
        Barrier = 1,
        Strict = 3,
    }
}

impl Durability {
    /// Whether the words on the disk are believed after the machine went down.
    ///
    /// One that is added is no match until somebody has shown that they can be.
    pub(crate) const fn trusts_the_disk(self) -> bool {
        match self {
            Self::Barrier | Self::Strict => true,
            Self::Process => false,
        }
    }

    /// Whether more is promised than a file system in memory can keep.
    pub(crate) const fn outlives_the_machine(self) -> bool {
        match self {
            Self::Process => false,
            Self::Barrier | Self::Strict => true,
        }
    }

    /// Whether each claim waits until it is on the disk.
    pub(crate) const fn waits_for_the_disk(self) -> bool {
        match self {
            Self::Strict => true,
            Self::Process | Self::Barrier => false,
        }
    }
}

/// What a pool file had been through when it was opened.
///
/// ```
/// use hostbits::{Pool, file::RecoveryKind};
///
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-recovery-{}", std::process::id()));
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
/// let recovery = pool.recovery().unwrap();
/// assert_eq!((recovery.kind, recovery.quarantined), (RecoveryKind::Created, 0));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Recovery {
    /// What had happened.
    pub kind: RecoveryKind,
    /// How many addresses were quarantined then, now or before. [`Pool::health`](crate::Pool::health) says how many are.
    pub quarantined: u64,
    /// Counts the times that a file was opened by a process that found nobody else there. Store it with
    /// your own data, and ask for at least that much with [`file::Builder::min_session`] when you open the
    /// file again: a file that was put back from a copy shows by it, however it was put back.
    ///
    /// [`file::Builder::min_session`]: crate::file::Builder::min_session
    pub session: u64,
}

/// What had happened to a pool file.
///
/// From [`MachineCrash`](Self::MachineCrash) to [`NoState`](Self::NoState), something was quarantined:
/// see [`Pool::reclaim`](crate::Pool::reclaim).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryKind {
    /// Nothing: it was created just now.
    Created,
    /// The last process took its leave in order.
    Clean,
    /// All processes that had it open have died. Nothing is lost.
    ProcessCrash,
    /// Nothing: other processes have it open.
    Joined,
    /// The machine went down, or it cannot be said that it did not. Held is what the durability says.
    MachineCrash,
    /// A write to the disk had failed. All that was free is quarantined, whatever the durability; so it is
    /// for all that follow.
    WriteFailed,
    /// It is a copy of a pool file, or an older content of the file was put in its place.
    Copy,
    /// It is a backup, or was put back from one: see [`file::restore`](crate::file::restore).
    Backup,
    /// Its words are not those that were there when it was left in order: somebody else has written to it,
    /// or the disk has lost something.
    Changed,
    /// It does not tell what happened to it: neither of its states can be read.
    NoState,
}

names! {
    plain pub RecoveryKind {
        Created = "created",
        Clean = "clean",
        ProcessCrash = "process-crash",
        Joined = "joined",
        MachineCrash = "machine-crash",
        WriteFailed = "write-failed",
        Copy = "copy",
        Backup = "backup",
        Changed = "changed",
        NoState = "no-state",
    }
}

numbers! {
    RecoveryKind: u32 {
        Created = 1,
        Clean = 2,
        ProcessCrash = 3,
        Joined = 4,
        MachineCrash = 5,
        WriteFailed = 6,
        Copy = 7,
        Backup = 8,
        Changed = 9,
        NoState = 10,
    }
}

impl RecoveryKind {
    /// A sentence for people, without a full stop: what happened to "it", the file.
    ///
    /// ```
    /// use hostbits::file::RecoveryKind;
    ///
    /// assert_eq!(RecoveryKind::WriteFailed.sentence(), "a write to the disk has failed");
    /// assert_eq!(RecoveryKind::WriteFailed.to_string(), "write-failed");
    /// ```
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Created => "it was created just now",
            Self::Clean => "it was left in order",
            Self::ProcessCrash => "somebody died with it, and nothing is lost",
            Self::Joined => "somebody has it open",
            Self::MachineCrash => "the machine went down, or it cannot be told that it did not",
            Self::WriteFailed => "a write to the disk has failed",
            Self::Copy => "it is a copy, or an older content was put in its place",
            Self::Backup => "it is a backup, or was put back from one",
            Self::Changed => {
                "it was written to by somebody else, or damaged, since it was left in order"
            }
            Self::NoState => "neither of its states can be read: nothing tells what happened to it",
        }
    }

    /// Whether an opening that finds this quarantines something.
    ///
    /// ```
    /// use hostbits::file::RecoveryKind;
    ///
    /// assert!(RecoveryKind::Copy.quarantines());
    /// assert!(!RecoveryKind::ProcessCrash.quarantines());
    /// ```
    #[must_use]
    pub const fn quarantines(self) -> bool {
        match self {
            Self::Created | Self::Clean | Self::ProcessCrash | Self::Joined => false,
            Self::MachineCrash
            | Self::WriteFailed
            | Self::Copy
            | Self::Backup
            | Self::Changed
            | Self::NoState => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of files that are there already, and the names that monitors know: these never change.
    #[test]
    fn numbers_and_names_are_what_they_always_were() {
        let durabilities = Durability::ALL.map(|it| (it.number(), it.name()));
        assert_eq!(
            durabilities,
            [(0, "process"), (1, "barrier"), (3, "strict")]
        );
        let kinds = RecoveryKind::ALL.map(|it| (it.number(), it.name()));
        assert_eq!(
            kinds,
            [
                (1, "created"),
                (2, "clean"),
                (3, "process-crash"),
                (4, "joined"),
                (5, "machine-crash"),
                (6, "write-failed"),
                (7, "copy"),
                (8, "backup"),
                (9, "changed"),
                (10, "no-state"),
            ]
        );
    }

    /// The page of the format, and the table of what a durability promises, name each of them.
    #[test]
    fn the_pages_have_every_durability() {
        let page = include_str!("../docs/design/file-format.md");
        let row = page.lines().find(|line| line.starts_with("| 0x052 "));
        for durability in Durability::ALL {
            let number = format!("{} {durability}", durability.number());
            assert!(row.is_some_and(|row| row.contains(&number)), "{number}");
            let promise = format!("/// | `{durability:?}` |");
            assert!(
                include_str!("durability.rs").contains(&promise),
                "{promise}"
            );
        }
    }

    /// Every variant is read from its number, and no other number is one.
    #[test]
    fn every_number_is_read_again() {
        for number in 0..=u8::MAX {
            let known = Durability::ALL.into_iter().find(|it| it.number() == number);
            assert_eq!(Durability::of_number(number), known);
            let number = u32::from(number);
            let known = RecoveryKind::ALL
                .into_iter()
                .find(|it| it.number() == number);
            assert_eq!(RecoveryKind::of_number(number), known);
        }
        assert_eq!(RecoveryKind::of_number(256 + 1), None);
    }
}
