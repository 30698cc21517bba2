//! Creates and opens pool files.

use super::config::{Config, facts};
use super::view::View;
use crate::durability::Durability;
use crate::geometry::Geometry;
use crate::network::Network;
use crate::open_error::{Mismatch, OpenError};
use crate::policy::Policy;
use crate::pool::{self, Pool, Search};
use crate::slot::{SLOTS_PER_CHUNK, SLOTS_PER_WORD, Slot};
use crate::stats::StatsLevel;
use crate::storage::Words;
use crate::storage::file::{Blueprint, OpenRequest, Opening, PageOptions, RelaxedChecks};
use ipnet::IpNet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::Duration;

/// How long an open waits for another process.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Configures a pool in a file, to be created or opened. Start with [`Pool::builder`] and
/// [`durability`](pool::Builder::durability) or [`in_file`](pool::Builder::in_file).
///
/// A file outlives its processes: after `kill -9` of all of them, every allocated address is still allocated, without a
/// journal to replay. Any number of processes on one machine may have the file open; every method of [`Pool`] works
/// across processes as it does across threads. Its [`Durability`] says what it promises when the machine goes down.
///
/// ```
/// use hostbits::{Durability, Pool};
///
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-file-{}", std::process::id()));
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).durability(Durability::Barrier).create(&path)?;
/// let addr = pool.allocate()?;
/// pool.sync()?; // now it survives power loss, too
/// drop(pool);
///
/// let pool = Pool::builder(net).open(&path)?;
/// assert!(pool.iter().eq([addr]));
/// # drop(pool);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `create` or `open`"]
pub struct Builder<N: Network> {
    pub(super) builder: pool::Builder<N>,
    pub(super) durability: Option<Durability>,
    capacity: Option<u64>,
    request: OpenRequest,
    pub(super) content: Content,
}

/// What the file contains, or is to contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Addresses,
    /// The cooldown is in seconds; `None` for that of the file.
    Leases {
        cooldown: Option<u32>,
    },
}

impl<N: Network> pool::Builder<N> {
    /// Puts the pool in a file with this durability. When a file is opened, its durability must be the same. Without
    /// this choice ([`in_file`](Self::in_file)), the file decides, and a new file has [`Durability::Process`].
    ///
    /// ```
    /// # use hostbits::{Durability, Pool};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-durability-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).durability(Durability::Strict).create(&path)?;
    /// pool.allocate()?; // it is on the disk when it returns
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durability(self, durability: Durability) -> Builder<N> {
        Builder {
            durability: Some(durability),
            ..self.in_file()
        }
    }

    /// Puts the pool in a file, and returns a builder with more choices.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-in-file-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).in_file().prefault(true).create(&path)?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_file(self) -> Builder<N> {
        Builder {
            builder: self,
            durability: None,
            capacity: None,
            request: OpenRequest {
                patience: PATIENCE,
                relaxed: RelaxedChecks::default(),
                pages: PageOptions::default(),
                min_session: 0,
            },
            content: Content::Addresses,
        }
    }

    /// Creates the file with default choices; see [`Builder::create`].
    ///
    /// # Errors
    ///
    /// The same errors as [`Builder::create`].
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-create-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// assert!(matches!(Pool::builder(net).create(&path), Err(OpenError::AlreadyExists)));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        self.clone().in_file().create(path)
    }

    /// Opens the file with default choices; see [`Builder::open`].
    ///
    /// # Errors
    ///
    /// The same errors as [`Builder::open`].
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-open-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// assert!(matches!(Pool::builder(net).open(&path), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        self.clone().in_file().open(path)
    }

    /// Opens or creates the file with default choices; see [`Builder::open_or_create`].
    ///
    /// # Errors
    ///
    /// The same errors as [`Builder::open_or_create`].
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-either-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let first = Pool::builder(net).open_or_create(&path)?;
    /// let second = Pool::builder(net).open_or_create(&path)?;
    /// assert_ne!(first.allocate()?, second.allocate()?);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        self.clone().in_file().open_or_create(path)
    }
}

impl<N: Network> Builder<N> {
    /// Reserves space for this many slots in total, to [grow](Self::grow) into later. Default: the slots of the pool.
    ///
    /// Additional slots cost 3 bits each. When a file is opened, its capacity must be the same; without this choice,
    /// the file decides. When a file grows, this is the minimum capacity afterwards.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-capacity-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).in_file().capacity(65_536).create(&path)?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(mut self, slots: u64) -> Self {
        self.capacity = Some(slots);
        self
    }

    /// Locks the file's pages in memory (`mlock`), for data planes. Default: no.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-lock-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).in_file().lock_memory(true).create(&path)?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_memory(mut self, lock: bool) -> Self {
        self.request.pages.lock = lock;
        self
    }

    /// Loads all of the file's pages into memory when it is opened, so that no allocation waits for one. Default: no.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-prefault-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).in_file().prefault(true).create(&path)?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prefault(mut self, prefault: bool) -> Self {
        self.request.pages.prefault = prefault;
        self
    }

    /// Refuses a file whose [session](crate::file::Recovery::session) is lower than this number, because it was
    /// replaced by an old copy. A missing file is not created, either.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-session-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).create(&path)?;
    /// let seen = pool.recovery().unwrap().session;
    /// let opened = Pool::builder(net).in_file().min_session(seen + 1).open(&path);
    /// assert!(matches!(opened, Err(OpenError::StaleFile { .. })));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn min_session(mut self, session: u64) -> Self {
        self.request.min_session = session;
        self
    }

    /// Waits at most this long for another process that is opening or closing the file. Default: 10 seconds.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let builder = Pool::builder(net).in_file().lock_timeout(std::time::Duration::from_secs(1));
    /// assert!(matches!(builder.open("no such file"), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.request.patience = timeout;
        self
    }

    /// Allows a file that belongs to another user, who could change it at any time. Default: no.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let builder = Pool::builder(net).in_file().allow_other_owner(true);
    /// assert!(matches!(builder.open("no such file"), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_other_owner(mut self, allow: bool) -> Self {
        self.request.relaxed.owner = allow;
        self
    }

    /// Allows a file that its group or others may write to. Default: no.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let builder = Pool::builder(net).in_file().allow_shared_mode(true);
    /// assert!(matches!(builder.open("no such file"), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_shared_mode(mut self, allow: bool) -> Self {
        self.request.relaxed.mode = allow;
        self
    }

    /// Allows a file that has several names. Default: no.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let builder = Pool::builder(net).in_file().allow_hard_links(true);
    /// assert!(matches!(builder.open("no such file"), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_hard_links(mut self, allow: bool) -> Self {
        self.request.relaxed.links = allow;
        self
    }

    /// Allows a file system that does not share memory and locks between machines. Default: no. *You* then make sure
    /// that only one machine, and on some systems only one process, uses the file.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let builder = Pool::builder(net).in_file().allow_remote_file_system(true);
    /// assert!(matches!(builder.open("no such file"), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_remote_file_system(mut self, allow: bool) -> Self {
        self.request.relaxed.remote = allow;
        self
    }

    /// Allows a file system that may need space for in-place changes, as copy-on-write file systems do. Default: no.
    /// *You* then make sure that there always is some: on a full disk, an allocation or a release raises `SIGBUS`,
    /// which kills the process.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let builder = Pool::builder(net).in_file().allow_copy_on_write(true);
    /// assert!(matches!(builder.open("no such file"), Err(OpenError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_copy_on_write(mut self, allow: bool) -> Self {
        self.request.relaxed.copy_on_write = allow;
        self
    }

    /// Makes it the file of a pool of leases.
    pub(crate) fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    pub(crate) fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Returns the choices of a pool on the heap.
    pub(crate) fn into_plain(self) -> pool::Builder<N> {
        self.builder
    }

    pub(crate) fn stats_level(&self) -> StatsLevel {
        self.builder.stats
    }

    pub(crate) fn stats(mut self, level: StatsLevel) -> Self {
        self.builder.stats = level;
        self
    }

    /// Creates the file, with all usable addresses free. It appears complete and durable, or not at all.
    ///
    /// # Errors
    ///
    /// [`OpenError::AlreadyExists`] if the file exists, which is then not touched; [`OpenError::Build`] if the pool
    /// cannot be built; [`OpenError::NoSpace`], or another error of the system. Nothing is left behind, unless only the
    /// last step failed, which maps the file: then the file is complete.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-create2-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).in_file().create(&path)?;
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.2");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        self.create_at(path.as_ref(), self.lay_out()?)
    }

    /// Opens the file, and compares the pool in it with the requested one.
    ///
    /// If no other process has it open, it is recovered first; see [`Pool::recovery`].
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`] if the file does not exist; [`OpenError::GeometryMismatch`] and
    /// [`OpenError::ModeMismatch`] with everything that differs; otherwise the file is damaged, accessible to other
    /// users, or in use. It was not changed.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-open2-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// drop(Pool::builder(net).create(&path)?);
    /// let other: ipnet::Ipv4Net = "10.0.1.0/24".parse()?;
    /// let error = Pool::builder(other).in_file().open(&path).unwrap_err();
    /// assert!(error.to_string().contains("network 10.0.0.0/24 where 10.0.1.0/24 was asked for"));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        self.open_at(path.as_ref(), self.lay_out()?)
    }

    /// Opens the file if it exists, and creates it otherwise. If several processes do so at once, exactly one creates
    /// it.
    ///
    /// # Errors
    ///
    /// The errors of [`open`](Self::open) and [`create`](Self::create). A file that cannot be opened is never replaced.
    ///
    /// ```
    /// # use hostbits::{Pool, file::RecoveryKind};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-either2-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// let pool = Pool::builder(net).in_file().open_or_create(&path)?;
    /// assert_eq!(pool.recovery().unwrap().kind, RecoveryKind::Created);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        let (path, geometry) = (path.as_ref(), self.lay_out()?);
        loop {
            match self.open_at(path, geometry.clone()) {
                Err(OpenError::NotFound) => {}
                opened => return opened,
            }
            match self.create_at(path, geometry.clone()) {
                Err(OpenError::AlreadyExists) => {}
                created => return created,
            }
        }
    }

    /// Opens a file whose pool is smaller than the requested one, and grows it: a network with a shorter prefix that
    /// begins at the same address, more ranges after the others, or fewer reservations. Allocated addresses stay
    /// allocated, at the same slots. A file that already holds the requested pool is just opened.
    ///
    /// Within the [capacity](Self::capacity) of the file, this is done in place. Beyond it, or beyond the capacity
    /// requested here, a larger file is created beside it and takes its name. The new file has its own inode, the same
    /// owner and permissions, and everything that was allocated or quarantined. If the process or the machine crashes
    /// meanwhile, the path names the old pool or the new one. The directory must be writable and have space for both
    /// files. A file is never made smaller.
    ///
    /// # Errors
    ///
    /// The errors of [`open`](Self::open); [`OpenError::GeometryMismatch`] also if an address would get another slot or
    /// could no longer be handed out; [`OpenError::InUse`] while other processes have the file open. If a larger file
    /// is needed: [`OpenError::HardLinked`], even if that [is allowed](Self::allow_hard_links), because the other name
    /// would still refer to the old file; [`OpenError::NoSpace`]; and [`OpenError::NoRoom`] if the file contains
    /// something from a newer version.
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-grow-{}", std::process::id()));
    /// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
    /// drop(Pool::builder(net).in_file().capacity(1024).create(&path)?);
    /// let wider: ipnet::Ipv4Net = "10.0.0.0/22".parse()?;
    /// let pool = Pool::builder(wider).in_file().grow(&path)?;
    /// assert_eq!(pool.available(), 1021);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grow(&self, path: impl AsRef<Path>) -> Result<Pool<N>, OpenError> {
        self.grow_at(path.as_ref(), self.lay_out()?, true)
    }

    /// Replaces the file of a lease pool by that of a larger one; or, if `converts`, the file of a plain pool by one of leases.
    /// A file that already holds the requested pool is just opened.
    pub(crate) fn grow_leases(&self, path: &Path, converts: bool) -> Result<Pool<N>, OpenError> {
        let geometry = self.lay_out()?;
        let mut opening = Opening::begin(path, self.request)?;
        let cooldown = opening.header().cooldown;
        if !(converts && cooldown.is_none()) {
            self.content.check(cooldown)?;
        }
        self.check_durability(opening.durability())?;
        finish_growth(&mut opening)?;
        let in_file = Config::parse(opening.config())?;
        in_file.check_header(opening.header().facts)?;
        let asked = Config::of(&geometry, self.builder.policy);
        // What a record says cannot be read before the file is opened: no address is taken out of a pool of leases.
        let change = in_file.change_into(&asked);
        let Some(change) = change.filter(|change| change.removed.is_empty()) else {
            let mismatches = in_file.mismatches(&asked);
            return Err(OpenError::GeometryMismatch { mismatches });
        };
        let durability = opening.durability();
        let grown = Blueprint {
            facts: facts(&geometry, durability.number()),
            durability,
            capacity_slots: self.capacity_slots(&geometry),
            config: &asked.to_string(),
            free: &change.added,
            closed: &[],
            cooldown: cooldown.or_else(|| self.content.new_cooldown()),
        };
        if in_file != asked || cooldown.is_none() || !opening.has_room_for(&grown) {
            let before = in_file.lay_out()?;
            opening = opening.enlarge(&grown, &usable(&before))?;
        }
        finish(opening, geometry, self.builder.policy, self.builder.stats)
    }

    fn grow_at(
        &self,
        path: &Path,
        geometry: Geometry<N>,
        may_recover: bool,
    ) -> Result<Pool<N>, OpenError> {
        let mut opening = Opening::begin(path, self.request)?;
        self.content.check(opening.header().cooldown)?;
        self.check_durability(opening.durability())?;
        finish_growth(&mut opening)?;
        let in_file = Config::parse(opening.config())?;
        in_file.check_header(opening.header().facts)?;
        let asked = Config::of(&geometry, self.builder.policy);
        let Some(change) = in_file.change_into(&asked) else {
            return Err(OpenError::GeometryMismatch {
                mismatches: in_file.mismatches(&asked),
            });
        };
        if !change.removed.is_empty() && !opening.is_left_in_order()? {
            if !may_recover {
                return Err(OpenError::InUse);
            }
            // Only an open can tell what is taken in such a file. After that, the file is closed cleanly.
            drop(opening);
            drop(open_with(path, self.request, self.content)?);
            return self.grow_at(path, geometry, false);
        }
        if let Some(slot) = opening.first_taken(&change.removed)? {
            let mismatches = in_file.mismatches_for(&asked, geometry.addr_of(slot).into());
            return Err(OpenError::GeometryMismatch { mismatches });
        }
        let durability = opening.durability();
        let grown = Blueprint {
            facts: facts(&geometry, durability.number()),
            durability,
            capacity_slots: self.capacity_slots(&geometry),
            config: &asked.to_string(),
            free: &change.added,
            closed: &change.removed,
            cooldown: opening.header().cooldown,
        };
        if !opening.has_room_for(&grown) {
            let before = in_file.lay_out()?;
            opening = opening.enlarge(&grown, &usable(&before))?;
        } else if in_file != asked {
            opening.grow(&grown)?;
        }
        finish(opening, geometry, self.builder.policy, self.builder.stats)
    }

    pub(super) fn capacity_slots(&self, geometry: &Geometry<N>) -> u64 {
        self.capacity.unwrap_or(0).max(geometry.slot_count())
    }

    pub(super) fn lay_out(&self) -> Result<Geometry<N>, OpenError> {
        if self.builder.search == Search::Linear {
            return Err(OpenError::LinearSearch);
        }
        Ok(self.builder.plan.lay_out()?)
    }

    fn create_at(&self, path: &Path, geometry: Geometry<N>) -> Result<Pool<N>, OpenError> {
        let durability = self.durability.unwrap_or_default();
        let usable = usable(&geometry);
        let blueprint = Blueprint {
            facts: facts(&geometry, durability.number()),
            durability,
            capacity_slots: self.capacity_slots(&geometry),
            config: &Config::of(&geometry, self.builder.policy).to_string(),
            free: &usable,
            closed: &[],
            cooldown: self.content.new_cooldown(),
        };
        let opening = Opening::create(path, &blueprint, self.request)?;
        finish(opening, geometry, self.builder.policy, self.builder.stats)
    }

    fn open_at(&self, path: &Path, geometry: Geometry<N>) -> Result<Pool<N>, OpenError> {
        let opening = Opening::begin(path, self.request)?;
        let in_file = Config::parse(opening.config())?;
        let room = room(opening.header().layout.capacity_words);
        self.check_same(&geometry, &in_file, room, opening.header().cooldown)?;
        self.check_durability(opening.durability())?;
        finish(opening, geometry, self.builder.policy, self.builder.stats)
    }

    /// Checks that a file that [`read`](super::read) has inspected holds the requested pool, as [`open`](Self::open)
    /// does.
    ///
    /// # Errors
    ///
    /// [`OpenError::GeometryMismatch`] and [`OpenError::ModeMismatch`] if it holds another pool,
    /// [`OpenError::StaleFile`] if it is too old, or [`OpenError::Build`] if the requested pool cannot be built.
    ///
    /// ```
    /// # use hostbits::{Pool, file::{self, OpenError}};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-same-{}", std::process::id()));
    /// let of = |net: &str| Pool::builder(net.parse::<ipnet::Ipv4Net>().unwrap()).in_file();
    /// of("10.0.0.0/24").create(&path)?;
    /// let view = file::read(&path)?;
    /// of("10.0.0.0/24").check(&view)?;
    /// let other = of("10.0.0.0/25").check(&view);
    /// assert!(matches!(other, Err(OpenError::GeometryMismatch { .. })));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, view: &View) -> Result<(), OpenError> {
        let in_file = Config::of(view.snapshot.geometry(), view.info.policy);
        let cooldown = view.cooldown.map(|cooldown| cooldown.as_secs() as u32);
        self.check_same(&self.lay_out()?, &in_file, view.capacity, cooldown)?;
        self.check_durability(view.durability)?;
        view.check_session(self.request.min_session)
    }

    /// Checks that the file holds this pool, with room for this many slots.
    fn check_same(
        &self,
        geometry: &Geometry<N>,
        in_file: &Config,
        room: u64,
        cooldown: Option<u32>,
    ) -> Result<(), OpenError> {
        let mut mismatches = in_file.mismatches(&Config::of(geometry, self.builder.policy));
        mismatches.extend(self.capacity_mismatch(room));
        mismatches.extend(self.content.mismatch(cooldown));
        match mismatches[..] {
            [] => Ok(()),
            _ => Err(OpenError::GeometryMismatch { mismatches }),
        }
    }

    pub(super) fn check_durability(&self, in_file: Durability) -> Result<(), OpenError> {
        match self.durability {
            Some(asked) if asked != in_file => Err(OpenError::ModeMismatch { in_file, asked }),
            _ => Ok(()),
        }
    }

    fn capacity_mismatch(&self, slots: u64) -> Option<Mismatch> {
        let asked = self.capacity?;
        let fits = asked.checked_next_multiple_of(SLOTS_PER_CHUNK.into()) == Some(slots);
        (!fits).then(|| Mismatch {
            field: "capacity",
            in_file: slots.to_string(),
            asked: asked.to_string(),
        })
    }
}

impl Content {
    /// The cooldown of a lease pool if none is chosen, in seconds.
    pub(crate) const USUAL_COOLDOWN: u32 = 60;

    fn new_cooldown(self) -> Option<u32> {
        match self {
            Self::Addresses => None,
            Self::Leases { cooldown } => Some(cooldown.unwrap_or(Self::USUAL_COOLDOWN)),
        }
    }

    /// The content of a file with this cooldown.
    pub(super) fn of(cooldown: Option<u32>) -> Self {
        match cooldown {
            None => Self::Addresses,
            cooldown => Self::Leases { cooldown },
        }
    }

    pub(super) fn mismatch(self, in_file: Option<u32>) -> Option<Mismatch> {
        let (field, in_file, asked) = match (self, in_file) {
            (Self::Addresses, None) | (Self::Leases { cooldown: None }, Some(_)) => return None,
            (Self::Addresses, Some(_)) => ("leases", "yes".to_owned(), "no".to_owned()),
            (Self::Leases { .. }, None) => ("leases", "no".to_owned(), "yes".to_owned()),
            (
                Self::Leases {
                    cooldown: Some(asked),
                },
                Some(in_file),
            ) if asked == in_file => return None,
            (
                Self::Leases {
                    cooldown: Some(asked),
                },
                Some(in_file),
            ) => ("cooldown", format!("{in_file}s"), format!("{asked}s")),
        };
        Some(Mismatch {
            field,
            in_file,
            asked,
        })
    }

    pub(super) fn check(self, in_file: Option<u32>) -> Result<(), OpenError> {
        match self.mismatch(in_file) {
            None => Ok(()),
            Some(mismatch) => Err(OpenError::GeometryMismatch {
                mismatches: vec![mismatch],
            }),
        }
    }
}

/// Returns how many slots a file has room for.
pub(super) fn room(capacity_words: u64) -> u64 {
    capacity_words * u64::from(SLOTS_PER_WORD)
}

/// Opens a pool file, and takes the description of the pool from the file itself, for tools that do not know it.
///
/// # Errors
///
/// The errors of [`Builder::open`], except for mismatches.
///
/// ```
/// # use hostbits::Pool;
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-any-{}", std::process::id()));
/// let net: ipnet::Ipv4Net = "10.0.0.0/24".parse()?;
/// let pool = Pool::builder(net).create(&path)?;
/// let same = hostbits::file::open(&path)?;
/// assert_eq!(same.info().network, Some(net.into()));
/// let addr = same.allocate()?;
/// assert_eq!(pool.allocated(), 1);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<Pool<IpNet>, OpenError> {
    open_since(path, 0)
}

/// Opens a pool file like [`open`], but refuses one whose session is lower than `min_session`; see
/// [`Builder::min_session`].
///
/// # Errors
///
/// The errors of [`open`], and [`OpenError::StaleFile`] if the session is lower.
///
/// ```
/// # use hostbits::{Pool, file::{self, OpenError}};
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-since-{}", std::process::id()));
/// drop(Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?);
/// assert!(file::open_since(&path, 1).is_ok());
/// assert!(matches!(file::open_since(&path, 9), Err(OpenError::StaleFile { session: 2, min: 9 })));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_since(path: impl AsRef<Path>, min_session: u64) -> Result<Pool<IpNet>, OpenError> {
    open_with(path.as_ref(), since(min_session), Content::Addresses)
}

/// Opens the tokens of the lease pool that a file contains, whatever its network.
pub(crate) fn open_leases(path: &Path, min_session: u64) -> Result<Pool<IpNet>, OpenError> {
    let content = Content::Leases { cooldown: None };
    open_with(path, since(min_session), content)
}

/// Makes the file of a plain pool one of leases, whatever its network, and opens its tokens. The file of a lease pool is just
/// opened.
pub(crate) fn convert(
    path: &Path,
    min_session: u64,
    cooldown: Option<u32>,
) -> Result<Pool<IpNet>, OpenError> {
    let mut opening = Opening::begin(path, since(min_session))?;
    let content = Content::Leases { cooldown };
    finish_growth(&mut opening)?;
    let config = Config::parse(opening.config())?;
    config.check_header(opening.header().facts)?;
    let geometry = config.lay_out()?;
    match opening.header().cooldown {
        Some(in_file) => content.check(Some(in_file))?,
        None => {
            let durability = opening.durability();
            let grown = Blueprint {
                facts: facts(&geometry, durability.number()),
                durability,
                capacity_slots: room(opening.header().layout.capacity_words),
                config: &config.to_string(),
                free: &[],
                closed: &[],
                cooldown: content.new_cooldown(),
            };
            opening = opening.enlarge(&grown, &usable(&geometry))?;
        }
    }
    let policy = config.policy(|| RandomState::new().hash_one(0));
    finish(opening, geometry, policy, StatsLevel::Off)
}

fn since(min_session: u64) -> OpenRequest {
    OpenRequest {
        patience: PATIENCE,
        relaxed: RelaxedChecks::default(),
        pages: PageOptions::default(),
        min_session,
    }
}

/// Opens the pool that a file contains, whatever its network.
fn open_with(
    path: &Path,
    request: OpenRequest,
    content: Content,
) -> Result<Pool<IpNet>, OpenError> {
    let opening = Opening::begin(path, request)?;
    content.check(opening.header().cooldown)?;
    let config = Config::parse(opening.config())?;
    let geometry = config.lay_out()?;
    let policy = config.policy(|| RandomState::new().hash_one(0));
    finish(opening, geometry, policy, StatsLevel::default())
}

/// Completes a growth during which a process died.
fn finish_growth(opening: &mut Opening<'_>) -> Result<(), OpenError> {
    let Some(before) = opening.before_unfinished_growth()? else {
        return Ok(());
    };
    let after = Config::parse(opening.config())?;
    let change = Config::parse(&before)?.change_into(&after);
    let change = change.ok_or(OpenError::Corrupt {
        what: "the two headers are of different pools",
    })?;
    opening.finish_growth(&change.added, &change.removed)
}

/// The last step of every way to open a file.
fn finish<N: Network>(
    mut opening: Opening<'_>,
    geometry: Geometry<N>,
    policy: Policy,
    stats: StatsLevel,
) -> Result<Pool<N>, OpenError> {
    let in_header = opening.header().facts;
    if in_header != facts(&geometry, in_header.mode) {
        return Err(OpenError::Corrupt {
            what: "the header and the configuration contradict each other",
        });
    }
    finish_growth(&mut opening)?;
    let attached = opening.finish(&usable(&geometry))?;
    Ok(Pool::assemble(
        geometry,
        Words::in_file(attached),
        policy,
        stats,
    ))
}

pub(super) fn usable<N: Network>(geometry: &Geometry<N>) -> Vec<(Slot, Slot)> {
    let runs = geometry.runs().iter();
    runs.map(|run| (run.first, run.last)).collect()
}
