//! Applying a configuration to its pool files.

use crate::failure::Failure;
use crate::files::config_file::ConfigFile;
use crate::files::set_failure::Cause;
use hostbits_config::{Config, Plan};

/// Returns what [`apply_config`] would do, and what it would refuse. Changes nothing. With the configuration now in
/// force, removed members and ended drains are reported, too.
///
/// # Errors
///
/// Fails if a configuration is invalid, or a pool file cannot be read.
pub fn plan_config(file: &ConfigFile, now: Option<&ConfigFile>) -> Result<Plan, Failure> {
    let (config, old) = read(file, now)?;
    let plan = Plan::of(&config, old.as_ref());
    plan.map_err(|error| file.refuse(Cause::Plan(error)))
}

/// Creates and grows the pool files, or does nothing if any change is refused. Can be repeated. Returns what was done.
///
/// # Errors
///
/// Fails as [`plan_config`] does, if any change is refused, or if a file is in use: then the steps before it are done.
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
