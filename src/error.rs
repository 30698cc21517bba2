//! One small enum per verb. Each message says what was asked for and what to do next.

use crate::file_refusal::FileRefusal;
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Why a pool cannot be built.
///
/// ```
/// use hostbits::{BuildError, Pool};
///
/// let error = Pool::new("10.0.0.5/24".parse::<ipnet::IpNet>()?).unwrap_err();
/// assert!(matches!(error, BuildError::HostBitsSet { .. }));
/// assert_eq!(error.code(), "host-bits-set");
/// assert_eq!(
///     error.to_string(),
///     "10.0.0.5/24 has host bits set: write 10.0.0.0/24 for the whole network, \
///      or 10.0.0.0/24 with the range 10.0.0.5 to 10.0.0.255"
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
pub enum BuildError {
    /// The network has host bits set, which can mean different things.
    HostBitsSet {
        /// The network as it was given.
        given: IpNet,
        /// The network without host bits.
        network: IpNet,
        /// The last address of that network.
        last: IpAddr,
    },
    /// The network is an IPv4-mapped IPv6 prefix, which is ambiguous.
    MappedPrefix {
        /// The network as it was given.
        network: IpNet,
    },
    /// The pool would have more than 2^32 slots.
    TooLarge {
        /// How many slots it would have; `u128::MAX` stands for 2^128. In JSON this is a string, because numbers of
        /// this size lose digits there.
        #[cfg_attr(feature = "serde", serde(serialize_with = "as_string"))]
        slots: u128,
        /// The maximum number of slots of a pool.
        max: u64,
    },
    /// The gateway is not an address of the network.
    GatewayOutside {
        /// The requested gateway.
        gateway: IpAddr,
        /// The network; `None` if the pool consists of ranges alone.
        network: Option<IpNet>,
    },
    /// The gateway is an address that the network reserves.
    GatewayReserved {
        /// The requested gateway.
        gateway: IpAddr,
        /// The kind of the address: `network`, `broadcast` or `subnet-router anycast`.
        label: &'static str,
    },
    /// A range or a reservation does not fit the pool.
    BadRange {
        /// The first address of the range.
        first: IpAddr,
        /// The last address of the range.
        last: IpAddr,
        /// Why the range does not fit.
        reason: RangeProblem,
    },
    /// The unit is not between the prefix length of the network and the width of an address.
    BadUnit {
        /// The requested prefix length of a unit.
        unit: u8,
        /// The shortest prefix length that fits.
        shortest: u8,
        /// The longest prefix length that fits.
        longest: u8,
    },
    /// The cooldown of a lease pool is longer than a record can hold.
    BadCooldown {
        /// The requested cooldown.
        given: Duration,
        /// The longest cooldown.
        longest: Duration,
    },
    /// The pool would not have a single slot: no network and no range, or a limit of 0 slots.
    Empty,
}

#[cfg(feature = "serde")]
fn as_string<S: serde::Serializer>(slots: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(slots)
}

/// Why a range does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum RangeProblem {
    /// The last address comes before the first.
    Backwards,
    /// It is not inside the network, or not of its family.
    Outside,
    /// It shares addresses with another range of the pool.
    Overlaps,
    /// It is not aligned to the units of the pool.
    Misaligned,
    /// It is written with IPv4-mapped addresses.
    Mapped,
}

impl RangeProblem {
    fn text(self) -> &'static str {
        match self {
            Self::Backwards => "ends before it begins",
            Self::Outside => "is not inside the pool's network or ranges",
            Self::Overlaps => "overlaps another range of the pool",
            Self::Misaligned => "is not aligned to the units of the pool",
            Self::Mapped => "has IPv4-mapped addresses: write it in IPv4",
        }
    }
}

impl BuildError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HostBitsSet { .. } => "host-bits-set",
            Self::MappedPrefix { .. } => "mapped-prefix",
            Self::TooLarge { .. } => "too-large",
            Self::GatewayOutside { .. } => "gateway-outside",
            Self::GatewayReserved { .. } => "gateway-reserved",
            Self::BadRange { .. } => "bad-range",
            Self::BadUnit { .. } => "bad-unit",
            Self::BadCooldown { .. } => "bad-cooldown",
            Self::Empty => "empty",
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostBitsSet {
                given,
                network,
                last,
            } => write!(
                f,
                "{given} has host bits set: write {network} for the whole network, \
                 or {network} with the range {} to {last}",
                given.addr()
            ),
            Self::MappedPrefix { network } => write!(
                f,
                "{network} is a prefix of IPv4-mapped addresses: write it as an IPv4 network"
            ),
            Self::TooLarge { slots, max } => write!(
                f,
                "{} slots are more than the {} a pool can have: choose a range, \
                 a shorter unit, or fewer slots",
                Count(*slots),
                Count((*max).into())
            ),
            Self::GatewayOutside {
                gateway,
                network: Some(network),
            } => write!(f, "gateway {gateway} is outside {network}"),
            Self::GatewayOutside {
                gateway,
                network: None,
            } => write!(f, "gateway {gateway} is not of the pool's address family"),
            Self::GatewayReserved { gateway, label } => {
                write!(f, "gateway {gateway} is the {label} address of its network")
            }
            Self::BadRange {
                first,
                last,
                reason,
            } => write!(f, "range {first} to {last} {}", reason.text()),
            Self::BadUnit {
                unit,
                shortest,
                longest,
            } => write!(
                f,
                "a unit of /{unit} does not fit: it must be /{shortest} to /{longest}"
            ),
            Self::BadCooldown { given, longest } => write!(
                f,
                "a cooldown of {given:?} does not fit: it must be at most {}s",
                longest.as_secs()
            ),
            Self::Empty => f.write_str(
                "a pool needs at least one slot: give it a network or a range, and room",
            ),
        }
    }
}

impl Error for BuildError {}

/// A number that may be a large power of two.
struct Count(u128);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            u128::MAX => f.write_str("2^128"),
            count if count >= 1 << 20 && count.is_power_of_two() => {
                write!(f, "2^{}", count.trailing_zeros())
            }
            count => count.fmt(f),
        }
    }
}

/// Why no address was allocated.
///
/// ```
/// use hostbits::{AllocateError, Pool};
///
/// let pool = Pool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?;
/// pool.allocate()?;
/// let error = pool.allocate().unwrap_err();
/// assert!(matches!(error, AllocateError::Exhausted { capacity: 1, .. }));
/// assert_eq!(error.to_string(), "exhausted: the pool has only 1 address, which is taken or not enough");
/// assert_eq!(error.code(), "exhausted");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum AllocateError {
    /// At some instant of the call, nothing was free: too few addresses, or no such block.
    #[non_exhaustive]
    Exhausted {
        /// How many addresses the pool can hand out in total.
        capacity: u64,
        /// How many of them are quarantined: neither free nor known to be held, because the machine went down, a write
        /// to the disk failed, or the file was replaced by a copy. `Pool::reclaim` returns them to the pool with a list
        /// of users. Always 0 for a pool on the heap.
        quarantined: u64,
        /// Number of free addresses in drained members or under cordons, counted after the refusal. Always 0
        /// outside of sets, and then left out of JSON.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_zero"))]
        closed: u64,
    },
    /// A block of this prefix length is larger than the network, or smaller than a slot.
    BadBlock {
        /// The requested prefix length.
        prefix_len: u8,
        /// The shortest prefix length of a block in this pool.
        shortest: u8,
        /// The prefix length of one slot.
        longest: u8,
    },
    /// The range to allocate from contains no address of the pool, or ends before it begins.
    OutOfRange {
        /// The first address of the range.
        first: IpAddr,
        /// The last address of the range.
        last: IpAddr,
    },
    /// The pool file cannot be used, even if there are free addresses. Nothing is allocated.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl AllocateError {
    /// Reports whether there were too few free addresses, or no free block: try again after a release, or add
    /// addresses. All other errors persist until something else changes.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Self::Exhausted { .. })
    }

    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exhausted { .. } => "exhausted",
            Self::File(refusal) => refusal.code(),
            Self::BadBlock { .. } => "bad-block",
            Self::OutOfRange { .. } => "out-of-range",
        }
    }
}

impl fmt::Display for AllocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted {
                capacity,
                quarantined,
                closed,
            } => {
                match capacity {
                    _ if *closed != 0 => write!(
                        f,
                        "exhausted: too few of the pool's {capacity} addresses are free to be handed out; {closed} more \
                         are free in drained members or under cordons"
                    )?,
                    0 => f.write_str("exhausted: the pool has no addresses")?,
                    1 => f.write_str(
                        "exhausted: the pool has only 1 address, which is taken or not enough",
                    )?,
                    _ => write!(
                        f,
                        "exhausted: too few of the pool's {capacity} addresses are free"
                    )?,
                }
                match quarantined {
                    0 => Ok(()),
                    1 => f.write_str(
                        ", and 1 is quarantined: reclaim it with a list of who holds what",
                    ),
                    _ => write!(
                        f,
                        ", and {quarantined} are quarantined: reclaim them with a list of who holds what"
                    ),
                }
            }
            Self::File(refusal) => refusal.fmt(f),
            Self::BadBlock {
                prefix_len,
                shortest,
                longest,
            } => write!(
                f,
                "a block of /{prefix_len} does not fit: it must be /{shortest} to /{longest}"
            ),
            Self::OutOfRange { first, last } => {
                write!(f, "range {first} to {last} has no address of the pool")
            }
        }
    }
}

impl Error for AllocateError {}

#[cfg(feature = "serde")]
#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl AllocateError {
    /// Returns why the file cannot be used, if that is the error.
    #[inline]
    pub(crate) fn of_file(&self) -> Option<FileRefusal> {
        match self {
            Self::File(refusal) => Some(*refusal),
            Self::Exhausted { .. } | Self::BadBlock { .. } | Self::OutOfRange { .. } => None,
        }
    }
}

impl From<FileRefusal> for AllocateError {
    #[inline]
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

/// Why a requested address was not allocated.
///
/// ```
/// use hostbits::{AllocateExactError, Pool};
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let error = pool.allocate_exact("10.0.0.1".parse()?).unwrap_err();
/// assert!(matches!(error, AllocateExactError::Reserved { .. }));
/// assert_eq!(error.to_string(), "10.0.0.1 is reserved");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum AllocateExactError {
    /// The address is not in this pool.
    OutOfRange {
        /// The requested address.
        addr: IpAddr,
    },
    /// The address is never handed out; [`Pool::status`](crate::Pool::status) says why.
    Reserved {
        /// The requested address.
        addr: IpAddr,
    },
    /// The address is already allocated.
    #[non_exhaustive]
    AlreadyAllocated {
        /// The requested address.
        addr: IpAddr,
    },
    /// The address is within a unit. Request a unit by its first address.
    Misaligned {
        /// The requested address.
        addr: IpAddr,
        /// The unit that contains the address.
        unit: IpNet,
    },
    /// No new addresses are handed out there: the address is cordoned in its set, or its member is drained.
    Cordoned {
        /// The requested address.
        addr: IpAddr,
    },
    /// The pool file cannot be used, even if the address is free. The address is not allocated.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl AllocateExactError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "out-of-range",
            Self::Reserved { .. } => "reserved",
            Self::AlreadyAllocated { .. } => "already-allocated",
            Self::Misaligned { .. } => "misaligned",
            Self::Cordoned { .. } => "cordoned",
            Self::File(refusal) => refusal.code(),
        }
    }
}

impl fmt::Display for AllocateExactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { addr } => write!(f, "{addr} is not an address of the pool"),
            Self::Reserved { addr } => write!(f, "{addr} is reserved"),
            Self::AlreadyAllocated { addr } => write!(f, "{addr} is already allocated"),
            Self::Cordoned { addr } => {
                write!(
                    f,
                    "{addr} is cordoned: no new addresses are handed out there"
                )
            }
            Self::Misaligned { addr, unit } => {
                write!(f, "{addr} is inside {unit}: name it by {}", unit.network())
            }
            Self::File(refusal) => refusal.fmt(f),
        }
    }
}

impl Error for AllocateExactError {}

impl From<FileRefusal> for AllocateExactError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

/// Why an address or a block was not released. Nothing was changed.
///
/// ```
/// use hostbits::{Pool, ReleaseError};
///
/// let pool = Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let error = pool.release("10.0.0.7".parse()?).unwrap_err();
/// assert!(matches!(error, ReleaseError::NotAllocated { .. }));
/// assert_eq!(error.to_string(), "10.0.0.7 is not allocated");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The address is not in this pool.
    OutOfRange {
        /// The address to be released.
        addr: IpAddr,
    },
    /// The address is reserved, and was never handed out.
    Reserved {
        /// The address to be released.
        addr: IpAddr,
    },
    /// The address is not allocated: it was released twice, or never allocated.
    NotAllocated {
        /// The address to be released, or the first unallocated address of the block.
        addr: IpAddr,
    },
    /// The address is within a unit, or the block is not aligned to its size.
    Misaligned {
        /// The address to be released, or the first address of the block.
        addr: IpAddr,
        /// The unit or aligned block that contains it.
        unit: IpNet,
    },
    /// This process is a fork of the one that opened the pool file: it must open the file itself. Nothing that
    /// its parent holds was given back.
    Forked,
}

impl ReleaseError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "out-of-range",
            Self::Reserved { .. } => "reserved",
            Self::NotAllocated { .. } => "not-allocated",
            Self::Misaligned { .. } => "misaligned",
            Self::Forked => "forked",
        }
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { addr } => write!(f, "{addr} is not an address of the pool"),
            Self::Reserved { addr } => write!(f, "{addr} is reserved"),
            Self::NotAllocated { addr } => write!(f, "{addr} is not allocated"),
            Self::Misaligned { addr, unit } => {
                write!(f, "{addr} is inside {unit}: name it by {}", unit.network())
            }
            Self::Forked => FileRefusal::Forked.fmt(f),
        }
    }
}

impl Error for ReleaseError {}
