//! Sets of [`hostbits`] pools as a TOML file: read, checked, planned, applied.
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
//! `Plan` compares a configuration with the pool files there are, and with an older configuration if there is
//! one. What would renumber somebody is refused; the rest can be applied, again and again. Drains, cordons,
//! bands and weights are not in the pool files: they hold for whoever reads the configuration.
//!
//! # Why a crate of its own
//!
//! A data plane that embeds pools needs no TOML parser. As a feature of `hostbits` this would put one, and
//! the code that plans changes of files, among the dependencies and the source that have to be reviewed there.
//! Everything here stands on the public interface of the library, so it loses nothing by being outside.
//!
//! | file | what it does |
//! |---|---|
//! | `document` | the TOML text: values with lines and keys |
//! | `values` | texts as values |
//! | `read`, `member` | the keys |
//! | `check` | what must fit together |
//! | `model`, `family` | the result |
//! | `open` | a configuration as sets of pools |
//! | `plan`, `compare`, `apply` | what a changed configuration does |

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
    Config, FileConfig, KeyBytes, MemberConfig, PairConfig, PoolConfig, RangeConfig, SetConfig,
};
pub use open::{OpenError, OpenPair, OpenRange, OpenSet};
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub use plan::{Plan, PlanError, Refusal, RefusalKind, Step, StepKind};
pub use problem::{ConfigError, ConfigProblem};
