//! The pass: compares a pool with a list while it is in use, and repairs what has drifted.
//!
//! What may be freed, and why it is nobody's, is on the page `reconciliation` (`docs/reconciliation.md`).
//!
//! | file | what it does |
//! |---|---|
//! | `options` | grace, reading, clock |
//! | `reconciler` | holds the one slot of a pool; begins passes, lowers the barrier at the end |
//! | `pass` | reads a list and makes a plan |
//! | `sightings` | which orphans were seen when |
//! | `fuse` | the rules that keep a plan from freeing |
//! | `apply` | frees and adopts, and takes back |

mod apply;
mod fuse;
mod options;
mod pass;
mod reconciler;
mod sightings;

pub(crate) use fuse::{Facts, blown};
pub use options::ReconcileOptions;
pub use pass::Pass;
pub(crate) use pass::check_whole;
pub use reconciler::Reconciler;
