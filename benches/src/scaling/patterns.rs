//! What the threads do: they take addresses, and give back those that they or other threads took.

use super::{Releases, race};
use crate::rivals::{Rival, Session};
use crossbeam_queue::ArrayQueue;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The number of addresses that may be on their way from one thread to the next.
const ON_THE_WAY: usize = 32;

/// Observes single calls, or lets them pass unobserved.
pub trait Watch: Default + Send {
    /// Calls `allocate`.
    fn allocate(&mut self, call: impl FnOnce() -> Option<Ipv4Addr>) -> Option<Ipv4Addr>;

    /// Calls `release`.
    fn release(&mut self, call: impl FnOnce() -> bool) -> bool;
}

/// Observes nothing and costs nothing.
#[derive(Default)]
pub struct NoWatch;

impl Watch for NoWatch {
    #[inline]
    fn allocate(&mut self, call: impl FnOnce() -> Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        call()
    }

    #[inline]
    fn release(&mut self, call: impl FnOnce() -> bool) -> bool {
        call()
    }
}

/// Takes and gives back `pairs` addresses on each of `threads` threads.
pub fn run<W: Watch>(
    rival: &impl Rival,
    releases: Releases,
    threads: usize,
    pairs: u64,
) -> (Duration, Vec<W>) {
    let session = |_| rival.session();
    match releases {
        Releases::Own => race(threads, session, |session| own(session, pairs)),
        Releases::Foreign => {
            let ring: Vec<_> = (0..threads).map(|_| ArrayQueue::new(ON_THE_WAY)).collect();
            let place = |index| Place {
                incoming: &ring[index],
                outgoing: &ring[(index + 1) % threads],
            };
            let prepare = |index| (rival.session(), place(index));
            race(threads, prepare, |(session, place)| {
                foreign(session, &place, pairs)
            })
        }
    }
}

fn own<W: Watch>(mut session: impl Session, pairs: u64) -> W {
    let mut watch = W::default();
    for _ in 0..pairs {
        let addr = loop {
            // Another thread may hold the last ones for a moment.
            if let Some(addr) = watch.allocate(|| session.allocate()) {
                break addr;
            }
            std::thread::yield_now();
        };
        assert!(watch.release(|| session.release(addr)), "just allocated");
    }
    watch
}

/// A thread's place in the ring.
struct Place<'a> {
    incoming: &'a ArrayQueue<Ipv4Addr>,
    outgoing: &'a ArrayQueue<Ipv4Addr>,
}

/// Passes on what it takes, and gives back what it receives. All threads pass on equally many, so each
/// receives as many as it passes on.
fn foreign<W: Watch>(mut session: impl Session, place: &Place<'_>, pairs: u64) -> W {
    let mut watch = W::default();
    let mut held = None;
    let (mut passed, mut released) = (0, 0);
    while passed < pairs || released < pairs {
        let mut idle = true;
        if passed < pairs && held.is_none() {
            held = watch.allocate(|| session.allocate());
        }
        if let Some(addr) = held
            && place.outgoing.push(addr).is_ok()
        {
            held = None;
            passed += 1;
            idle = false;
        }
        if let Some(addr) = place.incoming.pop() {
            assert!(watch.release(|| session.release(addr)), "somebody took it");
            released += 1;
            idle = false;
        }
        if idle {
            std::thread::yield_now();
        }
    }
    watch
}
