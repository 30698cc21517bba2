//! Time stamps that order calls across threads.
//!
//! A stamp of an invocation must not be later than anything the call does, and the stamp of its
//! response not earlier; otherwise a right history looks wrong. `Instant` is monotonic across threads,
//! but a processor may begin to load what follows before it has read the clock. So the stamp of an
//! invocation is *stored*, and a SeqCst fence stands between that store and the call: the store needs
//! the clock's answer, and no later load passes the fence. Another one stands before the clock is read
//! for the response.
//!
//! Equal stamps say nothing about the order; every check counts them as overlapping.

use crate::Stamp;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Instant;

/// Where stamps come from; shared by all threads of a game.
#[derive(Debug)]
pub enum Clock {
    /// Nanoseconds since then. Cheap, and threads do not meet at it.
    Time(Instant),
    /// The next number of a counter. No two are equal, but all threads write to one cache line.
    Tickets(AtomicU64),
}

impl Clock {
    /// Nanoseconds from now on.
    pub fn time() -> Self {
        Self::Time(Instant::now())
    }

    /// Numbers from 1 on.
    pub fn tickets() -> Self {
        Self::Tickets(AtomicU64::new(1))
    }

    fn now(&self) -> Stamp {
        match self {
            Self::Time(start) => start.elapsed().as_nanos() as Stamp,
            // SeqCst: the order of the tickets is the order of the stamps.
            Self::Tickets(next) => next.fetch_add(1, Ordering::SeqCst),
        }
    }
}

/// One thread's reader of the clock.
#[derive(Debug)]
pub struct Stopwatch<'a> {
    clock: &'a Clock,
    invoked: AtomicU64,
    responded: Stamp,
}

impl<'a> Stopwatch<'a> {
    /// A reader for the calling thread.
    pub fn new(clock: &'a Clock) -> Self {
        Self {
            clock,
            invoked: AtomicU64::new(0),
            responded: 0,
        }
    }

    /// The stamp of a call that is about to begin; later than the thread's last response.
    ///
    /// Strictly later, so that calls of one thread never seem to overlap, and a line of events exists
    /// in which equal stamps of different threads overlap: all invocations first.
    #[inline]
    pub fn invoke(&mut self) -> Stamp {
        let mut now = self.clock.now();
        while now <= self.responded {
            now = self.clock.now();
        }
        // Relaxed: nobody reads it; the store is what the fence waits for.
        black_box(&self.invoked).store(now, Ordering::Relaxed);
        // SeqCst: no load of the call is executed before the clock was read; see above.
        fence(Ordering::SeqCst);
        now
    }

    /// The stamp of the call that has just returned.
    #[inline]
    pub fn respond(&mut self) -> Stamp {
        // SeqCst: everything the call did comes before the clock is read.
        fence(Ordering::SeqCst);
        self.responded = self.clock.now();
        self.responded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    /// A call that begins after it was told of another one's end is never stamped before that end.
    #[test]
    fn what_happens_later_is_not_stamped_earlier() {
        for clock in [Clock::time(), Clock::tickets()] {
            let (there, mine) = sync_channel::<Stamp>(0);
            let (back, yours) = sync_channel::<Stamp>(0);
            std::thread::scope(|scope| {
                let clock = &clock;
                scope.spawn(move || {
                    let mut watch = Stopwatch::new(clock);
                    for responded in mine {
                        assert!(watch.invoke() >= responded);
                        back.send(watch.respond()).expect("the other end");
                    }
                });
                let mut watch = Stopwatch::new(clock);
                for _ in 0..2000 {
                    let invoked = watch.invoke();
                    let responded = watch.respond();
                    assert!(invoked <= responded);
                    there.send(responded).expect("the other end");
                    let responded = yours.recv().expect("an answer");
                    assert!(watch.invoke() >= responded);
                }
                drop(there);
            });
        }
    }
}
