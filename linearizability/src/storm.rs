//! Rounds of play: the same threads meet on the same pool again and again; each round is a history.
//!
//! After every round, when all threads are done, one more player allocates whatever is free. Then the history is
//! checked and everything is released. The threads of a storm spin to start each round together. Two more threads only
//! sleep and wake up, which preempts some player at an arbitrary instruction.

use crate::arena::Arena;
use crate::check::check;
use crate::clock::Clock;
use crate::complete::{LARGEST_GROUND, explain_in_parts};
use crate::dice::Dice;
use crate::history::{History, Log};
use crate::meeting::{Meeting, Over, OverOnPanic};
use crate::play::{Player, Rules};
use crate::program::Mix;
use crate::tally::Tally;
use crate::violation::Violation;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Plays rounds on one pool.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// The seed of the programs.
    pub seed: u64,
    /// The number of histories.
    pub rounds: u64,
    /// The number of threads.
    pub threads: usize,
    /// The number of calls that each thread makes in a round.
    pub steps: usize,
    /// The mix of calls.
    pub mix: Mix,
    /// Whether stamps are tickets instead of nanoseconds.
    pub tickets: bool,
}

/// A history without an explanation.
#[derive(Debug)]
pub struct Failure {
    /// The storm that was played.
    pub storm: Storm,
    /// A description of the pool.
    pub arena: String,
    /// The number of the round.
    pub round: u64,
    /// The broken rule; `None` if only the complete checker rejects the history.
    pub violation: Option<Violation>,
    /// The calls around the violation, as text.
    pub excerpt: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.violation {
            Some(violation) => writeln!(f, "{violation}")?,
            None => writeln!(f, "no order of these calls explains their answers")?,
        }
        let Storm {
            seed,
            threads,
            steps,
            mix,
            ..
        } = &self.storm;
        writeln!(
            f,
            "seed {seed}, round {} of {}, {threads} threads of {steps} steps, mix \"{}\", {}",
            self.round, self.storm.rounds, mix.name, self.arena
        )?;
        f.write_str(&self.excerpt)
    }
}

impl Storm {
    /// Plays all rounds on a pool that is not used elsewhere, and leaves it as it was.
    ///
    /// # Errors
    ///
    /// Returns the first history that has no explanation. The pool must not be used again then.
    pub fn run(&self, arena: &Arena) -> Result<Tally, Box<Failure>> {
        let clock = if self.tickets {
            Clock::tickets()
        } else {
            Clock::time()
        };
        let start = Meeting::new(self.threads + 1);
        let (logs, done) = channel();
        std::thread::scope(|scope| {
            // Whatever happens here, no thread waits for this one afterwards.
            let _end = Over(&start);
            for thread in 0..self.threads {
                let (logs, start, clock) = (logs.clone(), &start, &clock);
                scope.spawn(move || self.player_thread(thread, arena, clock, start, &logs));
            }
            drop(logs);
            for _ in 0..2 {
                scope.spawn(|| {
                    while !start.is_over() {
                        std::thread::sleep(Duration::from_micros(20));
                    }
                });
            }
            let mut tally = Tally::default();
            for round in 0..self.rounds {
                start.wait();
                let mut by_thread: Vec<(usize, Log)> = done.iter().take(self.threads).collect();
                assert_eq!(by_thread.len(), self.threads, "a player panicked: {self:?}");
                by_thread.sort_unstable_by_key(|&(thread, _)| thread);
                let logs = by_thread.into_iter().map(|(_, log)| log).collect();
                self.judge(round, logs, arena, &clock, &mut tally)?;
            }
            Ok(tally)
        })
    }

    fn player_thread(
        &self,
        thread: usize,
        arena: &Arena,
        clock: &Clock,
        start: &Meeting,
        logs: &Sender<(usize, Log)>,
    ) {
        let _end = OverOnPanic(start);
        for round in 0..self.rounds {
            let mut dice = Dice::new(self.seed, [round, thread as u64]);
            // The same for all threads of a round.
            let rules = self.rules(arena, thread, &mut Dice::new(self.seed, [round, u64::MAX]));
            let program = self.mix.program(&mut dice, self.steps);
            let player = Player::new(arena, clock, rules, self.steps);
            if !start.wait() || logs.send((thread, player.play(&program))).is_err() {
                return;
            }
        }
    }

    fn rules(&self, arena: &Arena, thread: usize, dice: &mut Dice) -> Rules {
        let count = arena.ground.count();
        // Together, the threads may hold half of the pool, twice as much, or exactly all of it. In the last case, as
        // long as no thread takes several at once, a thread that may claim finds something.
        let wanted = count * dice.pick(&[1, 2, 2, 4]) / 2;
        let own = |thread: usize| thread * count / self.threads;
        let has_own = self.mix.own_parts && count >= self.threads;
        Rules {
            at_most: ((wanted + thread) / self.threads).clamp(1, 2000),
            batch: dice.pick(&[2, 4, 8, 64]).min(count + 1),
            own: has_own.then(|| (own(thread), own(thread + 1) - 1)),
            dawdles: dice.below(2) == 0,
        }
    }

    fn judge(
        &self,
        round: u64,
        logs: Vec<Log>,
        arena: &Arena,
        clock: &Clock,
        tally: &mut Tally,
    ) -> Result<(), Box<Failure>> {
        let mut history = History {
            logs,
            drained: true,
        };
        let rules = self.rules(arena, 0, &mut Dice::new(self.seed, [round, u64::MAX]));
        let last = Player::new(arena, clock, rules, arena.ground.count() + 1);
        history.logs.push(last.drain());
        let failure = |violation: Option<Violation>, (from, to)| {
            Box::new(Failure {
                storm: *self,
                arena: format!("{:?}, {}", arena.terrain, arena.pool.info()),
                round,
                excerpt: history.excerpt(from, to, 60),
                violation,
            })
        };
        let checked = check(&history, &arena.ground, arena.edge).map_err(|violation| {
            let span = violation.span();
            failure(Some(violation), span)
        })?;
        tally.add(&history, checked, !self.tickets);
        if arena.ground.count() <= LARGEST_GROUND {
            let explained = explain_in_parts(&history, &arena.ground);
            tally.add_explained(explained.map_err(|span| failure(None, span))?);
        }
        let everything = arena.ground.addrs().iter();
        let everything: Vec<_> = everything.map(|&addr| Ipv4Addr::from_bits(addr)).collect();
        let report = arena.pool.release_many(&everything);
        assert_eq!(
            report.released,
            everything.len() as u64,
            "all was allocated: {report:?}"
        );
        Ok(())
    }
}
