//! What the faces of hostbits share: a command line, a service, an interface for other languages.
//!
//! Values in, values out. Nothing here prints, reads arguments, or ends a process; what takes long is told to an
//! [`Observer`]. Which address is free is decided in `hostbits`, what a list says in `hostbits-lists`, what a
//! configuration says in `hostbits-config`; this crate opens what a face names, reads the lists for it, keeps plans
//! between processes, and knows what to say of every failure.
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
//! | `text` | names fit for a terminal, and what people name | nothing |
//! | `trouble` | the one table of failures | nothing |
//! | `used` | how much is used, in percent | nothing |
//! | `map` | the address space in characters | `text` |
//! | `lists` | which lists are meant, their records, which entry stood where | `text`; `records` the failure |
//! | `report` | what a pass has found | `lists` |
//! | `files_failure` | how a pool file, a plan or a configuration refuses | `trouble`, `report`, `lists`, the failures in `files` |
//! | `failure` | how any call fails | `files_failure` and those above |
//! | `observer` | how a face sees progress | `lists` |
//! | `watched` | a reading that somebody may look at | `observer`, `lists` |
//! | `next` | the next free addresses, without files | those above |
//! | `files` | pool files, and sets of them | those above; see its own table |
//!
//! The one place that knows on which platforms there are pool files is the three lines below: elsewhere, `files` is
//! not there, and [`FilesFailure`] is the one failure of whatever needs it.

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
