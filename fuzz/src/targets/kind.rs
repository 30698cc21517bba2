//! Addresses as numbers, and back to the types of each kind of pool.

use hostbits::Network;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A kind of network, with conversions from addresses of either family where it can take them.
pub(crate) trait Kind: Network {
    fn net(net: IpNet) -> Option<Self>;
    fn addr(addr: IpAddr) -> Option<Self::Addr>;
}

impl Kind for Ipv4Net {
    fn net(net: IpNet) -> Option<Self> {
        match net {
            IpNet::V4(net) => Some(net),
            IpNet::V6(_) => None,
        }
    }

    fn addr(addr: IpAddr) -> Option<Ipv4Addr> {
        match addr {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        }
    }
}

impl Kind for Ipv6Net {
    fn net(net: IpNet) -> Option<Self> {
        match net {
            IpNet::V4(_) => None,
            IpNet::V6(net) => Some(net),
        }
    }

    fn addr(addr: IpAddr) -> Option<Ipv6Addr> {
        match addr {
            IpAddr::V4(_) => None,
            IpAddr::V6(addr) => Some(addr),
        }
    }
}

impl Kind for IpNet {
    fn net(net: IpNet) -> Option<Self> {
        Some(net)
    }

    fn addr(addr: IpAddr) -> Option<IpAddr> {
        Some(addr)
    }
}

/// Returns the bits of an address as a number.
pub(crate) fn bits_of(addr: impl Into<IpAddr>) -> u128 {
    match addr.into() {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// Returns the address with these bits: IPv6 if it is `wide`, otherwise IPv4.
pub(crate) fn addr_of(wide: bool, bits: u128) -> IpAddr {
    if wide {
        Ipv6Addr::from_bits(bits).into()
    } else {
        Ipv4Addr::from_bits(bits as u32).into()
    }
}

/// Returns a mask of the lowest `count` bits.
pub(crate) fn low(count: u8) -> u128 {
    1u128
        .checked_shl(count.into())
        .map_or(u128::MAX, |bit| bit - 1)
}
