//! The target of a command: a pool file, a configuration, or a set of it. The comments on the fields are the help
//! texts.

use crate::files::values;
use crate::help::COMMON;
use crate::output::Format;
use clap::Args;
use hostbits_ops::files::{ConfigFile, PoolFile, Target};
use hostbits_ops::printable_path;
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, Used};
use std::path::PathBuf;
use std::process::ExitCode;

/// Heading of the options of pools of leases.
pub(crate) const LEASES: &str = "Leases";

/// The pool file, and the output format.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileArgs {
    /// The pool file
    #[arg(value_name = "POOL")]
    pub(crate) path: PathBuf,

    /// Refuse a file whose session number is below this one: an older copy was put back
    ///
    /// Pass the number last reported by show or in JSON; restore makes it at least this one
    #[arg(long, value_name = "N", help_heading = COMMON)]
    pub(crate) min_session: Option<u64>,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,
}

/// The configuration, and the output format.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigArgs {
    /// The configuration, a TOML file
    #[arg(value_name = "CONFIG")]
    pub(crate) path: PathBuf,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,
}

/// One set or all of them, for `show`, `list` and `check`. A command that compares with a list takes one set.
#[derive(Args, Clone, Debug)]
pub(crate) struct LookArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set [default: the only one; for show, list, and check without --from: all of them]
    #[arg(value_name = "SET")]
    pub(crate) set: Option<String>,
}

/// A limit for monitoring.
#[derive(Args, Clone, Debug)]
pub(crate) struct Limit {
    /// Exit with code 10 if more than PERCENT of the addresses are used: 0 to 100
    ///
    /// Drained and cordoned addresses do not count. In a set, each named range is checked, too
    #[arg(long, value_name = "PERCENT", value_parser = values::percent)]
    fail_above: Option<u8>,
}

impl Limit {
    /// Returns the exit code for this usage.
    pub(crate) fn exit_code(&self, used: impl IntoIterator<Item = Used>) -> ExitCode {
        let is_above = |used: Used| {
            self.fail_above
                .is_some_and(|percent| used.is_above(percent))
        };
        match used.into_iter().any(is_above) {
            true => ExitCode::from(Exit::Full.code()),
            false => ExitCode::SUCCESS,
        }
    }
}

/// The arguments that name the target of a command.
pub(crate) trait Named: clap::Args + std::fmt::Debug {
    /// Ways to reconcile the target, for the help.
    const WAYS: &str;
    /// Examples of `seed` and of `reclaim`.
    const SEED: &str;
    const RECLAIM: &str;

    /// Returns the output format.
    fn format(&self) -> Format;

    /// Returns the target.
    fn target(&self) -> Result<Target, Failure>;
}

impl FileArgs {
    /// Returns the name by which messages refer to the file.
    pub(crate) fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// Returns the pool file.
    pub(crate) fn file(&self) -> PoolFile {
        PoolFile {
            path: self.path.clone(),
            min_session: self.min_session.unwrap_or(0),
        }
    }
}

impl ConfigArgs {
    /// Returns the name by which messages refer to the configuration.
    pub(crate) fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// Returns the configuration file.
    pub(crate) fn file(&self) -> ConfigFile {
        ConfigFile {
            path: self.path.clone(),
        }
    }
}

impl Named for FileArgs {
    const WAYS: &str = "\
Examples:
  in one process, which takes twice GRACE:
    hostbits reconcile vpn.pool --from users.csv --wait
  in three, GRACE apart, while another process has the pool open; repeat the second line:
    hostbits reconcile vpn.pool --from users.csv -o plan.json
    hostbits reconcile apply plan.json
  while no user joins or leaves:
    hostbits reconcile vpn.pool --from users.csv --grace 0

With -o alone, nothing is changed. Otherwise, missing addresses (listed, but free) are allocated at once.
To allocate again what apply freed: hostbits reconcile undo plan.json. A plan that will not be applied leaves
the barrier up, which costs each allocation a few nanoseconds: lower it with hostbits reconcile close vpn.pool.";

    const SEED: &str = "\
hostbits seed vpn.pool --from users.csv
hostbits seed vpn.pool --from kea:/var/lib/kea/kea-leases4.csv
hostbits pool import vpn.pool --from export.csv";

    const RECLAIM: &str = "\
hostbits reclaim vpn.pool --from users.csv
hostbits reclaim vpn.pool --nobody";

    fn format(&self) -> Format {
        self.format
    }

    fn target(&self) -> Result<Target, Failure> {
        Ok(Target::Pool(self.file()))
    }
}

impl Named for LookArgs {
    const WAYS: &str = "\
Examples:
  in one process, which takes twice GRACE:
    hostbits set reconcile sets.toml v4 --from users.csv --wait
  in three, GRACE apart, while another process has the pool files open; repeat the second line:
    hostbits set reconcile sets.toml v4 --from users.csv -o plan.json
    hostbits set reconcile apply plan.json
  while no user joins or leaves:
    hostbits set reconcile sets.toml v4 --from users.csv --grace 0

The list covers the whole set, in one file or in several: every member is compared with it, including drained
and cordoned ones. If anything keeps one member from freeing, nothing is freed in any, so that a forgotten file
does not cost a user the address. The limits apply to the list as a whole, and the N of --max-free to all
members together. SET may be omitted if there is only one. Entries of other networks, and of the other address
family, do not count as drift.

With -o alone, nothing is changed. Otherwise, missing addresses (listed, but free) are allocated at once.
To allocate again what apply freed: hostbits set reconcile undo plan.json. A plan that will not be applied
leaves the barriers up, which costs each allocation a few nanoseconds: lower them with
hostbits set reconcile close sets.toml v4.";

    const SEED: &str = "hostbits set seed sets.toml v4 --from users.csv";

    const RECLAIM: &str = "\
hostbits set reclaim sets.toml v4 --from users.csv
hostbits set reclaim sets.toml v4 --nobody";

    fn format(&self) -> Format {
        self.config.format
    }

    fn target(&self) -> Result<Target, Failure> {
        Target::of_set(self.config.file(), self.set.as_deref())
    }
}
