//! The pool: the public verbs over geometry, policy, bitmap and counters.
//!
//! Data flows one way: the geometry turns an address into a slot, the policy says where to look, the
//! bitmap decides, and the answer becomes an address or an error here. No other room knows of errors
//! and addresses at once.

mod adopt;
mod allocate;
mod barrier;
mod batch;
mod builder;
mod confirm;
#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
pub(crate) mod file;
mod grow;
mod guard;
mod holdings;
mod info;
mod listing;
mod local;
mod member;
mod member_listing;
mod owners;
mod pocket;
mod query;
pub(crate) mod reconcile;
mod refill;
mod release;
mod snapshot;
mod sticky;

pub(crate) use batch::Batch;
pub use builder::{Builder, Search};
pub(crate) use guard::Lender;
pub use guard::{AddrGuard, Guard, GuardArc};
pub use info::{AddrRange, NetworkInfo, Reservation};
pub(crate) use listing::BlockSays;
pub use local::{Local, LocalArc, LocalPool};
pub(crate) use member::{PairHalf, Part};
pub(crate) use member_listing::MemberListing;
pub use query::Status;
pub use release::ReleasedMany;
pub use snapshot::{Diff, Snapshot, SnapshotMismatch};

use crate::bitmap::Bitmap;
use crate::error::BuildError;
use crate::geometry::Geometry;
use crate::network::Network;
use crate::policy::{Hints, Policy};
use crate::slot::SLOTS_PER_WORD;
use crate::stats::{Counters, Stats, StatsLevel};
use crate::storage::Words;
use confirm::AfterClaim;
use holdings::Holdings;
use ipnet::IpNet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// A pool of the addresses of one network.
///
/// Every verb takes `&self`: share it by reference or in an [`Arc`](std::sync::Arc). All of them are
/// safe under any concurrency; those that take or give back one address allocate no memory, and except
/// for the wait described below they neither block nor make a system call.
///
/// * No two holders ever share an address.
/// * `Exhausted` means that at some instant of the call nothing was free. Contention is never
///   reported as exhaustion.
/// * A release happens before the next allocation of that address.
/// * Lock-free for single addresses: some caller always makes progress. See below for what that does not say.
///
/// What one bit cannot see is a release of an address that meanwhile belongs to somebody else. A
/// [guard](Pool::guard) releases its address once, and so is never the second one; it does not keep
/// others, or you, from releasing that address by hand.
///
/// # Lock-free
///
/// A thread that is stopped in the middle of taking or giving back one address is in nobody's way. That does not
/// say that nobody ever waits, or how long a call takes:
///
/// * Batches (all or nothing) and blocks of more than 64 slots hold what they may still give back. Whoever would
///   be *refused* ("exhausted", "already allocated") waits for those that were being claimed when it looked, and
///   for none that begin later. A thread that is stopped in one holds up those who would be refused. Who finds
///   something free never waits.
/// * Batches that take from each other give way and try again. A caller may in theory lose every race for an
///   address: it is not wait-free.
/// * More than 64 batches and large blocks at once wait for their turn; in a pool file, those of one process do.
/// * A refusal looks again only if something that it could have had was given back, or released where it looks.
///   What that means for each verb is on the page [`design::algorithm`](crate::design::algorithm).
/// * In a `Strict` file an allocation waits for the disk.
///
/// # Forks
///
/// A pool on the heap is copied by a `fork`, like all memory: parent and child hand out the same addresses from
/// then on, and know nothing of each other. What threads of the parent were claiming at that moment stays taken in
/// the child, which waits for none of them. But a lock that one of them held at that moment stays locked in the
/// child: to begin or end a local, to read statistics and to change a set may wait for ever there, in a process of
/// several threads. A pool in a file is of the process that has opened it. To its child
/// every verb answers `Forked`, and changes nothing, also by the ends of guards and pools that the child has
/// copies of. It opens the file itself, and that pool is its own.
///
/// That a fork has taken place is seen whatever way it was made. The handlers of `fork` also take the files of the
/// parent from the child. A bare `clone` and `_Fork` call no handlers: such a child is refused all the same, but
/// keeps its parent's locks until it ends, and then others wait for a parent that died in a batch.
///
/// # Signal handlers
///
/// A handler may allocate and release single addresses, unless the pool is in a `Strict` file, or the handler has
/// interrupted a call of a reconciler. It does not wait for the call that it has interrupted: what a batch or a
/// block there was claiming counts as taken. So it may be told "exhausted" though that is given back later. All
/// other verbs may wait for ever in a handler: batches, blocks, locals, sets. They allocate memory, too.
///
/// A child that a handler forks in the middle of a batch goes on with that batch in its copy of a pool on the heap.
/// There nobody waits for it any more: until it ends, what it has counts as taken.
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
    /// Of locals.
    holdings: Holdings,
    /// Whether somebody reconciles here.
    is_reconciling: AtomicBool,
    /// That one is freeing.
    is_freeing: AtomicBool,
    /// A random number, to tell this pool's plans from others'.
    instance: OnceLock<u64>,
}

impl<N: Network> Pool<N> {
    /// Creates a pool of all usable addresses of `network`, on the heap, lowest address first.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the network is written with host bits set, or has more than 2^32 addresses.
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

    /// Begins a pool of `network` with choices: policy, gateway, reservations, ranges, unit.
    ///
    /// ```
    /// use hostbits::{Gateway, Policy, Pool};
    ///
    /// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)
    ///     .gateway(Gateway::At("10.0.0.254".parse()?))
    ///     .reserve("10.0.0.1".parse()?..="10.0.0.9".parse()?, "routers")
    ///     .policy(Policy::Next)
    ///     .build()?;
    /// assert_eq!(pool.allocate()?.to_string(), "10.0.0.10");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(network: N) -> Builder<N> {
        Builder::of_network(network)
    }

    /// Begins a pool of ranges with no network around them, as VPN and DHCP servers have.
    ///
    /// Nothing is reserved unless it is asked for: the ranges say what may be handed out.
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

    /// Begins a pool from an address as interfaces are configured: `10.0.0.1/24` is the network
    /// `10.0.0.0/24` with the gateway `10.0.0.1`.
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

    /// Counts the addresses that the pool can hand out in all: its slots less the reserved ones.
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

    /// Counts the addresses that are allocated.
    ///
    /// Exact when no other thread is at work; otherwise a number from somewhere in the call. O(1)
    /// where allocations are counted (the default; a few loads per group of threads); at
    /// [`StatsLevel::Off`](crate::StatsLevel::Off) and in a pool file it counts all bits, O(words).
    ///
    /// ```
    /// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
    /// pool.allocate_block(28)?;
    /// assert_eq!(pool.allocated(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocated(&self) -> u64 {
        let allocated = match self.counters.allocated_now() {
            // The counters know of this process alone, others may have the file open.
            Some(allocated) if !self.is_in_file() => allocated,
            _ => self.capacity() - self.count_free_bits(),
        };
        allocated.min(self.capacity())
    }

    /// Counts the addresses that are free: [`capacity`](Self::capacity) less
    /// [`allocated`](Self::allocated), at the same cost.
    ///
    /// Never ask this to decide whether to allocate: it may have changed when you read it. Allocate,
    /// and look at the answer.
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

    /// Reads the counters, since the pool was built or since the last [`reset_stats`].
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

    /// Reads the counters since the pool was built. They never go back: use these for metrics.
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

    /// Moves the base line of [`stats`](Self::stats) to now. No counter changes, and neither does
    /// what is allocated.
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

    /// Puts a pool together.
    fn assemble(geometry: Geometry<N>, words: Words, policy: Policy, stats: StatsLevel) -> Self {
        let word_count = geometry.slot_count().div_ceil(SLOTS_PER_WORD.into());
        let after_claim = match (words.file(), stats) {
            (Some(file), _) if file.is_strict() => AfterClaim::Confirm,
            (Some(_), _) => AfterClaim::Shared,
            (None, StatsLevel::Off) => AfterClaim::Nothing,
            (None, _) => AfterClaim::Count,
        };
        Self {
            words,
            hints: Hints::new(policy, word_count),
            counters: Counters::new(stats),
            after_claim,
            search: Search::Tree,
            holdings: Holdings::default(),
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

/// The info line; not the bits.
impl<N: Network> fmt::Debug for Pool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.info())
    }
}
