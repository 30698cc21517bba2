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
/// how each promise is kept and checked: [`design::file_safety`](crate::design::file_safety).) They say
/// nothing of files that are put back from a copy: store the session of
/// [`Recovery`](crate::Recovery) with your own data and ask for it when you open the file.
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
    /// How many addresses were quarantined then. [`Pool::health`](crate::Pool::health) says how many are.
    pub quarantined: u64,
    /// Counts the times that a file was opened by a process that found nobody else there. Store it with
    /// your own data, and ask for at least that much with [`FileBuilder::min_session`] when you open the
    /// file again: a file that was put back from a copy shows by it, and by nothing else.
    ///
    /// [`FileBuilder::min_session`]: crate::FileBuilder::min_session
    pub session: u64,
}

/// What had happened to a pool file.
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
    /// The machine went down, or it cannot be said that it did not. Held is what the durability says. Also
    /// if the file is a copy, or a write had failed: then all that was free is quarantined, whatever the
    /// durability.
    MachineCrash,
    /// Nothing: other processes have it open.
    Joined,
}

impl fmt::Display for RecoveryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Clean => "clean",
            Self::ProcessCrash => "process-crash",
            Self::MachineCrash => "machine-crash",
            Self::Joined => "joined",
        })
    }
}
