//! Why a lease was not offered, renewed or read.

use crate::file_refusal::FileRefusal;
use ipnet::IpNet;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// A term or an offer of zero, or a longer one than a record can hold.
///
/// ```
/// use hostbits::lease::{LeasePool, OfferError};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let error = pool.allocate(Duration::ZERO).unwrap_err();
/// assert!(matches!(error, OfferError::BadTerm(_)));
/// assert_eq!(error.to_string(), "a term of 0ns does not fit: it must be 1s to 126144000s");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BadTerm {
    /// The duration that was asked for.
    pub given: Duration,
    /// The longest one that is possible.
    pub longest: Duration,
}

impl fmt::Display for BadTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.longest.as_secs();
        write!(
            f,
            "a term of {:?} does not fit: it must be 1s to {longest}s",
            self.given
        )
    }
}

/// Why no address was offered or leased.
///
/// ```
/// use hostbits::lease::{LeasePool, OfferError, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?)?;
/// pool.allocate(Term::For(Duration::from_secs(60)))?;
/// let error = pool.allocate(Term::Forever).unwrap_err();
/// assert!(matches!(error, OfferError::Exhausted { capacity: 1, next_in: Some(_), .. }));
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
pub enum OfferError {
    /// At some instant of the call, too few addresses were free, and all whose time had come before the call had been
    /// made free.
    #[non_exhaustive]
    Exhausted {
        /// How many addresses the pool can hand out in total.
        capacity: u64,
        /// When the next address becomes free by itself, unless it is renewed; `None` if none does. A release may come
        /// earlier. If the whole pool was asked, this is as of the last look at its records, in the same second.
        next_in: Option<Duration>,
    },
    /// The requested address is held, or rests after it was.
    #[non_exhaustive]
    NotFree {
        /// The requested address.
        addr: IpAddr,
        /// When it becomes free by itself, unless it is renewed; `None` if it does not.
        next_in: Option<Duration>,
    },
    /// The term or the offer is zero, or too long.
    #[cfg_attr(feature = "serde", serde(rename = "bad-term"))]
    BadTerm(BadTerm),
    /// The range to allocate from contains no address of the pool, or ends before it begins; or the requested address
    /// is not in the pool.
    OutOfRange {
        /// The first address of the range.
        first: IpAddr,
        /// The last address of the range.
        last: IpAddr,
    },
    /// The requested address is never handed out; [`LeasePool::status`](super::LeasePool::status) says why.
    Reserved {
        /// The requested address.
        addr: IpAddr,
    },
    /// The requested address is within a unit. Request a unit by its first address.
    Misaligned {
        /// The requested address.
        addr: IpAddr,
        /// The unit that contains the address.
        unit: IpNet,
    },
    /// The pool file cannot be used, even if there are free addresses. Nothing is handed out.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl OfferError {
    /// Reports whether there were too few free addresses: try again after a release, or in `next_in`.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Self::Exhausted { .. })
    }

    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exhausted { .. } => "exhausted",
            Self::NotFree { .. } => "not-free",
            Self::BadTerm(_) => "bad-term",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Reserved { .. } => "reserved",
            Self::Misaligned { .. } => "misaligned",
            Self::File(refusal) => refusal.code(),
        }
    }
}

/// Writes when an address is free again.
struct In(Option<Duration>);

impl fmt::Display for In {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(next_in) => write!(f, "free in {}s, unless it is renewed", next_in.as_secs()),
            None => f.write_str("free when it is released"),
        }
    }
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { capacity, next_in } => write!(
                f,
                "exhausted: too few of the pool's {capacity} addresses are free; the next one is {}",
                In(*next_in)
            ),
            Self::NotFree { addr, next_in } => {
                write!(f, "{addr} is not free; it will be {}", In(*next_in))
            }
            Self::BadTerm(bad) => bad.fmt(f),
            Self::OutOfRange { first, last } if first == last => {
                write!(f, "{first} is not in this pool")
            }
            Self::OutOfRange { first, last } => {
                write!(f, "range {first} to {last} has no address of the pool")
            }
            Self::Reserved { addr } => write!(f, "{addr} is reserved"),
            Self::Misaligned { addr, unit } => {
                write!(
                    f,
                    "{addr} is within {unit}: request a unit by its first address"
                )
            }
            Self::File(refusal) => refusal.fmt(f),
        }
    }
}

impl Error for OfferError {}

impl From<BadTerm> for OfferError {
    fn from(bad: BadTerm) -> Self {
        Self::BadTerm(bad)
    }
}

impl From<FileRefusal> for OfferError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

/// Why a lease was not renewed. Nothing was changed, unless the file could not make the renewal durable.
///
/// ```
/// use hostbits::lease::{LeasePool, RenewError, Term};
/// use std::time::Duration;
///
/// let pool = LeasePool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let lease = pool.allocate(Duration::from_secs(30))?;
/// pool.release(&lease)?;
/// let error = pool.renew(&lease, Term::Forever).unwrap_err();
/// assert!(matches!(error, RenewError::Ended { .. }));
/// assert_eq!(error.to_string(), "the lease of 10.0.0.2 has ended: allocate again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum RenewError {
    /// The lease has ended, and the address has had no holder since.
    Ended {
        /// The address of the lease.
        addr: IpAddr,
    },
    /// The lease is of another generation: the address has had other holders since, or the lease is of another pool.
    Stale {
        /// The address of the lease.
        addr: IpAddr,
    },
    /// The term is zero, or too long.
    #[cfg_attr(feature = "serde", serde(rename = "bad-term"))]
    BadTerm(BadTerm),
    /// The address is not in the pool.
    OutOfRange {
        /// The address of the lease.
        addr: IpAddr,
    },
    /// The address is never handed out.
    Reserved {
        /// The address of the lease.
        addr: IpAddr,
    },
    /// The address is within a unit. A lease has the first address of its unit.
    Misaligned {
        /// The address of the lease.
        addr: IpAddr,
        /// The unit that contains the address.
        unit: IpNet,
    },
    /// The pool file cannot be used, or a sync failed: then the renewal may be lost with the machine.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl RenewError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "ended",
            Self::Stale { .. } => "stale",
            Self::BadTerm(_) => "bad-term",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Reserved { .. } => "reserved",
            Self::Misaligned { .. } => "misaligned",
            Self::File(refusal) => refusal.code(),
        }
    }
}

impl fmt::Display for RenewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { addr } => {
                write!(f, "the lease of {addr} has ended: allocate again")
            }
            Self::Stale { addr } => write!(
                f,
                "the lease of {addr} is stale: the address has had other holders since, or the lease is of another pool"
            ),
            Self::BadTerm(bad) => bad.fmt(f),
            Self::OutOfRange { addr } => write!(f, "{addr} is not in this pool"),
            Self::Reserved { addr } => write!(f, "{addr} is reserved"),
            Self::Misaligned { addr, unit } => {
                write!(f, "{addr} is inside {unit}: name it by {}", unit.network())
            }
            Self::File(refusal) => refusal.fmt(f),
        }
    }
}

impl Error for RenewError {}

impl From<FileRefusal> for RenewError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

impl From<BadTerm> for RenewError {
    fn from(bad: BadTerm) -> Self {
        Self::BadTerm(bad)
    }
}

/// Why a text is not a lease.
///
/// ```
/// use hostbits::lease::Lease;
/// use std::net::Ipv4Addr;
///
/// let error = "10.0.0.5#x".parse::<Lease<Ipv4Addr>>().unwrap_err();
/// assert_eq!(error.code(), "bad-generation");
/// assert_eq!(
///     error.to_string(),
///     "\"10.0.0.5#x\" is not a lease: after # comes a generation, 1 to 9007199254740991"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ParseLeaseError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    #[cfg_attr(feature = "serde", serde(rename = "code"))]
    pub problem: ParseLeaseProblem,
}

/// What is wrong with a text that should be a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ParseLeaseProblem {
    /// There is no `#`: it is an address without a generation.
    NoGeneration,
    /// What is before the `#` is not an address of this family.
    BadAddress,
    /// What is behind the `#` is not a number from 1 to 2^53 - 1.
    BadGeneration,
}

impl ParseLeaseError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self.problem {
            ParseLeaseProblem::NoGeneration => "no-generation",
            ParseLeaseProblem::BadAddress => "bad-address",
            ParseLeaseProblem::BadGeneration => "bad-generation",
        }
    }
}

impl fmt::Display for ParseLeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a lease: ", self.text)?;
        f.write_str(match self.problem {
            ParseLeaseProblem::NoGeneration => "it has no generation, as in 10.0.0.5#7",
            ParseLeaseProblem::BadAddress => "before # comes an address of the pool's family",
            ParseLeaseProblem::BadGeneration => "after # comes a generation, 1 to 9007199254740991",
        })
    }
}

impl Error for ParseLeaseError {}
