//! For platforms without pool files: the commands that need them report that.

use crate::failure::asked_for;
use crate::output::Format;
use clap::{Args, Subcommand};
use hostbits_ops::{Failure, FilesFailure};
use std::ffi::OsString;
use std::process::ExitCode;

/// The commands of pool files, with any arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum FilesCommand {
    #[command(hide = true)]
    Who(Rest),
    #[command(hide = true)]
    Check(Rest),
    #[command(hide = true)]
    Reconcile(Rest),
    #[command(hide = true)]
    Seed(Rest),
    #[command(hide = true)]
    Reclaim(Rest),
    #[command(hide = true)]
    Pool(Rest),
    #[command(hide = true)]
    Set(Rest),
}

// Arguments that are ignored. A doc comment would be a help text.
#[derive(Args, Debug)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl FilesCommand {
    /// Returns the output format.
    pub(crate) fn format(&self) -> Format {
        asked_for()
    }

    /// Reports that there are no pool files on this platform.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        Err(FilesFailure.into())
    }
}
