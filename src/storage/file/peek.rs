//! Inspects a file without a lock and without a mapping, for tools that must not disturb any other process.
//!
//! A reader takes no presence lock, or the next first opener would not know that it is the first one. Every word is
//! read once, at its own moment, into our own memory. Headers, states and locks are checked again after everything else
//! was read. If they have changed, or a process is opening or closing the file, what was read is inconsistent, and it
//! is read again.

use super::bytes::{Block, WordSum};
use super::file_system::FileSystem;
use super::header::Header;
use super::identity::Identity;
use super::layout::{HEADER_AT, Kind, STATE_AT};
use super::locks::{self, Lock};
use super::open::{read_blocks, read_config, read_header, read_region, read_states};
use super::peers;
use super::poison;
use super::records::{self, FACT_WORDS, RECORD_WORDS};
use super::recover::RecoveryBasis;
use super::state::{Belief, Evidence, States};
use super::system;
use crate::bitmap::{Chunk, Control, Lanes, Shape};
use crate::durability::{Durability, RecoveryKind};
use crate::open_error::OpenError;
use crate::slot::{SLOTS_PER_CHUNK, SLOTS_PER_WORD};
use crate::storage::Lent;
use crate::storage::fork::OwnFile;
use crate::storage::records::STATE_SHIFT;
use crate::sync::{AtomicU64, Ordering, WORDS_PER_CHUNK};
use std::fs::File;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for processes that open or close the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// The contents of a file when it was inspected.
pub(crate) struct Peek {
    pub(crate) header: Header,
    pub(crate) durability: Durability,
    pub(crate) config: String,
    pub(crate) states: States,
    /// Whether both copies of the header can be read.
    pub(crate) has_both_headers: bool,
    /// The length of the file in bytes.
    pub(crate) len: u64,
    /// The error number of the sync that failed.
    pub(crate) poison: Option<i32>,
    /// How many pools have the file open.
    pub(crate) process_count: u32,
    /// The processes among them that have a claim in flight.
    pub(crate) in_flight: Vec<u32>,
    /// Whether no process was opening or closing the file while it was read.
    pub(crate) is_settled: bool,
    /// Whether a process has it open, or is about to open it.
    pub(crate) is_in_use: bool,
    basis: RecoveryBasis,
    /// The words in use, to the end of the last chunk.
    pub(crate) free: Vec<u64>,
    pub(crate) quarantine: Vec<u64>,
    /// The number of the state of each record; `None` in a plain pool.
    pub(crate) record_states: Option<Vec<u8>>,
    trust: Vec<u64>,
    nodes: Vec<u64>,
}

/// A moment during the inspection, at which other processes may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The frame is known.
    Begun,
    /// Header and states have been read.
    StatesRead,
    /// F has been read, but Q has not.
    FreeRead,
    /// Everything has been read, but nothing was checked again.
    Read,
}

/// What must be the same before and after reading.
#[derive(PartialEq, Eq)]
struct Frame {
    headers: Option<[Block; 2]>,
    states: Option<[Block; 2]>,
    is_named: bool,
    is_in_use: bool,
    /// Whether a process is opening or closing the file.
    is_locked: bool,
}

impl Frame {
    fn of(file: &File, path: &Path) -> Result<Self, OpenError> {
        // Without locks, it is not possible to find out.
        Ok(Self {
            headers: read_blocks(file, HEADER_AT).ok(),
            states: read_blocks(file, STATE_AT).ok(),
            is_named: system::is_still_at(path, &system::metadata(file)?),
            is_in_use: locks::is_held_by_others(file, Lock::Presence).unwrap_or(false),
            is_locked: locks::is_held_exclusively(file, Lock::Open).unwrap_or(false),
        })
    }
}

impl Peek {
    pub(crate) fn at(path: &Path) -> Result<Self, OpenError> {
        Self::at_with(path, &mut |_| {})
    }

    /// Inspects a file; `meanwhile` is what other processes do at these moments.
    fn at_with(path: &Path, meanwhile: &mut dyn FnMut(Moment)) -> Result<Self, OpenError> {
        let started = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            // Anew each time: a larger file may have replaced it.
            let file = Arc::new(system::open_to_read(path)?);
            let before = Frame::of(&file, path)?;
            meanwhile(Moment::Begun);
            let read = Self::read(&file, &before, meanwhile);
            meanwhile(Moment::Read);
            let is_settled =
                before.is_named && !before.is_locked && before == Frame::of(&file, path)?;
            if is_settled || started.elapsed() >= PATIENCE {
                let mut peek = read?;
                peek.is_settled = is_settled;
                peek.is_in_use |= !is_settled;
                return Ok(peek);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }

    /// Reads everything once. The result is valid if the frame is the same afterwards.
    fn read(
        file: &OwnFile,
        before: &Frame,
        meanwhile: &mut dyn FnMut(Moment),
    ) -> Result<Self, OpenError> {
        let len = system::metadata(file)?.len();
        let (header, older) = read_header(file, len)?;
        let need = header.layout.file_len;
        if len < need {
            return Err(OpenError::Truncated { len, need });
        }
        let durability = Durability::of_header(&header)?;
        let states = read_states(file, &header)?;
        meanwhile(Moment::StatesRead);
        let poison = poison::get_unmapped(file, &header.layout)
            .map_err(|error| OpenError::io("read the file", error))?;
        let words = |kind| read_region(file, &header, kind);
        // F before Q, because a release clears the slot in Q first. In the other order, the slot would be in both.
        let mut free = words(Kind::Free)?;
        meanwhile(Moment::FreeRead);
        let mut quarantine = words(Kind::Quarantine)?;
        // In a pool of leases, both follow from the records.
        let records = match header.cooldown {
            Some(_) => Some(words(Kind::Records)?),
            None => None,
        };
        if let Some(records) = &records {
            let groups = records[FACT_WORDS..].chunks(SLOTS_PER_WORD as usize * RECORD_WORDS);
            for ((free, quarantine), group) in free.iter_mut().zip(&mut quarantine).zip(groups) {
                (*free, *quarantine) = records::bits_of(group, |word| *word);
            }
        }
        let evidence = Evidence {
            boot_id: &system::boot_id(),
            identity: Identity::of(file)?,
            forgets: FileSystem::of(file)?.forgets(),
            is_poisoned: poison.is_some(),
        };
        // After an interrupted growth, the next opener knows which slots are new.
        let sum = || match (&older, states.newest) {
            (Some(_), Some(newest)) => newest.sum,
            _ => match &records {
                Some(records) => {
                    let mut sum = WordSum::new();
                    records::add_to_sum(&mut sum, records, |word| *word);
                    sum.finish()
                }
                None => WordSum::of([&free, &quarantine]),
            },
        };
        let basis = RecoveryBasis::of(&states, evidence, sum, durability);
        let chunk_count = header.facts.slot_count.div_ceil(SLOTS_PER_CHUNK.into()) as usize;
        let word_count = chunk_count * WORDS_PER_CHUNK;
        free.truncate(word_count);
        quarantine.truncate(word_count);
        let mut nodes = words(Kind::Nodes)?;
        nodes.truncate(Shape::tree(chunk_count).node_count());
        let headers = before.headers.iter().flatten();
        let states_of = |records: Vec<u64>| -> Vec<u8> {
            let words = records[FACT_WORDS..].iter().step_by(RECORD_WORDS);
            words.map(|word| (word >> STATE_SHIFT) as u8).collect()
        };
        Ok(Self {
            config: read_config(file, &header)?,
            has_both_headers: headers.filter(|copy| Header::decode(copy).is_ok()).count() == 2,
            is_settled: false,
            is_in_use: before.is_in_use,
            process_count: peers::count_held(file),
            in_flight: in_flight(file, &header)?,
            free,
            quarantine,
            record_states: records.map(states_of),
            trust: words(Kind::Trust)?,
            nodes,
            durability,
            states,
            len,
            poison,
            basis,
            header,
        })
    }

    /// Returns what opening the file would find.
    pub(crate) fn kind(&self) -> RecoveryKind {
        match self.is_in_use {
            true => RecoveryKind::Joined,
            false => self.basis.kind(),
        }
    }

    /// Returns whether the words differ from those at the last clean close.
    pub(crate) fn is_changed(&self) -> bool {
        !self.is_in_use && self.basis.kind() == RecoveryKind::Changed
    }

    /// Changes the words that were read as opening the file would change them. `usable`: the bits of the slots that can
    /// be handed out, word by word.
    pub(crate) fn foresee(&mut self, mut usable: impl FnMut() -> u64) {
        let is_suspect = |word_index: usize| match self.basis.belief {
            _ if self.is_in_use => false,
            Belief::Exact => false,
            Belief::Vouched => {
                let word = self.trust[word_index / SLOTS_PER_WORD as usize];
                word >> (word_index % SLOTS_PER_WORD as usize) & 1 == 0
            }
            Belief::Nothing(_) => true,
        };
        let has_records = self.header.cooldown.is_some();
        let words = self.free.iter_mut().zip(&mut self.quarantine);
        for (word_index, (free, quarantine)) in words.enumerate() {
            if is_suspect(word_index) {
                // Of a record, nothing is believed; of a bit, that its slot is taken.
                *quarantine |= match has_records {
                    true => u64::MAX,
                    false => *free,
                };
                *free = 0;
            }
            let usable = usable();
            *free &= usable;
            *quarantine &= usable & !*free;
        }
    }

    /// Returns why addresses are quarantined, or will be by the next open.
    pub(crate) fn reason(&self) -> Option<RecoveryKind> {
        let older = self.states.newest.and_then(|state| state.reason);
        match self.is_in_use {
            true => older,
            false => self.basis.reason(older),
        }
    }

    /// Returns whether some chunk has a free slot that the summary does not show. In a pool of leases, it need not.
    pub(crate) fn has_hidden_slots(&self) -> bool {
        if self.header.cooldown.is_some() {
            return false;
        }
        let chunks: Vec<Chunk> = self
            .free
            .as_chunks::<WORDS_PER_CHUNK>()
            .0
            .iter()
            .map(|words| Chunk::new(*words))
            .collect();
        let nodes: Vec<AtomicU64> = self.nodes.iter().copied().map(AtomicU64::new).collect();
        let shape = Shape::tree(chunks.len());
        let (control, lanes) = (Control::default(), Lanes::none());
        let lent = Lent::new(
            NonNull::from(&*chunks),
            NonNull::from(&*nodes),
            NonNull::from(&control),
        );
        // SAFETY: `Lent::bitmap`: all of it is on our stack, or owned by it.
        unsafe { lent.bitmap(&shape, &lanes) }.scrub()
    }
}

/// Returns the processes that have a claim in flight.
fn in_flight(file: &File, header: &Header) -> Result<Vec<u32>, OpenError> {
    let volatile: Vec<_> = read_region(file, header, Kind::Volatile)?
        .into_iter()
        .map(AtomicU64::new)
        .collect();
    let (lanes, owners) = peers::lanes_of(&volatile);
    // Relaxed: our own copy.
    let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
    let lanes = lanes.iter().map(load).zip(owners.iter().map(load));
    Ok(peers::in_flight(lanes, |lane| peers::is_held(file, lane)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pool;
    use crate::storage::file::system::tests::Scratch;
    use ipnet::Ipv4Net;
    use std::os::unix::fs::FileExt;

    const MOMENTS: [Moment; 4] = [
        Moment::Begun,
        Moment::StatesRead,
        Moment::FreeRead,
        Moment::Read,
    ];

    fn builder(net: &str) -> crate::file::Builder<Ipv4Net> {
        Pool::builder(net.parse::<Ipv4Net>().unwrap()).in_file()
    }

    /// Inspects a file, and runs `action` once, at this moment of the first attempt. Returns how many attempts it took.
    fn look(path: &Path, at: Moment, mut action: impl FnMut()) -> (Peek, u32) {
        let mut looks = 0;
        let peek = Peek::at_with(path, &mut |moment| {
            looks += u32::from(moment == Moment::Begun);
            if looks == 1 && moment == at {
                action();
            }
        });
        (peek.unwrap(), looks)
    }

    fn free(peek: &Peek) -> u32 {
        peek.free.iter().map(|word| word.count_ones()).sum()
    }

    /// A process opens and closes the file between two words of an attempt, so that another one is made: what was read
    /// is from two moments, and was once reported as damage.
    #[test]
    fn a_look_in_the_middle_of_which_somebody_was_there_is_made_again() {
        for at in MOMENTS {
            let scratch = Scratch::new("peek-life");
            let path = scratch.path("pool");
            let net = builder("10.0.0.0/24");
            drop(net.create(&path).unwrap());
            let (peek, looks) = look(&path, at, || {
                let pool = net.open(&path).unwrap();
                pool.allocate_many(100).unwrap();
            });
            assert!(peek.is_settled, "{at:?}");
            assert_eq!(peek.kind(), RecoveryKind::Clean, "{at:?}");
            assert!(!peek.is_changed(), "{at:?}");
            assert_eq!((free(&peek), looks), (153, 2), "{at:?}");
        }
    }

    /// A process opens or closes the file, and does nothing else.
    #[test]
    fn a_look_in_the_middle_of_which_somebody_comes_or_goes_is_made_again() {
        for at in MOMENTS {
            let scratch = Scratch::new("peek-comes");
            let path = scratch.path("pool");
            let net = builder("10.0.0.0/24");
            drop(net.create(&path).unwrap());
            let mut there = None;
            let (peek, looks) = look(&path, at, || {
                there = Some(net.open(&path).unwrap());
            });
            assert!(peek.is_settled, "{at:?}");
            assert_eq!((peek.kind(), looks), (RecoveryKind::Joined, 2), "{at:?}");
            let (peek, looks) = look(&path, at, || {
                there.take().unwrap().allocate().unwrap();
            });
            assert!(peek.is_settled, "{at:?}");
            assert_eq!((peek.kind(), looks), (RecoveryKind::Clean, 2), "{at:?}");
            assert!(!peek.is_changed(), "{at:?}");
            assert_eq!(free(&peek), 252, "{at:?}");
        }
    }

    /// A process that has begun to open the file, and has not written anything yet, is waited for. If it does not
    /// finish, the result says so, and reports no damage.
    #[test]
    fn a_look_waits_for_who_is_opening_the_file() {
        for at in MOMENTS {
            let scratch = Scratch::new("peek-opens");
            let path = scratch.path("pool");
            drop(builder("10.0.0.0/24").create(&path).unwrap());
            let begin = || {
                let file = File::options().read(true).write(true).open(&path).unwrap();
                assert!(locks::try_lock(&file, Lock::Open, true).unwrap());
                file
            };
            let (mut opener, mut looks) = (None, 0);
            let peek = Peek::at_with(&path, &mut |moment| {
                looks += u32::from(moment == Moment::Begun);
                match (looks, moment == at) {
                    (1, true) => opener = Some(begin()),
                    (3, true) => opener = None,
                    _ => {}
                }
            });
            assert!(peek.unwrap().is_settled, "{at:?}");
            assert!(looks >= 3, "{at:?}: {looks}");
        }
        let scratch = Scratch::new("peek-stopped");
        let path = scratch.path("pool");
        drop(builder("10.0.0.0/24").create(&path).unwrap());
        let file = File::options().read(true).write(true).open(&path).unwrap();
        assert!(locks::try_lock(&file, Lock::Open, true).unwrap());
        let peek = Peek::at(&path).unwrap();
        assert!(!peek.is_settled && peek.is_in_use && !peek.is_changed());
    }

    /// Growth, in place and by a larger file: the result is the pool before it or after it, never a mixture.
    #[test]
    fn a_look_in_the_middle_of_which_the_file_grows_is_made_again() {
        for (at, capacity) in MOMENTS.into_iter().flat_map(|at| [(at, 1024), (at, 0)]) {
            let scratch = Scratch::new("peek-grows");
            let path = scratch.path("pool");
            let net = builder("10.0.0.0/24");
            let pool = net.clone().capacity(capacity).create(&path).unwrap();
            pool.allocate_many(100).unwrap();
            drop(pool);
            let (peek, looks) = look(&path, at, || {
                drop(builder("10.0.0.0/22").grow(&path).unwrap());
            });
            assert!(peek.is_settled && !peek.is_changed(), "{at:?} {capacity}");
            let found = (peek.header.facts.slot_count, free(&peek), looks);
            assert_eq!(found, (1024, 921, 2), "{at:?} {capacity}");
        }
    }

    /// Another file replaces the one that is being read, or an opener repairs it and dies before it writes a state: the
    /// result is the final one.
    #[test]
    fn a_look_in_the_middle_of_which_the_file_is_another_one_is_made_again() {
        for at in MOMENTS {
            let scratch = Scratch::new("peek-other");
            let (path, other) = (scratch.path("pool"), scratch.path("other"));
            drop(builder("10.0.0.0/24").create(&path).unwrap());
            drop(builder("10.0.0.0/25").create(&other).unwrap());
            let (peek, looks) = look(&path, at, || std::fs::rename(&other, &path).unwrap());
            let found = (peek.is_settled, peek.header.facts.slot_count, looks);
            assert_eq!(found, (true, 128, 2), "{at:?}");

            let whole = std::fs::read(&path).unwrap();
            let write = |bytes: &[u8]| {
                let file = File::options().write(true).open(&path).unwrap();
                file.write_all_at(bytes, HEADER_AT[1]).unwrap();
            };
            write(&[0; 512]);
            assert!(!Peek::at(&path).unwrap().has_both_headers);
            let (peek, looks) = look(&path, at, || write(&whole[HEADER_AT[1] as usize..][..512]));
            assert_eq!((peek.has_both_headers, looks), (true, 2), "{at:?}");
        }
    }
}
