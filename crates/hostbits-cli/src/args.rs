//! What the caller may say, and the help that explains it.
//!
//! The comments on the fields below are the help texts.

use crate::lists::{Reading, list_name};
use crate::values;
use clap::{Args, Parser, Subcommand, ValueEnum};
use hostbits::{BuildError, Builder, Gateway, Pool, StatsLevel};
use hostbits_ops::ListName;
use ipnet::IpNet;

const EXIT_CODES: &str = "\
Exit codes:
  0  found
  1  entries of the list cannot be read, so nothing is printed
  2  wrong usage or unreadable input: a bad network, range or gateway, a file that cannot be read
  3  exhausted: fewer addresses are free than were asked for
`hostbits pool`, `hostbits set`, check and reconcile have more of them: see their --help";

const EXAMPLES: &str = "\
Examples:
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

/// Lists and their formats; the table is that of the formats themselves.
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
  10.0.0.16-10.0.0.31 are all of the block. A prefix that covers the whole network is a route, and holds nothing.
  Words for nothing, such as (none), null, -, are users without an address.
  Blank lines and lines that begin with # are skipped, and so is a header line (address,owner).
  If anything cannot be read, nothing is printed or taken and the exit code is 1; --skip-unreadable N lets N entries pass.
  What deserves a look is named on standard error with its line number, what could cost an address first.
  With --format json it is in the object's `list`, and standard error has nothing but an error.
  In `list`, positions count the entries; `problem_lines` has their line numbers in the same order.";
    text
}

/// Tells the next free address of a network, given a list of users who hold some already, and keeps
/// pools of addresses in files
#[derive(Debug, Parser)]
#[command(
    name = "hostbits",
    version,
    disable_help_subcommand = true,
    after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}")
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints the next free address, or several, that no listed user holds
    #[command(after_help = format!("{}\n\n{EXAMPLES}\n\n{EXIT_CODES}", users_list()))]
    Next(NextArgs),
    /// Prints facts about a network: usable range, gateway, capacity, reservations
    #[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
    Info(InfoArgs),
    /// Compares a pool file with the list of its users, and changes nothing; exit code 1 if they differ
    ///
    /// The file is read before the list and after it, without a lock: a right to read it is enough, and
    /// whoever uses it does not notice. What was allocated or released meanwhile is told apart. Who is half-way
    /// in or out at the time, allocated and not yet listed, looks like an orphan: see hostbits reconcile.
    /// For damage in the file itself there is hostbits pool check
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Check(crate::reconcile::CheckArgs),
    /// Repairs a pool file by the list of its users: takes what is missing, frees what nobody holds
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Reconcile(crate::reconcile::ReconcileArgs<crate::pool::FileArgs>),
    /// Takes what a list of users names in a pool file; frees nothing, so it may be done at any time
    ///
    /// A list that cannot be read to its end is exit code 2; what was read until then is taken, and stays
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    Seed(crate::reconcile::SeedArgs<crate::pool::FileArgs>),
    /// Frees what is quarantined in a pool file, except what a list of users names
    ///
    /// What the list names is taken, whether or not it was quarantined. The list must have everybody:
    /// it is read to its end first, and if anything in it is unclear, nothing is freed
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    #[command(after_help = crate::pool::AFTER_HELP)]
    Reclaim(crate::pool::ReclaimArgs<crate::pool::FileArgs>),
    /// Keeps pools in files, which several processes may use at once
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    #[command(subcommand, after_help = crate::pool::AFTER_HELP)]
    Pool(crate::pool::PoolCommand),
    /// Several pools as one, described in a TOML file: sets, dual stack, drains
    #[cfg(all(target_os = "linux", target_has_atomic = "64"))]
    #[command(subcommand, after_help = crate::set::AFTER_HELP)]
    Set(crate::set::SetCommand),
}

/// What `next` takes.
#[derive(Args, Debug)]
pub(crate) struct NextArgs {
    /// How to read it.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Users who hold an address already: FILE, or FORMAT:FILE; `-` reads standard input.
    /// Repeatable: all of them are one list [default: nobody]
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,

    /// How many addresses to print, one per line: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = values::count)]
    pub(crate) count: u64,

    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Plain)]
    pub(crate) format: Format,

    /// The pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// What `info` takes.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Plain)]
    pub(crate) format: Format,

    /// The pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// The choices of a pool, the same for all commands.
#[derive(Args, Debug)]
pub(crate) struct PoolArgs {
    /// The network as address and prefix length: 10.0.0.0/24 or 2001:db8::/112
    #[arg(value_parser = values::network)]
    pub(crate) network: IpNet,

    /// The gateway, which is never handed out: auto, first, last, none or an address. Auto is the
    /// first usable address of a network up to /30 (IPv4) or /126 (IPv6), otherwise none
    #[arg(long, default_value = "auto", value_parser = values::gateway)]
    pub(crate) gateway: Gateway,

    /// Never hand out these addresses. Repeatable; a single ADDR=LABEL will do
    #[arg(long, value_name = "A-B=LABEL", value_parser = values::reserve)]
    pub(crate) reserve: Vec<values::Reserve>,

    /// Which free address to hand out: lowest, next, spread, random or random:SEED. Each run begins
    /// anew: next gives the lowest first and goes on upwards. A SEED (0 to 2^64-1) makes random
    /// reproducible; without one the system's random source is asked
    #[arg(long, default_value = "lowest", value_parser = values::policy)]
    pub(crate) policy: values::PolicyChoice,

    /// Hand out addresses of this range alone. Repeatable [default: the whole network]
    #[arg(long, value_name = "A-B", value_parser = values::range)]
    pub(crate) range: Vec<values::AddrSpan>,

    /// Hand out prefixes of this length, 1 to 128 bits [default: single addresses, 32 or 128 bits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=128))]
    pub(crate) unit: Option<u8>,

    /// Use the first N slots alone, reserved ones included: one slot is one address, or one prefix of
    /// the unit [default: all; a pool has room for 2^32]
    #[arg(long, value_name = "N")]
    pub(crate) at_most: Option<u64>,

    /// Hand out the network's own addresses too: network and broadcast, or the subnet-router anycast
    #[arg(long)]
    pub(crate) no_edges: bool,
}

impl PoolArgs {
    /// Builds the pool that these choices describe.
    pub(crate) fn build(&self) -> Result<Pool, BuildError> {
        self.builder().build()
    }

    /// The pool that these choices describe, not yet built.
    pub(crate) fn builder(&self) -> Builder<IpNet> {
        let mut builder = Pool::builder(self.network)
            .gateway(self.gateway)
            .policy(self.policy.policy)
            .reserve_edges(!self.no_edges)
            .stats(StatsLevel::Full);
        for range in &self.range {
            builder = builder.range(range.clone());
        }
        for reserve in &self.reserve {
            builder = builder.reserve(reserve.range.clone(), &reserve.label);
        }
        if let Some(prefix_len) = self.unit {
            builder = builder.unit(prefix_len);
        }
        if let Some(slots) = self.at_most {
            builder = builder.at_most(slots);
        }
        builder
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people and shell scripts
    Plain,
    /// One JSON object
    Json,
}
