//! Whether the disk responds at all: a file of its own is synced again and again. Where others write a lot, one
//! sync can take half a minute, and then it is not our fault that a call waits.

use crate::board::{Board, Number, now};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A sync that takes longer than this counts as a disk that does not respond.
const STALL: u64 = 200_000_000;

/// Counts the time in which the disk stalls, as long as it lives.
pub(crate) struct Probe {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Probe {
    pub(crate) fn begin(board: &'static Board) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let since = Arc::new(AtomicU64::new(0));
        let file = File::create(board.folder().join("probe")).unwrap();
        let sync = {
            let (is_over, since) = (Arc::clone(&is_over), Arc::clone(&since));
            move || {
                while !is_over.load(SeqCst) {
                    since.store(now(), SeqCst);
                    file.write_all_at(b"1", 0).unwrap();
                    file.sync_data().unwrap();
                    since.store(0, SeqCst);
                    thread::sleep(Duration::from_millis(50));
                }
            }
        };
        let watch = {
            let is_over = Arc::clone(&is_over);
            move || {
                let mut counted = now();
                while !is_over.load(SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                    let (time, since) = (now(), since.load(SeqCst));
                    if since != 0 && time.saturating_sub(since) > STALL {
                        board.add(Number::DiskStalled, time - counted);
                    }
                    counted = time;
                }
            }
        };
        Self {
            is_over,
            threads: vec![thread::spawn(sync), thread::spawn(watch)],
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.is_over.store(true, SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
