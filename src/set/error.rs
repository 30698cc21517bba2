//! One small enum per verb of sets. Each message says what was asked for.

use super::MemberId;
use crate::error::{AllocateError, AllocateExactError, ReleaseError};
use crate::network::Network;
use crate::pool::Pool;
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

/// The addresses that a pool covers: its network, or its first and last addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Extent {
    /// The network; `None` for a pool that consists of ranges alone.
    pub network: Option<IpNet>,
    /// The first address of the pool.
    pub first: IpAddr,
    /// The last address of the pool.
    pub last: IpAddr,
}

impl Extent {
    pub(super) fn of<N: Network>(pool: &Pool<N>) -> Self {
        let info = pool.info();
        let ends = pool.stretches().fold(None, |ends, (first, last)| {
            let first = ends.map_or(first, |(first, _)| first);
            Some((first, last))
        });
        let (first, last) = ends.expect("a pool has at least one slot");
        Self {
            network: info.network,
            first: first.into(),
            last: last.into(),
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            Some(network) => network.fmt(f),
            None => write!(f, "{} to {}", self.first, self.last),
        }
    }
}

/// Why a pool did not become a member of a set.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::AddError};
///
/// let set = PoolSet::new([Pool::new("10.0.0.0/16".parse::<ipnet::Ipv4Net>()?)?])?;
/// let error = set.add(Pool::new("10.0.7.0/24".parse()?)?).unwrap_err();
/// assert!(matches!(error, AddError::Overlaps { .. }));
/// assert_eq!(
///     error.to_string(),
///     "10.0.7.0/24 overlaps 10.0.0.0/16, which is in the set: both have 10.0.7.0 to 10.0.7.255"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum AddError {
    /// The pool shares addresses with a member. Each set is a routing domain of its own, so put the pool into another
    /// set.
    #[non_exhaustive]
    Overlaps {
        /// The pool to be added.
        added: Box<Extent>,
        /// The member that it overlaps.
        member: Box<Extent>,
        /// The first address that both contain.
        first: IpAddr,
        /// The last address of the first range that both contain.
        last: IpAddr,
    },
    /// The set already has as many members as it was built for, including removed ones.
    #[non_exhaustive]
    NoRoom {
        /// The number of members that it was built for.
        room: usize,
    },
}

impl AddError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Overlaps { .. } => "overlaps",
            Self::NoRoom { .. } => "no-room",
        }
    }
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlaps {
                added,
                member,
                first,
                last,
            } => write!(
                f,
                "{added} overlaps {member}, which is in the set: both have {first} to {last}"
            ),
            Self::NoRoom { room } => write!(
                f,
                "the set was built for {room} members: build one with more room over the same pools"
            ),
        }
    }
}

impl Error for AddError {}

/// Why a member was not drained, resumed or removed.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::MemberError};
///
/// let mut set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
/// let addr = set.allocate()?;
/// let member = set.member_of(addr).unwrap().id();
/// assert_eq!(set.remove(member).unwrap_err().code(), "not-drained");
/// set.drain(member)?;
/// let error = set.remove(member).unwrap_err();
/// assert!(matches!(error, MemberError::NotEmpty { allocated: 1, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum MemberError {
    /// The set does not have this member, or no longer has it.
    #[cfg_attr(feature = "serde", serde(rename = "unknown-member"))]
    #[non_exhaustive]
    Unknown {
        /// The requested member.
        member: MemberId,
    },
    /// The member still hands out addresses; drain it first.
    #[non_exhaustive]
    NotDrained {
        /// The requested member.
        member: MemberId,
    },
    /// Addresses of the member are still allocated. The set returns them as its stragglers.
    #[non_exhaustive]
    NotEmpty {
        /// The requested member.
        member: MemberId,
        /// How many addresses are allocated.
        allocated: u64,
    },
}

impl MemberError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown-member",
            Self::NotDrained { .. } => "not-drained",
            Self::NotEmpty { .. } => "not-empty",
        }
    }
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { member } => write!(f, "the set has no {member}"),
            Self::NotDrained { member } => write!(f, "{member} is not drained: drain it first"),
            Self::NotEmpty { member, allocated } => write!(
                f,
                "{allocated} addresses of {member} are allocated: wait for their release"
            ),
        }
    }
}

impl Error for MemberError {}

/// Why a range was not cordoned or uncordoned.
///
/// ```
/// use hostbits::{Pool, PoolSet, set::CordonError};
///
/// let set = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
/// let error = set.uncordon("10.0.0.8".parse()?..="10.0.0.9".parse()?).unwrap_err();
/// assert!(matches!(error, CordonError::NotCordoned { .. }));
/// assert_eq!(error.to_string(), "10.0.0.8 to 10.0.0.9 is not cordoned");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum CordonError {
    /// The range contains no address of any member, or ends before it begins.
    #[non_exhaustive]
    OutOfRange {
        /// The first address of the range.
        first: IpAddr,
        /// The last address of the range.
        last: IpAddr,
    },
    /// A member already has the maximum number of cordons.
    #[cfg_attr(feature = "serde", serde(rename = "too-many-cordons"))]
    #[non_exhaustive]
    TooMany {
        /// The maximum number of cordons of a member.
        most: usize,
    },
    /// There is no cordon of exactly this range.
    #[non_exhaustive]
    NotCordoned {
        /// The first address of the range.
        first: IpAddr,
        /// The last address of the range.
        last: IpAddr,
    },
}

impl CordonError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "out-of-range",
            Self::TooMany { .. } => "too-many-cordons",
            Self::NotCordoned { .. } => "not-cordoned",
        }
    }
}

impl fmt::Display for CordonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { first, last } => {
                write!(f, "range {first} to {last} has no address of the set")
            }
            Self::TooMany { most } => write!(
                f,
                "a member already has {most} cordons: join ranges, or drain the member"
            ),
            Self::NotCordoned { first, last } => write!(f, "{first} to {last} is not cordoned"),
        }
    }
}

impl Error for CordonError {}

/// Why no pair of addresses was allocated. Nothing is allocated.
///
/// ```
/// use hostbits::{DualStack, Pool, PoolSet, set::AllocatePairError};
///
/// let v4 = PoolSet::new([Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?])?;
/// let v6 = PoolSet::new([Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?])?;
/// let both = DualStack::new(v4, v6);
/// both.allocate_pair()?;
/// let error = both.allocate_pair().unwrap_err();
/// assert!(matches!(error, AllocatePairError::V4(_)));
/// assert_eq!(error.to_string(), "IPv4: exhausted: the pool has only 1 address, which is taken or not enough");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "side", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum AllocatePairError {
    /// No IPv4 address was allocated.
    V4(AllocateError),
    /// No IPv6 address was allocated.
    V6(AllocateError),
    /// At some instant of the call, no index was free in both networks.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "both", serialize_with = "no_common_index")
    )]
    #[non_exhaustive]
    NoCommonIndex {
        /// How many indices both networks have in common and can hand out.
        indices: u64,
    },
}

/// Serializes it like the other variants, with a code.
#[cfg(feature = "serde")]
fn no_common_index<S: serde::Serializer>(indices: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeStruct;
    let mut fields = serializer.serialize_struct("NoCommonIndex", 2)?;
    fields.serialize_field("code", "no-common-index")?;
    fields.serialize_field("indices", indices)?;
    fields.end()
}

impl AllocatePairError {
    /// Reports whether one of the sets had no free address, or both together no common index.
    pub fn is_exhausted(&self) -> bool {
        match self {
            Self::V4(error) | Self::V6(error) => error.is_exhausted(),
            Self::NoCommonIndex { .. } => true,
        }
    }

    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::V4(error) | Self::V6(error) => error.code(),
            Self::NoCommonIndex { .. } => "no-common-index",
        }
    }
}

impl fmt::Display for AllocatePairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(error) => write!(f, "IPv4: {error}"),
            Self::V6(error) => write!(f, "IPv6: {error}"),
            Self::NoCommonIndex { indices: 0 } => {
                f.write_str("exhausted: the networks have no index in common")
            }
            Self::NoCommonIndex { indices: 1 } => {
                f.write_str("exhausted: the only common index is not free in both networks")
            }
            Self::NoCommonIndex { indices } => {
                write!(
                    f,
                    "exhausted: none of {indices} indices is free in both networks"
                )
            }
        }
    }
}

impl Error for AllocatePairError {}

/// Why an exact pair was not allocated. Nothing is allocated.
///
/// ```
/// use hostbits::{DualStack, Pool, PoolSet, set::AllocatePairExactError};
///
/// let v4 = PoolSet::new([Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?])?;
/// let v6 = PoolSet::new([Pool::new("2001:db8::/112".parse::<ipnet::Ipv6Net>()?)?])?;
/// let both = DualStack::new(v4, v6);
/// let error = both.allocate_pair_exact("10.0.0.1".parse()?, "2001:db8::7".parse()?).unwrap_err();
/// assert!(matches!(error, AllocatePairExactError::V4(_)));
/// assert_eq!((error.code(), error.to_string()), ("reserved", "IPv4: 10.0.0.1 is reserved".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "side", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum AllocatePairExactError {
    /// The IPv4 address could not be allocated.
    V4(AllocateExactError),
    /// The IPv6 address could not be allocated.
    V6(AllocateExactError),
}

impl AllocatePairExactError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::V4(error) | Self::V6(error) => error.code(),
        }
    }
}

impl fmt::Display for AllocatePairExactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(error) => write!(f, "IPv4: {error}"),
            Self::V6(error) => write!(f, "IPv6: {error}"),
        }
    }
}

impl Error for AllocatePairExactError {}

/// Why an address of a pair was not released. The other one was released unless it has an error, too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReleasePairError {
    /// Why the IPv4 address was not released; `None` if it was.
    pub v4: Option<ReleaseError>,
    /// Why the IPv6 address was not released; `None` if it was.
    pub v6: Option<ReleaseError>,
}

impl ReleasePairError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes; of the IPv4 address, if it was not released.
    pub fn code(&self) -> &'static str {
        match (&self.v4, &self.v6) {
            (Some(error), _) | (None, Some(error)) => error.code(),
            (None, None) => "released",
        }
    }

    /// Returns `Ok` if both were released.
    pub(super) fn of(
        v4: Result<(), ReleaseError>,
        v6: Result<(), ReleaseError>,
    ) -> Result<(), Self> {
        match (v4.err(), v6.err()) {
            (None, None) => Ok(()),
            (v4, v6) => Err(Self { v4, v6 }),
        }
    }
}

impl fmt::Display for ReleasePairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.v4, &self.v6) {
            (Some(v4), Some(v6)) => write!(f, "{v4}; {v6}"),
            (Some(error), None) | (None, Some(error)) => error.fmt(f),
            (None, None) => f.write_str("both were released"),
        }
    }
}

impl Error for ReleasePairError {}
