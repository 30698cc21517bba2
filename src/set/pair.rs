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

/// A set of each family, from which clients get an address of both or of none.
///
/// Either set can be used by itself as well: by clients of one family, to release one half, to add members.
///
/// A pair is all or nothing for everybody: while one is being put together, whoever would be told
/// "exhausted" because of its first half waits until the pair is whole, or the half is back. Nobody who finds
/// something free waits.
///
/// In pool files each half is durable by itself. A process that dies between the two leaves an IPv4 address
/// allocated that nobody was told of: as after any crash, the list of who holds what finds it.
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
    /// Puts a set of each family together.
    pub fn new(v4: PoolSet<Ipv4Net>, v6: PoolSet<Ipv6Net>) -> Self {
        Self { v4, v6 }
    }

    /// The IPv4 side.
    pub fn v4(&self) -> &PoolSet<Ipv4Net> {
        &self.v4
    }

    /// The IPv6 side.
    pub fn v6(&self) -> &PoolSet<Ipv6Net> {
        &self.v6
    }

    /// Allocates an address of each family, or none.
    ///
    /// # Errors
    ///
    /// [`AllocatePairError::V4`] or [`AllocatePairError::V6`] with the reason: exhausted if at some instant of
    /// the call that side had nothing. Nothing is allocated then.
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
    /// As [`allocate_pair`](Self::allocate_pair).
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
    /// Of several callers who want one of the addresses, one gets it. While this call still asks for the IPv6
    /// address, whoever would be told "already allocated" or "exhausted" because of the IPv4 address waits.
    ///
    /// # Errors
    ///
    /// [`AllocatePairExactError::V4`] or [`AllocatePairExactError::V6`] with the reason, as of
    /// [`PoolSet::allocate_exact`]: already allocated if at some instant of the call somebody held it. Nothing is
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

    /// Puts a pair together, of a first half and an IPv6 address.
    fn join<'s, E>(
        &'s self,
        half: impl Fn() -> Result<PairHalf<'s, Ipv4Net>, E>,
        other: impl Fn() -> Result<Ipv6Addr, E>,
    ) -> Result<Pair, E> {
        loop {
            // Always in this order: whoever holds the half of one family waits for claims in flight of the
            // other, and nobody the other way round.
            let half = half()?;
            match other() {
                Ok(v6) => match half.keep() {
                    Some(v4) => return Ok(Pair { v4, v6 }),
                    // Freed by a pass while the other half was waited for: that one goes back, too. Should
                    // somebody have released it meanwhile, there is nothing to give back.
                    None => drop(self.v6.release(v6)),
                },
                Err(error) => {
                    let addr = half.addr();
                    // The address is back before the flight ends.
                    drop(half);
                    self.v4.note_return(addr);
                    return Err(error);
                }
            }
        }
    }

    /// Releases both addresses of a pair, one after the other. What cannot be released does not keep the
    /// other one back.
    ///
    /// # Errors
    ///
    /// [`ReleasePairError`] with the reasons.
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
