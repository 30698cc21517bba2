//! Methods that only a pool in a file supports.

use crate::durability::{Durability, Recovery};
use crate::network::Network;
use crate::open_error::SyncError;
use crate::pool::Pool;

/// The condition of a pool file, for monitoring.
///
/// ```
/// # use hostbits::Pool;
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-health-{}", std::process::id()));
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).create(&path)?;
/// let health = pool.health().unwrap();
/// assert!(health.is_good());
/// assert_eq!((health.processes, health.quarantined, health.poison), (1, 0, None));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// The length of the file, in bytes; `None` if the system does not report it, or in a child of the process that
    /// opened the pool, which gets no information about the file.
    pub len: Option<u64>,
    /// The required length, in bytes. If the file is shorter, it was truncated, and a process that accesses the missing
    /// part dies.
    pub need: u64,
    /// The error of the write that poisoned the pool. It is not determined for a file that was truncated.
    pub poison: Option<i32>,
    /// How many pools have the file open, including this one. This is the number of processes, unless one has opened it
    /// several times.
    pub processes: u32,
    /// How many writes to the disk this `Pool` has made for callers that waited for them: for [`Pool::sync`], and for
    /// every claim with [`Durability::Strict`]. With those, the number of addresses per write shows how well callers
    /// share writes. 0 in a [`View`](crate::file::View).
    pub syncs: u64,
    /// How many addresses are quarantined: neither free nor known to be held. See [`Pool::reclaim`].
    pub quarantined: u64,
    /// The session number of the file; see [`Recovery::session`].
    pub session: u64,
    /// What the file promises after a crash.
    pub durability: Durability,
}

impl Health {
    /// Returns whether nothing needs to be done: the file is complete and not poisoned, and nothing is quarantined.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-good-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// assert!(Pool::builder(net).create(&path)?.health().unwrap().is_good());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_good(&self) -> bool {
        self.len.is_some_and(|len| len >= self.need)
            && self.poison.is_none()
            && self.quarantined == 0
    }
}

impl<N: Network> Pool<N> {
    /// Makes everything durable that was allocated and released before the call.
    ///
    /// With [`Durability::Barrier`], an address may be used after this returns. With [`Durability::Strict`], only
    /// releases need it. With [`Durability::Process`], it writes but promises nothing: after the machine goes down,
    /// such a pool trusts none of its words. Concurrent callers share one write.
    ///
    /// # Errors
    ///
    /// [`SyncError::SyncFailed`] if the write failed, and [`SyncError::Poisoned`] for every later call: nothing is
    /// retried. [`SyncError::NoFile`] for a pool on the heap.
    ///
    /// ```
    /// # use hostbits::{Durability, Pool};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-sync-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).durability(Durability::Barrier).create(&path)?;
    /// let addrs = pool.allocate_many(10)?;
    /// pool.sync()?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync(&self) -> Result<(), SyncError> {
        let file = self.words.file().ok_or(SyncError::NoFile)?;
        Ok(file.commit()?)
    }

    /// Closes the pool like a drop, and returns the result. The last process that has a file open closes it cleanly,
    /// and waits for the disk. For a pool on the heap, the result is always `Ok`.
    ///
    /// # Errors
    ///
    /// [`SyncError::SyncFailed`] if the file could not be closed cleanly, and [`SyncError::Poisoned`] if a write had
    /// failed before, in this process or in another one: unsynced changes may be lost, and the next open quarantines
    /// whatever is in doubt. [`SyncError::Forked`] in a child of the process that opened the pool. The pool is closed
    /// in any case.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-close-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// pool.allocate()?;
    /// pool.close()?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(self) -> Result<(), SyncError> {
        match self.words.file() {
            Some(file) => Ok(file.close()?),
            None => Ok(()),
        }
    }

    /// Returns what had happened to the file before this pool opened it; `None` for a pool on the heap.
    ///
    /// ```
    /// # use hostbits::{Pool, file::RecoveryKind};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-been-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// drop(Pool::builder(net).create(&path)?);
    /// let pool = Pool::builder(net).open(&path)?;
    /// assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Clean);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recovery(&self) -> Option<Recovery> {
        self.words.file().map(|file| file.recovery())
    }

    /// Returns the processes that have a claim of several addresses in flight: a batch, a large block, or one half of a
    /// pair. A call that would find nothing free waits for them, even if they are stopped for long. Returns `None` for
    /// a pool on the heap.
    ///
    /// Such a claim takes microseconds; a process that is still listed a second later is stopped. Processes are
    /// identified by the pid that they have in their own namespace, which in another container may belong to another
    /// process.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-flight-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// assert_eq!(pool.processes_in_flight(), Some(vec![]));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn processes_in_flight(&self) -> Option<Vec<u32>> {
        let file = self.words.file()?;
        // Asking about a truncated file must not kill the caller.
        Some(if file.is_whole() {
            file.in_flight()
        } else {
            vec![]
        })
    }

    /// Returns the condition of the file: its length, its poison, and who has it open; `None` for a pool on the heap.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.health(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn health(&self) -> Option<Health> {
        let file = self.words.file()?;
        // Asking about a truncated file must not kill the caller.
        let is_whole = file.is_whole();
        Some(Health {
            len: file.len(),
            need: file.header().layout.file_len,
            poison: if is_whole { file.poison() } else { None },
            processes: file.process_count(),
            syncs: file.sync_count(),
            quarantined: if is_whole { self.quarantined() } else { 0 },
            session: file.recovery().session,
            durability: file.durability(),
        })
    }
}
