//! The summary tree as a machine: each step of a thread is one atomic access.

use crate::programs::{Op, Program, Tree};
use crate::search::Machine;

/// The protocol, or the protocol with one part left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Correct,
    NoVersion,
    EarlyStop,
    EdgeOnly,
    OnePhase,
    NoCheck,
    SilentDoubleRelease,
    /// An inner node whose children are all CLEARING counts as full.
    ClearingIsFull,
    /// A search that emptied a word settles at once, and believes its own claim instead of looking again.
    NoCheckAtOnce,
    /// Such a search clears the hint by one exchange.
    OnePhaseAtOnce,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    maybe: u8,
    clearing: u8,
    version: u8,
}

impl Node {
    fn candidates(self) -> u8 {
        self.maybe | self.clearing
    }
}

#[derive(Clone, Copy, Debug)]
enum Child {
    Chunk(u8),
    Node(u8),
}

/// Where a chunk or a node hangs: its parent and which child it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    node: u8,
    child: u8,
}

/// What does not change while a program runs.
pub(crate) struct Summary<'p> {
    program: &'p Program,
    variant: Variant,
    children: Vec<Vec<Child>>,
    /// By node; the root has none.
    above_node: Vec<Option<Place>>,
    above_chunk: Vec<Place>,
    words_of_chunk: Vec<Vec<u8>>,
    chunk_of_word: Vec<u8>,
}

/// What a thread does next. Every variant but `Done` is one access.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Loads a node on the way down.
    Descend {
        node: u8,
    },
    /// Loads a word of a chunk.
    Look {
        chunk: u8,
        index: u8,
    },
    /// Takes the lowest bit of what was seen.
    Claim {
        chunk: u8,
        index: u8,
        seen: u8,
    },
    /// Loads the node whose hint is to be settled.
    Settle {
        at: Place,
    },
    /// MAYBE to CLEARING.
    Phase1 {
        at: Place,
        seen: Node,
    },
    /// Loads the child again: a node, or the word `index` of a chunk.
    Check {
        at: Place,
        seen: Node,
        index: u8,
    },
    /// CLEARING to FULL, or back.
    Phase2 {
        at: Place,
        seen: Node,
        full: bool,
    },
    /// Frees the slot.
    Free {
        slot: u8,
    },
    /// Loads a node on the way up.
    Publish {
        slot: u8,
        at: Place,
    },
    /// Sets the hint.
    SetMaybe {
        slot: u8,
        at: Place,
    },
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    op_index: u8,
    step: Step,
    /// The slot that the operation has claimed already, while it settles what the claim has emptied.
    claimed: Option<u8>,
    /// By operation: the slot it allocated.
    results: Vec<Option<u8>>,
}

/// A step was taken, or a promise was broken.
type Taken = Result<(), &'static str>;

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// Free slots of each word.
    words: Vec<u8>,
    nodes: Vec<Node>,
    threads: Vec<Thread>,
    /// Slots that are free by a release that has finished, or that a call has reported free.
    known_free: u16,
    /// By slot: the threads whose release of it has not finished.
    releasing: Vec<u8>,
}

impl<'p> Summary<'p> {
    pub(crate) fn new(program: &'p Program, variant: Variant) -> Self {
        let mut machine = Self {
            program,
            variant,
            children: Vec::new(),
            above_node: Vec::new(),
            above_chunk: Vec::new(),
            words_of_chunk: Vec::new(),
            chunk_of_word: Vec::new(),
        };
        machine.build(&program.tree, None);
        machine
    }

    fn build(&mut self, tree: &Tree, above: Option<Place>) -> Child {
        match tree {
            Tree::Chunk(words) => {
                let chunk = self.words_of_chunk.len() as u8;
                let first = self.chunk_of_word.len() as u8;
                self.words_of_chunk.push((first..first + words).collect());
                self.chunk_of_word.extend((0..*words).map(|_| chunk));
                self.above_chunk
                    .push(above.expect("a chunk is under a node"));
                Child::Chunk(chunk)
            }
            Tree::Node(trees) => {
                let node = self.children.len() as u8;
                self.children.push(Vec::new());
                self.above_node.push(above);
                for (child, tree) in (0..).zip(trees) {
                    let child = self.build(tree, Some(Place { node, child }));
                    self.children[usize::from(node)].push(child);
                }
                Child::Node(node)
            }
        }
    }

    fn free_slots(&self, state: &State) -> Vec<u8> {
        let spw = self.program.slots_per_word;
        let all = 0..state.words.len() as u8 * spw;
        all.filter(|slot| state.words[usize::from(slot / spw)] >> (slot % spw) & 1 == 1)
            .collect()
    }

    fn path_up(&self, slot: u8) -> Vec<Place> {
        let word = usize::from(slot / self.program.slots_per_word);
        let chunk = usize::from(self.chunk_of_word[word]);
        std::iter::successors(Some(self.above_chunk[chunk]), |at| {
            self.above_node[usize::from(at.node)]
        })
        .collect()
    }

    /// Sets up the operation at `op_index`, or `Done`.
    fn begin(&self, state: &mut State, thread: usize) {
        let ops = &self.program.threads[thread];
        let current = &mut state.threads[thread];
        current.step = loop {
            match ops.get(usize::from(current.op_index)) {
                None => break Step::Done,
                Some(Op::Allocate) => break Step::Descend { node: 0 },
                Some(&Op::Release(slot)) => break Step::Free { slot },
                Some(&Op::ReleaseResult(of)) => {
                    if let Some(slot) = current.results[usize::from(of)] {
                        break Step::Free { slot };
                    }
                    current.op_index += 1;
                    current.results.push(None);
                }
            }
        };
    }

    fn finish(&self, state: &mut State, thread: usize, result: Option<u8>) {
        state.threads[thread].op_index += 1;
        state.threads[thread].results.push(result);
        self.begin(state, thread);
    }

    fn finish_release(&self, state: &mut State, thread: usize, slot: u8) {
        // Unless another thread has claimed it meanwhile, it is free for good now.
        if state.releasing[usize::from(slot)] >> thread & 1 == 1 {
            state.releasing[usize::from(slot)] &= !(1 << thread);
            state.known_free |= 1 << slot;
        }
        self.finish(state, thread, None);
    }

    /// A step of the way down.
    fn search_step(&self, state: &mut State, thread: usize) -> Taken {
        let next = match state.threads[thread].step.clone() {
            Step::Descend { node } => {
                let candidates = state.nodes[usize::from(node)].candidates();
                if candidates == 0 {
                    match self.above_node[usize::from(node)] {
                        Some(at) => Step::Settle { at },
                        None if state.known_free != 0 => return Err("false exhausted"),
                        None => {
                            self.finish(state, thread, None);
                            return Ok(());
                        }
                    }
                } else {
                    let child = candidates.trailing_zeros() as usize;
                    match self.children[usize::from(node)][child] {
                        Child::Chunk(chunk) => Step::Look { chunk, index: 0 },
                        Child::Node(node) => Step::Descend { node },
                    }
                }
            }
            Step::Look { chunk, index } => {
                match self.words_of_chunk[usize::from(chunk)].get(usize::from(index)) {
                    Some(&word) => match state.words[usize::from(word)] {
                        0 => self.look_on(chunk, index + 1),
                        seen => Step::Claim { chunk, index, seen },
                    },
                    None => unreachable!("look_on ends at the last word"),
                }
            }
            Step::Claim { chunk, index, seen } => {
                let word = self.words_of_chunk[usize::from(chunk)][usize::from(index)];
                if state.words[usize::from(word)] != seen {
                    Step::Look { chunk, index }
                } else {
                    let bit = seen & seen.wrapping_neg();
                    state.words[usize::from(word)] &= !bit;
                    let slot = word * self.program.slots_per_word + bit.trailing_zeros() as u8;
                    state.known_free &= !(1 << slot);
                    state.releasing[usize::from(slot)] = 0;
                    if seen != bit || !self.program.settles_at_once {
                        self.finish(state, thread, Some(slot));
                        return Ok(());
                    }
                    state.threads[thread].claimed = Some(slot);
                    let at = self.above_chunk[usize::from(chunk)];
                    Step::Settle { at }
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        };
        state.threads[thread].step = next;
        Ok(())
    }

    /// A step of the two-phase clear.
    fn settle_step(&self, state: &mut State, thread: usize) -> Taken {
        let next = match state.threads[thread].step.clone() {
            Step::Settle { at } => {
                let seen = state.nodes[usize::from(at.node)];
                let bit = 1 << at.child;
                if seen.candidates() & bit == 0 {
                    return self.end_settle(state, thread);
                } else if seen.maybe & bit != 0 && !self.is_one_phase(state, thread) {
                    Step::Phase1 { at, seen }
                } else {
                    self.check_or_not(state, thread, at, seen)
                }
            }
            Step::Phase1 { at, seen } => {
                let node = &mut state.nodes[usize::from(at.node)];
                if *node != seen {
                    Step::Settle { at }
                } else {
                    let bit = 1 << at.child;
                    node.maybe &= !bit;
                    node.clearing |= bit;
                    self.count(node);
                    let seen = *node;
                    self.check_or_not(state, thread, at, seen)
                }
            }
            Step::Check { at, seen, index } => {
                match self.children[usize::from(at.node)][usize::from(at.child)] {
                    Child::Node(node) => {
                        let node = state.nodes[usize::from(node)];
                        let full = match self.variant {
                            Variant::ClearingIsFull => node.maybe == 0,
                            _ => node.candidates() == 0,
                        };
                        Step::Phase2 { at, seen, full }
                    }
                    Child::Chunk(chunk) => {
                        let words = &self.words_of_chunk[usize::from(chunk)];
                        let full = state.words[usize::from(words[usize::from(index)])] == 0;
                        if full && usize::from(index) + 1 < words.len() {
                            Step::Check {
                                at,
                                seen,
                                index: index + 1,
                            }
                        } else {
                            Step::Phase2 { at, seen, full }
                        }
                    }
                }
            }
            Step::Phase2 { at, seen, full } => {
                let node = &mut state.nodes[usize::from(at.node)];
                if *node != seen {
                    Step::Settle { at }
                } else {
                    let bit = 1 << at.child;
                    node.clearing &= !bit;
                    if full {
                        node.maybe &= !bit;
                    } else {
                        node.maybe |= bit;
                    }
                    self.count(node);
                    match self.above_node[usize::from(at.node)] {
                        Some(above) if full && node.candidates() == 0 => Step::Settle { at: above },
                        _ => return self.end_settle(state, thread),
                    }
                }
            }
            other => unreachable!("{other:?} is of another kind"),
        };
        state.threads[thread].step = next;
        Ok(())
    }

    /// A step of a release.
    fn release_step(&self, state: &mut State, thread: usize) -> Taken {
        let next = match state.threads[thread].step.clone() {
            Step::Free { slot } => {
                let spw = self.program.slots_per_word;
                let word = &mut state.words[usize::from(slot / spw)];
                let bit = 1 << (slot % spw);
                let (was_free, was_empty) = (*word & bit != 0, *word == 0);
                *word |= bit;
                state.releasing[usize::from(slot)] |= 1 << thread;
                let silent = match self.variant {
                    Variant::EdgeOnly => !was_empty,
                    Variant::SilentDoubleRelease => was_free,
                    _ => false,
                };
                if silent {
                    self.finish_release(state, thread, slot);
                    return Ok(());
                }
                let at = self.path_up(slot)[0];
                Step::Publish { slot, at }
            }
            Step::Publish { slot, at } => {
                let set = state.nodes[usize::from(at.node)].maybe >> at.child & 1 == 1;
                if !set {
                    Step::SetMaybe { slot, at }
                } else if self.variant == Variant::EarlyStop {
                    self.finish_release(state, thread, slot);
                    return Ok(());
                } else {
                    return self.publish_on(state, thread, slot, at);
                }
            }
            Step::SetMaybe { slot, at } => {
                state.nodes[usize::from(at.node)].maybe |= 1 << at.child;
                return self.publish_on(state, thread, slot, at);
            }
            other => unreachable!("{other:?} is of another kind"),
        };
        state.threads[thread].step = next;
        Ok(())
    }

    fn look_on(&self, chunk: u8, index: u8) -> Step {
        if usize::from(index) < self.words_of_chunk[usize::from(chunk)].len() {
            Step::Look { chunk, index }
        } else {
            let at = self.above_chunk[usize::from(chunk)];
            Step::Settle { at }
        }
    }

    /// Ends an operation that has its slot; another one begins again at the root.
    fn end_settle(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].claimed.take() {
            Some(slot) => self.finish(state, thread, Some(slot)),
            None => state.threads[thread].step = Step::Descend { node: 0 },
        }
        Ok(())
    }

    fn is_one_phase(&self, state: &State, thread: usize) -> bool {
        self.variant == Variant::OnePhase
            || self.variant == Variant::OnePhaseAtOnce && state.threads[thread].claimed.is_some()
    }

    fn check_or_not(&self, state: &State, thread: usize, at: Place, seen: Node) -> Step {
        let at_once = state.threads[thread].claimed.is_some();
        let believes_its_claim = matches!(
            self.variant,
            Variant::NoCheckAtOnce | Variant::OnePhaseAtOnce
        );
        if self.variant == Variant::NoCheck || believes_its_claim && at_once {
            Step::Phase2 {
                at,
                seen,
                full: true,
            }
        } else {
            Step::Check { at, seen, index: 0 }
        }
    }

    fn publish_on(&self, state: &mut State, thread: usize, slot: u8, at: Place) -> Taken {
        match self.above_node[usize::from(at.node)] {
            Some(at) => state.threads[thread].step = Step::Publish { slot, at },
            None => self.finish_release(state, thread, slot),
        }
        Ok(())
    }

    fn count(&self, node: &mut Node) {
        if self.variant != Variant::NoVersion {
            node.version = node.version.wrapping_add(1);
        }
    }
}

impl Machine for Summary<'_> {
    type State = State;

    fn start(&self) -> State {
        let spw = self.program.slots_per_word;
        let mut state = State {
            words: vec![(1 << spw) - 1; self.chunk_of_word.len()],
            nodes: vec![Node::default(); self.children.len()],
            threads: Vec::new(),
            known_free: 0,
            releasing: vec![0; self.chunk_of_word.len() * usize::from(spw)],
        };
        for &slot in &self.program.taken {
            state.words[usize::from(slot / spw)] &= !(1 << (slot % spw));
        }
        for slot in self.free_slots(&state) {
            state.known_free |= 1 << slot;
            for at in self.path_up(slot) {
                state.nodes[usize::from(at.node)].maybe |= 1 << at.child;
            }
        }
        for _ in &self.program.threads {
            state.threads.push(Thread {
                op_index: 0,
                step: Step::Done,
                claimed: None,
                results: Vec::new(),
            });
        }
        for thread in 0..state.threads.len() {
            self.begin(&mut state, thread);
        }
        state
    }

    fn thread_count(&self) -> usize {
        self.program.threads.len()
    }

    fn is_live(&self, state: &State, thread: usize) -> bool {
        state.threads[thread].step != Step::Done
    }

    fn step(&self, state: &mut State, thread: usize) -> Taken {
        match state.threads[thread].step {
            Step::Descend { .. } | Step::Look { .. } | Step::Claim { .. } => {
                self.search_step(state, thread)
            }
            Step::Settle { .. }
            | Step::Phase1 { .. }
            | Step::Check { .. }
            | Step::Phase2 { .. } => self.settle_step(state, thread),
            Step::Free { .. } | Step::Publish { .. } | Step::SetMaybe { .. } => {
                self.release_step(state, thread)
            }
            Step::Done => unreachable!("a thread that is done takes no step"),
        }
    }

    /// A free slot that is out of sight.
    fn broken_at_rest(&self, state: &State) -> Option<String> {
        let lost = self.free_slots(state).into_iter().find(|&slot| {
            self.path_up(slot)
                .iter()
                .any(|at| state.nodes[usize::from(at.node)].maybe >> at.child & 1 == 0)
        })?;
        Some(format!("slot {lost} is free and out of sight"))
    }

    fn describe(&self, state: &State, thread: usize) -> String {
        let thread = &state.threads[thread];
        format!("operation {}: {:?}", thread.op_index, thread.step)
    }
}
