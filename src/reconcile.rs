//! Repair from the list of users: compares a pool with it while the pool is in use, and frees what nobody has.
//!
//! [`Pool::reconciler`](crate::Pool::reconciler) begins, a [`Pass`] reads the list and makes a [`Plan`], and
//! [`Reconciler::apply`] does what it says. For all members of a set: [`set::Reconciler`](crate::set::Reconciler). How
//! it is used is on the page [`guide::reconciliation`](crate::guide::reconciliation).
//!
//! ```
//! use hostbits::{Pool, reconcile};
//! use std::time::Duration;
//!
//! let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
//! let (held, leaked) = (pool.allocate()?, pool.allocate()?);
//!
//! // Everybody has stopped joining and leaving, so the first sight is enough.
//! let options = reconcile::Options::new().grace(Duration::ZERO);
//! let mut reconciler = pool.reconciler_with(options)?;
//! let mut pass = reconciler.begin()?;
//! pass.read([held]);
//! let plan = pass.finish(1)?;
//! assert_eq!(reconciler.apply(&plan)?.freed, 1);
//! assert_eq!(pool.allocate()?, leaked);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::plan::{
    Applied, ApplyError, EntryCounts, FileIdentity, Fuse, PassError, Plan, PlanRange, PoolIdentity,
    ReconcilerError, SlotCounts, Undone,
};
pub use crate::pool::reconcile::{Options, Pass, Reconciler};
