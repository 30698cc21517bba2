//! The contestants that take part.

use super::addresses::capacity_of;
use super::{
    Cascade, Contestant, Entrant, FixedBits, FreeSet, HintedSbitmap, Hostbits, HostbitsLocal,
    IndexSet, Locked, LowestSbitmap, Original, ProbedDashSet, Queue, Rival, RoaringBits, Stack,
    Store, TakenSet,
};
use bitmap_allocator::{BitAlloc4K, BitAlloc16M, BitAlloc64K, BitAlloc256};
use hostbits::{Policy, StatsLevel};

type Build = fn(u8) -> Box<dyn Contestant>;

/// One contestant that can be built for any network of the bench.
#[derive(Clone, Copy)]
pub struct Entry {
    build: Build,
}

impl Entry {
    /// Builds it for 10.0.0.0/`prefix_len`: 24, 22, 16 or 8. Everything is free.
    pub fn build(&self, prefix_len: u8) -> Box<dyn Contestant> {
        (self.build)(prefix_len)
    }
}

/// Returns all contestants. Ours come first; for each service, the pool with which rivals are compared is the first, without
/// statistics, and then with them.
pub fn entries() -> Vec<Entry> {
    let ours: &[Build] = &[
        |prefix_len| {
            let name = "hostbits lowest, stats off";
            ours(name, prefix_len, Policy::Lowest, StatsLevel::Off)
        },
        |prefix_len| {
            let name = "hostbits lowest";
            ours(name, prefix_len, Policy::Lowest, StatsLevel::default())
        },
        |prefix_len| {
            let name = "hostbits spread, stats off";
            ours(name, prefix_len, Policy::Spread, StatsLevel::Off)
        },
        |prefix_len| {
            let name = "hostbits spread";
            ours(name, prefix_len, Policy::Spread, StatsLevel::default())
        },
        |prefix_len| {
            let name = "hostbits next, stats off";
            ours(name, prefix_len, Policy::Next, StatsLevel::Off)
        },
        |prefix_len| {
            let name = "hostbits next";
            ours(name, prefix_len, Policy::Next, StatsLevel::default())
        },
        |prefix_len| {
            let name = "hostbits random, stats off";
            ours(name, prefix_len, Policy::Random(1), StatsLevel::Off)
        },
        |prefix_len| {
            let name = "hostbits random";
            ours(name, prefix_len, Policy::Random(1), StatsLevel::default())
        },
        |prefix_len| local("hostbits local, stats off", prefix_len, StatsLevel::Off),
        |prefix_len| local("hostbits local", prefix_len, StatsLevel::default()),
    ];
    let theirs: &[Build] = &[
        |prefix_len| enter(prefix_len, Original::new(capacity_of(prefix_len))),
        |prefix_len| enter(prefix_len, ProbedDashSet::new(capacity_of(prefix_len))),
        |prefix_len| enter_locked(prefix_len, TakenSet::PROFILE, TakenSet::new),
        |prefix_len| enter_locked(prefix_len, FreeSet::PROFILE, FreeSet::new),
        cascade,
        |prefix_len| enter_locked(prefix_len, FixedBits::PROFILE, FixedBits::new),
        |prefix_len| enter_locked(prefix_len, RoaringBits::PROFILE, RoaringBits::new),
        |prefix_len| enter(prefix_len, LowestSbitmap::new(capacity_of(prefix_len))),
        |prefix_len| enter_locked(prefix_len, Stack::PROFILE, Stack::new),
        |prefix_len| enter(prefix_len, Queue::new(capacity_of(prefix_len))),
        |prefix_len| enter(prefix_len, HintedSbitmap::new(capacity_of(prefix_len))),
        index_set,
    ];
    let builders = ours.iter().chain(theirs);
    builders.map(|&build| Entry { build }).collect()
}

fn enter(prefix_len: u8, rival: impl Rival) -> Box<dyn Contestant> {
    Box::new(Entrant::new(rival, capacity_of(prefix_len)))
}

fn enter_locked<S: Store>(
    prefix_len: u8,
    profile: super::Profile,
    build: impl Fn(u32) -> S,
) -> Box<dyn Contestant> {
    enter(
        prefix_len,
        Locked::new(profile, build(capacity_of(prefix_len))),
    )
}

fn ours(
    name: &'static str,
    prefix_len: u8,
    policy: Policy,
    stats: StatsLevel,
) -> Box<dyn Contestant> {
    enter(prefix_len, Hostbits::new(name, prefix_len, policy, stats))
}

fn local(name: &'static str, prefix_len: u8, stats: StatsLevel) -> Box<dyn Contestant> {
    enter(prefix_len, HostbitsLocal::new(name, prefix_len, stats))
}

/// Builds the contestant; each size is a type of its own.
fn cascade(prefix_len: u8) -> Box<dyn Contestant> {
    match prefix_len {
        24 => enter(prefix_len, Cascade::<BitAlloc256>::locked(prefix_len)),
        22 => enter(prefix_len, Cascade::<BitAlloc4K>::locked(prefix_len)),
        16 => enter(prefix_len, Cascade::<BitAlloc64K>::locked(prefix_len)),
        8 => enter(prefix_len, Cascade::<BitAlloc16M>::locked(prefix_len)),
        other => unreachable!("no cascade was chosen for a /{other}"),
    }
}

/// Builds the contestant; each size is a type of its own.
fn index_set(prefix_len: u8) -> Box<dyn Contestant> {
    const fn words(prefix_len: u8) -> usize {
        (1 << (32 - prefix_len)) / 64
    }
    match prefix_len {
        24 => enter(prefix_len, IndexSet::<{ words(24) }>::new()),
        22 => enter(prefix_len, IndexSet::<{ words(22) }>::new()),
        16 => enter(prefix_len, IndexSet::<{ words(16) }>::new()),
        8 => enter(prefix_len, IndexSet::<{ words(8) }>::new()),
        other => unreachable!("no array was chosen for a /{other}"),
    }
}
