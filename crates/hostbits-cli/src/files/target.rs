//! What a command is about: a pool file, a configuration, a set of it. The comments on the fields are the help texts.

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

/// The file, and how to print.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileArgs {
    /// The pool file
    #[arg(value_name = "POOL")]
    pub(crate) path: PathBuf,

    /// Refuse a file whose session is below this one: an older one was put back
    ///
    /// Pass what show or JSON said last; restore makes it at least that
    #[arg(long, value_name = "N", help_heading = COMMON)]
    pub(crate) min_session: Option<u64>,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,
}

/// The configuration, and how to print.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigArgs {
    /// The configuration, a TOML file
    #[arg(value_name = "CONFIG")]
    pub(crate) path: PathBuf,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,
}

/// A set, or all of them: of `show`, `list` and `check`. Whatever compares with a list takes one.
#[derive(Args, Clone, Debug)]
pub(crate) struct LookArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set [default: the only one; of show, list, and check without --from: all of them]
    #[arg(value_name = "SET")]
    pub(crate) set: Option<String>,
}

/// A limit for a monitor.
#[derive(Args, Clone, Debug)]
pub(crate) struct Limit {
    /// Exit with code 10 if more than PERCENT of the addresses are used: 0 to 100
    ///
    /// What is drained or under a cordon does not count. Of a set, each named range is looked at, too
    #[arg(long, value_name = "PERCENT", value_parser = values::percent)]
    fail_above: Option<u8>,
}

impl Limit {
    /// The exit code, if so much of each is used.
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

/// What the arguments of a command name.
pub(crate) trait Named: clap::Args + std::fmt::Debug {
    /// Ways to reconcile it, as its help has them.
    const WAYS: &str;
    /// Examples of `seed` and of `reclaim`.
    const SEED: &str;
    const RECLAIM: &str;

    /// How to print.
    fn format(&self) -> Format;

    /// What is named.
    fn target(&self) -> Result<Target, Failure>;
}

impl FileArgs {
    /// What to call the file.
    pub(crate) fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// The file.
    pub(crate) fn file(&self) -> PoolFile {
        PoolFile {
            path: self.path.clone(),
            min_session: self.min_session.unwrap_or(0),
        }
    }
}

impl ConfigArgs {
    /// What to call the configuration.
    pub(crate) fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// The configuration.
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
  in three, GRACE apart, while somebody has the pool open; run the second line again and again:
    hostbits reconcile vpn.pool --from users.csv -o plan.json
    hostbits reconcile apply plan.json
  with everybody stopped:
    hostbits reconcile vpn.pool --from users.csv --grace 0

With -o alone nothing is changed. Otherwise what is missing (listed, free) is taken at once.
What apply freed can be taken back: hostbits reconcile undo plan.json. A plan that nobody will apply
leaves the barrier up, which costs each allocation a few nanoseconds: hostbits reconcile close vpn.pool.";

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
  in three, GRACE apart, while somebody has the pool files open; run the second line again and again:
    hostbits set reconcile sets.toml v4 --from users.csv -o plan.json
    hostbits set reconcile apply plan.json
  with everybody stopped:
    hostbits set reconcile sets.toml v4 --from users.csv --grace 0

The list is that of the whole set, in one file or in several: every member is compared with it, drained ones
and those with cordons, too. If something keeps one member from freeing, nothing is freed in any: so a file
that was forgotten costs nobody an address. The same limits are those of the list as a whole, and the N of
--max-free is for all members together. SET may be left out where there is one. Entries of other networks
and of the other family are no drift.

With -o alone nothing is changed. Otherwise what is missing (listed, free) is taken at once.
What apply freed can be taken back: hostbits set reconcile undo plan.json. A plan that nobody will apply
leaves the barriers up, which costs each allocation a few nanoseconds: hostbits set reconcile close sets.toml v4.";

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
