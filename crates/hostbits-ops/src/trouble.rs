//! The one table of failures: for each a stable code, an exit code, whether to try again, and what to do next.
//!
//! A failure names its row ([`Kind`] and code) and its circumstances ([`Case`]); everything that a front end does with
//! it comes from here. The command line exits with [`Row::exit`]; a service would map it to a status. The codes are
//! those of the library's errors, and a test compares them with its source: it fails for an error without a row, and
//! for a row without an error.

use serde::{Serialize, Serializer};

/// How a command ends that did not do what it was asked for. 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Pool and list differ, or entries of the list cannot be read.
    Drift = 1,
    /// Wrong usage, or unreadable input.
    Input = 2,
    /// Too few addresses are free.
    Exhausted = 3,
    /// The address is already taken.
    Taken = 4,
    /// The address is not allocated.
    NotAllocated = 5,
    /// Too few addresses are free, and some are quarantined.
    Quarantined = 6,
    /// The lease is over: it has ended, or the address has had other holders since.
    Stale = 7,
    /// A pool file cannot be used.
    File = 8,
    /// Nothing was done, because it might take an address from its holder: a fuse has blown, or a configuration would
    /// do so.
    Refused = 9,
    /// More addresses are used than the given limit. Not a failure: the output is complete.
    Full = 10,
}

impl Exit {
    /// All exit codes, ascending.
    pub const ALL: [Self; 10] = [
        Self::Drift,
        Self::Input,
        Self::Exhausted,
        Self::Taken,
        Self::NotAllocated,
        Self::Quarantined,
        Self::Stale,
        Self::File,
        Self::Refused,
        Self::Full,
    ];

    /// Returns the meaning of the code, for a help text.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Drift => "the pool and the list differ, or entries of the list cannot be read",
            Self::Input => "wrong usage or unreadable input",
            Self::Exhausted => "exhausted: too few addresses are free",
            Self::Taken => "the address is already taken",
            Self::NotAllocated => "the address is not allocated",
            Self::Quarantined => "exhausted, and addresses are quarantined: reclaim them",
            Self::Stale => {
                "the lease is over: the address has had other holders since, or it cannot be renewed"
            }
            Self::File => {
                "a pool file is missing, already exists, is damaged, in use, poisoned, of another pool or of a newer version"
            }
            Self::Refused => {
                "refused, and nothing was done: a fuse of reconcile, or a CONFIG that would take addresses from holders"
            }
            Self::Full => "more is used than --fail-above allows",
        }
    }

    /// Returns the number of the exit code.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before the call, the file or the list has changed.
    Never,
    /// Yes: another process is in the way, or may release something.
    Later,
    /// At once, with the number that the hint names.
    WithNumber,
}

/// What failed. Codes are unique within a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The arguments contradict each other.
    Usage,
    /// The output cannot be written.
    Output,
    /// The platform does not support pool files.
    Platform,
    /// A network and its options: `BuildError`.
    Network,
    /// A list of users: `ListError`, and entries that cannot be read.
    List,
    /// A plan that is kept in a file.
    PlanFile,
    /// A pool file that is created, opened or read: `OpenError`.
    File,
    /// An allocation: `AllocateError`, `AllocatePairError`.
    Allocate,
    /// An allocation where some of what is taken is quarantined.
    Quarantine,
    /// An allocation from a set whose free addresses are drained or cordoned.
    Closed,
    /// An allocation of one certain address: `AllocateExactError`.
    Exact,
    /// An allocation of a lease: `OfferError`.
    Offer,
    /// A renewal of a lease, or its release: `RenewError`.
    Renew,
    /// A release of an address: `ReleaseError`.
    Release,
    /// A sync of a pool file: `SyncError`.
    Sync,
    /// The sync of a close, after addresses have been allocated that were not reported.
    Unclosed,
    /// A reclaim of the quarantine with a list: `ReclaimError`.
    Reclaim,
    /// A pass, or the application of its plan: `ReconcilerError`, `PassError`, `ApplyError`.
    Pass,
    /// A rule that keeps a plan from freeing anything: `Fuse`.
    Fuse,
    /// A configuration of sets: `ConfigError`, `OpenError` of `hostbits-config`.
    Config,
    /// A configuration that was not applied.
    ConfigApply,
}

/// The circumstances of a failure. The hints depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Any circumstances.
    Any,
    /// A call on a pool file.
    Pool,
    /// A call on a set of a configuration.
    Set,
    /// A backup of a pool file.
    Backup,
    /// A pool file that a backup was to replace.
    Restore,
    /// A plan or a configuration that was to be applied.
    Apply,
    /// A pool file in which an address that is taken was to be reserved.
    Reserve,
}

/// What all front ends report of a failure.
#[derive(Debug)]
pub struct Row {
    /// What failed.
    pub kind: Kind,
    /// A stable name in kebab case.
    pub code: &'static str,
    /// The exit code of a command.
    pub exit: Exit,
    /// Whether to try again.
    pub retry: Retry,
    /// What to do next, by the circumstances; [`Failure::hint`](crate::Failure::hint) fills in the words in braces.
    pub hints: &'static [(Case, &'static str)],
}

impl Row {
    /// Returns what to do next under these circumstances, with the words filled in.
    pub(crate) fn hint(&self, case: Case, words: &Words) -> Option<String> {
        let mut hints = self.hints.iter();
        let (_, template) = hints.find(|(of, _)| *of == case || *of == Case::Any)?;
        Some(words.fill(template))
    }
}

/// Serialized as in the JSON output: an object with a code.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("code", self.code)])
    }
}

/// Returns the row of a failure. One without a row, which a test rules out, is treated as a file that cannot be used.
pub fn row(kind: Kind, code: &str) -> &'static Row {
    let mut rows = TABLE.iter();
    rows.find(|row| row.kind == kind && row.code == code)
        .unwrap_or(&UNKNOWN)
}

/// A row of the table, and the circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) row: &'static Row,
    pub(crate) case: Case,
}

impl Place {
    pub(crate) fn new(kind: Kind, code: &str, case: Case) -> Self {
        let row = row(kind, code);
        Self { row, case }
    }
}

/// The words that a hint names.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) file: String,
    pub(crate) set: String,
    /// The pool file of a member.
    pub(crate) pool_file: String,
    /// Addresses that are allocated but were not reported.
    pub(crate) nets: String,
    /// The address that was requested.
    pub(crate) addr: String,
    /// The number that has to be allowed.
    pub(crate) number: u64,
    /// A network as it should be written, and as it was written.
    pub(crate) network: String,
    pub(crate) given: String,
    pub(crate) last: String,
}

impl Words {
    fn fill(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text += before;
            text += &self.word(name);
            rest = after;
        }
        text + rest
    }

    fn word(&self, name: &str) -> String {
        match name {
            "file" => self.file.clone(),
            "set" => self.set.clone(),
            "pool_file" => self.pool_file.clone(),
            "nets" => self.nets.clone(),
            "addr" => self.addr.clone(),
            "number" => self.number.to_string(),
            "them" => if self.number == 1 { "it" } else { "them" }.to_owned(),
            "network" => self.network.clone(),
            "given" => self.given.clone(),
            "last" => self.last.clone(),
            // A test checks that there is no other one.
            _ => String::new(),
        }
    }
}

const fn new(kind: Kind, code: &'static str, exit: Exit, retry: Retry) -> Row {
    Row {
        kind,
        code,
        exit,
        retry,
        hints: &[],
    }
}

impl Row {
    const fn then(mut self, hints: &'static [(Case, &'static str)]) -> Self {
        self.hints = hints;
        self
    }
}

const MEND: &[(Case, &str)] = &[(
    Case::Any,
    "correct the list, or tolerate this many entries with --skip-unreadable N: the addresses of those users are not protected",
)];
const OTHER_PLAN: &[(Case, &str)] = &[(
    Case::Apply,
    "or was made before every process had closed the pool: make another plan, and let a process keep the pool \
     open until it is applied",
)];
const BACKUP_IN_PLACE: &[(Case, &str)] = &[(
    Case::Pool,
    "nothing was changed; put a backup in its place, if there is one: hostbits pool restore BACKUP {file}; or \
     create another file, and fill it from a list: hostbits seed NEWFILE --from LIST",
)];
/// A file of another version is not damaged.
const OTHER_VERSION: &[(Case, &str)] = &[(
    Case::Any,
    "nothing was changed, and the file is not damaged: use the version of hostbits that wrote it",
)];
const OVERRIDE: &[(Case, &str)] = &[(
    Case::Any,
    "--max-free {number} allows that; nothing was freed or taken",
)];
const SHOW_POOL: &[(Case, &str)] = &[(
    Case::Pool,
    "hostbits pool show {file} shows the pool's addresses and reservations",
)];
const GIVE_BACK: &[(Case, &str)] = &[
    (Case::Pool, "hostbits pool release {file} {nets}"),
    (Case::Set, "hostbits set release {file} {set} {nets}"),
];

const UNKNOWN: Row = new(Kind::File, "unknown", Exit::File, Retry::Never);

use Exit::{Drift, Exhausted, File, Input, NotAllocated, Quarantined, Refused, Stale, Taken};
use Retry::{Later, Never, WithNumber};

/// All failures.
#[rustfmt::skip]
pub static TABLE: &[Row] = &[
    new(Kind::Usage, "usage", Input, Never),
    new(Kind::Usage, "no-owner-key", Input, Never).then(&[
        (Case::Any, "--key-file FILE, with 32 hexadecimal digits, for example from openssl rand -hex 16: the same one for every call"),
    ]),
    new(Kind::Output, "output", Input, Never).then(&[
        (Case::Pool, "hostbits pool release {file} {nets}, unless they are in use"),
        (Case::Set, "hostbits set release {file} {set} {nets}, unless they are in use"),
    ]),
    new(Kind::Platform, "unsupported", File, Never),

    new(Kind::Network, "host-bits-set", Input, Never).then(&[
        (Case::Any, "write {network}, or {network} --range {given}-{last}"),
    ]),
    new(Kind::Network, "mapped-prefix", Input, Never),
    new(Kind::Network, "too-large", Input, Never).then(&[
        (Case::Any, "--range A-B takes a part, --unit N hands out prefixes of N bits, --at-most N takes the first N slots"),
    ]),
    new(Kind::Network, "gateway-outside", Input, Never),
    new(Kind::Network, "gateway-reserved", Input, Never),
    new(Kind::Network, "bad-range", Input, Never),
    new(Kind::Network, "bad-unit", Input, Never),
    new(Kind::Network, "bad-cooldown", Input, Never),
    new(Kind::Network, "empty", Input, Never),

    new(Kind::List, "unreadable", Input, Never),
    new(Kind::List, "list-truncated", Input, Later),
    new(Kind::List, "list-malformed", Input, Never),
    new(Kind::List, "list-unfinished", Input, Never),
    new(Kind::List, "unclear", Drift, WithNumber).then(&[
        (Case::Any, "correct the list, or name its format; --skip-unreadable {number} tolerates {them}, but does not protect the addresses of those users"),
    ]),

    new(Kind::PlanFile, "unreadable", Input, Never),
    new(Kind::PlanFile, "unwritable", Input, Never),
    new(Kind::PlanFile, "bad-plan", Input, Never),

    new(Kind::File, "not-found", File, Never).then(&[
        (Case::Pool, "hostbits pool create {file} 10.0.0.0/24, for example"),
        (Case::Set, "hostbits set apply {file}"),
    ]),
    new(Kind::File, "already-exists", File, Never).then(&[
        (Case::Pool, "hostbits pool show {file} shows what it holds"),
        (Case::Backup, "nothing was changed; a backup never replaces another file"),
    ]),
    new(Kind::File, "not-regular-file", File, Never),
    new(Kind::File, "symlink", File, Never),
    new(Kind::File, "wrong-owner", File, Never),
    new(Kind::File, "insecure-mode", File, Never),
    new(Kind::File, "hard-linked", File, Never),
    new(Kind::File, "remote-file-system", File, Never),
    new(Kind::File, "unknown-file-system", File, Never),
    new(Kind::File, "renumbering-file-system", File, Never),
    new(Kind::File, "copy-on-write", File, Never),
    new(Kind::File, "not-durable", File, Never),
    new(Kind::File, "bad-magic", File, Never).then(&[
        (Case::Pool, "nothing was changed; is it the right file?"),
        (Case::Restore, "nothing was changed; if it may go, remove it first"),
    ]),
    new(Kind::File, "endian-mismatch", File, Never),
    new(Kind::File, "unsupported-version", File, Never).then(OTHER_VERSION),
    new(Kind::File, "unsupported-features", File, Never).then(OTHER_VERSION),
    new(Kind::File, "read-only-features", File, Never).then(OTHER_VERSION),
    new(Kind::File, "unknown-content", File, Never).then(OTHER_VERSION),
    new(Kind::File, "corrupt", File, Never).then(BACKUP_IN_PLACE),
    new(Kind::File, "geometry-mismatch", File, Never).then(&[
        (Case::Pool, "give all options of the pool as it is to be, including those it was created with"),
        (Case::Reserve, "nothing was changed; addresses that are to be reserved must be free: release them, or reclaim them if they are quarantined"),
        (Case::Restore, "nothing was changed; if it may go, remove it first"),
        (Case::Set, "hostbits set plan {file} shows what apply would do"),
    ]),
    new(Kind::File, "holds-leases", File, Never).then(&[
        (Case::Any, "hostbits pool allocate {file} --for 30s, renew and release LEASE, or release --unfenced ADDR; show, list, check, sync, grow, reclaim, backup and restore work as they are"),
    ]),
    new(Kind::File, "no-leases", File, Never).then(&[
        (Case::Any, "a plain pool allocates without --for, --forever and --owner, and releases addresses, not leases; hostbits pool convert {file} --leases makes it one of leases"),
    ]),
    new(Kind::File, "mode-mismatch", File, Never).then(&[
        (Case::Set, "hostbits set plan {file} shows what apply would do"),
    ]),
    new(Kind::File, "truncated", File, Never).then(BACKUP_IN_PLACE),
    new(Kind::File, "no-space", File, Never),
    new(Kind::File, "stale-file", File, Never).then(&[
        (Case::Pool, "if that is meant: hostbits pool restore COPY {file} --min-session N, and then reclaim"),
    ]),
    new(Kind::File, "no-room", File, Never),
    new(Kind::File, "in-use", File, Later).then(&[
        (Case::Apply, "close it everywhere and apply again: the rest is done then"),
    ]),
    new(Kind::File, "busy", File, Later),
    new(Kind::File, "too-many-processes", File, Later),
    new(Kind::File, "poisoned", File, Never),
    new(Kind::File, "sync-failed", File, Never),
    new(Kind::File, "other-clock", File, Never),
    new(Kind::File, "linear-search", File, Never),
    new(Kind::File, "io", File, Never),

    new(Kind::Allocate, "exhausted", Exhausted, Later).then(&[
        (Case::Pool, "hostbits pool list {file} shows what is taken; release some of it, or let the pool grow"),
        (Case::Set, "hostbits set show {file} shows what is taken; add a member, and apply"),
    ]),
    new(Kind::Allocate, "poisoned", File, Never),
    new(Kind::Allocate, "sync-failed", File, Never),
    new(Kind::Allocate, "forked", File, Never),
    new(Kind::Allocate, "bad-block", Input, Never),
    new(Kind::Allocate, "out-of-range", Input, Never),
    new(Kind::Allocate, "no-common-index", Exhausted, Later),
    new(Kind::Quarantine, "exhausted", Quarantined, Later).then(&[
        (Case::Pool, "hostbits pool reclaim {file} --from LIST"),
        (Case::Set, "hostbits set reclaim {file} SET --from LIST"),
    ]),

    new(Kind::Closed, "exhausted", Exhausted, Later).then(&[
        (Case::Set, "hostbits set show {file} shows which members are drained and where cordons are; lift one, or add a member, and apply"),
    ]),

    new(Kind::Exact, "out-of-range", Input, Never).then(SHOW_POOL),
    new(Kind::Exact, "reserved", Input, Never).then(SHOW_POOL),
    new(Kind::Exact, "already-allocated", Taken, Later).then(&[
        (Case::Pool, "hostbits pool allocate {file} --near {addr} takes another one if it is taken"),
    ]),
    new(Kind::Exact, "misaligned", Input, Never),
    new(Kind::Exact, "cordoned", Input, Never),
    new(Kind::Exact, "poisoned", File, Never),
    new(Kind::Exact, "sync-failed", File, Never),
    new(Kind::Exact, "forked", File, Never),

    new(Kind::Offer, "exhausted", Exhausted, Later).then(&[
        (Case::Any, "hostbits pool show {file} counts what is leased and what rests; release some of it, or let the pool grow"),
    ]),
    new(Kind::Offer, "not-free", Taken, Later).then(&[
        (Case::Any, "hostbits pool allocate {file} --near {addr} takes another one if it is taken"),
    ]),
    new(Kind::Offer, "bad-term", Input, Never),
    new(Kind::Offer, "out-of-range", Input, Never).then(SHOW_POOL),
    new(Kind::Offer, "reserved", Input, Never).then(SHOW_POOL),
    new(Kind::Offer, "misaligned", Input, Never),
    new(Kind::Offer, "poisoned", File, Never),
    new(Kind::Offer, "sync-failed", File, Never),
    new(Kind::Offer, "forked", File, Never),
    new(Kind::Renew, "ended", Stale, Never),
    new(Kind::Renew, "stale", Stale, Never),
    new(Kind::Renew, "bad-term", Input, Never),
    new(Kind::Renew, "out-of-range", Input, Never).then(SHOW_POOL),
    new(Kind::Renew, "reserved", Input, Never).then(SHOW_POOL),
    new(Kind::Renew, "misaligned", Input, Never),
    new(Kind::Renew, "poisoned", File, Never),
    new(Kind::Renew, "sync-failed", File, Never),
    new(Kind::Renew, "forked", File, Never),

    new(Kind::Release, "out-of-range", Input, Never),
    new(Kind::Release, "reserved", Input, Never),
    new(Kind::Release, "not-allocated", NotAllocated, Never),
    new(Kind::Release, "misaligned", Input, Never),
    new(Kind::Release, "forked", Input, Never),

    new(Kind::Sync, "no-file", File, Never),
    new(Kind::Sync, "sync-failed", File, Never),
    new(Kind::Sync, "poisoned", File, Never),
    new(Kind::Sync, "forked", File, Never),
    new(Kind::Unclosed, "no-file", File, Never).then(GIVE_BACK),
    new(Kind::Unclosed, "sync-failed", File, Never).then(GIVE_BACK),
    new(Kind::Unclosed, "poisoned", File, Never).then(GIVE_BACK),
    new(Kind::Unclosed, "forked", File, Never).then(GIVE_BACK),

    new(Kind::Reclaim, "no-file", File, Never),
    new(Kind::Reclaim, "forked", File, Never),
    new(Kind::Reclaim, "empty-list", Input, Never).then(&[
        (Case::Pool, "--nobody frees all of them, if nobody holds any"),
        (Case::Set, "is its part of the list missing? hostbits reclaim {pool_file} --nobody frees all of them, if nobody holds any"),
    ]),
    new(Kind::Reclaim, "unclear", Input, Never).then(MEND),

    new(Kind::Pass, "busy", File, Later),
    new(Kind::Pass, "poisoned", File, Never),
    new(Kind::Pass, "sync-failed", File, Never),
    new(Kind::Pass, "forked", File, Never),
    new(Kind::Pass, "lock", File, Never),
    new(Kind::Pass, "other-pool", File, Never).then(OTHER_PLAN),
    new(Kind::Pass, "superseded", File, Never).then(&[
        (Case::Apply, "a plan of grace 0 is applied once, before any other pass: make another plan"),
    ]),
    new(Kind::Pass, "version", File, Never),
    new(Kind::Pass, "incomplete", File, Later),
    new(Kind::Pass, "count-mismatch", Input, Later),
    new(Kind::Pass, "replaced", File, Later),

    new(Kind::Fuse, "empty-list", Refused, WithNumber).then(OVERRIDE),
    new(Kind::Fuse, "shrunk", Refused, WithNumber).then(OVERRIDE),
    new(Kind::Fuse, "too-many", Refused, WithNumber).then(OVERRIDE),
    new(Kind::Fuse, "unclear", Refused, Never).then(MEND),
    new(Kind::Fuse, "stale", Refused, Never).then(&[
        (Case::Any, "nothing was freed or taken: make another plan"),
    ]),

    new(Kind::Config, "unreadable", Input, Never),
    new(Kind::Config, "bad-config", Input, Never),
    new(Kind::Config, "unknown-name", Input, Never),
    new(Kind::Config, "no-file", Input, Never).then(&[
        (Case::Any, "without files: hostbits set next {file} SET --users LIST"),
    ]),
    new(Kind::Config, "holds-leases", Input, Never).then(&[
        (Case::Any, "hostbits pool allocate FILE --for 30s, with the file of the member, for example"),
    ]),
    new(Kind::Config, "wrong-family", Input, Never),
    new(Kind::Config, "unfit", Input, Never),
    new(Kind::Config, "no-client-key", Input, Never).then(&[
        (Case::Any, "client_key = \"...\": 32 hexadecimal digits, for example from openssl rand -hex 16"),
    ]),
    new(Kind::Config, "cordoned", Input, Never),
    new(Kind::ConfigApply, "refused", Refused, Never),
    new(Kind::ConfigApply, "unfit", File, Never),
];
