//! Sessions on a pool file: who comes first, who joins, who leaves last, and what deaths, power cuts,
//! failed syncs and copied files may do in between.
//!
//! Property: while allocations are allowed, no held address is free; in mode `Process` nothing is free after a power
//! cut that hit an open session; nothing is lost but what a release or an allocation since the last sync explains;
//! the file says CLEAN only when no process has it open, and does so after a quiet end.
//!
//! One word of two addresses, two processes and a reader. A script says what a process does in each of
//! its lives; dying ends a life, and so does closing.

use std::ops::Range;

use crate::disk::{Cell, cut, cut_count, show};
use crate::search::Machine;

/// The protocol, or the protocol with one mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// After a power cut, F is believed although T does not vouch for it.
    FreeBelieved,
    /// The last one out sets T before it syncs F.
    TrustedBeforeSync,
    /// A joiner does what the first opener does.
    SecondIsFirst,
    /// Any valid state slot means that the machine did not go down.
    BootIgnored,
    /// A copy of the file is taken for the file.
    InodeIgnored,
    /// A copy is noticed, but its T is believed.
    CopyVouchesForItself,
    /// No opener asks the witness whether a content is the last one.
    WitnessIgnored,
    /// The witness of an opener may be lost, and it allocates.
    WitnessNotSynced,
    /// A process that closes leaves the witness as it is.
    WitnessLeftAtClose,
    /// No mistake, but beyond what the witness can tell: a copy comes back before any process has opened or
    /// closed the file since.
    CopyBackAtOnce,
    /// The first opener dirties pages by `fetch_or(0)`, which stores nothing.
    DirtiedByOrZero,
    /// A slot that says CLEAN is believed, and T is not looked at.
    CleanBelieved,
    /// Allocation begins before T and OPEN are written.
    OpenWrittenLate,
    /// A process that closes gives up OPEN before PRESENCE.
    PresenceDroppedLate,
    /// A reader holds PRESENCE.
    ReaderPresent,
    /// The last one out closes a poisoned pool like any other.
    PoisonedClosedClean,
    /// An address may stay in Q although it is free and trusted.
    OverlapKept,
    /// The first opener does not sync what it finds before it sets T.
    FirstSyncLeftOut,
    /// The first opener forgets that a sync has failed since the machine came up.
    PoisonForgotten,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Process,
    Barrier,
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Allocate,
    /// Releases the lowest address that is held, by this process or another.
    Release,
    Sync,
    /// Frees the quarantine minus all that is held when the list is read.
    Reclaim,
    Close,
}

/// What a process may do with a copy of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copies {
    None,
    /// Put it in the file's place: another inode.
    InItsPlace,
    /// Write it into the file, which keeps its inode, and its witness. Only here is the witness a part of the
    /// model.
    WrittenInto,
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) mode: Mode,
    /// By process and life. A life without `Close` at its end waits to be killed.
    pub(crate) lives: [&'static [&'static [Op]]; 2],
    pub(crate) cuts: u8,
    pub(crate) kills: u8,
    pub(crate) failures: u8,
    /// Pages that the kernel drops after their write-back failed: what is read then is from the disk.
    pub(crate) evictions: u8,
    /// Power cuts that also destroy the newest state slot.
    pub(crate) losses: u8,
    pub(crate) copies: Copies,
    /// How many times a reader may open the file, read-only.
    pub(crate) readers: u8,
    /// By process: whether it can read the boot id.
    pub(crate) knows_boot: [bool; 2],
}

pub(crate) struct Sessions<'p> {
    pub(crate) program: &'p Program,
    pub(crate) variant: Variant,
    /// Look for nothing but held addresses that are free.
    pub(crate) only_uniqueness: bool,
}

const T: usize = 0;
const F: usize = 1;
const Q: usize = 3;
const MAPS: Range<usize> = 0..5;
const SLOTS: usize = 5;
/// The sequence of the newest state, beside the contents.
const WITNESS: usize = 7;
const ALL: Range<usize> = 0..7;
const ADDRESSES: Range<usize> = 0..2;

/// A state slot: sequence number (1 to 7, and round), boot, CLEAN, inode. 0 is no valid slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    sequence: u8,
    boot: u8,
    clean: bool,
    inode: u8,
}

/// The boot id that could not be read.
const UNKNOWN_BOOT: u8 = 3;

impl Slot {
    fn read(value: u8) -> Option<Self> {
        (value & 7 != 0).then_some(Self {
            sequence: value & 7,
            boot: value >> 3 & 3,
            clean: value >> 5 & 1 == 1,
            inode: value >> 6,
        })
    }

    fn value(self) -> u8 {
        self.sequence | self.boot << 3 | u8::from(self.clean) << 5 | self.inode << 6
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    LockOpen,
    TryPresence,
    FirstSync,
    Decide,
    Quarantine,
    SyncQuarantine,
    ClearFree,
    SyncFree,
    Trust,
    Dirty,
    SyncAll,
    SetTrust,
    WriteOpen,
    SyncState,
    WriteWitness,
    SyncWitness,
    UnlockOpen,
    /// Attached, between two operations.
    Ready,
    SetFree {
        address: u8,
    },
    SyncStarts,
    SyncReturns,
    /// Tells all others that a sync has failed.
    Poison,
    ReclaimQuarantine {
        address: u8,
    },
    ReclaimFree {
        address: u8,
    },
    CloseLock,
    CloseAlone,
    CloseSyncFree,
    CloseTrust,
    CloseClean,
    CloseSync,
    CloseWitness,
    CloseSyncWitness,
    DropPresence,
    DropOpen,
    /// No life left, or none that does anything.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Process {
    life: u8,
    op: u8,
    at: At,
    attached: bool,
    /// Allocated and not acknowledged, by address.
    pending: u8,
    /// The values since the start of this process's sync, by cell of the maps.
    since: [u8; 5],
    syncing: bool,
    /// What the list of a reclaim says, by address.
    list: u8,
    /// The next sync of this process reports an error: its own, or one that was not yet reported to it.
    fails: Option<Error>,
    late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Error {
    Own,
    Elsewhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Copied {
    Not,
    As([u8; 8]),
    InPlace,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    cells: [Cell; 8],
    /// 1 once a copy has taken the file's place.
    inode: u8,
    boot: u8,
    open_lock: Option<u8>,
    /// Holders of PRESENCE: bits 0 and 1 the processes, bit 2 the reader.
    presence: u8,
    poisoned: bool,
    processes: [Process; 2],
    reading: bool,
    /// Acknowledged, and the release has not begun; by address.
    held: u8,
    /// Addresses that may be lost: taken or freed since the last sync that covered them.
    may_leak: u8,
    /// A session has begun and its end has not.
    in_session: bool,
    /// Mode `Process`: the power failed during a session, and no process has opened the file since.
    must_quarantine: bool,
    quiet: bool,
    cuts: u8,
    kills: u8,
    failures: u8,
    evictions: u8,
    losses: u8,
    copied: Copied,
    /// A process has opened or closed the file since the copy was made, and has come to the end of that: a
    /// newer state has its witness.
    seen_since: bool,
    readers: u8,
}

#[derive(Clone, Copy, Debug)]
enum Accident {
    Kill(usize),
    SyncFails(usize),
    Evict {
        cell: usize,
        number: usize,
    },
    Copy,
    PutCopyInPlace,
    WriteCopyInto,
    Cut {
        number: usize,
        newest_slot_lost: bool,
    },
}

type Taken = Result<(), &'static str>;

impl State {
    fn is_set(&self, map: usize, address: usize) -> bool {
        self.cells[map + address].is_set()
    }

    fn mask(&self, map: usize) -> u8 {
        self.cells[map].live() | self.cells[map + 1].live() << 1
    }

    fn store(&mut self, cell: usize, value: u8) {
        self.cells[cell].store(value);
        for process in &mut self.processes {
            if process.syncing && MAPS.contains(&cell) {
                process.since[cell] |= 1 << value;
            }
        }
    }

    /// The number of the newest valid slot.
    fn newest_slot(&self) -> Option<usize> {
        let slots = [SLOTS, SLOTS + 1].map(|slot| Slot::read(self.cells[slot].live()));
        match slots {
            [None, None] => None,
            [Some(_), None] => Some(0),
            [None, Some(_)] => Some(1),
            // The model's numbers go round; the two are never far apart.
            [Some(a), Some(b)] => Some(usize::from((b.sequence + 7 - a.sequence) % 7 < 4)),
        }
    }

    fn newest(&self) -> Option<Slot> {
        Slot::read(self.cells[SLOTS + self.newest_slot()?].live())
    }

    fn write_slot(&mut self, boot: u8, clean: bool) {
        let newest = self.newest_slot();
        let older = newest.map_or(0, |slot| 1 - slot);
        // Above all that were ever written. Where the witness is no part of the model it stays at 1.
        let last = self.newest().map_or(0, |slot| slot.sequence);
        let witness = self.cells[WITNESS].live();
        let sequence = if witness > 1 { last.max(witness) } else { last } % 7 + 1;
        let inode = self.inode;
        let slot = Slot {
            sequence,
            boot,
            clean,
            inode,
        };
        self.cells[SLOTS + older].store_torn(slot.value());
    }

    fn settle_leaks(&mut self) {
        for address in ADDRESSES {
            let durable = |map| {
                let cell: &Cell = &self.cells[map + address];
                cell.is_set() && cell.is_durable()
            };
            if durable(F) || durable(Q) {
                self.may_leak &= !(1 << address);
            }
        }
    }

    fn leaked(&self) -> u8 {
        !(self.mask(F) | self.mask(Q) | self.held) & 3
    }
}

impl Sessions<'_> {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn life(&self, state: &State, process: usize) -> Option<&'static [Op]> {
        let life = usize::from(state.processes[process].life);
        self.program.lives[process].get(life).copied()
    }

    fn boot_of(&self, state: &State, process: usize) -> u8 {
        if self.program.knows_boot[process] {
            state.boot
        } else {
            UNKNOWN_BOOT
        }
    }

    fn begin_life(&self, state: &mut State, process: usize, life: u8) {
        state.processes[process] = Process {
            life,
            op: 0,
            at: At::LockOpen,
            attached: false,
            pending: 0,
            since: [0; 5],
            syncing: false,
            list: 0,
            fails: None,
            late: false,
        };
        if self.life(state, process).is_none_or(<[Op]>::is_empty) {
            state.processes[process].at = At::Over;
        }
    }

    fn end_life(&self, state: &mut State, process: usize) {
        let life = state.processes[process].life;
        self.begin_life(state, process, life + 1);
    }

    fn die(&self, state: &mut State, process: usize) {
        state.presence &= !(1 << process);
        if state.open_lock == Some(process as u8) {
            state.open_lock = None;
        }
        self.end_life(state, process);
    }

    /// An opener that cannot go on.
    fn refuse(&self, state: &mut State, process: usize) {
        state.quiet = false;
        self.die(state, process);
    }

    fn next_op(&self, state: &mut State, process: usize) {
        let current = &mut state.processes[process];
        current.op += 1;
        current.at = At::Ready;
        if current.late {
            current.at = At::SetTrust;
        }
    }

    /// A sync from start to end, by a process that is alone.
    fn sync(&self, state: &mut State, process: usize, cells: Range<usize>) -> bool {
        match state.processes[process].fails.take() {
            None => {
                state.cells[cells].iter_mut().for_each(Cell::sync);
                state.settle_leaks();
                true
            }
            Some(error) => {
                self.pages_given_up(state, process, cells, error);
                state.poisoned = true;
                false
            }
        }
    }

    fn pages_given_up(&self, state: &mut State, process: usize, cells: Range<usize>, error: Error) {
        if error == Error::Own {
            state.cells[cells].iter_mut().for_each(Cell::sync_failed);
            // Every open file description gets the error once.
            let other = &mut state.processes[1 - process];
            if !matches!(other.at, At::LockOpen | At::Over) {
                other.fails = Some(Error::Elsewhere);
            }
        }
    }

    fn open_step(&self, state: &mut State, process: usize) -> Taken {
        let bit = 1u8 << process;
        let next = match state.processes[process].at {
            At::LockOpen => {
                state.open_lock = Some(process as u8);
                At::TryPresence
            }
            At::TryPresence => {
                let alone = state.presence & !bit == 0;
                if alone || self.is(Variant::SecondIsFirst) {
                    state.presence |= bit;
                    At::FirstSync
                } else if state.poisoned || state.newest().is_none_or(|slot| slot.clean) {
                    self.refuse(state, process);
                    return Ok(());
                } else {
                    state.presence |= bit;
                    At::UnlockOpen
                }
            }
            At::FirstSync => {
                let left_out = self.is(Variant::FirstSyncLeftOut);
                if !left_out && !self.sync(state, process, ALL) {
                    self.refuse(state, process);
                    return Ok(());
                }
                At::Decide
            }
            At::Decide => self.decide(state, process),
            At::Quarantine => {
                for address in ADDRESSES {
                    let both = state.cells[Q + address].live() | state.cells[F + address].live();
                    state.store(Q + address, both);
                }
                At::SyncQuarantine
            }
            At::SyncQuarantine => {
                if !self.sync(state, process, Q..Q + 2) {
                    self.refuse(state, process);
                    return Ok(());
                }
                At::ClearFree
            }
            At::ClearFree => {
                ADDRESSES.for_each(|address| state.store(F + address, 0));
                At::SyncFree
            }
            At::SyncFree => {
                if !self.sync(state, process, F..F + 2) {
                    self.refuse(state, process);
                    return Ok(());
                }
                At::Trust
            }
            At::Trust => {
                state.store(T, 1);
                At::Dirty
            }
            At::Dirty => {
                state.poisoned = false;
                if !self.is(Variant::OverlapKept) {
                    for address in ADDRESSES {
                        if state.is_set(F, address) && state.is_set(Q, address) {
                            state.store(Q + address, 0);
                        }
                    }
                }
                if !self.is(Variant::DirtiedByOrZero) {
                    for cell in MAPS {
                        let same = state.cells[cell].live();
                        state.store(cell, same);
                    }
                }
                At::SyncAll
            }
            At::SyncAll => {
                if !self.sync(state, process, ALL) {
                    self.refuse(state, process);
                    return Ok(());
                }
                if self.is(Variant::OpenWrittenLate) {
                    state.processes[process].late = true;
                    At::UnlockOpen
                } else {
                    At::SetTrust
                }
            }
            At::SetTrust => {
                state.store(T, u8::from(self.program.mode != Mode::Process));
                At::WriteOpen
            }
            At::WriteOpen => {
                let boot = self.boot_of(state, process);
                state.write_slot(boot, false);
                At::SyncState
            }
            At::SyncState => {
                let late = std::mem::take(&mut state.processes[process].late);
                let synced = self.sync(state, process, T..T + 1)
                    && self.sync(state, process, SLOTS..SLOTS + 2);
                if !synced && !late {
                    self.refuse(state, process);
                    return Ok(());
                }
                match late {
                    true => At::Ready,
                    false if self.has_witness() => At::WriteWitness,
                    false => At::UnlockOpen,
                }
            }
            At::WriteWitness => {
                self.set_witness(state);
                if self.is(Variant::WitnessNotSynced) {
                    self.mark_seen(state);
                    At::UnlockOpen
                } else {
                    At::SyncWitness
                }
            }
            At::SyncWitness => {
                if !self.sync(state, process, WITNESS..WITNESS + 1) {
                    self.refuse(state, process);
                    return Ok(());
                }
                self.mark_seen(state);
                At::UnlockOpen
            }
            At::UnlockOpen => {
                state.open_lock = None;
                state.in_session = true;
                state.processes[process].attached = true;
                let early = std::mem::take(&mut state.must_quarantine) && state.mask(F) != 0;
                if early && !self.only_uniqueness {
                    return Err("an address is free before any reclaim");
                }
                At::Ready
            }
            other => unreachable!("{other:?} is no step of an opener"),
        };
        state.processes[process].at = next;
        Ok(())
    }

    /// Did the machine go down, and if so, what is to be believed?
    fn decide(&self, state: &State, process: usize) -> At {
        let boot = self.boot_of(state, process);
        let newest = state.newest();
        // Without a valid slot, the owner of T is unknown.
        let ours =
            newest.is_some_and(|slot| slot.inode == state.inode) || self.is(Variant::InodeIgnored);
        let ours = ours && newest.is_some_and(|slot| self.is_last(state, slot));
        let same_boot = newest.is_some_and(|slot| slot.boot == boot && boot != UNKNOWN_BOOT)
            || newest.is_some() && self.is(Variant::BootIgnored);
        let clean = newest.is_some_and(|slot| slot.clean) && self.is(Variant::CleanBelieved);
        // What failed to be written may have been dropped from memory, too.
        let poisoned = state.poisoned && !self.is(Variant::PoisonForgotten);
        let exact = same_boot && ours && !poisoned || clean;
        let vouched = state.cells[T].is_set() && (ours || self.is(Variant::CopyVouchesForItself));
        if exact || vouched || self.is(Variant::FreeBelieved) {
            At::Dirty
        } else {
            At::Quarantine
        }
    }

    fn has_witness(&self) -> bool {
        self.program.copies == Copies::WrittenInto
    }

    fn set_witness(&self, state: &mut State) {
        let newest = state.newest().expect("it was just written");
        assert!(newest.sequence < 7, "a program with fewer lives");
        if !self.is(Variant::WitnessLeftAtClose) || !newest.clean {
            state.cells[WITNESS].store(newest.sequence);
        }
    }

    /// The newest state has its witness, and no cut takes that back.
    fn mark_seen(&self, state: &mut State) {
        let newest = state.newest();
        let is_newest = |slot: u8| {
            Slot::read(slot).map(|slot| slot.sequence) == newest.map(|slot| slot.sequence)
        };
        // Otherwise the copy is of this very state.
        state.seen_since |= matches!(state.copied, Copied::As(copy)
            if !is_newest(copy[SLOTS]) && !is_newest(copy[SLOTS + 1]));
    }

    /// Whether the witness fits this state, or is behind it by the one that may be lost.
    fn is_last(&self, state: &State, newest: Slot) -> bool {
        let witness = state.cells[WITNESS].live();
        !self.has_witness()
            || self.is(Variant::WitnessIgnored)
            || witness == newest.sequence
            || witness + 1 == newest.sequence
    }

    fn work_step(&self, state: &mut State, process: usize) -> Taken {
        match state.processes[process].at {
            At::Ready => {
                let life = self.life(state, process).expect("a process at work");
                match life[usize::from(state.processes[process].op)] {
                    Op::Allocate => return self.allocate(state, process),
                    Op::Release => {
                        let address = state.held.trailing_zeros() as u8;
                        if address < 2 {
                            state.held &= !(1 << address);
                            state.may_leak |= 1 << address;
                            if state.is_set(Q, usize::from(address)) {
                                state.store(Q + usize::from(address), 0);
                            }
                            state.processes[process].at = At::SetFree { address };
                        } else {
                            self.next_op(state, process);
                        }
                    }
                    Op::Sync => state.processes[process].at = At::SyncStarts,
                    Op::Reclaim => {
                        state.processes[process].list = state.held;
                        state.processes[process].at = At::ReclaimQuarantine { address: 0 };
                    }
                    Op::Close => state.processes[process].at = At::CloseLock,
                }
            }
            At::SetFree { address } => {
                state.store(F + usize::from(address), 1);
                self.next_op(state, process);
            }
            At::SyncStarts if state.poisoned => {
                state.processes[process].pending = 0;
                self.next_op(state, process);
            }
            At::SyncStarts => {
                let since = std::array::from_fn(|cell| state.cells[cell].sync_started() as u8);
                let current = &mut state.processes[process];
                current.since = since;
                current.syncing = true;
                current.at = At::SyncReturns;
            }
            At::SyncReturns => {
                let current = &mut state.processes[process];
                let since = std::mem::take(&mut current.since);
                let pending = std::mem::take(&mut current.pending);
                current.syncing = false;
                match current.fails.take() {
                    None => {
                        for cell in MAPS {
                            state.cells[cell].sync_returned(u128::from(since[cell]));
                        }
                        state.settle_leaks();
                        state.held |= pending;
                    }
                    Some(error) => {
                        self.pages_given_up(state, process, MAPS, error);
                        state.processes[process].at = At::Poison;
                        return Ok(());
                    }
                }
                self.next_op(state, process);
            }
            At::Poison => {
                state.poisoned = true;
                self.next_op(state, process);
            }
            At::ReclaimQuarantine { address: 2 } => {
                state.processes[process].list = 0;
                self.next_op(state, process);
            }
            At::ReclaimQuarantine { address } => {
                let listed = state.processes[process].list >> address & 1 == 1;
                if state.is_set(Q, usize::from(address)) && !listed {
                    state.store(Q + usize::from(address), 0);
                    state.may_leak |= 1 << address;
                    state.processes[process].at = At::ReclaimFree { address };
                } else {
                    state.processes[process].at = At::ReclaimQuarantine {
                        address: address + 1,
                    };
                }
            }
            At::ReclaimFree { address } => {
                state.store(F + usize::from(address), 1);
                state.processes[process].at = At::ReclaimQuarantine {
                    address: address + 1,
                };
            }
            other => unreachable!("{other:?} is no step of work"),
        }
        Ok(())
    }

    fn allocate(&self, state: &mut State, process: usize) -> Taken {
        let free = state.mask(F);
        if state.poisoned || free == 0 {
            self.next_op(state, process);
            return Ok(());
        }
        let address = free.trailing_zeros();
        let bit = 1 << address;
        state.store(F + address as usize, 0);
        state.may_leak |= bit;
        match self.program.mode {
            Mode::Process => state.held |= bit,
            Mode::Barrier | Mode::Strict => state.processes[process].pending |= bit,
        }
        if self.program.mode == Mode::Strict {
            state.processes[process].at = At::SyncStarts;
        } else {
            self.next_op(state, process);
        }
        Ok(())
    }

    fn close_step(&self, state: &mut State, process: usize) -> Taken {
        let bit = 1u8 << process;
        let next = match state.processes[process].at {
            At::CloseLock => {
                state.open_lock = Some(process as u8);
                state.processes[process].attached = false;
                At::CloseAlone
            }
            At::CloseAlone => {
                let alone = state.presence & !bit == 0;
                let poisoned = state.poisoned && !self.is(Variant::PoisonedClosedClean);
                if !alone || poisoned {
                    self.drop_first()
                } else if self.is(Variant::TrustedBeforeSync) {
                    At::CloseTrust
                } else {
                    At::CloseSyncFree
                }
            }
            At::CloseSyncFree => {
                if !self.sync(state, process, F..F + 2) {
                    self.drop_first()
                } else if self.is(Variant::TrustedBeforeSync) {
                    At::CloseClean
                } else {
                    At::CloseTrust
                }
            }
            At::CloseTrust => {
                state.store(T, 1);
                state.in_session = false;
                if self.is(Variant::TrustedBeforeSync) {
                    At::CloseSyncFree
                } else {
                    At::CloseClean
                }
            }
            At::CloseClean => {
                let boot = self.boot_of(state, process);
                state.write_slot(boot, true);
                At::CloseSync
            }
            At::CloseSync => {
                let synced = self.sync(state, process, ALL);
                if synced && self.has_witness() {
                    At::CloseWitness
                } else {
                    self.drop_first()
                }
            }
            At::CloseWitness => {
                self.set_witness(state);
                At::CloseSyncWitness
            }
            At::CloseSyncWitness => {
                if self.sync(state, process, WITNESS..WITNESS + 1) {
                    self.mark_seen(state);
                }
                self.drop_first()
            }
            At::DropPresence => {
                state.presence &= !bit;
                if self.is(Variant::PresenceDroppedLate) {
                    self.end_life(state, process);
                    return Ok(());
                }
                At::DropOpen
            }
            At::DropOpen => {
                state.open_lock = None;
                if !self.is(Variant::PresenceDroppedLate) {
                    self.end_life(state, process);
                    return Ok(());
                }
                At::DropPresence
            }
            other => unreachable!("{other:?} is no step of closing"),
        };
        state.processes[process].at = next;
        Ok(())
    }

    fn drop_first(&self) -> At {
        if self.is(Variant::PresenceDroppedLate) {
            At::DropOpen
        } else {
            At::DropPresence
        }
    }

    fn accidents(&self, state: &State) -> Vec<Accident> {
        let mut accidents = Vec::new();
        for (number, process) in state.processes.iter().enumerate() {
            let alive = !matches!(process.at, At::LockOpen | At::Over);
            if state.kills > 0 && alive {
                accidents.push(Accident::Kill(number));
            }
            let syncs = matches!(
                process.at,
                At::FirstSync
                    | At::SyncQuarantine
                    | At::SyncFree
                    | At::SyncAll
                    | At::SyncState
                    | At::SyncWitness
                    | At::SyncReturns
                    | At::CloseSyncFree
                    | At::CloseSync
                    | At::CloseSyncWitness
            );
            if state.failures > 0 && syncs && process.fails.is_none() {
                accidents.push(Accident::SyncFails(number));
            }
        }
        // Not between the failure and the poison: that instant is beyond what any protocol can see.
        if state.evictions > 0 && state.poisoned {
            for cell in MAPS.filter(|&cell| state.cells[cell].is_given_up()) {
                let numbers = 0..cut_count(&state.cells[cell..=cell]);
                accidents.extend(numbers.map(|number| Accident::Evict { cell, number }));
            }
        }
        match state.copied {
            Copied::Not if self.program.copies == Copies::InItsPlace => {
                accidents.push(Accident::Copy);
            }
            // Not for a file that was never opened: its numbers would be too far behind for the model.
            Copied::Not
                if self.has_witness() && state.newest().is_some_and(|slot| slot.sequence > 1) =>
            {
                accidents.push(Accident::Copy);
            }
            Copied::As(_) if state.presence == 0 && state.open_lock.is_none() => {
                let is_seen = state.seen_since || self.is(Variant::CopyBackAtOnce);
                match self.has_witness() {
                    true if is_seen => accidents.push(Accident::WriteCopyInto),
                    true => {}
                    false => accidents.push(Accident::PutCopyInPlace),
                }
            }
            _ => {}
        }
        if state.cuts > 0 {
            for number in 0..cut_count(&state.cells) {
                accidents.push(Accident::Cut {
                    number,
                    newest_slot_lost: false,
                });
                if state.losses > 0 {
                    accidents.push(Accident::Cut {
                        number,
                        newest_slot_lost: true,
                    });
                }
            }
        }
        accidents
    }

    fn befall(&self, state: &mut State, accident: Accident) -> Taken {
        state.quiet = false;
        match accident {
            Accident::Kill(process) => {
                state.kills -= 1;
                self.die(state, process);
            }
            Accident::SyncFails(process) => {
                state.failures -= 1;
                state.processes[process].fails = Some(Error::Own);
            }
            Accident::Evict { cell, number } => {
                state.evictions -= 1;
                cut(&mut state.cells[cell..=cell], number);
            }
            Accident::Copy => {
                state.copied = Copied::As(state.cells.map(|cell| cell.live()));
                state.seen_since = false;
            }
            Accident::PutCopyInPlace | Accident::WriteCopyInto => {
                let Copied::As(values) = state.copied else {
                    unreachable!("there is a copy");
                };
                let witness = state.cells[WITNESS];
                state.cells = values.map(Cell::new);
                if self.has_witness() {
                    state.cells[WITNESS] = witness;
                } else {
                    state.inode = 1;
                }
                state.must_quarantine = false;
                state.copied = Copied::InPlace;
                state.in_session = false;
                // The copy knows nothing of what came after it.
                state.may_leak = 3;
            }
            Accident::Cut {
                number,
                newest_slot_lost,
            } => {
                state.cuts -= 1;
                cut(&mut state.cells, number);
                if newest_slot_lost {
                    state.losses -= 1;
                    if let Some(slot) = state.newest_slot() {
                        state.cells[SLOTS + slot] = Cell::new(0);
                    }
                }
                state.boot += 1;
                assert!(state.boot < UNKNOWN_BOOT, "a program with fewer cuts");
                state.must_quarantine |= state.in_session && self.program.mode == Mode::Process;
                state.in_session = false;
                state.poisoned = false;
                state.reading = false;
                state.presence = 0;
                state.open_lock = None;
                for process in 0..2 {
                    if !matches!(state.processes[process].at, At::LockOpen | At::Over) {
                        self.end_life(state, process);
                    }
                }
                if state.leaked() & !state.may_leak != 0 && !self.only_uniqueness {
                    return Err("an address is lost that no call since the last sync explains");
                }
                state.may_leak &= !(state.mask(F) | state.mask(Q));
                state.may_leak |= state.held;
            }
        }
        Ok(())
    }
}

impl Machine for Sessions<'_> {
    type State = State;

    /// Returns a new file, durable, that was never opened.
    fn start(&self) -> State {
        let slot = Slot {
            sequence: 1,
            boot: 0,
            clean: true,
            inode: 0,
        };
        let process = Process {
            life: 0,
            op: 0,
            at: At::LockOpen,
            attached: false,
            pending: 0,
            since: [0; 5],
            syncing: false,
            list: 0,
            fails: None,
            late: false,
        };
        let mut state = State {
            cells: [1, 1, 1, 0, 0, slot.value(), 0, 1].map(Cell::new),
            inode: 0,
            boot: 0,
            open_lock: None,
            presence: 0,
            poisoned: false,
            processes: [process; 2],
            reading: false,
            held: 0,
            may_leak: 0,
            in_session: false,
            must_quarantine: false,
            quiet: true,
            cuts: self.program.cuts,
            kills: self.program.kills,
            failures: self.program.failures,
            evictions: self.program.evictions,
            losses: self.program.losses,
            copied: Copied::Not,
            seen_since: false,
            readers: self.program.readers,
        };
        for process in 0..2 {
            self.begin_life(&mut state, process, 0);
        }
        state
    }

    /// The two processes, and a reader.
    fn thread_count(&self) -> usize {
        3
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        let Some(process) = state.processes.get(thread) else {
            return state.reading || state.readers > 0;
        };
        match process.at {
            At::LockOpen | At::CloseLock => state.open_lock.is_none(),
            At::Ready => {
                let life = self.life(state, thread).expect("a process at work");
                usize::from(process.op) < life.len()
            }
            At::Over => false,
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Taken {
        if let Some(number) = thread.checked_sub(3) {
            let accident = self.accidents(state)[number];
            self.befall(state, accident)?;
        } else if thread == 2 {
            state.reading = !state.reading;
            if state.reading {
                state.readers -= 1;
            }
            if self.is(Variant::ReaderPresent) {
                state.presence ^= 4;
            }
        } else {
            match state.processes[thread].at {
                At::Ready
                | At::SetFree { .. }
                | At::SyncStarts
                | At::SyncReturns
                | At::Poison
                | At::ReclaimQuarantine { .. }
                | At::ReclaimFree { .. } => self.work_step(state, thread)?,
                At::CloseLock
                | At::CloseAlone
                | At::CloseSyncFree
                | At::CloseTrust
                | At::CloseClean
                | At::CloseSync
                | At::CloseWitness
                | At::CloseSyncWitness
                | At::DropPresence
                | At::DropOpen => self.close_step(state, thread)?,
                _ => self.open_step(state, thread)?,
            }
        }
        let attached = state.processes.iter().any(|process| process.attached);
        if attached && !state.poisoned && state.mask(F) & state.held != 0 {
            return Err("a held address is free in an open pool");
        }
        let says_clean = state.newest().is_some_and(|slot| slot.clean);
        if attached && says_clean && !self.only_uniqueness {
            return Err("the file says CLEAN while it is in use");
        }
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        self.accidents(state).len()
    }

    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let over = state.processes.iter().all(|process| process.at == At::Over);
        let clean = state.newest().is_some_and(|slot| slot.clean) && state.cells[T].is_set();
        (over && state.quiet && !clean && !self.only_uniqueness)
            .then(|| "all have closed and the file is not CLEAN".into())
    }

    fn name(&self, thread: usize) -> String {
        match thread {
            0 | 1 => format!("process {thread}"),
            2 => "reader".to_owned(),
            _ => "accident".to_owned(),
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let file = |cells: &[Cell]| {
            let slots = [SLOTS, SLOTS + 1].map(|slot| match Slot::read(cells[slot].live()) {
                None => "invalid".to_owned(),
                Some(Slot {
                    sequence,
                    boot,
                    clean,
                    ..
                }) => {
                    let word = if clean { "CLEAN" } else { "OPEN" };
                    format!("{sequence} {word} boot {boot}")
                }
            });
            format!(
                "T {} F {} Q {} slots [{}]",
                show(&cells[T..F]),
                show(&cells[F..Q]),
                show(&cells[Q..SLOTS]),
                slots.join(", ")
            )
        };
        let step = match thread {
            0 | 1 => {
                let process = &state.processes[thread];
                match (process.at, self.life(state, thread)) {
                    (At::Ready, Some(life)) => format!("{:?}", life[usize::from(process.op)]),
                    (at, _) => format!("{at:?}"),
                }
            }
            2 if state.reading => "leaves".to_owned(),
            2 => "opens read-only".to_owned(),
            _ => match self.accidents(state)[thread - 3] {
                Accident::Cut {
                    number,
                    newest_slot_lost,
                } => {
                    let mut image = state.cells;
                    cut(&mut image, number);
                    let lost = if newest_slot_lost {
                        ", minus the newest slot"
                    } else {
                        ""
                    };
                    return format!("power cut leaves {}{lost}", file(&image));
                }
                other => format!("{other:?}"),
            },
        };
        format!(
            "{step} (before: {}, held {:02b})",
            file(&state.cells),
            state.held
        )
    }
}
