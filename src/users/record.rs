//! What a caller passes in: anything that can name its address.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as a user list contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listed<'a> {
    /// Text that is not parsed yet, for example `10.0.0.5` or `10.0.0.5/32`; surrounding blanks are ignored.
    Text(&'a str),
    /// A single address.
    Addr(IpAddr),
    /// A prefix. With host bits set (`10.0.0.5/24`), it is the host alone; without (`10.0.0.16/28`), it is the whole
    /// block, as in text.
    Net(IpNet),
    /// Text of a route or a delegation, where a prefix always means the whole block.
    Block(&'a str),
    /// Text of an address of the network's own router. Its prefix length is that of the network, and it may be the
    /// gateway.
    Own(&'a str),
    /// An address outside the recognized fields of a record. If the pool hands it out, the entry counts as unreadable;
    /// otherwise, it is passed over.
    Stray(&'a str),
    /// Text of an entry that cannot be used, whatever it looks like.
    Broken(&'a str),
}

/// A user record: it names an address and, if known, an owner and a generation.
///
/// Implemented for text, for the addresses of `std` and the networks of `ipnet`, and for pairs `(address, owner)`.
/// Implement it for your own record type:
///
/// ```
/// use hostbits::{Pool, users::{self, Listed}};
///
/// struct Peer {
///     name: String,
///     allowed_ip: String,
/// }
///
/// impl users::Record for Peer {
///     fn listed(&self) -> Listed<'_> {
///         Listed::Text(&self.allowed_ip)
///     }
///
///     fn owner(&self) -> Option<&str> {
///         Some(&self.name)
///     }
/// }
///
/// let peers = [Peer { name: "alice".into(), allowed_ip: "10.0.0.2/32".into() }];
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// assert_eq!(pool.adopt(&peers)?.taken, 1);
/// assert_eq!(pool.allocate()?.to_string(), "10.0.0.3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Record {
    /// Returns the address that the user holds.
    fn listed(&self) -> Listed<'_>;

    /// Returns the name of the holder, if the list has one. Two owners of one address are a duplicate.
    fn owner(&self) -> Option<&str> {
        None
    }

    /// Returns the generation of the holding, if the list has one. A pass over a lease pool reports those that its leases
    /// do not have.
    fn generation(&self) -> Option<u64> {
        None
    }
}

impl<T: Record + ?Sized> Record for &T {
    fn listed(&self) -> Listed<'_> {
        (**self).listed()
    }

    fn owner(&self) -> Option<&str> {
        (**self).owner()
    }

    fn generation(&self) -> Option<u64> {
        (**self).generation()
    }
}

impl Record for str {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(self)
    }
}

impl Record for String {
    fn listed(&self) -> Listed<'_> {
        Listed::Text(self)
    }
}

macro_rules! plain_records {
    ($($address:ty => $listed:ident),+ $(,)?) => {$(
        impl Record for $address {
            fn listed(&self) -> Listed<'_> {
                Listed::$listed((*self).into())
            }
        }
    )+};
}

plain_records! {
    IpAddr => Addr,
    Ipv4Addr => Addr,
    Ipv6Addr => Addr,
    IpNet => Net,
    Ipv4Net => Net,
    Ipv6Net => Net,
}

/// A pair of an address and the name of its owner.
impl<A: Record, O: AsRef<str>> Record for (A, O) {
    fn listed(&self) -> Listed<'_> {
        self.0.listed()
    }

    fn owner(&self) -> Option<&str> {
        Some(self.1.as_ref())
    }

    fn generation(&self) -> Option<u64> {
        self.0.generation()
    }
}
