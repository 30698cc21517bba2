//! The pool against a list of its users: `check`, `reconcile`, `seed`; and the same for a set of pools.
//!
//! | file | what it does |
//! |---|---|
//! | `args`, `values` | what may be said |
//! | `target` | a pool file, or a set of a configuration |
//! | `check` | looks, and changes nothing |
//! | `sight` | a pass: the barrier, then the list, then what it says |
//! | `run` | `reconcile POOL`, `set reconcile CONFIG` |
//! | `apply` | `reconcile apply` |
//! | `undo` | `reconcile undo` and `reconcile close` |
//! | `seed` | takes what is listed |
//! | `plan_file` | what one process leaves to the next |
//! | `report`, `outcome` | what was found, what was done and what comes next, as text and as JSON |
//! | `progress` | a bar, if somebody is looking |
//! | `failure` | what to say of a plan that was not applied |
//!
//! What may be freed is decided in the library alone. This room reads lists for it, keeps its plans between
//! processes, and says what it did.

mod apply;
mod args;
mod check;
mod failure;
mod outcome;
mod plan_file;
mod progress;
mod report;
mod run;
mod seed;
mod sight;
mod target;
mod undo;
mod values;

pub(crate) use args::{CheckArgs, ListArgs, ReconcileArgs, SeedArgs};
pub(crate) use check::{run as check, run_pool as check_pool};
pub(crate) use failure::{MEND, OTHER_PLAN, apply_hint, serialize_apply, without_member};
pub(crate) use plan_file::PlanFailure;
pub(crate) use report::{Found, Sighted};
pub(crate) use run::dispatch as reconcile;
pub(crate) use seed::run as seed;
pub(crate) use target::{Named, Target};
