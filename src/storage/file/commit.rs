//! Group commit: callers that wait for the disk at the same time share one sync.
//!
//! A caller draws a ticket *after* its claim. A sync that began after that covers it; one that began before does not. A
//! caller that finds no sync in progress becomes the leader: it reads the number of tickets drawn so far, syncs, and
//! notifies all callers up to that ticket. The first sync that fails is the last one.

use crate::open_error::errno_of;
use crate::sync::{AtomicU64, Ordering};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The syncs of one process.
#[derive(Default)]
pub(crate) struct Commits {
    drawn: AtomicU64,
    progress: Mutex<Progress>,
    told: Condvar,
}

#[derive(Default)]
struct Progress {
    /// All tickets up to this one are durable.
    done: u64,
    /// How many syncs have returned.
    syncs: u64,
    is_led: bool,
    failure: Option<Failure>,
}

#[derive(Clone, Copy)]
struct Failure {
    errno: i32,
    /// Tickets up to this one waited for the sync that failed.
    upto: u64,
}

/// Why a commit was not made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDurable {
    /// The sync that this caller waited for has failed.
    Failed { errno: i32 },
    /// An earlier sync had failed.
    Poisoned { errno: i32 },
}

impl Commits {
    /// Waits until everything that this thread has stored is durable.
    ///
    /// One of the waiting threads calls `sync`, never two at a time. If it fails, it must have poisoned the file before
    /// it returns.
    pub(crate) fn commit(&self, sync: impl Fn() -> io::Result<()>) -> Result<(), NotDurable> {
        // SeqCst: after our claim, which is SeqCst, and before the load of the leader that covers us. If that load sees
        // our ticket, its sync began after our claim. With Relaxed, the ticket could become visible before the claim,
        // and a sync without our bit would count for us.
        let ticket = self.drawn.fetch_add(1, Ordering::SeqCst) + 1;
        let mut progress = self.progress();
        loop {
            if progress.done >= ticket {
                return Ok(());
            }
            match progress.failure {
                Some(Failure { errno, upto }) if ticket <= upto => {
                    return Err(NotDurable::Failed { errno });
                }
                Some(Failure { errno, .. }) => return Err(NotDurable::Poisoned { errno }),
                None => {}
            }
            progress = if progress.is_led {
                self.told
                    .wait(progress)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                self.lead(progress, &sync)
            };
        }
    }

    fn lead<'a>(
        &'a self,
        mut progress: MutexGuard<'a, Progress>,
        sync: &impl Fn() -> io::Result<()>,
    ) -> MutexGuard<'a, Progress> {
        progress.is_led = true;
        drop(progress);
        // SeqCst: pairs with the drawing of tickets; every claim before the tickets read here is stored before the sync
        // below begins.
        let upto = self.drawn.load(Ordering::SeqCst);
        let synced = sync();
        let mut progress = self.progress();
        progress.is_led = false;
        progress.syncs += 1;
        match synced {
            Ok(()) => progress.done = upto,
            Err(error) => {
                let errno = errno_of(&error);
                progress.failure = Some(Failure { errno, upto });
            }
        }
        self.told.notify_all();
        progress
    }

    /// Returns how many callers have reached the point where they wait for a sync.
    #[cfg(test)]
    pub(crate) fn drawn(&self) -> u64 {
        // SeqCst: a caller that is counted has claimed what it wants to be durable.
        self.drawn.load(Ordering::SeqCst)
    }

    /// Returns how many syncs there have been.
    pub(crate) fn sync_count(&self) -> u64 {
        self.progress().syncs
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing panics halfway under this lock.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::time::Duration;

    /// Every caller's store is covered by a sync that began after it.
    #[test]
    fn nobody_returns_before_a_sync_that_covers_it() {
        let commits = Commits::default();
        let (live, disk) = (AtomicU64::new(0), AtomicU64::new(0));
        let sync = || {
            let seen = live.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_micros(200));
            // No two syncs at a time: what this one does not see is no longer on the disk.
            disk.store(seen, Ordering::SeqCst);
            Ok(())
        };
        std::thread::scope(|scope| {
            for bit in 0..32 {
                let (commits, live, disk, sync) = (&commits, &live, &disk, &sync);
                scope.spawn(move || {
                    for round in 0..20 {
                        live.fetch_and(!(1 << bit), Ordering::SeqCst);
                        // So that some sync sees it removed.
                        std::thread::sleep(Duration::from_micros(300));
                        live.fetch_or(1 << bit, Ordering::SeqCst);
                        commits.commit(sync).unwrap();
                        let durable = disk.load(Ordering::SeqCst);
                        assert!(durable >> bit & 1 == 1, "bit {bit}, round {round}");
                    }
                });
            }
        });
    }

    /// 64 callers: while the first one syncs, all others arrive, and they share the second sync.
    #[test]
    fn those_who_wait_share_one_sync() {
        const CALLERS: u64 = 64;
        let commits = Commits::default();
        let sync = || {
            while commits.drawn.load(Ordering::SeqCst) < CALLERS {
                std::thread::yield_now();
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| commits.commit(sync).unwrap());
            }
        });
        // The first one may arrive after all others have drawn their tickets.
        assert!(
            (1..=2).contains(&commits.sync_count()),
            "{}",
            commits.sync_count()
        );
    }

    /// 64 callers in one group whose sync fails: none of them gets `Ok`, and there is no further sync.
    #[test]
    fn a_failed_sync_fails_all_who_waited_for_it_and_is_the_last() {
        let commits = Commits::default();
        let calls = AtomicU64::new(0);
        let sync = || {
            calls.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            Err(io::Error::from_raw_os_error(5))
        };
        let start = Barrier::new(64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    assert!(commits.commit(sync).is_err());
                });
            }
        });
        assert_eq!(commits.commit(sync), Err(NotDurable::Poisoned { errno: 5 }));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}
