//! A pool file, looked at and left alone.

use super::config::{Config, facts};
use crate::durability::Durability;
use crate::geometry::Geometry;
use crate::open_error::OpenError;
use crate::pool::Snapshot;
use crate::slot::SLOTS_PER_WORD;
use crate::storage::bits_of_ranges;
use crate::storage::file::{Peek, Phase};
use ipnet::IpNet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a pool file held when [`read_file`] looked at it. Plain data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileView {
    /// What was allocated: each word from its own moment. Quarantined addresses count as allocated.
    pub snapshot: Snapshot<IpNet>,
    /// How many addresses are quarantined.
    pub quarantined: u64,
    /// What the file promises.
    pub durability: Durability,
    /// As of [`Recovery::session`](crate::Recovery::session); `None` if no state can be read.
    pub session: Option<u64>,
    /// The last process has left it in order. Otherwise somebody has it open, or died with it.
    pub is_left_in_order: bool,
    /// How many slots there is room for.
    pub capacity: u64,
    /// When it was created.
    pub created: SystemTime,
    /// What is wrong with it.
    pub problems: Vec<FileProblem>,
}

/// Something that is wrong with a pool file, and that it can be opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum FileProblem {
    /// One of the two headers is damaged. The other one is enough.
    OneHeader,
    /// The states cannot tell what happened last. The next one who is alone with the file takes it for a
    /// machine that went down.
    Doubtful,
    /// Bits of slots that cannot be handed out are set. They are ignored.
    StrayBits {
        /// How many.
        bits: u64,
    },
    /// Addresses are free and quarantined at once.
    FreeSuspects {
        /// How many.
        addresses: u64,
    },
    /// The summary does not show all that is free. Somebody has died in a release, or is in one. Found and
    /// put right by those who use the file.
    HiddenSlots,
}

impl FileProblem {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OneHeader => "one-header",
            Self::Doubtful => "doubtful",
            Self::StrayBits { .. } => "stray-bits",
            Self::FreeSuspects { .. } => "free-suspects",
            Self::HiddenSlots => "hidden-slots",
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneHeader => f.write_str("one of the two headers is damaged"),
            Self::Doubtful => f.write_str("the states cannot tell what happened last"),
            Self::StrayBits { bits: 1 } => {
                f.write_str("1 bit is set of a slot that cannot be handed out")
            }
            Self::StrayBits { bits } => {
                write!(f, "{bits} bits are set of slots that cannot be handed out")
            }
            Self::FreeSuspects { addresses: 1 } => {
                f.write_str("1 address is free and quarantined at once")
            }
            Self::FreeSuspects { addresses } => {
                write!(f, "{addresses} addresses are free and quarantined at once")
            }
            Self::HiddenSlots => f.write_str("the summary does not show all that is free"),
        }
    }
}

/// Looks at a pool file: takes no lock, maps nothing, changes nothing, and is in nobody's way.
///
/// For listings and checks, also of a file that others have open, and of one that one may only read.
///
/// # Errors
///
/// As [`FileBuilder::open`](crate::FileBuilder::open), where the file is not one that can be read.
///
/// ```
/// # use hostbits::Pool;
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-view-{}", std::process::id()));
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
/// pool.allocate()?;
/// let view = hostbits::read_file(&path)?;
/// assert_eq!((view.snapshot.allocated(), view.is_left_in_order), (1, false));
/// assert_eq!(view.problems, []);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_file(path: impl AsRef<Path>) -> Result<FileView, OpenError> {
    let peek = Peek::at(path.as_ref())?;
    let corrupt = |what| OpenError::Corrupt { what };
    let facts_in_header = peek.header.facts;
    let geometry = Config::parse(&peek.config)?
        .lay_out()
        .map_err(|_| corrupt("the configuration is of no pool"))?;
    if facts(&geometry, facts_in_header.mode) != facts_in_header {
        return Err(corrupt(
            "the header and the configuration contradict each other",
        ));
    }
    let newest = peek.states.newest;
    Ok(FileView {
        quarantined: ones(peek.quarantine.iter().copied()),
        durability: Durability::of_number(facts_in_header.mode.into())
            .ok_or(corrupt("no such durability"))?,
        session: newest.map(|state| state.session),
        is_left_in_order: newest.is_some_and(|state| state.phase == Phase::Clean),
        capacity: peek.header.layout.capacity_words * u64::from(SLOTS_PER_WORD),
        created: SystemTime::UNIX_EPOCH + Duration::from_nanos(peek.header.created_ns),
        problems: problems(&peek, &geometry),
        snapshot: Snapshot::new(geometry, peek.free),
    })
}

fn problems(peek: &Peek, geometry: &Geometry<IpNet>) -> Vec<FileProblem> {
    let runs = geometry.runs().iter().map(|run| (run.first, run.last));
    let mut usable = bits_of_ranges(runs);
    let stray = |&free: &u64| free & !usable();
    let bits = ones(peek.free.iter().map(stray));
    let words = peek.free.iter().zip(&peek.quarantine);
    let addresses = ones(words.map(|(free, quarantine)| free & quarantine));
    let found = [
        (!peek.has_both_headers).then_some(FileProblem::OneHeader),
        (!peek.states.is_whole).then_some(FileProblem::Doubtful),
        (bits != 0).then_some(FileProblem::StrayBits { bits }),
        (addresses != 0).then_some(FileProblem::FreeSuspects { addresses }),
        peek.has_hidden_slots().then_some(FileProblem::HiddenSlots),
    ];
    found.into_iter().flatten().collect()
}

fn ones(words: impl Iterator<Item = u64>) -> u64 {
    words.map(|word| u64::from(word.count_ones())).sum()
}
