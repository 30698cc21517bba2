//! What a caller hands in: anything that can name its address.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as a user list has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listed<'a> {
    /// Text that still has to be read: `10.0.0.5`, `10.0.0.5/32`, blanks around it.
    Text(&'a str),
    /// An address.
    Addr(IpAddr),
    /// A prefix: with host bits set the host alone (`10.0.0.5/24`), without them all of it
    /// (`10.0.0.16/28`), as in text.
    Net(IpNet),
    /// Text of which a prefix always means all of it: a route or a delegation.
    Block(&'a str),
    /// Text of an interface of the network's own router: a prefix is that of its network, and that it is the
    /// gateway is no surprise.
    Own(&'a str),
    /// An address that stands beside those that were read, where nobody has said which fields of the record count. If
    /// the pool hands it out, the entry counts as one that cannot be read; otherwise it is passed over.
    Stray(&'a str),
    /// What was read of something that is no address, whatever it looks like.
    Broken(&'a str),
}

/// A user record: it can name its address and, if it has them, an owner and a generation.
///
/// Implemented for text, for the addresses of `std` and the networks of `ipnet`, and for pairs
/// `(address, owner)`. Implement it for your own record:
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
    /// The address that the user holds.
    fn listed(&self) -> Listed<'_>;

    /// The name of the holder, if the list has one: two owners of one address are a duplicate.
    fn owner(&self) -> Option<&str> {
        None
    }

    /// The generation of the holding, if the list has one. Not used yet.
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

/// `(address, owner)`.
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
