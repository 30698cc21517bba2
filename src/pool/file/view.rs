//! Inspects a pool file without changing it.

use super::builder::room;
use super::config::{Config, facts};
use super::verbs::Health;
use crate::durability::{Durability, RecoveryKind};
use crate::geometry::Geometry;
use crate::lease::Census;
use crate::open_error::OpenError;
use crate::pool::{NetworkInfo, Pool, Snapshot};
use crate::slot::{bit_of, word_of};
use crate::storage::bits_of_ranges;
use crate::storage::file::{Peek, Phase};
use crate::storage::records::QUARANTINED;
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The contents of a pool file when [`read`] inspected it, as opening it would have found them. Plain data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// The description of the pool. Search and statistics have their defaults; a random policy has seed 0.
    pub info: NetworkInfo,
    /// The allocated addresses; each word is from its own moment. Quarantined addresses count as allocated, including
    /// those that the next open will quarantine.
    pub snapshot: Snapshot<IpNet>,
    /// How many addresses are quarantined, or will be by the next open.
    pub quarantined: u64,
    /// Why they are quarantined, or will be.
    pub quarantined_by: Option<RecoveryKind>,
    /// What opening the file would find: [`Joined`](RecoveryKind::Joined) while other processes have it open.
    pub found: RecoveryKind,
    /// Whether no process was opening or closing the file while it was read. Otherwise, one did so for more than a
    /// second; the words may be inconsistent, and problems were not looked for.
    pub is_settled: bool,
    /// The condition of the file, for monitoring. `processes` counts those that have it open.
    pub health: Health,
    /// What the file promises after a crash.
    pub durability: Durability,
    /// The session number; see [`Recovery::session`](crate::file::Recovery::session). `None` if neither copy of the
    /// state can be read.
    pub session: Option<u64>,
    /// Whether the last process closed it cleanly. Otherwise, a process has it open, or died with it open.
    pub is_left_in_order: bool,
    /// How many slots the file has room for.
    pub capacity: u64,
    /// When the file was created.
    pub created: SystemTime,
    /// The processes that have a claim of several addresses in flight. A call that would find nothing free waits for
    /// them; see [`Pool::processes_in_flight`].
    pub in_flight: Vec<u32>,
    /// How long an address rests between two holders, in a pool of leases; `None` for a plain pool.
    pub cooldown: Option<Duration>,
    /// How many addresses are free, offered, leased and cooling, in a pool of leases; `None` for a plain pool. What the next
    /// open will quarantine counts as quarantined.
    pub census: Option<Census>,
    /// The problems that were found.
    pub problems: Vec<Problem>,
    /// Quarantined addresses count as allocated here, and no others do.
    quarantine: Snapshot<IpNet>,
}

/// A problem with a pool file that does not prevent opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Problem {
    /// One of the two headers is damaged. The other one is sufficient.
    OneHeader,
    /// The copies of the state do not show what happened last. The next process that opens the file alone assumes that
    /// the machine went down.
    Doubtful,
    /// Bits of slots that cannot be handed out are set. They are ignored.
    StrayBits {
        /// How many bits are set.
        bits: u64,
    },
    /// Addresses are free and quarantined at once. After the machine went down, or after a process died while opening
    /// the file, this is normal, and the next open repairs it.
    FreeSuspects {
        /// How many addresses are affected.
        addresses: u64,
    },
    /// The summary does not show every free slot, because a process died in a release, or is in one. Processes that use
    /// the file find and repair this; it is looked for only while there are any.
    HiddenSlots,
    /// A write to the disk has failed. Nothing is handed out. When every process has closed the file, the next open
    /// quarantines all free addresses.
    WriteFailed {
        /// The error number of the operating system.
        errno: i32,
    },
    /// The words differ from those that were there when the file was closed cleanly: something else has written to it,
    /// or the disk has lost data. The next open quarantines all free addresses.
    Changed,
}

impl View {
    /// Returns a copy of the pool on the heap, for example to find out what it would hand out next. Changes to the copy
    /// do not affect the file.
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
        self.snapshot
            .to_pool(self.info.policy, self.info.search, self.info.stats)
    }

    /// Lists the addresses that are quarantined, or that the next open will quarantine, in ascending order. In the
    /// snapshot, they are allocated.
    ///
    /// ```
    /// # use hostbits::Pool;
    /// # let path = std::env::temp_dir().join(format!("hostbits-doc-suspects-{}", std::process::id()));
    /// # let copy = path.with_extension("copy");
    /// let pool = Pool::builder("10.0.0.0/30".parse::<ipnet::Ipv4Net>()?).create(&path)?;
    /// assert_eq!(hostbits::file::read(&path)?.quarantined_addresses().count(), 0);
    /// // Addresses that were free when a backup was made may have been allocated since.
    /// hostbits::file::backup(&path, &copy)?;
    /// let view = hostbits::file::read(&copy)?;
    /// assert!(view.quarantined_addresses().eq(["10.0.0.2".parse::<std::net::IpAddr>()?]));
    /// # std::fs::remove_file(&path)?;
    /// # std::fs::remove_file(&copy)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quarantined_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.quarantine.iter()
    }
}

impl View {
    /// Checks that the session of the file is at least `min`, as [`Builder::min_session`] does.
    ///
    /// # Errors
    ///
    /// [`OpenError::StaleFile`] if it is lower.
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

    /// Returns whether a problem of this file is damage, as opposed to something that the next open, or the processes
    /// that use the file, repair.
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
            // The quarantine is not synced together with the free bits.
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
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
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
            Self::Doubtful => f.write_str("the copies of its state do not show what happened last"),
            Self::StrayBits { bits: 1 } => {
                f.write_str("the bit of 1 slot that cannot be handed out is set")
            }
            Self::StrayBits { bits } => {
                write!(
                    f,
                    "the bits of {bits} slots that cannot be handed out are set"
                )
            }
            Self::FreeSuspects { addresses: 1 } => {
                f.write_str("1 address is free and quarantined at once")
            }
            Self::FreeSuspects { addresses } => {
                write!(f, "{addresses} addresses are free and quarantined at once")
            }
            Self::HiddenSlots => f.write_str("the summary does not show every free slot"),
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

/// Inspects a pool file. It takes no lock, maps nothing, changes nothing, and does not disturb other processes.
///
/// Use it for listings and checks, also for files that other processes have open, and for files that you may only read.
/// Other processes are detected by their locks; on a file system without locks, the file seems not to be open.
///
/// # Errors
///
/// The errors of [`Builder::open`](crate::file::Builder::open) for a file that cannot be read.
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
    // Based on the words as they are, not on what opening the file would make of them.
    let problems = problems(&peek, &geometry);
    peek.foresee(usable_bits(&geometry));
    let census = census(&peek, &geometry);
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
        cooldown: peek
            .header
            .cooldown
            .map(|seconds| Duration::from_secs(seconds.into())),
        census,
        problems,
        quarantine: Snapshot::new(
            geometry.clone(),
            peek.quarantine.iter().map(|word| !word).collect(),
        ),
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
        // If no process has it open, the next open rebuilds the summary.
        (peek.is_in_use && peek.has_hidden_slots()).then_some(Problem::HiddenSlots),
    ];
    found.into_iter().flatten().collect()
}

/// Counts the states of the records, after `foresee`.
fn census(peek: &Peek, geometry: &Geometry<IpNet>) -> Option<Census> {
    let states = peek.record_states.as_ref()?;
    let slots = geometry.runs().iter().flat_map(|run| run.first..=run.last);
    let numbers = slots.map(|slot| {
        let is_unknown = peek.quarantine[word_of(slot)] & bit_of(slot) != 0;
        match is_unknown {
            true => QUARANTINED as u8,
            false => states[slot as usize],
        }
    });
    Some(Census::of_numbers(numbers))
}

/// Returns the bits of the slots that can be handed out, word by word.
fn usable_bits(geometry: &Geometry<IpNet>) -> impl FnMut() -> u64 + '_ {
    bits_of_ranges(geometry.runs().iter().map(|run| (run.first, run.last)))
}

fn ones(words: impl Iterator<Item = u64>) -> u64 {
    words.map(|word| u64::from(word.count_ones())).sum()
}
