//! What all processes of a storm share, outside the pools: who holds what, and who is at what.
//!
//! A ledger has one word for each address, and the holder in it. A second file of words has a cell for each
//! process, with a row for each of its threads: which call it is in and since when, how many addresses would
//! be lost if it died now, and whether it is half-way between the pool and the ledger. Everything that was
//! seen to be wrong is a line of a file.

use crate::ledger::{Ledger, Shared};
use nix::time::{ClockId, clock_gettime};
use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// How many processes there can be at a time.
pub(crate) const CELLS: usize = 64;
/// Threads of a process; the last row is that of the thread that opens, closes and forks.
pub(crate) const ROWS: usize = 5;
pub(crate) const MAIN_ROW: usize = ROWS - 1;
const ROW_WORDS: usize = 8;
const CELL_WORDS: usize = 8 + ROWS * ROW_WORDS;

/// No call on a pool takes longer, not counting the time in which a process was stopped.
pub(crate) const BOUND: Duration = Duration::from_secs(5);

/// What is done to the pools, of which sizes, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Small pools that are nearly full; kills, stops and forks.
    Mixed,
    /// Small pools that are nearly full, beside passes.
    Passes,
    /// More than 32 processes, and some that are stopped for long in the middle of a batch.
    Crowd,
    /// Large blocks all the time, and others who have to be refused.
    Busy,
    /// `Strict` with syncs that are slow, beside passes.
    Slow,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Mixed,
        Self::Passes,
        Self::Crowd,
        Self::Busy,
        Self::Slow,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Passes => "passes",
            Self::Crowd => "crowd",
            Self::Busy => "busy",
            Self::Slow => "slow",
        }
    }

    pub(crate) fn has_passes(self) -> bool {
        matches!(self, Self::Passes | Self::Slow)
    }

    /// The networks of the three pools.
    pub(crate) fn networks(self) -> [&'static str; 3] {
        match self {
            Self::Busy => ["10.0.0.0/24", "10.0.2.0/25", "10.64.0.0/12"],
            Self::Crowd => ["10.0.0.0/24", "10.0.2.0/25", "10.1.0.0/18"],
            _ => ["10.0.0.0/24", "10.0.2.0/25", "10.0.4.0/23"],
        }
    }
}

/// A mistake that is made on purpose, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// Addresses are released while the ledger still has their holder.
    ReleasesEarly,
    /// Addresses are taken off the ledger and never released.
    Forgets,
    /// An address of another holder is released.
    Steals,
    /// Passes do not wait for those who are half-way.
    Hurries,
    /// A call that does not come back.
    Hangs,
}

impl Mistake {
    pub(crate) const ALL: [Self; 5] = [
        Self::ReleasesEarly,
        Self::Forgets,
        Self::Steals,
        Self::Hurries,
        Self::Hangs,
    ];
}

/// What a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Verb {
    Nothing,
    Open,
    Close,
    Allocate,
    Exact,
    Preferring,
    In,
    For,
    Many,
    Into,
    Block,
    Guard,
    Local,
    Sync,
    Release,
    ReleaseMany,
    ReleaseBlock,
    DropGuard,
    Reconciler,
    Begin,
    Apply,
}

impl Verb {
    const ALL: [Self; 21] = [
        Self::Nothing,
        Self::Open,
        Self::Close,
        Self::Allocate,
        Self::Exact,
        Self::Preferring,
        Self::In,
        Self::For,
        Self::Many,
        Self::Into,
        Self::Block,
        Self::Guard,
        Self::Local,
        Self::Sync,
        Self::Release,
        Self::ReleaseMany,
        Self::ReleaseBlock,
        Self::DropGuard,
        Self::Reconciler,
        Self::Begin,
        Self::Apply,
    ];

    fn from(word: u64) -> Self {
        Self::ALL[word as usize]
    }
}

/// What all processes are to do.
pub(crate) mod phase {
    pub(crate) const RUN: u64 = 0;
    /// Finish the call and wait.
    pub(crate) const PARK: u64 = 1;
    /// Release everything, close in order and end.
    pub(crate) const END: u64 = 2;
}

/// Numbers of the whole storm: places in the ledger's counters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Phase,
    Kind,
    Mistake,
    Seed,
    /// The process that watches.
    Driver,
    BoundMs,
    /// Nanoseconds in which at least one process was stopped.
    AnybodyStopped,
    /// Nanoseconds in which the disk did not answer.
    DiskStalled,
    Calls,
    Refused,
    Forked,
    Openings,
    Passes,
    Freed,
    LongestNs,
    LongestRefusalNs,
    SlowSyncs,
}

/// A word of a process's cell.
#[derive(Clone, Copy)]
pub(crate) enum OfCell {
    /// The number of the process, which no other process of the storm has had. 0: none.
    Serial,
    Pid,
    /// How many of its threads are at work, and not waiting for the phase to change.
    Working,
    /// Asked for a fork: the serial of the child, and in the low byte its cell plus one.
    PleaseFork,
    PleaseEnd,
    /// Nanoseconds for which it has been stopped.
    Stopped,
    /// It has come to its end, with nothing left in the ledger.
    HasEnded,
    /// What it is, for reports.
    Role,
}

/// A word of a thread's row.
#[derive(Clone, Copy)]
pub(crate) enum OfRow {
    Verb,
    /// When the call began; 0: in none.
    Began,
    /// How long the process had been stopped then, and how long any process had.
    StoppedThen,
    AnybodyThen,
    /// How long the disk had stalled then.
    DiskThen,
    /// How many addresses are lost if it dies now.
    Stake,
    /// Odd: half-way between pool and ledger.
    Gap,
}

pub(crate) struct Board {
    folder: PathBuf,
    cells: Shared,
    pub(crate) ledger: Ledger,
}

/// The first slot of each pool in the ledger.
pub(crate) struct Slots {
    pub(crate) firsts: [u32; 3],
    pub(crate) total: u32,
}

impl Slots {
    pub(crate) fn of(kind: Kind) -> Self {
        let mut total = 0;
        let firsts = kind.networks().map(|net| {
            let net: ipnet::Ipv4Net = net.parse().unwrap();
            let first = total;
            total += 1 << (32 - net.prefix_len());
            first
        });
        Self { firsts, total }
    }
}

impl Board {
    pub(crate) fn open(folder: &Path, slots: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            cells: Shared::open(&folder.join("board"), CELLS * CELL_WORDS),
            ledger: Ledger::open(&folder.join("ledger"), slots),
        }
    }

    /// The same in a process that was begun by another one.
    pub(crate) fn join(folder: &Path) -> Self {
        let board = Self::open(folder, 0);
        let slots = Slots::of(board.kind()).total;
        Self::open(folder, slots as usize)
    }

    pub(crate) fn pool(&self, member: usize) -> PathBuf {
        self.folder.join(format!("{member}.pool"))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn number(&self, number: Number) -> &AtomicU64 {
        self.ledger.counter(number as usize)
    }

    pub(crate) fn get(&self, number: Number) -> u64 {
        self.number(number).load(SeqCst)
    }

    pub(crate) fn set(&self, number: Number, value: u64) {
        self.number(number).store(value, SeqCst);
    }

    pub(crate) fn add(&self, number: Number, more: u64) {
        self.number(number).fetch_add(more, SeqCst);
    }

    pub(crate) fn kind(&self) -> Kind {
        Kind::ALL[self.get(Number::Kind) as usize]
    }

    pub(crate) fn has_mistake(&self, mistake: Mistake) -> bool {
        self.get(Number::Mistake) == mistake as u64
    }

    pub(crate) fn bound(&self) -> Duration {
        Duration::from_millis(self.get(Number::BoundMs))
    }

    pub(crate) fn cell(&self, cell: usize, word: OfCell) -> &AtomicU64 {
        assert!(cell < CELLS);
        self.cells.word(cell * CELL_WORDS + word as usize)
    }

    pub(crate) fn row(&self, cell: usize, row: usize, word: OfRow) -> &AtomicU64 {
        assert!(cell < CELLS && row < ROWS);
        let row = CELLS.min(cell) * CELL_WORDS + 8 + row * ROW_WORDS;
        self.cells.word(row + word as usize)
    }

    pub(crate) fn verb(&self, cell: usize, row: usize) -> Verb {
        Verb::from(self.row(cell, row, OfRow::Verb).load(SeqCst))
    }

    /// Empties a cell: the process that was there is dead.
    pub(crate) fn clear_cell(&self, cell: usize) {
        let first = cell * CELL_WORDS;
        // The serial last: a process that waits for one half-way sees it gone only when all the rest is written.
        for word in (first..first + CELL_WORDS).rev() {
            self.cells.word(word).store(0, SeqCst);
        }
    }

    /// Writes down that something is wrong.
    pub(crate) fn wrong(&self, text: &str) {
        let path = self.folder.join("wrong");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        // One write for a line: those of others come before it or after it.
        file.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("wrong")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The holders of addresses, by their slots.
    pub(crate) fn held(&self) -> Vec<u32> {
        self.ledger.held(Slots::of(self.kind()).total)
    }

    /// Waits until no process is half-way that is so now.
    pub(crate) fn wait_for_gaps(&self) {
        let is_half_way = |gap: u64| gap % 2 == 1;
        let rows = (0..CELLS).flat_map(|cell| (0..ROWS).map(move |row| (cell, row)));
        let mut half_way = Vec::new();
        for (cell, row) in rows {
            let gap = self.row(cell, row, OfRow::Gap).load(SeqCst);
            if is_half_way(gap) {
                half_way.push((cell, row, gap));
            }
        }
        half_way.retain(|&(cell, row, gap)| {
            while self.row(cell, row, OfRow::Gap).load(SeqCst) == gap {
                std::thread::sleep(Duration::from_micros(100));
            }
            false
        });
    }

    pub(crate) fn report_of_holder(&self, holder: u64) -> String {
        format!("process {} thread {}", holder >> 8, holder & 0xff)
    }
}

/// The same for all processes of the machine.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// Where an address is in the ledger.
pub(crate) fn place(kind: Kind, addr: Ipv4Addr) -> u32 {
    let slots = Slots::of(kind);
    let nets = kind
        .networks()
        .map(|net| net.parse::<ipnet::Ipv4Net>().unwrap());
    let member = nets.iter().position(|net| net.contains(&addr)).unwrap();
    slots.firsts[member] + (addr.to_bits() - nets[member].network().to_bits())
}
