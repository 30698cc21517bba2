//! `hostbits set`: several pools as one, described in a TOML file.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | what may be said |
//! | `plan` | plan, apply |
//! | `next` | the stateless form |
//! | `change` | allocate, release |
//! | `look` | show, list, check |
//! | the room `reconcile` | check --from, reconcile, seed, reclaim |
//! | `failure` | how a configuration and its files can refuse |
//!
//! Reading and planning is for the crate `hostbits-config`, and which address is free for the library.

mod args;
mod change;
mod failure;
mod look;
mod next;
mod plan;

pub(crate) use args::{AFTER_HELP, ConfigArgs, LookArgs, SetCommand};
pub(crate) use failure::SetFailure;

use crate::failure::Failure;
use crate::pool;
use crate::reconcile::{self, ListArgs, Named};
use args::CheckArgs;
use failure::Cause;
use hostbits_config::{Config, OpenError, SetConfig};
use hostbits_ops::printable;
use std::process::ExitCode;

/// Does what was asked for.
pub(crate) fn run(command: &SetCommand) -> Result<ExitCode, Failure> {
    match command {
        SetCommand::Plan(args) => return plan::plan(args),
        SetCommand::Apply(args) => plan::apply(args),
        SetCommand::Next(args) => next::run(args),
        SetCommand::Allocate(args) => change::allocate(args),
        SetCommand::Release(args) => return change::release(args),
        SetCommand::Show(args) => look::show(args),
        SetCommand::List(args) => look::list(args),
        SetCommand::Check(args) => return check(args),
        SetCommand::Reconcile(args) => return reconcile::reconcile(args),
        SetCommand::Seed(args) => reconcile::seed(args),
        SetCommand::Reclaim(args) => pool::reclaim(args),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// The files, or what a list says of them.
fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    if args.from.is_empty() {
        return look::check(&args.look);
    }
    let lists = ListArgs {
        from: args.from.clone(),
        reading: args.reading.clone(),
        entries: args.entries,
    };
    reconcile::check(&args.look.target()?, &lists)
}

impl ConfigArgs {
    /// What to call the configuration.
    pub(crate) fn name(&self) -> String {
        printable(&self.path.display().to_string())
    }

    pub(crate) fn read(&self) -> Result<Config, Failure> {
        Config::read(&self.path).map_err(|error| self.refuse(Cause::Config(error)))
    }

    pub(crate) fn set<'c>(&self, config: &'c Config, name: &str) -> Result<&'c SetConfig, Failure> {
        config
            .set(name)
            .ok_or_else(|| self.refuse(Cause::Unknown(name.to_owned(), names(config))))
    }

    fn refuse(&self, cause: Cause) -> Failure {
        Failure::Set(Box::new(SetFailure {
            file: self.name(),
            cause,
        }))
    }

    pub(crate) fn refuse_open(&self, error: OpenError) -> Failure {
        self.refuse(Cause::Open(error))
    }
}

impl LookArgs {
    /// The sets that are asked for, all of whose members have files.
    fn sets<'c>(&self, config: &'c Config) -> Result<Vec<&'c SetConfig>, Failure> {
        let sets = match &self.set {
            Some(name) => vec![self.config.set(config, name)?],
            None => config.sets.iter().collect(),
        };
        for set in &sets {
            set.check_files()
                .map_err(|error| self.config.refuse_open(error))?;
        }
        Ok(sets)
    }
}

fn names(config: &Config) -> Vec<String> {
    let sets = config.sets.iter().map(|set| set.name.clone());
    let pairs = config.pairs.iter();
    sets.chain(pairs.map(|pair| format!("{} (a pair)", pair.name)))
        .collect()
}
