//! Timing many contestants side by side, so that a busy machine slows all of them.

use crate::per_operation;
use std::time::Duration;

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time that a round should take.
    pub round: Duration,
    /// The most time that a round may take: a slower contestant is not run again after its first pair.
    pub longest: Duration,
    /// The number of rounds.
    pub rounds: usize,
}

impl Limits {
    /// Enough effort for figures that can be published.
    pub const REAL: Self = Self {
        round: Duration::from_millis(2),
        longest: Duration::from_millis(50),
        rounds: 40,
    };

    /// Just enough effort to see that everything runs.
    pub const SMOKE: Self = Self {
        round: Duration::from_micros(20),
        longest: Duration::from_millis(1),
        rounds: 1,
    };

    /// Returns the number of rounds: fewer for contestants that do a single operation in a round.
    const SLOW_ROUNDS: usize = 3;
}

/// How long a round took.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// The time of the operations.
    pub elapsed: Duration,
    /// Whether each thread had a core for itself.
    pub had_cores: bool,
}

/// A single thread: the least disturbed round counts, whatever disturbed the others.
impl From<Duration> for Timed {
    fn from(elapsed: Duration) -> Self {
        Self {
            elapsed,
            had_cores: true,
        }
    }
}

/// Runs this number of operations and returns how long they took.
pub type TimedLoop<'a> = Box<dyn FnMut(u64) -> Timed + 'a>;

/// The measurements of one contestant.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Nanoseconds per operation in each round in which each thread had a core, ascending.
    rounds_ns: Vec<f64>,
    /// The number of rounds in which a thread had no core for itself.
    pub disturbed: usize,
    /// The number of operations in a round.
    pub operations: u64,
}

impl Figure {
    fn enter(&mut self, timed: Timed) {
        if timed.had_cores {
            let ns = per_operation(timed.elapsed, self.operations);
            self.rounds_ns.push(ns);
        } else {
            self.disturbed += 1;
        }
    }

    /// Returns the number of rounds in which each thread had a core for itself.
    pub fn undisturbed(&self) -> usize {
        self.rounds_ns.len()
    }

    /// Returns the least disturbed round: for one thread, which others can only slow down.
    pub fn best_ns(&self) -> f64 {
        self.rounds_ns[0]
    }

    /// Returns the middle round: for several threads. The fastest round is one in which they happened
    /// not to meet.
    pub fn median_ns(&self) -> f64 {
        self.rounds_ns[self.rounds_ns.len() / 2]
    }
}

/// Runs the loops in alternating rounds.
pub fn interleaved(limits: Limits, loops: &mut [TimedLoop<'_>]) -> Vec<Figure> {
    let mut runs: Vec<Run> = loops.iter_mut().map(|run| calibrate(limits, run)).collect();
    for round in 0..limits.rounds {
        for (run, timed_loop) in runs.iter_mut().zip(loops.iter_mut()) {
            run.round(round, timed_loop);
        }
    }
    runs.into_iter().map(Run::into_figure).collect()
}

struct Run {
    figure: Figure,
    rounds: usize,
}

impl Run {
    fn round(&mut self, round: usize, timed_loop: &mut TimedLoop<'_>) {
        if round >= self.rounds {
            return;
        }
        let operations = self.figure.operations;
        if operations > 1 {
            // The other contestants have used the caches meanwhile.
            timed_loop(operations.div_ceil(8));
        }
        self.figure.enter(timed_loop(operations));
    }

    fn into_figure(self) -> Figure {
        let mut figure = self.figure;
        figure.rounds_ns.sort_by(f64::total_cmp);
        figure
    }
}

/// If fewer operations than this seem to make a round, another program may have had the core meanwhile.
const FEW: u64 = 1024;
/// How often such a number is doubted and measured again.
const TRIES: u32 = 3;

/// Finds how many operations make a round. The last of these measurements counts as the first round.
fn calibrate(limits: Limits, timed_loop: &mut TimedLoop<'_>) -> Run {
    let mut operations = 1;
    let mut timed = timed_loop(operations);
    let mut doubts = 0;
    while timed.elapsed * 2 < limits.round || (operations < FEW && doubts < TRIES) {
        if timed.elapsed * 2 < limits.round {
            operations *= 2;
        } else {
            doubts += 1;
        }
        timed = timed_loop(operations);
    }
    let rounds = match () {
        () if timed.elapsed > limits.longest => 0,
        () if operations == 1 => limits.rounds.min(Limits::SLOW_ROUNDS),
        () => limits.rounds,
    };
    let mut figure = Figure {
        rounds_ns: Vec::new(),
        disturbed: 0,
        operations,
    };
    figure.enter(timed);
    Run { figure, rounds }
}
