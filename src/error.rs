//! One small enum per verb. Each value says what was asked for and what to do next.

use crate::file_refusal::FileRefusal;
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

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
    /// The network is written with an address inside it, and that has more than one meaning.
    HostBitsSet {
        /// As written.
        given: IpNet,
        /// The whole network around it.
        network: IpNet,
        /// The last address of that network.
        last: IpAddr,
    },
    /// An IPv4-mapped IPv6 prefix: it has two readings.
    MappedPrefix {
        /// As written.
        network: IpNet,
    },
    /// More than 2^32 slots.
    TooLarge {
        /// How many slots it would take; `u128::MAX` stands for 2^128. A string in JSON, where numbers
        /// of this size lose digits.
        #[cfg_attr(feature = "serde", serde(serialize_with = "as_string"))]
        slots: u128,
        /// The most a pool can have.
        max: u64,
    },
    /// The gateway is not an address of the network.
    GatewayOutside {
        /// The gateway asked for.
        gateway: IpAddr,
        /// The network, unless the pool is made of ranges alone.
        network: Option<IpNet>,
    },
    /// The gateway is an address that the network needs for itself.
    GatewayReserved {
        /// The gateway asked for.
        gateway: IpAddr,
        /// What the address is: `network`, `broadcast` or `subnet-router anycast`.
        label: &'static str,
    },
    /// A range or a reservation that does not fit.
    BadRange {
        /// First address of the range.
        first: IpAddr,
        /// Last address of the range.
        last: IpAddr,
        /// What is wrong with it.
        reason: RangeProblem,
    },
    /// A unit that is not between the prefix length of the network and the width of an address.
    BadUnit {
        /// The prefix length asked for.
        unit: u8,
        /// The shortest that fits.
        shortest: u8,
        /// The longest that fits.
        longest: u8,
    },
    /// A pool without a single slot: no network and no range, or at most 0 slots.
    Empty,
}

#[cfg(feature = "serde")]
fn as_string<S: serde::Serializer>(slots: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(slots)
}

/// What is wrong with a range.
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
    /// It does not begin and end at the borders of a unit.
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
            Self::Misaligned => "does not begin and end at the borders of a unit",
            Self::Mapped => "is of IPv4-mapped addresses: write it in IPv4",
        }
    }
}

impl BuildError {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HostBitsSet { .. } => "host-bits-set",
            Self::MappedPrefix { .. } => "mapped-prefix",
            Self::TooLarge { .. } => "too-large",
            Self::GatewayOutside { .. } => "gateway-outside",
            Self::GatewayReserved { .. } => "gateway-reserved",
            Self::BadRange { .. } => "bad-range",
            Self::BadUnit { .. } => "bad-unit",
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
                 a shorter unit, or at most so many slots",
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
            Self::Empty => f.write_str(
                "a pool needs at least one slot: give it a network or a range, and room",
            ),
        }
    }
}

impl Error for BuildError {}

/// A count that may be a large power of two.
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
/// assert_eq!(error.to_string(), "exhausted: the pool has 1 address, which is taken or too few");
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
    /// At some instant of the call there was nothing (not enough, no such block) to allocate.
    #[non_exhaustive]
    Exhausted {
        /// How many addresses the pool can hand out in all.
        capacity: u64,
        /// How many of them are neither free nor known to be held: the machine went down, a write to the
        /// disk failed, or the file was put back from a copy. The pool has them back when it is told who
        /// holds what (`Pool::reclaim`). 0 but in pool files.
        quarantined: u64,
    },
    /// Blocks of that prefix length are larger than the network or smaller than a slot.
    BadBlock {
        /// The prefix length asked for.
        prefix_len: u8,
        /// The shortest prefix that fits the pool.
        shortest: u8,
        /// The prefix length of one slot.
        longest: u8,
    },
    /// The range to allocate from has no address of the pool, or ends before it begins.
    OutOfRange {
        /// First address of the range.
        first: IpAddr,
        /// Last address of the range.
        last: IpAddr,
    },
    /// The pool file refuses, whatever is free. Nothing is allocated.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl AllocateError {
    /// Whether there was nothing (not enough, no such block) to allocate: try again when something was released, or
    /// add addresses. Every other error stays until something else is changed.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Self::Exhausted { .. })
    }

    /// A stable name for logs, JSON and exit codes: kebab case.
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
            } => {
                match capacity {
                    0 => f.write_str("exhausted: the pool has no addresses")?,
                    1 => {
                        f.write_str("exhausted: the pool has 1 address, which is taken or too few")?
                    }
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

impl AllocateError {
    /// Why the file refuses, if it is that.
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

/// Why exactly this address was not allocated.
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
    /// The address is not of this pool.
    OutOfRange {
        /// The address asked for.
        addr: IpAddr,
    },
    /// The address is never handed out; [`Pool::status`](crate::Pool::status) says why.
    Reserved {
        /// The address asked for.
        addr: IpAddr,
    },
    /// Somebody holds the address.
    #[non_exhaustive]
    AlreadyAllocated {
        /// The address asked for.
        addr: IpAddr,
    },
    /// The address is inside a unit; the first address of a unit names it.
    Misaligned {
        /// The address asked for.
        addr: IpAddr,
        /// The unit it lies in.
        unit: IpNet,
    },
    /// Nothing new is handed out there: it is under a cordon of its set, or its member is drained.
    Cordoned {
        /// The address asked for.
        addr: IpAddr,
    },
    /// The pool file refuses, whatever is free. The address is not allocated.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl AllocateExactError {
    /// A stable name for logs, JSON and exit codes: kebab case.
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
                    "{addr} is under a cordon: nothing new is handed out there"
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

/// Why an address or a block was not released. Nothing has changed.
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
    /// The address is not of this pool.
    OutOfRange {
        /// The address given back.
        addr: IpAddr,
    },
    /// The address was never handed out.
    Reserved {
        /// The address given back.
        addr: IpAddr,
    },
    /// Nobody holds the address: a double release.
    NotAllocated {
        /// The address given back, or the first such address of a block.
        addr: IpAddr,
    },
    /// The address is inside a unit, or the block does not begin where a block of its size does.
    Misaligned {
        /// The address given back, or the first of the block.
        addr: IpAddr,
        /// The unit or the block around it.
        unit: IpNet,
    },
    /// This process is a fork of the one that opened the pool file: it must open the file itself. Nothing that
    /// its parent holds was given back.
    Forked,
}

impl ReleaseError {
    /// A stable name for logs, JSON and exit codes: kebab case.
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
