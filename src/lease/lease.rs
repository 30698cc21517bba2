//! The lease: an address, and the how-manieth holding of it.

use super::error::{ParseLeaseError, ParseLeaseProblem};
use crate::users::{Listed, Record};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The limit of generations: all are below it, so that they are exact in every JSON reader.
const GENERATIONS: u64 = 1 << 53;

/// An address that was handed out, with the generation that distinguishes this holding from all others.
///
/// It is a plain value: store it with your own record of the user. Dropping it releases nothing. It is written as
/// `10.0.0.5#4294967297`, and in JSON as `{"addr":"10.0.0.5","generation":4294967297}`.
///
/// ```
/// use hostbits::lease::{Lease, LeasePool};
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let lease = pool.allocate(Duration::from_secs(30))?;
/// let written = lease.to_string();
/// assert_eq!(written.parse::<Lease<Ipv4Addr>>()?, lease);
/// assert_eq!(lease.addr(), Ipv4Addr::new(10, 0, 0, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Lease<A> {
    addr: A,
    generation: u64,
}

impl<A: Copy> Lease<A> {
    /// Puts a lease together from its parts, as they were stored; `None` if the generation is 0, or 2^53 or more.
    ///
    /// ```
    /// use hostbits::lease::Lease;
    /// use std::net::Ipv4Addr;
    ///
    /// let addr = Ipv4Addr::new(10, 0, 0, 5);
    /// assert_eq!(Lease::from_parts(addr, 7).unwrap().to_string(), "10.0.0.5#7");
    /// assert!(Lease::from_parts(addr, 0).is_none());
    /// assert!(Lease::from_parts(addr, 1 << 53).is_none());
    /// ```
    pub fn from_parts(addr: A, generation: u64) -> Option<Self> {
        (1..GENERATIONS)
            .contains(&generation)
            .then_some(Self { addr, generation })
    }

    /// Makes a lease with a generation that is in range.
    #[inline]
    pub(super) fn new(addr: A, generation: u64) -> Self {
        Self { addr, generation }
    }

    /// Returns the address.
    #[inline]
    pub fn addr(&self) -> A {
        self.addr
    }

    /// Returns the generation: from 1 on, below 2^53.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// A list of leases is a list of users, with their generations.
impl<A: Copy + Into<IpAddr>> Record for Lease<A> {
    fn listed(&self) -> Listed<'_> {
        Listed::Addr(self.addr.into())
    }

    fn generation(&self) -> Option<u64> {
        Some(self.generation)
    }
}

impl<A: fmt::Display> fmt::Display for Lease<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.addr, self.generation)
    }
}

/// Reads `10.0.0.5#7`: an address, and a number from 1 to 2^53 - 1. Zeros before the number do not matter; signs and spaces
/// are refused.
impl<A: FromStr + Copy> FromStr for Lease<A> {
    type Err = ParseLeaseError;

    fn from_str(text: &str) -> Result<Self, ParseLeaseError> {
        let wrong = |problem| ParseLeaseError {
            text: text.to_owned(),
            problem,
        };
        let (addr, generation) = text
            .split_once('#')
            .ok_or_else(|| wrong(ParseLeaseProblem::NoGeneration))?;
        let addr = addr
            .parse()
            .map_err(|_| wrong(ParseLeaseProblem::BadAddress))?;
        let is_number = generation.bytes().all(|byte| byte.is_ascii_digit());
        let generation = is_number.then(|| generation.parse().ok()).flatten();
        generation
            .and_then(|generation| Self::from_parts(addr, generation))
            .ok_or_else(|| wrong(ParseLeaseProblem::BadGeneration))
    }
}

#[cfg(feature = "serde")]
impl<'de, A: serde::Deserialize<'de> + Copy> serde::Deserialize<'de> for Lease<A> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Parts<A> {
            addr: A,
            generation: u64,
        }
        let Parts { addr, generation } = Parts::deserialize(deserializer)?;
        Self::from_parts(addr, generation).ok_or_else(|| {
            let given = serde::de::Unexpected::Unsigned(generation);
            serde::de::Error::invalid_value(given, &"a generation from 1 to 2^53 - 1")
        })
    }
}
