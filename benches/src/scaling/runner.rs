//! A contestant of the scaling bench, whatever its type.

use super::patterns::{NoWatch, run};
use super::record::Releases;
use crate::latency::Latency;
use crate::rivals::{
    HintedSbitmap, Hostbits, HostbitsLocal, Locked, Order, ProbedDashSet, Profile, Queue, Rival,
    Session, Stack, TakenSet, addr_of, capacity_of,
};
use hostbits::{Policy, StatsLevel};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Each thread keeps up to 64 addresses from the others: smaller networks cannot feed many threads.
const LARGEST_FOR_LOCALS: u8 = 16;

/// A contestant in an empty network.
pub trait Runner {
    /// Returns what the contestant is.
    fn profile(&self) -> &Profile;

    /// Takes and gives back `pairs` addresses on each of `threads` threads.
    fn throughput(&self, releases: Releases, threads: usize, pairs: u64) -> Duration;

    /// Takes and gives back like `run`, reading the clock before and after each call.
    fn latency(&self, releases: Releases, threads: usize, pairs: u64) -> Latency;
}

impl<R: Rival> Runner for R {
    fn profile(&self) -> &Profile {
        Rival::profile(self)
    }

    fn throughput(&self, releases: Releases, threads: usize, pairs: u64) -> Duration {
        run::<NoWatch>(self, releases, threads, pairs).0
    }

    fn latency(&self, releases: Releases, threads: usize, pairs: u64) -> Latency {
        let (_, watches) = run::<Latency>(self, releases, threads, pairs);
        let mut all = Latency::default();
        watches.iter().for_each(|watch| all.add(watch));
        all
    }
}

/// Returns all contestants in 10.0.0.0/`prefix_len`, ours first. The last one is not a pool: see [`HandOver`].
pub fn runners(prefix_len: u8) -> Vec<Box<dyn Runner>> {
    let ours = |name, policy, stats| -> Box<dyn Runner> {
        Box::new(Hostbits::new(name, prefix_len, policy, stats))
    };
    let off = StatsLevel::Off;
    let counts = StatsLevel::default();
    let capacity = capacity_of(prefix_len);
    let mut runners = vec![
        ours("hostbits lowest, stats off", Policy::Lowest, off),
        ours("hostbits lowest", Policy::Lowest, counts),
        ours("hostbits next", Policy::Next, counts),
        ours("hostbits spread, stats off", Policy::Spread, off),
        ours("hostbits spread", Policy::Spread, counts),
        ours("hostbits random", Policy::Random(1), counts),
        Box::new(Locked::new(Stack::PROFILE, Stack::new(capacity))),
        Box::new(Queue::new(capacity)),
        Box::new(HintedSbitmap::new(capacity)),
        Box::new(ProbedDashSet::new(capacity)),
        Box::new(Locked::new(TakenSet::PROFILE, TakenSet::new(capacity))),
        Box::new(HandOver),
    ];
    if prefix_len <= LARGEST_FOR_LOCALS {
        let local = HostbitsLocal::new("hostbits local", prefix_len, counts);
        runners.insert(0, Box::new(local));
    }
    runners
}

/// Gives every caller the same address, to measure what the loop and the queues between the threads cost.
pub struct HandOver;

const HAND_OVER: Profile = Profile::new("hand-over alone", Order::AnyAddress);

impl Rival for HandOver {
    type Session<'a> = Self;

    fn profile(&self) -> &Profile {
        &HAND_OVER
    }

    fn session(&self) -> Self {
        Self
    }

    fn memory_bytes(&self, _capacity: u32) -> f64 {
        0.0
    }
}

impl Session for HandOver {
    #[inline]
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        std::hint::black_box(Some(addr_of(1)))
    }

    #[inline]
    fn release(&mut self, addr: Ipv4Addr) -> bool {
        std::hint::black_box(addr) == addr_of(1)
    }
}
