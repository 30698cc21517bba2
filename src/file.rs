//! Pools in files, which several processes can share and which outlive them.
//!
//! Create a file with [`Pool::builder`](crate::Pool::builder). The functions of this module work on existing files,
//! which contain the description of their pool: [`open`] opens a file, [`read`] inspects it without a lock, and
//! [`backup`] and [`restore`] copy it so that the copy is never mistaken for the file. The
//! [`Durability`](crate::Durability) of a file says what it promises after a crash.
//!
//! Pool files exist only on Linux, with the feature `mmap`.
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
