//! What may be said to `hostbits set`. The comments on the fields are the help texts.

use crate::files::reconcile::args::{ReclaimArgs, ReconcileArgs, SeedArgs};
use crate::files::target::{ConfigArgs, LookArgs};
use crate::files::values;
use crate::lists::{Reading, list_name};
use crate::output::Format;
use crate::values::count;
use clap::{Args, Subcommand};
use hostbits_ops::{ListName, Named};
use std::path::PathBuf;

/// What follows the help of each of them.
pub(crate) const AFTER_HELP: &str = "\
A CONFIG is a TOML file: see docs/guide/sets.md, and crates/hostbits-config/KEYS.md. What is allocated is in the
pool files that it names: a member without a file takes part in plan, apply and next alone. Drains, cordons
and bands are in force for whoever reads the CONFIG.

Examples:
  hostbits set plan sets.toml
  hostbits set apply sets.toml
  hostbits set plan new.toml --now sets.toml
  hostbits set allocate sets.toml v4
  hostbits set allocate sets.toml clients --pair
  hostbits set release sets.toml v4 10.0.0.77
  hostbits set show sets.toml
  hostbits set next sets.toml v4 --users users.csv
  hostbits set check sets.toml v4 --from users.csv
  hostbits set reconcile sets.toml v4 --from users.csv --wait

Exit codes:
  0  done
  1  pool files and list differ: check --from, reconcile
  2  wrong usage or unreadable input: a CONFIG that is wrong, an address that is reserved, cordoned or not
     of the set, a bad user list
  3  exhausted: too few addresses are free
  4  the address is taken already
  5  the address is not allocated
  6  exhausted, and addresses are quarantined: hostbits set reclaim
  7  kept for addresses that stale leases hold
  8  a pool file is missing, damaged, locked, poisoned, of another pool, or of a newer version
  9  refused: the CONFIG would renumber, shrink or lose what somebody may hold; a fuse of reconcile

With --format json, what is printed is one object on one line: see docs/guide/json.md.";

/// What can be done with sets.
#[derive(Debug, Subcommand)]
pub(crate) enum SetCommand {
    /// Tells what apply would do: files to be created, growth, drains; and what it refuses. Changes nothing
    #[command(after_help = AFTER_HELP)]
    Plan(PlanArgs),
    /// Creates the pool files and lets them grow, or does nothing if anything is refused. Can be repeated
    #[command(after_help = AFTER_HELP)]
    Apply(PlanArgs),
    /// Prints the next free address of a set, or several, that no listed user holds. Looks at no pool file
    #[command(after_help = AFTER_HELP)]
    Next(NextArgs),
    /// Allocates an address, several, or a pair, and prints what nobody else will get
    #[command(after_help = AFTER_HELP)]
    Allocate(AllocateArgs),
    /// Gives addresses back, all that can be; one line for each
    #[command(after_help = AFTER_HELP)]
    Release(ReleaseArgs),
    /// Prints every member with a map of its addresses
    #[command(after_help = AFTER_HELP)]
    Show(LookArgs),
    /// Prints the allocated addresses, one per line, member by member
    #[command(after_help = AFTER_HELP)]
    List(LookArgs),
    /// Looks for damage of the pool files, and whether they are as the CONFIG says; with --from, compares a set
    /// with the list of its users instead, and changes nothing
    ///
    /// With --from it is what `hostbits check` is for a pool file: exit code 1 if they differ. The files are
    /// read without a lock, before the list and after it
    #[command(after_help = AFTER_HELP)]
    Check(CheckArgs),
    /// Repairs the pool files of a set by the list of its users: takes what is missing, frees what nobody holds
    Reconcile(Box<ReconcileArgs<LookArgs>>),
    /// Takes what a list of users names in the pool files of a set; frees nothing, so it may be done at any time
    Seed(SeedArgs<LookArgs>),
    /// Frees what is quarantined in the pool files of a set, except what a list of users names
    ///
    /// What the list names is taken, whether or not it was quarantined. The list must have everybody of the
    /// set: it is read to its end first, and if anything in it is unclear, or a quarantined member is not in it
    /// at all, nothing is freed anywhere
    #[command(after_help = AFTER_HELP)]
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
            Self::Show(args) | Self::List(args) => args.config.format,
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

    /// The configuration that is in force now: with it, removed members and lifted drains are seen, too
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

    /// Users who hold an address already: FILE, or FORMAT:FILE as of `hostbits next --help`; `-` reads
    /// standard input. Repeatable: all of them are one list [default: nobody]
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,

    /// How many addresses to print, one per line: all of them or none
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

    /// How many addresses: all of them or none, from one member if it has so many, and from several otherwise.
    /// Of a range, and pairs, one after the other, and given back if there are too few
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,

    /// This address and no other
    #[arg(long, value_parser = values::named, conflicts_with_all = ["count", "client", "range", "pair"])]
    pub(crate) ip: Option<Named>,

    /// The address, or with --pair the pair, that this client usually gets: any name that stays the same. The set needs
    /// a client_key; of a pair, its IPv4 set
    #[arg(long, value_name = "NAME", conflicts_with_all = ["count", "range"])]
    pub(crate) client: Option<String>,

    /// From this named range of the set
    #[arg(long, value_name = "RANGE", conflicts_with = "pair")]
    pub(crate) range: Option<String>,

    /// An IPv4 and an IPv6 address, both or none; with -n N, N pairs
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

    /// Addresses as allocate printed them: 10.0.0.5, 10.0.0.5/32
    #[arg(value_name = "IP", required = true, value_parser = values::named)]
    pub(crate) named: Vec<Named>,
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

    /// Everybody who holds an address of the set: FILE, or FORMAT:FILE as of `hostbits next --help`; `-` reads
    /// standard input. Repeatable: all of them are one list
    #[arg(long, value_name = "LIST", value_parser = list_name())]
    pub(crate) from: Vec<ListName>,

    /// How many entries the lists have together, if their source can tell (SELECT count(*)): with
    /// another number there is no answer
    #[arg(long, value_name = "N", requires = "from")]
    pub(crate) entries: Option<u64>,
}
