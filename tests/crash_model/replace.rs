//! Growth beyond the capacity: a larger file is made beside the pool's and takes its name, while another
//! process wants to open the pool.
//!
//! Property: a held address is not handed out again, now or after a power cut; whatever the path names after a cut
//! is a whole pool, the old one or the new one.
//!
//! The mode is one that syncs each allocation. The old file has one free address; the new one has it, too,
//! and one more, which growth would call free again if the old file came back.

use crate::disk::Cell;
use crate::search::Machine;

const OLD: u8 = 1;
const NEW: u8 = 2;
const FILES: [u8; 2] = [OLD, NEW];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// Others may have the old file open.
    NotAlone,
    /// The new file gets the name before its content is synced.
    ContentNotSynced,
    /// No process syncs the directory.
    DirectoryNeverSynced,
    /// Only who grows the file syncs the directory, not the first opener of the new one.
    DirectorySyncedByGrowerOnly,
    /// The old file is made unusable before the directory is synced.
    RetiredEarly,
    /// A process that has waited for the old file does not look whether the path still names it.
    NoSecondLook,
}

pub(crate) struct Replace {
    pub(crate) variant: Variant,
    pub(crate) kills: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Open,
    LockOpen { file: u8 },
    LookAround,
    Copy,
    SyncContent,
    Rename,
    SyncDirectory,
    Retire,
    FirstSyncsDirectory { file: u8 },
    Unlock { file: u8 },
    Allocate { file: u8 },
    SyncFile { file: u8, addr: u8 },
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The file that the path names.
    entry: Cell,
    /// By file: whether it is a pool.
    is_pool: [Cell; 2],
    /// By file and address: whether it is free.
    free: [[Cell; 2]; 2],
    open_lock: [Option<u8>; 2],
    presence: [u8; 2],
    /// A process has opened the new file: its state says so.
    is_opened: bool,
    at: [At; 2],
    /// By address: whether it is held.
    held: [bool; 2],
    kills: u8,
}

fn index(file: u8) -> usize {
    usize::from(file - 1)
}

impl State {
    fn leave(&mut self, process: usize) {
        for file in 0..2 {
            self.presence[file] &= !(1 << process);
            if self.open_lock[file] == Some(process as u8) {
                self.open_lock[file] = None;
            }
        }
    }

    fn sync(&mut self, file: u8) {
        self.is_pool[index(file)].sync();
        self.free[index(file)].iter_mut().for_each(Cell::sync);
    }
}

impl Replace {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    /// What a power cut in this state would break.
    fn broken_by_cut(state: &State) -> Option<&'static str> {
        for file in FILES.into_iter().filter(|&file| state.entry.may_be(file)) {
            if state.is_pool[index(file)].may_be(0) {
                return Some("the path names a file that is no pool");
            }
            for addr in (0..2).filter(|&addr| state.held[addr]) {
                if state.free[index(file)][addr].may_be(1) {
                    return Some("a held address is free after a cut");
                }
                if file == OLD && addr == 1 {
                    return Some("the old file is back, and grows over an address that is held");
                }
            }
        }
        None
    }

    fn alive(state: &State) -> impl Iterator<Item = usize> {
        (0..2).filter(|&process| !matches!(state.at[process], At::Open | At::Over))
    }

    fn kill_count(state: &State) -> usize {
        match state.kills {
            0 => 0,
            _ => Self::alive(state).count(),
        }
    }

    fn opened(&self, state: &mut State, process: usize, file: u8) -> At {
        let own = 1 << process;
        let others = state.presence[index(file)] & !own;
        state.open_lock[index(file)] = Some(process as u8);
        state.presence[index(file)] |= own;
        if state.entry.live() != file && !self.is(Variant::NoSecondLook) {
            state.leave(process);
            return At::Open;
        }
        if process == 0 && file == OLD {
            return At::LookAround;
        }
        self.first_or_joiner(state, file, others == 0)
    }

    fn first_or_joiner(&self, state: &State, file: u8, is_first: bool) -> At {
        let is_left_out =
            self.is(Variant::DirectoryNeverSynced) || self.is(Variant::DirectorySyncedByGrowerOnly);
        if is_first && file == NEW && !state.is_opened && !is_left_out {
            At::FirstSyncsDirectory { file }
        } else {
            At::Unlock { file }
        }
    }

    /// The steps of who grows the file, under the locks of both.
    fn grow(&self, state: &mut State) -> At {
        match state.at[0] {
            At::LookAround if state.presence[index(OLD)] != 1 && !self.is(Variant::NotAlone) => {
                state.leave(0);
                At::Over
            }
            At::LookAround => At::Copy,
            At::Copy => {
                let copied = state.free[index(OLD)][0].live();
                state.free[index(NEW)][0].store(copied);
                state.free[index(NEW)][1].store(1);
                state.is_pool[index(NEW)].store(1);
                state.open_lock[index(NEW)] = Some(0);
                state.presence[index(NEW)] |= 1;
                match self.variant {
                    Variant::ContentNotSynced => At::Rename,
                    _ => At::SyncContent,
                }
            }
            At::SyncContent => {
                state.sync(NEW);
                At::Rename
            }
            At::Rename => {
                state.entry.store(NEW);
                match self.variant {
                    Variant::DirectoryNeverSynced | Variant::RetiredEarly => At::Retire,
                    _ => At::SyncDirectory,
                }
            }
            At::SyncDirectory => {
                state.entry.sync();
                At::Retire
            }
            At::Retire => {
                state.is_pool[index(OLD)].store(0);
                self.first_or_joiner(state, NEW, true)
            }
            other => unreachable!("{other:?} is no step of a growth"),
        }
    }
}

impl Machine for Replace {
    type State = State;

    fn start(&self) -> State {
        State {
            entry: Cell::new(OLD),
            is_pool: [Cell::new(1), Cell::new(0)],
            free: [[Cell::new(1), Cell::new(0)], [Cell::new(0); 2]],
            open_lock: [None; 2],
            presence: [0; 2],
            is_opened: false,
            at: [At::Open; 2],
            held: [false; 2],
            kills: self.kills,
        }
    }

    fn thread_count(&self) -> usize {
        2
    }

    fn is_live(&self, state: &State, process: usize) -> bool {
        match state.at[process] {
            At::LockOpen { file } => state.open_lock[index(file)].is_none(),
            At::Over => false,
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if thread >= 2 {
            if thread - 2 >= Self::kill_count(state) {
                return Err(Self::broken_by_cut(state).expect("a cut that breaks something"));
            }
            let victim = Self::alive(state).nth(thread - 2).expect("a victim");
            state.kills -= 1;
            state.at[victim] = At::Over;
            state.leave(victim);
            return Ok(());
        }
        state.at[thread] = match state.at[thread] {
            At::Open => At::LockOpen {
                file: state.entry.live(),
            },
            At::LockOpen { file } => self.opened(state, thread, file),
            At::FirstSyncsDirectory { file } => {
                state.entry.sync();
                At::Unlock { file }
            }
            At::Unlock { file } => {
                state.is_opened |= file == NEW;
                // The lock of the old file goes with its last descriptor.
                let presence = state.presence[index(file)];
                state.leave(thread);
                state.presence[index(file)] = presence;
                At::Allocate { file }
            }
            At::Allocate { file } => {
                let free = &mut state.free[index(file)];
                match (0..2u8).find(|&addr| free[usize::from(addr)].is_set()) {
                    Some(addr) if state.held[usize::from(addr)] => {
                        return Err("an address was handed out twice, by two files");
                    }
                    Some(addr) => {
                        free[usize::from(addr)].store(0);
                        At::SyncFile { file, addr }
                    }
                    None => At::Over,
                }
            }
            At::SyncFile { file, addr } => {
                state.sync(file);
                if std::mem::replace(&mut state.held[usize::from(addr)], true) {
                    return Err("an address was handed out twice, by two files");
                }
                At::Over
            }
            At::Over => unreachable!("a process that is over takes no step"),
            _ => self.grow(state),
        };
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        Self::kill_count(state) + usize::from(Self::broken_by_cut(state).is_some())
    }

    fn broken_at_rest(&self, _: &State) -> Option<String> {
        None
    }

    fn name(&self, thread: usize) -> String {
        match thread {
            0 => "growth".to_owned(),
            1 => "other".to_owned(),
            _ => "accident".to_owned(),
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        match thread {
            0 | 1 => format!("{:?}", state.at[thread]),
            _ if thread - 2 < Self::kill_count(state) => "kill -9".to_owned(),
            _ => "power cut".to_owned(),
        }
    }
}
