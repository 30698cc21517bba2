//! Time stamps that order calls across threads.
//!
//! The stamp of an invocation must not be later than anything that the call does, and the stamp of its response must
//! not be earlier. Otherwise, a correct history looks wrong. `Instant` is monotonic across threads, but a processor may
//! start later loads before it has read the clock. Therefore the stamp of an invocation is *stored*, with a SeqCst
//! fence between that store and the call: the store depends on the clock, and no later load passes the fence. Another
//! fence comes before the clock is read for the response.
//!
//! Equal stamps do not order calls; every check counts such calls as overlapping.

use crate::Stamp;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Instant;

/// The source of stamps, shared by all threads of a game.
#[derive(Debug)]
pub enum Clock {
    /// Nanoseconds since an instant. It is cheap, and threads do not contend for it.
    Time(Instant),
    /// A counter. No two stamps are equal, but all threads write to one cache line.
    Tickets(AtomicU64),
}

impl Clock {
    /// Creates a clock that counts nanoseconds from now on.
    pub fn time() -> Self {
        Self::Time(Instant::now())
    }

    /// Creates a clock that counts from 1.
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

/// A thread's reader of the clock.
#[derive(Debug)]
pub struct Stopwatch<'a> {
    clock: &'a Clock,
    invoked: AtomicU64,
    responded: Stamp,
}

impl<'a> Stopwatch<'a> {
    /// Creates a reader for the calling thread.
    pub fn new(clock: &'a Clock) -> Self {
        Self {
            clock,
            invoked: AtomicU64::new(0),
            responded: 0,
        }
    }

    /// Returns the stamp of a call that is about to begin. It is later than the thread's last response.
    ///
    /// Because it is strictly later, calls of one thread never seem to overlap, and all events can be put in a sequence
    /// in which equal stamps of different threads overlap: invocations first.
    #[inline]
    pub fn invoke(&mut self) -> Stamp {
        let mut now = self.clock.now();
        while now <= self.responded {
            now = self.clock.now();
        }
        // Relaxed: no thread reads it; the store exists so that the fence waits for the clock.
        black_box(&self.invoked).store(now, Ordering::Relaxed);
        // SeqCst: no load of the call is executed before the clock was read; see above.
        fence(Ordering::SeqCst);
        now
    }

    /// Returns the stamp of the call that has just returned.
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

    /// A call that begins after another one is known to have ended is never stamped before that end.
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
