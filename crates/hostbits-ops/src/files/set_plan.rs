//! What a configuration does to its pool files.

use crate::failure::Failure;
use crate::files::config_file::ConfigFile;
use crate::files::set_failure::Cause;
use hostbits_config::{Config, Plan};

/// What [`apply_config`] would do, and what it refuses. Changes nothing. With the configuration that is in force now,
/// removed members and lifted drains are seen, too.
///
/// # Errors
///
/// A configuration is wrong, or a pool file cannot be read.
pub fn plan_config(file: &ConfigFile, now: Option<&ConfigFile>) -> Result<Plan, Failure> {
    let (config, old) = read(file, now)?;
    let plan = Plan::of(&config, old.as_ref());
    plan.map_err(|error| file.refuse(Cause::Plan(error)))
}

/// Creates the pool files and lets them grow, or does nothing if anything is refused. Can be repeated. Returns what was
/// done.
///
/// # Errors
///
/// As of [`plan_config`]; something is refused; or a file is in use, and the steps before it are done.
pub fn apply_config(file: &ConfigFile, now: Option<&ConfigFile>) -> Result<Plan, Failure> {
    let (config, old) = read(file, now)?;
    let done = Plan::apply(&config, old.as_ref());
    let done = done.map_err(|error| file.refuse(Cause::Apply(Box::new(error))))?;
    Ok(done.plan)
}

fn read(file: &ConfigFile, now: Option<&ConfigFile>) -> Result<(Config, Option<Config>), Failure> {
    let config = file.read()?;
    let old = now.map(ConfigFile::read).transpose()?;
    Ok((config, old))
}
