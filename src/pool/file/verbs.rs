//! What only a pool in a file can do, or be asked.

use crate::durability::{Durability, Recovery};
use crate::network::Network;
use crate::open_error::SyncError;
use crate::pool::Pool;

/// How a pool file is, for a monitor.
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
    /// The length of the file, in bytes; `None` if the system does not tell, or in a child of the process that
    /// opened the pool, which is told nothing of the file.
    pub len: Option<u64>,
    /// The length it must have. Shorter, somebody has cut it, and whoever touches what is missing dies.
    pub need: u64,
    /// The error of the write that poisoned the pool. Not looked at in a file that was cut.
    pub poison: Option<i32>,
    /// How many pools have the file open, the one that was asked included: processes, unless one opened it
    /// twice.
    pub processes: u32,
    /// How many writes to the disk this `Pool` has made for callers that waited for them: of
    /// [`Pool::sync`], and of every claim with [`Durability::Strict`]. With those, addresses per write say how
    /// well callers share them. 0 for whoever only looks.
    pub syncs: u64,
    /// Addresses that are neither free nor known to be held. See [`Pool::reclaim`].
    pub quarantined: u64,
    /// As of [`Recovery::session`].
    pub session: u64,
    /// What the file promises.
    pub durability: Durability,
}

impl Health {
    /// Whether there is nothing to do: the file is whole, not poisoned, and nothing is quarantined.
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
    /// Makes durable what was allocated and released before the call.
    ///
    /// With [`Durability::Barrier`] this is when an address may be used. With [`Durability::Strict`] only
    /// releases wait for it. With [`Durability::Process`] it writes, and promises nothing: after the
    /// machine went down such a pool believes no word. Several callers share one write.
    ///
    /// # Errors
    ///
    /// [`SyncError::SyncFailed`] if the write failed, and [`SyncError::Poisoned`] ever after: nothing is
    /// tried twice. [`SyncError::NoFile`] for a pool on the heap.
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

    /// Closes the pool, as a drop does, and tells how that went: the last one who has a file open leaves it in
    /// order, and waits for the disk. Of a pool on the heap there is nothing to tell.
    ///
    /// # Errors
    ///
    /// [`SyncError::SyncFailed`] if the file could not be left in order, and [`SyncError::Poisoned`] if a write
    /// had failed before, here or in another process: what was not synced may be lost, and the next opening
    /// quarantines what it cannot be sure of. [`SyncError::Forked`] in a child of the process that opened the
    /// pool. The pool is closed in any case.
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

    /// Tells what the file had been through when this pool opened it; `None` for a pool on the heap.
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

    /// The processes that have a claim of several addresses in flight: a batch, a large block, one half of a
    /// pair. Whoever would be told "nothing is free" waits for them, however long they are stopped. `None`
    /// for a pool on the heap.
    ///
    /// A claim takes microseconds; a process that is named a second later again, too, is stopped. Each by the
    /// number that it has for itself, which in another container may be another one's.
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
        // Whoever asks about a file that was cut must not die of the answer.
        Some(if file.is_whole() {
            file.in_flight()
        } else {
            vec![]
        })
    }

    /// Looks at the file: its length, its poison, who has it open. `None` for a pool on the heap.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.health(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn health(&self) -> Option<Health> {
        let file = self.words.file()?;
        // Whoever asks for the length of a file that was cut must not die of the answer.
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
