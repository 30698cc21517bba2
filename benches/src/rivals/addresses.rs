//! Slots, addresses, and the random addresses that get released. This module knows nothing of contestants.

use std::net::Ipv4Addr;

const FIRST: u32 = u32::from_be_bytes([10, 0, 0, 0]);

/// Returns the address of a slot.
#[inline]
pub fn addr_of(slot: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST.wrapping_add(slot))
}

/// Returns the slot of an address.
#[inline]
pub fn slot_of(addr: Ipv4Addr) -> u32 {
    addr.to_bits().wrapping_sub(FIRST)
}

/// Returns the number of slots.
pub fn capacity_of(prefix_len: u8) -> u32 {
    1u32 << (32 - prefix_len)
}

/// Returns random addresses of `capacity` slots. All addresses in an aligned group of `distinct` differ.
pub fn random_victims(capacity: u32, count: usize, distinct: usize) -> Vec<Ipv4Addr> {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut victims: Vec<Ipv4Addr> = Vec::with_capacity(count);
    while victims.len() < count {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let victim = addr_of((((random >> 32) * u64::from(capacity)) >> 32) as u32);
        let group = victims.len() / distinct * distinct;
        if !victims[group..].contains(&victim) {
            victims.push(victim);
        }
    }
    victims
}
