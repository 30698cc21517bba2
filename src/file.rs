//! Pools in files: shared by processes, and still there after them.
//!
//! A file begins with [`Pool::builder`](crate::Pool::builder), or with a function of this module where the file itself
//! says what the pool is. [`open`] opens it, [`read`] looks at it without a lock, [`backup`] and [`restore`] copy it so
//! that nobody takes the copy for the file. What a file promises after a crash is its
//! [`Durability`](crate::Durability).
//!
//! There is such a thing on Linux alone, with the feature `mmap`.
//!
//! ```
//! use hostbits::{Pool, file};
//!
//! # let path = std::env::temp_dir().join(format!("hostbits-doc-door-{}", std::process::id()));
//! let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
//! let addr = pool.allocate()?;
//! drop(pool);
//!
//! let pool = file::open(&path)?;
//! assert!(pool.iter().eq([addr]));
//! assert_eq!(file::read(&path)?.snapshot.allocated(), 1);
//! # drop(pool);
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::durability::{Recovery, RecoveryKind};
pub use crate::open_error::{Mismatch, OpenError, SyncError};
pub use crate::pool::file::{
    Builder, Growth, Health, Problem, ReclaimError, Reclaimed, View, backup, open, open_since,
    read, restore,
};
