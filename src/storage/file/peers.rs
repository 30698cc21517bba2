//! The lanes of the processes that share a file: words of the file, each with a lock and the process that owns it.

use super::layout::Kind;
use super::locks::{self, Lock};
use super::map::{CONTROL_AT, Map};
use crate::bitmap::{Control, LaneWord, MOST_LANES, Peers};
use crate::storage::fork::OwnFile;
use crate::sync::{AtomicU64, Ordering};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// How many pools can have a file open at once.
pub(crate) const LANES: usize = MOST_LANES;

/// The index of the first lane in the volatile region; the owners follow after the lanes.
const LANES_AT: usize = 0x200 / size_of::<u64>();
const OWNERS_AT: usize = LANES_AT + LANES;
const _: () = assert!(
    CONTROL_AT + size_of::<Control>() <= LANES_AT * size_of::<u64>()
        && (OWNERS_AT + LANES) * size_of::<u64>() == 4096
);

/// Returns the words of the lanes in the volatile region, and those of their owners.
pub(super) fn lanes_of(volatile: &[AtomicU64]) -> (&[AtomicU64], &[AtomicU64]) {
    volatile[LANES_AT..OWNERS_AT + LANES].split_at(LANES)
}

/// The processes that share a file.
#[derive(Clone)]
pub(super) struct FilePeers {
    pub(super) file: Arc<OwnFile>,
    pub(super) map: Arc<Map>,
}

impl FilePeers {
    /// Takes a free lane for as long as the file is open; returns `None` if all are taken.
    pub(super) fn take_lane(&self) -> io::Result<Option<usize>> {
        for lane in 0..LANES {
            if locks::try_lock(&self.file, Lock::Lane(lane as u32), true)? {
                // Relaxed: read only to show which process others wait for, and the lock is ours.
                self.owners()[lane].store(std::process::id().into(), Ordering::Relaxed);
                return Ok(Some(lane));
            }
        }
        Ok(None)
    }

    fn owners(&self) -> &[AtomicU64] {
        lanes_of(self.map.words(Kind::Volatile)).1
    }

    /// Returns how many other pools have the file open.
    pub(super) fn count_others(&self) -> u32 {
        count_held(&self.file)
    }

    /// Returns the live processes with a claim in flight, which others may be waiting for.
    pub(super) fn in_flight(&self, own: usize) -> Vec<u32> {
        let words = self.lanes().iter();
        // Acquire: only to be displayed.
        let words = words.map(|word| word.load(Ordering::Acquire));
        let owners = self.owners().iter();
        // Relaxed: as above.
        let owners = owners.map(|owner| owner.load(Ordering::Relaxed));
        in_flight(words.zip(owners), |lane| lane == own || self.is_held(lane))
    }
}

/// Returns which owners of these lanes are alive and have a claim in flight.
pub(super) fn in_flight(
    lanes: impl Iterator<Item = (u64, u64)>,
    is_alive: impl Fn(usize) -> bool,
) -> Vec<u32> {
    lanes
        .enumerate()
        .filter(|&(lane, (word, _))| LaneWord(word).is_in_air() && is_alive(lane))
        .map(|(_, (_, owner))| owner as u32)
        .collect()
}

/// Returns how many lanes have an owner other than this open file.
pub(super) fn count_held(file: &File) -> u32 {
    (0..LANES).filter(|&lane| is_held(file, lane)).count() as u32
}

/// Returns whether another open file holds the lock of a lane. In doubt, yes.
pub(super) fn is_held(file: &File, lane: usize) -> bool {
    locks::is_held_by_others(file, Lock::Lane(lane as u32)).unwrap_or(true)
}

impl Peers for FilePeers {
    fn lanes(&self) -> &[AtomicU64] {
        lanes_of(self.map.words(Kind::Volatile)).0
    }

    fn is_held(&self, lane: usize) -> bool {
        !self.file.is_ours() || is_held(&self.file, lane)
    }
}
