//! The networks that a pool can be of, made of what a configuration says.

use crate::values::AddrSpan;
use hostbits::Network;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A kind of network that a set can be built of: either family by itself, or both.
pub trait Family: Network {
    /// The network, if it is of this family.
    fn network(network: IpNet) -> Option<Self>;

    /// The address, if it is of this family.
    fn addr(addr: IpAddr) -> Option<Self::Addr>;

    /// The range, if it is of this family.
    fn span(span: &AddrSpan) -> Option<RangeInclusive<Self::Addr>> {
        Some(Self::addr(*span.start())?..=Self::addr(*span.end())?)
    }
}

impl Family for IpNet {
    fn network(network: IpNet) -> Option<Self> {
        Some(network)
    }

    fn addr(addr: IpAddr) -> Option<IpAddr> {
        Some(addr)
    }
}

impl Family for Ipv4Net {
    fn network(network: IpNet) -> Option<Self> {
        match network {
            IpNet::V4(network) => Some(network),
            IpNet::V6(_) => None,
        }
    }

    fn addr(addr: IpAddr) -> Option<Self::Addr> {
        match addr {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        }
    }
}

impl Family for Ipv6Net {
    fn network(network: IpNet) -> Option<Self> {
        match network {
            IpNet::V6(network) => Some(network),
            IpNet::V4(_) => None,
        }
    }

    fn addr(addr: IpAddr) -> Option<Self::Addr> {
        match addr {
            IpAddr::V6(addr) => Some(addr),
            IpAddr::V4(_) => None,
        }
    }
}
