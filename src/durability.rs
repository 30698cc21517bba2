//! What a pool file promises of crashes. Words only; the work is in `storage/file`.

use std::fmt;

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
/// Where passes of a [`Reconciler`](crate::Reconciler) run, the time that `Strict` waits belongs to the gap
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
/// always right is [`backup_file`](crate::backup_file) and [`restore_file`](crate::restore_file); beside it,
/// store the session of [`Recovery`](crate::Recovery) with your own data and ask for it when you open the
/// file.
///
/// A durability that survives power loss for every address at the cost of one write per batch
/// (`PowerLoss`, with a credit) does not exist yet. The file has room for it.
///
/// [`Pool::sync`]: crate::Pool::sync
/// [`Pool::reclaim`]: crate::Pool::reclaim
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
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

impl Durability {
    /// The number in the file. 2 is kept for the durability that is to come.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Process => 0,
            Self::Barrier => 1,
            Self::Strict => 3,
        }
    }

    pub(crate) fn of_number(number: u32) -> Option<Self> {
        [Self::Process, Self::Barrier, Self::Strict]
            .into_iter()
            .find(|durability| u32::from(durability.number()) == number)
    }

    /// Whether the words on the disk are believed after the machine went down.
    pub(crate) fn trusts_the_disk(self) -> bool {
        self != Self::Process
    }
}

/// The name, in kebab case.
impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Barrier => "barrier",
            Self::Strict => "strict",
        })
    }
}

/// What a pool file had been through when it was opened.
///
/// ```
/// use hostbits::{Pool, RecoveryKind};
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
    /// your own data, and ask for at least that much with [`FileBuilder::min_session`] when you open the
    /// file again: a file that was put back from a copy shows by it, however it was put back.
    ///
    /// [`FileBuilder::min_session`]: crate::FileBuilder::min_session
    pub session: u64,
}

/// What had happened to a pool file.
///
/// From [`MachineCrash`](Self::MachineCrash) to [`NoState`](Self::NoState), something was quarantined:
/// see [`Pool::reclaim`](crate::Pool::reclaim).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
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
    /// It is a backup, or was put back from one: see [`restore_file`](crate::restore_file).
    Backup,
    /// Its words are not those that were there when it was left in order: somebody else has written to it,
    /// or the disk has lost something.
    Changed,
    /// It does not tell what happened to it: neither of its states can be read.
    NoState,
}

/// All there is to say of a kind: its number in the file, its name, and its sentence.
const KINDS: [(RecoveryKind, u32, &str, &str); 10] = {
    use RecoveryKind::*;
    [
        (Created, 1, "created", "it was created just now"),
        (Clean, 2, "clean", "it was left in order"),
        (
            ProcessCrash,
            3,
            "process-crash",
            "somebody died with it, and nothing is lost",
        ),
        (Joined, 4, "joined", "somebody has it open"),
        (
            MachineCrash,
            5,
            "machine-crash",
            "the machine went down, or it cannot be told that it did not",
        ),
        (
            WriteFailed,
            6,
            "write-failed",
            "a write to the disk has failed",
        ),
        (
            Copy,
            7,
            "copy",
            "it is a copy, or an older content was put in its place",
        ),
        (
            Backup,
            8,
            "backup",
            "it is a backup, or was put back from one",
        ),
        (
            Changed,
            9,
            "changed",
            "it was written to by somebody else, or damaged, since it was left in order",
        ),
        (
            NoState,
            10,
            "no-state",
            "neither of its states can be read: nothing tells what happened to it",
        ),
    ]
};

impl RecoveryKind {
    fn entry(self) -> &'static (Self, u32, &'static str, &'static str) {
        let found = KINDS.iter().find(|entry| entry.0 == self);
        found.expect("every kind is in the table")
    }

    /// A sentence for people, without a full stop: what happened to "it", the file.
    ///
    /// ```
    /// use hostbits::RecoveryKind;
    ///
    /// assert_eq!(RecoveryKind::WriteFailed.sentence(), "a write to the disk has failed");
    /// assert_eq!(RecoveryKind::WriteFailed.to_string(), "write-failed");
    /// ```
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.entry().3
    }

    /// Whether an opening that finds this quarantines something.
    ///
    /// ```
    /// use hostbits::RecoveryKind;
    ///
    /// assert!(RecoveryKind::Copy.quarantines());
    /// assert!(!RecoveryKind::ProcessCrash.quarantines());
    /// ```
    #[must_use]
    pub fn quarantines(self) -> bool {
        !matches!(
            self,
            Self::Created | Self::Clean | Self::ProcessCrash | Self::Joined
        )
    }

    /// The number in the file.
    pub(crate) fn number(self) -> u32 {
        self.entry().1
    }

    pub(crate) fn of_number(number: u32) -> Option<Self> {
        let found = KINDS.iter().find(|entry| entry.1 == number);
        found.map(|entry| entry.0)
    }
}

/// The name, in kebab case.
impl fmt::Display for RecoveryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().2)
    }
}
