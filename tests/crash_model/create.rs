//! Creation: two processes that open or create one path.
//!
//! Property: an acknowledged allocation is in the file that the path names, now and after a power cut;
//! a file that is there after a cut can be opened; one whose creation was reported is there.
//!
//! The mode is one that syncs each allocation; the sync covers the file, not its directory.

use crate::disk::Cell;
use crate::search::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// No process syncs the directory.
    DirectoryNeverSynced,
    /// Only the creator syncs the directory, not the first opener.
    DirectorySyncedByCreatorOnly,
    /// Only the first opener syncs the directory, not the creator.
    DirectorySyncedByOpenerOnly,
    /// The content is not synced before the file gets its name.
    ContentNotSynced,
    /// The file gets its name by a rename that replaces what is there.
    RenamedOver,
}

pub(crate) struct Create {
    pub(crate) variant: Variant,
    pub(crate) kills: u8,
    /// Look for nothing but allocations that are lost or made twice.
    pub(crate) only_uniqueness: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Look,
    Write,
    SyncContent,
    Link,
    SyncDirectory,
    ReportCreated,
    /// Opens what the path names.
    Open,
    LockOpen {
        file: u8,
    },
    FirstSyncsDirectory {
        file: u8,
    },
    Unlock {
        file: u8,
    },
    Allocate {
        file: u8,
    },
    SyncFile {
        file: u8,
    },
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// 0: no such file; else whose.
    entry: Cell,
    /// By creator: whether the content is there.
    contents: [Cell; 2],
    /// By file: free addresses; one is enough.
    free: [bool; 2],
    /// By file: whether OPEN is locked, and who has it open.
    open_lock: [Option<u8>; 2],
    presence: [u8; 2],
    at: [At; 2],
    /// The file in which the address was acknowledged.
    held_in: Option<u8>,
    reported: bool,
    kills: u8,
}

impl Create {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn next_after_link(&self) -> At {
        match self.variant {
            Variant::DirectoryNeverSynced | Variant::DirectorySyncedByOpenerOnly => {
                At::ReportCreated
            }
            _ => At::SyncDirectory,
        }
    }

    fn first_syncs_directory(&self) -> bool {
        let left_out = self.is(Variant::DirectoryNeverSynced)
            || self.is(Variant::DirectorySyncedByCreatorOnly);
        !left_out
    }

    /// What a power cut in this state would break.
    fn broken_by_cut(&self, state: &State) -> Option<&'static str> {
        if state.held_in.is_some() && state.entry.may_be(0) {
            return Some("the file is gone, and a durable allocation with it");
        }
        if self.only_uniqueness {
            return None;
        }
        if state.reported && state.entry.may_be(0) {
            return Some("a file whose creation was reported is gone");
        }
        (0..2u8)
            .any(|file| state.entry.may_be(file + 1) && state.contents[usize::from(file)].may_be(0))
            .then_some("a file is there without its content")
    }

    fn alive(state: &State) -> impl Iterator<Item = usize> {
        (0..2).filter(|&process| !matches!(state.at[process], At::Look | At::Over))
    }
}

impl Machine for Create {
    type State = State;

    fn start(&self) -> State {
        State {
            entry: Cell::new(0),
            contents: [Cell::new(0); 2],
            free: [true; 2],
            open_lock: [None; 2],
            presence: [0; 2],
            at: [At::Look; 2],
            held_in: None,
            reported: false,
            kills: self.kills,
        }
    }

    fn thread_count(&self) -> usize {
        2
    }

    fn is_live(&self, state: &State, process: usize) -> bool {
        match state.at[process] {
            At::LockOpen { file } => state.open_lock[usize::from(file)].is_none(),
            At::Over => false,
            _ => true,
        }
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if thread >= 2 {
            let victims: Vec<usize> = Self::alive(state).collect();
            let kills = if state.kills > 0 { victims.len() } else { 0 };
            if thread - 2 < kills {
                let victim = victims[thread - 2];
                state.kills -= 1;
                state.at[victim] = At::Over;
                for file in 0..2 {
                    state.presence[file] &= !(1 << victim);
                    if state.open_lock[file] == Some(victim as u8) {
                        state.open_lock[file] = None;
                    }
                }
                return Ok(());
            }
            return Err(self
                .broken_by_cut(state)
                .expect("a cut that breaks something"));
        }
        let own = thread as u8;
        state.at[thread] = match state.at[thread] {
            At::Look if state.entry.is_set() => At::Open,
            At::Look => At::Write,
            At::Write => {
                state.contents[thread].store(1);
                if self.is(Variant::ContentNotSynced) {
                    At::Link
                } else {
                    At::SyncContent
                }
            }
            At::SyncContent => {
                state.contents[thread].sync();
                At::Link
            }
            At::Link if state.entry.is_set() && !self.is(Variant::RenamedOver) => At::Open,
            At::Link => {
                state.entry.store(own + 1);
                self.next_after_link()
            }
            At::SyncDirectory => {
                state.entry.sync();
                At::ReportCreated
            }
            At::ReportCreated => {
                state.reported = true;
                At::LockOpen { file: own }
            }
            At::Open => At::LockOpen {
                file: state.entry.live() - 1,
            },
            At::LockOpen { file } => {
                let first = state.presence[usize::from(file)] == 0;
                state.open_lock[usize::from(file)] = Some(own);
                state.presence[usize::from(file)] |= 1 << thread;
                // Step 5 of opening: the path still names this file, else begin again.
                if state.entry.live() != file + 1 {
                    state.open_lock[usize::from(file)] = None;
                    state.presence[usize::from(file)] &= !(1 << thread);
                    At::Look
                } else if first && self.first_syncs_directory() {
                    At::FirstSyncsDirectory { file }
                } else {
                    At::Unlock { file }
                }
            }
            At::FirstSyncsDirectory { file } => {
                state.entry.sync();
                At::Unlock { file }
            }
            At::Unlock { file } => {
                state.open_lock[usize::from(file)] = None;
                At::Allocate { file }
            }
            At::Allocate { file } if state.free[usize::from(file)] => {
                if state.held_in.is_some() {
                    return Err("a held address was handed out again, from another file");
                }
                state.free[usize::from(file)] = false;
                At::SyncFile { file }
            }
            At::Allocate { .. } => At::Over,
            At::SyncFile { file } => {
                state.contents[usize::from(file)].sync();
                if state.held_in.is_some() {
                    return Err("a held address was handed out again, from another file");
                }
                state.held_in = Some(file);
                At::Over
            }
            At::Over => unreachable!("a process that is over takes no step"),
        };
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        let kills = if state.kills > 0 {
            Self::alive(state).count()
        } else {
            0
        };
        kills + usize::from(self.broken_by_cut(state).is_some())
    }

    fn broken_at_rest(&self, _: &State) -> Option<String> {
        None
    }

    fn name(&self, thread: usize) -> String {
        match thread {
            0 | 1 => format!("process {thread}"),
            _ => "accident".to_owned(),
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        if thread < 2 {
            return format!("{:?}", state.at[thread]);
        }
        let kills = if state.kills > 0 {
            Self::alive(state).count()
        } else {
            0
        };
        match Self::alive(state).nth(thread - 2) {
            Some(victim) if thread - 2 < kills => format!("kill -9 of process {victim}"),
            _ => "power cut".to_owned(),
        }
    }
}
