//! Repairs a pool from the list of users: compares them while the pool is in use, and frees addresses without a user.
//!
//! [`Pool::reconciler`](crate::Pool::reconciler) creates a [`Reconciler`], a [`Pass`] reads the list and makes a
//! [`Plan`], and [`Reconciler::apply`] carries it out. For all members of a set, use
//! [`set::Reconciler`](crate::set::Reconciler). The page [`guide::reconciliation`](crate::guide::reconciliation)
//! describes how to use it.
//!
//! ```
//! use hostbits::{Pool, reconcile};
//! use std::time::Duration;
//!
//! let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
//! let (held, leaked) = (pool.allocate()?, pool.allocate()?);
//!
//! // No user joins or leaves meanwhile, so the first sighting is enough.
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
