//! Allocates IP addresses: each host slot of a network is a bit in an atomic word, claimed and released lock-free.
//!
//! ```
//! use hostbits::Pool;
//!
//! let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
//! let used = pool.adopt(["10.0.0.2", "10.0.0.3/32"])?;
//! assert_eq!((used.taken, used.problems.len()), (2, 0));
//! let addr = pool.allocate()?;
//! assert_eq!(addr.to_string(), "10.0.0.4");
//! pool.release(addr)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Begin with [`Pool`], or with the guide [`guide::server`]: a server from start to stop.
//!
//! | | item | guide |
//! |---|---|---|
//! | one network | [`Pool`] | [`guide::server`] |
//! | a pool in a file, shared by processes | `Builder::create`, `Builder::open`, `Durability` | [`guide::files`] |
//! | several networks as one, dual stack | [`PoolSet`], [`DualStack`] | [`guide::sets`] |
//! | repair from the list of users | [`Pool::reconciler`] | [`guide::reconciliation`] |
//! | no state at all | [`next_free`] | |
//! | your own loom models | | [`guide::testing`] |
//!
//! How it works and why it is right: [`design`].
//!
//! Related crates: `hostbits-lists` reads the lists that other programs write, `hostbits-config` reads sets from a
//! TOML file, and `hostbits-cli` is the command-line tool.
//!
//! # Features
//!
//! * `mmap` (on by default): pools in files. Linux only; has no effect elsewhere.
//! * `sticky`: `ClientKey`, a keyed hash that turns names into clients.
//! * `serde`: `Serialize` for info, status, statistics, reports, plans, members of sets and errors, and `Deserialize` for
//!   plans. The field names are stable.

#![cfg_attr(docsrs, feature(doc_cfg))]
// `build.rs` sets `pool_files` where there are pool files. Elsewhere, the code that only they need is unused.
#![cfg_attr(docsrs, doc(auto_cfg(hide(pool_files))))]
#![cfg_attr(not(pool_files), allow(dead_code, unused_imports, unused_macros))]

mod any_error;
mod bitmap;
mod client;
#[cfg(pool_files)]
mod durability;
mod error;
#[cfg(all(test, pool_files, feature = "serde", not(loom)))]
mod error_texts;
#[cfg(pool_files)]
#[cfg_attr(docsrs, doc(cfg(all(feature = "mmap", target_os = "linux"))))]
pub mod file;
mod file_refusal;
mod geometry;
mod grow_error;
pub mod lease;
#[doc(hidden)]
#[cfg(all(loom, feature = "_loom"))]
pub mod model;
mod network;
mod next_free;
#[cfg(pool_files)]
mod open_error;
mod plan;
mod policy;
mod pool;
pub mod reconcile;
mod run_map;
pub mod set;
mod slot;
mod stats;
mod storage;
mod stripes;
mod sync;
mod table;
pub mod users;

pub use any_error::Error;
pub use client::Client;
#[cfg(feature = "sticky")]
pub use client::ClientKey;
#[cfg(pool_files)]
#[cfg_attr(docsrs, doc(cfg(all(feature = "mmap", target_os = "linux"))))]
pub use durability::Durability;
pub use error::{AllocateError, AllocateExactError, BuildError, RangeProblem, ReleaseError};
pub use file_refusal::FileRefusal;
pub use geometry::Gateway;
pub use grow_error::GrowError;
pub use network::Network;
pub use next_free::{NextFreeError, next_free};
pub use policy::Policy;
#[doc(hidden)]
pub use pool::Search;
pub use pool::{
    AddrGuard, AddrRange, Builder, Diff, Guard, GuardArc, Local, LocalArc, LocalPool, NetworkInfo,
    Pool, ReleasedMany, Reservation, Snapshot, SnapshotMismatch, Status,
};
pub use set::pair::DualStack;
pub use set::pool_set::PoolSet;
pub use slot::Slot;
pub use stats::{Allocations, Failures, Stats, StatsLevel};

/// The examples of the README, as tests.
#[cfg(all(doctest, pool_files))]
#[doc = include_str!("../README.md")]
struct Readme;

// The pages are read here and in the repository. Their links are references, such as `[sets]`, whose targets in the
// repository are at the end of each page; those in the documentation are in `rustdoc-links.md`, and come first.

pub mod guide {
    #![doc = include_str!("../docs/rustdoc-links.md")]
    #![doc = include_str!("../docs/guide/README.md")]

    #[cfg(any(not(doctest), pool_files))]
    pub mod server {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/server.md")]
    }

    #[cfg(any(not(doctest), pool_files))]
    pub mod files {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/files.md")]
    }

    pub mod sets {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/sets.md")]
    }

    pub mod reconciliation {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/reconciliation.md")]
    }

    pub mod leases {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/leases.md")]
    }

    pub mod lists {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/lists.md")]
    }

    pub mod command_line {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/command-line.md")]
    }

    pub mod json {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/json.md")]
    }

    pub mod testing {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/guide/testing.md")]
    }
}

pub mod design {
    #![doc = include_str!("../docs/rustdoc-links.md")]
    #![doc = include_str!("../docs/design/README.md")]

    pub mod algorithm {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/algorithm.md")]
    }

    pub mod correctness {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/correctness.md")]
    }

    pub mod sets {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/sets.md")]
    }

    pub mod reconciliation {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/reconciliation.md")]
    }

    pub mod leases {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/leases.md")]
    }

    pub mod file_format {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/file-format.md")]
    }

    pub mod file_safety {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/file-safety.md")]
    }

    pub mod performance {
        #![doc = include_str!("../docs/rustdoc-links.md")]
        #![doc = include_str!("../docs/design/performance.md")]
    }
}
