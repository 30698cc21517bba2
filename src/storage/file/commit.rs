//! Group commit: callers that wait for the disk at the same time share one sync.
//!
//! A caller draws a ticket *after* its claim. A sync that began after that covers it; one that began
//! before does not count. Whoever finds nobody syncing leads: it reads how far the tickets go, syncs, and
//! tells everybody up to there. The first sync that fails is the last one.

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
    /// The tickets up to this one waited for the sync that failed.
    upto: u64,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDurable {
    /// The sync that this caller waited for failed.
    Failed { errno: i32 },
    /// One had failed before.
    Poisoned { errno: i32 },
}

impl Commits {
    /// Waits until everything that this thread has stored is durable.
    ///
    /// `sync` is called by one of the waiting threads, by no two at a time. If it fails it has poisoned
    /// the file before it returns.
    pub(crate) fn commit(&self, sync: impl Fn() -> io::Result<()>) -> Result<(), NotDurable> {
        // SeqCst: after our claim, which is SeqCst, and before the load of the leader that covers us.
        // If that load sees our ticket, its sync began after our claim. With Relaxed the ticket may
        // become visible before the claim, and a sync without our bit would count for us.
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
        // SeqCst: pairs with the drawing of tickets; every claim behind the tickets read here is stored
        // before the sync below begins.
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

    /// How many callers have come so far that they wait for a sync.
    #[cfg(test)]
    pub(crate) fn drawn(&self) -> u64 {
        // SeqCst: whoever is counted has claimed what it wants to be durable.
        self.drawn.load(Ordering::SeqCst)
    }

    /// How many syncs there have been.
    pub(crate) fn sync_count(&self) -> u64 {
        self.progress().syncs
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing under this lock panics half-way.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::time::Duration;

    /// Every caller's store is in what some sync saw that began after it.
    #[test]
    fn nobody_returns_before_a_sync_that_covers_it() {
        let commits = Commits::default();
        let (live, disk) = (AtomicU64::new(0), AtomicU64::new(0));
        let sync = || {
            let seen = live.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_micros(200));
            // No two syncs at a time: what is not seen now is not on the disk any more.
            disk.store(seen, Ordering::SeqCst);
            Ok(())
        };
        std::thread::scope(|scope| {
            for bit in 0..32 {
                let (commits, live, disk, sync) = (&commits, &live, &disk, &sync);
                scope.spawn(move || {
                    for round in 0..20 {
                        live.fetch_and(!(1 << bit), Ordering::SeqCst);
                        // So that some sync sees it gone.
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

    /// 64 callers: while the first one syncs, all others come, and they share the second sync.
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
        // The first one may come after all have drawn their tickets.
        assert!(
            (1..=2).contains(&commits.sync_count()),
            "{}",
            commits.sync_count()
        );
    }

    /// 64 callers in one group whose sync fails: not one of them is told that all is well, and nobody
    /// syncs again.
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
