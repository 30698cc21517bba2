//! The arguments of `hostbits set`. The comments on the fields are the help texts.

use crate::files::asked::{Asked, asked};
use crate::files::reconcile::args::{ReclaimArgs, ReconcileArgs, SeedArgs};
use crate::files::target::{ConfigArgs, Limit, LookArgs};
use crate::files::values;
use crate::help::after;
use crate::lists::{Reading, list_name};
use crate::output::Format;
use crate::values::count;
use clap::{Args, Subcommand};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{ListName, Named};
use std::path::PathBuf;

/// Returns the text below the help of `hostbits set`.
pub(crate) fn after_help() -> String {
    let examples = "\
hostbits set plan sets.toml
hostbits set apply sets.toml
hostbits set plan new.toml --now sets.toml
hostbits set allocate sets.toml v4
hostbits set release sets.toml v4 10.0.0.77
hostbits set show sets.toml
hostbits set check sets.toml v4 --from users.csv";
    let shared = "\
A CONFIG is a TOML file: see docs/guide/sets.md, and crates/hostbits-config/KEYS.md. Allocations are stored in
the pool files that it names: a member without a file takes part only in plan, apply and next. Drains, cordons
and bands apply to every process that reads the CONFIG.";
    format!("{shared}\n\n{}", after(examples, &Exit::ALL))
}

const PLAN: [Exit; 3] = [Exit::Input, Exit::File, Exit::Refused];

/// The commands of `hostbits set`.
#[derive(Debug, Subcommand)]
pub(crate) enum SetCommand {
    /// Report what apply would do: files to create, growth, drains; and what it refuses. Changes nothing
    #[command(after_long_help = after("\
hostbits set plan sets.toml
hostbits set plan new.toml --now sets.toml", &PLAN))]
    Plan(PlanArgs),
    /// Create and grow the pool files, or do nothing if any change is refused; can be repeated
    #[command(after_long_help = after("hostbits set apply sets.toml", &PLAN))]
    Apply(PlanArgs),
    /// Print the next free addresses of a set that no listed user holds; reads no pool file
    #[command(after_long_help = after("hostbits set next sets.toml v4 --users users.csv",
        &[Exit::Drift, Exit::Input, Exit::Exhausted]))]
    Next(NextArgs),
    /// Allocate addresses, or a pair, and print them; no one else gets them
    #[command(after_long_help = after("\
hostbits set allocate sets.toml v4
hostbits set allocate sets.toml v4 --range guests
hostbits set allocate sets.toml clients --pair",
        &[Exit::Input, Exit::Exhausted, Exit::Taken, Exit::Quarantined, Exit::File]))]
    Allocate(AllocateArgs),
    /// Release addresses; prints one line per address, continues past errors
    ///
    /// The exit code is 2 if a line of standard input names no address, and otherwise that of the first address that
    /// could not be released
    #[command(after_long_help = after("\
hostbits set release sets.toml v4 10.0.0.77
hostbits set release sets.toml v4 - < addresses.txt", &[Exit::Input, Exit::NotAllocated, Exit::File]))]
    Release(ReleaseArgs),
    /// Print how full each set and each member is, with a map of its addresses
    #[command(after_long_help = after("\
hostbits set show sets.toml
hostbits set show sets.toml v4 --fail-above 90", &[Exit::Input, Exit::File, Exit::Full]))]
    Show(ShowArgs),
    /// Print the allocated addresses, one per line, member by member; quarantined ones are marked
    #[command(after_long_help = after("hostbits set list sets.toml v4", &[Exit::Input, Exit::File]))]
    List(LookArgs),
    /// Check the pool files for damage, or with --from, compare a set with the list of its users
    ///
    /// Without --from, it also reports whether the files match the CONFIG. With --from, it does what `hostbits check`
    /// does for a pool file: the exit code is 1 if they differ. Nothing is changed; the files are read without a lock,
    /// before and after the list
    #[command(after_long_help = after("\
hostbits set check sets.toml
hostbits set check sets.toml v4 --from users.csv",
        &[Exit::Drift, Exit::Input, Exit::File, Exit::Refused]))]
    Check(CheckArgs),
    /// Repair the pool files of a set from the list of its users: allocate missing addresses, free orphans
    Reconcile(Box<ReconcileArgs<LookArgs>>),
    /// Allocate the addresses that a list of users names in the pool files of a set; frees nothing, so it is safe at
    /// any time
    Seed(SeedArgs<LookArgs>),
    /// Free quarantined addresses of the pool files of a set, except those that a list of users names
    ///
    /// Addresses that the list names are allocated, quarantined or not. The list must be complete for the whole set: it
    /// is first read to its end, and if any entry is unclear, or the list has no entry for a quarantined member,
    /// nothing is freed anywhere
    Reclaim(ReclaimArgs<LookArgs>),
}

impl SetCommand {
    /// Returns the output format.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Plan(args) | Self::Apply(args) => args.config.format,
            Self::Next(args) => args.config.format,
            Self::Allocate(args) => args.config.format,
            Self::Release(args) => args.config.format,
            Self::Show(args) => args.look.config.format,
            Self::List(args) => args.config.format,
            Self::Check(args) => args.look.config.format,
            Self::Reconcile(args) => args.format(),
            Self::Seed(args) => args.target.config.format,
            Self::Reclaim(args) => args.target.config.format,
        }
    }
}

/// The arguments of `plan` and `apply`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// Compare with the configuration now in force, so that removed members and ended drains are reported, too
    #[arg(long, value_name = "OLD")]
    pub(crate) now: Option<PathBuf>,
}

/// The arguments of `next`.
#[derive(Args, Debug)]
pub(crate) struct NextArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set
    #[arg(value_name = "SET")]
    pub(crate) set: String,

    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read users who already hold an address from FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is standard
    /// input [default: none]
    ///
    /// Repeatable: together they are one list
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,

    /// Print this many addresses, one per line: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,
}

/// The arguments of `allocate`.
#[derive(Args, Debug)]
pub(crate) struct AllocateArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set; with --pair, the pair
    #[arg(value_name = "SET")]
    pub(crate) set: String,

    /// Allocate this many addresses: all of them or none
    ///
    /// They come from one member if it has enough, and from several otherwise. From a range, and for pairs, they are
    /// allocated one by one, and released again if there are too few
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,

    /// Allocate exactly this address
    #[arg(long, value_parser = values::named, conflicts_with_all = ["count", "client", "range", "pair"])]
    pub(crate) ip: Option<Named>,

    /// Allocate the address that this client usually gets: CLIENT is any name that stays the same. The set needs a
    /// client_key
    #[arg(long, value_name = "NAME", conflicts_with_all = ["count", "range"])]
    pub(crate) client: Option<String>,

    /// Allocate from this named range of the set
    #[arg(long, value_name = "RANGE", conflicts_with = "pair")]
    pub(crate) range: Option<String>,

    /// Allocate an IPv4 and an IPv6 address, both or none; with -n N, N pairs
    #[arg(long)]
    pub(crate) pair: bool,
}

/// The arguments of `release`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set, or the pair
    #[arg(value_name = "SET")]
    pub(crate) set: String,

    /// Addresses as allocate printed them: 10.0.0.5, 10.0.0.5/32; `-` reads standard input, one per line
    #[arg(value_name = "IP", required = true, value_parser = asked)]
    pub(crate) named: Vec<Asked>,
}

/// The arguments of `show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The configuration and the set.
    #[command(flatten)]
    pub(crate) look: LookArgs,

    /// The limit above which a set counts as too full.
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// The arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The configuration and the set.
    #[command(flatten)]
    pub(crate) look: LookArgs,

    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read everyone who holds an address of the set from FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is
    /// standard input
    ///
    /// Repeatable: together they are one list
    #[arg(long, value_name = "LIST", value_parser = list_name())]
    pub(crate) from: Vec<ListName>,

    /// Compare only if the lists have exactly this many entries in total, if their source can count them (SELECT
    /// count(*))
    #[arg(long, value_name = "N", requires = "from")]
    pub(crate) entries: Option<u64>,
}
