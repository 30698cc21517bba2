//! Describes sets of [`hostbits`] pools in a TOML file: reads, checks, plans and applies it.
//!
//! ```
//! let text = r#"
//!     [[sets.v4.members]]
//!     network = "10.0.0.0/26"
//!     band = "kubernetes"
//!
//!     [[sets.v4.members]]
//!     network = "10.0.4.0/22"
//!     reserve = [{ range = "10.0.4.10-10.0.4.19", label = "printers" }]
//! "#;
//! let config = hostbits_config::Config::parse(text)?;
//! let open = config.sets[0].in_memory::<ipnet::Ipv4Net>()?;
//! assert_eq!(open.set.allocate()?.to_string(), "10.0.0.17");
//!
//! let error = hostbits_config::Config::parse("[[sets.v4.members]]\nnetwork = '10.0.0.0/33'").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "line 2: sets.v4.members[0].network: \"10.0.0.0/33\" is not a network: write 10.0.0.0/24 or \
//!      2001:db8::/112, for example"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
#![doc = include_str!("../KEYS.md")]
//!
//! # Changing a configuration
//!
//! A [`Plan`] compares a configuration with the existing pool files, and with an older configuration if there is one. A
//! change that would renumber a holder is refused; everything else can be applied, and applied again. Drains, cordons,
//! bands and weights are not stored in pool files: they take effect when a program reads the configuration.
//!
//! # Why this is a separate crate
//!
//! A data plane that embeds pools needs no TOML parser. As a feature of `hostbits`, this crate would add one to the
//! dependencies of the library, and would add the code that changes files to the source under review. It uses only the
//! public interface of the library, so nothing is lost by keeping it separate.
//!
//! | file | what it does |
//! |---|---|
//! | `document` | the TOML text: values with lines and keys |
//! | `values` | parsing of values |
//! | `read`, `member` | the keys |
//! | `check` | rules across values |
//! | `model`, `family` | the parsed configuration |
//! | `open` | opens the sets of a configuration |
//! | `plan`, `compare`, `apply` | what a changed configuration would do, and doing it |

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod apply;
mod check;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod compare;
mod document;
mod family;
mod member;
mod model;
mod open;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod plan;
mod problem;
mod read;
pub mod values;

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub use apply::{ApplyError, Done};
pub use family::Family;
pub use model::{
    Config, FileConfig, KeyBytes, LeaseConfig, MemberConfig, PairConfig, PoolConfig, RangeConfig,
    SetConfig,
};
pub use open::{OpenError, OpenPair, OpenRange, OpenSet};
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub use plan::{Plan, PlanError, Refusal, RefusalKind, Step, StepKind};
pub use problem::{ConfigError, ConfigProblem};
