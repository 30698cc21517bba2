//! A pool, or a set of pools, against a list of its users: `check`, `reconcile`, `seed`, `reclaim`.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the arguments |
//! | `check` | compares, and changes nothing |
//! | `run` | `reconcile POOL`, `set reconcile CONFIG`, `reconcile apply` |
//! | `undo` | `reconcile undo` and `reconcile close` |
//! | `seed` | allocates listed addresses |
//! | `reclaim` | the quarantine against a list |
//! | `outcome` | what was done and what comes next, as text and as JSON |

pub(super) mod args;
pub(super) mod check;
mod outcome;
pub(super) mod reclaim;
pub(super) mod run;
pub(super) mod seed;
mod undo;
