//! Random lives of a pool file on a simulated machine, with a ledger of which slots are held.
//!
//! The kernel writes back any word at any time. A power cut leaves for each word the value that was last written back,
//! or its current one. A sync may fail, and pages are then dropped from memory. A process may die at every call of
//! [`Disk`]. The file is copied while it is in use, and the copy replaces it or is written into it. A word changes
//! after the file was closed cleanly. Recovery, closing, poison, and what the states let an opener trust are under
//! test.
//!
//! One thing is not tried, because nothing could detect it: a copy that is written into the file before any process has
//! completely opened or closed it since the copy was made.
//!
//! `HOSTBITS_SEEDS` is the number of lives, by default 2,000.

use crate::durability::Durability;
use crate::slot::Slot;
use crate::storage::file::bytes::WordSum;
use crate::storage::file::disk::Disk;
use crate::storage::file::identity::{Identity, Witness};
use crate::storage::file::layout::Kind;
use crate::storage::file::leave::leave;
use crate::storage::file::poison;
use crate::storage::file::recover::{Opened, RecoveryBasis, recover, sum_of_maps, try_witness};
use crate::storage::file::state::{Belief, Doubt, Evidence, Phase, State, States};
use crate::sync::{AtomicU64, Ordering::Relaxed};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;

const USABLE: [(Slot, Slot); 2] = [(0, 5), (64, 69)];
pub(super) const UUID: [u8; 16] = *b"a file of a life";
const MAPS: [usize; 4] = [2, 4, 5, 6];
/// Regions, and how many words they have in the file of a plain pool.
pub(super) const KINDS: [(Kind, usize); 7] = [
    (Kind::Volatile, poison::AT + 1),
    (Kind::Nodes, 1),
    (Kind::Trust, 1),
    (Kind::Ready, 1),
    (Kind::Free, 2),
    (Kind::Quarantine, 2),
    (Kind::Records, 0),
];

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) words: [Vec<u64>; KINDS.len()],
    pub(super) slots: [Option<State>; 2],
}

/// Why a call does not return as requested.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accident {
    Death,
    Cut,
    Failure,
}

pub(super) struct Machine {
    live: [Vec<AtomicU64>; KINDS.len()],
    pub(super) live_slots: Cell<[Option<State>; 2]>,
    pub(super) disk: RefCell<Bytes>,
    /// The attribute, in memory and on the disk; 0 means none.
    pub(super) witness: [Cell<u64>; 2],
    pub(super) random: RefCell<Random>,
    /// After this, this process has no further effect.
    pub(super) over: Cell<Option<Accident>>,
    /// The poison at that moment: a process that is gone poisons nothing, although it gets an error.
    pub(super) poison_then: Cell<u64>,
    /// One in this many calls meets with an accident.
    pub(super) peril: u64,
    failures_left: Cell<u32>,
    /// One in this many attributes finds no space.
    full_disk: u64,
}

impl Machine {
    /// Starts a machine with this file.
    pub(super) fn new(first: &Bytes, mut random: Random) -> Self {
        let peril = [8, 20, 60][random.below(3) as usize];
        let machine = Self {
            live: first
                .words
                .each_ref()
                .map(|words| words.iter().map(|_| AtomicU64::new(0)).collect()),
            live_slots: Cell::new([None; 2]),
            disk: RefCell::new(first.clone()),
            witness: [2, 2].map(Cell::new),
            peril,
            full_disk: [3, 30, u64::MAX][random.below(3) as usize],
            failures_left: Cell::new(random.below(3) as u32),
            random: RefCell::new(random),
            over: Cell::new(None),
            poison_then: Cell::new(0),
        };
        machine.load(first);
        machine
    }

    pub(super) fn load(&self, bytes: &Bytes) {
        for (words, from) in self.live.iter().zip(&bytes.words) {
            for (word, &value) in words.iter().zip(from) {
                word.store(value, Relaxed);
            }
        }
        self.live_slots.set(bytes.slots);
    }

    pub(super) fn snapshot(&self) -> Bytes {
        let copy = |words: &Vec<AtomicU64>| words.iter().map(|word| word.load(Relaxed)).collect();
        Bytes {
            words: self.live.each_ref().map(copy),
            slots: self.live_slots.get(),
        }
    }

    /// Each word may or may not reach the disk.
    pub(super) fn write_back(&self, one_in: u64) {
        let (mut disk, mut random) = (self.disk.borrow_mut(), self.random.borrow_mut());
        for (words, to) in self.live.iter().zip(&mut disk.words) {
            for (word, to) in words.iter().zip(to) {
                let now = word.load(Relaxed);
                if *to != now && random.one_in(one_in) {
                    *to = now;
                }
            }
        }
        if random.one_in(one_in) {
            self.witness[1].set(self.witness[0].get());
        }
        for (slot, to) in self.live_slots.get().into_iter().zip(&mut disk.slots) {
            if slot != *to {
                match random.below(3) {
                    0 => *to = slot,
                    // Half of them.
                    1 if one_in == 2 => *to = None,
                    _ => {}
                }
            }
        }
    }

    pub(super) fn cut(&self) {
        self.write_back(2);
        self.load(&self.disk.borrow());
        self.witness[0].set(self.witness[1].get());
    }

    fn call(&self) -> io::Result<()> {
        if self.over.get().is_some() {
            return Err(io::Error::other("nobody is there"));
        }
        self.write_back(6);
        if !self.random.borrow_mut().one_in(self.peril) {
            return Ok(());
        }
        let accident = match self.random.borrow_mut().below(3) {
            0 => Accident::Death,
            1 => Accident::Cut,
            _ if self.failures_left.get() == 0 => return Ok(()),
            _ => Accident::Failure,
        };
        if accident == Accident::Failure {
            self.failures_left.set(self.failures_left.get() - 1);
            self.drop_pages();
            return Err(io::Error::from_raw_os_error(5));
        }
        self.over.set(Some(accident));
        self.poison_then.set(poison::word(self).load(Relaxed));
        Err(io::Error::other("it is over"))
    }

    /// Reads some pages from the disk again.
    fn drop_pages(&self) {
        let (disk, mut random) = (self.disk.borrow(), self.random.borrow_mut());
        for map in MAPS {
            if random.one_in(2) {
                for (word, &old) in self.live[map].iter().zip(&disk.words[map]) {
                    word.store(old, Relaxed);
                }
            }
        }
    }
}

impl Disk for Machine {
    fn words(&self, kind: Kind) -> &[AtomicU64] {
        let index = KINDS.iter().position(|(other, _)| *other == kind);
        // It has no records.
        index.map_or(&[], |index| &self.live[index])
    }

    fn sync(&self, kinds: &[Kind]) -> io::Result<()> {
        self.call()?;
        let now = self.snapshot();
        let mut disk = self.disk.borrow_mut();
        for (index, (kind, _)) in KINDS.iter().enumerate() {
            if kinds.contains(kind) {
                disk.words[index].clone_from(&now.words[index]);
            }
        }
        Ok(())
    }

    fn write_state(&self, slot: usize, state: &State) -> io::Result<()> {
        if self.over.get().is_none() {
            let mut slots = self.live_slots.get();
            slots[slot] = Some(*state);
            self.live_slots.set(slots);
        }
        self.call()?;
        *self.disk.borrow_mut() = self.snapshot();
        Ok(())
    }

    fn write_witness(&self, seq: u64) -> io::Result<bool> {
        if self.over.get().is_none() {
            if self.random.borrow_mut().one_in(self.full_disk) {
                return Err(io::Error::from_raw_os_error(nix::libc::ENOSPC));
            }
            self.witness[0].set(seq);
        }
        Ok(true)
    }

    fn sync_witness(&self) -> io::Result<()> {
        self.call()?;
        self.witness[1].set(self.witness[0].get());
        Ok(())
    }
}

/// What happened, so that a test that tries nothing is noticed.
#[derive(Debug, Default)]
struct Tally {
    allocated: u64,
    exact: u64,
    vouched: u64,
    nothing: u64,
    failed: u64,
    cuts: u64,
    copies: u64,
    written_over: u64,
    changed: u64,
    freed: u64,
    clean: u64,
}

/// A copy of the file, the sequence number of its newest state, and the witness at that time.
struct Copied {
    bytes: Bytes,
    seq: u64,
    witness: u64,
}

struct Life<'a> {
    machine: Machine,
    durability: Durability,
    boot: u8,
    inode: u64,
    copy: Option<Copied>,
    /// Whether the file was written by something else since it was last open.
    is_foreign: bool,
    /// Whether a process has died since, a sync has failed, or the machine went down.
    had_accident: bool,
    /// The sequence number of the newest state that was completely written by an open or a close.
    seen: u64,
    /// Slots whose allocation has returned, and whose release has not begun.
    held: BTreeSet<Slot>,
    /// Slots that are claimed, but must not be used before a sync.
    unsynced: Vec<Slot>,
    tally: &'a mut Tally,
    seed: u64,
}

fn live(seed: u64, tally: &mut Tally) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let durability = Durability::ALL[random.below(Durability::ALL.len() as u64) as usize];
    let trust = u64::MAX;
    let mut sum = WordSum::new();
    sum.add_map(&[0x3f; 2], |word| *word);
    sum.add_map(&[0; 2], |word| *word);
    let slot = |seq| {
        Some(State {
            sum: sum.finish(),
            ..state(seq, Phase::Clean, 1, 1, durability, 0)
        })
    };
    let first = Bytes {
        words: [
            vec![0; poison::AT + 1],
            vec![0],
            vec![trust],
            vec![0],
            vec![0x3f; 2],
            vec![0; 2],
            vec![],
        ],
        slots: [slot(1), slot(2)],
    };
    let machine = Machine::new(&first, random);
    let mut life = Life {
        machine,
        durability,
        boot: 1,
        inode: 1,
        copy: None,
        is_foreign: false,
        had_accident: false,
        seen: 2,
        held: BTreeSet::new(),
        unsynced: Vec::new(),
        tally,
        seed,
    };
    for _ in 0..12 {
        life.session();
        life.between_sessions();
    }
}

pub(super) fn state(
    seq: u64,
    phase: Phase,
    boot: u8,
    inode: u64,
    durability: Durability,
    session: u64,
) -> State {
    State {
        seq,
        uuid: UUID,
        boot_id: [boot; 16],
        phase,
        mode: durability.number().into(),
        inode,
        session,
        opened_ns: 0,
        generation: 1,
        crashes: 0,
        quarantined: 0,
        born_ns: 0,
        sum: 0,
        is_witnessed: true,
        reason: None,
    }
}

impl Life<'_> {
    fn below(&self, limit: u64) -> u64 {
        self.machine.random.borrow_mut().below(limit)
    }

    fn bits(&self, kind: Kind, slot: Slot) -> (&AtomicU64, u64) {
        (
            &self.machine.words(kind)[slot as usize / 64],
            1 << (slot % 64),
        )
    }

    fn slots() -> impl Iterator<Item = Slot> + Clone {
        USABLE.into_iter().flat_map(|(first, last)| first..=last)
    }

    fn states(&self) -> States {
        let blocks = self.machine.live_slots.get();
        let blocks = blocks.map(|slot| slot.map_or([0; _], |state| state.encode()));
        States::read([&blocks[0], &blocks[1]], &UUID)
    }

    fn session(&mut self) {
        self.machine.over.set(None);
        if self.open().is_err() {
            return;
        }
        for slot in Self::slots() {
            let (free, bit) = self.bits(Kind::Free, slot);
            let is_free = free.load(Relaxed) & bit != 0;
            let (seed, held) = (self.seed, self.held.contains(&slot));
            assert!(!(is_free && held), "seed {seed}: {slot} is held and free");
        }
        for _ in 0..self.below(12) {
            if self.machine.over.get().is_some() {
                return;
            }
            self.machine.write_back(6);
            match self.below(10) {
                0..=3 => self.allocate(),
                4 | 5 => self.release(),
                6 => self.sync(),
                7 => self.reclaim(),
                8 if self.copy.is_none() => self.take_copy(),
                _ => {}
            }
        }
        if self.below(3) != 0 && self.machine.over.get().is_none() {
            let was_poisoned = poison::get(&self.machine).is_some();
            let left = leave(&self.machine, self.states());
            if left.is_ok() && !was_poisoned {
                self.tally.clean += 1;
                self.see();
            }
        }
    }

    /// Does the same as `Opening::first_opener`.
    fn open(&mut self) -> io::Result<()> {
        let boot = if self.below(12) == 0 { 0 } else { self.boot };
        let states = self.states();
        let witness = match self.machine.witness[0].get() {
            0 => Witness::None,
            seq => Witness::Seq(seq),
        };
        let evidence = Evidence {
            boot_id: &[boot; 16],
            identity: Identity {
                inode: self.inode,
                born_ns: 0,
                witness,
            },
            forgets: false,
            is_poisoned: poison::get(&self.machine).is_some(),
        };
        let sum = || sum_of_maps(&self.machine);
        let basis = RecoveryBasis::of(&states, evidence, sum, self.durability);
        match basis.belief {
            Belief::Exact => self.tally.exact += 1,
            Belief::Vouched => self.tally.vouched += 1,
            Belief::Nothing(doubt) => {
                // Two accidents, in a close and in the next open, may leave the witness two behind. A full disk does
                // not.
                let may_be_one = self.is_foreign || self.had_accident;
                let is_rightly_so = may_be_one || doubt != Doubt::Copy;
                assert!(is_rightly_so, "seed {}: it is no copy", self.seed);
                self.tally.nothing += 1;
            }
        }
        let all = KINDS.map(|(kind, _)| kind);
        if !basis.is_clean {
            poison::unless_ok(&self.machine, self.machine.sync(&all))?;
            poison::unless_ok(&self.machine, self.machine.sync_witness())?;
        }
        try_witness(&self.machine, &states, &evidence.identity)?;
        let seq = states.next_seq(witness);
        let session = states.newest.map_or(0, |state| state.session) + 1;
        let state = State {
            is_witnessed: witness != Witness::None,
            ..state(seq, Phase::Open, boot, self.inode, self.durability, session)
        };
        recover(&self.machine, basis, &USABLE, Opened { states, state })?;
        (self.is_foreign, self.had_accident) = (false, false);
        self.see();
        Ok(())
    }

    fn allocate(&mut self) {
        let from = self.below(12) as usize;
        let mut slots = Self::slots().cycle().skip(from).take(12);
        let found = slots.find(|&slot| {
            let (free, bit) = self.bits(Kind::Free, slot);
            free.load(Relaxed) & bit != 0
        });
        let Some(slot) = found else {
            return;
        };
        let (free, bit) = self.bits(Kind::Free, slot);
        free.fetch_and(!bit, Relaxed);
        if poison::get(&self.machine).is_some() {
            free.fetch_or(bit, Relaxed);
            return;
        }
        match self.durability {
            Durability::Process => self.acknowledge(slot),
            Durability::Barrier => self.unsynced.push(slot),
            Durability::Strict => {
                self.unsynced.push(slot);
                self.sync();
            }
        }
    }

    fn acknowledge(&mut self, slot: Slot) {
        let seed = self.seed;
        assert!(
            self.held.insert(slot),
            "seed {seed}: {slot} has two holders"
        );
        self.tally.allocated += 1;
    }

    fn sync(&mut self) {
        if poison::get(&self.machine).is_some() {
            return;
        }
        let synced = self.machine.sync(&[Kind::Free]);
        if self.machine.over.get().is_some() {
            return;
        }
        match poison::unless_ok(&self.machine, synced) {
            Ok(()) => {
                for slot in std::mem::take(&mut self.unsynced) {
                    self.acknowledge(slot);
                }
            }
            Err(_) => {
                // They must not be used; their claimant gives them back or leaks them.
                self.tally.failed += 1;
                self.unsynced.clear();
            }
        }
    }

    fn release(&mut self) {
        let skipped = self.below(self.held.len().max(1) as u64) as usize;
        let Some(&slot) = self.held.iter().nth(skipped) else {
            return;
        };
        self.held.remove(&slot);
        let (suspects, bit) = self.bits(Kind::Quarantine, slot);
        suspects.fetch_and(!bit, Relaxed);
        self.machine.write_back(6);
        let (free, bit) = self.bits(Kind::Free, slot);
        free.fetch_or(bit, Relaxed);
    }

    /// Reclaims with a list of all holders, including those that have not synced yet.
    fn reclaim(&mut self) {
        for slot in Self::slots() {
            let (suspects, bit) = self.bits(Kind::Quarantine, slot);
            if suspects.fetch_and(!bit, Relaxed) & bit == 0 {
                continue;
            }
            if self.held.contains(&slot) || self.unsynced.contains(&slot) {
                continue;
            }
            self.machine.write_back(6);
            let (free, bit) = self.bits(Kind::Free, slot);
            let seed = self.seed;
            let was_free = free.fetch_or(bit, Relaxed) & bit != 0;
            // In a poisoned pool, a page of Q may be older than what was freed. The pool hands out nothing.
            let is_poisoned = poison::get(&self.machine).is_some();
            assert!(
                !was_free || is_poisoned,
                "seed {seed}: {slot} was free and suspect"
            );
            self.tally.freed += 1;
        }
    }

    fn between_sessions(&mut self) {
        self.unsynced.clear();
        self.had_accident |= self.machine.over.get().is_some();
        self.had_accident |= poison::get(&self.machine).is_some();
        if self.machine.over.get().is_some() {
            let poison_then = self.machine.poison_then.get();
            poison::word(&self.machine).store(poison_then, Relaxed);
        }
        if self.machine.over.get() == Some(Accident::Cut) || self.below(6) == 0 {
            self.machine.cut();
            self.boot += 1;
            self.tally.cuts += 1;
        }
        if self.copy.is_none() && self.below(12) == 0 {
            self.take_copy();
        }
        if self.below(6) == 0
            && let Some(copy) = self.copy.take()
        {
            let is_seen_since = self.seen > copy.seq;
            match self.below(3) {
                0 => {
                    self.put(copy.bytes);
                    self.inode += 1;
                    // It is a new file, with the attribute that comes with the copy, or without.
                    let carried = [0, copy.witness][self.below(2) as usize];
                    self.machine.witness.iter().for_each(|to| to.set(carried));
                    self.tally.copies += 1;
                }
                1 if is_seen_since => {
                    self.put(copy.bytes);
                    self.tally.written_over += 1;
                }
                _ => self.change_a_word(&copy.bytes),
            }
        }
    }

    /// Records the witness: a close on a full disk leaves it one behind, and a copy that was made before then matches.
    fn see(&mut self) {
        self.seen = self.machine.witness[0].get();
    }

    fn take_copy(&mut self) {
        self.copy = Some(Copied {
            bytes: self.machine.snapshot(),
            seq: self.states().newest.map_or(u64::MAX, |state| state.seq),
            witness: self.machine.witness[0].get(),
        });
    }

    fn put(&mut self, bytes: Bytes) {
        self.is_foreign = true;
        self.machine.load(&bytes);
        *self.machine.disk.borrow_mut() = bytes;
    }

    /// A word of F or Q of a file that was closed cleanly becomes an older one, or any other.
    fn change_a_word(&mut self, older: &Bytes) {
        let is_left = |state: State| state.phase == Phase::Clean;
        if !self.states().newest.is_some_and(is_left) {
            return;
        }
        let mut bytes = self.machine.snapshot();
        let (map, word) = (4 + self.below(2) as usize, self.below(2) as usize);
        let any = self.below(1 << 31) << 33 | self.below(1 << 31);
        bytes.words[map][word] = [older.words[map][word], any][self.below(2) as usize];
        self.put(bytes);
        self.tally.changed += 1;
    }
}

/// No address is ever handed out while it is held, whatever happens in between.
#[test]
fn no_life_has_two_holders_of_one_address() {
    let seeds = std::env::var("HOSTBITS_SEEDS").ok();
    let seeds = seeds.map_or(2_000, |text| {
        text.parse().expect("HOSTBITS_SEEDS is a number")
    });
    let mut tally = Tally::default();
    for seed in 1..=seeds {
        live(seed, &mut tally);
    }
    println!("{seeds} lives: {tally:?}");
    let Tally {
        allocated,
        exact,
        vouched,
        nothing,
        failed,
        cuts,
        copies,
        written_over,
        changed,
        freed,
        clean,
    } = tally;
    for count in [
        allocated,
        exact,
        vouched,
        nothing,
        failed,
        cuts,
        copies,
        written_over,
        changed,
        freed,
        clean,
    ] {
        assert!(
            seeds < 1000 || count >= seeds / 20,
            "something is hardly tried"
        );
    }
}
