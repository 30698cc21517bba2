//! Sets: several pools as one.
//!
//! A set adds nothing to the bits of its members and takes nothing from them: it says which member is asked
//! first, which parts are left alone, and when all of them had nothing. Data flows one way, as in the pool:
//! the strategy says where to begin, the summary over the members where something may be, the member's pool
//! decides.
//!
//! | file | what it does |
//! |---|---|
//! | `builder` | puts a set together |
//! | `members`, `member` | the list of members, and one of them |
//! | `directory` | which member an address is of |
//! | `strategy` | which member is asked first |
//! | `verbs` | allocate, release, questions |
//! | `many` | many addresses in one call |
//! | `exact_block` | exactly this block |
//! | `guard` | addresses that give themselves back |
//! | `list`, `adopt` | which member an entry of a list is for; seeding from a list |
//! | `reconcile` | passes over all members with one list |
//! | `reclaim` | the quarantines of pool files against one list |
//! | `change` | add, drain, remove, cordon |
//! | `proof` | the exact "exhausted" |
//! | `cordons`, `band` | which parts of a member are left alone, or used last |
//! | `pair`, `twins` | an IPv4 and an IPv6 address for one client |
//! | `sub_pool` | a named part of a pool with a policy of its own |

mod adopt;
mod band;
mod builder;
mod change;
mod cordons;
mod directory;
mod error;
mod exact_block;
mod guard;
mod list;
mod many;
mod member;
mod members;
mod pair;
mod proof;
#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
mod reclaim;
mod reconcile;
mod strategy;
mod sub_pool;
mod twins;
mod verbs;
mod view;

pub use band::StaticBand;
pub use builder::{NewMember, SetBuilder};
pub use error::{AddError, AllocatePairError, CordonError, Extent, MemberError, ReleasePairError};
pub use guard::{SetGuard, SetGuardArc};
pub use member::MemberId;
pub use pair::{DualStack, Pair};
#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
pub use reclaim::{MemberReclaimed, SetReclaimError, SetReclaimed};
pub use reconcile::{
    MemberPlan, SetApplied, SetApplyError, SetPass, SetPlan, SetReconciler, SetReconcilerError,
    SetUndone,
};
pub use strategy::Strategy;
pub use sub_pool::SubPool;
pub use twins::TwinPools;
pub use view::Member;

use crate::bitmap::Roster;
use crate::network::Network;
use crate::sync::{AtomicU64, hint};
use directory::Directory;
use ipnet::IpNet;
use members::Members;
use std::fmt;
use std::sync::Mutex;
use strategy::Chooser;

/// Several pools as one: a second network when the first one is full, a network per rack.
///
/// Every verb takes `&self`, members can be added, drained and cordoned while others allocate, and the
/// promises of a [`Pool`](crate::Pool) hold for the whole:
///
/// * No two holders ever share an address. Members never overlap.
/// * `Exhausted` means that at some instant of the call no member had anything to hand out.
/// * A member that has nothing is skipped without a look at it.
/// * Lock-free for single addresses. Adding, draining and cordoning wait for each other, and nobody for them.
///
/// A set is a routing domain of its own: another set may have the same networks. Members are shared pools,
/// on the heap or in files, and can be used beside the set as well; but what is given back there, the set
/// finds only when it has nothing else, and a drain or a cordon of the set binds only the set.
///
/// ```
/// use hostbits::{Pool, PoolSet};
///
/// let set = PoolSet::new([
///     Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?,
///     Pool::new("10.0.7.0/24".parse()?)?,
/// ])?;
/// assert_eq!(set.allocate()?.to_string(), "10.0.0.2");
/// let addr = set.allocate()?;
/// assert_eq!(addr.to_string(), "10.0.7.2");
/// set.release(addr)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolSet<N: Network = IpNet> {
    members: Members<N>,
    roster: Roster,
    directory: Directory<N>,
    chooser: Chooser,
    /// Not 0 if some member has a static band.
    bands: hint::AtomicU64,
    /// How often something became free without a release.
    openings: AtomicU64,
    /// Held by whoever changes the set; never by those who use it.
    changing: Mutex<()>,
}

impl<N: Network> PoolSet<N> {
    /// Puts pools together, in this order, with [`Strategy::InOrder`] and room for 256 members.
    ///
    /// # Errors
    ///
    /// [`AddError`] if two of them overlap, with both networks, or if there are more than 256.
    ///
    /// ```
    /// use hostbits::{Pool, PoolSet};
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?);
    /// let set = PoolSet::new([Arc::clone(&pool)])?;
    /// set.allocate()?;
    /// assert_eq!(pool.allocated(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(pools: impl IntoIterator<Item = impl Into<NewMember<N>>>) -> Result<Self, AddError> {
        Self::builder().members(pools).build()
    }

    /// Begins a set with choices: strategy, weights, static bands, room.
    ///
    /// ```
    /// use hostbits::{Pool, PoolSet, Strategy};
    ///
    /// let set = PoolSet::builder()
    ///     .strategy(Strategy::Weighted)
    ///     .weighted(Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?, 3)
    ///     .weighted(Pool::new("10.0.1.0/24".parse()?)?, 1)
    ///     .build()?;
    /// for _ in 0..40 {
    ///     set.allocate()?;
    /// }
    /// let taken: Vec<_> = set.members().map(|member| member.pool().allocated()).collect();
    /// assert!((29..=31).contains(&taken[0]), "three quarters of 40: {taken:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> SetBuilder<N> {
        SetBuilder::new()
    }
}

impl<N: Network> fmt::Debug for PoolSet<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let infos = self.members.iter().map(|(_, member)| member.pool.info());
        f.write_str("PoolSet")?;
        f.debug_list()
            .entries(infos.map(|info| info.to_string()))
            .finish()
    }
}
