//! What may be said to `hostbits set`. The comments on the fields are the help texts.

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

/// What follows the help of all of them together.
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
A CONFIG is a TOML file: see docs/guide/sets.md, and crates/hostbits-config/KEYS.md. What is allocated is in the
pool files that it names: a member without a file takes part in plan, apply and next alone. Drains, cordons
and bands are in force for whoever reads the CONFIG.";
    format!("{shared}\n\n{}", after(examples, &Exit::ALL))
}

const PLAN: [Exit; 3] = [Exit::Input, Exit::File, Exit::Refused];

/// What can be done with sets.
#[derive(Debug, Subcommand)]
pub(crate) enum SetCommand {
    /// Say what apply would do: files to be created, growth, drains; and what it refuses. Nothing is changed
    #[command(after_long_help = after("\
hostbits set plan sets.toml
hostbits set plan new.toml --now sets.toml", &PLAN))]
    Plan(PlanArgs),
    /// Create the pool files and let them grow, or do nothing if anything is refused; can be repeated
    #[command(after_long_help = after("hostbits set apply sets.toml", &PLAN))]
    Apply(PlanArgs),
    /// Print the next free addresses of a set that no listed user holds; no pool file is looked at
    #[command(after_long_help = after("hostbits set next sets.toml v4 --users users.csv",
        &[Exit::Drift, Exit::Input, Exit::Exhausted]))]
    Next(NextArgs),
    /// Allocate addresses, or a pair, and print what nobody else will get
    #[command(after_long_help = after("\
hostbits set allocate sets.toml v4
hostbits set allocate sets.toml v4 --range guests
hostbits set allocate sets.toml clients --pair",
        &[Exit::Input, Exit::Exhausted, Exit::Taken, Exit::Quarantined, Exit::File]))]
    Allocate(AllocateArgs),
    /// Release addresses; one line per address, continues past errors
    ///
    /// The exit code is 2 if a line of standard input names nothing, and otherwise that of the first address that could
    /// not be released
    #[command(after_long_help = after("\
hostbits set release sets.toml v4 10.0.0.77
hostbits set release sets.toml v4 - < addresses.txt", &[Exit::Input, Exit::NotAllocated, Exit::File]))]
    Release(ReleaseArgs),
    /// Print how full each set and each member is, with a map of its addresses
    #[command(after_long_help = after("\
hostbits set show sets.toml
hostbits set show sets.toml v4 --fail-above 90", &[Exit::Input, Exit::File, Exit::Full]))]
    Show(ShowArgs),
    /// Print the allocated addresses, one per line, member by member; what is quarantined is marked
    #[command(after_long_help = after("hostbits set list sets.toml v4", &[Exit::Input, Exit::File]))]
    List(LookArgs),
    /// Look for damage of the pool files, or with --from, compare a set with the list of its users
    ///
    /// Without --from, it is also said whether the files are as the CONFIG says. With --from it is what `hostbits check`
    /// is for a pool file: exit code 1 if they differ. Nothing is changed; the files are read without a lock, before the
    /// list and after it
    #[command(after_long_help = after("\
hostbits set check sets.toml
hostbits set check sets.toml v4 --from users.csv",
        &[Exit::Drift, Exit::Input, Exit::File, Exit::Refused]))]
    Check(CheckArgs),
    /// Repair the pool files of a set by the list of its users: take what is missing, free what nobody holds
    Reconcile(Box<ReconcileArgs<LookArgs>>),
    /// Take what a list of users names in the pool files of a set; nothing is freed, so it may be done at any time
    Seed(SeedArgs<LookArgs>),
    /// Free what is quarantined in the pool files of a set, except what a list of users names
    ///
    /// What the list names is taken, whether or not it was quarantined. The list must have everybody of the
    /// set: it is read to its end first, and if anything in it is unclear, or a quarantined member is not in it
    /// at all, nothing is freed anywhere
    Reclaim(ReclaimArgs<LookArgs>),
}

impl SetCommand {
    /// How to print.
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

/// What `plan` and `apply` take.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// Compare with the configuration that is in force now: removed members and lifted drains are seen, too
    #[arg(long, value_name = "OLD")]
    pub(crate) now: Option<PathBuf>,
}

/// What `next` takes.
#[derive(Args, Debug)]
pub(crate) struct NextArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set
    #[arg(value_name = "SET")]
    pub(crate) set: String,

    /// How to read it.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read users who hold an address already from FILE, or FORMAT:FILE as of `hostbits next --help`; `-` is standard
    /// input [default: nobody]
    ///
    /// Repeatable: all of them are one list
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,

    /// Print so many addresses, one per line: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,
}

/// What `allocate` takes.
#[derive(Args, Debug)]
pub(crate) struct AllocateArgs {
    /// The configuration.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// The set; with --pair, the pair
    #[arg(value_name = "SET")]
    pub(crate) set: String,

    /// Allocate so many addresses: all of them or none
    ///
    /// From one member if it has so many, and from several otherwise. Of a range, and pairs, one after the other, and
    /// given back if there are too few
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,

    /// Allocate this address and no other
    #[arg(long, value_parser = values::named, conflicts_with_all = ["count", "client", "range", "pair"])]
    pub(crate) ip: Option<Named>,

    /// Allocate the address that this client usually gets: any name that stays the same. The set needs a client_key
    #[arg(long, value_name = "NAME", conflicts_with_all = ["count", "range", "pair"])]
    pub(crate) client: Option<String>,

    /// Allocate from this named range of the set
    #[arg(long, value_name = "RANGE", conflicts_with = "pair")]
    pub(crate) range: Option<String>,

    /// Allocate an IPv4 and an IPv6 address, both or none; with -n N, N pairs
    #[arg(long)]
    pub(crate) pair: bool,
}

/// What `release` takes.
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

/// What `show` takes.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The set.
    #[command(flatten)]
    pub(crate) look: LookArgs,

    /// When it is too full.
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// What `check` takes.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The set.
    #[command(flatten)]
    pub(crate) look: LookArgs,

    /// How to read them.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read everybody who holds an address of the set from FILE, or FORMAT:FILE as of `hostbits next --help`; `-` is
    /// standard input
    ///
    /// Repeatable: all of them are one list
    #[arg(long, value_name = "LIST", value_parser = list_name())]
    pub(crate) from: Vec<ListName>,

    /// Answer only if the lists have so many entries together, if their source can tell (SELECT count(*))
    #[arg(long, value_name = "N", requires = "from")]
    pub(crate) entries: Option<u64>,
}
