//! Words in a mapped file: they outlive the process, and other processes share them.
//!
//! `docs/design/file-format.md` describes the bytes, and why each step is where it is.
//!
//! | file | what it does |
//! |---|---|
//! | `bytes` | numbers in blocks, and their checksum |
//! | `header` | what the file is |
//! | `state` | who had it last, and how they left it |
//! | `identity` | what a copy does not carry |
//! | `layout` | where what is |
//! | `system` | what we ask of the system |
//! | `file_system` | which file systems there are |
//! | `locks` | locks on single bytes |
//! | `peers` | the lanes of processes |
//! | `map` | the mapping; unsafe |
//! | `ground` | whether a full disk could kill who stores into it; unsafe (calls that have no safe wrapper) |
//! | `disk` | the seam between order and matter |
//! | `create`, `open`, `recover`, `grow`, `enlarge`, `leave` | the life of a file |
//! | `repair` | a damaged copy of the header, written again |
//! | `peek` | a look that takes no lock |
//! | `backup` | a copy that nobody takes for the file, and the way back |
//! | `commit` | one sync for many |
//! | `poison` | the sync that failed |
//! | `attached` | a file that this process has open |
//! | `tests/` | simulators of the disk and of the machine |

mod attached;
mod backup;
mod bytes;
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
mod recover;
mod repair;
mod state;
mod system;
#[cfg(test)]
mod tests;

pub(crate) use attached::Attached;
pub(crate) use backup::{Replaced, Source};
pub(crate) use create::Blueprint;
pub(crate) use grow::has_room_for_config;
pub(crate) use header::Facts;
pub(crate) use map::PageOptions;
pub(crate) use open::{OpenRequest, Opening};
pub(crate) use peek::Peek;
pub(crate) use recover::count;
pub(crate) use state::Phase;
pub(crate) use system::RelaxedChecks;
