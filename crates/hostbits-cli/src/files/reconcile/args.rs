//! The arguments of the commands in this folder. The comments on the fields are the help texts.

use crate::files::target::{FileArgs, Named};
use crate::files::values;
use crate::help::{COMMON, after, after_with};
use crate::lists::{Reading, list_name};
use crate::output::Format;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum};
use hostbits_ops::files::Lists;
use hostbits_ops::trouble::Exit;
use hostbits_ops::{Failure, ListName, refuse_two_inputs};
use std::path::PathBuf;
use std::time::Duration;

const EXITS: [Exit; 4] = [Exit::Drift, Exit::Input, Exit::File, Exit::Refused];
const LOOK_EXITS: [Exit; 3] = [Exit::Drift, Exit::Input, Exit::File];

const SIGHTINGS: &str = "\
What is freed:
  An orphan (taken, but not listed) is freed at the third pass that sees it, if each pass began at least
  GRACE after the previous list had been read, and the address was not allocated in between. To notice
  that, a barrier stays up from pass to pass, and every allocation leaves a mark. Barrier and marks are in
  memory that is shared by the processes that have the pool open. When all of them have closed it, the
  sightings start over; that is not an error.

What the caller promises:
  A user is added to the list before the address is used, and removed from it before the address is released.
  GRACE is longer than the time from an allocation until its user is in the list, longer than the time from
  the removal until the release, and longer than the delay of the list. No address is released that has been
  unlisted for longer than GRACE. Each pass reads the list again: write a new dump for each pass.
  --grace 0 frees at first sight: use it only while no user joins or leaves.";

fn after_help<T: Named>() -> String {
    // The text has its own "Examples" heading.
    let codes = after_with(
        "",
        "pool and list agree, or all differences have been repaired",
        &EXITS,
    );
    let (_, codes) = codes.split_once("\n\n").unwrap_or_default();
    format!("{SIGHTINGS}\n\n{}\n\n{codes}", T::WAYS)
}

/// The lists, and how to read them.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read everyone who holds an address from FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is standard input
    ///
    /// Repeatable: together they are one list
    #[arg(long, value_name = "LIST", required = true, value_parser = list_name())]
    pub(crate) from: Vec<ListName>,

    /// Do nothing unless the lists have exactly this many entries in total, if their source can count them (SELECT
    /// count(*))
    #[arg(long, value_name = "N")]
    pub(crate) entries: Option<u64>,
}

impl ListArgs {
    /// Returns the lists with their filters.
    pub(super) fn lists(&self) -> Result<Lists, Failure> {
        refuse_two_inputs(&self.from).map_err(Failure::Usage)?;
        Ok(Lists {
            lists: self.reading.of(&self.from),
            skip_unreadable: self.reading.skip_unreadable,
            entries: self.entries,
        })
    }
}

/// The arguments of `check`.
#[derive(Args, Debug)]
#[command(after_long_help = after_with(
    "hostbits check vpn.pool --from users.csv\nwg show all dump | hostbits check vpn.pool --from wg-dump:-",
    "pool and list agree",
    &LOOK_EXITS
))]
pub(crate) struct CheckArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// The lists.
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

/// The arguments of `seed`.
#[derive(Args, Debug)]
#[command(after_long_help = after(T::SEED, &LOOK_EXITS))]
pub(crate) struct SeedArgs<T: Named> {
    /// The pool or the set.
    #[command(flatten)]
    pub(crate) target: T,

    /// The lists.
    #[command(flatten)]
    pub(crate) lists: SeedLists,
}

/// The lists of `seed`, and how to read them.
#[derive(Args, Debug)]
pub(crate) struct SeedLists {
    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read everyone who holds an address from FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is standard input
    ///
    /// Repeatable: together they are one list
    #[arg(long, value_name = "LIST", required = true, value_parser = list_name())]
    pub(crate) from: Vec<ListName>,
}

/// The arguments of `reconcile`: a pool or a set, or a verb for a plan. A pool file called `apply` is written
/// `./apply`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_long_help = after_help::<T>())]
pub(crate) struct ReconcileArgs<T: Named> {
    /// A pass. This field comes first: it looks for a verb, and parsing the verb removes it.
    #[command(flatten)]
    pub(crate) pass: MaybePass<T>,

    /// What to do with a plan.
    #[command(subcommand)]
    pub(crate) verb: Option<PlanCommand<T>>,
}

/// A pass, unless there is a verb. (An optional `flatten` treats nested groups as absent.)
#[derive(Debug)]
pub(crate) struct MaybePass<T: Named>(pub(crate) Option<PassArgs<T>>);

impl<T: Named> FromArgMatches for MaybePass<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_name() {
            Some(_) => Ok(Self(None)),
            None => PassArgs::<T>::from_arg_matches(matches).map(Some).map(Self),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<T: Named> Args for MaybePass<T> {
    fn augment_args(command: Command) -> Command {
        PassArgs::<T>::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        PassArgs::<T>::augment_args_for_update(command)
    }
}

/// The commands for a plan.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand<T: Named> {
    /// Continue with a plan: read the list again, free orphans that were seen often enough, allocate missing addresses
    ///
    /// Orphans that must be seen again are kept in the plan. A plan made with --grace 0 is applied as it is, within 15
    /// minutes
    #[command(after_long_help = after_help::<T>())]
    Apply(ApplyArgs),
    /// Allocate again what the plan's last application freed, if it is still free, and report the rest
    ///
    /// That is the last application that freed anything. The barrier is lowered
    #[command(after_long_help = after_help::<T>())]
    Undo(UndoArgs),
    /// Lower the barrier that a plan left up; sightings start over
    #[command(after_long_help = after_help::<T>())]
    Close(T),
}

/// The arguments of a pass.
#[derive(Args, Debug)]
pub(crate) struct PassArgs<T: Named> {
    /// The pool or the set.
    #[command(flatten)]
    pub(crate) target: T,

    /// The other options.
    #[command(flatten)]
    pub(crate) options: PassOptions,
}

/// The arguments of a pass besides the pool or the set.
#[derive(Args, Debug)]
pub(crate) struct PassOptions {
    /// The lists.
    #[command(flatten)]
    pub(crate) lists: ListArgs,

    /// Only allocate listed addresses (adopt, as `hostbits seed`), or also free orphans (full)
    #[arg(long, value_enum, default_value_t = Mode::Full)]
    pub(crate) mode: Mode,

    /// Wait at least this long between sightings: 10m, 90s, 1h 30m; 0 frees at first sight [default: 10m]
    #[arg(long, value_name = "GRACE", value_parser = values::duration)]
    pub(crate) grace: Option<Duration>,

    /// Allow up to this many addresses to be freed
    ///
    /// Without it: none if the list is empty or has shrunk by half, and otherwise 16 or a tenth of the taken addresses,
    /// whichever is more
    #[arg(long, value_name = "N")]
    pub(crate) max_free: Option<u64>,

    /// Store the plan in this file, for `reconcile apply` and `undo`; an existing file is replaced
    #[arg(short, long, value_name = "PLAN")]
    pub(crate) output: Option<PathBuf>,

    /// Wait, and make all sightings in this process; with -o, the plan is stored for undo
    #[arg(long)]
    pub(crate) wait: bool,
}

/// What a pass may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Allocate listed addresses
    Adopt,
    /// Allocate listed addresses, and free orphans
    Full,
}

/// The arguments of `apply`.
#[derive(Args, Debug)]
pub(crate) struct ApplyArgs {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// The pool file; for a plan of a set, its CONFIG [default: as in the plan]
    #[arg(long, visible_alias = "config")]
    pub(crate) pool: Option<PathBuf>,

    /// How the lists are read; the number of entries that may be unreadable is in the plan.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// The lists [default: as in the plan]
    #[arg(long, value_name = "LIST", value_parser = list_name())]
    pub(crate) from: Vec<ListName>,

    /// Do nothing unless the lists have exactly this many entries in total, if their source can count them (SELECT
    /// count(*))
    #[arg(long, value_name = "N")]
    pub(crate) entries: Option<u64>,

    /// Allow up to this many addresses to be freed
    #[arg(long, value_name = "N")]
    pub(crate) max_free: Option<u64>,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,
}

/// The arguments of `undo`.
#[derive(Args, Debug)]
pub(crate) struct UndoArgs {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// The pool file; for a plan of a set, its CONFIG [default: as in the plan]
    #[arg(long, visible_alias = "config")]
    pub(crate) pool: Option<PathBuf>,

    /// Print lines, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Plain, help_heading = COMMON)]
    pub(crate) format: Format,
}

/// The arguments of `reclaim`.
#[derive(Args, Debug)]
#[command(after_long_help = after(T::RECLAIM, &[Exit::Input, Exit::File]))]
pub(crate) struct ReclaimArgs<T: Named> {
    /// The pool file or the set.
    #[command(flatten)]
    pub(crate) target: T,

    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read everyone who holds an address from FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is standard input
    ///
    /// Repeatable: together they are one list
    #[arg(
        long = "from",
        visible_alias = "users",
        short_alias = 'u',
        value_name = "LIST",
        required_unless_present = "nobody",
        value_parser = list_name()
    )]
    pub(crate) users: Vec<ListName>,

    /// Free the whole quarantine: you guarantee that none of its addresses is in use
    #[arg(long, conflicts_with_all = ["users", "skip_unreadable"])]
    pub(crate) nobody: bool,
}

impl<T: Named> ReconcileArgs<T> {
    /// Returns the output format.
    pub(crate) fn format(&self) -> Format {
        match (&self.verb, &self.pass.0) {
            (Some(PlanCommand::Apply(args)), _) => args.format,
            (Some(PlanCommand::Undo(args)), _) => args.format,
            (Some(PlanCommand::Close(target)), _) => target.format(),
            (None, Some(args)) => args.target.format(),
            (None, None) => Format::Plain,
        }
    }
}
