//! A pool file, looked at and left alone.

use super::builder::room;
use super::config::{Config, facts};
use super::verbs::Health;
use crate::durability::{Durability, RecoveryKind};
use crate::geometry::Geometry;
use crate::open_error::OpenError;
use crate::pool::{NetworkInfo, Pool, Snapshot};
use crate::storage::bits_of_ranges;
use crate::storage::file::{Peek, Phase};
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a pool file held when [`read`] looked at it, as an opening would have found it. Plain data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// What the pool is. It is searched and counted by the defaults; a random policy has the seed 0.
    pub info: NetworkInfo,
    /// What was allocated: each word from its own moment. Quarantined addresses count as allocated, also
    /// those that the next opening will quarantine.
    pub snapshot: Snapshot<IpNet>,
    /// How many addresses are quarantined, or will be by the next opening.
    pub quarantined: u64,
    /// Why they are, or will be.
    pub quarantined_by: Option<RecoveryKind>,
    /// What an opening would find: [`Joined`](RecoveryKind::Joined) while others have the file open.
    pub found: RecoveryKind,
    /// Nobody was opening or closing the file while it was read. Otherwise somebody was for longer than a
    /// second, the words fit nothing else, and no problems are looked for.
    pub is_settled: bool,
    /// How the file is, for a monitor. `processes` are those that have it open; 0 is nobody.
    pub health: Health,
    /// What the file promises.
    pub durability: Durability,
    /// As of [`Recovery::session`](crate::file::Recovery::session); `None` if no state can be read.
    pub session: Option<u64>,
    /// The last process has left it in order. Otherwise somebody has it open, or died with it.
    pub is_left_in_order: bool,
    /// How many slots there is room for.
    pub capacity: u64,
    /// When it was created.
    pub created: SystemTime,
    /// Of those who have it open, the processes that have a claim of several addresses in flight: whoever
    /// would be told "nothing is free" waits for them. See [`Pool::processes_in_flight`].
    pub in_flight: Vec<u32>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a pool file, and that it can be opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Problem {
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
    /// Addresses are free and quarantined at once: where a machine went down, or somebody died in an opening
    /// after that, no more than the next opening puts right.
    FreeSuspects {
        /// How many.
        addresses: u64,
    },
    /// The summary does not show all that is free. Somebody has died in a release, or is in one. Found and
    /// put right by those who use the file; looked for while somebody does.
    HiddenSlots,
    /// A write to the disk has failed. Nothing is handed out; when everybody has closed the file, the next
    /// opening quarantines all that was free.
    WriteFailed {
        /// The error of the system.
        errno: i32,
    },
    /// The words are not those that were there when the file was left in order: somebody else has written to
    /// it, or the disk has lost something. The next opening quarantines all that was free.
    Changed,
}

impl View {
    /// Makes a pool on the heap of what was there: to ask it what a pool can be asked, or what it would hand
    /// out next. It is a copy; whatever is done to it, the file does not know.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-copy-{}", std::process::id()));
    /// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
    /// pool.allocate()?;
    /// let copy = hostbits::file::read(&path)?.to_pool();
    /// assert_eq!(copy.allocated(), 1);
    /// assert_eq!(copy.allocate()?.to_string(), "10.0.0.3");
    /// assert_eq!((copy.allocated(), pool.allocated()), (2, 1));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_pool(&self) -> Pool<IpNet> {
        self.snapshot.to_pool(self.info.policy)
    }
}

impl View {
    /// Checks that the file's session is at least this one, as [`Builder::min_session`] does.
    ///
    /// # Errors
    ///
    /// [`OpenError::StaleFile`] if it is below.
    ///
    /// ```
    /// # use hostbits::{Pool, file::OpenError};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-least-{}", std::process::id()));
    /// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
    /// let view = hostbits::file::read(&path)?;
    /// assert!(view.check_session(1).is_ok());
    /// assert!(matches!(view.check_session(2), Err(OpenError::StaleFile { session: 1, min: 2 })));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Builder::min_session`]: crate::file::Builder::min_session
    pub fn check_session(&self, min: u64) -> Result<(), OpenError> {
        let session = self.session.unwrap_or(0);
        match session < min {
            true => Err(OpenError::StaleFile { session, min }),
            false => Ok(()),
        }
    }

    /// Whether a problem of this file is damage, and not just something that the next opening, or those who
    /// use the file, put right.
    ///
    /// ```
    /// # use hostbits::{Pool, file};
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-damage-{}", std::process::id()));
    /// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
    /// let view = hostbits::file::read(&path)?;
    /// assert!(view.is_damage(&file::Problem::OneHeader));
    /// assert!(!view.is_damage(&file::Problem::HiddenSlots));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_damage(&self, problem: &Problem) -> bool {
        match problem {
            Problem::HiddenSlots => false,
            // The quarantine is not synced with what is free.
            Problem::FreeSuspects { .. } => {
                self.is_left_in_order || self.found == RecoveryKind::Joined
            }
            Problem::OneHeader
            | Problem::Doubtful
            | Problem::StrayBits { .. }
            | Problem::WriteFailed { .. }
            | Problem::Changed => true,
        }
    }
}

impl Problem {
    /// A stable name for logs, JSON and exit codes: kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OneHeader => "one-header",
            Self::Doubtful => "doubtful",
            Self::StrayBits { .. } => "stray-bits",
            Self::FreeSuspects { .. } => "free-suspects",
            Self::HiddenSlots => "hidden-slots",
            Self::WriteFailed { .. } => "write-failed",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Display for Problem {
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
            Self::WriteFailed { errno } => write!(
                f,
                "{}: {}; close it in every process, and open it again",
                RecoveryKind::WriteFailed.sentence(),
                io::Error::from_raw_os_error(*errno)
            ),
            Self::Changed => f.write_str(RecoveryKind::Changed.sentence()),
        }
    }
}

/// Looks at a pool file: takes no lock, maps nothing, changes nothing, and is in nobody's way.
///
/// For listings and checks, also of a file that others have open, and of one that one may only read. Whoever
/// has it open is known by locks: with a file system that has none, it seems that nobody does.
///
/// # Errors
///
/// As [`Builder::open`](crate::file::Builder::open), where the file is not one that can be read.
///
/// ```
/// # use hostbits::Pool;
/// # let path = std::env::temp_dir().join(format!("hostbits-doc-view-{}", std::process::id()));
/// let pool = Pool::builder("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?).create(&path)?;
/// pool.allocate()?;
/// let view = hostbits::file::read(&path)?;
/// assert_eq!((view.snapshot.allocated(), view.is_left_in_order), (1, false));
/// assert_eq!(view.problems, []);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: impl AsRef<Path>) -> Result<View, OpenError> {
    let mut peek = Peek::at(path.as_ref())?;
    let facts_in_header = peek.header.facts;
    let config = Config::parse(&peek.config)?;
    let geometry = config.lay_out()?;
    if facts(&geometry, facts_in_header.mode) != facts_in_header {
        return Err(OpenError::Corrupt {
            what: "the header and the configuration contradict each other",
        });
    }
    // Of what is there, not of what an opening makes of it.
    let problems = problems(&peek, &geometry);
    peek.foresee(usable_bits(&geometry));
    let newest = peek.states.newest;
    let quarantined = ones(peek.quarantine.iter().copied());
    Ok(View {
        info: NetworkInfo {
            policy: config.policy(|| 0),
            ..NetworkInfo::of(&geometry)
        },
        quarantined,
        quarantined_by: peek.reason().filter(|_| quarantined != 0),
        found: peek.kind(),
        is_settled: peek.is_settled,
        health: Health {
            len: Some(peek.len),
            need: peek.header.layout.file_len,
            poison: peek.poison,
            processes: peek.process_count,
            syncs: 0,
            quarantined,
            session: newest.map_or(0, |state| state.session),
            durability: peek.durability,
        },
        durability: peek.durability,
        session: newest.map(|state| state.session),
        is_left_in_order: newest.is_some_and(|state| state.phase == Phase::Clean),
        capacity: room(peek.header.layout.capacity_words),
        created: SystemTime::UNIX_EPOCH + Duration::from_nanos(peek.header.created_ns),
        in_flight: std::mem::take(&mut peek.in_flight),
        problems,
        snapshot: Snapshot::new(geometry, peek.free),
    })
}

fn problems(peek: &Peek, geometry: &Geometry<IpNet>) -> Vec<Problem> {
    let mut usable = usable_bits(geometry);
    let stray = |&free: &u64| free & !usable();
    let bits = ones(peek.free.iter().map(stray));
    let words = peek.free.iter().zip(&peek.quarantine);
    let addresses = ones(words.map(|(free, quarantine)| free & quarantine));
    if !peek.is_settled {
        return Vec::new();
    }
    let found = [
        peek.poison.map(|errno| Problem::WriteFailed { errno }),
        peek.is_changed().then_some(Problem::Changed),
        (!peek.has_both_headers).then_some(Problem::OneHeader),
        (!peek.states.is_whole).then_some(Problem::Doubtful),
        (bits != 0).then_some(Problem::StrayBits { bits }),
        (addresses != 0).then_some(Problem::FreeSuspects { addresses }),
        // Whoever comes next and finds nobody makes it anew.
        (peek.is_in_use && peek.has_hidden_slots()).then_some(Problem::HiddenSlots),
    ];
    found.into_iter().flatten().collect()
}

/// The bits of the slots that can be handed out, word by word.
fn usable_bits(geometry: &Geometry<IpNet>) -> impl FnMut() -> u64 + '_ {
    bits_of_ranges(geometry.runs().iter().map(|run| (run.first, run.last)))
}

fn ones(words: impl Iterator<Item = u64>) -> u64 {
    words.map(|word| u64::from(word.count_ones())).sum()
}
