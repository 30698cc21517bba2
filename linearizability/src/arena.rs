//! The pools of the games: tiny ones, a few addresses scattered over a tall tree, and large ones.

use crate::Addr;
use crate::check::Edge;
use crate::ground::Ground;
use hostbits::{Policy, Pool, Search};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The pool type of this package.
pub type Pool4 = Pool<Ipv4Net>;

/// Every policy.
pub const POLICIES: [Policy; Policy::ALL.len()] = Policy::ALL;

/// Every search mode.
pub const SEARCHES: [Search; 2] = [Search::Tree, Search::Linear];

/// The shape of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terrain {
    /// A /30: one address.
    One,
    /// A /31: two addresses.
    Pair,
    /// Four addresses, an aligned block.
    Four,
    /// A /29: five addresses.
    Five,
    /// 64 addresses: one word.
    Word,
    /// 70 addresses: a word and a few bits more.
    Seventy,
    /// Ranges of 3, 10 and 17 addresses.
    Ranges,
    /// 8 addresses in a /16: chunks far apart, with two levels of summary.
    FarApart,
    /// 40 addresses in a /12: three levels of summary.
    Tall,
    /// 1024 addresses, for blocks of several words.
    Blocks,
    /// A whole /16.
    Wide,
    /// 4096 addresses in a /12.
    Vast,
}

/// The terrains with a handful of addresses.
pub const TINY: [Terrain; 4] = [Terrain::One, Terrain::Pair, Terrain::Four, Terrain::Five];

/// Every terrain.
pub const TERRAINS: [Terrain; 12] = [
    Terrain::One,
    Terrain::Pair,
    Terrain::Four,
    Terrain::Five,
    Terrain::Word,
    Terrain::Seventy,
    Terrain::Ranges,
    Terrain::FarApart,
    Terrain::Tall,
    Terrain::Blocks,
    Terrain::Wide,
    Terrain::Vast,
];

impl Terrain {
    fn builder(self) -> hostbits::Builder<Ipv4Net> {
        let net = |text: &str| Pool::builder(text.parse().expect("a network"));
        match self {
            Self::One => net("10.0.0.0/30"),
            Self::Pair => net("10.0.0.0/31"),
            Self::Four => net("10.0.0.0/29")
                .range(ip(0x0a00_0004)..=ip(0x0a00_0007))
                .reserve_edges(false),
            Self::Five => net("10.0.0.0/29"),
            Self::Word => net("10.0.0.0/26")
                .reserve_edges(false)
                .gateway(hostbits::Gateway::None),
            Self::Seventy => net("10.0.0.0/24").range(ip(0x0a00_000a)..=ip(0x0a00_004f)),
            Self::Ranges => Pool::over([
                ip(0x0a00_0005)..=ip(0x0a00_0007),
                ip(0x0a00_0130)..=ip(0x0a00_0139),
                ip(0x0a00_0980)..=ip(0x0a00_0990),
            ]),
            Self::FarApart | Self::Wide => net("10.1.0.0/16"),
            Self::Tall | Self::Vast => net("10.16.0.0/12"),
            Self::Blocks => net("10.0.4.0/22")
                .reserve_edges(false)
                .gateway(hostbits::Gateway::None),
        }
    }

    /// Returns how many addresses take part in the game, and their distance; the rest of the pool stays allocated.
    fn scattered(self) -> Option<(usize, usize)> {
        match self {
            // Not a multiple of a chunk's 512 slots, so that words and bits differ.
            Self::FarApart => Some((8, 8_009)),
            Self::Tall => Some((40, 25_999)),
            Self::Vast => Some((4096, 255)),
            _ => None,
        }
    }

    fn prefix_lens(self) -> &'static [u8] {
        match self {
            Self::One => &[32],
            Self::Pair => &[31, 32],
            Self::Four | Self::Five | Self::Ranges => &[30, 31],
            Self::Word | Self::Seventy => &[27, 28, 30, 31],
            Self::FarApart | Self::Tall | Self::Vast => &[32],
            Self::Blocks | Self::Wide => &[24, 25, 26, 28],
        }
    }
}

/// A pool, with what the players and the checker need to know about it.
pub struct Arena {
    /// The shape of the pool.
    pub terrain: Terrain,
    /// The pool.
    pub pool: Arc<Pool4>,
    /// The addresses of the game, all free at the beginning.
    pub ground: Ground,
    /// The parts of the pool for `allocate_in`.
    pub parts: Vec<(Addr, Addr)>,
    /// The prefix lengths for `allocate_block`.
    pub prefix_lens: &'static [u8],
    /// An address that is never handed out.
    pub reserved: Option<Addr>,
    /// The order that rule 6 checks, if the policy promises one.
    pub edge: Option<Edge>,
}

impl Arena {
    /// Builds a new pool.
    ///
    /// # Panics
    ///
    /// If the pool cannot be built, or does not hand out all its addresses.
    pub fn new(terrain: Terrain, policy: Policy, search: Search) -> Self {
        let pool = terrain
            .builder()
            .policy(policy)
            .search(search)
            .build()
            .expect("a pool");
        let everything = take_everything(&pool);
        let ground: Vec<_> = match terrain.scattered() {
            None => everything,
            Some((count, distance)) => everything
                .into_iter()
                .skip(distance / 2)
                .step_by(distance)
                .take(count)
                .collect(),
        };
        let released = pool.release_many(&ground).released;
        assert_eq!(released, ground.len() as u64, "all of the game is free");
        let ground = Ground::new(ground.into_iter().map(Ipv4Addr::to_bits));
        let reserved = pool.info().reservations;
        let reserved = reserved.first().and_then(|run| match run.first {
            std::net::IpAddr::V4(addr) => Some(addr.to_bits()),
            std::net::IpAddr::V6(_) => None,
        });
        Self {
            terrain,
            pool: Arc::new(pool),
            parts: parts_of(&ground),
            ground,
            prefix_lens: terrain.prefix_lens(),
            reserved,
            edge: Edge::of(policy),
        }
    }
}

/// Allocates the whole pool in blocks, which is fast under every policy.
fn take_everything(pool: &Pool4) -> Vec<Ipv4Addr> {
    let mut everything = Vec::new();
    let shortest = pool.info().prefix_len.unwrap_or(24);
    for prefix_len in shortest..=32 {
        while let Ok(block) = pool.allocate_block(prefix_len) {
            everything.extend(addrs_of(block).map(Ipv4Addr::from_bits));
        }
    }
    assert_eq!(
        everything.len() as u64,
        pool.capacity(),
        "all of a fresh pool"
    );
    everything.sort_unstable();
    everything
}

/// Returns the addresses of a block, including the first and the last one.
pub fn addrs_of(block: Ipv4Net) -> impl Iterator<Item = Addr> {
    block.network().to_bits()..=block.broadcast().to_bits()
}

/// Returns the lower third, the middle, a single address, and a range that extends beyond the pool.
fn parts_of(ground: &Ground) -> Vec<(Addr, Addr)> {
    let (addrs, count) = (ground.addrs(), ground.count());
    vec![
        (addrs[0], addrs[count / 3]),
        (addrs[count / 4], addrs[count * 3 / 4]),
        (addrs[count / 2], addrs[count / 2]),
        (addrs[0] - 1, addrs[count - 1] + 1),
    ]
}

fn ip(bits: Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(bits)
}
