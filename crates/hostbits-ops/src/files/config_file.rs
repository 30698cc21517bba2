//! A configuration of sets by its path.

use crate::failure::Failure;
use crate::files::set_failure::{Cause, SetFailure};
use crate::files_failure::FilesFailure;
use crate::text::printable_path;
use hostbits_config::{Config, OpenError, SetConfig};
use std::path::PathBuf;

/// A configuration of sets, a TOML file, by its path.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The path of the file.
    pub path: PathBuf,
}

impl ConfigFile {
    /// Returns the name by which messages refer to the configuration.
    pub fn name(&self) -> String {
        printable_path(&self.path)
    }

    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or reports everything that is wrong with it.
    pub fn read(&self) -> Result<Config, Failure> {
        Config::read(&self.path).map_err(|error| self.refuse(Cause::Config(error)))
    }

    pub(crate) fn set<'c>(&self, config: &'c Config, name: &str) -> Result<&'c SetConfig, Failure> {
        config
            .set(name)
            .ok_or_else(|| self.refuse(Cause::Unknown(name.to_owned(), names(config))))
    }

    /// Returns the set of this name, or all sets, whose members must all have files.
    pub(crate) fn sets<'c>(
        &self,
        config: &'c Config,
        name: Option<&str>,
    ) -> Result<Vec<&'c SetConfig>, Failure> {
        let sets = match name {
            Some(name) => vec![self.set(config, name)?],
            None => config.sets.iter().collect(),
        };
        for set in &sets {
            set.check_files().map_err(|error| self.refuse_open(error))?;
        }
        Ok(sets)
    }

    pub(crate) fn refuse(&self, cause: Cause) -> Failure {
        FilesFailure::Set(SetFailure {
            file: self.name(),
            cause,
        })
        .into()
    }

    pub(crate) fn refuse_open(&self, error: OpenError) -> Failure {
        self.refuse(Cause::Open(error))
    }
}

/// Returns the names that exist, for a caller who used another one.
pub(crate) fn names(config: &Config) -> Vec<String> {
    let sets = config.sets.iter().map(|set| set.name.clone());
    let pairs = config.pairs.iter();
    sets.chain(pairs.map(|pair| format!("{} (a pair)", pair.name)))
        .collect()
}
