//! Properties of sets on one thread, over random sequences of all verbs while members are added, drained,
//! cordoned and opened again.
//!
//! The model is dumb on purpose: which addresses there are, which are closed, and which are held. An answer
//! must be one that the model allows, and "exhausted" the truth. `HOSTBITS_CASES=20` runs 20 times as many.

use hostbits::{
    AllocateError, Client, Pool, PoolSet, Search, StatsLevel,
    set::{NewMember, StaticBand, Strategy},
};
use ipnet::Ipv4Net;
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

type Addrs = BTreeSet<Ipv4Addr>;

fn config(cases: u32) -> ProptestConfig {
    let factor = std::env::var("HOSTBITS_CASES").ok();
    let factor: u32 = factor.map_or(1, |text| text.parse().expect("HOSTBITS_CASES is a number"));
    ProptestConfig {
        cases: cases * factor,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What one member is made of.
#[derive(Clone, Debug)]
struct Shape {
    count: u8,
    weight: u32,
    band: Option<u32>,
    is_linear: bool,
    stats: StatsLevel,
}

#[derive(Clone, Debug)]
enum Op {
    Allocate,
    ForClient(u64),
    Exact(u8, u8),
    Preferring(u8, u8),
    Many(usize),
    Into(usize),
    Block(u8),
    BlockExact(u8, u8, u8),
    From(u8, u8),
    ReleaseMany(Vec<(u8, u8)>),
    Release(u8),
    ReleaseBeside(u8),
    Adopt(Vec<(u8, u8)>),
    Add(Shape),
    Drain(u8),
    Resume(u8),
    Cordon(u8, u8, u8),
    Uncordon(u8),
}

fn any_shape() -> impl Generator<Value = Shape> {
    let band = proptest::option::weighted(0.2, 0..9u32);
    let stats = prop_oneof![Just(StatsLevel::Off), Just(StatsLevel::Counts)];
    (1..140u8, 0..4u32, band, any::<bool>(), stats).prop_map(
        |(count, weight, band, is_linear, stats)| Shape {
            count,
            weight,
            band,
            is_linear,
            stats,
        },
    )
}

fn any_op() -> impl Generator<Value = Op> {
    let place = || (0..6u8, 0..150u8);
    prop_oneof![
        8 => Just(Op::Allocate),
        2 => any::<u64>().prop_map(Op::ForClient),
        2 => place().prop_map(|(member, host)| Op::Exact(member, host)),
        1 => place().prop_map(|(member, host)| Op::Preferring(member, host)),
        4 => (0..200usize).prop_map(Op::Many),
        2 => (0..150usize).prop_map(Op::Into),
        1 => (25..33u8).prop_map(Op::Block),
        2 => (place(), 25..33u8).prop_map(|((member, host), len)| Op::BlockExact(member, host, len)),
        2 => place().prop_map(|(member, host)| Op::From(member, host)),
        2 => proptest::collection::vec(place(), 0..9).prop_map(Op::ReleaseMany),
        9 => any::<u8>().prop_map(Op::Release),
        2 => any::<u8>().prop_map(Op::ReleaseBeside),
        1 => proptest::collection::vec(place(), 0..9).prop_map(Op::Adopt),
        1 => any_shape().prop_map(Op::Add),
        1 => (0..6u8).prop_map(Op::Drain),
        1 => (0..6u8).prop_map(Op::Resume),
        1 => (0..6u8, 0..150u8, 0..90u8).prop_map(|(member, host, len)| Op::Cordon(member, host, len)),
        1 => any::<u8>().prop_map(Op::Uncordon),
    ]
}

fn addr(member: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::from([10, 0, member, host])
}

/// The set and what is known of it.
struct World {
    set: PoolSet<Ipv4Net>,
    counts: Vec<u8>,
    drained: BTreeSet<u8>,
    cordons: Vec<(u8, RangeInclusive<u8>)>,
    held: Addrs,
}

impl World {
    fn new(strategy: Strategy, shapes: Vec<Shape>) -> Self {
        let mut world = Self {
            set: PoolSet::builder()
                .strategy(strategy)
                .room(6)
                .build()
                .unwrap(),
            counts: vec![],
            drained: BTreeSet::new(),
            cordons: vec![],
            held: Addrs::new(),
        };
        shapes.into_iter().for_each(|shape| world.add(shape));
        world
    }

    fn add(&mut self, shape: Shape) {
        let index = self.counts.len() as u8;
        let search = if shape.is_linear {
            Search::Linear
        } else {
            Search::Tree
        };
        let pool = Pool::over([addr(index, 1)..=addr(index, shape.count)]);
        let pool = pool.search(search).stats(shape.stats).build().unwrap();
        let member = NewMember::new(pool).weight(shape.weight);
        let member = match shape.band {
            Some(len) => member.band(StaticBand::Lowest(len)),
            None => member,
        };
        let added = self.set.add(member);
        assert_eq!(added.is_ok(), index < 6);
        if added.is_ok() {
            self.counts.push(shape.count);
        }
    }

    fn is_closed(&self, addr: Ipv4Addr) -> bool {
        let [_, _, member, host] = addr.octets();
        let is_under =
            |(of, hosts): &(u8, RangeInclusive<u8>)| *of == member && hosts.contains(&host);
        self.drained.contains(&member) || self.cordons.iter().any(is_under)
    }

    fn all(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        let members = (0..).zip(&self.counts);
        members.flat_map(|(member, &count)| (1..=count).map(move |host| addr(member, host)))
    }

    fn open_and_free(&self) -> Addrs {
        self.all()
            .filter(|addr| !self.held.contains(addr) && !self.is_closed(*addr))
            .collect()
    }

    /// What was returned is open and has no holder.
    fn take(&mut self, taken: impl IntoIterator<Item = Ipv4Addr>, free: &Addrs) {
        for addr in taken {
            assert!(free.contains(&addr), "{addr} is held, closed or not there");
            assert!(self.held.insert(addr), "{addr} twice in one answer");
        }
    }

    fn nth_held(&self, index: u8) -> Option<Ipv4Addr> {
        let index = usize::from(index).checked_rem(self.held.len())?;
        self.held.iter().nth(index).copied()
    }

    fn apply(&mut self, op: Op) {
        let free = self.open_and_free();
        let capacity = self.all().count() as u64;
        let refused = |error: AllocateError| {
            let is_exact = matches!(error, AllocateError::Exhausted { capacity: of, quarantined: 0, .. } if of == capacity);
            assert!(is_exact, "{error}");
        };
        match op {
            Op::Allocate => match self.set.allocate() {
                Ok(addr) => self.take([addr], &free),
                Err(error) => {
                    refused(error);
                    assert_eq!(free, Addrs::new());
                }
            },
            Op::ForClient(hash) => match self.set.allocate_for(Client::from_hash(hash)) {
                Ok(addr) => self.take([addr], &free),
                Err(_) => assert_eq!(free, Addrs::new()),
            },
            Op::Exact(member, host) => {
                let wanted = addr(member, host);
                let is_given = self.set.allocate_exact(wanted).is_ok();
                assert_eq!(is_given, free.contains(&wanted));
                self.take(is_given.then_some(wanted), &free);
            }
            Op::Preferring(member, host) => {
                let wanted = addr(member, host);
                match self.set.allocate_preferring(wanted) {
                    Ok(addr) => {
                        assert_eq!(addr == wanted, free.contains(&wanted));
                        self.take([addr], &free);
                    }
                    Err(_) => assert_eq!(free, Addrs::new()),
                }
            }
            Op::Many(count) => match self.set.allocate_many(count) {
                Ok(addrs) => {
                    assert_eq!(addrs.len(), count);
                    self.take(addrs, &free);
                }
                Err(error) => {
                    refused(error);
                    assert!(free.len() < count, "{} are free of {count}", free.len());
                }
            },
            Op::Into(count) => {
                let mut addrs = vec![Ipv4Addr::UNSPECIFIED; count];
                let taken = self.set.allocate_into(&mut addrs);
                assert_eq!(taken, count.min(free.len()));
                self.take(addrs.into_iter().take(taken), &free);
            }
            Op::Block(prefix_len) => match self.set.allocate_block(prefix_len) {
                Ok(block) => self.take(block.hosts_and_ends(), &free),
                Err(AllocateError::Exhausted { .. }) => {
                    let mut blocks = free
                        .iter()
                        .map(|&addr| Ipv4Net::new(addr, prefix_len).unwrap().trunc());
                    let free_block = blocks
                        .find(|block| block.hosts_and_ends().all(|addr| free.contains(&addr)));
                    assert_eq!(free_block, None);
                }
                Err(error) => assert_eq!(error.code(), "bad-block"),
            },
            Op::BlockExact(member, host, prefix_len) => {
                let block = Ipv4Net::new(addr(member, host), prefix_len)
                    .unwrap()
                    .trunc();
                let claimed = self.set.allocate_block_exact(block);
                let all_free = block.hosts_and_ends().all(|addr| free.contains(&addr));
                assert_eq!(claimed.is_ok(), all_free, "{block}: {claimed:?}");
                if all_free {
                    self.take(block.hosts_and_ends(), &free);
                }
            }
            Op::From(member, host) => {
                let from = addr(member, host);
                let next = free.range(from..).next().or(free.first()).copied();
                match self.set.allocate_from(from) {
                    Ok(found) => {
                        assert_eq!(Some(found), next);
                        self.take([found], &free);
                    }
                    Err(error) => {
                        refused(error);
                        assert_eq!(next, None);
                    }
                }
            }
            Op::ReleaseMany(places) => {
                let named = places.iter().map(|&(member, host)| addr(member, host));
                let named: Vec<_> = named.collect();
                let released = self.set.release_many(&named).released;
                let ours = named.iter().filter(|addr| self.held.remove(addr));
                assert_eq!(released, ours.count() as u64);
            }
            Op::Release(index) => {
                if let Some(addr) = self.nth_held(index) {
                    self.set.release(addr).unwrap();
                    self.held.remove(&addr);
                    assert!(self.set.release(addr).is_err());
                }
            }
            Op::ReleaseBeside(index) => {
                if let Some(addr) = self.nth_held(index) {
                    self.set
                        .member_of(addr)
                        .unwrap()
                        .pool()
                        .release(addr)
                        .unwrap();
                    self.held.remove(&addr);
                }
            }
            Op::Adopt(places) => {
                let users: Vec<_> = places
                    .into_iter()
                    .map(|(member, host)| addr(member, host))
                    .collect();
                let ours: Addrs = self.all().collect();
                let named: Addrs = users
                    .iter()
                    .copied()
                    .filter(|addr| ours.contains(addr))
                    .collect();
                let report = self.set.adopt(&users).unwrap();
                assert_eq!(report.taken as usize, named.difference(&self.held).count());
                assert_eq!((report.taken + report.already) as usize, named.len());
                assert_eq!(report.entries as usize, users.len());
                self.held.extend(named);
            }
            Op::Add(shape) => self.add(shape),
            Op::Drain(member) | Op::Resume(member) => {
                let is_drain = matches!(op, Op::Drain(_));
                if let Some(view) = self.set.members().nth(member.into()) {
                    if is_drain {
                        self.set.drain(view.id()).unwrap();
                        self.drained.insert(member);
                    } else {
                        self.set.resume(view.id()).unwrap();
                        self.drained.remove(&member);
                    }
                }
            }
            Op::Cordon(member, host, len) => {
                let (first, last) = (addr(member, host), addr(member, host + len));
                if self.set.cordon(first..=last).is_ok() {
                    self.cordons.push((member, host..=host + len));
                }
            }
            Op::Uncordon(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.cordons.len()) {
                    let (member, hosts) = self.cordons.swap_remove(index);
                    let range = addr(member, *hosts.start())..=addr(member, *hosts.end());
                    self.set.uncordon(range).unwrap();
                }
            }
        }
    }

    fn check(&self) {
        assert!(
            self.set.iter().eq(self.held.iter().copied()),
            "what is taken is what is held"
        );
        assert_eq!(self.set.available() as usize, self.open_and_free().len());
        let stragglers = self
            .held
            .iter()
            .copied()
            .filter(|addr| self.is_closed(*addr));
        assert!(
            self.set.stragglers().eq(stragglers),
            "who is left where nothing new is given"
        );
    }

    /// After drains and cordons: when all is open again, every address without a holder is free.
    fn open_all(&mut self) {
        for member in std::mem::take(&mut self.drained) {
            self.apply(Op::Resume(member));
        }
        while !self.cordons.is_empty() {
            self.apply(Op::Uncordon(0));
        }
        let free = self.open_and_free();
        let rest: Addrs = std::iter::from_fn(|| self.set.allocate().ok()).collect();
        assert_eq!(rest, free);
    }
}

/// All addresses of a block.
trait HostsAndEnds {
    fn hosts_and_ends(&self) -> Box<dyn Iterator<Item = Ipv4Addr>>;
}

impl HostsAndEnds for Ipv4Net {
    fn hosts_and_ends(&self) -> Box<dyn Iterator<Item = Ipv4Addr>> {
        let (first, last) = (self.network().to_bits(), self.broadcast().to_bits());
        Box::new((first..=last).map(Ipv4Addr::from_bits))
    }
}

proptest! {
    #![proptest_config(config(300))]

    /// The union of members never hands out an address twice, a drain or a cordon loses none, and "exhausted"
    /// is the truth.
    #[test]
    fn a_set_is_a_set_whatever_is_done_to_its_members(
        strategy in 0..4usize,
        shapes in proptest::collection::vec(any_shape(), 0..4),
        ops in proptest::collection::vec(any_op(), 0..80),
    ) {
        let strategies = [Strategy::InOrder, Strategy::RoundRobin, Strategy::MostFree, Strategy::Weighted];
        let mut world = World::new(strategies[strategy], shapes);
        for op in ops {
            world.apply(op);
            world.check();
        }
        world.open_all();
    }
}

#[cfg(all(feature = "mmap", target_os = "linux"))]
#[path = "support/scratch.rs"]
mod scratch;

#[cfg(all(feature = "mmap", target_os = "linux"))]
proptest! {
    #![proptest_config(config(30))]

    /// Growth of a pool file, in place or beyond its capacity, keeps what is held and frees nothing else.
    #[test]
    fn grow_keeps_every_bit(
        lengths in (20..30u8, 1..9u8),
        capacity in 0..3u32,
        hosts in proptest::collection::vec(any::<u32>(), 0..200),
    ) {
        let (small, wide) = (lengths.0, lengths.0 - lengths.1);
        let net = |len: u8| Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), len).unwrap();
        let scratch = scratch::Scratch::in_memory("grow-property");
        let path = scratch.path("pool");
        let capacity = 1u64 << (32 - u32::from(small) + capacity * 4);
        let pool = Pool::builder(net(small)).in_file().capacity(capacity).create(&path).unwrap();
        let mut held = Addrs::new();
        for host in hosts {
            let wanted = Ipv4Addr::from_bits(net(small).network().to_bits() + host % (1 << (32 - small)));
            if pool.allocate_exact(wanted).is_ok() {
                held.insert(wanted);
            }
        }
        drop(pool);
        let pool = Pool::builder(net(wide)).in_file().grow(&path).unwrap();
        prop_assert!(pool.iter().eq(held.iter().copied()));
        prop_assert_eq!(pool.available(), pool.capacity() - held.len() as u64);
        let rest = pool.allocate_many(pool.available() as usize).unwrap();
        prop_assert!(rest.iter().all(|addr| !held.contains(addr)));
    }
}
