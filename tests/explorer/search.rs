//! Breadth first through all states, so that the first mistake found is a shortest one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;

/// Threads that take steps, each of them atomic.
pub(crate) trait Machine {
    type State: Clone + Eq + Hash;

    fn start(&self) -> Self::State;
    fn thread_count(&self) -> usize;
    /// Whether the thread has anything left to do.
    fn is_live(&self, state: &Self::State, thread: usize) -> bool;
    /// Does the next step of the thread. An error is a broken promise.
    fn step(&self, state: &mut Self::State, thread: usize) -> Result<(), &'static str>;
    /// What is wrong when no thread has anything left to do.
    fn broken_at_rest(&self, state: &Self::State) -> Option<String>;
    /// What the next step of the thread is, for a counter-example.
    fn describe(&self, state: &Self::State, thread: usize) -> String;
    /// Accidents that may happen in this state. They are numbered from `thread_count` on and taken like steps, but
    /// no thread waits for them: all is at rest when no thread is live.
    fn accident_count(&self, _state: &Self::State) -> usize {
        0
    }
    /// Names the thread that takes this step, for a counter-example.
    fn name(&self, thread: usize) -> String {
        format!("thread {thread}")
    }
}

pub(crate) enum Outcome {
    Right {
        states: usize,
    },
    Wrong {
        why: String,
        states: usize,
        steps: Vec<String>,
    },
    TooLarge {
        states: usize,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right { states } => write!(f, "right in all {states} states"),
            Self::TooLarge { states } => write!(f, "more than {states} states"),
            Self::Wrong { why, states, steps } => {
                writeln!(f, "{why}, after {states} states, in {} steps:", steps.len())?;
                for step in steps {
                    writeln!(f, "    {step}")?;
                }
                Ok(())
            }
        }
    }
}

/// How a state was reached: from which, by which thread.
#[derive(Clone, Copy)]
struct Origin {
    state: u32,
    thread: u16,
}

pub(crate) fn explore(machine: &impl Machine, state_limit: usize) -> Outcome {
    let start = machine.start();
    let mut numbers = HashMap::from([(start.clone(), 0u32)]);
    let mut origins = vec![Origin {
        state: 0,
        thread: 0,
    }];
    let mut layer = vec![(0u32, start)];
    while !layer.is_empty() {
        let mut next_layer = Vec::new();
        for (number, state) in layer {
            let threads = machine.thread_count();
            let mut live: Vec<usize> = (0..threads)
                .filter(|&thread| machine.is_live(&state, thread))
                .collect();
            if live.is_empty()
                && let Some(why) = machine.broken_at_rest(&state)
            {
                return wrong(machine, why, &origins, number, None);
            }
            live.extend(threads..threads + machine.accident_count(&state));
            for thread in live {
                let mut after = state.clone();
                if let Err(why) = machine.step(&mut after, thread) {
                    return wrong(machine, why.to_owned(), &origins, number, Some(thread));
                }
                let fresh = origins.len() as u32;
                if let Entry::Vacant(vacant) = numbers.entry(after) {
                    next_layer.push((fresh, vacant.key().clone()));
                    vacant.insert(fresh);
                    origins.push(Origin {
                        state: number,
                        thread: thread as u16,
                    });
                }
            }
            if origins.len() > state_limit {
                return Outcome::TooLarge {
                    states: state_limit,
                };
            }
        }
        layer = next_layer;
    }
    Outcome::Right {
        states: origins.len(),
    }
}

/// Replays the way to the state `number`, and one step further.
fn wrong(
    machine: &impl Machine,
    why: String,
    origins: &[Origin],
    number: u32,
    last: Option<usize>,
) -> Outcome {
    let mut threads: Vec<usize> = last.into_iter().collect();
    let mut at = number;
    while at != 0 {
        let origin = origins[at as usize];
        threads.push(usize::from(origin.thread));
        at = origin.state;
    }
    let mut state = machine.start();
    let mut steps = Vec::new();
    for thread in threads.into_iter().rev() {
        steps.push(format!(
            "{}, {}",
            machine.name(thread),
            machine.describe(&state, thread)
        ));
        // The last step is the one that breaks the promise.
        let _ = machine.step(&mut state, thread);
    }
    Outcome::Wrong {
        why,
        states: origins.len(),
        steps,
    }
}
