//! A process that dies between freeing a slot and telling the summary.
//!
//! Property: when all survivors are done, a caller finds every slot that is free; and no caller gets "exhausted"
//! while a finished release is free. The scan that makes it so is part of every refusal.
//!
//! One node over words of one slot, with the two-phase clear of the summary tree.

use crate::search::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    /// A refusal without a scan.
    NoScan,
    /// The scan looks at the words, finds a slot, and does not publish it.
    NotPublished,
    /// The scan clears the hints that it finds wrong, too, in one step.
    ScanClears,
    /// Not a mistake: only the first refusal of a process scans, unless another process has died since.
    ScanAfterDeaths,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Allocate,
    Release(u8),
}

pub(crate) struct Publish {
    pub(crate) variant: Variant,
    pub(crate) words: u8,
    pub(crate) taken: u8,
    pub(crate) threads: &'static [&'static [Op]],
    pub(crate) kills: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    maybe: u8,
    clearing: u8,
    version: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Descend,
    Claim { word: u8 },
    Settle { word: u8 },
    Phase1 { word: u8, seen: Node },
    Check { word: u8, seen: Node },
    Phase2 { word: u8, seen: Node, full: bool },
    Scan { word: u8 },
    ScanPublish { word: u8 },
    ScanUnset { word: u8 },
    Free { word: u8 },
    Publish { word: u8 },
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op: u8,
    at: At,
    /// The specification said at some instant of this call that nothing was free.
    saw_none: bool,
    deaths_scanned: Option<u8>,
    found: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    free: u8,
    node: Node,
    threads: Vec<Thread>,
    known_free: u8,
    deaths: u8,
}

impl Publish {
    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    fn begin(&self, state: &mut State, thread: usize) {
        let current = &mut state.threads[thread];
        current.found = false;
        current.at = match self.threads[thread].get(usize::from(current.op)) {
            None => At::Over,
            Some(Op::Allocate) => At::Descend,
            Some(&Op::Release(word)) => At::Free { word },
        };
        current.saw_none = state.known_free == 0 && current.at == At::Descend;
    }

    fn finish(&self, state: &mut State, thread: usize) {
        state.threads[thread].op += 1;
        self.begin(state, thread);
    }

    fn refuse(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if !state.threads[thread].saw_none {
            return Err("false exhausted");
        }
        self.finish(state, thread);
        Ok(())
    }

    /// Whether a refusal now would have to scan first.
    fn scans(&self, state: &State, thread: usize) -> bool {
        match self.variant {
            Variant::NoScan => false,
            Variant::ScanAfterDeaths => state.threads[thread].deaths_scanned != Some(state.deaths),
            _ => true,
        }
    }

    fn one_step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        let next = match state.threads[thread].at {
            At::Descend => match state.node.maybe | state.node.clearing {
                0 if self.scans(state, thread) => {
                    state.threads[thread].deaths_scanned =
                        self.is(Variant::ScanAfterDeaths).then_some(state.deaths);
                    At::Scan { word: 0 }
                }
                0 => return self.refuse(state, thread),
                candidates => At::Claim {
                    word: candidates.trailing_zeros() as u8,
                },
            },
            At::Claim { word } if state.free >> word & 1 == 1 => {
                state.free &= !(1 << word);
                state.known_free &= !(1 << word);
                self.finish(state, thread);
                return Ok(());
            }
            At::Claim { word } => At::Settle { word },
            At::Settle { word } => {
                let seen = state.node;
                if (seen.maybe | seen.clearing) >> word & 1 == 0 {
                    At::Descend
                } else if seen.maybe >> word & 1 == 1 {
                    At::Phase1 { word, seen }
                } else {
                    At::Check { word, seen }
                }
            }
            At::Phase1 { word, seen } if state.node != seen => At::Settle { word },
            At::Phase1 { word, .. } => {
                state.node.maybe &= !(1 << word);
                state.node.clearing |= 1 << word;
                state.node.version += 1;
                At::Check {
                    word,
                    seen: state.node,
                }
            }
            At::Check { word, seen } => {
                let full = state.free >> word & 1 == 0;
                At::Phase2 { word, seen, full }
            }
            At::Phase2 { word, seen, .. } if state.node != seen => At::Settle { word },
            At::Phase2 { word, full, .. } => {
                state.node.clearing &= !(1 << word);
                if full {
                    state.node.maybe &= !(1 << word);
                } else {
                    state.node.maybe |= 1 << word;
                }
                state.node.version += 1;
                At::Descend
            }
            At::Scan { word } if word == self.words => {
                if std::mem::take(&mut state.threads[thread].found) {
                    At::Descend
                } else {
                    return self.refuse(state, thread);
                }
            }
            At::Scan { word } if state.free >> word & 1 == 1 => {
                if self.is(Variant::NotPublished) {
                    // Found, and left to the process that freed it.
                    At::Scan { word: word + 1 }
                } else {
                    At::ScanPublish { word }
                }
            }
            At::Scan { word } if self.is(Variant::ScanClears) => At::ScanUnset { word },
            At::Scan { word } => At::Scan { word: word + 1 },
            At::ScanUnset { word } => {
                state.node.maybe &= !(1 << word);
                At::Scan { word: word + 1 }
            }
            At::ScanPublish { word } => {
                state.node.maybe |= 1 << word;
                state.threads[thread].found = true;
                At::Scan { word: word + 1 }
            }
            At::Free { word } => {
                state.free |= 1 << word;
                At::Publish { word }
            }
            At::Publish { word } => {
                state.node.maybe |= 1 << word;
                state.known_free |= state.free & 1 << word;
                self.finish(state, thread);
                return Ok(());
            }
            At::Over => unreachable!("a thread that is over takes no step"),
        };
        state.threads[thread].at = next;
        Ok(())
    }

    /// What is left free when the thread, alone, has allocated until it was refused.
    fn drain(&self, mut state: State, thread: usize) -> u8 {
        loop {
            let before = state.free;
            let op = state.threads[thread].op;
            state.threads[thread].at = At::Descend;
            while state.threads[thread].op == op {
                // Whether the refusal is false is asked below.
                state.threads[thread].saw_none = true;
                let _ = self.one_step(&mut state, thread);
            }
            if state.free == before {
                return state.free;
            }
        }
    }

    fn alive(&self, state: &State) -> Vec<usize> {
        (0..self.threads.len())
            .filter(|&thread| state.threads[thread].at != At::Over)
            .collect()
    }
}

impl Machine for Publish {
    type State = State;

    fn start(&self) -> State {
        let free = ((1 << self.words) - 1) & !self.taken;
        let thread = Thread {
            op: 0,
            at: At::Over,
            saw_none: false,
            deaths_scanned: None,
            found: false,
        };
        let mut state = State {
            free,
            node: Node {
                maybe: free,
                ..Node::default()
            },
            threads: vec![thread; self.threads.len()],
            known_free: free,
            deaths: 0,
        };
        for thread in 0..self.threads.len() {
            self.begin(&mut state, thread);
        }
        state
    }

    fn thread_count(&self) -> usize {
        self.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        state.threads[thread].at != At::Over
    }

    fn step(&self, state: &mut State, thread: usize) -> Result<(), &'static str> {
        if let Some(victim) = thread.checked_sub(self.threads.len()) {
            let victim = self.alive(state)[victim];
            state.deaths += 1;
            state.threads[victim].at = At::Over;
            state.threads[victim].deaths_scanned = None;
            return Ok(());
        }
        self.one_step(state, thread)?;
        for thread in &mut state.threads {
            let calling = !matches!(thread.at, At::Over | At::Free { .. } | At::Publish { .. });
            thread.saw_none |= calling && state.known_free == 0;
        }
        Ok(())
    }

    fn accident_count(&self, state: &State) -> usize {
        if state.deaths < self.kills {
            self.alive(state).len()
        } else {
            0
        }
    }

    /// Every thread in turn, and with what it knows, drains the pool alone.
    fn broken_at_rest(&self, state: &State) -> Option<String> {
        (0..self.threads.len()).find_map(|thread| {
            let left = self.drain(state.clone(), thread);
            (left != 0).then(|| format!("process {thread} never finds the free slots {left:#b}"))
        })
    }

    fn name(&self, thread: usize) -> String {
        if thread < self.threads.len() {
            format!("process {thread}")
        } else {
            "accident".to_owned()
        }
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let step = match thread.checked_sub(self.threads.len()) {
            None => format!("{:?}", state.threads[thread].at),
            Some(victim) => format!("kill -9 of process {}", self.alive(state)[victim]),
        };
        let State { free, node, .. } = state;
        format!(
            "{step} (F {free:02b} maybe {:02b} clearing {:02b})",
            node.maybe, node.clearing
        )
    }
}
