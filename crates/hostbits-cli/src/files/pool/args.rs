//! What may be said to `hostbits pool`. The comments on the fields are the help texts.

use crate::args::PoolArgs;
use crate::files::asked::{Asked, asked};
use crate::files::reconcile::args::{ReclaimArgs, SeedArgs};
use crate::files::target::{FileArgs, Limit};
use crate::files::values;
use crate::help::after;
use crate::lists::{Reading, list_name};
use crate::output::Format;
use crate::values::count;
use clap::{Args, Subcommand, ValueEnum};
use hostbits::Durability;
use hostbits_ops::trouble::Exit;
use hostbits_ops::{ListName, Named};
use std::net::IpAddr;
use std::path::PathBuf;

/// What follows the help of all of them together.
pub(crate) fn after_help() -> String {
    let examples = "\
hostbits pool create vpn.pool 10.0.0.0/24 --durability strict
hostbits pool allocate vpn.pool
hostbits pool release vpn.pool 10.0.0.77 10.0.0.2
hostbits pool show vpn.pool
hostbits pool backup vpn.pool vpn.pool.copy";
    let shared =
        "All of them but grow and restore may be used while other processes have the file open.";
    format!("{shared}\n\n{}", after(examples, &Exit::ALL))
}

const FILE: [Exit; 2] = [Exit::Input, Exit::File];

/// What can be done with a pool file.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Create the file, with all usable addresses free; never in the place of another
    #[command(after_long_help = after("\
hostbits pool create vpn.pool 10.0.0.0/24
hostbits pool create vpn.pool 10.0.0.0/24 --durability strict --gateway last
hostbits pool create vpn.pool 10.0.0.0/16 --reserve 10.0.0.10-10.0.0.19=printers
hostbits pool create pd.pool 2001:db8::/40 --unit 56", &FILE))]
    Create(CreateArgs),
    /// Allocate addresses, and print what nobody else will get
    #[command(after_long_help = after("\
hostbits pool allocate vpn.pool
hostbits pool allocate vpn.pool -n 5
hostbits pool allocate vpn.pool --ip 10.0.0.77
hostbits pool allocate vpn.pool --block /28",
        &[Exit::Input, Exit::Exhausted, Exit::Taken, Exit::Quarantined, Exit::File]))]
    Allocate(AllocateArgs),
    /// Release addresses; one line per address, continues past errors
    ///
    /// The exit code is 2 if a line of standard input names nothing, and otherwise that of the first address that could
    /// not be released
    #[command(after_long_help = after("\
hostbits pool release vpn.pool 10.0.0.77 10.0.0.2
hostbits pool release vpn.pool 10.0.0.16/28
hostbits pool release vpn.pool - < addresses.txt", &[Exit::Input, Exit::NotAllocated, Exit::File]))]
    Release(ReleaseArgs),
    /// Print what the pool is, how it is, how full it is, and a map of its addresses
    #[command(after_long_help = after("\
hostbits pool show vpn.pool
hostbits pool show vpn.pool --fail-above 90 --format json", &[Exit::Input, Exit::File, Exit::Full]))]
    Show(ShowArgs),
    /// Print the allocated addresses, one per line, ascending; what is quarantined is marked
    #[command(after_long_help = after("hostbits pool list vpn.pool", &FILE))]
    List(FileArgs),
    /// Print the addresses that are taken as a list that `import`, `seed` and `next` read: address,owner,state
    ///
    /// Owners are those of the list beside it. The state is held, or quarantined where nobody knows; an import takes
    /// both, unless it is told --drop-state quarantined
    #[command(after_long_help = after("\
hostbits pool export vpn.pool > export.csv
hostbits pool export vpn.pool --users users.csv", &[Exit::Drift, Exit::Input, Exit::File]))]
    Export(ExportArgs),
    /// Take what a list names, such as `export` prints; the same as `hostbits seed`
    Import(SeedArgs<FileArgs>),
    /// Look for damage in the file: take no lock, change nothing
    ///
    /// The pool against a list of users is `hostbits check`
    #[command(after_long_help = after("hostbits pool check vpn.pool", &FILE))]
    Check(FileArgs),
    /// Make durable what has been allocated and released so far
    #[command(after_long_help = after("hostbits pool sync vpn.pool", &FILE))]
    Sync(FileArgs),
    /// Let the pool grow, or change its reservations, labels and gateway; nobody else may have it open
    ///
    /// Name the whole pool as it shall be. What is held stays as it is: no address that is allocated or quarantined can be
    /// reserved. It is done in place, or by a larger file that takes its name
    #[command(after_long_help = after("\
hostbits pool grow vpn.pool 10.0.0.0/22
hostbits pool grow vpn.pool 10.0.0.0/22 --capacity 65536
hostbits pool grow vpn.pool 10.0.0.0/24 --reserve 10.0.0.10-10.0.0.19=printers --gateway last", &FILE))]
    Grow(GrowArgs),
    /// Free what is quarantined, except what a list of users names; the same as `hostbits reclaim`
    ///
    /// What the list names is taken, whether or not it was quarantined. The list must have everybody:
    /// it is read to its end first, and if anything in it is unclear, nothing is freed
    Reclaim(ReclaimArgs<FileArgs>),
    /// Copy the file, also while others use it; never in the place of another file
    ///
    /// The copy is on the disk when this returns. It says that it is one. However it is put back, nothing in it is
    /// believed: what it has as taken stays taken, and the rest is quarantined until reclaim is told who holds what.
    /// Other copies, by cp or a snapshot, are not always told from the file itself
    #[command(after_long_help = after("hostbits pool backup vpn.pool vpn.pool.copy", &FILE))]
    Backup(BackupArgs),
    /// Put a backup in the place of the file, or where there is none; nobody may have the file open
    ///
    /// Everything that was free in the backup is quarantined then, until reclaim is told who holds what.
    /// A file that holds another pool is left as it is, and so is one that is no pool: remove it first. A
    /// damaged one is replaced. The session is never below that of the file, nor that of --min-session
    #[command(after_long_help = after("\
hostbits pool restore vpn.pool.copy vpn.pool
hostbits pool restore vpn.pool.copy vpn.pool --min-session 40", &FILE))]
    Restore(RestoreArgs),
}

impl PoolCommand {
    /// How to print.
    pub(crate) fn format(&self) -> Format {
        self.file_args().format
    }

    fn file_args(&self) -> &FileArgs {
        match self {
            Self::Create(args) => &args.file,
            Self::Allocate(args) => &args.file,
            Self::Release(args) => &args.file,
            Self::Grow(args) => &args.file,
            Self::Reclaim(args) => &args.target,
            Self::Backup(args) => &args.file,
            Self::Restore(args) => &args.file,
            Self::Show(args) => &args.file,
            Self::Export(args) => &args.file,
            Self::Import(args) => &args.target,
            Self::List(file) | Self::Check(file) | Self::Sync(file) => file,
        }
    }
}

/// What `create` takes.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Survive this, besides the death of processes
    #[arg(long, value_enum, default_value_t = DurabilityChoice::Process)]
    pub(crate) durability: DurabilityChoice,

    /// Make room for so many slots, to grow into later [default: as many as there are]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u64>,

    /// The pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// What `allocate` takes.
#[derive(Args, Debug)]
pub(crate) struct AllocateArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Allocate so many addresses: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,

    /// Allocate this address and no other
    #[arg(long, value_parser = values::named, conflicts_with_all = ["count", "near", "block"])]
    pub(crate) ip: Option<Named>,

    /// Allocate this address if it is free, and otherwise any
    #[arg(long, value_name = "IP", value_parser = values::addr, conflicts_with_all = ["count", "block"])]
    pub(crate) near: Option<IpAddr>,

    /// Allocate a block: an aligned prefix of this length
    #[arg(long, value_name = "/N", value_parser = values::prefix_len, conflicts_with = "count")]
    pub(crate) block: Option<u8>,
}

/// What `release` takes.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Addresses, or blocks as allocate printed them: 10.0.0.5, 10.0.0.5/32, 10.0.0.16/28; `-` reads standard input,
    /// one per line
    #[arg(value_name = "IP", required = true, value_parser = asked)]
    pub(crate) named: Vec<Asked>,
}

/// What `show` takes.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// When it is too full.
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// What `export` takes.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// How to read them.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read who holds the addresses from FILE, or FORMAT:FILE as of `hostbits next --help`; `-` is standard input
    ///
    /// Repeatable: all of them are one list
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,
}

/// What `grow` takes.
#[derive(Args, Debug)]
pub(crate) struct GrowArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Make room for so many slots, if there is less [default: as many as there will be]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u64>,

    /// The pool as it shall be, with all its options.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// What `backup` takes.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// The copy to be made
    #[arg(value_name = "COPY")]
    pub(crate) copy: PathBuf,
}

/// What `restore` takes.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup, or any other copy of a pool file
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,

    /// The file.
    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// What to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityChoice {
    /// The death of processes; after the machine went down, all that was free is quarantined
    Process,
    /// The machine, as far as the last sync; allocate syncs before it prints
    Barrier,
    /// The machine, address by address: each allocation waits for the disk
    Strict,
}

impl From<DurabilityChoice> for Durability {
    fn from(choice: DurabilityChoice) -> Self {
        match choice {
            DurabilityChoice::Process => Self::Process,
            DurabilityChoice::Barrier => Self::Barrier,
            DurabilityChoice::Strict => Self::Strict,
        }
    }
}
