//! Dual stack: an IPv4 and an IPv6 address for one client, both or none.

use super::PoolSet;
use super::error::{AllocatePairError, AllocatePairExactError, ReleasePairError};
use crate::client::Client;
use crate::pool::PairHalf;
use ipnet::{Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The two addresses of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "both addresses stay allocated until they are released"]
pub struct Pair {
    /// The IPv4 address.
    pub v4: Ipv4Addr,
    /// The IPv6 address.
    pub v6: Ipv6Addr,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.v4, self.v6)
    }
}

/// A set of each family. A client gets an address of both families, or none.
///
/// Each set can also be used on its own: for clients of one family, to release one half, or to add members.
///
/// A pair is all or nothing for every caller: while one is being put together, a call that would report "exhausted"
/// because of its first half waits until the pair is complete or the half was given back. A call that finds something
/// free never waits.
///
/// In pool files, each half is durable by itself. A process that dies between the two leaves an IPv4 address allocated
/// without a holder. As after any crash, the list of users reveals it.
///
/// ```
/// use hostbits::{DualStack, Pool, PoolSet};
///
/// let both = DualStack::new(
///     PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?,
///     PoolSet::new([Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?])?,
/// );
/// let pair = both.allocate_pair()?;
/// assert_eq!(pair.to_string(), "10.0.0.2, 2001:db8::2");
/// both.release_pair(pair)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DualStack {
    v4: PoolSet<Ipv4Net>,
    v6: PoolSet<Ipv6Net>,
}

impl DualStack {
    /// Combines a set of each family.
    pub fn new(v4: PoolSet<Ipv4Net>, v6: PoolSet<Ipv6Net>) -> Self {
        Self { v4, v6 }
    }

    /// Returns the IPv4 set.
    pub fn v4(&self) -> &PoolSet<Ipv4Net> {
        &self.v4
    }

    /// Returns the IPv6 set.
    pub fn v6(&self) -> &PoolSet<Ipv6Net> {
        &self.v6
    }

    /// Allocates an address of each family, or none.
    ///
    /// # Errors
    ///
    /// [`AllocatePairError::V4`] or [`AllocatePairError::V6`] with the reason; exhausted means that at some instant of
    /// the call that set had nothing. Nothing is allocated.
    ///
    /// ```
    /// # use hostbits::{DualStack, Pool, PoolSet};
    /// let both = DualStack::new(
    ///     PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?,
    ///     PoolSet::new([Pool::new("2001:db8::/126".parse::<ipnet::Ipv6Net>()?)?])?,
    /// );
    /// for _ in 0..2 {
    ///     both.allocate_pair()?;
    /// }
    /// assert_eq!(both.allocate_pair().unwrap_err().code(), "exhausted");
    /// assert_eq!(both.v4().allocated(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_pair(&self) -> Result<Pair, AllocatePairError> {
        let half = || self.v4.allocate_half().map_err(AllocatePairError::V4);
        let other = || self.v6.allocate().map_err(AllocatePairError::V6);
        self.join(half, other)
    }

    /// Allocates an address of each family for a client, or none: each the one that
    /// [`PoolSet::allocate_for`] gives, so that the same client usually gets the same pair back.
    ///
    /// # Errors
    ///
    /// The same errors as [`allocate_pair`](Self::allocate_pair).
    ///
    /// ```
    /// # use hostbits::{Client, DualStack, Pool, PoolSet};
    /// let both = DualStack::new(
    ///     PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?,
    ///     PoolSet::new([Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?])?,
    /// );
    /// let alice = Client::from_hash(0x9e37_79b9_7f4a_7c15);
    /// let pair = both.allocate_pair_for(alice)?;
    /// both.release_pair(pair)?;
    /// assert_eq!(both.allocate_pair_for(alice)?, pair);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_pair_for(&self, client: Client) -> Result<Pair, AllocatePairError> {
        let half = || {
            self.v4
                .allocate_half_for(client)
                .map_err(AllocatePairError::V4)
        };
        let other = || self.v6.allocate_for(client).map_err(AllocatePairError::V6);
        self.join(half, other)
    }

    /// Allocates exactly these two addresses, or none.
    ///
    /// If several callers want one of the addresses, one of them gets it. While this call is claiming the IPv6
    /// address, a call that would fail with "already allocated" or "exhausted" because of the IPv4 address waits.
    ///
    /// # Errors
    ///
    /// [`AllocatePairExactError::V4`] or [`AllocatePairExactError::V6`] with the reason, as in
    /// [`PoolSet::allocate_exact`]: already allocated if the address was held at some instant of the call. Nothing is
    /// allocated then.
    ///
    /// ```
    /// # use hostbits::{DualStack, Pool, PoolSet};
    /// let both = DualStack::new(
    ///     PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?,
    ///     PoolSet::new([Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?])?,
    /// );
    /// both.allocate_pair_exact("10.0.0.7".parse()?, "2001:db8::7".parse()?)?;
    /// let error = both.allocate_pair_exact("10.0.0.8".parse()?, "2001:db8::7".parse()?).unwrap_err();
    /// assert_eq!(error.to_string(), "IPv6: 2001:db8::7 is already allocated");
    /// assert_eq!(both.v4().allocated(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allocate_pair_exact(
        &self,
        v4: Ipv4Addr,
        v6: Ipv6Addr,
    ) -> Result<(), AllocatePairExactError> {
        let half = || {
            self.v4
                .allocate_half_exact(v4)
                .map_err(AllocatePairExactError::V4)
        };
        let other = || {
            let claimed = self.v6.allocate_exact(v6);
            claimed.map(|()| v6).map_err(AllocatePairExactError::V6)
        };
        self.join(half, other).map(|_| ())
    }

    /// Joins a first half and an IPv6 address into a pair.
    fn join<'s, E>(
        &'s self,
        half: impl Fn() -> Result<PairHalf<'s, Ipv4Net>, E>,
        other: impl Fn() -> Result<Ipv6Addr, E>,
    ) -> Result<Pair, E> {
        loop {
            // Always in this order: a thread that holds half a pair of one family waits for claims in flight of the
            // other family, and no thread waits the other way round.
            let half = half()?;
            match other() {
                Ok(v6) => match half.keep() {
                    Some(v4) => return Ok(Pair { v4, v6 }),
                    // A pass has freed it while the other half was waited for: then that half goes back, too. If it was
                    // released meanwhile, there is nothing to give back.
                    None => drop(self.v6.release(v6)),
                },
                Err(error) => {
                    let addr = half.addr();
                    // The address is given back before the flight ends.
                    drop(half);
                    self.v4.note_return(addr);
                    return Err(error);
                }
            }
        }
    }

    /// Releases both addresses of a pair, one after the other. If one cannot be released, the other one still is.
    ///
    /// # Errors
    ///
    /// Returns a [`ReleasePairError`] with the reasons.
    ///
    /// ```
    /// # use hostbits::{DualStack, Pool, PoolSet};
    /// let both = DualStack::new(
    ///     PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?,
    ///     PoolSet::new([Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?])?,
    /// );
    /// let pair = both.allocate_pair()?;
    /// both.release_pair(pair)?;
    /// let error = both.release_pair(pair).unwrap_err();
    /// assert_eq!(error.to_string(), "10.0.0.2 is not allocated; 2001:db8::2 is not allocated");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_pair(&self, pair: Pair) -> Result<(), ReleasePairError> {
        ReleasePairError::of(self.v4.release(pair.v4), self.v6.release(pair.v6))
    }
}
