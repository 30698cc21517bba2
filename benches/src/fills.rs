//! Pools that are partly full, with the same holes in every run.

use hostbits::Pool;
use ipnet::Ipv4Net;
use std::fmt;
use std::net::Ipv4Addr;

/// Makes pseudo-random numbers, the same in every run: speed may depend on where the holes are.
pub struct Random(u64);

impl Random {
    /// Starts the sequence, which is always the same.
    pub fn fixed() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Returns the next number, from 0 to `limit` - 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * u128::from(limit)) >> 64) as u64
    }
}

/// The share of a pool that is allocated, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill(pub u32);

impl Fill {
    /// Nothing is allocated.
    pub const EMPTY: Self = Self(0);
    /// Everything is allocated.
    pub const FULL: Self = Self(1000);

    /// Returns how many of `capacity` addresses stay free.
    pub fn free_count(self, capacity: u64) -> u64 {
        capacity * u64::from(Self::FULL.0 - self.0) / u64::from(Self::FULL.0)
    }
}

/// Formats the fill as a percentage: `99.9%`.
impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (percent, 0) => write!(f, "{percent}%"),
            (percent, tenths) => write!(f, "{percent}.{tenths}%"),
        }
    }
}

/// Fills an empty pool in which every slot is usable, leaving random holes.
///
/// # Panics
///
/// If the pool's count of allocated addresses is not the expected one.
pub fn fill_to(pool: &Pool<Ipv4Net>, fill: Fill) {
    let free_count = fill.free_count(pool.capacity());
    if free_count < pool.capacity() {
        fill_up(pool);
        punch_holes(pool, free_count);
    }
    assert_eq!(pool.available(), free_count);
    assert_eq!(pool.allocated(), pool.capacity() - free_count);
}

/// Returns `count` random addresses of a pool in which every slot is usable. They may repeat.
pub fn random_addrs(pool: &Pool<Ipv4Net>, count: usize) -> Vec<Ipv4Addr> {
    let mut random = Random::fixed();
    let mut next = || addr_at(pool, random.below(pool.capacity()));
    (0..count).map(|_| next()).collect()
}

/// Takes everything, quickly: also under a tool that counts instructions.
pub(crate) fn fill_up(pool: &Pool<Ipv4Net>) {
    let mut addrs = vec![Ipv4Addr::UNSPECIFIED; 4096];
    while pool.allocate_into(&mut addrs) != 0 {}
    assert_eq!(pool.available(), 0);
}

fn punch_holes(pool: &Pool<Ipv4Net>, count: u64) {
    let mut random = Random::fixed();
    let mut missing = count;
    while missing != 0 {
        let addr = addr_at(pool, random.below(pool.capacity()));
        // If an address is already free, the release is refused, and another address is drawn.
        if pool.release(addr).is_ok() {
            missing -= 1;
        }
    }
}

fn addr_at(pool: &Pool<Ipv4Net>, slot: u64) -> Ipv4Addr {
    pool.addr_of(slot as u32).expect("a slot of the pool")
}

#[cfg(test)]
mod tests {
    use super::{Fill, fill_to};
    use crate::pool_of;
    use hostbits::{Policy, StatsLevel};

    /// The names of benches depend on this format.
    #[test]
    fn fills_are_shown_as_percentages() {
        let shown = [0, 500, 999, 1000].map(|thousandths| Fill(thousandths).to_string());
        assert_eq!(shown, ["0%", "50%", "99.9%", "100%"]);
    }

    /// Two runs must have the same holes, or their times cannot be compared.
    #[test]
    fn two_pools_have_the_same_holes() {
        let filled = || {
            let pool = pool_of(20, Policy::Lowest, StatsLevel::default());
            fill_to(&pool, Fill(990));
            pool
        };
        let (one, other) = (filled(), filled());
        assert_eq!(one.available(), 40);
        assert!(one.iter().eq(other.iter()));
    }
}
