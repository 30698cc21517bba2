//! Lease pools in files: creating and opening them, and what only they can do.

use super::builder::LeaseBuilder;
use super::clock::Clock;
use super::owner::Owners;
use super::pool::LeasePool;
use super::record::Records;
use super::sweep::SweptAt;
use super::word::State;
use crate::durability::{Durability, Recovery};
use crate::file::{Builder, Health};
use crate::network::Network;
use crate::open_error::{OpenError, SyncError};
use crate::pool::Pool;
use crate::pool::file::Content;
use crate::stats::{Counters, StatsLevel};
use crate::storage::Attached;
use crate::storage::file::records::at;
use crate::stripes::threads_for;
use crate::sync::Ordering;
use std::path::Path;

impl<N: Network> Builder<N> {
    /// Makes it the file of a pool of leases, with the choices so far. Each slot takes 16 more bytes.
    ///
    /// ```
    /// # use hostbits::{Durability, Pool};
    /// # use std::time::Duration;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-file-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).durability(Durability::Strict).leases().create(&path)?;
    /// let lease = pool.allocate(Duration::from_secs(30))?; // It is on the disk when this returns.
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leases(self) -> LeaseBuilder<N> {
        LeaseBuilder {
            file: Some(self.clone()),
            ..self.into_plain().leases()
        }
    }
}

impl<N: Network> LeaseBuilder<N> {
    /// Chooses what the file promises after a crash; see [`Durability`]. Whatever makes a lease or prolongs it is as durable
    /// as that when it returns: an offer, a renewal. What ends one is not waited for. When a file is opened, its durability
    /// must be the same; without this choice, the file decides, and a new file has [`Durability::Process`].
    ///
    /// ```
    /// # use hostbits::{Durability, lease::LeasePool};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-mode-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).durability(Durability::Barrier).create(&path)?;
    /// assert_eq!(pool.durability(), Some(Durability::Barrier));
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.file = Some(self.in_file().with_durability(durability));
        self
    }

    /// Creates a file with all usable addresses free. It appears complete and durable, or not at all.
    ///
    /// # Errors
    ///
    /// As [`file::Builder::create`](Builder::create); [`OpenError::OtherClock`] if the builder has a
    /// [clock](Self::clock): all processes of a file count by that of the system.
    ///
    /// ```
    /// # use hostbits::lease::{LeasePool, Term};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-create-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).create(&path)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// drop(pool);
    ///
    /// let pool = LeasePool::builder(net).open(&path)?;
    /// assert!(pool.iter().eq([lease]));
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, path: impl AsRef<Path>) -> Result<LeasePool<N>, OpenError> {
        self.file_with(|file| file.create(path))
    }

    /// Opens the file of a lease pool, and compares the pool in it with the requested one. If no cooldown was chosen, that of
    /// the file counts.
    ///
    /// If no other process has the file open, it is recovered first; see [`LeasePool::recovery`].
    ///
    /// # Errors
    ///
    /// As [`file::Builder::open`](Builder::open); [`OpenError::GeometryMismatch`] also for the file of a plain pool.
    /// [`OpenError::OtherClock`] if the processes that have the file open are in another time namespace, or the builder has
    /// a [clock](Self::clock).
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError, lease::LeasePool};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-open-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// drop(Pool::builder(net).create(&path)?);
    /// let error = LeasePool::builder(net).open(&path).unwrap_err();
    /// assert!(error.to_string().contains("leases no where yes was asked for"));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<LeasePool<N>, OpenError> {
        self.file_with(|file| file.open(path))
    }

    /// Opens the file if it exists, and creates it otherwise. If several processes do so at once, exactly one creates it.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) and [`create`](Self::create). A file that cannot be opened is never replaced.
    ///
    /// ```
    /// # use hostbits::lease::{LeasePool, Term};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-either-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let first = LeasePool::builder(net).open_or_create(&path)?;
    /// let second = LeasePool::builder(net).open_or_create(&path)?;
    /// let lease = first.allocate(Term::Forever)?;
    /// assert_eq!(second.lease_of(lease.addr()), Some(lease));
    /// # drop((first, second));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<LeasePool<N>, OpenError> {
        self.file_with(|file| file.open_or_create(path))
    }

    fn in_file(&self) -> Builder<N> {
        let file = self.file.clone();
        file.unwrap_or_else(|| self.pool.clone().in_file())
    }

    fn file_with(
        &self,
        open: impl FnOnce(&Builder<N>) -> Result<Pool<N>, OpenError>,
    ) -> Result<LeasePool<N>, OpenError> {
        let cooldown = match self.cooldown {
            Some(_) => Some(self.cooldown_in_seconds()?),
            None => None,
        };
        if self.clock.is_some() {
            return Err(OpenError::OtherClock);
        }
        let file = self.in_file().with_content(Content::Leases { cooldown });
        let level = file.stats_level();
        let pool = open(&file.stats(StatsLevel::Off))?;
        Ok(LeasePool::over_file(pool, level))
    }
}

impl<N: Network> LeasePool<N> {
    /// Makes a lease pool of a plain one, whose file has records.
    fn over_file(pool: Pool<N>, level: StatsLevel) -> Self {
        let file = file_of(&pool);
        // Relaxed: the lock of opening orders them after the stores of the first opener.
        let fact = |at: usize| file.facts()[at].load(Ordering::Relaxed);
        let floor = u32::try_from(fact(at::FLOOR)).unwrap_or(u32::MAX);
        let limit = match file.recovery().kind {
            // Another process may have raised it just now, and have died before it was durable.
            crate::durability::RecoveryKind::Joined => 0,
            _ => fact(at::LIMIT),
        };
        let slot_count = pool.geometry().slot_count();
        let threads = threads_for(slot_count, Counters::bytes_each(level));
        Self {
            records: Records::of(file.records(), floor, limit),
            clock: Clock::of_file(file.lend_facts()),
            cooldown: file.header().cooldown.unwrap_or_default(),
            epoch: fact(at::EPOCH),
            swept_at: SweptAt::default(),
            owners: Owners::new(slot_count),
            counters: Counters::new(level, threads),
            pool,
        }
    }

    /// Makes everything durable that was done before the call: leases, renewals, releases. Concurrent callers share one
    /// write.
    ///
    /// With [`Durability::Barrier`], a lease survives the machine once this has returned. With [`Durability::Strict`], only
    /// releases need it. With [`Durability::Process`], it writes but promises nothing.
    ///
    /// # Errors
    ///
    /// As [`Pool::sync`].
    ///
    /// ```
    /// # use hostbits::{Durability, lease::{LeasePool, Term}};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-sync-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).durability(Durability::Barrier).create(&path)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// pool.sync()?;
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync(&self) -> Result<(), SyncError> {
        if let Some(file) = self.pool.lease_file()
            && !file.is_forked()
        {
            self.clock.note();
        }
        self.pool.sync()
    }

    /// Closes the pool like a drop, and returns the result; see [`Pool::close`].
    ///
    /// # Errors
    ///
    /// As [`Pool::close`].
    pub fn close(self) -> Result<(), SyncError> {
        self.pool.close()
    }

    /// Returns what had happened to the file before this pool opened it; `None` for a pool on the heap.
    ///
    /// Whatever processes died of, nothing is lost: an offer ends by itself. If the machine went down, or the file is a copy,
    /// records that nothing vouches for are quarantined, and every lease from before is stale.
    pub fn recovery(&self) -> Option<Recovery> {
        self.pool.recovery()
    }

    /// Returns what the file promises after a crash; `None` for a pool on the heap.
    pub fn durability(&self) -> Option<Durability> {
        self.pool.lease_file().map(Attached::durability)
    }

    /// Returns the condition of the file: its length, its poison, and who has it open; `None` for a pool on the heap.
    ///
    /// ```
    /// # use hostbits::lease::LeasePool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-health-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).create(&path)?;
    /// assert!(pool.health().is_some_and(|health| health.is_good()));
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn health(&self) -> Option<Health> {
        let health = self.pool.health()?;
        let had_suspects = self.pool.lease_file()?.had_suspects();
        let is_whole = health.len.is_some_and(|len| len >= health.need);
        Some(Health {
            quarantined: match had_suspects && is_whole {
                true => self.quarantined(),
                false => 0,
            },
            ..health
        })
    }

    fn quarantined(&self) -> u64 {
        let is_unknown = |state| matches!(state, State::Quarantined | State::Void);
        let words = self.words().filter(|(_, word)| is_unknown(word.state()));
        words.count() as u64
    }
}

fn file_of<N: Network>(pool: &Pool<N>) -> &Attached {
    let file = pool.lease_file();
    file.expect("a pool that was opened or created in a file has one")
}
