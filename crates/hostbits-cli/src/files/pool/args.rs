//! The arguments of `hostbits pool`. The comments on the fields are the help texts.

use crate::args::PoolArgs;
use crate::files::asked::{Asked, asked};
use crate::files::reconcile::args::{ReclaimArgs, SeedArgs};
use crate::files::target::{FileArgs, LEASES, Limit};
use crate::files::values;
use crate::help::after;
use crate::lists::{Reading, list_name};
use crate::output::Format;
use crate::values::count;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use hostbits::{Durability, lease::Lease};
use hostbits_ops::trouble::Exit;
use hostbits_ops::{ListName, Named};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Returns the text below the help of `hostbits pool`.
pub(crate) fn after_help() -> String {
    let examples = "\
hostbits pool create vpn.pool 10.0.0.0/24 --durability strict
hostbits pool allocate vpn.pool
hostbits pool release vpn.pool 10.0.0.77 10.0.0.2
hostbits pool show vpn.pool
hostbits pool backup vpn.pool vpn.pool.copy";
    let shared = "All commands except grow and restore can be used while other processes have the file open.";
    format!("{shared}\n\n{}", after(examples, &Exit::ALL))
}

const FILE: [Exit; 2] = [Exit::Input, Exit::File];

/// The commands of `hostbits pool`.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Create the file, with all usable addresses free; never replaces another file
    #[command(after_long_help = after("\
hostbits pool create vpn.pool 10.0.0.0/24
hostbits pool create vpn.pool 10.0.0.0/24 --durability strict --gateway last
hostbits pool create vpn.pool 10.0.0.0/16 --reserve 10.0.0.10-10.0.0.19=printers
hostbits pool create pd.pool 2001:db8::/40 --unit 56
hostbits pool create vpn.pool 10.0.0.0/24 --leases --cooldown 60s", &FILE))]
    Create(CreateArgs),
    /// Allocate addresses, and print them; no one else gets them
    ///
    /// In a pool of leases, with --for or --forever: the lease is printed as 10.0.0.5#7. Keep it: renew and release ask
    /// for it
    #[command(after_long_help = after("\
hostbits pool allocate vpn.pool
hostbits pool allocate vpn.pool -n 5
hostbits pool allocate vpn.pool --ip 10.0.0.77
hostbits pool allocate vpn.pool --block /28
hostbits pool allocate vpn.pool --for 30s
hostbits pool allocate vpn.pool --forever --owner alice --key-file owners.key",
        &[Exit::Input, Exit::Exhausted, Exit::Taken, Exit::Quarantined, Exit::File]))]
    Allocate(AllocateArgs),
    /// Release addresses; prints one line per address, continues past errors
    ///
    /// The exit code is 2 if a line of standard input names no address, and otherwise that of the first address that
    /// could not be released. The release of a lease can be repeated: for one that has ended, it does nothing and the
    /// exit code is 0
    #[command(after_long_help = after("\
hostbits pool release vpn.pool 10.0.0.77 10.0.0.2
hostbits pool release vpn.pool 10.0.0.16/28
hostbits pool release vpn.pool - < addresses.txt
hostbits pool release vpn.pool 10.0.0.5#4294967297
hostbits pool release vpn.pool --unfenced 10.0.0.5", &[Exit::Input, Exit::NotAllocated, Exit::Stale, Exit::File]))]
    Release(ReleaseArgs),
    /// Renew a lease: from now on for a time, or for ever; confirms what allocate --for offered
    ///
    /// A renewal never shortens a lease. One whose time has passed can be renewed as long as its address is not free
    #[command(after_long_help = after("\
hostbits pool renew vpn.pool 10.0.0.5#4294967297 --for 1h
hostbits pool renew vpn.pool 10.0.0.5#4294967297 --forever", &[Exit::Input, Exit::Stale, Exit::File]))]
    Renew(RenewArgs),
    /// Free the addresses whose leases have run out, after their cooldown
    ///
    /// Never needed: a pool that would refuse does so by itself. It makes the counts of show exact
    #[command(after_long_help = after("hostbits pool sweep vpn.pool", &FILE))]
    Sweep(FileArgs),
    /// Print the pool's configuration, its state, how full it is, and a map of its addresses
    #[command(after_long_help = after("\
hostbits pool show vpn.pool
hostbits pool show vpn.pool --fail-above 90 --format json", &[Exit::Input, Exit::File, Exit::Full]))]
    Show(ShowArgs),
    /// Print the allocated addresses, one per line, ascending; quarantined ones are marked
    #[command(after_long_help = after("hostbits pool list vpn.pool", &FILE))]
    List(FileArgs),
    /// Print the taken addresses as a list that `import`, `seed` and `next` read: address,owner,state
    ///
    /// Owners come from the lists given with --users. The state is held, or quarantined if it is not known whether the
    /// address is in use; an import takes both, unless --drop-state quarantined is given
    #[command(after_long_help = after("\
hostbits pool export vpn.pool > export.csv
hostbits pool export vpn.pool --users users.csv", &[Exit::Drift, Exit::Input, Exit::File]))]
    Export(ExportArgs),
    /// Allocate the addresses that a list names, such as one from `export`; the same as `hostbits seed`
    Import(SeedArgs<FileArgs>),
    /// Check the file for damage, without a lock and without changes
    ///
    /// To compare the pool with a list of users, use `hostbits check`
    #[command(after_long_help = after("hostbits pool check vpn.pool", &FILE))]
    Check(FileArgs),
    /// Make all allocations and releases so far durable
    #[command(after_long_help = after("hostbits pool sync vpn.pool", &FILE))]
    Sync(FileArgs),
    /// Grow the pool, or change its reservations, labels and gateway; no other process may have it open
    ///
    /// Give all options of the pool as it is to be. Addresses that are held stay held: an allocated or quarantined
    /// address cannot become reserved. The file is changed in place, or replaced by a larger one
    #[command(after_long_help = after("\
hostbits pool grow vpn.pool 10.0.0.0/22
hostbits pool grow vpn.pool 10.0.0.0/22 --capacity 65536
hostbits pool grow vpn.pool 10.0.0.0/24 --reserve 10.0.0.10-10.0.0.19=printers --gateway last", &FILE))]
    Grow(GrowArgs),
    /// Make the file of a plain pool one of leases; no other process may have it open. There is no way back
    ///
    /// What is taken is leased for ever, and all leases are printed, one per line: store them with your records. The
    /// file is replaced by a larger one. A file of leases stays as it is
    #[command(after_long_help = after("\
hostbits pool convert vpn.pool --leases
hostbits pool convert vpn.pool --leases --cooldown 5m > leases.txt", &FILE))]
    Convert(ConvertArgs),
    /// Free quarantined addresses, except those that a list of users names; the same as `hostbits reclaim`
    ///
    /// Addresses that the list names are allocated, quarantined or not. The list must be complete: it is first read to
    /// its end, and if any entry is unclear, nothing is freed
    Reclaim(ReclaimArgs<FileArgs>),
    /// Copy the file, even while other processes use it; never replaces another file
    ///
    /// The copy is on the disk when the command returns, and is marked as a backup. However it is put back, its
    /// contents are not trusted: what was taken stays taken, and the rest is quarantined until reclaim gets a list of
    /// users. Copies made in other ways, by cp or a snapshot, cannot always be told from the file itself
    #[command(after_long_help = after("hostbits pool backup vpn.pool vpn.pool.copy", &FILE))]
    Backup(BackupArgs),
    /// Put a backup in the place of the file, or where there is none; no process may have the file open
    ///
    /// Everything that was free in the backup is then quarantined until reclaim gets a list of users. A file that holds
    /// another pool, or is not a pool file, is left alone: remove it first. A damaged file is replaced. The new session
    /// number is not below that of the file or --min-session
    #[command(after_long_help = after("\
hostbits pool restore vpn.pool.copy vpn.pool
hostbits pool restore vpn.pool.copy vpn.pool --min-session 40", &FILE))]
    Restore(RestoreArgs),
}

impl PoolCommand {
    /// Returns the output format.
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
            Self::Renew(args) => &args.file,
            Self::Convert(args) => &args.file,
            Self::List(file) | Self::Check(file) | Self::Sync(file) | Self::Sweep(file) => file,
        }
    }
}

/// The arguments of `create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Choose what allocations survive, besides the death of processes
    #[arg(long, value_enum, default_value_t = DurabilityChoice::Process)]
    pub(crate) durability: DurabilityChoice,

    /// Reserve space for this many slots, to grow into later [default: the number of slots of the pool]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u64>,

    /// Make it a pool of leases: each address has an end, or none, and a number that a late release does not know
    #[arg(long, help_heading = LEASES)]
    pub(crate) leases: bool,

    /// Let each address rest for so long between two holders: 60s, 5m, 1h, 0 [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, requires = "leases", help_heading = LEASES)]
    pub(crate) cooldown: Option<Duration>,

    /// The options of the pool.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// The arguments of `allocate`.
#[derive(Args, Debug)]
pub(crate) struct AllocateArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Allocate this many addresses: all of them or none
    #[arg(short = 'n', long, default_value = "1", value_parser = count)]
    pub(crate) count: u64,

    /// Allocate exactly this address
    #[arg(long, value_parser = values::named, conflicts_with_all = ["count", "near", "block"])]
    pub(crate) ip: Option<Named>,

    /// Allocate this address if it is free, and any other if not
    #[arg(long, value_name = "IP", value_parser = values::addr, conflicts_with_all = ["count", "block"])]
    pub(crate) near: Option<IpAddr>,

    /// Allocate a block: an aligned prefix of this length
    #[arg(long, value_name = "/N", value_parser = values::prefix_len, conflicts_with = "count")]
    pub(crate) block: Option<u8>,

    /// Offer the address for so long: 30s, 5m, 1h; then it is free again, unless the lease is renewed
    #[arg(long = "for", value_name = "TIME", value_parser = values::duration, conflicts_with_all = ["forever", "block"], help_heading = LEASES)]
    pub(crate) time: Option<Duration>,

    /// Lease the address until it is released
    #[arg(long, conflicts_with = "block", help_heading = LEASES)]
    pub(crate) forever: bool,

    /// Allocate the address of this owner: the one that it holds, or had last, if it has one
    ///
    /// NAME is any name that stays the same. The file does not store it, but a number that is made of it with the key
    #[arg(long, value_name = "NAME", conflicts_with_all = ["count", "ip", "near", "block"], help_heading = LEASES)]
    pub(crate) owner: Option<String>,

    /// Make the numbers of owners with the key in FILE: 32 hexadecimal digits, the same for every call
    #[arg(long, value_name = "FILE", requires = "owner", help_heading = LEASES)]
    pub(crate) key_file: Option<PathBuf>,
}

/// The arguments of `renew`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("term").required(true).args(["time", "forever"]))]
pub(crate) struct RenewArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// The lease as allocate printed it: 10.0.0.5#4294967297
    #[arg(value_name = "LEASE", value_parser = values::lease)]
    pub(crate) lease: Lease<IpAddr>,

    /// Renew it for so long from now on: 30s, 5m, 1h, 1d
    #[arg(long = "for", value_name = "TIME", value_parser = values::duration)]
    pub(crate) time: Option<Duration>,

    /// Renew it until it is released
    #[arg(long)]
    pub(crate) forever: bool,
}

/// The arguments of `release`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Addresses, blocks or leases as allocate printed them: 10.0.0.5, 10.0.0.16/28, 10.0.0.5#7; `-` reads standard
    /// input, one per line
    #[arg(value_name = "IP", required = true, value_parser = asked)]
    pub(crate) named: Vec<Asked>,

    /// In a pool of leases, release addresses whatever their leases are: also those of others
    #[arg(long, help_heading = LEASES)]
    pub(crate) unfenced: bool,
}

/// The arguments of `show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// The limit above which the pool counts as too full.
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// The arguments of `export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// How the lists are read.
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Read the holders of the addresses from FILE, or FORMAT:FILE as in `hostbits next --help`; `-` is standard input
    ///
    /// Repeatable: together they are one list
    #[arg(short, long, value_name = "LIST", value_parser = list_name())]
    pub(crate) users: Vec<ListName>,
}

/// The arguments of `grow`.
#[derive(Args, Debug)]
pub(crate) struct GrowArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Reserve space for this many slots, if there is less [default: the number of slots after the change]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u64>,

    /// The pool as it is to be, with all its options.
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

/// The arguments of `convert`.
#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Make it a pool of leases
    #[arg(long, required = true)]
    pub(crate) leases: bool,

    /// Let each address rest for so long between two holders: 60s, 5m, 1h, 0 [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) cooldown: Option<Duration>,
}

/// The arguments of `backup`.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// The copy to create
    #[arg(value_name = "COPY")]
    pub(crate) copy: PathBuf,
}

/// The arguments of `restore`.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup, or any other copy of a pool file
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,

    /// The pool file.
    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// What allocations survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityChoice {
    /// The death of processes; after a crash of the machine, everything that was free is quarantined
    Process,
    /// A crash of the machine, up to the last sync; allocate syncs before it prints
    Barrier,
    /// A crash of the machine, for every address: each allocation waits for the disk
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
