//! Several pools as one: what belongs to [`PoolSet`] and [`DualStack`](crate::DualStack).
//!
//! A set adds nothing to the bits of its members and takes nothing from them: it says which member is asked
//! first, which parts are left alone, and when all of them had nothing. Data flows one way, as in the pool:
//! the strategy says where to begin, the summary over the members where something may be, the member's pool
//! decides. How it is used is on the page [`guide::sets`](crate::guide::sets).
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
// | `directory` | which member an address is of |
// | `strategy` | which member is asked first |
// | `verbs` | allocate, release, questions |
// | `many` | many addresses in one call |
// | `guard` | addresses that give themselves back |
// | `list`, `adopt` | which member an entry of a list is for; seeding from a list |
// | `reconcile` | passes over all members with one list |
// | `reclaim` | the quarantines of pool files against one list |
// | `change` | add, drain, remove, cordon |
// | `proof` | the exact "exhausted" |
// | `cordons`, `band` | which parts of a member are left alone, or used last |
// | `pair`, `twins` | an IPv4 and an IPv6 address for one client |
// | `sub_pool` | a named part of a pool with a policy of its own |

mod adopt;
mod band;
mod builder;
mod change;
mod cordons;
mod directory;
mod error;
mod guard;
mod list;
mod many;
mod member;
mod members;
pub(crate) mod pair;
pub(crate) mod pool_set;
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
pub use builder::{Builder, NewMember};
pub use error::{AddError, AllocatePairError, CordonError, Extent, MemberError, ReleasePairError};
pub use guard::{Guard, GuardArc};
pub use member::MemberId;
pub use pair::Pair;
pub(crate) use pool_set::PoolSet;
#[cfg(all(
    feature = "mmap",
    target_os = "linux",
    target_has_atomic = "64",
    not(all(loom, feature = "_loom"))
))]
pub use reclaim::{MemberReclaimed, ReclaimError, Reclaimed};
pub use reconcile::{
    Applied, ApplyError, MemberPlan, Pass, Plan, Reconciler, ReconcilerError, Undone,
};
pub use strategy::Strategy;
pub use sub_pool::SubPool;
pub use twins::TwinPools;
pub use view::Member;
