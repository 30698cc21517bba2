//! The commands, and the help that explains them. The comments on the variants are the help texts.

use crate::args::{InfoArgs, NextArgs};
use crate::files::FilesCommand;
use crate::help::{COMMON, after, after_with};
use crate::shell::{CompletionsArgs, ManArgs};
use clap::{Parser, Subcommand};
use hostbits_ops::trouble::Exit;

const EXAMPLES: &str = "\
hostbits next 10.0.0.0/24 --users users.csv
hostbits next 10.0.0.0/24 --users users.csv -n 5 --format json
hostbits next 10.0.0.0/24 --users kea:/var/lib/kea/kea-leases4.csv
wg show all dump | hostbits next 10.0.0.0/24 --users wg-dump:-
hostbits next 2001:db8::/40 --unit 56
hostbits info 10.0.0.0/24 --gateway last
hostbits pool create vpn.pool 10.0.0.0/24
hostbits pool allocate vpn.pool
hostbits check vpn.pool --from users.csv
hostbits reconcile vpn.pool --from users.csv --wait
hostbits set plan sets.toml";

const EXAMPLES_OF_NEXT: &str = "\
hostbits next 10.0.0.0/24 --users users.csv
hostbits next 10.0.0.0/24 --users users.csv -n 5 --format json
hostbits next 10.0.0.0/24 --users kea:/var/lib/kea/kea-leases4.csv
wg show all dump | hostbits next 10.0.0.0/24 --users wg-dump:-
hostbits next 2001:db8::/40 --unit 56";

/// Returns the help about lists and their formats. The table is generated from the formats.
fn users_list() -> String {
    let mut text = "\
A list of users is a FILE, or a FORMAT:FILE if a program wrote it. FORMAT is one of
"
    .to_owned();
    for format in hostbits_lists::Format::all() {
        text += &format!("  {:<15} {}\n", format.name(), format.about());
    }
    text += "
A FILE without a format has one user per line: `address` or `address,owner`, or columns that a header names.
  10.0.0.5 and 10.0.0.5/32 mean the same, and 10.0.0.5/24 is that host in its network. 10.0.0.16/28 and
  10.0.0.16-10.0.0.31 are the whole block. A prefix that covers the whole network is a route, and holds nothing.
  Words for \"no address\", such as (none), null or -, stand for users without an address.
  Blank lines and lines that begin with # are skipped, and so is a header line (address,owner).
  If any entry cannot be read, nothing is printed or allocated, and the exit code is 1; --skip-unreadable N tolerates N.
  Problems are reported on standard error with their line numbers, the most harmful first. With --format json they
  are in the object's `list`, and standard error contains at most an error. In `list`, positions count the entries;
  `problem_lines` has their line numbers in the same order.";
    text
}

fn after_next() -> String {
    let exits = [Exit::Drift, Exit::Input, Exit::Exhausted];
    format!(
        "{}\n\n{}",
        users_list(),
        after_with(EXAMPLES_OF_NEXT, "found", &exits)
    )
}

/// Hand out the addresses of a network: the next free one, given a list of users, or those of pools in files
#[derive(Debug, Parser)]
#[command(
    name = "hostbits",
    version,
    disable_help_subcommand = true,
    after_long_help = after(EXAMPLES, &Exit::ALL)
)]
pub(crate) struct Cli {
    /// Print only results and errors: no notes, no progress, no confirmations
    #[arg(short, long, global = true, help_heading = COMMON)]
    pub(crate) quiet: bool,

    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the next free address, or several, that no listed user holds
    #[command(after_long_help = after_next())]
    Next(NextArgs),
    /// Print facts about a network: usable range, gateway, capacity, reservations
    #[command(after_long_help = after_with(
        "hostbits info 10.0.0.0/24 --gateway last\nhostbits info 2001:db8::/40 --unit 56", "found", &[Exit::Input]
    ))]
    Info(InfoArgs),
    /// The commands of pool files and of sets.
    #[command(flatten)]
    Files(FilesCommand),
    /// Print a script that completes commands and options in a shell
    #[command(after_long_help = after("\
hostbits completions bash > ~/.local/share/bash-completion/completions/hostbits
hostbits completions fish > ~/.config/fish/completions/hostbits.fish", &[Exit::Input]))]
    Completions(CompletionsArgs),
    /// Write a man page for each command into a folder
    #[command(after_long_help = after("hostbits man ~/.local/share/man/man1", &[Exit::Input]))]
    Man(ManArgs),
}
