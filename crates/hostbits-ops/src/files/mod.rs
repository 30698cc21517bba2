//! Pool files and sets of them: the operations on them, and on a list of their users.
//!
//! | room | what it is | imports of this folder |
//! |---|---|---|
//! | `pool_failure`, `set_failure`, `plan_failure` | why a pool file, a set or a plan was refused | `pool_failure` |
//! | `closing` | open, work, close, and only then report | |
//! | `waiting` | the processes that a call waits for | |
//! | `release`, `look` | releases one address at a time; problems of a file | |
//! | `pool_file`, `config_file` | a file by its path | failures, `closing` |
//! | `reopened` | reservations that a change has removed | |
//! | `leases` | leases: allocate, renew, release, sweep, convert | those above |
//! | `pool_verbs`, `copies` | create, grow, allocate, release, sync; backup, restore | those above |
//! | `set_plan`, `set_look`, `set_verbs`, `set_next` | a configuration: plan, apply; look; allocate, release; without files | those above |
//! | `target` | a pool file, or a set of a configuration: what is compared with a list | those above |
//! | `plan_file` | what one process stores for the next | `target` |
//! | `sight`, `outcome` | a pass: the barrier, then the list, then what they say; the result | `target` |
//! | `check`, `seed`, `reclaim`, `undo` | what is done with a list | those above |
//! | `who`, `export` | what an address is, and who holds it; all addresses of a pool file with their owners | `pool_file`, `config_file` |
//! | `passes`, `apply` | as many passes as it takes; the next sighting of a plan | those above |

mod apply;
mod check;
mod closing;
mod config_file;
mod copies;
mod export;
mod leases;
mod look;
mod outcome;
mod passes;
mod plan_file;
mod pool_file;
mod pool_verbs;
mod reclaim;
mod release;
mod reopened;
mod seed;
mod set_look;
mod set_next;
mod set_plan;
mod set_verbs;
mod sight;
mod target;
mod undo;
mod waiting;
mod who;

// The parts of a failure; `files_failure` is outside, because a build without files has one, too.
pub(crate) mod plan_failure;
pub(crate) mod pool_failure;
pub(crate) mod set_failure;

pub use apply::{ApplyOptions, apply};
pub use check::{Checked, check};
pub use config_file::ConfigFile;
pub use copies::{Copied, backup, restore};
pub use export::{COLUMNS, Exported, Row, export};
pub use leases::{
    Granted, OwnedBy, Owner, ReleasedLease, Unfenced, WantedLease, allocate_lease, convert,
    owned_by, release_leases, renew, sweep, unprinted_leases,
};
pub use look::{Problem, has_damage, problems};
pub use outcome::{Next, Outcome};
pub use passes::{PassOptions, reconcile};
pub use plan_failure::PlanFailure;
pub use pool_failure::PoolFailure;
pub use pool_file::PoolFile;
pub use pool_verbs::{
    LeaseSpec, Made, PoolSpec, Wanted, allocate, create, grow, release, sync, unprinted,
};
pub use reclaim::{Everybody, Reclaimed, reclaim};
pub use release::Released;
pub use seed::{Seeded, seed};
pub use set_failure::SetFailure;
pub use set_look::{
    CheckedSets, ListedSet, Part, SeenMember, ShownMember, ShownRange, ShownSet, check_sets,
    list_sets, show_sets,
};
pub use set_next::next_of_set;
pub use set_plan::{apply_config, plan_config};
pub use set_verbs::{
    WantedOfSet, WantedPairs, allocate_in_set, allocate_pairs, release_in_set, unprinted_of_set,
};
pub use sight::Lists;
pub use target::Target;
pub use undo::{close, undo};
pub use who::{Answer, Holder, InSet, LeaseSeen, Place, State, Where, who};
