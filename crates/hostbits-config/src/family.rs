//! Conversions from a configuration to networks of one family, or of both.

use crate::values::AddrSpan;
use hostbits::Network;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A type of network for the pools of a set: [`Ipv4Net`](ipnet::Ipv4Net), [`Ipv6Net`](ipnet::Ipv6Net), or
/// [`IpNet`] for both families.
pub trait Family: Network {
    /// Returns the network, if it is of this family.
    fn network(network: IpNet) -> Option<Self>;

    /// Returns the address, if it is of this family.
    fn addr(addr: IpAddr) -> Option<Self::Addr>;

    /// Returns the range, if both its ends are of this family.
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
