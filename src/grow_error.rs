//! Why a pool did not grow.

use crate::error::BuildError;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

/// Why a pool on the heap did not grow. Nothing was changed.
///
/// ```
/// use hostbits::{GrowError, Pool};
/// use ipnet::Ipv4Net;
///
/// let mut pool = Pool::new("10.0.0.0/24".parse::<Ipv4Net>()?)?;
/// let elsewhere = Pool::builder("10.0.1.0/24".parse::<Ipv4Net>()?);
/// let error = elsewhere.grow(&mut pool).unwrap_err();
/// assert!(matches!(error, GrowError::AddressLost { .. }));
/// assert!(error.to_string().starts_with("10.0.0.0 would get another slot, or could no longer be handed out"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum GrowError {
    /// The pool is in a file. Use `file::Builder::grow` instead.
    InFile,
    /// An address would get another slot or another unit, or could no longer be handed out.
    #[non_exhaustive]
    AddressLost {
        /// The address in question.
        addr: IpAddr,
    },
    /// The larger pool cannot be built.
    #[cfg_attr(feature = "serde", serde(untagged))]
    Build(BuildError),
}

impl GrowError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Build(error) => error.code(),
            Self::InFile => "in-file",
            Self::AddressLost { .. } => "address-lost",
        }
    }
}

impl From<BuildError> for GrowError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl fmt::Display for GrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::InFile => f.write_str("the pool is in a file: grow the file instead"),
            Self::AddressLost { addr } => write!(
                f,
                "{addr} would get another slot, or could no longer be handed out: begin at the same address, \
                 and add new ranges after the others"
            ),
        }
    }
}

impl Error for GrowError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            _ => None,
        }
    }
}
