//! Words in a mapped file: they outlive the process, and other processes share them.
//!
//! `docs/design/file-format.md` describes the bytes, and why each step is where it is.
//!
//! | file | what it does |
//! |---|---|
//! | `bytes` | numbers in blocks, and their checksum |
//! | `header` | what the file is |
//! | `state` | which process had it last, and how it was closed |
//! | `identity` | what a copy does not inherit |
//! | `layout` | regions and their offsets |
//! | `system` | small wrappers of system calls |
//! | `file_system` | the known file systems |
//! | `locks` | locks on single bytes |
//! | `peers` | the lanes of processes |
//! | `map` | the mapping; unsafe |
//! | `clock` | the seconds of a file of leases |
//! | `records` | the records of leases: where they are, and their recovery |
//! | `ground` | whether a full disk could kill a process that stores into it; unsafe (calls without a safe wrapper) |
//! | `disk` | the interface between the order of operations and what they operate on |
//! | `create`, `open`, `recover`, `grow`, `enlarge`, `leave` | the life of a file |
//! | `repair` | a damaged copy of the header, written again |
//! | `peek` | inspects a file without a lock |
//! | `backup` | a copy that cannot be mistaken for the file, and restoring it |
//! | `commit` | one sync for many callers |
//! | `poison` | the sync that failed |
//! | `attached` | a file that this process has open |
//! | `tests/` | simulators of the disk and of the machine |

mod attached;
mod backup;
mod bytes;
pub(crate) mod clock;
mod commit;
mod create;
mod disk;
mod enlarge;
mod file_system;
mod ground;
mod grow;
mod header;
mod identity;
mod layout;
mod leave;
mod locks;
mod map;
mod open;
mod peek;
mod peers;
mod poison;
pub(crate) mod records;
mod recover;
mod repair;
mod state;
pub(crate) mod system;
#[cfg(test)]
mod tests;

pub(crate) use attached::Attached;
pub(crate) use backup::{Replaced, Source};
pub(crate) use create::Blueprint;
pub(crate) use grow::{first_taken, has_room_for_config};
pub(crate) use header::Facts;
pub(crate) use map::{Map, PageOptions};
pub(crate) use open::{OpenRequest, Opening};
pub(crate) use peek::Peek;
pub(crate) use recover::count;
pub(crate) use state::Phase;
pub(crate) use system::RelaxedChecks;
