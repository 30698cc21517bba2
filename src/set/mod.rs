//! Several pools as one: types that belong to [`PoolSet`] and [`DualStack`](crate::DualStack).
//!
//! A set does not change the bits of its members by itself: it determines which member is tried first, which parts are
//! left alone, and when all of them had nothing. Data flows in one direction, as in the pool: the strategy says where
//! to begin, the summary over the members says where something may be free, and the member's pool decides. The page
//! [`guide::sets`](crate::guide::sets) describes how to use sets.
//!
//! ```
//! use hostbits::{Pool, PoolSet, set};
//!
//! let pool = |net: &str| Pool::new(net.parse::<ipnet::Ipv4Net>().unwrap());
//! let set = PoolSet::builder()
//!     .strategy(set::Strategy::MostFree)
//!     .members([pool("10.0.0.0/24")?, pool("10.0.1.0/24")?])
//!     .build()?;
//! let held: Vec<_> = (0..4).map(|_| set.guard()).collect::<Result<_, _>>()?;
//! assert!(set.members().all(|member| member.pool().allocated() == 2));
//! # drop(held);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The files of this room:
//
// | file | what it does |
// |---|---|
// | `pool_set` | the set itself |
// | `builder` | puts a set together |
// | `members`, `member` | the list of members, and one of them |
// | `directory` | finds the member that an address belongs to |
// | `strategy` | which member is tried first |
// | `verbs` | allocate and release |
// | `many` | many addresses in one call |
// | `guard` | addresses that are released automatically |
// | `list`, `adopt` | which member an entry of a list is for; adopting a list |
// | `reconcile` | passes over all members with one list |
// | `reclaim` | reclaims the quarantines of pool files with one list |
// | `change` | add, drain, remove, cordon |
// | `proof` | the exact "exhausted" |
// | `cordons`, `band` | which parts of a member are left alone, or used last |
// | `pair`, `halves`, `twins` | an IPv4 and an IPv6 address for one client |
// | `sub_pool` | a named part of a pool with a policy of its own |

mod adopt;
mod band;
mod builder;
mod change;
mod cordons;
mod directory;
mod error;
mod exact_block;
mod from;
mod guard;
mod halves;
mod list;
mod many;
mod member;
mod members;
pub(crate) mod pair;
pub(crate) mod pool_set;
mod proof;
mod questions;
#[cfg(pool_files)]
#[cfg_attr(docsrs, doc(cfg(all(feature = "mmap", target_os = "linux"))))]
mod reclaim;
mod reconcile;
mod release_many;
mod strategy;
mod sub_pool;
#[cfg(pool_files)]
#[cfg_attr(docsrs, doc(cfg(all(feature = "mmap", target_os = "linux"))))]
mod sync;
mod twins;
mod verbs;
mod view;

pub use band::StaticBand;
pub use builder::{Builder, NewMember};
pub use error::{
    AddError, AllocatePairError, AllocatePairExactError, CordonError, Extent, MemberError,
    ReleasePairError,
};
pub use guard::{Guard, GuardArc};
pub use member::MemberId;
pub use pair::Pair;
pub(crate) use pool_set::PoolSet;
#[cfg(pool_files)]
#[cfg_attr(docsrs, doc(cfg(all(feature = "mmap", target_os = "linux"))))]
pub use reclaim::{MemberReclaimed, ReclaimError, Reclaimed};
pub use reconcile::{
    Applied, ApplyError, MemberPlan, Pass, Plan, Reconciler, ReconcilerError, Undone,
};
pub use strategy::Strategy;
pub use sub_pool::SubPool;
pub use twins::TwinPools;
pub use view::Member;
