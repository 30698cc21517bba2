//! What a pool file promises after a crash. Only definitions; `storage/file` keeps the promises.

use crate::table::{names, numbers};

/// What a pool file promises after a process or the machine crashes.
///
/// **With every durability, the death of a process loses nothing**: panic, abort, `kill -9`, out of memory, a restart
/// of the service or of its container. Every allocated address stays allocated. This includes addresses whose owner
/// died after the allocation but before it could record them; they stay allocated until they are released.
///
/// **With every durability, an address that was handed out and not released is never handed out again**, even after the
/// machine goes down: power loss, kernel panic, reset. The durabilities differ in what this costs:
///
/// | durability | returns after | the machine goes down: addresses held | what is lost until you act |
/// |---|---|---|---|
/// | `Process` | the claim | never handed out again | all free addresses: they are quarantined, and the pool hands out nothing until [`Pool::reclaim`] |
/// | `Barrier` | the claim; durable after [`Pool::sync`] | never handed out again if a `sync()` after their allocation returned `Ok`; *you promise not to use an address before* | releases since the last `sync()`, and unsynced allocations that happened to be written |
/// | `Strict` | the claim and a write to the disk that it shares with others | never handed out again, every one | calls in flight, and releases since the last write |
///
/// If passes of a [`Reconciler`](crate::reconcile::Reconciler) run, the time that `Strict` waits counts as part of the
/// gap between an allocation and the moment its user is recorded: the gap begins with the call. If a pass frees an
/// address meanwhile, the call does not return it, but takes another one.
///
/// A failed write is final. The pool is *poisoned* in every process: the call that waited for the write and all later
/// ones hand out nothing, and the write is not retried. Releases and queries still work. When every process has closed
/// the file, it can be opened again; all free addresses are then quarantined, with every durability.
///
/// The promises assume a local file system, and a disk that behaves: a word of eight bytes is written atomically,
/// synced data is there afterwards, and dirty pages are not lost while the machine runs.
/// [`design::file_safety`](crate::design::file_safety) lists all assumptions, and how each promise is kept and checked.
/// A file that was replaced by an old copy is detected in most cases, but not in all; the same page has the table. To
/// be safe, copy files with [`file::backup`](crate::file::backup) and [`file::restore`](crate::file::restore), store
/// the session of [`Recovery`](crate::file::Recovery) with your own data, and require it when you open the file.
///
/// A durability that survives power loss for every address at the cost of one write per batch (`PowerLoss`, with a
/// credit) does not exist yet. The file format has room for it.
///
/// [`Pool::sync`]: crate::Pool::sync
/// [`Pool::reclaim`]: crate::Pool::reclaim
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Survives the death of processes. After the machine goes down, all free addresses are quarantined.
    #[default]
    Process,
    /// Survives the machine going down, up to the last `sync()`.
    Barrier,
    /// Survives the machine going down, for each single address. Every allocation waits for the disk; allocations that
    /// wait at the same time share one write.
    Strict,
}

names! {
    plain pub Durability {
        Process = "process",
        Barrier = "barrier",
        Strict = "strict",
    }
}

// 2 is reserved for the planned durability.
numbers! {
    Durability: u8 {
        Process = 0,
        Barrier = 1,
        Strict = 3,
    }
}

impl Durability {
    /// Returns whether the words on the disk are trusted after the machine went down.
    ///
    /// A new durability is not listed here until it is proven that they can be.
    pub(crate) const fn trusts_the_disk(self) -> bool {
        match self {
            Self::Barrier | Self::Strict => true,
            Self::Process => false,
        }
    }

    /// Returns whether it promises more than a file system in memory can keep.
    pub(crate) const fn outlives_the_machine(self) -> bool {
        match self {
            Self::Process => false,
            Self::Barrier | Self::Strict => true,
        }
    }

    /// Returns whether each claim waits until it is on the disk.
    pub(crate) const fn waits_for_the_disk(self) -> bool {
        match self {
            Self::Strict => true,
            Self::Process | Self::Barrier => false,
        }
    }
}

/// What had happened to a pool file before it was opened.
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
    /// What had happened to the file.
    pub kind: RecoveryKind,
    /// How many addresses were quarantined after the file was opened. [`Pool::health`](crate::Pool::health) returns the
    /// current number.
    pub quarantined: u64,
    /// How many times the file was opened by a process when no other process had it open. Store this number with your
    /// own data, and require at least this number with [`file::Builder::min_session`] when you open the file again: a
    /// file that was replaced by an old copy is then detected, however it was replaced.
    ///
    /// [`file::Builder::min_session`]: crate::file::Builder::min_session
    pub session: u64,
}

/// What had happened to a pool file before it was opened.
///
/// From [`MachineCrash`](Self::MachineCrash) to [`NoState`](Self::NoState), addresses were quarantined; see
/// [`Pool::reclaim`](crate::Pool::reclaim).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryKind {
    /// The file was newly created.
    Created,
    /// The last process closed it cleanly.
    Clean,
    /// All processes that had it open have died. Nothing is lost.
    ProcessCrash,
    /// Other processes have it open.
    Joined,
    /// The machine went down, or may have gone down. The durability determines which addresses are held.
    MachineCrash,
    /// A write to the disk had failed. All free addresses are quarantined, with every durability. Every later open
    /// reports the same until they are reclaimed.
    WriteFailed,
    /// It is a copy of a pool file, or the file was replaced by an older version of itself.
    Copy,
    /// It is a backup, or was restored from one; see [`file::restore`](crate::file::restore).
    Backup,
    /// Its words differ from those that were there when it was closed cleanly: something else has written to the file,
    /// or the disk has lost data.
    Changed,
    /// Its history is unknown, because neither copy of its state can be read.
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
    /// Returns a sentence fragment for people, without a full stop, in which "it" is the file.
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
            Self::Created => "it was newly created",
            Self::Clean => "it was closed cleanly",
            Self::ProcessCrash => "a process died with it open, and nothing is lost",
            Self::Joined => "another process has it open",
            Self::MachineCrash => "the machine went down, or may have gone down",
            Self::WriteFailed => "a write to the disk has failed",
            Self::Copy => "it is a copy, or was replaced by an older version of itself",
            Self::Backup => "it is a backup, or was restored from one",
            Self::Changed => "it was modified or damaged since it was closed cleanly",
            Self::NoState => "neither copy of its state can be read, so its history is unknown",
        }
    }

    /// Returns whether opening such a file quarantines addresses.
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

    /// Existing files contain these numbers, and monitoring systems know these names: they never change.
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

    /// The page about the file format and the table of promises name every durability.
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

    /// Every variant can be read from its number, and no other number is accepted.
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
