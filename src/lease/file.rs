//! Lease pools in files: creating and opening them, and what only they can do.

use super::builder::{LeaseBuilder, in_seconds};
use super::clock::Clock;
use super::lease::Lease;
use super::list::AdoptedLeases;
use super::owner::Owners;
use super::pass::{Passes, built_ms};
use super::pool::{LeasePool, RECORD_BITS};
use super::record::Records;
use super::sweep::SweptAt;
use super::time::Tick;
use super::word::{State, Word};
use crate::client::Client;
use crate::durability::{Durability, Recovery, RecoveryKind};
use crate::file::{Builder, Growth, Health, ReclaimError, View};
use crate::network::Network;
use crate::open_error::{OpenError, SyncError};
use crate::pool::file::{Content, open_leases};
use crate::pool::{self, Pool};
use crate::stats::{Counters, StatsLevel};
use crate::storage::Attached;
use crate::storage::file::records::at;
use crate::stripes::threads_for;
use crate::sync::Ordering;
use crate::users::{Adopted, Record, Unreadable};
use ipnet::IpNet;
use std::path::Path;
use std::time::Duration;

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

    /// Opens the file of a smaller lease pool, and grows it: a larger file is created beside it and takes its name. All leases
    /// stay, at the same addresses. A file that already holds the requested pool is just opened. No address can be reserved that
    /// was not.
    ///
    /// # Errors
    ///
    /// As [`file::Builder::grow`](Builder::grow).
    ///
    /// ```
    /// # use hostbits::lease::{LeasePool, Released, Term};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-grow-{}", std::process::id()));
    /// let of = |net: &str| LeasePool::builder(net.parse::<ipnet::Ipv4Net>().unwrap());
    /// let pool = of("10.0.0.0/24").create(&path)?;
    /// let lease = pool.allocate(Term::Forever)?;
    /// drop(pool);
    /// let pool = of("10.0.0.0/23").grow(&path)?;
    /// assert_eq!(pool.capacity(), 509);
    /// assert_eq!(pool.release(&lease)?, Released::Ended);
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grow(&self, path: impl AsRef<Path>) -> Result<LeasePool<N>, OpenError> {
        self.file_with(|file| file.grow_leases(path.as_ref(), false))
    }

    /// Makes the file of a plain pool one of leases, and opens it: a larger file is created beside it and takes its name. What is
    /// taken is leased for ever; [`LeasePool::iter`] returns the leases, to be stored with your records. What is quarantined
    /// stays so. The file of a lease pool is just opened. There is no way back.
    ///
    /// # Errors
    ///
    /// As [`file::Builder::grow`](Builder::grow).
    ///
    /// ```
    /// # use hostbits::{Pool, lease::{LeasePool, Released}};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-convert-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// let addr = pool.allocate()?;
    /// drop(pool);
    /// let pool = LeasePool::builder(net).convert(&path)?;
    /// let lease = pool.lease_of(addr).unwrap();
    /// assert_eq!(pool.release(&lease)?, Released::Ended);
    /// # drop(pool);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn convert(&self, path: impl AsRef<Path>) -> Result<LeasePool<N>, OpenError> {
        self.file_with(|file| file.grow_leases(path.as_ref(), true))
    }

    /// Checks that a file that [`file::read`](crate::file::read) has inspected holds the requested lease pool, as
    /// [`open`](Self::open) does.
    ///
    /// # Errors
    ///
    /// As [`file::Builder::check`](Builder::check).
    ///
    /// ```
    /// # use hostbits::{file, lease::LeasePool};
    /// # use std::time::Duration;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-check-{}", std::process::id()));
    /// let builder = LeasePool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?);
    /// builder.create(&path)?;
    /// let view = file::read(&path)?;
    /// builder.check(&view)?;
    /// assert!(builder.clone().cooldown(Duration::ZERO).check(&view).is_err());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, view: &View) -> Result<(), OpenError> {
        self.file()?.check(view)
    }

    /// Returns what [`grow`](Self::grow) would do, without changing anything.
    ///
    /// # Errors
    ///
    /// As [`file::Builder::growth`](Builder::growth).
    ///
    /// ```
    /// # use hostbits::lease::LeasePool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-growth-{}", std::process::id()));
    /// let of = |net: &str| LeasePool::builder(net.parse::<ipnet::Ipv4Net>().unwrap());
    /// of("10.0.0.0/24").create(&path)?;
    /// assert_eq!(of("10.0.0.0/23").growth(&path)?.added, 256);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn growth(&self, path: impl AsRef<Path>) -> Result<Growth, OpenError> {
        self.file()?.growth(path)
    }

    fn in_file(&self) -> Builder<N> {
        let file = self.file.clone();
        file.unwrap_or_else(|| self.pool.clone().in_file())
    }

    fn file_with(
        &self,
        open: impl FnOnce(&Builder<N>) -> Result<Pool<N>, OpenError>,
    ) -> Result<LeasePool<N>, OpenError> {
        let file = self.file()?;
        let level = file.stats_level();
        let pool = open(&file.stats(StatsLevel::Off))?;
        Ok(LeasePool::over_file(pool, level))
    }

    /// Returns the builder of the tokens.
    fn file(&self) -> Result<Builder<N>, OpenError> {
        let cooldown = match self.cooldown {
            Some(_) => Some(self.cooldown_in_seconds()?),
            None => None,
        };
        if self.clock.is_some() {
            return Err(OpenError::OtherClock);
        }
        Ok(self.in_file().with_content(Content::Leases { cooldown }))
    }
}

/// Opens the file of a lease pool, and takes the description of the pool from the file itself, for tools that do not know it.
///
/// # Errors
///
/// The errors of [`LeaseBuilder::open`], except for mismatches other than that of a plain pool.
///
/// ```
/// # use hostbits::lease::{self, LeasePool, Term};
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-any-{}", std::process::id()));
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// drop(LeasePool::builder(net).create(&path)?);
/// let pool = lease::open(&path)?;
/// assert_eq!(pool.allocate(Term::Forever)?.addr().to_string(), "10.0.0.2");
/// # drop(pool);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<LeasePool<IpNet>, OpenError> {
    open_since(path, 0)
}

/// Opens the file of a lease pool like [`open`], but refuses one whose session is lower than `min_session`; see
/// [`file::Builder::min_session`](Builder::min_session).
///
/// # Errors
///
/// The errors of [`open`], and [`OpenError::StaleFile`] if the session is lower.
///
/// ```
/// # use hostbits::{file::OpenError, lease::{self, LeasePool}};
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-since-{}", std::process::id()));
/// drop(LeasePool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?);
/// assert!(lease::open_since(&path, 1).is_ok());
/// assert!(matches!(lease::open_since(&path, 9), Err(OpenError::StaleFile { session: 2, min: 9 })));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_since(path: impl AsRef<Path>, min_session: u64) -> Result<LeasePool<IpNet>, OpenError> {
    let pool = open_leases(path.as_ref(), min_session)?;
    Ok(LeasePool::over_file(pool, StatsLevel::default()))
}

/// Makes the file of a plain pool one of leases like [`LeaseBuilder::convert`], and takes the description of the pool from the
/// file itself. Without a cooldown, it is a minute, or that of the file. Refuses a file whose session is lower than
/// `min_session`.
///
/// # Errors
///
/// The errors of [`LeaseBuilder::convert`], and [`OpenError::StaleFile`] if the session is lower.
///
/// ```
/// # use hostbits::{Pool, lease};
/// # use std::time::Duration;
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-convert-any-{}", std::process::id()));
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
/// let addr = pool.allocate()?;
/// drop(pool);
/// let pool = lease::convert_since(&path, 0, Some(Duration::from_secs(30)))?;
/// assert_eq!(pool.cooldown(), Duration::from_secs(30));
/// assert!(pool.lease_of(addr.into()).is_some());
/// # drop(pool);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn convert_since(
    path: impl AsRef<Path>,
    min_session: u64,
    cooldown: Option<Duration>,
) -> Result<LeasePool<IpNet>, OpenError> {
    let cooldown = match cooldown {
        Some(cooldown) => Some(in_seconds(cooldown)?),
        None => None,
    };
    let pool = pool::file::convert(path.as_ref(), min_session, cooldown)?;
    Ok(LeasePool::over_file(pool, StatsLevel::default()))
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
            RecoveryKind::Joined => 0,
            _ => fact(at::LIMIT),
        };
        let slot_count = pool.geometry().slot_count();
        let threads = threads_for(slot_count, Counters::bytes_each(level));
        let clock = Clock::of_file(file.lend_facts());
        Self {
            records: Records::new(file.records(), floor, limit),
            cooldown: file.header().cooldown.unwrap_or_default(),
            epoch: fact(at::EPOCH) << RECORD_BITS,
            passes: Passes::default(),
            built_ms: built_ms(clock.now()),
            clock,
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
        self.note_time();
        self.pool.sync()
    }

    /// Writes down what time it is, so that it goes on from there after a reboot.
    fn note_time(&self) {
        let file = self.pool.lease_file();
        // A truncated file must not kill the caller.
        if file.is_some_and(|file| !file.is_forked() && file.is_whole()) {
            self.clock.note();
        }
    }

    /// Closes the pool like a drop, and returns the result; see [`Pool::close`].
    ///
    /// # Errors
    ///
    /// As [`Pool::close`].
    pub fn close(self) -> Result<(), SyncError> {
        self.note_time();
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

    /// Leases the quarantined addresses of a list anew, and frees the others.
    ///
    /// Call it after the machine went down, or in a copy or a backup, with a list of every address that was held, with no
    /// holder missing. Each listed address is leased for ever, as by [`adopt`](Self::adopt), and the leases are in the result:
    /// store them with your records, because those from before are stale. It can be repeated: addresses that are leased
    /// already keep their leases. A late release by a holder from before changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReclaimError::Unclear`] if an entry cannot be read, [`ReclaimError::EmptyList`] if the list contains no address of the
    /// pool, [`ReclaimError::NoFile`], [`ReclaimError::Forked`], and [`ReclaimError::File`] if the leases cannot be made durable.
    /// Nothing was freed; some addresses may have been leased.
    ///
    /// ```
    /// # use hostbits::{Client, file, lease::{LeasePool, Released, Term}};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lease-reclaim-{}", std::process::id()));
    /// # let copy = path.with_extension("copy");
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = LeasePool::builder(net).create(&path)?;
    /// let old = pool.allocate(Term::Forever)?;
    /// file::backup(&path, &copy)?;
    ///
    /// let restored = LeasePool::builder(net).open(&copy)?;
    /// assert_eq!(restored.release(&old)?, Released::Stale);
    /// let reclaimed = restored.reclaim([old.addr().to_string()], |_| None)?;
    /// assert_eq!((reclaimed.freed, reclaimed.leases.len()), (252, 1));
    /// assert_eq!(restored.release(&reclaimed.leases[0])?, Released::Ended);
    /// # drop((pool, restored));
    /// # std::fs::remove_file(&path)?;
    /// # std::fs::remove_file(&copy)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reclaim(
        &self,
        users: impl IntoIterator<Item = impl Record>,
        owner: impl Fn(&str) -> Option<Client>,
    ) -> Result<ReclaimedLeases<N::Addr>, ReclaimError> {
        self.pool.check_reclaimable()?;
        // The listed ones first: what is quarantined after that is not listed.
        let AdoptedLeases { report, leases } = self.adopt(Unreadable::Refuse, users, owner)?;
        if leases.is_empty() {
            match self.quarantined() {
                0 => {}
                quarantined => return Err(ReclaimError::EmptyList { quarantined }),
            }
        }
        Ok(ReclaimedLeases {
            freed: self.free_quarantined(),
            report,
            leases,
        })
    }

    /// Frees the whole quarantine, and returns how many addresses that were.
    ///
    /// The caller guarantees that none of them is held. Otherwise, two holders may share an address from now on.
    ///
    /// # Errors
    ///
    /// [`ReclaimError::NoFile`] and [`ReclaimError::Forked`].
    pub fn release_quarantine_unchecked(&self) -> Result<u64, ReclaimError> {
        self.pool.check_reclaimable()?;
        Ok(self.free_quarantined())
    }

    fn free_quarantined(&self) -> u64 {
        let mut freed = 0;
        for (slot, word) in self.words() {
            if !is_unknown(word) {
                continue;
            }
            let free = word.tagged(false).changed(State::Free, Tick::ZERO);
            // The exchange first, then the token; and only by the thread whose exchange it was.
            if self.records.exchange(slot, word, free).is_ok() {
                self.pool.give_token(slot);
                freed += 1;
            }
        }
        freed
    }

    fn quarantined(&self) -> u64 {
        let words = self.words().filter(|&(_, word)| is_unknown(word));
        words.count() as u64
    }
}

/// The result of a reclaim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it has the leases, which are new ones"]
#[non_exhaustive]
pub struct ReclaimedLeases<A> {
    /// Addresses that were quarantined and not listed, and are now free.
    pub freed: u64,
    /// The result for the entries of the list.
    pub report: Adopted,
    /// The leases of all listed addresses, by ascending address. Store them with your records.
    pub leases: Vec<Lease<A>>,
}

/// Returns whether nothing is known of an address that can be handed out. One whose memory was lost is void.
fn is_unknown(word: Word) -> bool {
    matches!(word.state(), State::Quarantined | State::Void)
}

fn file_of<N: Network>(pool: &Pool<N>) -> &Attached {
    let file = pool.lease_file();
    file.expect("a pool that was opened or created in a file has one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::system::tests::Scratch;
    use ipnet::Ipv4Net;

    fn builder() -> LeaseBuilder<Ipv4Net> {
        LeasePool::builder("10.0.0.0/28".parse().unwrap()).cooldown(Duration::ZERO)
    }

    /// A process dies after it has claimed a token and before it takes the record: while it was not alone, a sweep of
    /// another one gives the token again.
    #[test]
    fn a_token_that_died_with_its_process_is_given_again() {
        let scratch = Scratch::new("lease-token");
        let path = scratch.path("pool");
        let pool = builder().create(&path).unwrap();
        let other = builder().open(&path).unwrap();
        let first = other.pool.claim_token().get().unwrap();
        // The dead are counted as long as the session lasts.
        assert!(other.pool.claim_token_of(first + 5));
        let all = pool.capacity() as usize;
        assert_eq!(
            pool.allocate_many(all, Duration::from_secs(9))
                .unwrap()
                .len(),
            all
        );
    }

    /// The same where one address is asked for, and a range.
    #[test]
    fn a_token_is_given_again_to_the_part_that_is_asked_for() {
        for exact in [true, false] {
            let scratch = Scratch::new("lease-part");
            let path = scratch.path("pool");
            let pool = builder().create(&path).unwrap();
            let other = builder().open(&path).unwrap();
            let slot = other.pool.claim_token().get().unwrap();
            let addr = pool.pool.geometry().addr_of(slot);
            let offer = Duration::from_secs(9);
            let lease = match exact {
                true => pool.allocate_exact(addr, offer),
                false => pool.allocate_in(addr..=addr, offer),
            };
            assert_eq!(lease.unwrap().addr(), addr);
        }
    }

    /// A pool that is alone in its session repairs nothing: no process can have died.
    #[test]
    fn a_process_that_is_alone_gives_no_token_twice() {
        let scratch = Scratch::new("lease-alone");
        let pool = builder().create(scratch.path("pool")).unwrap();
        pool.pool.claim_token().get().unwrap();
        assert_eq!(pool.sweep().freed, 0);
    }

    /// The limit of generations is met, by two processes.
    #[test]
    fn generations_beyond_the_limit_are_reserved_first() {
        let scratch = Scratch::new("lease-limit");
        let path = scratch.path("pool");
        let pool = builder()
            .durability(Durability::Barrier)
            .create(&path)
            .unwrap();
        let limit = pool.file().facts()[at::LIMIT].load(Ordering::Relaxed);
        let word = Word::new(State::Free, Tick::ZERO, limit as u32);
        let slot = pool.pool.geometry().runs()[0].first;
        pool.records.exchange(slot, Word::NEW, word).unwrap();
        let before = pool.health().unwrap().syncs;
        let lease = pool.allocate(Duration::from_secs(9)).unwrap();
        assert_eq!(lease.generation() & u64::from(u32::MAX), limit + 1);
        assert_eq!(pool.health().unwrap().syncs, before + 1);
        assert!(pool.file().facts()[at::LIMIT].load(Ordering::Relaxed) > limit + 1000);
        pool.allocate(Duration::from_secs(9)).unwrap();
        assert_eq!(pool.health().unwrap().syncs, before + 1);
        // One that joins cannot know whether the limit is durable.
        let other = builder().open(&path).unwrap();
        other.allocate(Duration::from_secs(9)).unwrap();
        other.allocate(Duration::from_secs(9)).unwrap();
        assert_eq!(other.health().unwrap().syncs, 1);
    }

    /// In `Strict`, what makes a lease or prolongs it waits for the disk, and what ends it does not; a token never does.
    #[test]
    fn in_strict_what_raises_is_synced_and_what_lowers_is_not() {
        let scratch = Scratch::new("lease-strict");
        let path = scratch.path("pool");
        let pool = builder()
            .durability(Durability::Strict)
            .create(&path)
            .unwrap();
        let syncs = || pool.health().unwrap().syncs;
        let expect = |what: &str, before: u64, count: u64| {
            assert_eq!(syncs() - before, count, "{what}");
        };
        let offer = Duration::from_secs(9);
        let before = syncs();
        let lease = pool.allocate(offer).unwrap();
        expect("allocate", before, 1);
        pool.renew(&lease, crate::lease::Term::Forever).unwrap();
        expect("renew", before, 2);
        pool.renew(&lease, crate::lease::Term::Forever).unwrap();
        expect("a renewal that changes nothing", before, 3);
        let _ = pool.release(&lease).unwrap();
        expect("release", before, 3);
        let _ = pool.allocate_many(5, offer).unwrap();
        expect("allocate_many", before, 4);
        let _ = pool.allocate_for(Client::from_hash(7), offer).unwrap();
        expect("allocate_for", before, 5);
        let _ = pool.allocate_for(Client::from_hash(7), offer).unwrap();
        expect("allocate_for, again", before, 6);
        let addr = pool.pool.geometry().addr_of(14);
        let _ = pool.allocate_exact(addr, offer).unwrap();
        expect("allocate_exact", before, 7);
        let _ = pool.allocate_preferring(addr, offer).unwrap();
        expect("allocate_preferring", before, 8);
        let addr = pool.pool.geometry().addr_of(13);
        let _ = pool.allocate_in(addr..=addr, offer).unwrap();
        expect("allocate_in", before, 9);
        let users = [pool.pool.geometry().addr_of(12).to_string()];
        let _ = pool.adopt(Unreadable::Refuse, users, |_| None).unwrap();
        expect("adopt", before, 10);
        let _ = pool.sweep();
        expect("sweep", before, 10);
    }

    /// After a failed sync nothing is offered or prolonged, and the reason is the file.
    #[test]
    fn in_a_poisoned_file_nothing_is_offered() {
        let scratch = Scratch::new("lease-poison");
        let path = scratch.path("pool");
        let pool = builder().create(&path).unwrap();
        let lease = pool.allocate(Duration::from_secs(9)).unwrap();
        pool.file().poison_for_tests();
        let offer = Duration::from_secs(9);
        let addr = pool.pool.geometry().addr_of(9);
        let codes = [
            pool.allocate(offer).unwrap_err().code(),
            pool.allocate_many(2, offer).unwrap_err().code(),
            pool.allocate_exact(addr, offer).unwrap_err().code(),
            pool.allocate_preferring(addr, offer).unwrap_err().code(),
            pool.allocate_in(addr..=addr, offer).unwrap_err().code(),
            pool.allocate_for(Client::from_hash(3), offer)
                .unwrap_err()
                .code(),
            pool.renew(&lease, crate::lease::Term::Forever)
                .unwrap_err()
                .code(),
            pool.adopt(Unreadable::Refuse, ["10.0.0.9"], |_| None)
                .unwrap_err()
                .code(),
            pool.reclaim(["10.0.0.9"], |_| None).unwrap_err().code(),
        ];
        assert_eq!(codes, ["poisoned"; 9]);
        assert_eq!(pool.release(&lease).unwrap(), crate::lease::Released::Ended);
        drop(pool);
        let pool = builder().open(&path).unwrap();
        assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::WriteFailed);
        assert_eq!(pool.census().quarantined, pool.capacity());
        assert_eq!(pool.release(&lease).unwrap(), crate::lease::Released::Stale);
        let reclaimed = pool.reclaim(["10.0.0.9"], |_| None).unwrap();
        assert_eq!((reclaimed.freed, reclaimed.leases.len()), (12, 1));
        assert!(pool.health().unwrap().is_good());
    }

    impl<N: Network> LeasePool<N> {
        fn file(&self) -> &Attached {
            file_of(&self.pool)
        }
    }
}
