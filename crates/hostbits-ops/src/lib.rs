//! The operations that all front ends of hostbits share: a command line, a service, an interface for other languages.
//!
//! Functions take values and return values. Nothing here prints, reads arguments, or ends a process; progress is
//! reported to an [`Observer`]. `hostbits` decides which address is free, `hostbits-lists` what a list says, and
//! `hostbits-config` what a configuration says; this crate opens the files, reads the lists, keeps plans between
//! processes, and has a message and a hint for every failure.
//!
//! ```
//! use hostbits_ops::{Failure, Silent, next};
//!
//! let network: ipnet::IpNet = "10.0.0.0/30".parse()?;
//! let pool = hostbits::Pool::new(network)?;
//! let (nets, _) = next(&pool, &[], 0, 1, &Silent)?;
//! assert_eq!(nets[0].to_string(), "10.0.0.2/32");
//!
//! let failure = next(&pool, &[], 0, 1, &Silent).unwrap_err();
//! assert_eq!((failure.row().code, failure.row().exit.code()), ("exhausted", 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | room | what it is | may import |
//! |---|---|---|
//! | `text` | printable names, and addresses as people write them | nothing |
//! | `trouble` | the one table of failures | nothing |
//! | `used` | how much is used, in percent | nothing |
//! | `map` | the address space in characters | `text` |
//! | `lists` | lists by name, their records, the line of each entry | `text`; `records` the failure |
//! | `report` | the findings of a pass | `lists` |
//! | `files_failure` | failures of a pool file, a plan or a configuration | `trouble`, `report`, `lists`, the failures in `files` |
//! | `failure` | failures of any call | `files_failure` and those above |
//! | `observer` | reports progress to a front end | `lists` |
//! | `watched` | reading with progress reports | `observer`, `lists` |
//! | `next` | the next free addresses, without files | those above |
//! | `files` | pool files, and sets of them | those above; see its own table |
//!
//! The three lines below are the only place that knows on which platforms there are pool files: elsewhere, `files` does
//! not exist, and [`FilesFailure`] is the one failure of everything that needs it.

#[cfg(all(feature = "mmap", target_os = "linux", target_has_atomic = "64"))]
pub mod files;
#[cfg(all(feature = "mmap", target_os = "linux", target_has_atomic = "64"))]
mod files_failure;
#[cfg(not(all(feature = "mmap", target_os = "linux", target_has_atomic = "64")))]
#[path = "no_files.rs"]
mod files_failure;

mod failure;
mod lists;
mod map;
mod next;
mod observer;
mod report;
mod text;
pub mod trouble;
mod used;
mod watched;

pub use failure::{Failure, FailureReport};
pub use files_failure::FilesFailure;
pub use lists::name::{ListName, refuse_two_inputs, unreadable};
pub use lists::read::{ReadList, ReadToEnd};
pub use lists::records::UserRecords;
pub use lists::refused::RefusedList;
pub use map::{Line, Map};
pub use next::next;
pub use observer::{Observer, Silent};
pub use report::{Found, Lookout, Sighted};
pub use text::{Named, net_of, printable, printable_path};
pub use used::Used;
