//! The lanes of the processes that share a file, as locks of it.

use super::locks::{self, Lock};
use crate::bitmap::{LANES, Peers, SHARED_LANE};
use crate::storage::fork::OwnFile;
use std::io;
use std::sync::Arc;

/// The other processes, as the locks of the file tell of them.
pub(super) struct FilePeers(pub(super) Arc<OwnFile>);

impl FilePeers {
    /// Takes a lane that nobody has, for as long as the file is open; the shared one if all are taken.
    pub(super) fn take_lane(&self) -> io::Result<u32> {
        for lane in 0..SHARED_LANE {
            if locks::try_lock(&self.0, Lock::Lane(lane), true)? {
                return Ok(lane);
            }
        }
        Ok(SHARED_LANE)
    }

    /// How many others hold a lane for life.
    pub(super) fn count_others(&self) -> u32 {
        (0..LANES).filter(|&lane| self.is_held(lane)).count() as u32
    }
}

impl Peers for FilePeers {
    fn take_shared_lane(&self) {
        // It can only fail for want of memory in the kernel. Then we go on without, and nobody else's
        // flight is told from ours: a refusal may come too early, an address never goes out twice.
        let _ = locks::lock(&self.0, Lock::Lane(SHARED_LANE));
    }

    fn leave_shared_lane(&self) {
        let _ = locks::unlock(&self.0, Lock::Lane(SHARED_LANE));
    }

    fn is_held(&self, lane: u32) -> bool {
        !self.0.is_ours() || locks::is_held_by_others(&self.0, Lock::Lane(lane)).unwrap_or(true)
    }
}
