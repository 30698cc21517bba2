//! The pool: the public methods over geometry, policy, bitmap and counters.
//!
//! Data flows in one direction: the geometry turns an address into a slot, the policy says where to search, the bitmap
//! decides, and the result becomes an address or an error here. No other module deals with both errors and addresses.

mod builder;
mod claim;
#[cfg(pool_files)]
#[cfg_attr(docsrs, doc(cfg(all(feature = "mmap", target_os = "linux"))))]
pub(crate) mod file;
mod grow;
mod guard;
#[cfg(all(test, not(loom)))]
mod lines;
mod list;
mod local;
mod look;
mod member;
pub(crate) mod reconcile;
mod release;
mod token;

pub use builder::{Builder, Search};
pub(crate) use claim::Batch;
pub(crate) use guard::Lender;
pub use guard::{AddrGuard, Guard, GuardArc};
pub(crate) use list::{BlockSays, LeaseListing, ListOfLeases, MemberListing};
pub use local::{Local, LocalArc, LocalPool};
pub use look::{AddrRange, Diff, NetworkInfo, Reservation, Snapshot, SnapshotMismatch, Status};
pub(crate) use member::{PairHalf, Part};
pub(crate) use release::Left;
pub use release::ReleasedMany;

use crate::bitmap::Bitmap;
use crate::error::BuildError;
use crate::geometry::Geometry;
use crate::network::Network;
use crate::policy::{Hints, Policy};
use crate::slot::SLOTS_PER_WORD;
use crate::stats::{Counters, Stats, StatsLevel};
use crate::storage::Words;
use crate::stripes::threads_for;
use claim::in_file::AfterClaim;
use ipnet::IpNet;
use local::LocalRegistry;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// A pool of the addresses of one network.
///
/// Every method takes `&self`: share the pool by reference or in an [`Arc`](std::sync::Arc). All methods are safe under
/// any concurrency. Those that allocate or release a single address allocate no memory and, except for the wait
/// described below, neither block nor make a system call.
///
/// * No two holders ever share an address.
/// * `Exhausted` means that at some instant of the call nothing was free. Contention is never reported as exhaustion.
/// * A release happens before the next allocation of that address.
/// * Lock-free for single addresses: some caller always makes progress. See below for the limits of this promise.
///
/// A single bit cannot detect the release of an address that meanwhile belongs to another holder. A
/// [guard](Pool::guard) releases its address only once, so it is never such a second release; but it does not keep
/// other code from releasing the same address by hand.
///
/// # Lock-free
///
/// A thread that is stopped in the middle of allocating or releasing one address does not hold up any other thread.
/// This does not mean that no call ever waits, or how long a call takes:
///
/// * Batches (all or nothing) and blocks of more than 64 slots hold addresses that they may still give back. A call
///   that would be *refused* ("exhausted", "already allocated") waits for those that were in progress when it looked,
///   but not for any that begin later. So a thread that is stopped in one delays calls that would be refused. A call
///   that finds something free never waits.
/// * Batches that take addresses from each other give way and try again. In theory, a caller may lose every race for an
///   address: it is not wait-free.
/// * More than 64 batches and large blocks at once take turns; in a pool file, those of one process do.
/// * A call searches again before it is refused only if an address that it could have had was given back, or was
///   released in the area it searches. The page [`design::algorithm`](crate::design::algorithm) explains what this
///   means for each method.
/// * In a `Strict` file, an allocation waits for the disk.
///
/// # Forks
///
/// `fork` copies a pool on the heap like all memory: from then on, parent and child hand out the same addresses,
/// independently of each other. Addresses that threads of the parent were claiming at that moment stay taken in the
/// child, which does not wait for those threads. But a lock that one of them held at that moment stays locked in the
/// child. So in a child of a process with several threads, creating or dropping a local, reading statistics and
/// changing a set may wait for ever. A pool in a file belongs to the process that has opened it. In its child, every
/// method returns `Forked` and changes nothing, and so does dropping the child's copies of guards and pools. The child
/// has to open the file itself.
///
/// A fork is detected however it was made. The handlers of `fork` also close the parent's files in the child. A bare
/// `clone` and `_Fork` call no handlers: such a child is refused as well, but it keeps its parent's locks until it
/// ends. Until then, other processes wait for a parent that died in a batch.
///
/// # Signal handlers
///
/// A handler may allocate and release single addresses, unless the pool is in a `Strict` file or the handler has
/// interrupted a call of a reconciler. It does not wait for the call that it has interrupted: what a batch or a block
/// there was claiming counts as taken. So it may get "exhausted" although that is given back later. All other methods
/// may wait for ever in a handler: batches, blocks, locals, sets. They also allocate memory.
///
/// A child that a handler forks in the middle of a batch continues that batch in its copy of a pool on the heap. No
/// call there waits for the batch any more; until it ends, the addresses that it has claimed count as taken.
///
/// ```
/// use hostbits::Pool;
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let addr = pool.allocate()?;
/// assert_eq!(addr.to_string(), "10.0.0.2");
/// pool.release(addr)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<N: Network = IpNet> {
    words: Words,
    geometry: Geometry<N>,
    hints: Hints,
    counters: Counters,
    after_claim: AfterClaim,
    search: Search,
    /// The cells of all locals.
    locals: LocalRegistry,
    /// Whether a reconciler exists in this process.
    is_reconciling: AtomicBool,
    /// Whether that reconciler is freeing addresses.
    is_freeing: AtomicBool,
    /// A random number that distinguishes this pool's plans from those of other pools.
    instance: OnceLock<u64>,
}

impl<N: Network> Pool<N> {
    /// Creates a pool on the heap with all usable addresses of `network`, lowest address first.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the network has host bits set, or more than 2^32 addresses.
    ///
    /// ```
    /// use hostbits::Pool;
    ///
    /// let pool = Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?;
    /// assert_eq!(pool.allocate()?.to_string(), "2001:db8::2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(network: N) -> Result<Self, BuildError> {
        Self::builder(network).build()
    }

    /// Returns a builder for a pool of `network`, with choices: policy, gateway, reservations, ranges, unit.
    ///
    /// ```
    /// use hostbits::{Policy, Pool};
    ///
    /// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)
    ///     .gateway_at("10.0.0.254".parse()?)
    ///     .reserve("10.0.0.1".parse()?..="10.0.0.9".parse()?, "routers")
    ///     .policy(Policy::Next)
    ///     .build()?;
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.10");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(network: N) -> Builder<N> {
        Builder::of_network(network)
    }

    /// Returns a builder for a pool that consists of ranges without a network around them, as VPN and DHCP servers
    /// have.
    ///
    /// Nothing is reserved by default: the ranges say what may be handed out.
    ///
    /// ```
    /// use hostbits::Pool;
    ///
    /// let range = "10.0.0.100".parse()?..="10.0.0.199".parse()?;
    /// let pool = Pool::<ipnet::Ipv4Net>::over([range]).build()?;
    /// assert_eq!(pool.capacity(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn over(ranges: impl IntoIterator<Item = RangeInclusive<N::Addr>>) -> Builder<N> {
        Builder::of_ranges(ranges)
    }

    /// Returns a builder for a pool, from an address in the form that configures an interface: `10.0.0.1/24` is the
    /// network `10.0.0.0/24` with the gateway `10.0.0.1`.
    ///
    /// ```
    /// use hostbits::Pool;
    ///
    /// let pool = Pool::interface("10.0.0.9/24".parse::<ipnet::Ipv4Net>()?).build()?;
    /// assert_eq!(pool.info().gateway, Some("10.0.0.9".parse()?));
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interface(interface: N) -> Builder<N> {
        Builder::of_interface(interface)
    }

    /// Returns how many addresses the pool can hand out in total: its slots without the reserved ones.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// assert_eq!(pool.capacity(), 253);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn capacity(&self) -> u64 {
        self.geometry.capacity()
    }

    /// Returns how many addresses are allocated.
    ///
    /// Exact if no other thread uses the pool; otherwise, a number from some moment of the call. O(1) if allocations
    /// are counted (the default; a few loads per group of threads). With [`StatsLevel::Off`](crate::StatsLevel::Off)
    /// and in a pool file, it counts all bits, in O(words).
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate_block(28)?;
    /// assert_eq!(pool.allocated(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocated(&self) -> u64 {
        let allocated = match self.counters.allocated_now() {
            // The counters cover only this process, but other processes may have the file open.
            Some(allocated) if !self.is_in_file() => allocated,
            _ => self.capacity() - self.count_free_bits(),
        };
        allocated.min(self.capacity())
    }

    /// Returns how many addresses are free: [`capacity`](Self::capacity) minus [`allocated`](Self::allocated), at the
    /// same cost.
    ///
    /// Do not use it to decide whether to allocate, because it may be outdated when you read it. Allocate, and check
    /// the result.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// assert_eq!(pool.available(), 252);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn available(&self) -> u64 {
        self.capacity() - self.allocated()
    }

    /// Returns the counters since the pool was built, or since the last [`reset_stats`].
    ///
    /// [`reset_stats`]: Self::reset_stats
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// assert_eq!(pool.stats().allocations.any, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.counters.since_reset()
    }

    /// Returns the counters since the pool was built. They never decrease: use them for metrics.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// pool.reset_stats();
    /// assert_eq!(pool.stats_total().allocations.any, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats_total(&self) -> Stats {
        self.counters.total()
    }

    /// Makes [`stats`](Self::stats) count from now on. Neither the totals nor the allocated addresses change.
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate()?;
    /// pool.reset_stats();
    /// assert_eq!((pool.stats().allocations.any, pool.allocated()), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset_stats(&self) {
        self.counters.reset();
    }

    /// Assembles a pool from its parts.
    fn assemble(geometry: Geometry<N>, words: Words, policy: Policy, stats: StatsLevel) -> Self {
        let word_count = geometry.slot_count().div_ceil(SLOTS_PER_WORD.into());
        let bytes_each = Hints::bytes_each(policy) + Counters::bytes_each(stats);
        let threads = threads_for(geometry.slot_count(), bytes_each);
        let after_claim = match (words.file(), stats) {
            (Some(file), _) if file.is_strict() => AfterClaim::WaitUntilDurable,
            (Some(_), _) => AfterClaim::Shared,
            (None, StatsLevel::Off) => AfterClaim::Nothing,
            (None, _) => AfterClaim::Count,
        };
        Self {
            words,
            hints: Hints::new(policy, word_count, threads),
            counters: Counters::new(stats, threads),
            after_claim,
            search: Search::Tree,
            locals: LocalRegistry::default(),
            is_reconciling: AtomicBool::new(false),
            is_freeing: AtomicBool::new(false),
            instance: OnceLock::new(),
            geometry,
        }
    }

    #[inline]
    fn bitmap(&self) -> Bitmap<'_> {
        self.words.bitmap()
    }

    fn count_free_bits(&self) -> u64 {
        let bitmap = self.bitmap();
        let count = |run: &crate::geometry::Run| bitmap.count_free(run.first, run.last);
        self.geometry.runs().iter().map(count).sum()
    }
}

/// Writes the description, without the bits.
impl<N: Network> fmt::Debug for Pool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.info())
    }
}
