//! `hostbits completions` and `hostbits man`: completion scripts and man pages, generated from the help.

use crate::cli::Cli;
use crate::output::print;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use hostbits_ops::{Failure, printable_path};
use std::fs;
use std::path::PathBuf;

/// The arguments of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// The arguments of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The folder; it is created if it does not exist, and pages with the same names are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the script for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hostbits", &mut script);
    print(|out| out.write_all(&script))
}

/// Writes a page for each command.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let written = fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder));
    written.map_err(|error| {
        let folder = printable_path(&args.folder);
        Failure::Usage(format!("cannot write man pages to {folder}: {error}"))
    })
}
