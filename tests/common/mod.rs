//! What the tables share: reading text, every policy, and a count that changes nothing.
//!
//! Each test binary uses a part of it.
#![allow(dead_code)]

use hostbits::{Network, Policy, Pool, Search};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const POLICIES: [Policy; Policy::ALL.len()] = Policy::ALL;
pub(crate) const SEARCHES: [Search; 2] = [Search::Tree, Search::Linear];

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap_or_else(|_| panic!("network {text}"))
}

pub(crate) fn v4(text: &str) -> Ipv4Net {
    text.parse().unwrap_or_else(|_| panic!("network {text}"))
}

pub(crate) fn v6(text: &str) -> Ipv6Net {
    text.parse().unwrap_or_else(|_| panic!("network {text}"))
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("address {text}"))
}

pub(crate) fn a4(text: &str) -> Ipv4Addr {
    text.parse().unwrap_or_else(|_| panic!("address {text}"))
}

pub(crate) fn a6(text: &str) -> Ipv6Addr {
    text.parse().unwrap_or_else(|_| panic!("address {text}"))
}

/// An address of 10.0.0.0/24.
pub(crate) fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// The address `index` above 10.0.0.0.
pub(crate) fn ten(index: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + index)
}

pub(crate) fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// The address with these bits, of the family of `like`.
pub(crate) fn like(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(u32::try_from(bits).unwrap()).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

/// Allocates until nothing is left, in the order given.
pub(crate) fn drain<N: Network>(pool: &Pool<N>) -> Vec<N::Addr> {
    std::iter::from_fn(|| pool.allocate().ok()).collect()
}

/// What is allocated, ascending.
pub(crate) fn taken<N: Network>(pool: &Pool<N>) -> Vec<N::Addr> {
    pool.snapshot().iter().collect()
}

/// Runs `call` and asserts that the same addresses are allocated after it as before.
pub(crate) fn unchanged<N: Network, T>(pool: &Pool<N>, what: &str, call: impl FnOnce() -> T) -> T {
    let (before, allocated) = (pool.snapshot(), pool.allocated());
    let answer = call();
    let diff = pool.snapshot().diff(&before).unwrap();
    assert!(
        diff.allocated.is_empty(),
        "{what} took {:?}",
        diff.allocated
    );
    assert!(diff.released.is_empty(), "{what} freed {:?}", diff.released);
    assert_eq!(pool.allocated(), allocated, "{what} miscounted");
    answer
}

/// Plain, reproducible numbers.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
